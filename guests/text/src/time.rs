//! Times, in UTC: a sandbox has no other zone.

use crate::awk::parse_number;
use std::time::{SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Returns the seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs() as f64)
}

/// Returns the day, counted from 1970, of a date of the Gregorian calendar.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the day that is not always there is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// A time, taken apart.
pub struct Civil {
    pub year: i64,
    /// From 1.
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    /// From 0, which is Sunday.
    pub weekday: i64,
    /// From 0.
    pub yearday: i64,
}

impl Civil {
    /// Takes seconds since 1970 apart.
    pub fn from_seconds(seconds: i64) -> Civil {
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * of_year + 2) / 153;
        let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Civil {
            year,
            month,
            day: of_year - (153 * month_index + 2) / 5 + 1,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            weekday: (days + 4).rem_euclid(7),
            yearday: days - day_number(year, 1, 1),
        }
    }
}

/// Returns the seconds since 1970 of "YYYY MM DD HH MM SS", or -1.
pub fn from_text(text: &[u8]) -> f64 {
    let parts: Vec<i64> = text
        .split(u8::is_ascii_whitespace)
        .filter(|part| !part.is_empty())
        .map(|part| parse_number(part) as i64)
        .collect();
    let [year, month, day, hour, minute, second, ..] = parts[..] else { return -1.0 };
    // Months past the year's end belong to later years.
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    ((day_number(year, month, 1) + day - 1) * 86_400 + hour * 3600 + minute * 60 + second) as f64
}

/// Formats a time as `strftime` does.
pub fn format(format: &[u8], seconds: i64) -> Vec<u8> {
    let mut result = Vec::new();
    push(format, seconds, &Civil::from_seconds(seconds), &mut result);
    result
}

fn push(format: &[u8], seconds: i64, time: &Civil, result: &mut Vec<u8>) {
    let mut at = 0;
    while at < format.len() {
        if format[at] != b'%' || at + 1 == format.len() {
            result.push(format[at]);
            at += 1;
            continue;
        }
        let mut directive = format[at + 1];
        at += 2;
        // `%-d` is a number without its padding.
        let plain = directive == b'-' && at < format.len();
        if plain {
            directive = format[at];
            at += 1;
        }
        let (day, month) = (DAYS[time.weekday as usize], MONTHS[(time.month - 1) as usize]);
        let twelve = (time.hour + 11) % 12 + 1;
        let padded = |value: i64, width: usize| if plain { value.to_string() } else { format!("{value:0width$}") };
        let spaced = |value: i64| if plain { value.to_string() } else { format!("{value:2}") };
        let monday_week = (time.yearday + 7 - (time.weekday + 6) % 7) / 7;
        let text = match directive {
            b'a' => day[..3].to_owned(),
            b'A' => day.to_owned(),
            b'b' | b'h' => month[..3].to_owned(),
            b'B' => month.to_owned(),
            b'C' => padded(time.year.div_euclid(100), 2),
            b'd' => padded(time.day, 2),
            b'e' => spaced(time.day),
            b'H' => padded(time.hour, 2),
            b'I' => padded(twelve, 2),
            b'j' => padded(time.yearday + 1, 3),
            b'k' => spaced(time.hour),
            b'l' => spaced(twelve),
            b'm' => padded(time.month, 2),
            b'M' => padded(time.minute, 2),
            b'n' => "\n".to_owned(),
            b'p' => if time.hour < 12 { "AM" } else { "PM" }.to_owned(),
            b's' => seconds.to_string(),
            b'S' => padded(time.second, 2),
            b't' => "\t".to_owned(),
            b'u' => ((time.weekday + 6) % 7 + 1).to_string(),
            b'U' => padded((time.yearday + 7 - time.weekday) / 7, 2),
            b'w' => time.weekday.to_string(),
            b'W' => padded(monday_week, 2),
            b'y' => padded(time.year.rem_euclid(100), 2),
            b'Y' => time.year.to_string(),
            b'z' => "+0000".to_owned(),
            b'Z' => "UTC".to_owned(),
            b'%' => "%".to_owned(),
            b'c' | b'D' | b'x' | b'F' | b'r' | b'R' | b'T' | b'X' => {
                let whole: &[u8] = match directive {
                    b'c' => b"%a %b %e %H:%M:%S %Y",
                    b'D' | b'x' => b"%m/%d/%y",
                    b'F' => b"%Y-%m-%d",
                    b'r' => b"%I:%M:%S %p",
                    b'R' => b"%H:%M",
                    _ => b"%H:%M:%S",
                };
                push(whole, seconds, time, result);
                continue;
            }
            other => format!("%{}", char::from(other)),
        };
        result.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::{format, from_text};

    #[test]
    fn dates_go_both_ways() {
        assert_eq!(format(b"%F %T %a %j", 0), b"1970-01-01 00:00:00 Thu 001");
        assert_eq!(format(b"%F %T %u %U %W", 951_782_400), b"2000-02-29 00:00:00 2 09 09");
        assert_eq!(format(b"%-d %e %-H %I %p", 1_700_000_000), b"14 14 22 10 PM");
        assert_eq!(from_text(b"2000 02 29 00 00 00"), 951_782_400.0);
        assert_eq!(from_text(b"1999 14 29 00 00 00"), 951_782_400.0);
        assert_eq!(from_text(b"2000"), -1.0);
    }
}
