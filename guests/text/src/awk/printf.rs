//! `printf`'s formats.

use super::number;
use super::value::Value;

#[derive(Default)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// Adds the text that `format` makes of `values`; returns whether there were enough of them. Missing ones are unset.
pub fn format(format: &[u8], values: &[Value], convfmt: &[u8], out: &mut Vec<u8>) -> bool {
    let mut enough = true;
    let mut values = values.iter();
    let mut at = 0;
    while at < format.len() {
        let literal = memchr::memchr(b'%', &format[at..]).map_or(format.len(), |found| at + found);
        out.extend_from_slice(&format[at..literal]);
        if literal == format.len() {
            break;
        }
        at = literal + 1;
        let mut spec = Spec::default();
        while let Some(flag) = format.get(at) {
            match flag {
                b'-' => spec.left = true,
                b'+' => spec.plus = true,
                b' ' => spec.space = true,
                b'#' => spec.alternate = true,
                b'0' => spec.zero = true,
                b'\'' => {}
                _ => break,
            }
            at += 1;
        }
        let mut star = |at: &mut usize| -> Option<i64> {
            if format.get(*at) == Some(&b'*') {
                *at += 1;
                return Some(values.next().map_or(0, |value| value.to_number() as i64));
            }
            let start = *at;
            let mut number = 0_i64;
            while let Some(digit) = format.get(*at).filter(|byte| byte.is_ascii_digit()) {
                number = (number * 10 + i64::from(digit - b'0')).min(1 << 20);
                *at += 1;
            }
            (*at > start).then_some(number)
        };
        if let Some(width) = star(&mut at) {
            spec.left |= width < 0;
            spec.width = width.unsigned_abs() as usize;
        }
        if format.get(at) == Some(&b'.') {
            at += 1;
            spec.precision = usize::try_from(star(&mut at).unwrap_or(0)).ok();
        }
        while matches!(format.get(at), Some(b'h' | b'l' | b'L' | b'q' | b'j' | b'z' | b't')) {
            at += 1;
        }
        let Some(&conversion) = format.get(at) else {
            out.extend_from_slice(&format[literal..]);
            break;
        };
        at += 1;
        if conversion == b'%' {
            out.push(b'%');
            continue;
        }
        if !b"diouxXeEfFgGcs".contains(&conversion) {
            out.extend_from_slice(&format[literal..at]);
            continue;
        }
        let value = values.next();
        enough &= value.is_some();
        convert(&spec, conversion, &value.cloned().unwrap_or_default(), convfmt, out);
    }
    enough
}

fn convert(spec: &Spec, conversion: u8, value: &Value, convfmt: &[u8], out: &mut Vec<u8>) {
    match conversion {
        b's' => {
            let text = value.to_text(convfmt);
            pad_text(spec, shorten(&text, spec.precision), out);
        }
        b'c' => pad_text(spec, &character(value), out),
        b'd' | b'i' => {
            let number = value.to_number();
            if !number.is_finite() {
                return convert_float(spec, b'f', number, out);
            }
            let digits = format!("{:.0}", number.trunc().abs());
            let digits = minimum_digits(digits, spec.precision);
            pad_number(spec, number.trunc() < 0.0, true, "", &digits, spec.precision.is_none(), out);
        }
        b'o' | b'u' | b'x' | b'X' => {
            let number = value.to_number().trunc();
            if !number.is_finite() {
                return convert_float(spec, b'f', number, out);
            }
            let number = if number < 0.0 { (number as i64) as u64 } else { number as u64 };
            let (prefix, digits) = match conversion {
                b'o' => (if spec.alternate { "0" } else { "" }, format!("{number:o}")),
                b'x' => (if spec.alternate && number != 0 { "0x" } else { "" }, format!("{number:x}")),
                b'X' => (if spec.alternate && number != 0 { "0X" } else { "" }, format!("{number:X}")),
                _ => ("", number.to_string()),
            };
            let digits = minimum_digits(digits, spec.precision);
            pad_number(spec, false, false, prefix, &digits, spec.precision.is_none(), out);
        }
        _ => convert_float(spec, conversion, value.to_number(), out),
    }
}

fn convert_float(spec: &Spec, conversion: u8, number: f64, out: &mut Vec<u8>) {
    let digits = number::format_float(number, conversion, spec.precision, spec.alternate);
    // As gawk does, so that the result reads as what it is.
    let plus = spec.plus || !number.is_finite();
    let spec = Spec { plus, ..*spec };
    pad_number(&spec, number.is_sign_negative(), true, "", &digits, number.is_finite(), out);
}

fn minimum_digits(digits: String, precision: Option<usize>) -> String {
    match precision {
        Some(0) if digits == "0" => String::new(),
        Some(precision) => format!("{digits:0>precision$}"),
        None => digits,
    }
}

fn pad_number(
    spec: &Spec,
    negative: bool,
    signed: bool,
    prefix: &str,
    digits: &str,
    may_zero: bool,
    out: &mut Vec<u8>,
) {
    let sign = match (negative, signed) {
        (true, _) => "-",
        (false, true) if spec.plus => "+",
        (false, true) if spec.space => " ",
        _ => "",
    };
    let length = sign.len() + prefix.len() + digits.len();
    let missing = spec.width.saturating_sub(length);
    let zeros = spec.zero && !spec.left && may_zero;
    if !spec.left && !zeros {
        out.resize(out.len() + missing, b' ');
    }
    out.extend_from_slice(sign.as_bytes());
    out.extend_from_slice(prefix.as_bytes());
    if zeros {
        out.resize(out.len() + missing, b'0');
    }
    out.extend_from_slice(digits.as_bytes());
    if spec.left {
        out.resize(out.len() + missing, b' ');
    }
}

fn pad_text(spec: &Spec, text: &[u8], out: &mut Vec<u8>) {
    let missing = spec.width.saturating_sub(super::text::length(text));
    if !spec.left {
        out.resize(out.len() + missing, b' ');
    }
    out.extend_from_slice(text);
    if spec.left {
        out.resize(out.len() + missing, b' ');
    }
}

fn shorten(text: &[u8], precision: Option<usize>) -> &[u8] {
    match precision {
        Some(count) => &text[..super::text::offset(text, count)],
        None => text,
    }
}

/// Returns the character that `%c` writes: the first of a string, or the one with a number's code.
fn character(value: &Value) -> Vec<u8> {
    if let Some(code) = value.as_number().filter(|_| !matches!(value, Value::Unset)) {
        let code = code as i64;
        return match u32::try_from(code).ok().and_then(char::from_u32) {
            Some(c) if crate::locale::is_utf8() => c.to_string().into_bytes(),
            _ => vec![code as u8],
        };
    }
    let text = value.to_text(b"%.6g");
    if text.is_empty() { vec![0] } else { text[..super::text::offset(&text, 1)].to_vec() }
}

#[cfg(test)]
mod tests {
    use super::{Value, format};

    fn formatted(text: &str, values: &[Value]) -> String {
        let mut out = Vec::new();
        format(text.as_bytes(), values, b"%.6g", &mut out);
        String::from_utf8(out).expect("the formats are ASCII")
    }

    #[test]
    fn conversions_follow_c() {
        let number = |value: f64| Value::Number(value);
        assert_eq!(formatted("%05d|%-5d|%+d", &[number(42.0), number(42.0), number(42.0)]), "00042|42   |+42");
        assert_eq!(formatted("%x %X %#o %u", &[number(255.0), number(255.0), number(8.0), number(7.0)]), "ff FF 010 7");
        assert_eq!(formatted("%*.*f|", &[number(8.0), number(2.0), number(2.71)]), "    2.71|");
        assert_eq!(formatted("%c%c", &[number(65.0), Value::string(b"xyz".to_vec())]), "Ax");
        assert_eq!(formatted("%5.1s|%%|%d", &[Value::string(b"xyz".to_vec())]), "    x|%|0");
        assert_eq!(formatted("%.3d %i", &[number(-5.0), number(3.9)]), "-005 3");
        assert_eq!(formatted("%z %d", &[number(1.0)]), "%z 1");
    }
}
