//! Scripts in CPython, over its standard library, and its prompt.

use std::time::Duration;

use stillbox::{AsyncSandboxExt as _, Command, PtySpec, SandboxSpec, Sandboxes as _};
use stillbox_tests::{Screen, stdout, test_within};

use crate::interpreters::engine;

/// Fetching and compiling the interpreter takes its time once.
const LONGEST: Duration = Duration::from_secs(300);

/// Runs a script over a file, both written through the interface, and returns what it printed and wrote to `out`.
fn run(script: &str, input: impl Into<bytes::Bytes>) -> (String, bytes::Bytes) {
    let (script, input) = (script.to_owned(), input.into());
    let engine = engine();
    test_within(LONGEST, async {
        let sandbox = engine.create(SandboxSpec::default().working_dir("/work").terminate_on_drop(true)).await.unwrap();
        sandbox.write("script.py", script).await.unwrap();
        sandbox.write("in", input).await.unwrap();
        let result = sandbox.run(Command::new("python").arg("script.py")).await.unwrap();
        let printed = stdout(&result).to_owned();
        (printed, sandbox.read_file("out").await.unwrap())
    })
}

#[test]
fn json() {
    let script = r#"
import json
with open("in") as file:
    orders = json.load(file)
orders["total"] = sum(item["price"] * item["count"] for item in orders["items"])
with open("out", "w") as file:
    json.dump(orders, file, sort_keys=True)
print(json.dumps({"ü": [1.5, None, True]}, ensure_ascii=False))
"#;
    let (printed, out) = run(script, r#"{"items": [{"price": 2.5, "count": 4}, {"price": 1, "count": 3}]}"#);
    assert_eq!(printed, "{\"ü\": [1.5, null, true]}\n");
    assert_eq!(out, r#"{"items": [{"count": 4, "price": 2.5}, {"count": 3, "price": 1}], "total": 13.0}"#);
}

#[test]
fn csv() {
    let script = r#"
import csv
with open("in", newline="") as source, open("out", "w", newline="") as target:
    writer = csv.DictWriter(target, ["name", "note", "length"], lineterminator="\n")
    writer.writeheader()
    for row in csv.DictReader(source):
        writer.writerow(row | {"length": len(row["note"])})
"#;
    let (_, out) = run(script, "name,note\nAda,\"first, of course\"\nKen,\"says \"\"hi\"\"\"\n");
    assert_eq!(out, "name,note,length\nAda,\"first, of course\",16\nKen,\"says \"\"hi\"\"\",9\n");
}

#[test]
fn re() {
    let script = r#"
import re
text = open("in").read()
dates = re.findall(r"(?P<year>\d{4})-(\d\d)-(\d\d)", text)
open("out", "w").write(re.sub(r"(\d{4})-(\d\d)-(\d\d)", r"\3.\2.\1", text))
print(dates, re.split(r"[;,]\s*", "a, b;c"), bool(re.fullmatch(r"(?i)HELLO", "hello")))
"#;
    let (printed, out) = run(script, "from 2024-02-29 to 2025-01-31");
    assert_eq!(printed, "[('2024', '02', '29'), ('2025', '01', '31')] ['a', 'b', 'c'] True\n");
    assert_eq!(out, "from 29.02.2024 to 31.01.2025");
}

#[test]
fn sqlite3() {
    let script = r#"
import sqlite3
with sqlite3.connect("shop.db") as database:
    database.execute("create table sales (item text, amount integer)")
    rows = [line.split() for line in open("in")]
    database.executemany("insert into sales values (?, ?)", rows)
database.close()
again = sqlite3.connect("shop.db")
for row in again.execute("select item, sum(amount) from sales group by item order by 2 desc"):
    print(*row)
again.close()
open("out", "wb").write(open("shop.db", "rb").read(16))
"#;
    let (printed, out) = run(script, "tea 3\ncoffee 10\ntea 4\n");
    assert_eq!(printed, "coffee 10\ntea 7\n");
    assert_eq!(out, &b"SQLite format 3\0"[..]);
}

#[test]
fn zipfile() {
    let script = r#"
import zipfile
with zipfile.ZipFile("pack.zip", "w", zipfile.ZIP_DEFLATED) as pack:
    pack.write("in", "inner/data.bin")
    pack.writestr("note.txt", "hello")
with zipfile.ZipFile("pack.zip") as pack:
    print(pack.testzip(), pack.namelist())
    open("out", "wb").write(pack.read("inner/data.bin"))
    info = pack.getinfo("inner/data.bin")
    print(info.file_size, info.compress_size < info.file_size)
"#;
    let data = vec![7_u8; 100_000];
    let (printed, out) = run(script, data.clone());
    assert_eq!(printed, "None ['inner/data.bin', 'note.txt']\n100000 True\n");
    assert_eq!(out, data);
}

#[test]
fn pathlib() {
    let script = r#"
from pathlib import Path
root = Path("tree")
(root / "a" / "b").mkdir(parents=True)
(root / "a" / "b" / "deep.txt").write_text(Path("in").read_text().upper())
(root / "top.md").touch()
(root / "top.md").rename(root / "renamed.md")
print(sorted(str(path) for path in root.rglob("*")), Path("in").resolve(), Path.cwd())
print((root / "a").is_dir(), (root / "none").exists(), (root / "a/b/deep.txt").stat().st_size, Path("x.tar.gz").suffixes)
Path("out").write_bytes((root / "a" / "b" / "deep.txt").read_bytes())
(root / "renamed.md").unlink()
"#;
    let (printed, out) = run(script, "quiet");
    assert_eq!(
        printed,
        "['tree/a', 'tree/a/b', 'tree/a/b/deep.txt', 'tree/renamed.md'] /work/in /work\nTrue False 5 ['.tar', '.gz']\n"
    );
    assert_eq!(out, "QUIET");
}

#[test]
fn hashlib() {
    let script = r#"
import hashlib
data = open("in", "rb").read()
for name in ("md5", "sha1", "sha256", "blake2b"):
    print(name, hashlib.new(name, data).hexdigest()[:16])
open("out", "w").write(hashlib.file_digest(open("in", "rb"), "sha512").hexdigest()[:16])
"#;
    let (printed, out) = run(script, "abc");
    assert_eq!(
        printed,
        "md5 900150983cd24fb0\nsha1 a9993e364706816a\nsha256 ba7816bf8f01cfea\nblake2b ba80a53f981c4d0d\n"
    );
    assert_eq!(out, "ddaf35a193617aba");
}

#[test]
fn a_pipeline_of_the_shell_and_python() {
    let engine = engine();
    let result = test_within(LONGEST, async {
        let sandbox = engine.create(SandboxSpec::default().working_dir("/work").terminate_on_drop(true)).await.unwrap();
        let script = "import sys; print(sum(int(line) for line in sys.stdin)); sys.exit(len(sys.argv))";
        sandbox.write("sum.py", script).await.unwrap();
        sandbox.shell("seq 1 100 | grep 5 | python sum.py a b; echo $?").await.unwrap()
    });
    let expected: u32 = (1..=100).filter(|number: &u32| number.to_string().contains('5')).sum();
    assert_eq!(stdout(&result), format!("{expected}\n3\n"));
}

#[test]
fn an_exception_is_an_exit_code_and_endless_recursion_too() {
    let engine = engine();
    test_within(LONGEST, async {
        let sandbox = engine.create(SandboxSpec::default().terminate_on_drop(true)).await.unwrap();
        let python = |code: &str| sandbox.run(Command::new("python").args(["-c", code]));
        let result = python("import nothing_like_this").await.unwrap();
        assert_eq!(result.exit_code, 1);
        assert!(result.stderr.contains("ModuleNotFoundError"), "{}", result.stderr);

        let result = python("def f(): f()\ntry:\n    f()\nexcept RecursionError:\n    print('stopped')").await.unwrap();
        assert_eq!(stdout(&result), "stopped\n");

        let looping = Command::new("python").args(["-c", "while True: pass"]).timeout(Duration::from_secs(1));
        assert!(sandbox.run(looping).await.unwrap().timed_out());
        assert_eq!(stdout(&python("print(1 + 1)").await.unwrap()), "2\n");
    });
}

/// The prompt on a terminal: lines come and go, an interrupt ends Python as it ends any program without a handler, and the
/// shell that started it goes on.
#[test]
fn prompt_on_a_terminal() {
    let engine = engine();
    test_within(LONGEST, async {
        let sandbox = engine.create(SandboxSpec::default().terminate_on_drop(true)).await.unwrap();
        let shell = Command::new("sh").arg("-i").env("PS1", "shell> ").env("TERM", "dumb");
        let terminal = sandbox.create_pty(PtySpec::new(shell)).await.unwrap();
        let mut screen = Screen::of(&*terminal).await;
        screen.expect("shell> ").await;
        terminal.send_input(b"python\r").await.unwrap();
        screen.expect(">>> ").await;
        terminal.send_input(b"print(6 * 70 // 10)\r").await.unwrap();
        screen.expect("\r\n42\r\n>>> ").await;
        // A mistake in a line is taken back by the terminal, not by Python.
        terminal.send_input(b"for i in range(3): print('no\x15for i in range(3): print('line', i)\r\r").await.unwrap();
        screen.expect("line 2\r\n>>> ").await;
        terminal.send_input(b"raise SystemExit(3)\r").await.unwrap();
        screen.expect("shell> ").await;
        terminal.send_input(b"echo \"<$?>\"; python\r").await.unwrap();
        screen.expect("<3>\r\n").await;
        screen.expect(">>> ").await;
        terminal
            .send_input(b"while True:\r    print('in' 'side') if 'i' not in globals() else None; i = 1\r\r")
            .await
            .unwrap();
        screen.expect("inside\r\n").await;
        terminal.send_input(b"\x03").await.unwrap();
        screen.expect("shell> ").await;
        terminal.send_input(b"echo \"<$?>\"; exit\r").await.unwrap();
        screen.expect("<130>\r\n").await;
        assert_eq!(terminal.wait().await.unwrap(), 0);
    });
}
