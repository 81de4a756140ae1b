//! Processes: starting, replacing, waiting, groups, orphans.

use std::fs;

use stillbox_sys::{self as sys, Errno, Status, WaitFlags};

use crate::check::{During, Outcome, equal, that};
use crate::child;

const SIGTERM: sys::Signal = 15;

/// A child's status arrives, and what can't be started says why.
pub fn spawn(_: &[String]) -> Outcome {
    for code in [0_u8, 1, 42, 255] {
        let pid = child::spawn("exec_exit", &[&code.to_string()]).spawn().during("spawn")?;
        equal("status", child::wait_for(pid)?, Status::Exited(code))?;
    }
    let (printed, _) = child::output(child::spawn("exec_env", &[]).envs(["A=1", "B=two words"]))?;
    equal("environment", String::from_utf8_lossy(&printed).as_ref(), "A=1\nB=two words\n")?;

    let start = |path: &str| sys::Spawn::new(path).arg(path).spawn();
    equal("no such file", start("/no/such/file"), Err(Errno::NOENT))?;
    equal("a directory", start("/tmp"), Err(Errno::ACCES))?;
    fs::write("proc_spawn.tmp", "neither a program nor a script").during("write")?;
    sys::set_mode("proc_spawn.tmp", true, 0o644).during("chmod")?;
    let not_executable = start("./proc_spawn.tmp");
    sys::set_mode("proc_spawn.tmp", true, 0o755).during("chmod")?;
    let not_a_program = start("./proc_spawn.tmp");
    fs::remove_file("proc_spawn.tmp").during("remove")?;
    equal("a file without x", not_executable, Err(Errno::ACCES))?;
    equal("a file that is no program", not_a_program, Err(Errno::NOEXEC))
}

/// A program that replaces itself keeps its number.
pub fn exec(_: &[String]) -> Outcome {
    let (read, write) = sys::pipe().during("pipe")?;
    let pid = child::spawn("child_exec", &[]).dup2(write, 1).spawn().during("spawn")?;
    sys::close(write).during("close")?;
    let printed = child::drain(read)?;
    equal("status", child::wait_for(pid)?, Status::Exited(0))?;
    equal("its number", String::from_utf8_lossy(&printed).as_ref(), format!("{pid}\n").as_str())?;
    equal("a failed exec returns", sys::Spawn::new("/no/such/file").arg("x").exec(), Errno::NOENT)
}

/// Waiting: for one, for any, without blocking, and for nobody.
pub fn wait(_: &[String]) -> Outcome {
    let any = |flags| sys::wait(None, flags);
    equal("without children", any(WaitFlags::default()), Err(Errno::CHILD))?;
    let slow = child::spawn("child_sleep", &["300"]).spawn().during("spawn")?;
    let not_blocking = WaitFlags { no_block: true, ..WaitFlags::default() };
    equal("while it runs", any(not_blocking), Ok(None))?;
    let quick = child::spawn("exec_exit", &["7"]).spawn().during("spawn")?;
    equal("the first to end", any(WaitFlags::default()), Ok(Some((quick, Status::Exited(7)))))?;
    equal("the one asked for", child::wait_for(slow)?, Status::Exited(0))?;
    equal("twice for the same", sys::wait(Some(slow), WaitFlags::default()), Err(Errno::CHILD))
}

/// A signal to a group reaches its members and nobody else.
pub fn pgroup(_: &[String]) -> Outcome {
    let mine = sys::get_group(0).during("own group")?;
    let outsider = child::spawn("child_sleep", &[]).spawn().during("spawn")?;
    equal("a child's group", sys::get_group(outsider), Ok(mine))?;
    // A parent may no longer move a child that runs its program, so the children move themselves.
    let start = |group: sys::Pid| -> Outcome<sys::Pid> {
        let (read, write) = sys::pipe().during("pipe")?;
        let pid = child::spawn("child_group", &[&group.to_string()]).dup2(write, 1).spawn().during("spawn")?;
        sys::close(write).during("close")?;
        equal("a child that moved says so", sys::read(read, &mut [0]).during("read")?, 1)?;
        Ok(pid)
    };
    let leader = start(0)?;
    equal("the leader's group", sys::get_group(leader), Ok(leader))?;
    let member = start(leader)?;
    equal("the member's group", sys::get_group(member), Ok(leader))?;
    sys::kill_group(leader, SIGTERM).during("signal the group")?;
    equal("the leader", child::wait_for(leader)?, Status::Signaled(SIGTERM))?;
    equal("the member", child::wait_for(member)?, Status::Signaled(SIGTERM))?;
    let not_blocking = WaitFlags { no_block: true, ..WaitFlags::default() };
    equal("the outsider", sys::wait(Some(outsider), not_blocking), Ok(None))?;
    sys::kill(outsider, SIGTERM).during("kill the outsider")?;
    equal("the outsider", child::wait_for(outsider)?, Status::Signaled(SIGTERM))
}

/// A process whose parent has ended gets another and goes on.
pub fn orphan(_: &[String]) -> Outcome {
    let (read, write) = sys::pipe().during("pipe")?;
    let pid = child::spawn("child_leave_orphan", &[]).dup2(write, 1).spawn().during("spawn")?;
    sys::close(write).during("close")?;
    equal("its parent", child::wait_for(pid)?, Status::Exited(0))?;
    that("it was adopted", child::drain(read)? == b"adopted\n")
}
