//! The yardsticks for a sandbox that is held still: a native process that holds as much, copied by `fork` and saved by CRIU.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// Holds so many MiB, and for each line that it reads forks and says how many nanoseconds passed until it went on itself
/// and until its child did something.
const JOB: &str = "
import os, sys, time
held = bytearray(os.urandom(1 << 20) * int(sys.argv[1]))
print('ready', flush=True)
for line in sys.stdin:
    here, there = os.pipe()
    begun = time.perf_counter_ns()
    child = os.fork()
    if child == 0:
        os.write(there, b'x')
        os._exit(0)
    paused = time.perf_counter_ns() - begun
    os.read(here, 1)
    answered = time.perf_counter_ns() - begun
    os.waitpid(child, 0)
    os.close(here)
    os.close(there)
    print(paused, answered, flush=True)
";

/// A native process that holds memory.
pub struct Job {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What a `fork` took.
#[derive(Clone, Copy, Debug)]
pub struct Forked {
    /// Until the parent went on.
    pub paused: Duration,
    /// Until the child did something.
    pub answered: Duration,
}

impl Job {
    /// Starts one that holds so many MiB.
    pub fn start(mib: u64) -> Result<Self> {
        let mut command = Command::new("python3");
        command.args(["-I", "-c", JOB, &mib.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context("cannot run python3")?;
        let input = process.stdin.take().context("no standard input")?;
        let output = BufReader::new(process.stdout.take().context("no standard output")?);
        let mut job = Self { process, input, output };
        let line = job.line()?;
        ensure!(line == "ready", "the job said {line:?}");
        Ok(job)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Has it fork.
    pub fn fork(&mut self) -> Result<Forked> {
        self.input.write_all(b"fork\n")?;
        let line = self.line()?;
        let (paused, answered) = line.split_once(' ').with_context(|| format!("the job said {line:?}"))?;
        let nanos = |text: &str| anyhow::Ok(Duration::from_nanos(text.parse()?));
        Ok(Forked { paused: nanos(paused)?, answered: nanos(answered)? })
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // One that can't be killed or waited for has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns why CRIU can't be used here; `None` if it can.
pub fn no_criu() -> Option<String> {
    match Command::new("criu").arg("check").output() {
        Ok(checked) if checked.status.success() => None,
        Ok(checked) => {
            let said = String::from_utf8_lossy(&checked.stderr);
            Some(format!("criu check: {}", said.lines().last().unwrap_or("nothing")))
        }
        Err(error) => Some(format!("criu: {error}")),
    }
}

/// Holds so many MiB, says so by a file, and waits.
const WAITS: &str = "
import os, sys, time
held = bytearray(os.urandom(1 << 20) * int(sys.argv[1]))
open(sys.argv[2], 'w').close()
time.sleep(1000)
";

/// Has CRIU save a process that holds so many MiB and bring it back, and returns how long each takes.
pub fn criu(mib: u64) -> Result<[Duration; 2]> {
    let dir = tempfile::tempdir()?;
    let ready = dir.path().join("ready");
    // CRIU takes a session as a whole, without its terminal or pipes to others.
    let mut command = Command::new("setsid");
    command.args(["python3", "-I", "-c", WAITS, &mib.to_string()]).arg(&ready);
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let pid = process.id().to_string();
    while !ready.exists() {
        ensure!(process.try_wait()?.is_none(), "the job has ended");
        sleep(Duration::from_millis(1));
    }
    let dumped = run_criu(dir.path(), &["dump", "--tree", &pid]);
    if dumped.is_err() {
        process.kill()?;
    }
    process.wait()?;
    let dumped = dumped?;
    let restored = run_criu(dir.path(), &["restore", "--restore-detached"])?;
    crate::host::run("kill", &["-9", &pid])?;
    Ok([dumped, restored])
}

fn run_criu(dir: &Path, args: &[&str]) -> Result<Duration> {
    let begun = Instant::now();
    let output = Command::new("criu").args(args).arg("--images-dir").arg(dir).output()?;
    ensure!(output.status.success(), "criu {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(begun.elapsed())
}
