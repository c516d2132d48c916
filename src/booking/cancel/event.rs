//! `booking-cancellations`: a user's wish to cancel a booking.

use std::borrow::Cow;

use serde::Deserialize;

use crate::booking::fields;
use crate::outcome::Invalid;
use crate::record::Record;

/// A valid cancellation event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CancellationEvent {
    /// The booking's id in the events; from a web client its numeric row id.
    pub(crate) booking: String,
    /// A numeric id, an e-mail address or a username.
    pub(crate) user: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow)]
    booking_id: Cow<'a, str>,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
}

impl CancellationEvent {
    /// Decodes and validates a record.
    pub(super) fn decode(record: &Record) -> Result<Self, Invalid> {
        let wire: Wire<'_> = fields::decode(record)?;
        fields::identifier("bookingId", &wire.booking_id)?;
        fields::identifier("userId", &wire.user_id)
            .and_then(|()| fields::date("timestamp", &wire.timestamp))
            .map_err(|invalid| invalid.about(&wire.booking_id))?;
        Ok(Self { booking: wire.booking_id.into_owned(), user: wire.user_id.into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(payload: &[u8]) -> Result<CancellationEvent, &'static str> {
        CancellationEvent::decode(&Record::new(0, None, None, Some(payload), std::iter::empty()))
            .map_err(|invalid| invalid.reason)
    }

    #[test]
    fn the_contracts_example_decodes() {
        let payload =
            br#"{"bookingId":"booking_456","userId":"user_123","timestamp":"2025-01-18T10:30:00Z"}"#;
        let expected = CancellationEvent { booking: "booking_456".into(), user: "user_123".into() };
        assert_eq!(decode(payload), Ok(expected));
    }

    #[test]
    fn each_kind_of_poison_is_dead_for_its_own_reason() {
        for (payload, reason) in [
            (r#"{"bookingId":"","userId":"u","timestamp":"2025-01-18T10:30:00Z"}"#, "blank_identifier"),
            (r#"{"bookingId":"b","userId":" ","timestamp":"2025-01-18T10:30:00Z"}"#, "blank_identifier"),
            (
                r#"{"bookingId":"b","userId":"u\u0000","timestamp":"2025-01-18T10:30:00Z"}"#,
                "invalid_identifier",
            ),
            (r#"{"bookingId":"b","userId":"u","timestamp":"yesterday"}"#, "invalid_dates"),
            (r#"{"bookingId":"b","userId":"u"}"#, "undecodable"),
            (r#"{"bookingId":17,"userId":"u","timestamp":"2025-01-18T10:30:00Z"}"#, "undecodable"),
        ] {
            assert_eq!(decode(payload.as_bytes()), Err(reason), "{payload}");
        }
    }

    proptest! {
        #[test]
        fn no_payload_panics(payload: Vec<u8>) {
            let _ = decode(&payload);
        }
    }
}
