//! The command on a terminal of the host, and what runs in it: keys go in, and what is shown comes out.

mod common;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};

/// How long something may take to be shown: long enough for a machine that is busy, and for compiling the programs.
const PATIENCE: Duration = Duration::from_secs(400);

/// What the shell shows when it waits for a command, at the beginning.
const PROMPT: &str = "stillbox:~$ ";

nix::ioctl_write_ptr_bad!(
    /// Sets the size of a terminal.
    set_size,
    nix::libc::TIOCSWINSZ,
    Winsize
);
nix::ioctl_write_int_bad!(
    /// Makes a terminal that of the session which the caller leads.
    take_terminal,
    nix::libc::TIOCSCTTY
);

/// Returns the command, in the home of all tests of it: programs are compiled once.
fn stillbox(args: &[&str]) -> Command {
    common::in_home(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("home"), args)
}

/// The command, on a terminal of its own.
struct Terminal {
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
    child: Child,
}

fn winsize(rows: u16, cols: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 }
}

impl Terminal {
    fn new(args: &[&str]) -> Self {
        let pty = openpty(&winsize(24, 80), None).unwrap();
        let stdio = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        let mut command = stillbox(args);
        command.env("TERM", "xterm");
        command.stdin(stdio(&pty.slave)).stdout(stdio(&pty.slave)).stderr(stdio(&pty.slave));
        // SAFETY: both are system calls, which may be made between fork and exec.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                take_terminal(0, 0)?;
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        drop((command, pty.slave));
        let keyboard = File::from(pty.master);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        // Ends with an error when the child has, and nobody has the terminal open any more.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keyboard, screen, shown: String::new(), child }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Presses keys again and again until something is shown.
    fn press_until(&mut self, keys: &str, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.has_shown(text) {
            assert!(Instant::now() < deadline, "{text:?} was not shown, only {:?}", self.shown);
            self.press(keys);
            std::thread::sleep(Duration::from_millis(100));
            while let Ok(bytes) = self.screen.try_recv() {
                self.shown.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }

    /// Returns whether something is shown, and what comes behind it is what is looked at from then on.
    fn has_shown(&mut self, text: &str) -> bool {
        let found = self.shown.find(text);
        if let Some(at) = found {
            self.shown.drain(..at + text.len());
        }
        found.is_some()
    }

    /// Waits until something is shown behind what was waited for before.
    fn expect(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.has_shown(text) {
                return;
            }
            match self.screen.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout) => panic!("{text:?} was not shown, only {:?}", self.shown),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without {text:?}: {:?}", self.shown),
            }
        }
    }

    fn resize(&mut self, rows: u16, cols: u16) {
        // SAFETY: the descriptor is open, and the size is valid for reads.
        unsafe { set_size(self.keyboard.as_raw_fd(), &winsize(rows, cols)) }.unwrap();
    }

    /// Waits for the command to end, and returns its exit code.
    fn end(mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(Instant::now() < deadline, "the command did not end: {:?}", self.shown);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the command line that shows `text` without having it in itself, since what is typed is shown too.
fn echo(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    format!("echo {first}''{rest}\r")
}

#[test]
fn a_shell_is_used() {
    let mut terminal = Terminal::new(&["shell"]);
    terminal.expect(PROMPT);
    terminal.press("seq 1 5 | sort -r | head -n 1 | sed s/5/fi''ve/\r");
    terminal.expect("five\r\n");

    // The arrows recall what was typed, and the line can be changed in its midst.
    terminal.press("\x1b[A\x1b[D\x1b[D\x01echo \r");
    terminal.press(&echo("after"));
    terminal.expect("after\r\n");

    // An interrupt ends what runs, and not what the shell knows.
    terminal.press("kept=41; while :; do [ $kept = 41 ] && echo loop''ing; kept=42; done\r");
    terminal.expect("looping\r\n");
    terminal.press("\x03");
    terminal.expect(PROMPT);
    terminal.press("echo \"<$?:$kept>\"\r");
    terminal.expect("<130:42>\r\n");
    terminal.press("sh -c 'echo sleep''ing; exec sleep 600'\r");
    terminal.expect("sleeping\r\n");
    terminal.press("\x03");
    terminal.expect(PROMPT);
    terminal.press("echo \"<$?>\"\r");
    terminal.expect("<130>\r\n");

    // In the background nobody reads what is typed.
    terminal.press("cat &\r");
    terminal.expect("[1] ");
    terminal.press_until("\r", "Stopped                 cat\r\n");
    terminal.press("kill %1; wait; echo wait''ed\r");
    terminal.expect("waited\r\n");

    terminal.resize(33, 111);
    terminal.press_until("stty size\r", "33 111\r\n");
    terminal.press("echo $LINES,$COLUMNS\r");
    terminal.expect("33,111\r\n");
    terminal.press("exit 7\r");
    assert_eq!(terminal.end(), 7);
}

#[test]
fn a_job_is_stopped_and_goes_on() {
    let mut terminal = Terminal::new(&["shell"]);
    terminal.expect(PROMPT);
    // It tells when it goes on, which is after it has been given the terminal.
    terminal.press("sh -c 'trap \"echo agai''n\" CONT; echo start''ed; while :; do sleep 0.1; done' | cat\r");
    terminal.expect("started\r\n");
    terminal.press("\x1a");
    terminal.expect("[1]+  Stopped                 sh -c");
    terminal.expect(PROMPT);
    terminal.press("bg\r");
    terminal.expect("[1]+ sh -c");
    terminal.expect("again\r\n");
    terminal.press("jobs\r");
    terminal.expect("[1]+  Running");
    terminal.press("fg\r");
    terminal.expect("again\r\n");
    terminal.press("\x03");
    terminal.expect(PROMPT);
    terminal.press("jobs; echo no''ne\r");
    terminal.expect("\r\nnone\r\n");

    // Those that are left stopped are told of once, and end with the shell.
    terminal.press("sh -c 'echo last''ing; exec sleep 600'\r");
    terminal.expect("lasting\r\n");
    terminal.press("\x1a");
    terminal.expect(PROMPT);
    terminal.press("exit\r");
    terminal.expect("There are stopped jobs.\r\n");
    terminal.expect(PROMPT);
    terminal.press("exit 0\r");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_word_is_completed() {
    let mut terminal = Terminal::new(&["shell"]);
    terminal.expect(PROMPT);
    terminal.press("mkdir 'a long name'; echo ma''de\r");
    terminal.expect("made\r\n");
    terminal.press("cd a\t\r");
    terminal.expect("stillbox:~/a long name$ ");
    terminal.press("\x04");
    terminal.expect("exit\r\n");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_command_has_the_terminal() {
    let mut terminal = Terminal::new(&["run", "sh", "-c", "stty size; read -r line; echo \"<$line>\"; exit 3"]);
    terminal.expect("24 80\r\n");
    terminal.press("wrong\x15right\r");
    terminal.expect("<right>\r\n");
    assert_eq!(terminal.end(), 3);
    // A signal that ends it is 128 and its number, as in a shell.
    let mut terminal = Terminal::new(&["run", "cat"]);
    terminal.press("ready\r");
    terminal.expect("ready\r\nready\r\n");
    terminal.press("\x03");
    assert_eq!(terminal.end(), 130);
}

#[test]
fn a_shell_is_suspended_and_goes_on_on_another_terminal() {
    // A test that has failed may have left it.
    stillbox(&["rm", "--force", "desk"]).output().unwrap();
    let mut terminal = Terminal::new(&["run", "--name", "desk", "sh", "-i"]);
    terminal.press("kept=42\r");
    terminal.press(&echo("first"));
    terminal.expect("first\r\n");
    assert!(stillbox(&["suspend", "desk"]).status().unwrap().success());
    terminal.expect("stillbox: desk is suspended");
    assert_eq!(terminal.end(), 148);

    let mut terminal = Terminal::new(&["resume", "desk"]);
    // The screen as it was.
    terminal.expect("first\r\n");
    terminal.press("echo \"<$kept>\"\r");
    terminal.expect("<42>\r\n");
    terminal.press("exit 7\r");
    assert_eq!(terminal.end(), 7);
    assert!(stillbox(&["rm", "desk"]).status().unwrap().success());
}
