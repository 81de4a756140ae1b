//! Interpreters in mid-computation, stopped and continued at any moment: each time the guest saves its stack and returns,
//! and goes on by continuations. And held still at any moment, stored, and brought back by another engine.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use stillbox::{
    AsyncSandbox, AsyncSandboxExt as _, Command, Engine, ProcessStatus, SandboxSpec, Sandboxes as _, SnapshotKind,
};
use stillbox_tests::{Random, output_dir, stdout, test_within};

use crate::interpreters::{self, engine};

/// Fetching and compiling the interpreters takes its time once.
const LONGEST: Duration = Duration::from_secs(400);

/// For how long a program is interrupted at least: as often as it runs to its end in that time.
const TORMENT: Duration = Duration::from_secs(3);

/// How often one run is interrupted at most: on a busy machine, a program would get nowhere between two interruptions.
const INTERRUPTIONS_MAX: u32 = 300;

/// How often a program goes on in another engine.
const MOVES: usize = 10;

/// The signals that stop a process and have it go on.
const STOP: i32 = 19;
const CONT: i32 = 18;

/// Returns another engine, which has nothing in common with the first but what is on disk.
fn other_engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    engine();
    ENGINE.get_or_init(|| interpreters::builder().build().expect("the engine starts"))
}

/// Returns an engine that interprets.
fn interpreting_engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    engine();
    ENGINE.get_or_init(|| interpreters::builder().interpreted(true).build().expect("the engine starts"))
}

/// Runs a command undisturbed, and then interrupted, which must come to the same.
fn check(file: &str, content: &str, command: impl Fn() -> Command, expected: &str) {
    let (engine, content) = (engine(), content.to_owned());
    test_within(LONGEST, async {
        let sandbox = engine.create(SandboxSpec::default().working_dir("/work").terminate_on_drop(true)).await.unwrap();
        sandbox.write(file, content).await.unwrap();
        let undisturbed = sandbox.run(command()).await.unwrap();
        assert_eq!(stdout(&undisturbed), expected);

        let mut random = Random::of_this_run();
        let begun = Instant::now();
        let (mut runs, mut interruptions) = (0, 0);
        while runs == 0 || begun.elapsed() < TORMENT {
            let process = sandbox.start_process(command()).await.unwrap();
            let this = || (&process).into();
            let mut ended = Box::pin(sandbox.wait_process(this()));
            let before = interruptions;
            let info = loop {
                if interruptions - before == INTERRUPTIONS_MAX {
                    break ended.await.unwrap();
                }
                // More often would be no harder; less often, the program would be done before much was tried.
                let pause = Duration::from_micros(500 + random.below(30_000));
                match tokio::time::timeout(pause, &mut ended).await {
                    Ok(info) => break info.unwrap(),
                    Err(_) => {
                        // It may end at any time, and is not there then.
                        if sandbox.send_signal(this(), STOP).await.is_err() {
                            continue;
                        }
                        tokio::time::sleep(Duration::from_micros(random.below(2000))).await;
                        let _ = sandbox.send_signal(this(), CONT).await;
                        interruptions += 1;
                    }
                }
            };
            let stderr = sandbox.get_stderr(this()).await.unwrap().lines.join("\n");
            assert_eq!(info.status.exit_code(), Some(0), "after {interruptions} interruptions: {info:?} {stderr}");
            let printed = sandbox.get_stdout(this()).await.unwrap().lines.join("\n") + "\n";
            assert_eq!(printed, expected, "after {interruptions} interruptions: {stderr}");
            runs += 1;
        }
        println!("{runs} runs were interrupted {interruptions} times in {:?}", begun.elapsed());
        // How many there are in one run depends on how fast the machine is; how many there are in all hardly does.
        assert!(interruptions > 20, "{interruptions} interruptions in {runs} runs");
        moved(&*sandbox, other_engine(), &command(), expected).await;
    });
    // What a suspended program went on by was kept.
    let kept = output_dir().join("cache/continuations");
    assert!(kept.read_dir().is_ok_and(|versions| versions.count() > 0), "nothing was suspended");
}

/// Runs a command which is stored at any moment, and gone on with by another engine and this one in turn.
async fn moved(sandbox: &dyn AsyncSandbox, other: &Engine, command: &Command, expected: &str) {
    let mut random = Random::of_this_run();
    let engines = [engine(), other];
    let mut here = sandbox.copy(1).await.unwrap().remove(0);
    let process = here.start_process(command.clone()).await.unwrap();
    let mut moves = 0;
    for hop in 1..=MOVES {
        tokio::time::sleep(Duration::from_micros(500 + random.below(30_000))).await;
        let snapshot = here.checkpoint(SnapshotKind::Memory).await.unwrap();
        here.terminate().await.unwrap();
        let spec = SandboxSpec::default().snapshot_id(&snapshot.id);
        here = engines[hop % 2].create(spec).await.unwrap();
        engines[0].delete_snapshot(&snapshot.id).await.unwrap();
        let runs = here.get_process((&process).into()).await.unwrap().status == ProcessStatus::Running;
        moves += usize::from(runs);
    }
    let ended = here.wait_process((&process).into()).await.unwrap();
    let output = here.get_output((&process).into()).await.unwrap().lines.join("\n") + "\n";
    assert_eq!((ended.status, output.as_str()), (ProcessStatus::Exited(0), expected), "after {moves} moves");
    println!("moved {moves} times while it ran");
    assert!(moves > 0);
    here.terminate().await.unwrap();
}

/// What the scripts below print: a number by recursion, and the length and a hash of a text that is built of pieces, every
/// seventh of which went through an exception.
fn expected() -> String {
    fn fibonacci(n: u64) -> u64 {
        if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
    }
    let pieces = (0..20_000).map(|i| if i % 7 == 0 { format!("!{i}") } else { format!("{i:x}") });
    let text = pieces.collect::<Vec<_>>().join(" ");
    let hash = text.bytes().fold(0_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    format!("{} {} {hash}\n", fibonacci(22), text.len())
}

#[test]
fn python() {
    let script = r#"
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

def piece(i):
    if i % 7 == 0:
        raise ValueError(i)
    return f"{i:x}"

pieces = []
for i in range(20000):
    try:
        pieces.append(piece(i))
    except ValueError as error:
        pieces.append(f"!{error}")
text = " ".join(pieces)
hash = 0
for c in text:
    hash = (hash * 31 + ord(c)) & 0xffffffff
print(fibonacci(22), len(text), hash)
"#;
    check("script.py", script, || Command::new("python").arg("script.py"), &expected());
}

#[test]
fn python_s_modules_in_c() {
    let script = r#"
import hashlib, json, re, sqlite3, zlib
rows = [{"id": i, "name": f"item {i}", "tags": [str(j) for j in range(i % 5)]} for i in range(3000)]
text = json.dumps(rows, sort_keys=True)
assert json.loads(text) == rows
packed = zlib.compress(text.encode(), 9)
assert zlib.decompress(packed).decode() == text
database = sqlite3.connect(":memory:")
database.execute("create table items (id integer primary key, name text)")
database.executemany("insert into items values (:id, :name)", rows)
sum = database.execute("select sum(a.id * b.id) from items a join items b on a.id % 97 = b.id % 97").fetchone()[0]
words = sorted(re.findall(r"item (\d*7)\b", text), key=lambda word: word[::-1])
print(len(text), sum, len(words), words[-1], hashlib.sha256(text.encode() * 20).hexdigest()[:16])
"#;
    check(
        "modules.py",
        script,
        || Command::new("python").arg("modules.py"),
        "163980 208696736940 300 2997 ab6659fb50741bfe\n",
    );
}

#[test]
fn ruby() {
    let script = r##"
def fibonacci(n) = n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2)

def piece(i)
  raise ArgumentError, i.to_s if i % 7 == 0
  i.to_s(16)
end

# A fiber has a stack of its own.
pieces = Fiber.new do
  20000.times do |i|
    Fiber.yield begin
      piece(i)
    rescue ArgumentError => error
      "!#{error.message}"
    end
  end
  nil
end
text = []
while (piece = pieces.resume)
  text << piece
end
text = text.join(" ")
hash = text.each_byte.reduce(0) { |hash, byte| (hash * 31 + byte) & 0xffffffff }
puts "#{fibonacci(22)} #{text.size} #{hash}"
"##;
    check("script.rb", script, || Command::new("ruby").arg("script.rb"), &expected());
}

const QUICKJS: &str = r#"
function fibonacci(n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

function piece(i) {
  if (i % 7 == 0) throw new RangeError(i);
  return i.toString(16);
}

function* pieces(count) {
  for (let i = 0; i < count; i++) {
    try {
      yield piece(i);
    } catch (error) {
      yield "!" + error.message;
    }
  }
}

const text = [...pieces(20000)].join(" ");
let hash = 0;
for (const c of text) hash = (Math.imul(hash, 31) + c.charCodeAt(0)) >>> 0;
console.log(`${fibonacci(22)} ${text.length} ${hash}`);
"#;

#[test]
fn quickjs() {
    check("script.js", QUICKJS, || Command::new("qjs").arg("script.js"), &expected());
}

/// What native code has saved goes on in the interpreter, and the other way round.
#[test]
fn quickjs_by_other_code() {
    let (engine, interpreting) = (engine(), interpreting_engine());
    test_within(LONGEST, async {
        let command = Command::new("qjs").arg("script.js");
        let [native, interpreted] = [engine, interpreting].map(|engine| async {
            let sandbox =
                engine.create(SandboxSpec::default().working_dir("/work").terminate_on_drop(true)).await.unwrap();
            sandbox.write("script.js", QUICKJS).await.unwrap();
            // The first time, it is compiled.
            sandbox.run(Command::new("qjs").args(["-e", "0"])).await.unwrap();
            let begun = Instant::now();
            assert_eq!(stdout(&sandbox.run(command.clone()).await.unwrap()), expected());
            println!("undisturbed in {:?}", begun.elapsed());
            sandbox
        });
        let (sandbox, _) = (native.await, interpreted.await);
        moved(&*sandbox, interpreting, &command, &expected()).await;
    });
}

#[test]
fn lua() {
    let script = r#"
local function fibonacci(n) return n < 2 and n or fibonacci(n - 1) + fibonacci(n - 2) end

local function piece(i)
  if i % 7 == 0 then error({number = i}) end
  return string.format("%x", i)
end

-- Errors are exceptions of WebAssembly, and a coroutine has a stack of Lua's own.
local pieces = coroutine.wrap(function()
  for i = 0, 19999 do
    local ok, result = pcall(piece, i)
    coroutine.yield(ok and result or "!" .. result.number)
  end
end)
local text = {}
for piece in pieces do text[#text + 1] = piece end
text = table.concat(text, " ")
local hash = 0
for c in text:gmatch(".") do hash = (hash * 31 + c:byte()) & 0xffffffff end
print(("%d %d %d"):format(fibonacci(22), #text, hash))
"#;
    check("script.lua", script, || Command::new("lua").arg("script.lua"), &expected());
}

#[test]
fn sqlite() {
    let script = r"
drop table if exists numbers;
create table numbers (n integer primary key, square integer, name text);
create index names on numbers (name);
with recursive counting(n) as (select 1 union all select n + 1 from counting where n < 20000)
  insert into numbers select n, n * n, printf('%08x', n * 2654435761 % 4294967296) from counting;
update numbers set name = name || 'x' where n % 3 = 0;
delete from numbers where n % 5 = 0;
select count(*), sum(square), min(name), max(name) from numbers;
select count(*) from numbers a, numbers b where a.n < 400 and b.n < 400 and a.square + b.square = 40000;
";
    check(
        "script.sql",
        script,
        || Command::new("sqlite3").args(["shop.db", ".read /work/script.sql"]),
        "16000|2133333320000|00014222|fffc0c7f\n2\n",
    );
}
