//! Processes, natively: the backend that guests are developed with behaves as the process ABI says.
#![cfg(unix)]

use stillbox_sys::{self as sys, Disposition, Errno, Open, Spawn, Status, WaitFlags};

fn finish(pid: sys::Pid) -> Status {
    sys::wait(Some(pid), WaitFlags::default()).unwrap().unwrap().1
}

fn sh(script: &str) -> Spawn {
    let mut spawn = Spawn::new("sh");
    spawn.args(["sh", "-c", script]).search_path("/nowhere:/bin");
    spawn
}

fn output(spawn: &mut Spawn) -> String {
    let (read, write) = sys::pipe().unwrap();
    let pid = spawn.dup2(write, 1).spawn().unwrap();
    sys::close(write).unwrap();
    let mut text = Vec::new();
    let mut buffer = [0; 64];
    loop {
        match sys::read(read, &mut buffer).unwrap() {
            0 => break,
            count => text.extend(&buffer[..count]),
        }
    }
    sys::close(read).unwrap();
    assert_eq!(finish(pid), Status::Exited(0));
    String::from_utf8(text).unwrap()
}

#[test]
fn exit_codes_and_signals_are_told_apart() {
    assert_eq!(finish(sh("exit 7").spawn().unwrap()), Status::Exited(7));
    assert_eq!(finish(sh("kill -TERM $$").spawn().unwrap()), Status::Signaled(15));
    assert_eq!(Status::Signaled(15).code(), 143);
}

#[test]
fn a_child_has_the_environment_directory_and_files_it_was_given() {
    let mut spawn = sh("echo $KEY; pwd; cat <&9");
    spawn.envs(["KEY=value", "PATH=/bin"]).chdir("/usr").open(9, "/proc/self/comm", Open::READ);
    assert_eq!(output(&mut spawn), "value\n/usr\nsh\n");
}

#[test]
fn a_pipe_is_not_inherited_unless_it_is_asked_for() {
    let (read, write) = sys::pipe().unwrap();
    let test = format!("test -e /dev/fd/{read} && echo open || echo closed");
    assert_eq!(output(&mut sh(&test)), "closed\n");
    assert_eq!(output(sh(&test).dup2(read, read)), "open\n");
    sys::close(read).unwrap();
    sys::close(write).unwrap();
}

#[test]
fn a_start_that_fails_gives_the_error_and_leaves_no_child() {
    assert_eq!(Spawn::new("/nowhere/x").arg("x").spawn(), Err(Errno::NOENT));
    assert_eq!(Spawn::new("/etc").arg("x").spawn(), Err(Errno::ACCES));
    assert_eq!(Spawn::new("nul\0").arg("x").spawn(), Err(Errno::INVAL));
    assert_eq!(sh("true").dup2(999, 1).spawn(), Err(Errno::BADF));
}

#[test]
fn ignored_signals_stay_ignored_in_the_child() {
    let mut spawn = sh("kill -TERM $$; exit 3");
    assert_eq!(finish(spawn.signal(15, Disposition::Ignore).spawn().unwrap()), Status::Exited(3));
}

#[test]
fn a_caught_signal_is_pending_once() {
    sys::signal_action(12, Disposition::Catch).unwrap();
    sys::kill(sys::getpid(), 12).unwrap();
    // Another thread of the test harness may be the one that runs the handler.
    while !sys::take_pending_signals().any(|signal| signal == 12) {
        std::thread::yield_now();
    }
    assert_eq!(sys::take_pending_signals().count(), 0);
}
