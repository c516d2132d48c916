//! The records that are measured with: as large, and with the headers, as the platform's own.

use anyhow::Result;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders, ToBytes};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};
use rdkafka::util::Timeout;
use std::time::Duration;

/// Users and rooms that the records name.
pub const USERS: usize = 1_000;
pub const ROOMS: usize = 500;

/// One record to produce, or to feed from memory.
#[derive(Clone)]
pub struct Sample {
    pub key: String,
    pub payload: String,
    pub headers: [(&'static str, String); 2],
    /// In milliseconds since 1970; none is the time of producing.
    pub timestamp: Option<i64>,
}

/// The booking event with this number. A third of its users each by id, by e-mail and by username.
pub fn booking(number: usize) -> Sample {
    let user = number * 7 % USERS + 1;
    let user = match number % 3 {
        0 => user.to_string(),
        1 => format!("guest{user}@example.com"),
        _ => format!("guest{user}"),
    };
    let (room, id) = (number * 11 % ROOMS, booking_id("new", number));
    let payload = format!(
        r#"{{"userId":"{user}","roomId":"room_{room:03}","guests":{},"startDate":"2027-{:02}-15T15:00:00.123456789Z","endDate":"2027-{:02}-18T11:00:00+02:00","bookingId":"{id}","paymentId":"pay_{number:08}"}}"#,
        number % 4 + 1,
        number % 12 + 1,
        number % 12 + 1,
    );
    Sample { key: id, payload, headers: headers(number), timestamp: None }
}

/// The cancellation with this number, of the stored booking with this number, by its owner.
pub fn cancellation(number: usize) -> Sample {
    let (user, id) = (number % USERS + 1, booking_id("old", number));
    let payload =
        format!(r#"{{"bookingId":"{id}","userId":"guest{user}","timestamp":"2026-12-18T10:30:00.5Z"}}"#);
    Sample { key: id, payload, headers: headers(number), timestamp: None }
}

/// The cancellation of the booking event with this number, by its owner.
pub fn cancellation_of_new(number: usize) -> Sample {
    let (user, id) = (number * 7 % USERS + 1, booking_id("new", number));
    let payload =
        format!(r#"{{"bookingId":"{id}","userId":"guest{user}","timestamp":"2026-12-18T10:30:00.5Z"}}"#);
    Sample { key: id, payload, headers: headers(number), timestamp: None }
}

/// A booking's id, in the form that the booking service mints.
fn booking_id(kind: &str, number: usize) -> String {
    format!("booking_17369532{:02}_{kind}{number:07}", number % 100)
}

/// The statement that stores the users, the rooms and the bookings to cancel.
pub fn seed(bookings: usize) -> String {
    format!(
        "INSERT INTO users (email, username) SELECT format('guest%s@example.com', n), format('guest%s', n)
             FROM generate_series(1, {USERS}) AS n;
         INSERT INTO rooms (internal_id) SELECT format('room_%s', to_char(n, 'FM000'))
             FROM generate_series(0, {ROOMS} - 1) AS n;
         INSERT INTO bookings (booking_id, user_id, room_id, number_of_guests, start_date, end_date)
             SELECT format('booking_17369532%s_old%s', to_char(n % 100, 'FM00'), to_char(n, 'FM0000000')),
                    n % {USERS} + 1, n % {ROOMS} + 1, 2, '2027-01-15', '2027-01-18'
             FROM generate_series(0, {bookings} - 1) AS n;
         VACUUM ANALYZE;"
    )
}

/// Produces records round-robin over a topic's partitions.
pub async fn produce(
    bootstrap: &str,
    topic: &str,
    partitions: i32,
    samples: impl Iterator<Item = Sample> + Send + 'static,
) -> Result<()> {
    let producer: ThreadedProducer<_> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("linger.ms", "20")
        .set("queue.buffering.max.messages", "500000")
        .set("enable.idempotence", "true")
        .create()?;
    let topic = topic.to_owned();
    tokio::task::spawn_blocking(move || {
        for (sample, partition) in samples.zip((0..partitions).cycle()) {
            let headers = sample.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value.to_bytes()) })
            });
            let mut record = BaseRecord::to(&topic)
                .key(&sample.key)
                .payload(&sample.payload)
                .partition(partition)
                .headers(headers);
            record.timestamp = sample.timestamp;
            while let Err((error, back)) = producer.send(record) {
                if error.rdkafka_error_code() != Some(rdkafka::types::RDKafkaErrorCode::QueueFull) {
                    return Err(error.into());
                }
                std::thread::sleep(Duration::from_millis(5));
                record = back;
            }
        }
        Ok(producer.flush(Timeout::Never)?)
    })
    .await?
}

fn headers(number: usize) -> [(&'static str, String); 2] {
    [
        ("baggage", format!("trace-id=rig{number:06},tenant=acme;scope=rig,note=caf%C3%A9")),
        ("traceparent", format!("00-{:032x}-{:016x}-01", number + 1, number + 1)),
    ]
}
