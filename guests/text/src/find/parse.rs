//! Reads the command line.

use super::expr::{Access, Amount, Batch, Expr, Perm, Time};
use super::printf::Format;
use super::{Command, Follow};
use crate::regex::{Options, Regex, Syntax};
use crate::stat::Stat;
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

const HELP: &str = "\
Usage: find [-H] [-L] [-P] [path...] [expression]

operators: ( EXPR )  ! EXPR  -not EXPR  EXPR -a EXPR  EXPR -o EXPR  EXPR , EXPR
options: -daystart -depth -maxdepth N -mindepth N -xdev -follow -regextype TYPE
tests: -amin -anewer -atime -cmin -cnewer -ctime -empty -executable -false -gid -group -ilname -iname -inum -ipath
  -iregex -links -lname -mmin -mtime -name -newer -newerXY -path -perm -readable -regex -samefile -size -true -type
  -uid -user -writable -xtype
actions: -delete -exec -execdir -ls -ok -print -print0 -printf -prune -quit
";

struct Parser {
    args: Vec<String>,
    at: usize,
    depth_first: bool,
    min_depth: usize,
    max_depth: usize,
    one_file_system: bool,
    follow: Follow,
    has_action: bool,
    regex_syntax: Syntax,
    now: (i64, u32),
    day_start: bool,
    nesting: usize,
}

/// Reads the command line; `None` if it only asked for help, which has been given.
pub fn parse(args: Vec<String>) -> Result<Option<Command>, String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = (since.as_secs() as i64, since.subsec_nanos());
    let mut parser = Parser {
        args,
        at: 0,
        depth_first: false,
        min_depth: 0,
        max_depth: usize::MAX,
        one_file_system: false,
        follow: Follow::Never,
        has_action: false,
        regex_syntax: Syntax::Basic,
        now,
        day_start: false,
        nesting: 0,
    };
    while let Some(arg) = parser.peek() {
        match arg {
            "-H" => parser.follow = Follow::Operands,
            "-L" => parser.follow = Follow::Always,
            "-P" => parser.follow = Follow::Never,
            "-help" | "--help" => {
                print!("{HELP}");
                return Ok(None);
            }
            "-version" | "--version" => {
                println!("find (Stillbox, compatible with GNU findutils) {}", env!("CARGO_PKG_VERSION"));
                return Ok(None);
            }
            arg if arg.starts_with("-O") => {}
            _ => break,
        }
        parser.at += 1;
    }
    let starts_expr = |arg: &str| (arg.len() > 1 && arg.starts_with('-')) || matches!(arg, "(" | ")" | "!" | ",");
    let mut roots = Vec::new();
    while let Some(arg) = parser.peek().filter(|arg| !starts_expr(arg)) {
        roots.push(arg.to_owned());
        parser.at += 1;
    }
    if roots.is_empty() {
        roots.push(".".to_owned());
    }
    let mut expr = if parser.peek().is_none() { Expr::True } else { parser.list()? };
    if let Some(arg) = parser.peek() {
        return Err(match arg {
            ")" => "you have too many ')'".to_owned(),
            arg if arg.starts_with('-') => format!("unknown predicate `{arg}'"),
            arg => format!("paths must precede expression: `{arg}'"),
        });
    }
    if !parser.has_action {
        expr = Expr::And(Box::new(expr), Box::new(Expr::Print));
    }
    Ok(Some(Command {
        follow: parser.follow,
        roots,
        expr,
        depth_first: parser.depth_first,
        min_depth: parser.min_depth,
        max_depth: parser.max_depth,
        one_file_system: parser.one_file_system,
    }))
}

impl Parser {
    fn peek(&self) -> Option<&str> {
        self.args.get(self.at).map(String::as_str)
    }

    fn eat(&mut self, words: &[&str]) -> bool {
        let found = self.peek().is_some_and(|arg| words.contains(&arg));
        self.at += usize::from(found);
        found
    }

    fn list(&mut self) -> Result<Expr, String> {
        let mut left = self.or()?;
        while self.eat(&[","]) {
            left = Expr::List(Box::new(left), Box::new(self.or()?));
        }
        Ok(left)
    }

    fn or(&mut self) -> Result<Expr, String> {
        let mut left = self.and()?;
        while self.eat(&["-o", "-or"]) {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, String> {
        let mut left = self.not()?;
        loop {
            let explicit = self.eat(&["-a", "-and"]);
            if !explicit && matches!(self.peek(), None | Some(")" | "-o" | "-or" | ",")) {
                return Ok(left);
            }
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
    }

    fn not(&mut self) -> Result<Expr, String> {
        self.nesting += 1;
        if self.nesting > 250 {
            return Err("the expression is nested too deeply".to_owned());
        }
        let expr = if self.eat(&["!", "-not"]) { Expr::Not(Box::new(self.not()?)) } else { self.primary()? };
        self.nesting -= 1;
        Ok(expr)
    }

    fn value(&mut self, name: &str) -> Result<String, String> {
        self.at += 1;
        self.args.get(self.at - 1).cloned().ok_or_else(|| format!("missing argument to `{name}'"))
    }

    fn primary(&mut self) -> Result<Expr, String> {
        let Some(name) = self.args.get(self.at).cloned() else {
            return Err("expected an expression".to_owned());
        };
        self.at += 1;
        let name = name.as_str();
        if name == "(" {
            if self.eat(&[")"]) {
                return Err("invalid expression; empty parentheses are not allowed.".to_owned());
            }
            let inner = self.list()?;
            if !self.eat(&[")"]) {
                return Err(
                    "invalid expression; I was expecting to find a ')' somewhere but did not see one.".to_owned()
                );
            }
            return Ok(inner);
        }
        if let Some(action) = self.action(name)? {
            self.has_action |= !matches!(action, Expr::Prune | Expr::Quit);
            return Ok(action);
        }
        if self.option(name)? {
            return Ok(Expr::True);
        }
        self.test(name)
    }

    /// Reads what holds for the whole run; returns whether `name` is such.
    fn option(&mut self, name: &str) -> Result<bool, String> {
        match name {
            "-depth" | "-d" => self.depth_first = true,
            "-maxdepth" => self.max_depth = self.count(name)?,
            "-mindepth" => self.min_depth = self.count(name)?,
            "-xdev" | "-mount" => self.one_file_system = true,
            "-follow" => self.follow = Follow::Always,
            "-daystart" => self.day_start = true,
            "-noleaf" | "-warn" | "-nowarn" | "-ignore_readdir_race" | "-noignore_readdir_race" => {}
            "-regextype" => {
                self.regex_syntax = match self.value(name)?.as_str() {
                    "posix-extended" | "posix-egrep" | "egrep" | "awk" | "posix-awk" | "gnu-awk" => Syntax::Extended,
                    "posix-basic" | "grep" | "sed" | "ed" | "emacs" | "findutils-default" => Syntax::Basic,
                    other => return Err(format!("Unknown regular expression type `{other}'")),
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn count(&mut self, name: &str) -> Result<usize, String> {
        let text = self.value(name)?;
        text.parse().map_err(|_| format!("Expected a positive decimal integer argument to {name}, but got `{text}'"))
    }

    fn action(&mut self, name: &str) -> Result<Option<Expr>, String> {
        Ok(Some(match name {
            "-print" => Expr::Print,
            "-print0" => Expr::Print0,
            "-printf" => Expr::Printf(Format::parse(&self.value(name)?)?),
            "-ls" => Expr::Ls,
            "-delete" => {
                self.depth_first = true;
                Expr::Delete
            }
            "-prune" => Expr::Prune,
            "-quit" => Expr::Quit,
            "-exec" | "-execdir" | "-ok" | "-okdir" => self.exec(name)?,
            "-fprint" | "-fprint0" | "-fprintf" | "-fls" => return Err(format!("{name} is not supported")),
            _ => return Ok(None),
        }))
    }

    fn exec(&mut self, name: &str) -> Result<Expr, String> {
        let directory = name.ends_with("dir");
        let ask = name.starts_with("-ok");
        let mut command: Vec<String> = Vec::new();
        loop {
            let Some(arg) = self.args.get(self.at).cloned() else {
                return Err(format!("missing argument to `{name}'"));
            };
            self.at += 1;
            if arg == ";" {
                break;
            }
            if arg == "+" && !ask && command.last().is_some_and(|last| last == "{}") {
                command.pop();
                if command.iter().any(|arg| arg.contains("{}")) {
                    return Err(format!("Only one instance of {{}} is supported with {name} ... +"));
                }
                return Ok(Expr::ExecBatch { batch: Batch { command, waiting: RefCell::default() }, directory });
            }
            command.push(arg);
        }
        if command.is_empty() {
            return Err(format!("invalid argument `;' to `{name}'"));
        }
        Ok(Expr::Exec { command, directory, ask })
    }

    fn test(&mut self, name: &str) -> Result<Expr, String> {
        let ignore_case = name.starts_with("-i");
        Ok(match name {
            "-true" => Expr::True,
            "-false" => Expr::False,
            "-name" | "-iname" => Expr::Name { pattern: self.value(name)?, ignore_case },
            "-path" | "-ipath" | "-wholename" | "-iwholename" => {
                Expr::Path { pattern: self.value(name)?, ignore_case: ignore_case || name == "-iwholename" }
            }
            "-lname" | "-ilname" => Expr::LinkName { pattern: self.value(name)?, ignore_case },
            "-regex" | "-iregex" => {
                let mut options = Options::new(self.regex_syntax);
                options.ignore_case = ignore_case;
                options.whole_line = true;
                let regex = Regex::new(self.value(name)?.as_bytes(), &options).map_err(|error| error.to_string())?;
                Expr::Regex(Box::new(regex))
            }
            "-type" | "-xtype" => {
                let letters = self.value(name)?;
                if letters.is_empty()
                    || letters.split(',').any(|letter| !matches!(letter, "b" | "c" | "d" | "p" | "f" | "l" | "s"))
                {
                    return Err(format!("Unknown argument to {name}: {letters}"));
                }
                Expr::Type { letters, through: name == "-xtype" }
            }
            "-size" => {
                let text = self.value(name)?;
                let (number, unit) = match text.chars().last() {
                    Some('c') => (&text[..text.len() - 1], 1),
                    Some('w') => (&text[..text.len() - 1], 2),
                    Some('b') => (&text[..text.len() - 1], 512),
                    Some('k') => (&text[..text.len() - 1], 1 << 10),
                    Some('M') => (&text[..text.len() - 1], 1 << 20),
                    Some('G') => (&text[..text.len() - 1], 1 << 30),
                    _ => (text.as_str(), 512),
                };
                let amount = parse_amount(number).ok_or_else(|| format!("Invalid argument `{text}' to -size"))?;
                Expr::Size { amount, unit }
            }
            "-empty" => Expr::Empty,
            "-mtime" | "-atime" | "-ctime" => self.age(name, 86_400)?,
            "-mmin" | "-amin" | "-cmin" => self.age(name, 60)?,
            "-newer" | "-anewer" | "-cnewer" => {
                let stat = self.reference(name)?;
                Expr::Newer { time: time_of(name), than: stat.mtime }
            }
            "-perm" => Expr::Perm(self.permissions()?),
            "-readable" => Expr::Access(Access::Read),
            "-writable" => Expr::Access(Access::Write),
            "-executable" => Expr::Access(Access::Execute),
            "-links" => Expr::Links(self.amount(name)?),
            "-inum" => Expr::Inode(self.amount(name)?),
            "-samefile" => {
                let stat = self.reference(name)?;
                Expr::SameFile(stat.dev, stat.ino)
            }
            "-user" | "-uid" => Expr::User(self.id(name)?),
            "-group" | "-gid" => Expr::Group(self.id(name)?),
            "-nouser" | "-nogroup" => Expr::False,
            name if name.starts_with("-newer") && name.len() == 8 => self.newer(name)?,
            name if name.starts_with('-') => return Err(format!("unknown predicate `{name}'")),
            name => return Err(format!("paths must precede expression: `{name}'")),
        })
    }

    fn amount(&mut self, name: &str) -> Result<Amount, String> {
        let text = self.value(name)?;
        parse_amount(&text).ok_or_else(|| format!("invalid argument `{text}' to `{name}'"))
    }

    fn age(&mut self, name: &str, seconds: u64) -> Result<Expr, String> {
        let amount = self.amount(name)?;
        let day_end = ((self.now.0 / 86_400 + 1) * 86_400, 0);
        let from = if self.day_start { day_end } else { self.now };
        Ok(Expr::Age { time: time_of(name), amount, seconds, from })
    }

    fn reference(&mut self, name: &str) -> Result<Stat, String> {
        let path = self.value(name)?;
        let follow = self.follow != Follow::Never;
        Stat::of(&path, follow).map_err(|error| format!("‘{path}’: {}", crate::io::message(&error)))
    }

    /// Reads `-newerXY`: a time of the file against a time of another one.
    fn newer(&mut self, name: &str) -> Result<Expr, String> {
        let (mine, other) = (&name[6..7], &name[7..8]);
        let time = match mine {
            "a" => Time::Access,
            "m" => Time::Modified,
            "c" => Time::Changed,
            _ => return Err(format!("unknown predicate `{name}'")),
        };
        let than = match other {
            "t" => {
                let text = self.value(name)?;
                (
                    parse_date(&text)
                        .ok_or_else(|| format!("I cannot figure out how to interpret ‘{text}’ as a date or time"))?,
                    0,
                )
            }
            "a" | "m" | "c" => {
                let stat = self.reference(name)?;
                match other {
                    "a" => stat.atime,
                    "m" => stat.mtime,
                    _ => stat.ctime,
                }
            }
            _ => return Err(format!("unknown predicate `{name}'")),
        };
        Ok(Expr::Newer { time, than })
    }

    /// Reads the number of a user or a group; there is one of each with a name.
    fn id(&mut self, name: &str) -> Result<u32, String> {
        let text = self.value(name)?;
        match text.as_str() {
            "root" => Ok(0),
            text => text
                .parse()
                .map_err(|_| format!("‘{text}’ is not the name of a known {}", name.trim_start_matches('-'))),
        }
    }

    fn permissions(&mut self) -> Result<Perm, String> {
        let text = self.value("-perm")?;
        let invalid = || format!("invalid mode ‘{text}’");
        let parse = |mode: &str| parse_mode(mode).ok_or_else(invalid);
        Ok(match text.chars().next() {
            Some('-') => Perm::All(parse(&text[1..])?),
            Some('/') => Perm::Any(parse(&text[1..])?),
            _ => Perm::Exactly(parse(&text)?),
        })
    }
}

fn time_of(name: &str) -> Time {
    match name.as_bytes().get(1) {
        Some(b'a') => Time::Access,
        Some(b'c') => Time::Changed,
        _ => Time::Modified,
    }
}

fn parse_amount(text: &str) -> Option<Amount> {
    Some(if let Some(number) = text.strip_prefix('+') {
        Amount::More(number.parse().ok()?)
    } else if let Some(number) = text.strip_prefix('-') {
        Amount::Less(number.parse().ok()?)
    } else {
        Amount::Exactly(text.parse().ok()?)
    })
}

/// Reads a mode in digits, or as `u=rw,go+r`, which starts from none.
fn parse_mode(text: &str) -> Option<u32> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
    }
    let mut mode = 0;
    for clause in text.split(',') {
        let at = clause.find(['=', '+', '-'])?;
        let (who, what) = clause.split_at(at);
        let mut mask = 0;
        for letter in if who.is_empty() { "a" } else { who }.chars() {
            mask |= match letter {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o1007,
                'a' => 0o7777,
                _ => return None,
            };
        }
        let mut bits = 0;
        for letter in what[1..].chars() {
            bits |= match letter {
                'r' => 0o444,
                'w' => 0o222,
                'x' | 'X' => 0o111,
                's' => 0o6000,
                't' => 0o1000,
                _ => return None,
            };
        }
        if what.starts_with('-') {
            mode &= !(bits & mask);
        } else {
            mode |= bits & mask;
        }
    }
    Some(mode)
}

/// Reads `@seconds`, `YYYY-MM-DD` and `YYYY-MM-DD HH:MM[:SS]`, in UTC.
fn parse_date(text: &str) -> Option<i64> {
    if let Some(seconds) = text.strip_prefix('@') {
        return seconds.parse().ok();
    }
    let mut fields: Vec<&str> = text.split(['-', ' ', 'T', ':']).collect();
    if !matches!(fields.len(), 3 | 5 | 6)
        || fields.iter().any(|field| field.is_empty() || !field.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    fields.resize(6, "0");
    let seconds = crate::time::from_text(fields.join(" ").as_bytes());
    (seconds >= 0.0).then_some(seconds as i64)
}

#[cfg(test)]
mod tests {
    use super::{parse_date, parse_mode};

    #[test]
    fn modes_are_read_in_both_forms() {
        assert_eq!(parse_mode("644"), Some(0o644));
        assert_eq!(parse_mode("u=rw,g+r"), Some(0o640));
        assert_eq!(parse_mode("a+x"), Some(0o111));
        assert_eq!(parse_mode("u+s"), Some(0o4000));
        assert_eq!(parse_mode("z=r"), None);
        assert_eq!(parse_mode("99"), None);
    }

    #[test]
    fn dates_are_read() {
        assert_eq!(parse_date("@5"), Some(5));
        assert_eq!(parse_date("1970-01-02"), Some(86_400));
        assert_eq!(parse_date("1970-01-01 01:00"), Some(3600));
        assert_eq!(parse_date("yesterday"), None);
    }
}
