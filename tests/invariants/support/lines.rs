//! What log lines say about records.

use serde_json::Value;

/// The lines that say what became of a record.
pub fn of_records(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line.get("outcome").is_some()).collect()
}

/// The one line that says what became of the record at these coordinates.
pub fn about<'a>(lines: &'a [Value], topic: &str, (partition, offset): (i32, i64)) -> &'a Value {
    let here = |line: &&Value| {
        line["topic"] == topic
            && line["partition"] == partition
            && line["offset"] == offset
            && line.get("outcome").is_some()
    };
    let found: Vec<&Value> = lines.iter().filter(here).collect();
    assert_eq!(found.len(), 1, "lines about {topic}/{partition} at {offset}: {found:?}");
    found[0]
}

/// The text that a line shows under a name; none where it has no such field.
pub fn shown<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    line.get(name).map(|value| value.as_str().unwrap_or_else(|| panic!("{name} is no text: {line}")))
}
