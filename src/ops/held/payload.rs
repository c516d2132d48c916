//! Bytes of a stranger, made readable and harmless: JSON by its members, other text by its lines, the rest in hex.

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::terminal::harmless;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What is shown of a payload unless all of it is asked for.
const LINES: usize = 40;
const CHARACTERS: usize = 4_000;

/// The bytes that a line of hex shows.
const HEX_BYTES: usize = 16;

/// The bytes as lines for a terminal, and whether some were left out.
pub(super) fn readable(bytes: &[u8], full: bool) -> (Vec<String>, bool) {
    let (lines_most, characters_most) = if full { (usize::MAX, usize::MAX) } else { (LINES, CHARACTERS) };
    let mut lines: Vec<String> = match std::str::from_utf8(bytes) {
        Ok(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            indented(text).lines().map(harmless).collect()
        }
        Ok(text) => text.lines().map(harmless).collect(),
        Err(_) => hex(&bytes[..bytes.len().min(characters_most)]),
    };
    let mut cut = lines.len() > lines_most || bytes.len() > characters_most;
    lines.truncate(lines_most);
    let mut left = characters_most;
    for line in &mut lines {
        if let Some((end, _)) = line.char_indices().nth(left) {
            line.truncate(end);
            line.push('…');
            cut = true;
        }
        left = left.saturating_sub(line.chars().count());
    }
    (lines, cut)
}

/// The bytes in one line.
pub(super) fn one_line(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => harmless(text),
        Err(_) => format!("(not UTF-8) {}", bytes.escape_ascii()),
    }
}

/// The bytes in JSON: as text where they are, else in base64.
pub(super) fn value(bytes: Option<&[u8]>) -> Value {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => Value::Null,
        Some((_, Ok(text))) => json!({ "text": text }),
        Some((bytes, Err(_))) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// Valid JSON, a member a line. The text of each value stays as it came: numbers, escapes, names given twice.
fn indented(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if in_string {
            shown.push(character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            blank if blank.is_ascii_whitespace() => {}
            '{' | '[' => {
                shown.push(character);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    shown.push(end);
                } else {
                    depth += 1;
                    line_break(&mut shown, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line_break(&mut shown, depth);
                shown.push(character);
            }
            ',' => {
                shown.push(',');
                line_break(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            other => {
                in_string = other == '"';
                shown.push(other);
            }
        }
    }
    shown
}

fn line_break(shown: &mut String, depth: usize) {
    shown.push('\n');
    shown.extend(std::iter::repeat_n("  ", depth));
}

fn hex(bytes: &[u8]) -> Vec<String> {
    let line = |(index, chunk): (usize, &[u8])| {
        let codes: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let letters: String = chunk
            .iter()
            .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
            .collect();
        format!("{:08x}  {:47}  {letters}", index * HEX_BYTES, codes.join(" "))
    };
    bytes.chunks(HEX_BYTES).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_is_shown_by_its_members_as_they_came() {
        let text =
            r#" {"a":"x, {\"y\"}","a":1.50,"b":[ ],"c":[1,{"d":null}],"e":{}, "f":18446744073709551616} "#;
        let expected = r#"{
  "a": "x, {\"y\"}",
  "a": 1.50,
  "b": [],
  "c": [
    1,
    {
      "d": null
    }
  ],
  "e": {},
  "f": 18446744073709551616
}"#;
        let (lines, cut) = readable(text.as_bytes(), false);
        assert_eq!((lines.join("\n"), cut), (expected.to_owned(), false));
    }

    #[test]
    fn what_is_no_text_is_shown_in_hex() {
        let (lines, cut) = readable(b"\xff\x00\x1b[2J0123456789abc", false);
        let expected = [
            "00000000  ff 00 1b 5b 32 4a 30 31 32 33 34 35 36 37 38 39  ...[2J0123456789",
            "00000010  61 62 63                                         abc",
        ];
        assert_eq!((lines, cut), (expected.map(str::to_owned).to_vec(), false));
    }

    #[test]
    fn a_long_payload_is_cut_unless_all_of_it_is_asked_for() {
        for bytes in [b"x".repeat(9_000), b"x\n".repeat(900), b"\xff".repeat(9_000)] {
            let (lines, cut) = readable(&bytes, false);
            let characters: usize = lines.iter().map(|line| line.chars().count()).sum();
            assert!(cut && lines.len() <= LINES && characters <= CHARACTERS + LINES);
            assert!(!readable(&bytes, true).1);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_acts_comes_through(bytes: Vec<u8>) {
            let (lines, _) = readable(&bytes, true);
            prop_assert!(!lines.iter().any(|line| line.contains(char::is_control)));
        }
    }
}
