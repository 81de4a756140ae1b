//! Programs that take all they can get. What they run into has to be an error, a signal or a limit, and promptly.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;

use stillbox_sys as sys;

use crate::check::{During, Outcome, kind, that};
use crate::child;

/// Computes for ever.
pub fn spin(_: &[String]) -> Outcome {
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

/// Calls itself for ever.
pub fn recurse(_: &[String]) -> Outcome {
    println!("{}", deeper(black_box(0)));
    Ok(())
}

#[expect(unconditional_recursion, reason = "it is what the probe is for")]
fn deeper(depth: u64) -> u64 {
    // Used after the call, so that it can't be turned into a loop.
    let frame = black_box([depth; 16]);
    deeper(depth + 1) + frame[(depth % 16) as usize]
}

/// Takes memory, a MiB at a time and each written to, until there is no more; prints how many MiB that was.
pub fn grow(_: &[String]) -> Outcome {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut block = Vec::new();
        if taken.try_reserve(1).is_err() || block.try_reserve_exact(1 << 20).is_err() {
            println!("{}", taken.len());
            return Ok(());
        }
        block.resize(1 << 20, 1);
        taken.push(black_box(block));
    }
}

/// Asks for MEBIBYTES at once, and prints whether it got them.
pub fn hugealloc(arguments: &[String]) -> Outcome {
    let size = crate::check::number(arguments, 0, 1024)? as usize;
    let mut block: Vec<u8> = Vec::new();
    let granted = size.checked_mul(1 << 20).is_some_and(|size| block.try_reserve_exact(size).is_ok());
    println!("{}", if granted { "granted" } else { "refused" });
    drop(black_box(block));
    Ok(())
}

/// Starts copies of itself that do the same, until that fails; prints why it failed.
pub fn forkbomb(_: &[String]) -> Outcome {
    loop {
        if let Err(error) = child::spawn("hostile_forkbomb", &[]).spawn() {
            // Only the first one is heard: the others have nobody who reads.
            println!("{error}");
            let _ = sys::sleep(std::time::Duration::from_secs(1));
            return Ok(());
        }
    }
}

/// Writes until there is no more room, prints how many KiB fitted and why not more, and makes room again.
pub fn fill_disk(_: &[String]) -> Outcome {
    let block = [0xa5; 64 * 1024];
    let mut file = File::create("hostile_fill_disk.tmp").during("create")?;
    let error = loop {
        if let Err(error) = file.write_all(&block) {
            break error;
        }
    };
    println!("{} {}", file.metadata().during("stat")?.len() / 1024, kind(&error));
    drop(file);
    fs::remove_file("hostile_fill_disk.tmp").during("remove")?;
    fs::write("hostile_fill_disk.tmp", block).during("write after making room")?;
    fs::remove_file("hostile_fill_disk.tmp").during("remove")
}

/// Opens files until that fails, and prints how many it had and why not more.
pub fn many_fds(_: &[String]) -> Outcome {
    let mut open = Vec::new();
    loop {
        match sys::open("/dev/null", sys::Open::READ) {
            Ok(fd) => open.push(fd),
            Err(error) => {
                println!("{} {error}", open.len());
                sys::close(open.pop().ok_or("not even one file can be opened")?).during("close")?;
                return sys::open("/dev/null", sys::Open::READ).during("open after closing").map(drop);
            }
        }
    }
}

/// Uses names that are too long, and paths that lead outside.
pub fn long_path(_: &[String]) -> Outcome {
    for path in ["x".repeat(5_000), "x/".repeat(2_500), format!("/tmp/{}", "y".repeat(300))] {
        let error = fs::write(&path, "").err().ok_or("a path that is too long was taken")?;
        println!("{}: {}", path.len(), kind(&error));
    }
    let above = fs::canonicalize(format!("{}tmp", "../".repeat(50))).during("leave the root")?;
    that("above the root is the root", above == std::path::Path::new("/tmp"))
}
