//! The sandbox's Lua: the language with errors and coroutines, its libraries over the sandbox's files and programs, and the
//! command as its users know it.

use std::time::Duration;

use stillbox::{AsyncSandboxExt as _, Command, CommandResult, PtySpec};
use stillbox_tests::{Fresh, Screen, sandbox, stdout, test};

async fn lua<const N: usize>(sandbox: &Fresh, arguments: [&str; N]) -> CommandResult {
    sandbox.ran(Command::new("lua").args(arguments)).await
}

/// Runs a script and returns what it printed.
fn printed(script: &str) -> String {
    let script = script.to_owned();
    test(async {
        let sandbox = sandbox().await;
        sandbox.write("script.lua", script).await.unwrap();
        stdout(&lua(&sandbox, ["script.lua"]).await).to_owned()
    })
}

#[test]
fn errors_are_caught_and_thrown_on() {
    let script = r#"
local function fails(depth)
  if depth == 0 then error({code = 7}) end
  local ok, err = pcall(fails, depth - 1)
  err.code = err.code + 1
  error(err)
end
local ok, err = pcall(fails, 50)
print(ok, err.code)
print(pcall(error, "text", 0))
print(select(2, pcall(function() local x = nil; return x.field end)))
print(xpcall(function() error("deep") end, function(message) return "handled " .. message:match("deep$") end))
print(pcall(string.rep))
local function endless() return 1 + endless() end
local ok, message = pcall(endless)
print(ok, message:match("stack overflow"))
local nested = {}
for i = 1, 300 do nested = setmetatable({}, {__index = function() return nested.x end}) end
print(pcall(string.gsub, "x", "x", function() return nested.x.y end))
do
  local closed <close> = setmetatable({}, {__close = function(_, err) print("closed", err) end})
end
print(#tostring(select(2, pcall(load, string.rep("(", 1000)))) > 0)
"#;
    let expected = "false\t57
false\ttext
script.lua:11: attempt to index a nil value (local 'x')
false\thandled deep
false\tbad argument #1 to 'string.rep' (string expected, got no value)
false\tstack overflow
";
    let printed = printed(script);
    let (first, rest) = printed.split_at(expected.len().min(printed.len()));
    assert_eq!(first, expected);
    assert!(rest.starts_with("false\t") && rest.ends_with("closed\tnil\ntrue\n"), "{rest}");
}

#[test]
fn coroutines_yield_across_protected_calls() {
    let script = r#"
local producer = coroutine.wrap(function()
  for i = 1, 3 do
    local ok, got = pcall(function()
      local got = coroutine.yield(i)
      if got == "stop" then error("stopped", 0) end
      return got
    end)
    print(i, ok, got)
  end
  return "end"
end)
print(producer())
print(producer("a"))
print(producer("stop"))
print(producer("c"))
local dead = coroutine.create(function() error("inside") end)
print(coroutine.resume(dead))
print(coroutine.status(dead))
local sum = 0
for _ = 1, 1000 do
  local thread = coroutine.create(function(n) return coroutine.yield(n) + 1 end)
  coroutine.resume(thread, 1)
  sum = sum + select(2, coroutine.resume(thread, 2))
end
print(sum)
"#;
    let expected =
        "1\n1\ttrue\ta\n2\n2\tfalse\tstopped\n3\n3\ttrue\tc\nend\nfalse\tscript.lua:17: inside\ndead\n3000\n";
    assert_eq!(printed(script), expected);
}

#[test]
fn strings_tables_and_numbers() {
    let script = r#"
print(("hello world"):gsub("o", "0"), ("key = value"):match("^(%w+)%s*=%s*(%w+)$"))
print(string.format("%5.2f|%-6s|%q|%x|%a", 3.14159, "ab", "a\nb", 255, 1.0))
local words = {}
for word in ("the quick brown fox"):gmatch("%a+") do words[#words + 1] = word end
table.sort(words, function(a, b) return #a < #b or #a == #b and a < b end)
print(table.concat(words, ","), table.unpack({1, 2, 3}, 2))
print(7 // 2, -7 // 2, 7 % -3, 2^53, 1 << 62, math.maxinteger + 1 == math.mininteger, 10 / 2)
print(math.type(1), math.type(1.0), math.tointeger("8"), tostring(1e15), 0.1 + 0.2, 1e300 * 1e10)
print(string.unpack("<i4z", string.pack("<i4z", -2, "packed")))
print(utf8.char(228, 8364, 128512), utf8.len("äöü"), #"äöü")
goto done
print("never")
::done::
print(_VERSION, load("return ...", "chunk", "t")(5))
"#;
    let expected = "hell0 w0rld\tkey\tvalue\n 3.14|ab    |\"a\\\nb\"|ff|0x1p+0
fox,the,brown,quick\t2\t3
3\t-4\t-2\t9.007199254741e+15\t4611686018427387904\ttrue\t5.0
integer\tfloat\t8\t1e+15\t0.3\tinf
-2\tpacked\t12
ä€😀\t3\t6
Lua 5.4\t5
";
    assert_eq!(printed(script), expected);
}

#[test]
fn files_of_the_sandbox() {
    let script = r##"
local file = assert(io.open("data.txt", "w"))
file:write("one\n", 2, "\n", "three")
file:close()
for line in io.lines("data.txt") do io.write("[", line, "]") end
print()
local file <close> = assert(io.open("data.txt", "r+"))
print(file:seek("end"), file:seek("set", 4), file:read("n", "L", "a"))
print(io.open("none.txt"))
print(os.rename("data.txt", "moved.txt"), os.remove("none.txt"))
print(select("#", os.remove("moved.txt")), io.open("moved.txt"))
local temporary = io.tmpfile()
temporary:write("kept in no directory")
temporary:seek("set")
print(temporary:read("a"))
local name = os.tmpname()
print(name:match("^/tmp/lua_%w%w%w%w%w%w$") == name, io.open(name) ~= nil, os.remove(name))
print(os.getenv("HOME"), os.getenv("NOTHING"), os.date("!%Y-%m-%d", 86400), os.time({year = 2001, month = 1, day = 1, hour = 0}))
local start = os.clock()
local n = 0
while os.clock() - start < 0.02 do n = n + 1 end
print(n > 0)
"##;
    let expected = "[one][2][three]
11\t4\t2\t\n\tthree
nil\tnone.txt: No such file or directory\t2
true\tnil\tnone.txt: No such file or directory\t2
1\tnil\tmoved.txt: No such file or directory\t2
kept in no directory
true\ttrue\ttrue
/root\tnil\t1970-01-02\t978307200
true
";
    // The numbers of errors are WASI's.
    assert_eq!(printed(script).replace("\t44\n", "\t2\n"), expected);
}

#[test]
fn other_programs() {
    let script = r#"
local pipe = io.popen("seq 1 5 | sort -rn")
print((pipe:read("a"):gsub("\n", " ")))
print(pipe:close())
local pipe = io.popen("cat > copied; exit 3", "w")
pipe:write("through a pipe")
print(pipe:close())
print(io.open("copied"):read("a"))
print(os.execute("exit 4"))
print(os.execute("kill -TERM $$"))
print(os.execute(), os.execute("true"))
io.write("before ")
os.execute("echo between")
print("after")
"#;
    let expected =
        "5 4 3 2 1 \ntrue\texit\t0\nnil\texit\t3\nthrough a pipe\nnil\texit\t4\nnil\tsignal\t15\ntrue\ttrue\texit\t0\n";
    let printed = printed(script);
    assert!(printed.starts_with(expected), "{printed}");
    let mut rest: Vec<_> = printed[expected.len()..].split_whitespace().collect();
    rest.sort_unstable();
    assert_eq!(rest, ["after", "before", "between"]);
}

#[test]
fn modules_and_arguments() {
    test(async {
        let sandbox = sandbox().await;
        sandbox.write("greet.lua", "return {hello = function(name) return 'hello ' .. name end}").await.unwrap();
        sandbox.write("args.lua", "#!/usr/bin/env lua\nprint(arg[0], #arg, ...)\nprint(arg[-1])").await.unwrap();
        let result = lua(&sandbox, ["-l", "greet", "-e", "print(greet.hello('you'))"]).await;
        assert_eq!(stdout(&result), "hello you\n");
        let result = lua(&sandbox, ["-lg=greet", "-eprint(g.hello('me'))", "args.lua", "a b", "c"]).await;
        assert_eq!(stdout(&result), "hello me\nargs.lua\t2\ta b\tc\n-eprint(g.hello('me'))\n");
        let result = sandbox.sh("chmod +x args.lua; ./args.lua x").await;
        assert_eq!(stdout(&result), "./args.lua\t1\tx\nlua\n");
        let result = sandbox.ran(Command::new("lua").arg("-e").arg("print(x)").env("LUA_INIT", "x = 'set'")).await;
        assert_eq!(stdout(&result), "set\n");
        let ignores = Command::new("lua").args(["-E", "-e", "print(x)"]).env("LUA_INIT", "x = 'set'");
        assert_eq!(stdout(&sandbox.ran(ignores).await), "nil\n");
    });
}

#[test]
fn standard_input() {
    test(async {
        let sandbox = sandbox().await;
        let script = "print(io.read('n') + 1)";
        assert_eq!(stdout(&sandbox.ran(Command::new("lua").stdin("print(2 + 3)".to_owned())).await), "5\n");
        let result = sandbox.ran(Command::new("lua").args(["-", "x"]).stdin("print(arg[0], ...)".to_owned())).await;
        assert_eq!(stdout(&result), "-\tx\n");
        let result = sandbox.ran(Command::new("lua").args(["-e", script]).stdin("41".to_owned())).await;
        assert_eq!(stdout(&result), "42\n");
        let sum = "seq 1 100 | lua -e 'local s = 0; for n in io.lines() do s = s + n end; print(s)' | rev";
        assert_eq!(stdout(&sandbox.sh(sum).await), "0505\n");
        // Without a terminal, `-i` reads from a pipe as well.
        let typed = "x = 6\n= x * 7\nfor i = 1, 2 do\nio.write(i, ';') end\nnil + 1\nx, 'two'\n";
        let result = sandbox.ran(Command::new("lua").arg("-i").stdin(typed.to_owned())).await;
        assert!(stdout(&result).ends_with("> > 42\n> >> 1;2;> > 6\ttwo\n> \n"), "{}", result.stdout);
        assert!(
            result.stderr.starts_with("stdin:1: attempt to perform arithmetic on a nil value\n"),
            "{}",
            result.stderr
        );
    });
}

#[test]
fn exit_codes_and_messages() {
    test(async {
        let sandbox = sandbox().await;
        sandbox.write("fails.lua", "local function inner() error('broken') end\ninner()\n").await.unwrap();
        let result = lua(&sandbox, ["fails.lua"]).await;
        assert_eq!(result.exit_code, 1);
        let expected = "lua: fails.lua:1: broken\nstack traceback:\n\t[C]: in function 'error'\n\tfails.lua:1: in local \
                        'inner'\n\tfails.lua:2: in main chunk\n\t[C]: in ?";
        assert_eq!(result.stderr.trim_end(), expected);
        for (arguments, code, told) in [
            (["-e", "os.exit(7)"], 7, ""),
            (["-e", "os.exit(false)"], 1, ""),
            (["-e", "os.exit(true, true)"], 0, ""),
            (["-e", "error()"], 1, "lua: (error object is a nil value)\nstack traceback:\n"),
            (["-e", "error({})"], 1, "lua: (error object is a table value)\n"),
            (["-e", "x ="], 1, "lua: (command line):1: unexpected symbol near <eof>"),
            (["-E", "none.lua"], 1, "lua: cannot open none.lua"),
            (["-E", "-x"], 1, "lua: unrecognized option '-x'\nusage: lua [options] [script [args]]"),
            (["-E", "-e"], 1, "lua: '-e' needs argument\nusage: lua [options] [script [args]]"),
            (["-W", "-ewarn('be', 'ware')"], 0, "Lua warning: beware"),
        ] {
            let result = lua(&sandbox, arguments).await;
            assert_eq!(result.exit_code, code, "{arguments:?}: {}", result.stderr);
            assert!(result.stderr.starts_with(told), "{arguments:?}: {}", result.stderr);
        }
        assert!(stdout(&lua(&sandbox, ["-v"]).await).starts_with("Lua 5.4."));
        let looping = Command::new("lua").args(["-e", "while true do end"]).timeout(Duration::from_secs(1));
        assert!(sandbox.run(looping).await.unwrap().timed_out());
    });
}

#[test]
fn the_prompt_on_a_terminal() {
    test(async {
        let sandbox = sandbox().await;
        let terminal = sandbox.create_pty(PtySpec::new(Command::new("lua"))).await.unwrap();
        let mut screen = Screen::of(&*terminal).await;
        screen.expect("Lua 5.4").await;
        screen.expect("> ").await;
        terminal.send_input(b"6 * 7, 'two'\r").await.unwrap();
        screen.expect("42\ttwo\r\n> ").await;
        terminal.send_input(b"function twice(x)\r").await.unwrap();
        screen.expect(">> ").await;
        terminal.send_input(b"return x .. x end\r").await.unwrap();
        screen.expect("> ").await;
        terminal.send_input(b"twice('ab')\r").await.unwrap();
        screen.expect("abab\r\n> ").await;
        terminal.send_input(b"local none; none.x = 1\r").await.unwrap();
        screen.expect("attempt to index a nil value").await;
        screen.expect("> ").await;
        // An interrupt ends the loop and not the prompt.
        terminal.send_input(b"print('in' .. 'side'); while true do end\r").await.unwrap();
        screen.expect("inside\r\n").await;
        terminal.send_input(b"\x03").await.unwrap();
        screen.expect("interrupted!").await;
        screen.expect("> ").await;
        terminal.send_input(b"os.exit(5)\r").await.unwrap();
        assert_eq!(terminal.wait().await.unwrap(), 5);
    });
}
