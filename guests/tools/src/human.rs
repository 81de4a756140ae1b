//! Sizes, block counts and durations as people write and read them.

use std::time::Duration;

/// Returns `bytes` in at most four characters with a unit, rounded up: `1.5K`, `12M`. `base` is 1024 or 1000.
pub fn size(bytes: u64, base: u64) -> String {
    if bytes < base {
        return bytes.to_string();
    }
    let units: &[u8] = if base == 1000 { b"kMGTPE" } else { b"KMGTPE" };
    let mut unit = 0;
    let mut divisor = u128::from(base);
    let bytes = u128::from(bytes);
    while bytes.div_ceil(divisor) >= u128::from(base) && unit + 1 < units.len() {
        divisor *= u128::from(base);
        unit += 1;
    }
    let tenths = (bytes * 10).div_ceil(divisor);
    let letter = char::from(units[unit]);
    if tenths < 100 {
        format!("{}.{}{letter}", tenths / 10, tenths % 10)
    } else {
        format!("{}{letter}", bytes.div_ceil(divisor))
    }
}

/// Parses a size such as `10`, `4K`, `1MB` (powers of 1000), `2GiB`, or a unit alone such as `M`.
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let count: u64 = if digits == 0 { 1 } else { text[..digits].parse().ok()? };
    let suffix = &text[digits..];
    if suffix.is_empty() {
        return (digits > 0).then_some(count);
    }
    let power = match suffix.as_bytes()[0].to_ascii_uppercase() {
        b'B' if suffix == "b" => return count.checked_mul(512),
        b'K' => 1,
        b'M' => 2,
        b'G' => 3,
        b'T' => 4,
        b'P' => 5,
        b'E' => 6,
        _ => return None,
    };
    let base: u64 = match &suffix[1..] {
        "" | "iB" => 1024,
        "B" => 1000,
        _ => return None,
    };
    count.checked_mul(base.checked_pow(power)?)
}

/// Parses seconds with an optional fraction and unit (`s`, `m`, `h`, `d`), as `sleep` and `timeout` take them.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, scale) = match text.as_bytes().last()? {
        b's' => (&text[..text.len() - 1], 1.0),
        b'm' => (&text[..text.len() - 1], 60.0),
        b'h' => (&text[..text.len() - 1], 3600.0),
        b'd' => (&text[..text.len() - 1], 86400.0),
        _ => (text, 1.0),
    };
    let seconds: f64 = number.parse().ok()?;
    if seconds.is_nan() || seconds < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds * scale).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_up() {
        assert_eq!(size(1023, 1024), "1023");
        assert_eq!(size(1024, 1024), "1.0K");
        assert_eq!(size(1025, 1024), "1.1K");
        assert_eq!(size(10 * 1024 + 1, 1024), "11K");
        assert_eq!(size(1024 * 1024 - 1, 1024), "1.0M");
    }

    #[test]
    fn sizes_parse() {
        assert_eq!(parse_size("4K"), Some(4096));
        assert_eq!(parse_size("1MB"), Some(1_000_000));
        assert_eq!(parse_size("M"), Some(1 << 20));
        assert_eq!(parse_size("x"), None);
        assert_eq!(parse_size(""), None);
    }

    #[test]
    fn durations_parse() {
        assert_eq!(parse_duration("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse_duration("-1"), None);
        assert_eq!(parse_duration(""), None);
    }
}
