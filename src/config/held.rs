//! The `HELD_` and `DEAD_LIMIT_` settings: how long records wait, and when too many of them are dead.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

use super::catalogue::{
    DEAD_LIMIT_RATIO, DEAD_LIMIT_RUN, DEAD_LIMIT_WINDOW, HELD_BACKOFF_MAX, HELD_BACKOFF_MIN, HELD_MAX_AGE,
};
use super::duration::within;
use super::fault::Fault;
use super::findings::Findings;
use super::parse::whole_number;

const BACKOFF_MIN: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(1);
const BACKOFF_MAX: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(24);
const MAX_AGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(24 * 365);

/// How long records that are set aside wait.
#[derive(Debug, Clone, Copy)]
pub struct HeldSettings {
    /// The shortest wait between two tries.
    pub backoff_min: Duration,
    /// The longest wait between two tries; not below the shortest.
    pub backoff_max: Duration,
    /// How long a record waits in all before it is dead.
    pub max_age: Duration,
}

/// When a partition has too many dead records to go on without a person.
#[derive(Debug, Clone, Copy)]
pub struct DeadLimitSettings {
    /// Dead records in a row.
    pub run: usize,
    /// The share of dead records among the last ones, above 0 up to 1.
    pub ratio: f64,
    /// How many records the share is taken of.
    pub window: usize,
}

#[derive(Default, Deserialize)]
struct Texts {
    held_backoff_min: Option<String>,
    held_backoff_max: Option<String>,
    held_max_age: Option<String>,
    dead_limit_run: Option<String>,
    dead_limit_ratio: Option<String>,
    dead_limit_window: Option<String>,
}

pub(super) fn read(findings: &mut Findings) -> Option<(HeldSettings, DeadLimitSettings)> {
    let texts: Texts = findings.texts("");
    let backoff_min = findings
        .required(&HELD_BACKOFF_MIN, texts.held_backoff_min.as_deref(), |text| within(text, &BACKOFF_MIN));
    let backoff_max = findings
        .required(&HELD_BACKOFF_MAX, texts.held_backoff_max.as_deref(), |text| within(text, &BACKOFF_MAX));
    let max_age =
        findings.required(&HELD_MAX_AGE, texts.held_max_age.as_deref(), |text| within(text, &MAX_AGE));
    if let (Some(least), Some(most)) = (backoff_min, backoff_max)
        && least > most
    {
        let variable = findings.given.variable(&HELD_BACKOFF_MIN);
        let message = format!("is longer than {}; expected at most as long", HELD_BACKOFF_MAX.name);
        findings.faults.push(Fault::new(variable, message));
    }
    let run = findings.required(&DEAD_LIMIT_RUN, texts.dead_limit_run.as_deref(), |text| {
        whole_number(text, &(1..=1_000_000))
    });
    let ratio = findings.required(&DEAD_LIMIT_RATIO, texts.dead_limit_ratio.as_deref(), ratio);
    let window = findings.required(&DEAD_LIMIT_WINDOW, texts.dead_limit_window.as_deref(), |text| {
        whole_number(text, &(10..=100_000))
    });
    Some((
        HeldSettings { backoff_min: backoff_min?, backoff_max: backoff_max?, max_age: max_age? },
        DeadLimitSettings { run: run?, ratio: ratio?, window: window? },
    ))
}

fn ratio(text: &str) -> Result<f64, String> {
    let expected = || "a number above 0 up to 1".to_owned();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let ratio: f64 = text.parse().map_err(|_| expected())?;
    if digits && ratio > 0.0 && ratio <= 1.0 { Ok(ratio) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::ratio;

    #[test]
    fn a_ratio_lies_above_zero_and_up_to_one() {
        assert_eq!(ratio("0.5"), Ok(0.5));
        assert_eq!(ratio("1"), Ok(1.0));
        for text in ["0", "0.0", "1.1", "-0.5", "NaN", "inf", "half", "", "1e-3"] {
            assert!(ratio(text).is_err(), "{text}");
        }
    }
}
