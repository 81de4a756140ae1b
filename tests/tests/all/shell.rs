use std::fs;
use std::path::Path;
use std::time::Duration;

use stillbox::{AsyncSandboxExt as _, Command};
use stillbox_tests::{native, sandbox, test};

/// Every script of the shell's own tests prints in a sandbox, byte for byte, what it prints under bash on the host.
#[test]
fn scripts_print_what_bash_prints() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/sh/tests/scripts");
    let mut scripts: Vec<_> = fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sh"))
        .collect();
    scripts.sort();
    assert!(!scripts.is_empty(), "there are no scripts in {}", dir.display());

    let failures: Vec<String> = scripts.iter().filter_map(|script| compare(script).err()).collect();
    assert!(failures.is_empty(), "{} of {} scripts differ:\n{}", failures.len(), scripts.len(), failures.join("\n"));
}

/// The script that goes through every feature of the shell is there, and long.
#[test]
fn the_tour_is_complete() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/sh/tests/scripts/tour.sh");
    let tour = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = tour.lines().filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#')).count();
    assert!(lines >= 150, "the tour has {lines} lines");
    for feature in [
        "|",
        "<<",
        "<<<",
        "$(",
        "function",
        "local ",
        "[[",
        "((",
        "case ",
        "for ",
        "while ",
        "until ",
        "trap ",
        "set -",
        "pipefail",
        "&\n",
        "wait",
        "$?",
        "$!",
        "read ",
        "printf ",
        "test ",
        "getopts ",
        "source ",
        "eval ",
        "exec ",
        "export ",
        "${",
        "2>&1",
        "declare -A",
    ] {
        assert!(tour.contains(feature), "the tour has no {feature:?}");
    }
}

fn compare(path: &Path) -> Result<(), String> {
    let name = path.file_name().and_then(|name| name.to_str()).expect("a script's name is UTF-8");
    let script = fs::read_to_string(path).expect("a script is text");
    let dir = tempfile::tempdir().expect("a temporary directory can be made");
    fs::write(dir.path().join(name), &script).expect("the script can be written");
    // Characters are counted by the script's own encoding, not by bytes.
    let locale = ("LC_ALL", "C.UTF-8");
    let expected = native::bash_with(dir.path(), &[name], &[locale]);

    let result = test(async {
        let sandbox = sandbox().await;
        sandbox.write(&format!("/work/{name}"), script).await.expect("the script can be written");
        let command = Command::new("bash").arg(name).working_dir("/work").timeout(Duration::from_secs(30));
        let env = native::ENV.into_iter().chain([locale]);
        sandbox.ran(env.fold(command, |command, (key, value)| command.env(key, value))).await
    });
    if (result.exit_code, &*result.stdout_bytes) == (expected.code, &*expected.stdout) {
        return Ok(());
    }
    let expected_text = String::from_utf8_lossy(&expected.stdout);
    let printed = String::from_utf8_lossy(&result.stdout_bytes);
    let line = expected_text.lines().zip(printed.lines()).take_while(|(expected, got)| expected == got).count();
    Err(format!(
        "{name}: ends with {} (bash: {}), and first differs in line {} of its output:\n  bash    {:?}\n  sandbox {:?}\n  \
         stderr  {:?}",
        result.exit_code,
        expected.code,
        line + 1,
        expected_text.lines().nth(line),
        printed.lines().nth(line),
        result.stderr
    ))
}

/// The shell's `time`, its `times` and the program `time` tell the processor time of what ran, not that of the clock.
#[test]
fn time_tells_the_processor_time() {
    test(async {
        let sandbox = sandbox().await;
        let busy = "i=0; while ((i < 20000)); do ((i += 1)); done";
        let script = format!(
            "{{ time {{ {busy}; }}; time bash -c '{busy}'; command time -f %U bash -c '{busy}'; }} 2>&1; times"
        );
        let result = sandbox.ran(Command::new("bash").args(["-c", &script])).await;
        // Of `1m2.345s`, the last number is what counts here.
        let text = result.stdout.replace("0m", "");
        let seconds =
            |line: &str| line.trim_end_matches('s').parse::<f64>().unwrap_or_else(|_| panic!("{line:?} in {text}"));
        let user: Vec<f64> = text.lines().filter_map(|line| line.strip_prefix("user\t")).map(seconds).collect();
        assert!(user.len() == 2 && user.iter().all(|user| *user > 0.0), "{text}");
        let rest: Vec<&str> = text.lines().rev().take(3).collect();
        let [children, own, program] = rest[..] else { panic!("{text}") };
        for line in [children, own, program] {
            assert!(seconds(line.split(' ').next().unwrap_or_default()) > 0.0, "{line:?} in {text}");
        }
        let slept = sandbox.ran(Command::new("bash").args(["-c", "time sleep 0.5"])).await;
        let user = slept.stderr.lines().find_map(|line| line.strip_prefix("user\t0m")).map(seconds).expect("a time");
        assert!(user < 0.5, "sleeping took {user} s of a processor");
    });
}
