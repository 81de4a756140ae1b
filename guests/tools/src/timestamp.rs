//! Points in time as text. The sandbox's clock is in UTC, and so are these.

use stillbox_sys::date::{Date, seconds_of};

use crate::metadata::Stamp;

/// Returns `2024-05-06 07:08:09`.
pub fn date_time(seconds: i64) -> String {
    let date = Date::from_seconds(seconds);
    let day = format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
    format!("{day} {:02}:{:02}:{:02}", date.hour, date.minute, date.second)
}

/// Returns `2024-05-06 07:08:09.000000001 +0000`, as `stat` and `diff` print it.
pub fn full((seconds, nanos): Stamp) -> String {
    format!("{}.{nanos:09} +0000", date_time(seconds))
}

/// Parses `2024-05-06`, with `T07:08:09`, ` 07:08` and a `Z` or `UTC` if there is one.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches("UTC").trim_end_matches('Z').trim_end();
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "0:0:0"));
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let mut seconds = seconds_of(year, month, day);
    for (part, unit) in time.split(':').zip([3600, 60, 1]) {
        seconds += part.split('.').next()?.parse::<i64>().ok()? * unit;
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_civil() {
        assert_eq!(date_time(0), "1970-01-01 00:00:00");
        assert_eq!(date_time(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(date_time(-1), "1969-12-31 23:59:59");
        assert_eq!(full((1_714_979_289, 1)), "2024-05-06 07:08:09.000000001 +0000");
    }

    #[test]
    fn dates_parse_to_what_they_print_as() {
        for text in ["1970-01-01 00:00:00", "2000-02-29 12:34:56", "1969-12-31 23:59:59", "2100-03-01 00:00:01"] {
            assert_eq!(date_time(parse(text).expect("a date")), text);
        }
        assert_eq!(parse("2024-05-06T07:08:09Z"), Some(1_714_979_289));
        assert_eq!(parse("2024-13-01"), None);
    }
}
