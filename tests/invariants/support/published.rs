//! What the worker published, read back from Kafka.

use std::ffi::CStr;
use std::ptr;
use std::time::{Duration, Instant};

use rdkafka::bindings as native;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::events::Header;
use super::{DEADLINE, World, eventually};

/// A message of a topic that the worker writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// In milliseconds since 1970.
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

impl Published {
    /// The text of the last header of this name; none where there is none.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().rev().find(|(found, _)| found == name.as_bytes())?;
        Some(String::from_utf8(value.clone().unwrap()).unwrap())
    }

    /// The header that names the event.
    pub fn id(&self) -> String {
        self.header("ce_id").unwrap()
    }

    /// The key as text.
    pub fn key_text(&self) -> &str {
        std::str::from_utf8(self.key.as_deref().unwrap()).unwrap()
    }

    /// The payload as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.payload.as_deref().unwrap()).unwrap()
    }
}

impl World {
    /// The dead letters' topic of a topic.
    pub fn dead_letters(topic: &str) -> String {
        format!("{topic}.dlq")
    }

    /// Waits until all that is recorded is published, and the cursor says so.
    pub async fn all_published(&self) {
        let sql = "SELECT count(*) FROM worker.ledger \
                   WHERE group_id = $1 AND (announcement IS NOT NULL OR outcome = 'dead') AND sequence > \
                         coalesce((SELECT published_sequence FROM worker.relay WHERE group_id = $1), -1)";
        eventually("all outcomes to be published", async || {
            let left: i64 = self.database.query_one(sql, &[&self.group]).await.unwrap().get(0);
            if left == 0 { Ok(Some(())) } else { Err(format!("{left} are left")) }
        })
        .await;
    }

    /// Records an outcome as a lane would, in the transaction that is open on the connection; nothing of it is in
    /// Kafka. Returns the event's id.
    pub async fn record_by_hand(&self, database: &Client, offset: i64, subject: &str) -> String {
        let announcement = json!({"bookingId": subject, "status": "Accepted"}).to_string();
        let sql = "INSERT INTO worker.ledger \
                   (group_id, topic, partition, record_offset, subject, outcome, announcement) \
                   VALUES ($1, 'by-hand', 0, $2, $3, 'accepted', $4)";
        database.execute(sql, &[&self.group, &offset, &subject, &announcement]).await.unwrap();
        format!("{}/by-hand/0/{offset}/0", self.group)
    }

    /// All messages of a topic, partition by partition; none where it does not exist.
    pub async fn published(&self, topic: &str) -> Vec<Published> {
        if !self.admin().topics().await.unwrap().contains_key(topic) {
            return Vec::new();
        }
        let ends = self.admin().end_offsets(topic).await.unwrap();
        let settings = self.settings(&[]);
        let brokers = settings.iter().find(|(name, _)| name == "KAFKA_BROKERS").unwrap().1.clone();
        let topic = topic.to_owned();
        tokio::task::spawn_blocking(move || read(&brokers, &topic, &ends)).await.unwrap()
    }

    /// All status events.
    pub async fn status_events(&self) -> Vec<Published> {
        self.published(&self.status).await
    }
}

fn read(brokers: &str, topic: &str, ends: &[i64]) -> Vec<Published> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "nobody")
        .set("enable.partition.eof", "false")
        .create()
        .unwrap();
    let mut published = Vec::new();
    for (partition, end) in (0..).zip(ends) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        let (mut next, deadline) = (0, Instant::now() + DEADLINE);
        while next < *end {
            assert!(Instant::now() < deadline, "{topic}/{partition} cannot be read to {end}");
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                let message = message.unwrap();
                next = message.offset() + 1;
                published.push(owned(&message));
            }
        }
    }
    published
}

fn owned(message: &BorrowedMessage<'_>) -> Published {
    Published {
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        payload: message.payload().map(<[u8]>::to_vec),
        headers: headers(message),
    }
}

#[expect(unsafe_code, reason = "rdkafka's safe accessor panics on a header name that is not UTF-8")]
fn headers(message: &BorrowedMessage<'_>) -> Vec<Header> {
    let mut list = ptr::null_mut();
    let mut headers = Vec::new();
    // SAFETY: the message is alive and owns the list; what the pointers show is copied while it is.
    unsafe {
        if native::rd_kafka_message_headers(message.ptr(), &raw mut list)
            != native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            return headers;
        }
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        while native::rd_kafka_header_get_all(
            list,
            headers.len(),
            &raw mut name,
            &raw mut value,
            &raw mut size,
        ) == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            let value =
                (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size).to_vec());
            headers.push((CStr::from_ptr(name).to_bytes().to_vec(), value));
        }
    }
    headers
}
