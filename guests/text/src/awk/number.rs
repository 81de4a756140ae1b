//! Numbers and their texts.

/// Returns the number at the start of `text`, after blanks, and where it ends; 0 and 0 if there is none.
pub fn parse_prefix(text: &[u8]) -> (f64, usize) {
    let mut at = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let start = at;
    let negative = text.get(at) == Some(&b'-');
    at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
    let digits_from = at;
    let mut value: u64 = 0;
    while let Some(digit) = text.get(at).filter(|byte| byte.is_ascii_digit()) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        at += 1;
    }
    let whole_digits = at - digits_from;
    let has_fraction = matches!(text.get(at), Some(b'.'));
    let has_exponent = matches!(text.get(at), Some(b'e' | b'E')) && whole_digits > 0;
    if !has_fraction && !has_exponent {
        if whole_digits == 0 {
            return special(text, start, at);
        }
        if whole_digits <= 15 {
            let value = value as f64;
            return (if negative { -value } else { value }, at);
        }
    }
    let mut end = at;
    let mut digits = whole_digits;
    if has_fraction {
        let fraction = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        digits += fraction;
        end = at + 1 + fraction;
    }
    if digits == 0 {
        return (0.0, 0);
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = text[end + 1 + sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let number = std::str::from_utf8(&text[start..end]).ok().and_then(|text| text.parse().ok());
    (number.unwrap_or(0.0), end)
}

/// Reads `+inf`, `-nan` and the like, which need their sign: without one they are words.
fn special(text: &[u8], start: usize, at: usize) -> (f64, usize) {
    let word = text.get(at..at + 3).map(<[u8]>::to_ascii_lowercase);
    let value = match word.as_deref() {
        Some(b"inf") => f64::INFINITY,
        Some(b"nan") => f64::NAN,
        _ => return (0.0, 0),
    };
    let ends = !text.get(at + 3).is_some_and(u8::is_ascii_alphanumeric);
    match text[start] {
        b'+' if ends => (value, at + 3),
        b'-' if ends => (-value, at + 3),
        _ => (0.0, 0),
    }
}

/// Returns the number that `text` is, blanks around it aside, or `None` if it is anything else.
pub fn parse_whole(text: &[u8]) -> Option<f64> {
    // Most text that is no number shows it at once.
    let first = *text.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return None;
    }
    let (value, end) = parse_prefix(text);
    (end > 0 && text[end..].iter().all(u8::is_ascii_whitespace)).then_some(value)
}

/// Adds the text of a number that is whole, if `value` is one that an integer can hold.
pub fn push_integer(value: f64, text: &mut Vec<u8>) -> bool {
    if value.fract() != 0.0 || value.abs() >= 1e16 {
        if value.fract() == 0.0 && value.is_finite() {
            text.extend_from_slice(format!("{value:.0}").as_bytes());
            return true;
        }
        return false;
    }
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = (value as i64).unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0.0 {
        at -= 1;
        digits[at] = b'-';
    }
    text.extend_from_slice(&digits[at..]);
    true
}

/// Returns the text of `value` as C's `%f`, `%e` or `%g` (or their capitals) writes it, without its sign.
pub fn format_float(value: f64, conversion: u8, precision: Option<usize>, alternate: bool) -> String {
    let upper = conversion.is_ascii_uppercase();
    let value = value.abs();
    let text = if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        "inf".to_owned()
    } else {
        let precision = precision.unwrap_or(6);
        match conversion.to_ascii_lowercase() {
            b'f' => format!("{value:.precision$}"),
            b'e' => scientific(value, precision),
            _ => general(value, precision.max(1), alternate),
        }
    };
    if upper { text.to_uppercase() } else { text }
}

fn scientific(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn general(value: f64, precision: usize, alternate: bool) -> String {
    let text = scientific(value, precision - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') && !alternate {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if power < -4 || power >= precision as i32 {
        return format!("{}e{exponent}", trim(mantissa));
    }
    let decimals = (precision as i32 - 1 - power).max(0) as usize;
    trim(&format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::{format_float, parse_prefix, parse_whole};

    #[test]
    fn numbers_are_read_as_far_as_they_go() {
        assert_eq!(parse_prefix(b"12abc"), (12.0, 2));
        assert_eq!(parse_prefix(b" -1.5e3x"), (-1500.0, 7));
        assert_eq!(parse_prefix(b"1e"), (1.0, 1));
        assert_eq!(parse_prefix(b".5"), (0.5, 2));
        assert_eq!(parse_prefix(b"."), (0.0, 0));
        assert_eq!(parse_prefix(b"nan"), (0.0, 0));
        assert_eq!(parse_whole(b" 10 "), Some(10.0));
        assert_eq!(parse_whole(b"10x"), None);
        assert_eq!(parse_whole(b""), None);
        assert_eq!(parse_whole(b"0x1A"), None);
    }

    #[test]
    fn floats_are_written_as_in_c() {
        assert_eq!(format_float(0.1, b'g', None, false), "0.1");
        assert_eq!(format_float(1e6, b'g', None, false), "1e+06");
        assert_eq!(format_float(123_456.0, b'g', None, false), "123456");
        assert_eq!(format_float(0.000_012_34, b'g', Some(3), false), "1.23e-05");
        assert_eq!(format_float(3.0, b'e', Some(2), false), "3.00e+00");
        assert_eq!(format_float(2.5, b'f', Some(0), false), "2");
        assert_eq!(format_float(100.0, b'g', None, true), "100.000");
    }
}
