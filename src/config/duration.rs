//! Durations as a person writes them: `500ms`, `30s`, `5m`, `2h`, `30d`.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Unit and its milliseconds, the largest first; `ms` stands before the units that end like it.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];

/// The longest that an argument takes: ten years.
const LONGEST: Duration = Duration::from_hours(24 * 3650);

/// A duration within a range.
pub(super) fn within(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
    parse(text).filter(|duration| range.contains(duration)).ok_or_else(|| {
        let (least, most) = (written(*range.start()), written(*range.end()));
        format!("a whole number and a unit (ms, s, m, h or d) from {least} to {most}")
    })
}

/// Any duration, as a command's argument.
///
/// # Errors
/// What was expected instead.
pub fn duration(text: &str) -> Result<Duration, String> {
    within(text, &(Duration::ZERO..=LONGEST))
}

fn parse(text: &str) -> Option<Duration> {
    let (number, scale) = UNITS.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)))?;
    // `u64::from_str` takes a leading plus sign, which is no way to write a duration.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let milliseconds = number.parse::<u64>().ok()?.checked_mul(scale)?;
    Some(Duration::from_millis(milliseconds))
}

/// The shortest way to write a duration of whole milliseconds.
fn written(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let (unit, scale) = UNITS
        .iter()
        .filter(|(_, scale)| milliseconds != 0 && milliseconds.is_multiple_of(u128::from(*scale)))
        .max_by_key(|(_, scale)| *scale)
        .unwrap_or(&("s", 1_000));
    format!("{}{unit}", milliseconds / u128::from(*scale))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{parse, within, written};

    #[test]
    fn each_unit_means_what_it_says() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("2h", 7_200), ("30d", 2_592_000), ("0s", 0)] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
    }

    #[test]
    fn what_is_not_digits_and_a_unit_is_refused() {
        for text in [
            "",
            "s",
            "ms",
            "30",
            "30 s",
            "1.5s",
            "+5s",
            "-5s",
            "5S",
            "5min",
            "5sm",
            "1h30m",
            "५s",
            "٣٠s",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_duration_outside_its_range_is_answered_with_the_range() {
        let range = Duration::from_secs(1)..=Duration::from_mins(10);
        for text in ["1s", "1000ms", "10m", "600s"] {
            assert!(within(text, &range).is_ok(), "{text}");
        }
        for text in ["0s", "999ms", "601s", "11m", "1d", "soon"] {
            let answer = within(text, &range).unwrap_err();
            assert!(answer.ends_with("from 1s to 10m"), "{text}: {answer}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn no_number_overflows_silently(number in any::<u64>(), unit in "(ms|s|m|h|d)") {
            if let Some(duration) = parse(&format!("{number}{unit}")) {
                prop_assert!(duration.as_millis() >= u128::from(number));
            }
        }

        #[test]
        fn what_is_written_is_read_back(milliseconds in any::<u64>()) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse(&written(duration)), Some(duration));
        }
    }
}
