//! Lays the report out for a terminal of 80 columns: names on the left, the rest wrapped beside them.

use super::report::Row;
use crate::terminal::pairs;

/// Width of the names; the longest has 37 characters.
const NAME_WIDTH: usize = 39;
/// Width of what stands beside a name.
const TEXT_WIDTH: usize = 41;

/// The rows as a person reads them, no line longer than 80 columns.
#[must_use]
pub fn render_table(rows: &[Row]) -> String {
    pairs(rows.iter().map(|row| (row.name, beside(row))), NAME_WIDTH, TEXT_WIDTH)
}

/// The value, and below it where it comes from when it is not the default.
fn beside(row: &Row) -> String {
    match (row.source.as_str(), &row.value) {
        (_, None) => format!("(unset: {})", row.default),
        ("default", Some(value)) => format!("{value}  (default)"),
        (source, Some(value)) => format!("{value}\n  from {source}; default: {}", row.default),
    }
}

#[cfg(test)]
mod tests {
    use super::{NAME_WIDTH, Row, render_table};
    use crate::config::catalogue;

    fn row(value: Option<&str>, source: &str) -> Row {
        Row {
            name: "KAFKA_BROKERS",
            value: value.map(str::to_owned),
            source: source.to_owned(),
            default: "localhost:9092",
            description: "",
        }
    }

    #[test]
    fn no_line_is_longer_than_a_terminal_and_nothing_is_cut_off() {
        for value in [
            "kafka-0.kafka.svc.cluster.local:9092,".repeat(9),
            "x".repeat(500),
            "word ".repeat(50),
            "é".repeat(120),
        ] {
            let source = format!("file /run/{}", "secrets/".repeat(20));
            let table = render_table(&[row(Some(&value), &source)]);
            let mut beside = String::new();
            for line in table.lines() {
                assert!(line.chars().count() <= 80, "{line}");
                beside.extend(line.chars().skip(NAME_WIDTH));
            }
            let beside = beside.replace(' ', "");
            assert!(beside.contains(&value.replace(' ', "")), "{table}");
            assert!(beside.contains(&source.replace(' ', "")), "{table}");
        }
    }

    #[test]
    fn every_name_leaves_a_gap_before_its_value() {
        for setting in catalogue() {
            assert!(setting.name.len() + 2 <= NAME_WIDTH, "{}", setting.name);
        }
    }

    #[test]
    fn a_row_says_where_its_value_comes_from() {
        let table = render_table(&[
            row(Some("localhost:9092"), "default"),
            row(Some("k:1"), "environment"),
            row(Some("a=b\nc=***"), "file /run/p"),
            row(None, "default"),
        ]);
        assert_eq!(
            table,
            "KAFKA_BROKERS                          localhost:9092  (default)\n\
             KAFKA_BROKERS                          k:1\n\
             \x20                                        from environment; default:\n\
             \x20                                      localhost:9092\n\
             KAFKA_BROKERS                          a=b\n\
             \x20                                      c=***\n\
             \x20                                        from file /run/p; default:\n\
             \x20                                      localhost:9092\n\
             KAFKA_BROKERS                          (unset: localhost:9092)\n"
        );
    }
}
