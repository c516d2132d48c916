//! Checks of plain texts: each returns the value or says what it expected.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The longest name that the worker stores or sends, in bytes.
const LONGEST_NAME: usize = 255;

/// A whole number within a range.
pub(super) fn whole_number<Number>(text: &str, range: &RangeInclusive<Number>) -> Result<Number, String>
where
    Number: FromStr + PartialOrd + Display,
{
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
}

/// One of a few words, in any case.
pub(super) fn one_of<Choice: Copy>(text: &str, choices: &[(&str, Choice)]) -> Result<Choice, String> {
    choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, choice)| *choice).ok_or_else(
        || {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            format!("one of {}", words.join(", "))
        },
    )
}

/// A switch.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    const WORDS: [(&str, bool); 8] = [
        ("true", true),
        ("false", false),
        ("yes", true),
        ("no", false),
        ("on", true),
        ("off", false),
        ("1", true),
        ("0", false),
    ];
    one_of(text, &WORDS)
}

/// A name that can stand in a log line, a column and a request as it is.
pub(super) fn name(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_NAME || text.chars().any(char::is_control) {
        return Err(format!("at most {LONGEST_NAME} bytes without control characters"));
    }
    Ok(text.to_owned())
}

/// The elements of a list separated by commas, without blanks and empty ones.
pub(super) fn elements(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{elements, name, one_of, switch, whole_number};

    #[test]
    fn a_number_is_whole_and_within_its_range() {
        for (text, expected) in [("1", Some(1)), ("64", Some(64)), ("007", Some(7))] {
            assert_eq!(whole_number(text, &(1..=64)).ok(), expected, "{text}");
        }
        for text in ["0", "65", "-1", "1.0", "1e1", "four", "", "1 ", "99999999999999999999999"] {
            let expected = "a whole number from 1 to 64".to_owned();
            assert_eq!(whole_number::<usize>(text, &(1..=64)), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_switch_takes_the_usual_words_in_any_case() {
        for (text, expected) in [("true", true), ("TRUE", true), ("1", true), ("Yes", true), ("on", true)]
            .into_iter()
            .chain([("false", false), ("0", false), ("NO", false), ("Off", false)])
        {
            assert_eq!(switch(text), Ok(expected), "{text}");
        }
        for text in ["", "y", "2", "truee", "enabled"] {
            assert!(switch(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_all_right_ones() {
        let answer = one_of("red", &[("json", 1), ("pretty", 2)]);
        assert_eq!(answer, Err("one of json, pretty".to_owned()));
    }

    #[test]
    fn a_name_is_short_and_printable() {
        assert_eq!(name("svc@tenant é"), Ok("svc@tenant é".to_owned()));
        for text in ["a\nb", "a\0b", "\u{1b}[2J", &"x".repeat(256)] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn blanks_and_empty_elements_of_a_list_do_not_count() {
        let listed: Vec<&str> = elements(" a,, b ,\t,c d, ").collect();
        assert_eq!(listed, ["a", "b", "c d"]);
    }
}
