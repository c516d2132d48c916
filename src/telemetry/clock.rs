//! The time on a line, `2025-01-15T10:00:00.123Z`; the calendar is asked once a second.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// The current second as text, and the milliseconds past it.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: i64,
    /// `2025-01-15T10:00:00`
    text: String,
}

impl Clock {
    /// Appends the whole time, in UTC.
    pub(super) fn write_full(&mut self, line: &mut String) {
        let milliseconds = self.advance(SystemTime::now());
        line.push_str(&self.text);
        push_milliseconds(line, milliseconds);
        line.push('Z');
    }

    /// Appends the time of day, in UTC: `10:00:00.123`.
    pub(super) fn write_short(&mut self, line: &mut String) {
        let milliseconds = self.advance(SystemTime::now());
        line.push_str(self.text.get("2025-01-15T".len()..).unwrap_or_default());
        push_milliseconds(line, milliseconds);
    }

    fn advance(&mut self, now: SystemTime) -> u32 {
        let elapsed = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = i64::try_from(elapsed.as_secs()).unwrap_or_default();
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text = Timestamp::from_second(second).unwrap_or_default().to_string();
            self.text.truncate("2025-01-15T10:00:00".len());
        }
        elapsed.subsec_millis()
    }
}

fn push_milliseconds(line: &mut String, milliseconds: u32) {
    line.push('.');
    for unit in [100, 10, 1] {
        line.push(char::from_digit(milliseconds / unit % 10, 10).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_is_exact_to_the_millisecond_on_both_sides_of_a_second() {
        let mut clock = Clock::default();
        for (milliseconds, second, rest) in [
            (0, "1970-01-01T00:00:00", 0),
            (1_736_935_200_123, "2025-01-15T10:00:00", 123),
            (1_736_935_200_999, "2025-01-15T10:00:00", 999),
            (1_736_935_201_007, "2025-01-15T10:00:01", 7),
            (1_709_251_199_000, "2024-02-29T23:59:59", 0),
        ] {
            assert_eq!(clock.advance(UNIX_EPOCH + Duration::from_millis(milliseconds)), rest);
            assert_eq!(clock.text, second);
        }
    }

    #[test]
    fn milliseconds_have_three_digits() {
        let mut line = String::new();
        push_milliseconds(&mut line, 7);
        assert_eq!(line, ".007");
    }
}
