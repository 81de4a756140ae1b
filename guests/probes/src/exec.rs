//! What a program is given when it starts.

use std::{env as std_env, fs, process};

use stillbox_sys as sys;

use crate::check::{During, Outcome, equal, number, that};
use crate::child;

/// Prints each argument on a line.
pub fn args(arguments: &[String]) -> Outcome {
    for argument in arguments {
        println!("{argument}");
    }
    Ok(())
}

/// Prints its first argument, which is not the name of the file.
///
/// Without arguments it starts itself under another name and checks what that prints.
pub fn argv0(arguments: &[String]) -> Outcome {
    if arguments.first().is_some_and(|argument| argument == "print") {
        println!("{}", std_env::args().next().unwrap_or_default());
        return Ok(());
    }
    let mut other = sys::Spawn::new("/proc/self/exe");
    other.args(["another name", "exec_argv0", "print"]);
    let (printed, status) = child::output(&mut other)?;
    equal("status", status, sys::Status::Exited(0))?;
    equal("argv[0]", String::from_utf8_lossy(&printed).as_ref(), "another name\n")
}

/// Prints the environment, sorted.
pub fn env(_: &[String]) -> Outcome {
    let mut variables: Vec<_> = std_env::vars().collect();
    variables.sort();
    for (name, value) in variables {
        println!("{name}={value}");
    }
    Ok(())
}

/// Ends with the given status.
pub fn exit(arguments: &[String]) -> Outcome {
    process::exit(number(arguments, 0, 0)? as i32)
}

/// Prints the working directory, and checks that relative paths start from it.
pub fn cwd(_: &[String]) -> Outcome {
    let library = std_env::current_dir().during("current_dir")?;
    let kernel = sys::getcwd().during("getcwd")?;
    equal("the C library's and the kernel's", library.as_os_str().as_encoded_bytes(), &kernel)?;
    fs::write("exec_cwd.tmp", "here").during("write a relative path")?;
    let found = fs::read(library.join("exec_cwd.tmp")).during("read the same absolutely")?;
    fs::remove_file("exec_cwd.tmp").during("remove it")?;
    that("it is the same file", found == b"here")?;
    println!("{}", library.display());
    Ok(())
}
