//! How times and outcomes are shown to people.

use jiff::Timestamp;

use crate::terminal::{Cell, Tone};

/// A point in time, to the second.
pub(super) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A point in time, to the millisecond.
pub(super) fn exact_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S.%3fZ").to_string()
}

/// A length of time in its two largest units: `45s`, `3m 20s`, `2h 5m`, `12d 3h`.
pub(super) fn span(seconds: f64) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let duration = std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
    let mut rest = duration.as_secs();
    let first = UNITS.iter().position(|(_, scale)| rest >= *scale).unwrap_or(UNITS.len() - 1);
    let mut parts = Vec::new();
    for (unit, scale) in UNITS.iter().skip(first).take(2) {
        if rest >= *scale || parts.is_empty() {
            parts.push(format!("{}{unit}", rest / scale));
        }
        rest %= scale;
    }
    parts.join(" ")
}

/// How an outcome, or the status of a record that was set aside, strikes the eye.
pub(super) fn tone(word: &str) -> Tone {
    match word {
        "accepted" | "cancelled" => Tone::Good,
        "dead" => Tone::Bad,
        "held" | "waiting" | "rejected" => Tone::Warning,
        _ => Tone::Plain,
    }
}

/// An outcome or a status as a cell.
pub(super) fn word(word: &str) -> Cell {
    Cell::new(word, tone(word))
}

/// `1 record`, `2 records`.
pub(super) fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        for (seconds, shown) in [
            (-3.0, "0s"),
            (0.4, "0s"),
            (45.9, "45s"),
            (60.0, "1m"),
            (200.0, "3m 20s"),
            (7_500.0, "2h 5m"),
            (7_203.0, "2h"),
            (1_047_600.0, "12d 3h"),
            (f64::NAN, "0s"),
        ] {
            assert_eq!(span(seconds), shown, "{seconds}");
        }
    }
}
