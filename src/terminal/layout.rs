//! Measures, cuts and wraps text by the columns that it takes on a terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most this many columns, with `…` for what is left out.
pub(super) fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut columns = 0;
    for character in text.chars() {
        let wide = character.width().unwrap_or(0);
        if columns + wide + 1 > most {
            break;
        }
        columns += wide;
        shown.push(character);
    }
    shown.push('…');
    shown
}

/// The end of the text in at most this many columns, with `…` for what is left out.
pub(super) fn cut_before(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut columns = 1;
    let fits = |(_, character): &(usize, char)| {
        columns += character.width().unwrap_or(0);
        columns <= most
    };
    let start = text.char_indices().rev().take_while(fits).last().map_or(text.len(), |(start, _)| start);
    format!("…{}", text.get(start..).unwrap_or_default())
}

/// The lines of a text, broken after blanks and commas where there are any, else anywhere.
pub(super) fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for piece in paragraph.split_inclusive([' ', ',']) {
            if width(&line) + width(piece.trim_end()) > most && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            if width(&line) + width(piece) <= most {
                line.push_str(piece);
                continue;
            }
            for character in piece.chars() {
                if width(&line) + character.width().unwrap_or(0) > most {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(character);
            }
        }
        lines.push(line);
    }
    lines
}

/// Names on the left, each text wrapped beside its name. The texts are harmless already; their line breaks stay.
#[must_use]
pub fn pairs<N: AsRef<str>>(
    rows: impl IntoIterator<Item = (N, String)>,
    name_width: usize,
    text_width: usize,
) -> String {
    let mut shown = String::new();
    for (name, text) in rows {
        for (index, line) in wrap(&text, text_width).iter().enumerate() {
            let name = if index == 0 { name.as_ref() } else { "" };
            shown.push_str(format!("{name:name_width$}{line}").trim_end());
            shown.push('\n');
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(cut("booking_456", 11), "booking_456");
        assert_eq!(cut("booking_456", 10), "booking_4…");
        assert_eq!(cut("海景房海景房", 7), "海景房…");
        assert_eq!(cut("海景房海景房", 6), "海景…");
        assert_eq!(cut_before("booking-events/0@1042", 21), "booking-events/0@1042");
        assert_eq!(cut_before("booking-events/0@1042", 10), "…ts/0@1042");
        assert_eq!(cut_before("海景房海景房", 6), "…景房");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in "[a-z é海,]{0,200}", most in 2_usize..50) {
            prop_assert!(width(&cut(&text, most)) <= most);
            prop_assert!(width(&cut_before(&text, most)) <= most);
            for line in wrap(&text, most) {
                prop_assert!(width(line.trim_end()) <= most, "{line:?}");
            }
            let whole: String = wrap(&text, most).concat();
            prop_assert_eq!(whole, text);
        }
    }
}
