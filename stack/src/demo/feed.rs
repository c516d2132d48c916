//! Sends the sample at a human pace, as the hotel's own producers would.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fastrand::Rng;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use stack::Admin;
use tokio_postgres::Client;

use super::environment::Broker;
use super::guests::{self, Guest};
use super::latecomers::Latecomers;
use super::record::{Record, Step, Topic};
use super::sample::Sample;
use super::terminal::say;

const LOST: &str = "the sample's connection to PostgreSQL broke";
const SEND_LIMIT: Duration = Duration::from_secs(30);
const BEGUN: &str = "SELECT count(DISTINCT (topic, partition)) FROM worker.positions WHERE topic = ANY($1)";
const BEGIN_LIMIT: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(50);

/// Where a record lies.
#[derive(Debug, Clone)]
pub(crate) struct Coordinates {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// The sample on its way to the broker.
pub(crate) struct Feed {
    producer: FutureProducer,
    admin: Admin,
    client: Client,
    topics: [String; 2],
    rate: f64,
    sent: Mutex<Vec<Coordinates>>,
    latecomers: Latecomers,
}

impl Feed {
    /// A feed of `rate` records a second, on average.
    pub(crate) fn new(broker: &Broker, client: Client, topics: [String; 2], rate: f64) -> Result<Self> {
        let mut config = ClientConfig::new();
        // Sarama's hash of the key, by which the real producers choose the partition.
        config.set("bootstrap.servers", &broker.bootstrap).set("partitioner", "fnv1a_random");
        // A new broker lets its first idempotent producer wait, and the worker would say so.
        config.set("enable.idempotence", "true");
        config.extend(broker.properties.iter().cloned());
        let producer = config.create().context("the sample's producer cannot be made")?;
        let (sent, latecomers) = (Mutex::default(), Latecomers::default());
        Ok(Self { producer, admin: broker.admin()?, client, topics, rate, sent, latecomers })
    }

    /// The records that the broker has acknowledged.
    pub(crate) fn sent(&self) -> Vec<Coordinates> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The guests who register only when their booking is dead.
    pub(crate) fn latecomers(&self) -> &Latecomers {
        &self.latecomers
    }

    /// Sends `limit` records, or for ever, once the worker has begun.
    pub(crate) async fn run(&self, limit: Option<usize>) -> Result<()> {
        self.wait_for_worker().await?;
        let mut random = Rng::new();
        let mut sample = Sample::new(guests::read(&self.client).await?, random.fork());
        while limit.is_none_or(|limit| self.count() < limit) {
            if let Some(not_yet) = self.take(sample.next()?).await? {
                sample.postpone(not_yet);
            }
            // Bursts and lulls: anything from no wait to twice the mean.
            tokio::time::sleep(Duration::from_secs_f64(2.0 * random.f64() / self.rate)).await;
        }
        for guest in sample.into_newcomers() {
            self.register(&guest).await?;
        }
        Ok(())
    }

    /// Waits until the worker has begun with every partition: what comes too early it must meet before its guest or its
    /// booking comes. Gives up in silence: the worker's own log says what keeps it.
    async fn wait_for_worker(&self) -> Result<()> {
        let deadline = Instant::now() + BEGIN_LIMIT;
        let existing = self.admin.topics().await.context("the sample's topics cannot be counted")?;
        let partitions: i32 = self.topics.iter().filter_map(|topic| existing.get(topic)).sum();
        let topics = &self.topics[..];
        while Instant::now() < deadline {
            let begun: i64 = self.client.query_one(BEGUN, &[&topics]).await.context(LOST)?.get(0);
            if begun >= i64::from(partitions) {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes a step; gives it back where the row that it speaks of is not there yet.
    async fn take(&self, step: Step) -> Result<Option<Step>> {
        match step {
            Step::Send(record) => drop(self.send(&record).await?),
            Step::SendTooEarly { record, guest } => {
                let booking = self.send(&record).await?;
                self.latecomers.expect(guest, booking);
            }
            Step::Register(guest) => self.register(&guest).await?,
            Step::CancelRow { booking, mut cancellation, headers } => {
                let sql = "SELECT id::text FROM public.bookings WHERE booking_id = $1";
                let Some(row) = self.client.query_opt(sql, &[&booking]).await.context(LOST)? else {
                    return Ok(Some(Step::CancelRow { booking, cancellation, headers }));
                };
                cancellation.booking_id = row.get(0);
                self.send(&cancellation.record(headers)?).await?;
            }
        }
        Ok(None)
    }

    async fn register(&self, guest: &Guest) -> Result<()> {
        say(&format!("{} has registered: what waits for them comes back by itself", guest.username));
        guests::register(&self.client, guest).await
    }

    async fn send(&self, record: &Record) -> Result<Coordinates> {
        let topic = match record.topic {
            Topic::Bookings => &self.topics[0],
            Topic::Cancellations => &self.topics[1],
        };
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let message = FutureRecord::to(topic).key(&record.key).payload(&record.payload).headers(headers);
        let delivery = self.producer.send(message, SEND_LIMIT).await;
        let delivery = delivery.map_err(|(error, _)| error).context("the sample cannot be sent")?;
        let (partition, offset) = (delivery.partition, delivery.offset);
        let sent = Coordinates { topic: topic.clone(), partition, offset };
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).push(sent.clone());
        Ok(sent)
    }
}
