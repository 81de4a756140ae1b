//! `printf`.

use stillbox_sys as sys;

use crate::escape::{self, Style};
use crate::shell::{Flow, Shell, now};
use crate::text;

/// Is one `%` of a format.
#[derive(Debug, Default, Clone)]
struct Spec {
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
}

struct Printer<'a> {
    shell: &'a mut Shell,
    arguments: &'a [String],
    next: usize,
    out: String,
    status: i32,
    stopped: bool,
}

pub fn printf(shell: &mut Shell, arguments: &[String]) -> Flow<i32> {
    let mut rest = &arguments[1..];
    let mut variable = None;
    while let Some(first) = rest.first() {
        if first == "--" {
            rest = &rest[1..];
            break;
        }
        if first == "-v" && rest.len() > 1 {
            variable = Some(rest[1].clone());
            rest = &rest[2..];
        } else if first.len() > 1 && first.starts_with('-') && !first.starts_with("-%") {
            let letter = first.chars().nth(1).unwrap_or('-');
            let status = shell.bad_option("printf", letter);
            shell.error("printf: usage: printf [-v var] format [arguments]");
            return Ok(status);
        } else {
            break;
        }
    }
    let Some((format, values)) = rest.split_first() else {
        shell.error("printf: usage: printf [-v var] format [arguments]");
        return Ok(2);
    };
    let mut printer = Printer { shell, arguments: values, next: 0, out: String::new(), status: 0, stopped: false };
    loop {
        let before = printer.next;
        printer.format(format)?;
        if printer.stopped || printer.next >= printer.arguments.len() || printer.next == before {
            break;
        }
    }
    let (out, status) = (std::mem::take(&mut printer.out), printer.status);
    match variable {
        Some(name) => {
            match crate::parameters::split_element(&name) {
                Some((base, index)) => shell.assign(base, Some(index), &out, false)?,
                None if crate::variables::is_name(&name) => shell.set(&name, &out)?,
                None => {
                    shell.error(format_args!("printf: `{name}': not a valid identifier"));
                    return Ok(2);
                }
            }
            Ok(status)
        }
        None => Ok(shell.print(&out).max(status)),
    }
}

impl Printer<'_> {
    fn argument(&mut self) -> Option<String> {
        let argument = self.arguments.get(self.next).cloned();
        self.next += 1;
        argument
    }

    fn format(&mut self, format: &str) -> Flow<()> {
        let mut chars = format.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => {
                    // The escape and all its digits go to the one place that knows them.
                    let end = escape_end(&format[at..]);
                    let (expanded, _) = escape::expand(&format[at..at + end], Style::Format);
                    self.out.push_str(&expanded);
                    while chars.peek().is_some_and(|(next, _)| *next < at + end) {
                        chars.next();
                    }
                }
                '%' => {
                    let end = self.conversion(&format[at..])?;
                    if self.stopped {
                        return Ok(());
                    }
                    while chars.peek().is_some_and(|(next, _)| *next < at + end) {
                        chars.next();
                    }
                }
                c => self.out.push(c),
            }
        }
        Ok(())
    }

    /// Handles one conversion and returns how long it is.
    fn conversion(&mut self, source: &str) -> Flow<usize> {
        let bytes = source.as_bytes();
        let mut at = 1;
        let mut spec = Spec::default();
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'-' => spec.left = true,
                b'0' => spec.zero = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'#' => spec.alternate = true,
                b'\'' => {}
                _ => break,
            }
            at += 1;
        }
        let number = |at: &mut usize, printer: &mut Self| -> Option<i64> {
            if bytes.get(*at) == Some(&b'*') {
                *at += 1;
                return Some(printer.argument().and_then(|a| a.parse().ok()).unwrap_or(0));
            }
            let start = *at;
            while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
                *at += 1;
            }
            source[start..*at].parse().ok()
        };
        let width = number(&mut at, self).unwrap_or(0);
        spec.left |= width < 0;
        // More than this is a mistake, and would only fill memory.
        spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(0).min(1 << 24);
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            let precision = number(&mut at, self).unwrap_or(0);
            spec.precision = usize::try_from(precision).ok().map(|p| p.min(1 << 24));
        }
        while matches!(bytes.get(at), Some(b'l' | b'h' | b'j' | b'z' | b't' | b'L')) {
            at += 1;
        }
        let Some(conversion) = source[at..].chars().next() else {
            self.shell.error(format_args!("printf: `{source}': missing format character"));
            self.status = 1;
            self.stopped = true;
            return Ok(source.len());
        };
        if conversion == '('
            && let Some(len) = source[at..].find(")T")
        {
            let pattern = source[at + 1..at + len].to_owned();
            self.time(&pattern, &spec);
            return Ok(at + len + 2);
        }
        self.convert(conversion, &spec)?;
        Ok(at + conversion.len_utf8())
    }

    fn convert(&mut self, conversion: char, spec: &Spec) -> Flow<()> {
        match conversion {
            '%' => self.out.push('%'),
            's' => {
                let text = self.argument().unwrap_or_default();
                self.text(&text, spec);
            }
            'b' => {
                let text = self.argument().unwrap_or_default();
                let (expanded, stopped) = escape::expand(&text, Style::Percent);
                self.text(&expanded, spec);
                self.stopped = stopped;
            }
            'q' | 'Q' => {
                let text = self.argument().unwrap_or_default();
                self.text(&escape::backslash_quote(&text), spec);
            }
            'c' => {
                let text = self.argument().unwrap_or_default();
                let first: String = text.chars().take(1).collect();
                self.text(&first, spec);
            }
            'n' => {
                if let Some(name) = self.argument() {
                    let count = text::encode(&self.out).len().to_string();
                    self.shell.set(&name, &count)?;
                }
            }
            'd' | 'i' => {
                let value = self.integer();
                let sign = if value < 0 { "-" } else { sign_of(spec) };
                self.number(sign, "", &value.unsigned_abs().to_string(), spec);
            }
            'u' => {
                let value = self.integer().cast_unsigned();
                self.number("", "", &value.to_string(), spec);
            }
            'o' => {
                let digits = format!("{:o}", self.integer());
                let prefix = if spec.alternate && !digits.starts_with('0') { "0" } else { "" };
                self.number("", prefix, &digits, spec);
            }
            'x' | 'X' => {
                let value = self.integer();
                let prefix = if spec.alternate && value != 0 { "0x" } else { "" };
                let digits = format!("{value:x}");
                if conversion == 'X' {
                    self.number("", &prefix.to_uppercase(), &digits.to_uppercase(), spec);
                } else {
                    self.number("", prefix, &digits, spec);
                }
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'a' | 'A' => {
                let value = self.float();
                self.float_text(conversion, value, spec);
            }
            other => {
                self.shell.error(format_args!("printf: `{other}': invalid format character"));
                self.status = 1;
                self.stopped = true;
            }
        }
        Ok(())
    }

    fn pad(&mut self, text: &str, spec: &Spec) {
        // Bash counts bytes here, not characters.
        let missing = spec.width.saturating_sub(text::encode(text).len());
        if spec.left {
            self.out.push_str(text);
        }
        self.out.extend(std::iter::repeat_n(' ', missing));
        if !spec.left {
            self.out.push_str(text);
        }
    }

    fn text(&mut self, value: &str, spec: &Spec) {
        match spec.precision {
            Some(most) => {
                let bytes = text::encode(value);
                let cut = text::decode(&bytes[..most.min(bytes.len())]);
                self.pad(&cut, spec);
            }
            None => self.pad(value, spec),
        }
    }

    fn number(&mut self, sign: &str, prefix: &str, digits: &str, spec: &Spec) {
        let mut digits = digits.to_owned();
        if let Some(precision) = spec.precision {
            digits = if precision == 0 && digits == "0" { String::new() } else { format!("{digits:0>precision$}") };
        } else if spec.zero && !spec.left {
            let width = spec.width.saturating_sub(sign.len() + prefix.len());
            digits = format!("{digits:0>width$}");
        }
        self.pad(&format!("{sign}{prefix}{digits}"), spec);
    }

    fn integer(&mut self) -> i64 {
        let Some(argument) = self.argument() else { return 0 };
        let (value, whole) = parse_integer(&argument);
        if !whole {
            self.shell.error(format_args!("printf: {argument}: invalid number"));
            self.status = 1;
        }
        value
    }

    fn float(&mut self) -> f64 {
        let Some(argument) = self.argument() else { return 0.0 };
        let trimmed = argument.trim_start();
        if let Some(c) = trimmed.strip_prefix(['\'', '"']).and_then(|t| t.chars().next()) {
            return f64::from(c as u32);
        }
        if trimmed.starts_with("0x") || trimmed.starts_with("-0x") {
            return parse_integer(trimmed).0 as f64;
        }
        match trimmed.parse::<f64>() {
            Ok(value) => value,
            Err(_) => {
                let len = (0..=trimmed.len()).rev().filter(|len| trimmed.is_char_boundary(*len));
                let value = len.into_iter().find_map(|len| trimmed[..len].parse::<f64>().ok()).unwrap_or(0.0);
                self.shell.error(format_args!("printf: {argument}: invalid number"));
                self.status = 1;
                value
            }
        }
    }

    fn float_text(&mut self, conversion: char, value: f64, spec: &Spec) {
        let sign = if value.is_sign_negative() { "-" } else { sign_of(spec) };
        let magnitude = value.abs();
        if !magnitude.is_finite() {
            let name = if magnitude.is_nan() { "nan" } else { "inf" };
            let spec = Spec { zero: false, ..spec.clone() };
            self.pad(&format!("{sign}{name}"), &spec);
            return;
        }
        let precision = spec.precision.unwrap_or(6);
        let mut digits = match conversion {
            'f' | 'F' => format!("{magnitude:.precision$}"),
            'e' | 'E' => exponent_form(magnitude, precision),
            _ => shortest_form(magnitude, precision.max(1), spec.alternate),
        };
        if conversion.is_ascii_uppercase() {
            digits = digits.to_uppercase();
        }
        let spec = Spec { precision: None, ..spec.clone() };
        self.number(sign, "", &digits, &spec);
    }

    fn time(&mut self, pattern: &str, spec: &Spec) {
        let seconds = match self.argument().as_deref() {
            None | Some("-1") => now() as i64,
            // When the shell started.
            Some("-2") => self.shell.epoch as i64,
            Some(text) => {
                let (value, whole) = parse_integer(text);
                if !whole {
                    self.shell.error(format_args!("printf: {text}: invalid number"));
                    self.status = 1;
                }
                value
            }
        };
        let pattern = if pattern.is_empty() { "%X" } else { pattern };
        let text = sys::date::format(&text::encode(pattern), seconds);
        self.text(&text::decode_vec(text), spec);
    }
}

fn sign_of(spec: &Spec) -> &'static str {
    if spec.plus {
        "+"
    } else if spec.space {
        " "
    } else {
        ""
    }
}

fn exponent_form(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Is `%g`: whichever of the two forms is shorter, without zeros at the end.
fn shortest_form(value: f64, precision: usize, keep_zeros: bool) -> String {
    let exponent = if value == 0.0 {
        0
    } else {
        let text = format!("{value:.*e}", precision - 1);
        text.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0)
    };
    let trim = |text: &str| {
        if keep_zeros || !text.contains('.') {
            text.to_owned()
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    };
    if exponent < -4 || exponent >= precision as i32 {
        let text = exponent_form(value, precision - 1);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{exponent}", trim(mantissa));
    }
    let decimals = usize::try_from(precision as i32 - 1 - exponent).unwrap_or(0);
    trim(&format!("{value:.decimals$}"))
}

/// Returns the number at the start of the text, and whether that was all of it.
fn parse_integer(source: &str) -> (i64, bool) {
    let trimmed = source.trim_start();
    if let Some(c) = trimmed.strip_prefix(['\'', '"']) {
        return (c.chars().next().map_or(0, |c| i64::from(text::stray_byte(c).map_or(c as u32, u32::from))), true);
    }
    let (negative, digits) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    let (radix, digits) = if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        (16, hex)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..])
    } else {
        (10, digits)
    };
    let len = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let magnitude = match u64::from_str_radix(&digits[..len], radix) {
        Ok(value) => i128::from(value),
        Err(_) if len > 0 => i128::from(i64::MAX),
        Err(_) => 0,
    };
    let signed = if negative { -magnitude } else { magnitude };
    let value = match i64::try_from(signed) {
        Ok(value) => value,
        Err(_) if negative => i64::MIN,
        Err(_) => signed as i64,
    };
    (value, len == digits.len() && (len > 0 || source.is_empty()))
}

/// Returns how long the escape at the start is.
fn escape_end(source: &str) -> usize {
    let mut chars = source.char_indices().skip(1);
    let Some((at, c)) = chars.next() else { return source.len() };
    let most = match c {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        '0'..='7' => 2,
        _ => 0,
    };
    let radix = if c.is_ascii_digit() { 8 } else { 16 };
    let digits = source[at + c.len_utf8()..].chars().take(most).take_while(|d| d.is_digit(radix)).count();
    at + c.len_utf8() + digits
}
