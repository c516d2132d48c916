//! Records as the booking service produces them, and as it never should.

use serde_json::{Value, json};

/// A booking event of user `ana` for `room_ocean_001`.
pub fn booking(id: &str) -> Value {
    json!({
        "userId": "ana", "roomId": "room_ocean_001", "guests": 2, "startDate": "2027-01-15T15:00:00Z",
        "endDate": "2027-01-18T11:00:00Z", "bookingId": id, "paymentId": "pay_789",
    })
}

/// A cancellation by this user.
pub fn cancellation(id: &str, user: &str) -> Value {
    json!({"bookingId": id, "userId": user, "timestamp": "2027-01-01T10:30:00Z"})
}

/// A header: a name, which need not be UTF-8, and a value, which may be absent.
pub type Header = (Vec<u8>, Option<Vec<u8>>);

/// A record to produce.
#[derive(Debug, Clone, Default)]
pub struct Message {
    pub partition: Option<i32>,
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

impl Message {
    /// A record with these bytes and no key.
    pub fn bytes(payload: impl Into<Vec<u8>>) -> Self {
        Self { payload: Some(payload.into()), ..Self::default() }
    }

    /// A record with this event, keyed by its booking id as the contract says.
    pub fn event(event: &Value) -> Self {
        let key = event["bookingId"].as_str().unwrap_or_default();
        Self::bytes(event.to_string()).key(key)
    }

    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(key.as_ref().to_vec());
        self
    }

    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), Some(value.as_ref().to_vec())));
        self
    }

    /// A header without a value, which is not the same as an empty one.
    pub fn bare_header(mut self, name: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), None));
        self
    }

    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The record's timestamp, in milliseconds since 1970.
    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }
}
