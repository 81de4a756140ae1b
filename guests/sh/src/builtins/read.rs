//! `read` and `mapfile`.

use std::time::{Duration, Instant};

use stillbox_sys::{self as sys, Errno, Fd, PollFd};

use super::options;
use crate::input::LineReader;
use crate::redirect::real_fd;
use crate::shell::{Flow, Shell};
use crate::text;

/// Is what the options of `read` say.
struct Request {
    raw: bool,
    delimiter: u8,
    /// How many characters at most, and whether the delimiter ends it before that.
    limit: Option<(usize, bool)>,
    deadline: Option<Instant>,
    fd: Fd,
}

/// Is what was read; a backslash marks the character after it as protected.
struct Line {
    chars: Vec<(char, bool)>,
    /// Whether the delimiter ended it.
    complete: bool,
    timed_out: bool,
}

pub fn read(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, names) = match options(arguments, "ers", "adinNptu") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("read", letter)),
    };
    let mut request = Request { raw: false, delimiter: b'\n', limit: None, deadline: None, fd: 0 };
    let (mut array, mut silent, mut timeout) = (None, false, None);
    for (letter, value) in &found {
        let bad = |shell: &mut Shell, what: &str| {
            shell.error(format_args!("read: {value}: {what}"));
            Ok(1)
        };
        match letter {
            'r' => request.raw = true,
            's' => silent = true,
            'a' => array = Some(value.clone()),
            'd' => request.delimiter = text::encode(value).first().copied().unwrap_or(0),
            'n' | 'N' => match value.parse::<usize>() {
                Ok(count) => request.limit = Some((count, *letter == 'n')),
                Err(_) => return bad(shell, "invalid number"),
            },
            't' => match value.parse::<f64>() {
                Ok(seconds) if seconds >= 0.0 => timeout = Some(Duration::from_secs_f64(seconds)),
                _ => return bad(shell, "invalid timeout specification"),
            },
            'u' => match value.parse::<Fd>() {
                Ok(fd) => request.fd = real_fd(fd),
                Err(_) => return bad(shell, "invalid file descriptor specification"),
            },
            'p' if sys::isatty(0) => drop(sys::write_all(2, &text::encode(value))),
            _ => {}
        }
    }
    if let Some(name) =
        names.iter().find(|n| !crate::variables::is_name(n) && crate::parameters::split_element(n).is_none())
    {
        shell.error(format_args!("read: `{name}': not a valid identifier"));
        return Ok(1);
    }
    if timeout == Some(Duration::ZERO) {
        // Only asks whether there is input.
        let mut fds = [PollFd { fd: request.fd, readable: true, writable: false }];
        let ready = sys::poll(&mut fds, Some(Duration::ZERO)).unwrap_or(0) > 0;
        return Ok(if ready { 0 } else { 1 });
    }
    request.deadline = timeout.map(|t| Instant::now() + t);
    if !sys::is_open(request.fd) {
        shell.error(format_args!("read: {}: invalid file descriptor: {}", request.fd, Errno::BADF));
        return Ok(1);
    }
    let tty = if silent { sys::tty_get().ok() } else { None };
    if let Some(tty) = &tty {
        let _ = sys::tty_set(&sys::Tty { echo: false, ..*tty });
    }
    let line = read_line(shell, &request);
    if let Some(tty) = &tty {
        let _ = sys::tty_set(tty);
    }
    let line = line?;
    let status = if line.timed_out { 142 } else { i32::from(!line.complete) };
    store(shell, &line, &request, names, array)?;
    Ok(status)
}

fn read_line(shell: &mut Shell, request: &Request) -> Flow<Line> {
    let mut reader = LineReader::new(request.fd);
    let mut line = Line { chars: Vec::new(), complete: false, timed_out: false };
    // The bytes of a character that is not complete yet.
    let mut partial: Vec<u8> = Vec::new();
    let mut escaped = false;
    let mut fresh = true;
    if let Some((0, _)) = request.limit {
        line.complete = true;
        return Ok(line);
    }
    loop {
        if let Some(deadline) = request.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut fds = [PollFd { fd: request.fd, readable: true, writable: false }];
            let ready = sys::poll(&mut fds, Some(left));
            if ready == Ok(0) {
                line.timed_out = true;
                break;
            }
        }
        let byte = match reader.next() {
            Ok(Some(byte)) => byte,
            Ok(None) => break,
            Err(Errno::INTR) => {
                shell.run_pending_traps()?;
                continue;
            }
            Err(errno) => {
                shell.error(format_args!("read: read error: {}: {errno}", request.fd));
                break;
            }
        };
        let delimits = request.limit.is_none_or(|(_, delimiter)| delimiter);
        if !escaped && byte == request.delimiter && delimits {
            line.complete = true;
            break;
        }
        if !request.raw && !escaped && byte == b'\\' {
            escaped = true;
            continue;
        }
        if escaped && byte == b'\n' {
            // A protected newline joins lines.
            escaped = false;
            continue;
        }
        if byte == 0 {
            continue;
        }
        partial.push(byte);
        let protected =
            std::mem::take(&mut escaped) || (!fresh && line.chars.last().is_some_and(|c| c.1) && partial.len() > 1);
        fresh = partial.len() == 1;
        let wanted = match partial[0] {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => 1,
        };
        if partial.len() < wanted && std::str::from_utf8(&partial).is_err_and(|e| e.error_len().is_none()) {
            continue;
        }
        for c in text::decode(&partial).chars() {
            line.chars.push((c, protected));
        }
        partial.clear();
        if let Some((limit, _)) = request.limit
            && line.chars.len() >= limit
        {
            line.complete = true;
            break;
        }
    }
    line.chars.extend(text::decode(&partial).chars().map(|c| (c, false)));
    reader.give_back();
    Ok(line)
}

fn store(shell: &mut Shell, line: &Line, request: &Request, names: &[String], array: Option<String>) -> Flow<()> {
    let whole: String = line.chars.iter().map(|c| c.0).collect();
    if let Some(name) = array {
        let fields = split(&line.chars, &shell.ifs(), usize::MAX);
        return shell.set_list(&name, fields);
    }
    let assign = |shell: &mut Shell, name: &str, value: &str| match crate::parameters::split_element(name) {
        Some((base, index)) => shell.assign(base, Some(index), value, false),
        None => shell.set(name, value),
    };
    if names.is_empty() {
        return shell.set("REPLY", &whole);
    }
    // `-N` takes the characters as they are.
    if matches!(request.limit, Some((_, false))) {
        assign(shell, &names[0], &whole)?;
        for name in &names[1..] {
            assign(shell, name, "")?;
        }
        return Ok(());
    }
    let mut fields = split(&line.chars, &shell.ifs(), names.len()).into_iter();
    for name in names {
        let value = fields.next().unwrap_or_default();
        assign(shell, name, &value)?;
    }
    Ok(())
}

/// Splits a line into at most so many fields; the last one takes the rest.
fn split(chars: &[(char, bool)], ifs: &str, most: usize) -> Vec<String> {
    let is_blank = |c: &(char, bool)| !c.1 && ifs.contains(c.0) && matches!(c.0, ' ' | '\t' | '\n');
    let is_delimiter = |c: &(char, bool)| !c.1 && ifs.contains(c.0);
    let skip_blanks = |mut at: usize| {
        while chars.get(at).is_some_and(is_blank) {
            at += 1;
        }
        at
    };
    let mut fields = Vec::new();
    let mut at = skip_blanks(0);
    while at < chars.len() {
        if fields.len() + 1 == most {
            let mut end = chars.len();
            while end > at && is_blank(&chars[end - 1]) {
                end -= 1;
            }
            // One delimiter at the very end belongs to the only field that it ends.
            let field = &chars[at..end];
            if let Some((last, before)) = field.split_last()
                && is_delimiter(last)
                && !before.iter().any(is_delimiter)
            {
                end -= 1;
                while end > at && is_blank(&chars[end - 1]) {
                    end -= 1;
                }
            }
            fields.push(chars[at..end].iter().map(|c| c.0).collect());
            return fields;
        }
        let end = (at..chars.len()).find(|i| is_delimiter(&chars[*i])).unwrap_or(chars.len());
        fields.push(chars[at..end].iter().map(|c| c.0).collect());
        at = skip_blanks(end);
        if chars.get(at).is_some_and(|c| is_delimiter(c) && !is_blank(c))
            && (at > end || chars.get(end).is_some_and(|c| !is_blank(c)))
        {
            at = skip_blanks(at + 1);
        }
    }
    fields
}

pub fn mapfile(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let (found, names) = match options(arguments, "t", "dnOsucC") {
        Ok(parsed) => parsed,
        Err(letter) => return Ok(shell.bad_option("mapfile", letter)),
    };
    let (mut delimiter, mut trim, mut most, mut skip, mut origin, mut fd) = (b'\n', false, 0, 0, None, 0);
    let (mut callback, mut quantum) = (None, 5000);
    for (letter, value) in &found {
        let number = || value.parse::<usize>().unwrap_or(0);
        match letter {
            't' => trim = true,
            'd' => delimiter = text::encode(value).first().copied().unwrap_or(0),
            'n' => most = number(),
            's' => skip = number(),
            'O' => origin = Some(number()),
            'u' => fd = real_fd(value.parse().unwrap_or(0)),
            'C' => callback = Some(value.clone()),
            _ => quantum = number().max(1),
        }
    }
    let name = names.first().cloned().unwrap_or_else(|| "MAPFILE".to_owned());
    let mut reader = LineReader::new(fd);
    let mut lines: Vec<String> = Vec::new();
    let mut line = Vec::new();
    let mut skipped = 0;
    while most == 0 || lines.len() < most {
        let byte = match reader.next() {
            Ok(byte) => byte,
            Err(Errno::INTR) => continue,
            Err(_) => None,
        };
        match byte {
            Some(byte) => {
                let ends = byte == delimiter;
                if !ends || !trim && byte != 0 {
                    line.push(byte);
                }
                if !ends {
                    continue;
                }
            }
            None if line.is_empty() => break,
            None => {}
        }
        let text = text::decode_vec(std::mem::take(&mut line));
        if skipped < skip {
            skipped += 1;
        } else {
            lines.push(text);
        }
        if byte.is_none() {
            break;
        }
    }
    reader.give_back();
    if origin.is_none() {
        shell.set_list(&name, Vec::new())?;
    }
    let start = origin.unwrap_or(0);
    for (at, line) in lines.into_iter().enumerate() {
        if let Some(callback) = &callback
            && (at + 1).is_multiple_of(quantum)
        {
            let command = format!("{callback} {} {}", start + at, crate::escape::single_quote(&line));
            shell.run_text(&command)?;
        }
        shell.indexed(&name).insert((start + at) as u64, line);
    }
    Ok(0)
}
