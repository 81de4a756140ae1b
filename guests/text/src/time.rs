//! Points in time as `awk` and `find` have them.

use std::time::{SystemTime, UNIX_EPOCH};

use stillbox_sys::date;

use crate::awk::parse_number;

/// Returns the seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs() as f64)
}

/// Returns the seconds since 1970 of "YYYY MM DD HH MM SS", or -1.
pub fn from_text(text: &[u8]) -> f64 {
    let parts: Vec<i64> = text
        .split(u8::is_ascii_whitespace)
        .filter(|part| !part.is_empty())
        .map(|part| parse_number(part) as i64)
        .collect();
    let [year, month, day, hour, minute, second, ..] = parts[..] else { return -1.0 };
    (date::seconds_of(year, month, day) + hour * 3600 + minute * 60 + second) as f64
}

#[cfg(test)]
mod tests {
    use super::from_text;

    #[test]
    fn dates_are_read_as_mktime_reads_them() {
        assert_eq!(from_text(b"2000 02 29 00 00 01"), 951_782_401.0);
        assert_eq!(from_text(b"1999 14 29 00 00 00"), 951_782_400.0);
        assert_eq!(from_text(b"2000"), -1.0);
    }
}
