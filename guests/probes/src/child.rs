//! Starting this program again, as another probe or as one of these small children.

use std::time::Duration;

use stillbox_sys::{self as sys, Fd, Spawn};

use crate::check::{During, Outcome};

/// A description of this program as a new process that is `name` with `arguments`.
pub fn spawn(name: &str, arguments: &[&str]) -> Spawn {
    let mut spawn = Spawn::new("/proc/self/exe");
    spawn.arg("probes").arg(name).args(arguments);
    spawn
}

/// Returns the child called `name`.
pub fn find(name: &str) -> Option<fn(&[String]) -> Outcome> {
    match name {
        "child_cat" => Some(cat),
        "child_echo_pid" => Some(echo_pid),
        "child_exec" => Some(exec),
        "child_group" => Some(group),
        "child_leave_orphan" => Some(leave_orphan),
        "child_orphan" => Some(orphan),
        "child_signal" => Some(signal),
        "child_sleep" => Some(sleep),
        "child_write" => Some(write),
        _ => None,
    }
}

/// Copies stdin to stdout until the end.
fn cat(_: &[String]) -> Outcome {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match sys::read(0, &mut buffer).during("read stdin")? {
            0 => return Ok(()),
            count => sys::write_all(1, &buffer[..count]).during("write stdout")?,
        }
    }
}

/// Prints its process number.
fn echo_pid(_: &[String]) -> Outcome {
    println!("{}", sys::getpid());
    Ok(())
}

/// Becomes `child_echo_pid`.
fn exec(_: &[String]) -> Outcome {
    Err(format!("exec: {}", spawn("child_echo_pid", &[]).exec()))
}

/// Moves to a group (0: one of its own), writes a byte, and sleeps.
fn group(arguments: &[String]) -> Outcome {
    sys::set_group(0, crate::check::number(arguments, 0, 0)? as u32).during("set group")?;
    sys::write_all(1, b"!").during("write stdout")?;
    sleep(&[])
}

/// Starts `child_orphan` and ends without waiting for it.
fn leave_orphan(_: &[String]) -> Outcome {
    let parent = sys::getpid().to_string();
    spawn("child_orphan", &[&parent]).spawn().during("spawn").map(drop)
}

/// Waits until it has another parent than the given one, and prints whether that happened.
fn orphan(arguments: &[String]) -> Outcome {
    for _ in 0..500 {
        if arguments.first() != Some(&sys::getppid().to_string()) {
            println!("adopted");
            return Ok(());
        }
        sys::sleep(Duration::from_millis(10)).during("sleep")?;
    }
    Err("still has the parent that ended".to_owned())
}

/// Sends a signal to a process: PID SIGNAL MILLISECONDS-BEFORE.
fn signal(arguments: &[String]) -> Outcome {
    let number = |at| crate::check::number(arguments, at, 0);
    sys::sleep(Duration::from_millis(number(2)?)).during("sleep")?;
    sys::kill(number(0)? as u32, number(1)? as i32).during("kill")
}

/// Sleeps for a number of milliseconds.
fn sleep(arguments: &[String]) -> Outcome {
    let milliseconds = crate::check::number(arguments, 0, 60_000)?;
    sys::sleep(Duration::from_millis(milliseconds)).during("sleep")
}

/// Writes a number of bytes to stdout, in a pattern that [`pattern`] tells.
fn write(arguments: &[String]) -> Outcome {
    let size = crate::check::number(arguments, 0, 0)?;
    let mut at = 0;
    while at < size {
        let chunk: Vec<u8> = (at..size.min(at + 65_536)).map(pattern).collect();
        sys::write_all(1, &chunk).during("write stdout")?;
        at += chunk.len() as u64;
    }
    Ok(())
}

/// Returns the byte that `child_write` writes at an offset.
pub fn pattern(at: u64) -> u8 {
    (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

/// Reads everything from `fd` and closes it.
pub fn drain(fd: Fd) -> Outcome<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match sys::read(fd, &mut buffer).during("read pipe")? {
            0 => break,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
    sys::close(fd).during("close pipe")?;
    Ok(all)
}

/// Runs a child with its stdout in a pipe and returns what it wrote, and how it ended.
pub fn output(spawn: &mut Spawn) -> Outcome<(Vec<u8>, sys::Status)> {
    let (read, write) = sys::pipe().during("pipe")?;
    let pid = spawn.dup2(write, 1).spawn().during("spawn")?;
    sys::close(write).during("close pipe")?;
    let output = drain(read)?;
    Ok((output, wait_for(pid)?))
}

/// Waits until a child has ended, and returns how.
pub fn wait_for(pid: sys::Pid) -> Outcome<sys::Status> {
    let ended = sys::wait(Some(pid), sys::WaitFlags::default()).during("wait")?;
    let (which, status) = ended.ok_or("wait: returned nothing")?;
    crate::check::equal("wait: whom", which, pid)?;
    Ok(status)
}
