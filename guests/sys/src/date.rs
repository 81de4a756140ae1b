//! Points in time as people write them, in UTC: a sandbox has no other zone.

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

/// The seconds of a day.
const DAY: i64 = 86_400;

/// Is a time of the Gregorian calendar, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// As they are counted today, also before there was such a calendar.
    pub year: i64,
    /// From 1.
    pub month: i64,
    /// From 1.
    pub day: i64,
    /// From 0.
    pub hour: i64,
    /// From 0.
    pub minute: i64,
    /// From 0.
    pub second: i64,
    /// From 0, which is Sunday.
    pub weekday: i64,
    /// From 0.
    pub yearday: i64,
}

/// Returns the day, counted from 1970, of a date; days past a month's end belong to later months.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the day that is not always there is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns the seconds since 1970 of the beginning of a day. Months and days past the end belong to what comes later.
#[must_use]
pub fn seconds_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    day_number(year, month, day) * DAY
}

impl Date {
    /// Takes seconds since 1970 apart.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Date {
        let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * of_year + 2) / 153;
        let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Date {
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

/// Formats seconds since 1970 as `strftime` does.
#[must_use]
pub fn format(format: &[u8], seconds: i64) -> Vec<u8> {
    let mut result = Vec::new();
    push(format, seconds, &Date::from_seconds(seconds), &mut result);
    result
}

fn push(format: &[u8], seconds: i64, date: &Date, result: &mut Vec<u8>) {
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
        let whole: &[u8] = match directive {
            b'c' => b"%a %b %e %H:%M:%S %Y",
            b'D' | b'x' => b"%m/%d/%y",
            b'F' => b"%Y-%m-%d",
            b'r' => b"%I:%M:%S %p",
            b'R' => b"%H:%M",
            b'T' | b'X' => b"%H:%M:%S",
            _ => {
                result.extend_from_slice(part(directive, plain, seconds, date).as_bytes());
                continue;
            }
        };
        push(whole, seconds, date, result);
    }
}

/// Returns what stands for one part of a date. `plain` leaves the padding out.
fn part(directive: u8, plain: bool, seconds: i64, date: &Date) -> String {
    let (day, month) = (DAYS[date.weekday as usize], MONTHS[(date.month - 1) as usize]);
    let twelve = (date.hour + 11) % 12 + 1;
    let padded = |value: i64, width: usize| if plain { value.to_string() } else { format!("{value:0width$}") };
    let spaced = |value: i64| if plain { value.to_string() } else { format!("{value:2}") };
    match directive {
        b'a' => day[..3].to_owned(),
        b'A' => day.to_owned(),
        b'b' | b'h' => month[..3].to_owned(),
        b'B' => month.to_owned(),
        b'C' => padded(date.year.div_euclid(100), 2),
        b'd' => padded(date.day, 2),
        b'e' => spaced(date.day),
        b'H' => padded(date.hour, 2),
        b'I' => padded(twelve, 2),
        b'j' => padded(date.yearday + 1, 3),
        b'k' => spaced(date.hour),
        b'l' => spaced(twelve),
        b'm' => padded(date.month, 2),
        b'M' => padded(date.minute, 2),
        b'n' => "\n".to_owned(),
        b'p' => if date.hour < 12 { "AM" } else { "PM" }.to_owned(),
        b's' => seconds.to_string(),
        b'S' => padded(date.second, 2),
        b't' => "\t".to_owned(),
        b'u' => ((date.weekday + 6) % 7 + 1).to_string(),
        b'U' => padded((date.yearday + 7 - date.weekday) / 7, 2),
        b'w' => date.weekday.to_string(),
        b'W' => padded((date.yearday + 7 - (date.weekday + 6) % 7) / 7, 2),
        b'y' => padded(date.year.rem_euclid(100), 2),
        b'Y' => date.year.to_string(),
        b'z' => "+0000".to_owned(),
        b'Z' => "UTC".to_owned(),
        b'%' => "%".to_owned(),
        other => format!("%{}", char::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_both_ways() {
        assert_eq!(format(b"%F %T %a %j", 0), b"1970-01-01 00:00:00 Thu 001");
        assert_eq!(format(b"%F %T", -1), b"1969-12-31 23:59:59");
        assert_eq!(format(b"%F %T %u %U %W", 951_782_400), b"2000-02-29 00:00:00 2 09 09");
        assert_eq!(seconds_of(2000, 2, 29), 951_782_400);
        assert_eq!(seconds_of(1999, 14, 29), 951_782_400);
        assert_eq!(seconds_of(2000, 1, 60), 951_782_400);
    }

    #[test]
    fn directives_are_those_of_strftime() {
        assert_eq!(format(b"%-d %e %-H %I %p", 1_700_000_000), b"14 14 22 10 PM");
        assert_eq!(
            format(b"%c|%D|%r|%R|%y %C", 1_700_000_000),
            b"Tue Nov 14 22:13:20 2023|11/14/23|10:13:20 PM|22:13|23 20"
        );
        assert_eq!(format(b"%Q %% %", 0), b"%Q % %");
    }
}
