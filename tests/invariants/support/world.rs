//! One test's world: a database and topics of its own on the shared stack, and the workers that it starts.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use serde_json::Value;
use stack::{Admin, Kafka, Postgres, Scratch};
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use super::headers::native_headers;
use super::{Entry, Message, Worker, eventually, ledger};

/// The stack that all tests of a run share.
pub struct Stack {
    pub postgres: Postgres,
    pub kafka: Kafka,
}

/// A migrated database with users and rooms, to be copied.
const TEMPLATE: &str = "template_world";

/// Users 1 to 3 and rooms 1 to 3. User 3's name looks like a number that is nobody's id.
const PEOPLE_AND_ROOMS: &str = "
    INSERT INTO public.users (email, username, name) VALUES
        ('ana@example.com', 'ana', 'Ana'), ('bo@example.com', 'bo', 'Bo'), ('carl@example.com', '12345', 'Carl');
    INSERT INTO public.rooms (internal_id, name, capacity) VALUES
        ('room_ocean_001', 'Ocean', 4), ('room_garden_002', 'Garden', 2), ('room_attic_003', 'Attic', 1);";

static STACK: OnceCell<Stack> = OnceCell::const_new();
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The shared stack, started on first use. It ends with the process.
pub async fn stack() -> &'static Stack {
    STACK
        .get_or_init(async || {
            let (postgres, kafka) = tokio::join!(Postgres::start(&[]), Kafka::start(&[]));
            let stack = Stack { postgres: postgres.unwrap(), kafka: kafka.unwrap() };
            let scratch = Scratch::new("template").unwrap();
            stack.postgres.create_database(TEMPLATE).await.unwrap();
            let settings = owned(stack.postgres.environment(TEMPLATE));
            let mut migrate = Worker::start(&scratch, "migrate", &["migrate"], &settings);
            let status = migrate.ended_within(Duration::from_secs(30)).await;
            assert!(status.success(), "{}", migrate.text());
            let client = stack.postgres.connect(TEMPLATE).await.unwrap();
            client.batch_execute(PEOPLE_AND_ROOMS).await.unwrap();
            stack
        })
        .await
}

/// A test's own database, topics and group.
pub struct World {
    pub database: Client,
    pub database_name: String,
    pub group: String,
    pub bookings: String,
    pub cancellations: String,
    /// The topic that is told what became of each booking.
    pub status: String,
    pub scratch: Scratch,
    admin: Admin,
    producer: FutureProducer,
    settings: Vec<(String, String)>,
    workers: AtomicUsize,
}

impl World {
    /// A world on the shared stack, with this many partitions a topic.
    pub async fn new(partitions: i32) -> Self {
        let stack = stack().await;
        Self::on(&stack.postgres, stack.kafka.admin(), stack.kafka.bootstrap(), partitions).await
    }

    /// A world on servers of the test's own choice; the database server needs no template.
    pub async fn on(postgres: &Postgres, admin: &Admin, bootstrap: &str, partitions: i32) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("world_{number}");
        let (bookings, cancellations) =
            (format!("booking-events-{number}"), format!("booking-cancellations-{number}"));
        let status = format!("booking-status-{number}");
        if postgres.copy_database(TEMPLATE, &name).await.is_err() {
            postgres.create_database(&name).await.unwrap();
        }
        if partitions > 0 {
            for topic in [&bookings, &cancellations] {
                admin.create_topic(topic, partitions, &[]).await.unwrap();
            }
        }
        let mut settings = owned(postgres.environment(&name));
        let group = format!("worker-group-{number}");
        for (name, value) in [
            ("KAFKA_BROKERS", bootstrap),
            ("KAFKA_GROUP_ID", &group),
            ("KAFKA_BOOKING_TOPIC", &bookings),
            ("KAFKA_CANCELLATION_TOPIC", &cancellations),
            ("KAFKA_STATUS_TOPIC", &status),
            ("LOG_FORMAT", "json"),
            ("HTTP_ADDR", "127.0.0.1:0"),
            // Tests that are not about retries see what was recorded first.
            ("HELD_BACKOFF_MIN", "1h"),
            ("HELD_BACKOFF_MAX", "1h"),
        ] {
            settings.push((name.to_owned(), value.to_owned()));
        }
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("linger.ms", "1")
            .set("enable.idempotence", "true")
            // What a topic takes is the broker's to decide.
            .set("message.max.bytes", "8000000")
            .create()
            .unwrap();
        Self {
            database: postgres.connect(&name).await.unwrap(),
            database_name: name,
            group,
            bookings,
            cancellations,
            status,
            scratch: Scratch::new("world").unwrap(),
            admin: admin.clone(),
            producer,
            settings,
            workers: AtomicUsize::new(0),
        }
    }

    /// Creates the users and rooms, in a database that is not a copy of the template.
    pub async fn seed(&self) {
        self.database.batch_execute(PEOPLE_AND_ROOMS).await.unwrap();
    }

    /// The settings of this world's workers.
    pub fn settings(&self, extra: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut settings = self.settings.clone();
        for (name, value) in extra {
            settings.retain(|(found, _)| found != name);
            settings.push(((*name).to_owned(), (*value).to_owned()));
        }
        settings
    }

    /// Starts a worker.
    pub fn worker(&self) -> Worker {
        self.worker_with(&[])
    }

    /// Starts a worker with further settings.
    pub fn worker_with(&self, extra: &[(&str, &str)]) -> Worker {
        self.run(&["run"], extra)
    }

    /// Starts `worker` with these arguments.
    pub fn run(&self, arguments: &[&str], extra: &[(&str, &str)]) -> Worker {
        let name = format!("worker-{}", self.workers.fetch_add(1, Ordering::Relaxed));
        Worker::start(&self.scratch, &name, arguments, &self.settings(extra))
    }

    /// Starts a worker that is another build of the binary.
    pub fn worker_of(&self, build: &Path, extra: &[(&str, &str)]) -> Worker {
        let name = format!("worker-{}", self.workers.fetch_add(1, Ordering::Relaxed));
        Worker::start_build(build, &self.scratch, &name, &["run"], &self.settings(extra))
    }

    /// Produces a record and returns its partition and offset.
    pub async fn produce(&self, topic: &str, message: &Message) -> (i32, i64) {
        self.produce_all(topic, std::slice::from_ref(message)).await[0]
    }

    /// Produces records, those of one partition in the order given, and returns their partitions and offsets.
    pub async fn produce_all(&self, topic: &str, messages: &[Message]) -> Vec<(i32, i64)> {
        let sent: Vec<DeliveryFuture> = messages
            .iter()
            .map(|message| {
                let record: FutureRecord<'_, [u8], [u8]> = FutureRecord {
                    topic,
                    partition: message.partition,
                    payload: message.payload.as_deref(),
                    key: message.key.as_deref(),
                    timestamp: message.timestamp,
                    headers: native_headers(&message.headers),
                };
                self.producer.send_result(record).map_err(|(error, _)| error).unwrap()
            })
            .collect();
        let mut coordinates = Vec::with_capacity(sent.len());
        for delivery in sent {
            let delivery = delivery.await.unwrap().map_err(|(error, _)| error).unwrap();
            coordinates.push((delivery.partition, delivery.offset));
        }
        coordinates
    }

    /// Produces a booking event.
    pub async fn book(&self, event: &Value) -> (i32, i64) {
        self.produce(&self.bookings, &Message::event(event)).await
    }

    /// Produces a cancellation event.
    pub async fn cancel(&self, event: &Value) -> (i32, i64) {
        self.produce(&self.cancellations, &Message::event(event)).await
    }

    /// The next offset of every partition that has a position.
    pub async fn positions(&self) -> Vec<(String, i32, i64)> {
        let sql =
            "SELECT topic, partition, next_offset FROM worker.positions WHERE group_id = $1 ORDER BY 1, 2";
        let rows = self.database.query(sql, &[&self.group]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    /// Waits until every record produced so far has been applied.
    pub async fn settled(&self) {
        let mut ends = Vec::new();
        for topic in [&self.bookings, &self.cancellations] {
            for (partition, end) in (0..).zip(self.admin.end_offsets(topic).await.unwrap()) {
                ends.push((topic.clone(), partition, end));
            }
        }
        eventually("all records to be applied", async || {
            let positions = self.positions().await;
            let behind = ends.iter().find(|(topic, partition, end)| {
                !positions.iter().any(|(t, p, next)| t == topic && p == partition && next >= end)
            });
            match behind {
                None => Ok(Some(())),
                Some((topic, partition, end)) => {
                    Err(format!("{topic}/{partition} is not at {end}: {positions:?}"))
                }
            }
        })
        .await;
    }

    /// The ledger of this world's group, in order.
    pub async fn ledger(&self) -> Vec<Entry> {
        self.database.query(ledger::SELECT, &[&self.group]).await.unwrap().iter().map(Entry::from).collect()
    }

    /// The outcomes of one topic's records, as `outcome` or `outcome:reason`, in the order of offsets.
    pub async fn verdicts(&self, topic: &str) -> Vec<String> {
        self.ledger().await.iter().filter(|entry| entry.topic == topic).map(Entry::verdict).collect()
    }

    /// The group's committed offsets of a topic.
    pub async fn committed(&self, topic: &str) -> Vec<Option<i64>> {
        self.admin.committed(&self.group, topic).await.unwrap()
    }

    /// Topics, offsets and groups.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }
}

fn owned(settings: Vec<(&'static str, String)>) -> Vec<(String, String)> {
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
