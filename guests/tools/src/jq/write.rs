//! How jq writes values: its number format, escapes, indentation and colours.

use std::io::{self, Write};

use jaq_json::{Num, Val};

use super::options::Output;

/// The colours of null, false, true, numbers, strings, arrays and objects, and of keys.
struct Colors {
    null: &'static str,
    fals: &'static str,
    tru: &'static str,
    number: &'static str,
    string: &'static str,
    array: &'static str,
    object: &'static str,
    key: &'static str,
    reset: &'static str,
}

const PLAIN: Colors =
    Colors { null: "", fals: "", tru: "", number: "", string: "", array: "", object: "", key: "", reset: "" };
const COLORED: Colors = Colors {
    null: "\x1b[1;30m",
    fals: "\x1b[0;39m",
    tru: "\x1b[0;39m",
    number: "\x1b[0;39m",
    string: "\x1b[0;32m",
    array: "\x1b[1;39m",
    object: "\x1b[1;39m",
    key: "\x1b[34;1m",
    reset: "\x1b[0m",
};

/// Writes one result and what ends it.
pub fn output(out: &mut dyn Write, value: &Val, how: &Output) -> io::Result<()> {
    if how.sequence {
        out.write_all(b"\x1e")?;
    }
    match value {
        Val::TStr(text) | Val::BStr(text) if how.raw && !how.ascii => out.write_all(text)?,
        Val::TStr(text) if how.raw => {
            let mut quoted = String::new();
            push_string(&mut quoted, text, true);
            out.write_all(&quoted.as_bytes()[1..quoted.len() - 1])?;
        }
        value => {
            let mut text = String::new();
            let colors = if how.color { &COLORED } else { &PLAIN };
            push_value(&mut text, value, how, colors, 0);
            out.write_all(text.as_bytes())?;
        }
    }
    match (how.join, how.nul) {
        (_, true) => out.write_all(b"\0"),
        (true, _) => Ok(()),
        _ => out.write_all(b"\n"),
    }
}

/// Returns a value on one line, as `tojson` gives it.
pub fn compact(value: &Val) -> String {
    let how = Output {
        indent: None,
        raw: false,
        join: false,
        nul: false,
        ascii: false,
        sort_keys: false,
        color: false,
        sequence: false,
    };
    let mut text = String::new();
    push_value(&mut text, value, &how, &PLAIN, 0);
    text
}

fn push_value(out: &mut String, value: &Val, how: &Output, colors: &Colors, level: usize) {
    let mut colored = |color: &str, text: &str| {
        out.push_str(color);
        out.push_str(text);
        out.push_str(colors.reset);
    };
    match value {
        Val::Null => colored(colors.null, "null"),
        Val::Bool(false) => colored(colors.fals, "false"),
        Val::Bool(true) => colored(colors.tru, "true"),
        Val::Num(number) => colored(colors.number, &number_text(number)),
        Val::TStr(text) | Val::BStr(text) => {
            out.push_str(colors.string);
            push_string(out, text, how.ascii);
            out.push_str(colors.reset);
        }
        Val::Arr(items) => {
            out.push_str(colors.array);
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                separate(out, at, how, colors.array, level + 1);
                push_value(out, item, how, colors, level + 1);
            }
            close(out, items.is_empty(), ']', how, (colors.array, colors.reset), level);
        }
        Val::Obj(fields) => {
            out.push_str(colors.object);
            out.push('{');
            let mut entries: Vec<(&Val, &Val)> = fields.iter().collect();
            if how.sort_keys {
                entries.sort_by_key(|(key, _)| *key);
            }
            for (at, (key, field)) in entries.into_iter().enumerate() {
                separate(out, at, how, colors.object, level + 1);
                out.push_str(colors.reset);
                out.push_str(colors.key);
                match key {
                    Val::TStr(text) | Val::BStr(text) => push_string(out, text, how.ascii),
                    other => push_string(out, compact(other).as_bytes(), how.ascii),
                }
                out.push_str(colors.reset);
                out.push_str(colors.object);
                out.push(':');
                if how.indent.is_some() {
                    out.push(' ');
                }
                out.push_str(colors.reset);
                push_value(out, field, how, colors, level + 1);
            }
            close(out, fields.is_empty(), '}', how, (colors.object, colors.reset), level);
        }
    }
}

fn separate(out: &mut String, at: usize, how: &Output, color: &str, level: usize) {
    if at > 0 {
        out.push_str(color);
        out.push(',');
    }
    if let Some(indent) = &how.indent {
        out.push('\n');
        out.push_str(&indent.repeat(level));
    }
}

fn close(out: &mut String, is_empty: bool, bracket: char, how: &Output, (color, reset): (&str, &str), level: usize) {
    if let Some(indent) = how.indent.as_ref().filter(|_| !is_empty) {
        out.push_str(color);
        out.push('\n');
        out.push_str(&indent.repeat(level));
    }
    out.push_str(color);
    out.push(bracket);
    out.push_str(reset);
}

fn push_string(out: &mut String, text: &[u8], ascii: bool) {
    use std::fmt::Write as _;
    out.push('"');
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\x1f' | '\x7f' => drop(write!(out, "\\u{:04x}", c as u32)),
            c if ascii && !c.is_ascii() => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn number_text(number: &Num) -> String {
    match number {
        // Whole numbers keep all their digits, as in later versions of jq.
        Num::Int(whole) => whole.to_string(),
        Num::BigInt(whole) => whole.to_string(),
        Num::Float(float) => float_text(*float),
        Num::Dec(digits) => float_text(digits.parse().unwrap_or(f64::NAN)),
    }
}

/// Writes a float with the fewest digits that read back as the same, up to 17.
fn float_text(float: f64) -> String {
    if float.is_nan() {
        return "null".into();
    }
    let float = float.clamp(f64::MIN, f64::MAX);
    let scientific = format!("{float:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // Where the decimal point stands after the first digit of `digits`.
    let point = exponent + 1;
    let length = digits.len() as i32;
    if digits == "0" {
        return format!("{sign}0");
    }
    if point <= -4 || point > length + 15 {
        let fraction = if length > 1 { format!(".{}", &digits[1..]) } else { String::new() };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{}{fraction}e{exponent_sign}{:02}", &digits[..1], exponent.abs());
    }
    if point <= 0 {
        return format!("{sign}0.{}{digits}", "0".repeat((-point) as usize));
    }
    if point >= length {
        return format!("{sign}{digits}{}", "0".repeat((point - length) as usize));
    }
    format!("{sign}{}.{}", &digits[..point as usize], &digits[point as usize..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_look_as_jq_writes_them() {
        for (float, text) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e5, "100000"),
            (1e17, "1e+17"),
            (1.1e-5, "1.1e-05"),
            (0.0001, "0.0001"),
            (f64::INFINITY, "1.7976931348623157e+308"),
            (1e300, "1e+300"),
            (f64::NAN, "null"),
        ] {
            assert_eq!(float_text(float), text);
        }
    }
}
