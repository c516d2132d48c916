//! Times, durations and numbers as a person reads them.

use std::fmt::Display;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::terminal::grouped;

/// The time of day in UTC: `10:00:00`.
pub(super) fn clock(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    of_day(seconds, "%H:%M:%S")
}

/// A minute, counted since 1970: `10:00`.
pub(super) fn minute(number: u64) -> String {
    of_day(number * 60, "%H:%M")
}

fn of_day(seconds: u64, format: &str) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or_default().strftime(format).to_string()
}

/// A duration in its two largest units: `340 ms`, `12 s`, `3 min 20 s`, `5 h 2 min`, `3 d 4 h`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86400, seconds % 86400 / 3600),
    }
}

/// A number with its thousands apart: `12 345`.
pub(super) fn count(number: impl Display) -> String {
    grouped(number, '\u{202f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_their_two_largest_units() {
        for (milliseconds, shown) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (59_999, "59 s"),
            (200_000, "3 min 20 s"),
            (18_120_000, "5 h 2 min"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), shown);
        }
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1234), "1\u{202f}234");
        assert_eq!(count(123_456), "123\u{202f}456");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn times_are_those_of_the_day_in_utc() {
        let time = UNIX_EPOCH + Duration::from_hours(482_482);
        assert_eq!(clock(time), "10:00:00");
        assert_eq!(minute(482_482 * 60), "10:00");
    }
}
