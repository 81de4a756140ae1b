//! `which`: where along `PATH` a command is.

use std::io::Write;

use stillbox_tools::getopt::Getopt;
use stillbox_tools::metadata::stat;
use stillbox_tools::program::{Outcome, stdout};

pub fn main(args: &[String]) -> Outcome {
    let mut options = Getopt::new(args, "as", &[("all", "a")]).usage_status(2);
    let (mut all, mut silent) = (false, false);
    while let Some((key, _)) = options.next_option()? {
        match key {
            "a" => all = true,
            _ => silent = true,
        }
    }
    let names = options.operands();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut out = stdout();
    let mut status = i32::from(names.is_empty());
    for name in &names {
        let candidates: Vec<String> = if name.contains('/') {
            vec![name.clone()]
        } else {
            path.split(':')
                .map(|dir| if dir.is_empty() { format!("./{name}") } else { format!("{dir}/{name}") })
                .collect()
        };
        let mut found =
            candidates.iter().filter(|path| is_executable(path)).take(if all { usize::MAX } else { 1 }).peekable();
        if found.peek().is_none() {
            status = 1;
        }
        for path in found {
            if !silent {
                writeln!(out, "{path}")?;
            }
        }
    }
    out.flush()?;
    Ok(status)
}

fn is_executable(path: &str) -> bool {
    stat(path).is_ok_and(|stat| stat.is_file() && stat.mode & 0o111 != 0)
}
