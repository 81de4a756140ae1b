//! One engine for all tests, and the runtime that they wait on.

use std::path::PathBuf;
use std::sync::{Once, OnceLock};
use std::time::Duration;

use stillbox::{Command, Engine, Image, SandboxSpec};
use tokio::runtime::Runtime;

/// The image that has the probes beside the standard programs.
pub const PROBES: &str = "probes";

/// How long a test may take. A broken engine may hang; a test that says so is worth more than one that is cut off.
const LONGEST: Duration = Duration::from_secs(60);

/// Returns the engine that all tests of a binary share, so that each program is compiled once. What it compiles is kept
/// for the next run.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let probes = stillbox_guests::find("probes").expect("the probes are prebuilt");
        let mut image = Image::standard().expect("the standard image can be made").extend();
        image.file("/bin/probes", probes.bytes, 0o755).expect("the probes fit into an image");
        let image = image.finish().expect("the image of the probes can be made");
        // A test that has a process to itself looks at what that holds, which is not to be disturbed.
        let alone = std::env::var_os(COMPILED).is_some();
        let builder = Engine::builder().cache_dir(cache_dir()).image(PROBES, image).compile_ahead(!alone);
        builder.build().expect("the engine starts")
    })
}

/// The variable that tells a test in a process of its own that the programs are compiled.
pub(crate) const COMPILED: &str = "STILLBOX_TESTS_COMPILED";

/// Compiles the standard programs, once, so that no test's time, and no command's, goes by with that. An engine of its own
/// does it, so that the tests' has done nothing yet.
pub(crate) fn compile_programs() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        if std::env::var_os(COMPILED).is_some() {
            return;
        }
        let engine = Engine::builder().cache_dir(cache_dir()).build().expect("the engine starts");
        let sandbox = stillbox::blocking::Engine::from(engine).create(SandboxSpec::default());
        let sandbox = sandbox.expect("a sandbox can be made");
        for program in ["true", "false", "sh", "ls", "grep", "tar", "jq", "env", "lua"] {
            // What it answers is none of this one's concern.
            let _ = sandbox.run(Command::new(program).arg("--help"));
        }
    });
}

fn cache_dir() -> PathBuf {
    output_dir().join("cache")
}

/// Returns the directory under `target` where the tests keep what they make.
pub fn output_dir() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/stillbox-tests"))
}

/// Runs a test to its end.
///
/// # Panics
///
/// If the test does, or takes longer than a minute.
#[track_caller]
pub fn test<T>(body: impl Future<Output = T>) -> T {
    test_within(LONGEST, body)
}

/// Runs a test that may take as long as `longest`.
///
/// # Panics
///
/// If the test does, or takes longer.
#[track_caller]
pub fn test_within<T>(longest: Duration, body: impl Future<Output = T>) -> T {
    compile_programs();
    // One runtime for all, because what a test leaves running may belong to the engine.
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Runtime::new().expect("the runtime of the tests starts"));
    let ended = runtime.block_on(async { tokio::time::timeout(longest, body).await });
    ended.unwrap_or_else(|_| panic!("the test did not end within {longest:?}"))
}
