//! `tput`, `clear`, `reset`, and the pagers `less` and `more`.

use std::io::{self, Read, Write};

use stillbox_sys::{Tty, isatty, set_tty_modes, tty_get, tty_modes, tty_set};
use stillbox_tools::program::{Failure, Outcome, open_input, reason, stdout, warn};

/// Returns the terminal's size, from the environment or the kernel, else 80 by 24.
fn size() -> (u32, u32) {
    let variable = |name| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let kernel = tty_get().unwrap_or_default();
    let pick = |variable: Option<u32>, kernel: u32, default| match (variable, kernel) {
        (Some(given), _) if given > 0 => given,
        (_, 0) => default,
        (_, kernel) => kernel,
    };
    (pick(variable("COLUMNS"), kernel.cols, 80), pick(variable("LINES"), kernel.rows, 24))
}

pub fn clear(_args: &[String]) -> Outcome {
    write!(stdout(), "\x1b[H\x1b[2J\x1b[3J")?;
    Ok(0)
}

pub fn reset(_args: &[String]) -> Outcome {
    for fd in 0..3 {
        if let Ok(modes) = tty_modes(fd) {
            let _ = set_tty_modes(fd, &super::stty::sane(modes), false);
        }
    }
    write!(stdout(), "\x1bc\x1b[!p\x1b[?3;4l\x1b[4l\x1b>")?;
    Ok(0)
}

pub fn tput(args: &[String]) -> Outcome {
    let mut args = args.iter();
    let mut words = Vec::new();
    let mut from_stdin = false;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-T" => drop(args.next()),
            "-S" => from_stdin = true,
            "-V" => {}
            text if text.starts_with("-T") => {}
            text => words.push(text.to_owned()),
        }
    }
    let mut out = stdout();
    if from_stdin {
        let text = io::read_to_string(io::stdin()).unwrap_or_default();
        for line in text.lines() {
            capability(&line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>(), &mut out)?;
        }
        return Ok(0);
    }
    if words.is_empty() {
        return Err(Failure::new(2, "usage: tput [-V] [-S] [-T term] capname [parameters]"));
    }
    capability(&words, &mut out)
}

fn capability(words: &[String], out: &mut dyn Write) -> Outcome {
    let Some(name) = words.first() else { return Ok(0) };
    let parameter = |at: usize| words.get(at + 1).and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    let color = |base: u32, color: u32| match color {
        0..8 => format!("\x1b[{}m", base + color),
        8..16 => format!("\x1b[{}m", base + 60 + color - 8),
        _ => format!("\x1b[{};5;{color}m", base + 8),
    };
    let text = match name.as_str() {
        "cols" | "co" => format!("{}\n", size().0),
        "lines" | "li" => format!("{}\n", size().1),
        "colors" | "Co" => "256\n".into(),
        "longname" => "xterm terminal emulator\n".into(),
        "sgr0" | "me" => "\x1b(B\x1b[m".into(),
        "bold" | "md" => "\x1b[1m".into(),
        "dim" | "mh" => "\x1b[2m".into(),
        "sitm" => "\x1b[3m".into(),
        "ritm" => "\x1b[23m".into(),
        "smul" | "us" => "\x1b[4m".into(),
        "rmul" | "ue" => "\x1b[24m".into(),
        "blink" => "\x1b[5m".into(),
        "rev" | "smso" | "mr" | "so" => "\x1b[7m".into(),
        "rmso" | "se" => "\x1b[27m".into(),
        "setaf" | "AF" => color(30, parameter(0)),
        "setab" | "AB" => color(40, parameter(0)),
        "op" => "\x1b[39;49m".into(),
        "clear" | "cl" => "\x1b[H\x1b[2J\x1b[3J".into(),
        "el" | "ce" => "\x1b[K".into(),
        "el1" => "\x1b[1K".into(),
        "ed" | "cd" => "\x1b[J".into(),
        "cup" => format!("\x1b[{};{}H", parameter(0) + 1, parameter(1) + 1),
        "home" | "ho" => "\x1b[H".into(),
        "cuu1" => "\x1b[A".into(),
        "cuu" => format!("\x1b[{}A", parameter(0)),
        "cud" => format!("\x1b[{}B", parameter(0)),
        "cuf" => format!("\x1b[{}C", parameter(0)),
        "cub" => format!("\x1b[{}D", parameter(0)),
        "civis" | "vi" => "\x1b[?25l".into(),
        "cnorm" | "ve" => "\x1b[?12l\x1b[?25h".into(),
        "smcup" | "ti" => "\x1b[?1049h\x1b[22;0;0t".into(),
        "rmcup" | "te" => "\x1b[?1049l\x1b[23;0;0t".into(),
        "sc" => "\x1b7".into(),
        "rc" => "\x1b8".into(),
        "bel" => "\x07".into(),
        "init" | "reset" => "\x1b[!p".into(),
        other => return Err(Failure::new(4, format_args!("unknown terminfo capability '{other}'"))),
    };
    out.write_all(text.as_bytes())?;
    Ok(0)
}

/// `less` and `more`: `cat` unless stdout is a terminal, and a screen at a time there.
pub fn pager(args: &[String]) -> Outcome {
    let mut names: Vec<&str> = Vec::new();
    let mut numbered = false;
    let mut only_operands = false;
    for arg in args {
        match arg.as_str() {
            "--" if !only_operands => only_operands = true,
            "-N" if !only_operands => numbered = true,
            text if !only_operands && text.len() > 1 && text.starts_with(['-', '+']) => {}
            text => names.push(text),
        }
    }
    if names.is_empty() {
        if isatty(0) {
            return Err(Failure::new(1, "Missing filename (\"less --help\" for help)"));
        }
        names.push("-");
    }
    let mut text = Vec::new();
    let mut status = 0;
    for name in names {
        if let Err(error) = open_input(name).and_then(|mut input| input.read_to_end(&mut text)) {
            warn(format_args!("{name}: {}", reason(&error)));
            status = 1;
        }
    }
    let mut out = stdout();
    if !isatty(1) {
        out.write_all(&text)?;
        out.flush()?;
        return Ok(status);
    }
    let keys = std::fs::File::open("/dev/tty").map(|tty| Box::new(tty) as Box<dyn Read>);
    let keys = keys.unwrap_or_else(|_| Box::new(io::stdin()));
    page(&text, numbered, keys, &mut out)?;
    Ok(status)
}

fn page(text: &[u8], numbered: bool, keys: impl Read, out: &mut dyn Write) -> io::Result<()> {
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let rows = size().1.max(2) as usize - 1;
    let before = tty_get().ok();
    if let Some(tty) = &before {
        let _ = tty_set(&Tty { echo: false, line_buffered: false, ..*tty });
    }
    #[expect(clippy::unbuffered_bytes, reason = "what is typed ahead belongs to the next program")]
    let mut keys = keys.bytes();
    let mut shown = 0;
    let mut wanted = rows;
    while shown < lines.len() {
        let end = (shown + wanted).min(lines.len());
        for (at, line) in lines.iter().enumerate().take(end).skip(shown) {
            if numbered {
                write!(out, "{:>7} ", at + 1)?;
            }
            out.write_all(line)?;
        }
        shown = end;
        if shown == lines.len() {
            break;
        }
        write!(out, "\x1b[7m--More--({}%)\x1b[m", shown * 100 / lines.len())?;
        out.flush()?;
        let key = keys.next().transpose()?;
        write!(out, "\r\x1b[K")?;
        wanted = match key {
            None | Some(b'q' | b'Q' | 3) => break,
            Some(b'\n' | b'\r' | b'j') => 1,
            Some(b'd') => rows.div_ceil(2),
            Some(b'G') => usize::MAX - lines.len(),
            Some(_) => rows,
        };
    }
    if let Some(tty) = &before {
        let _ = tty_set(tty);
    }
    out.flush()
}
