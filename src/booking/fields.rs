//! The fields that booking events share: payload, identifiers, references to users and rows, dates.

use jiff::civil::Date;
use jiff::fmt::temporal::Pieces;
use serde::Deserialize;

use crate::outcome::Invalid;
use crate::record::{Record, clean_text};

/// The largest payload that is looked into, in bytes: a thousand times an ordinary event.
const PAYLOAD_BYTES: usize = 1 << 20;

/// The longest identifier, in characters: the width of the columns it is stored in or compared with.
const IDENTIFIER_CHARACTERS: usize = 255;

/// What to send instead of what is no identifier.
const IDENTIFIER: &str = "expected 1 to 255 characters, not all blank, none of them NUL";

/// The years that a stay may fall in. Go writes an unset time as year 1.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=9999;

/// What to send instead of what cannot be decoded.
const EXPECTED: &str = "expected a JSON object with the event's fields";

/// Decodes a record's JSON payload. A field given twice is an error: nobody could say which one was meant.
pub(super) fn decode<'a, T: Deserialize<'a>>(record: &'a Record) -> Result<T, Invalid> {
    let Some(payload) = record.payload() else {
        return Err(Invalid::new(
            "undecodable",
            format!("the record has no payload (a tombstone); {EXPECTED}"),
        ));
    };
    if payload.len() > PAYLOAD_BYTES {
        let detail = format!("the payload has {} bytes; at most {PAYLOAD_BYTES} are read", payload.len());
        return Err(Invalid::new("too_large", detail));
    }
    // Checked here, because serde reads a struct from a JSON array too, by position.
    if payload.trim_ascii_start().first() != Some(&b'{') {
        return Err(Invalid::new("undecodable", format!("the payload is no JSON object; {EXPECTED}")));
    }
    serde_json::from_slice(payload).map_err(|error| undecodable::<T>(payload, &error))
}

/// Says what of a payload is not as expected. The payload is read once more, because the error alone tells the
/// column but not the field.
fn undecodable<'a, T: Deserialize<'a>>(payload: &'a [u8], error: &serde_json::Error) -> Invalid {
    let mut json = serde_json::Deserializer::from_slice(payload);
    let path =
        serde_path_to_error::deserialize::<_, T>(&mut json).err().map(|error| error.path().to_string());
    let found = match path.filter(|path| path != ".") {
        Some(field) => format!("{field}: {error}"),
        None => error.to_string(),
    };
    let detail = format!("{}; {EXPECTED}", shortened(&found));
    Invalid::new("undecodable", clean_text(&detail))
}

/// The beginning and the end of a message, which may quote a sender's endless text in its middle.
fn shortened(message: &str) -> String {
    let (first, last) = (80, 80);
    let characters = message.chars().count();
    if characters <= first + last {
        return message.to_owned();
    }
    let start: String = message.chars().take(first).collect();
    let end: String = message.chars().skip(characters - last).collect();
    format!("{start}…{end}")
}

/// Checks an identifier: not blank, no NUL (PostgreSQL's text cannot hold it), not over 255 characters.
pub(super) fn identifier(field: &'static str, value: &str) -> Result<(), Invalid> {
    if value.trim().is_empty() {
        return Err(Invalid::new("blank_identifier", format!("{field} is blank; {IDENTIFIER}")));
    }
    if value.contains('\0') {
        return Err(Invalid::new(
            "invalid_identifier",
            format!("{field} contains NUL (\\u0000); {IDENTIFIER}"),
        ));
    }
    // Bytes first: characters are never more.
    if value.len() > IDENTIFIER_CHARACTERS && value.chars().count() > IDENTIFIER_CHARACTERS {
        let detail = format!("{field} is longer than {IDENTIFIER_CHARACTERS} characters; {IDENTIFIER}");
        return Err(Invalid::new("too_large", detail));
    }
    Ok(())
}

/// The number that an identifier may stand for: all digits, and within the column's range. Digits that do not
/// fit are no number, so that they match no row instead of failing a cast.
pub(super) fn row_number(identifier: &str) -> Option<i32> {
    let digits = !identifier.is_empty() && identifier.bytes().all(|byte| byte.is_ascii_digit());
    if digits { identifier.parse().ok() } else { None }
}

/// The date of an RFC 3339 time as written, in its own offset: `2027-02-03T00:30:00+02:00` is 3 February.
pub(super) fn date(field: &'static str, value: &str) -> Result<Date, Invalid> {
    let invalid = |what: &str| {
        let value: String = value.chars().take(64).collect();
        Invalid::new(
            "invalid_dates",
            clean_text(&format!("{field} {value:?} {what}; expected RFC 3339, such as 2025-01-15T15:00:00Z")),
        )
    };
    let pieces = Pieces::parse(value).map_err(|_| invalid("is not a time"))?;
    if pieces.time().is_none() || pieces.offset().is_none() || pieces.time_zone_annotation().is_some() {
        return Err(invalid("is not a time with an offset"));
    }
    let date = pieces.date();
    if YEARS.contains(&date.year()) { Ok(date) } else { Err(invalid("is out of range (years 1900 to 9999)")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date as civil;
    use proptest::prelude::*;

    #[test]
    fn a_date_is_taken_as_written() {
        for (text, expected) in [
            ("2025-01-15T15:00:00Z", civil(2025, 1, 15)),
            ("2027-02-03T00:30:00+02:00", civil(2027, 2, 3)),
            ("2027-02-03T23:30:00-11:00", civil(2027, 2, 3)),
            ("2025-01-15T15:00:00.1Z", civil(2025, 1, 15)),
            ("2025-01-15T15:00:00.123456789+05:30", civil(2025, 1, 15)),
            ("2028-02-29T00:00:00Z", civil(2028, 2, 29)),
        ] {
            assert_eq!(date("startDate", text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_rfc_3339_time_is_refused_with_the_field_and_the_remedy() {
        for text in [
            "",
            "tomorrow",
            "2025-01-15",
            "2025-01-15T15:00:00",
            "2025-02-30T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "1899-12-31T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "-000001-01-01T00:00:00Z",
            "2025-01-15T25:00:00Z",
            "2025-01-15T15:00:00Z[Europe/Madrid]",
            "1736953200",
        ] {
            let Err(invalid) = date("startDate", text) else { panic!("{text} was accepted") };
            assert_eq!(invalid.reason, "invalid_dates", "{text}");
            assert!(
                invalid.detail.contains("startDate") && invalid.detail.contains("RFC 3339"),
                "{invalid:?}"
            );
        }
    }

    #[test]
    fn digits_that_do_not_fit_the_column_are_no_row_number() {
        for (text, expected) in [
            ("17", Some(17)),
            ("2147483647", Some(i32::MAX)),
            ("2147483648", None),
            ("12345678901234567890", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("user_123", None),
            ("١٢", None),
        ] {
            assert_eq!(row_number(text), expected, "{text}");
        }
    }

    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "only decoded")]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        booking_id: String,
        guests: i64,
    }

    #[test]
    fn what_cannot_be_decoded_names_the_field_and_the_remedy_however_long_its_text() {
        let long = "x".repeat(100_000);
        for (payload, names) in [
            (r#"{"bookingId":"b","guests":"two"}"#, "guests: invalid type: string \"two\", expected i64"),
            (&format!(r#"{{"bookingId":"b","guests":"{long}"}}"#), "guests: invalid type"),
            (&format!(r#"{{"bookingId":"b","guests":"{long}"}}"#), "expected i64 at line 1"),
            (r#"{"bookingId":17,"guests":2}"#, "bookingId: invalid type"),
            (r#"{"bookingId":"b"}"#, "missing field `guests`"),
            (r#"{"guests":1,"guests":2}"#, "duplicate field `guests`"),
            (r#"{"bookingId":"b","guests":2}{"#, "trailing characters"),
            (&format!(r#"{{"{long}":["#), "EOF while parsing a list"),
            // Not by position.
            (r#"["b",2]"#, "no JSON object"),
            ("", "no JSON object"),
        ] {
            let record = Record::new(0, None, None, Some(payload.as_bytes()), std::iter::empty());
            let invalid = decode::<Wire>(&record).err().unwrap();
            let (reason, detail) = (invalid.reason, invalid.detail);
            assert!(detail.contains(names) && detail.ends_with(EXPECTED), "{names}: {detail}");
            assert_eq!((reason, detail.chars().count() <= 255), ("undecodable", true), "{detail}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_field_panic(text: String) {
            let _ = date("startDate", &text);
            let _ = row_number(&text);
            let accepted = identifier("bookingId", &text).is_ok();
            prop_assert!(!accepted || (!text.contains('\0') && text.chars().count() <= 255));
        }
    }
}
