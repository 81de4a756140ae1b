//! Programs that compute for a second or two, and leave behind what tells whether each step was done once.

use bytes::Bytes;
use stillbox::{AsyncSandbox, AsyncSandboxExt as _, Command, InputMode, Pid, ProcessStatus};

/// A program, and what it leaves behind.
pub struct Work {
    /// The files that it finds in its working directory.
    files: Vec<(&'static str, String)>,
    command: Command,
    /// What is written to its standard input at last; without, it has none.
    input: Option<&'static str>,
    /// The files that it makes.
    results: &'static [&'static str],
}

/// How a program has ended.
#[derive(Debug, PartialEq)]
pub struct End {
    pub status: ProcessStatus,
    pub output: Vec<String>,
    pub files: Vec<Bytes>,
}

impl Work {
    /// Returns what is known by this name, here as in the hosts.
    pub fn find(name: &str) -> Self {
        let script = |file, text: &str, command: Command| Self {
            files: vec![(file, text.to_owned())],
            command,
            input: None,
            results: &["out"],
        };
        match name {
            "lua" => script("work.lua", LUA, Command::new("lua").arg("work.lua")),
            // This one has no files.
            "quickjs" => Self { results: &[], ..script("work.js", QUICKJS, Command::new("qjs").arg("work.js")) },
            "python" => script("work.py", PYTHON, Command::new("python").arg("work.py")),
            "ruby" => script("work.rb", RUBY, Command::new("ruby").arg("work.rb")),
            "pipeline" => script("work.sh", PIPELINE, Command::new("sh").arg("work.sh")),
            "input" => {
                Self { input: Some("6\n7\nrest"), ..script("work.sh", INPUT, Command::new("sh").arg("work.sh")) }
            }
            "sqlite" => {
                let command = Command::new("sqlite3").args(["out", ".read /work/work.sql"]);
                script("work.sql", &transactions(), command)
            }
            "memory" => script("work.lua", MEMORY, Command::new("lua").arg("work.lua")),
            _ => panic!("there is no work called {name}"),
        }
    }

    /// Starts it in a sandbox.
    pub async fn start(&self, sandbox: &dyn AsyncSandbox) -> Pid {
        for (file, text) in &self.files {
            sandbox.write(file, text.clone()).await.unwrap();
        }
        let command = self.command.clone();
        let command = if self.input.is_some() { command.stdin(InputMode::Pipe) } else { command };
        sandbox.start_process(command).await.unwrap().pid
    }

    /// Gives it its input, and waits for its end.
    pub async fn end(&self, sandbox: &dyn AsyncSandbox, pid: Pid) -> End {
        if let Some(input) = self.input {
            sandbox.write_stdin(pid.into(), input.into()).await.unwrap();
            sandbox.close_stdin(pid.into()).await.unwrap();
        }
        let status = sandbox.wait_process(pid.into()).await.unwrap().status;
        let output = sandbox.get_output(pid.into()).await.unwrap().lines;
        let mut files = Vec::new();
        for file in self.results {
            files.push(sandbox.read_file(file).await.unwrap_or_else(|error| panic!("{file}: {error}; {output:?}")));
        }
        End { status, output, files }
    }
}

const LUA: &str = r#"
local out = io.open("out", "w")
local hash, steps = 7, coroutine.wrap(function()
  for i = 1, math.huge do
    local ok, err = pcall(function() if i % 3 == 0 then error({i}) end end)
    coroutine.yield(ok and i or err[1] * 2)
  end
end)
for round = 1, 60 do
  for _ = 1, 8000 do hash = (hash * 31 + steps()) % 1000003 end
  out:write(round, " ", hash, "\n")
  if round % 10 == 0 then print(round, hash) end
end
out:close()
"#;

const QUICKJS: &str = r#"
let hash = 7;
function* steps() {
  for (let i = 1; ; i++) {
    try {
      if (i % 3 == 0) throw new RangeError(String(i));
      yield i;
    } catch (error) {
      yield 2 * Number(error.message);
    }
  }
}
const step = steps();
for (let round = 1; round <= 60; round++) {
  for (let n = 0; n < 4000; n++) hash = (hash * 31 + step.next().value) % 1000003;
  console.log(`${round} ${hash}`);
}
"#;

const PYTHON: &str = r#"
def steps():
    i = 0
    while True:
        i += 1
        try:
            if i % 3 == 0:
                raise ValueError(i)
            yield i
        except ValueError as error:
            yield 2 * error.args[0]

hash, step = 7, steps()
with open("out", "w") as out:
    for round in range(1, 61):
        for _ in range(4000):
            hash = (hash * 31 + next(step)) % 1000003
        print(round, hash, file=out)
        if round % 10 == 0:
            print(round, hash)
"#;

const RUBY: &str = r##"
steps = Fiber.new do
  i = 0
  loop do
    i += 1
    begin
      raise ArgumentError, i.to_s if i % 3 == 0
      Fiber.yield i
    rescue ArgumentError => error
      Fiber.yield 2 * error.message.to_i
    end
  end
end

hash = 7
File.open("out", "w") do |out|
  1.upto(60) do |round|
    1000.times { hash = (hash * 31 + steps.resume) % 1000003 }
    out.puts "#{round} #{hash}"
    puts "#{round} #{hash}" if round % 10 == 0
  end
end
"##;

const PIPELINE: &str = r#"
seq 1 60000 | while read n; do echo $((n * 7919 % 1000)); done | sort -n | uniq -c | tee out | wc -l
echo done
"#;

const INPUT: &str = r#"
read a
echo "first $a" | tee out
read b
echo "product $((a * b))" | tee -a out
echo "and $(cat | wc -c) more" | tee -a out
"#;

/// What is in a table depends on each transaction before: of a part of one there would be a trace.
fn transactions() -> String {
    let mut script = "create table numbers (n integer primary key, value integer, name text);\n\
                      create index names on numbers (name);\n"
        .to_owned();
    for transaction in 0..150 {
        script += &format!(
            "begin;\n\
             with recursive counting(n) as (select 1 union all select n + 1 from counting where n < 100)\n\
             insert into numbers select {transaction} * 100 + n, n * 7919 % 1000, printf('%08x', n * {transaction}) from \
             counting;\n\
             update numbers set value = (value * 31 + {transaction}) % 1000003 where n % 7 = {transaction} % 7;\n\
             delete from numbers where n % 1000 = {transaction};\n\
             commit;\n"
        );
    }
    script + "pragma integrity_check;\nselect count(*), sum(value), min(name), max(name) from numbers;\n"
}

/// Some 25 MiB that are written to all the time, so that each snapshot has something to store.
const MEMORY: &str = r#"
local rows, hash = {}, 7
for i = 1, 200000 do rows[i] = {i, tostring(i)} end
for round = 1, 40 do
  for n = 1, 20000 do
    local row = rows[(hash * 7919 + n) % #rows + 1]
    row[1], row[2] = (row[1] * 31 + n) % 1000003, tostring(hash)
    hash = (hash * 31 + row[1] + #row[2]) % 1000003
  end
end
local out = io.open("out", "w")
for i = 1, #rows, 100 do out:write(rows[i][1], " ", rows[i][2], "\n") end
out:close()
print(hash)
"#;
