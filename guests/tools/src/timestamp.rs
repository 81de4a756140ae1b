//! Points in time as text. The sandbox's clock is in UTC, and so are these.

use crate::metadata::Stamp;

/// Returns year, month (1 to 12) and day of a count of days since 1970-01-01.
pub fn civil(days: i64) -> (i64, u32, u32) {
    // Years that start in March put the leap day last; 400 of them always have 146,097 days.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * march_month + 2) / 5 + 1) as u32;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Returns `2024-05-06 07:08:09`.
pub fn date_time(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Returns `2024-05-06 07:08:09.000000001 +0000`, as `stat` and `diff` print it.
pub fn full((seconds, nanos): Stamp) -> String {
    format!("{}.{nanos:09} +0000", date_time(seconds))
}

/// Returns the seconds since 1970 of a date in UTC.
pub fn seconds_of(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let march_month = i64::from((month + 9) % 12);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * march_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era - 719_468) * 86_400
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
