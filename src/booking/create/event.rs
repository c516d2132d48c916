//! `booking-events`: a booking as the booking service confirmed it.

use std::borrow::Cow;

use jiff::civil::Date;
use serde::Deserialize;

use crate::booking::fields;
use crate::outcome::Invalid;
use crate::record::Record;

/// A valid booking event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BookingEvent {
    pub(crate) booking_id: String,
    /// A numeric id, an e-mail address or a username.
    pub(crate) user: String,
    /// `rooms.internal_id`.
    pub(crate) room: String,
    pub(crate) guests: i32,
    pub(crate) start: Date,
    pub(crate) end: Date,
    /// None where the event names no payment.
    pub(crate) payment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    room_id: Cow<'a, str>,
    guests: i64,
    #[serde(borrow)]
    start_date: Cow<'a, str>,
    #[serde(borrow)]
    end_date: Cow<'a, str>,
    #[serde(borrow)]
    booking_id: Cow<'a, str>,
    #[serde(borrow, default)]
    payment_id: Option<Cow<'a, str>>,
}

impl BookingEvent {
    /// Decodes and validates a record.
    pub(super) fn decode(record: &Record) -> Result<Self, Invalid> {
        let wire: Wire<'_> = fields::decode(record)?;
        fields::identifier("bookingId", &wire.booking_id)?;
        Self::validate(&wire).map_err(|invalid| invalid.about(&wire.booking_id))
    }

    fn validate(wire: &Wire<'_>) -> Result<Self, Invalid> {
        fields::identifier("userId", &wire.user_id)?;
        fields::identifier("roomId", &wire.room_id)?;
        let payment = wire.payment_id.as_deref().filter(|payment| !payment.trim().is_empty());
        if let Some(payment) = payment {
            fields::identifier("paymentId", payment)?;
        }
        let guests = i32::try_from(wire.guests).ok().filter(|guests| *guests > 0).ok_or_else(|| {
            Invalid::new("invalid_guests", format!("guests is {}; expected 1 to {}", wire.guests, i32::MAX))
        })?;
        let start = fields::date("startDate", &wire.start_date)?;
        let end = fields::date("endDate", &wire.end_date)?;
        if end <= start {
            return Err(Invalid::new(
                "invalid_dates",
                format!("the stay ends on {end}, which is not after its start on {start}"),
            ));
        }
        Ok(Self {
            booking_id: wire.booking_id.as_ref().into(),
            user: wire.user_id.as_ref().into(),
            room: wire.room_id.as_ref().into(),
            guests,
            start,
            end,
            payment: payment.map(Into::into),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn decode(payload: &[u8]) -> Result<BookingEvent, Invalid> {
        BookingEvent::decode(&Record::new(0, None, None, Some(payload), std::iter::empty()))
    }

    fn event() -> Value {
        json!({
            "userId": "user_123", "roomId": "room_ocean_001", "guests": 2, "startDate": "2025-01-15T15:00:00Z",
            "endDate": "2025-01-18T11:00:00Z", "bookingId": "booking_456", "paymentId": "pay_789",
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut event = event();
        event[field] = value;
        event
    }

    #[test]
    fn the_contracts_example_decodes() {
        let decoded = decode(event().to_string().as_bytes());
        let expected = BookingEvent {
            booking_id: "booking_456".into(),
            user: "user_123".into(),
            room: "room_ocean_001".into(),
            guests: 2,
            start: date(2025, 1, 15),
            end: date(2025, 1, 18),
            payment: Some("pay_789".into()),
        };
        assert_eq!(decoded, Ok(expected));
    }

    #[test]
    fn each_kind_of_poison_is_dead_for_its_own_reason() {
        for (field, value, reason) in [
            ("bookingId", json!(""), "blank_identifier"),
            ("bookingId", json!(" \t"), "blank_identifier"),
            ("bookingId", json!("a\0b"), "invalid_identifier"),
            ("bookingId", json!("b".repeat(256)), "too_large"),
            ("bookingId", json!(17), "undecodable"),
            ("userId", json!(null), "undecodable"),
            ("userId", json!(""), "blank_identifier"),
            ("roomId", json!("r".repeat(100_000)), "too_large"),
            ("paymentId", json!("p\0"), "invalid_identifier"),
            ("guests", json!(0), "invalid_guests"),
            ("guests", json!(-1), "invalid_guests"),
            ("guests", json!(2_147_483_648_i64), "invalid_guests"),
            ("guests", json!(18_446_744_073_709_551_615_u64), "undecodable"),
            ("guests", json!(1e300), "undecodable"),
            ("guests", json!("2"), "undecodable"),
            ("guests", json!(2.5), "undecodable"),
            ("startDate", json!("0001-01-01T00:00:00Z"), "invalid_dates"),
            ("endDate", json!("2025-01-15T23:00:00Z"), "invalid_dates"),
            ("endDate", json!("2024-01-15T23:00:00Z"), "invalid_dates"),
        ] {
            let found = decode(with(field, value.clone()).to_string().as_bytes());
            assert_eq!(found.map_err(|invalid| invalid.reason), Err(reason), "{field} = {value}");
        }
    }

    #[test]
    fn an_invalid_event_still_says_which_booking_it_was_about() {
        let found = decode(with("guests", json!(0)).to_string().as_bytes());
        assert_eq!(found.map_err(|invalid| invalid.subject), Err(Some("booking_456".into())));
    }

    #[test]
    fn a_payment_may_be_missing_and_unknown_fields_are_passed_over() {
        for payment in [json!(null), json!(""), json!("  ")] {
            let event = with("paymentId", payment);
            assert_eq!(decode(event.to_string().as_bytes()).map(|event| event.payment), Ok(None));
        }
        let event = with("channel", json!({"name": ["web", {"nested": null}]}));
        assert!(decode(event.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn bytes_that_are_no_event_are_undecodable() {
        let deep = "[".repeat(100_000);
        let twice = r#"{"guests":1,"guests":2}"#;
        for payload in
            [b"" as &[u8], b"null", b"[]", b"\"text\"", b"{", b"\xff\xfe", deep.as_bytes(), twice.as_bytes()]
        {
            assert_eq!(decode(payload).map_err(|invalid| invalid.reason), Err("undecodable"));
        }
        let bad_text = event().to_string().replace("room_ocean_001", "room_\u{1}").into_bytes();
        let bad_text: Vec<u8> = bad_text.iter().map(|byte| if *byte == 1 { 0xff } else { *byte }).collect();
        assert_eq!(decode(&bad_text).map_err(|invalid| invalid.reason), Err("undecodable"));
        let none = BookingEvent::decode(&Record::new(0, None, None, None, std::iter::empty()));
        assert_eq!(none.map_err(|invalid| invalid.reason), Err("undecodable"));
    }

    proptest! {
        #[test]
        fn no_payload_panics(payload: Vec<u8>, field in "[a-zA-Z]{0,12}", text: String, number: i64) {
            let _ = decode(&payload);
            let _ = decode(with(&field, json!(text)).to_string().as_bytes());
            let _ = decode(with("guests", json!(number)).to_string().as_bytes());
            let _ = decode(with("startDate", json!(text)).to_string().as_bytes());
        }
    }
}
