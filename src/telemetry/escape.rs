//! Escapes that keep any text inside its place: a JSON string, or a line on a terminal.

use std::fmt::{self, Write};

use super::Format;

/// Writes `text` as the inside of a JSON string.
///
/// Beyond what JSON asks, characters that act on a terminal or on a reader's eye are written as
/// `\uXXXX` too: logs are looked at raw, and a parser gives the same text back.
pub(crate) fn json(out: &mut impl Write, text: &str) -> fmt::Result {
    escape(out, text, |out, character| match character {
        '"' => out.write_str("\\\""),
        '\\' => out.write_str("\\\\"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        acting if acts(acting) => write!(out, "\\u{:04x}", u32::from(acting)),
        harmless => out.write_char(harmless),
    })
}

/// Escapes what `out` holds from `start` on; nothing moves where nothing needs it, which is the rule.
pub(super) fn tail(out: &mut String, start: usize, format: Format) {
    let Some(first) = first_suspect(out.get(start..).unwrap_or_default()) else { return };
    let rest = out.split_off(start + first);
    // A String takes everything.
    let _ = match format {
        Format::Json => json(out, &rest),
        Format::Pretty => terminal(out, &rest),
    };
}

/// Writes `text` so that it cannot move the cursor, change colours, end its line or reorder it.
pub(crate) fn terminal(out: &mut impl Write, text: &str) -> fmt::Result {
    escape(out, text, |out, character| match character {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        acting if acts(acting) => write!(out, "\\u{{{:x}}}", u32::from(acting)),
        harmless => out.write_char(harmless),
    })
}

fn escape<W: Write>(out: &mut W, mut text: &str, one: impl Fn(&mut W, char) -> fmt::Result) -> fmt::Result {
    while let Some((harmless, rest)) = first_suspect(text).and_then(|first| text.split_at_checked(first)) {
        out.write_str(harmless)?;
        let mut rest = rest.chars();
        rest.next().map_or(Ok(()), |suspect| one(out, suspect))?;
        text = rest.as_str();
    }
    out.write_str(text)
}

/// Where the first character lies that may need an escape; mostly nowhere, so eight bytes a step.
fn first_suspect(text: &str) -> Option<usize> {
    let (words, _) = text.as_bytes().as_chunks();
    let plain = 8 * words.iter().take_while(|word| suspects(u64::from_le_bytes(**word)) == 0).count();
    let suspect = text.as_bytes().get(plain..)?.iter().position(|byte| match byte {
        // The last four begin what `acts` names beyond ASCII; other characters there are harmless.
        b'"' | b'\\' | 0xc2 | 0xd8 | 0xe2 | 0xef => true,
        other => other.is_ascii_control(),
    });
    suspect.map(|index| plain + index)
}

/// Sets the highest bit of bytes below a blank or above `~`, of quotes and of backslashes; the borrow
/// between bytes can make it set more, never fewer.
fn suspects(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = ONES << 7;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit));
    let equals = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, b' ') | equals(b'"') | equals(b'\\') | word | word.wrapping_add(ONES)) & HIGHEST
}

/// Control characters of both sets, line separators, and the marks that reorder or hide text.
///
/// None of them lies beyond `U+FFFF`, so that one `\uXXXX` is enough.
pub(crate) fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(escape: impl Fn(&mut String, &str) -> fmt::Result, text: &str) -> String {
        let mut out = String::new();
        escape(&mut out, text).expect("a String takes everything");
        out
    }

    #[test]
    fn json_escapes_what_ends_a_string_or_acts_on_a_reader() {
        assert_eq!(escaped(json, "plain café"), "plain café");
        assert_eq!(escaped(json, "a\"b\\c\nd\re\tf\0g"), r#"a\"b\\c\nd\re\tf\u0000g"#);
        assert_eq!(
            escaped(json, "\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{2028}"),
            r"\u001b[2J\u007f\u009b\u202e\u2028"
        );
    }

    #[test]
    fn terminal_text_can_neither_forge_a_line_nor_move_the_cursor() {
        assert_eq!(
            escaped(terminal, "ok\n12:00:00 ERROR forged\r\x1b[2J"),
            r"ok\n12:00:00 ERROR forged\r\u{1b}[2J"
        );
        assert_eq!(escaped(terminal, "\u{202e}gnp.exe\u{9b}5A\x08"), r"\u{202e}gnp.exe\u{9b}5A\u{8}");
    }

    proptest! {
        #[test]
        fn json_gives_the_same_text_back(text in any::<String>()) {
            let line = format!("\"{}\"", escaped(json, &text));
            prop_assert!(!line.chars().any(acts));
            prop_assert_eq!(serde_json::from_str::<String>(&line).expect("valid JSON"), text);
        }

        #[test]
        fn no_suspect_is_overlooked(before in "[ !#-\\[\\]-~]{0,20}", suspect in any::<char>(), after in "[ -~]{0,20}") {
            let needs_escape = acts(suspect) || suspect == '"' || suspect == '\\';
            let found = first_suspect(&format!("{before}{suspect}{after}")) == Some(before.len());
            prop_assert!(found || !needs_escape);
        }

        #[test]
        fn every_control_character_is_found(before in "[a-z]{0,9}", suspect in "[\\x00-\\x1f\"\\\\\\x7f-\\u{9f}\\u{202a}-\\u{202e}\\u{61c}\\u{feff}]") {
            prop_assert_eq!(first_suspect(&format!("{before}{suspect}")), Some(before.len()));
        }

        #[test]
        fn terminal_text_holds_nothing_that_acts(text in any::<String>()) {
            prop_assert!(!escaped(terminal, &text).chars().any(acts));
        }
    }
}
