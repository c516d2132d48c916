//! Seeded load of every kind that the topics carry, produced while a test does its worst.

use std::ops::Range;
use std::sync::Arc;

use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::{Message, World, booking, cancellation};

/// What a record is, so that an oracle can say what must become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A booking of user 1. Two of one id are the same booking where the guests are as many.
    Booking { id: String, guests: i64 },
    /// A booking that the test's database refuses, for a reason that the worker knows nothing of.
    Refused { id: String },
    /// A booking of a user that nobody knows.
    Nobody { id: String },
    /// A cancellation, by the booking's owner or by another known user.
    Cancellation { id: String, by_owner: bool },
    /// Bytes that are no event.
    Poison,
}

/// A record that was produced.
#[derive(Debug, Clone)]
pub struct Sent {
    pub kind: Kind,
    pub payload: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

/// What makes the database refuse [`Kind::Refused`].
const REFUSAL: &str = "ALTER TABLE public.bookings ADD CONSTRAINT no_thirteen CHECK (number_of_guests <> 13)";

/// The seed of this run, or that of another one to be repeated.
pub fn seed() -> u64 {
    let given = std::env::var("INVARIANTS_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| fastrand::u64(..))
}

/// How many records are on their way at once.
pub const BURST: usize = 40;

/// Produces a seeded mixture in the background, as much as it is allowed to.
pub struct Load {
    allowed: Arc<Semaphore>,
    producing: JoinHandle<Vec<Sent>>,
}

impl Load {
    /// Begins to produce, for now so many bursts of [`BURST`] records. The database must be migrated.
    pub async fn start(world: &Arc<World>, seed: u64, bursts: usize) -> Self {
        world.database.batch_execute(REFUSAL).await.unwrap();
        let allowed = Arc::new(Semaphore::new(bursts));
        let (world, bursts) = (world.clone(), allowed.clone());
        let producing = tokio::spawn(async move {
            let mut mixture = Mixture::new(seed);
            let mut sent = Vec::new();
            while let Ok(permit) = bursts.acquire().await {
                permit.forget();
                sent.extend(world.send(mixture.take(BURST)).await);
            }
            sent
        });
        Self { allowed, producing }
    }

    /// Lets it produce so many bursts more.
    pub fn more(&self, bursts: usize) {
        self.allowed.add_permits(bursts);
    }

    /// Stops, and returns all that was produced.
    pub async fn stop(self) -> Vec<Sent> {
        self.allowed.close();
        self.producing.await.unwrap()
    }
}

impl World {
    /// Produces records; those of one key in their order.
    pub async fn send(&self, records: Vec<(Kind, Message)>) -> Vec<Sent> {
        let sending = records.into_iter().map(async |(kind, message)| {
            let topic = match kind {
                Kind::Cancellation { .. } => &self.cancellations,
                _ => &self.bookings,
            };
            let (partition, offset) = self.produce(topic, &message).await;
            let payload = String::from_utf8(message.payload.unwrap()).unwrap();
            Sent { kind, payload, topic: topic.clone(), partition, offset }
        });
        join_all(sending).await
    }
}

/// The endless mixture of one seed.
pub struct Mixture {
    random: Rng,
    next: u32,
}

impl Mixture {
    pub fn new(seed: u64) -> Self {
        Self { random: Rng::with_seed(seed), next: 0 }
    }

    /// The next so many records.
    pub fn take(&mut self, count: usize) -> Vec<(Kind, Message)> {
        (0..count).map(|_| self.record()).collect()
    }

    fn record(&mut self) -> (Kind, Message) {
        match self.random.u8(..100) {
            0..60 => {
                self.next += 1;
                create(self.next, 0)
            }
            // The same again, by whatever name of the same user; or another booking under the same id.
            60..68 => create(self.recent(), 0),
            68..72 => create(self.recent(), 1),
            72..74 => self.other(13, "ana", |id| Kind::Refused { id }),
            74..77 => self.other(2, "nobody", |id| Kind::Nobody { id }),
            77..80 => (Kind::Poison, Message::bytes("{\"bookingId\":").key("poison")),
            80..96 => self.cancel("1", true),
            _ => self.cancel("bo", false),
        }
    }

    fn cancel(&mut self, user: &str, by_owner: bool) -> (Kind, Message) {
        let id = name(self.recent());
        let message = Message::event(&cancellation(&id, user));
        (Kind::Cancellation { id, by_owner }, message)
    }

    fn other(&mut self, guests: i64, user: &str, kind: impl FnOnce(String) -> Kind) -> (Kind, Message) {
        self.next += 1;
        let id = format!("other_{}", self.next);
        (kind(id.clone()), Message::event(&event(&id, guests, user)))
    }

    /// A booking of late, or one that is yet to come.
    fn recent(&mut self) -> u32 {
        let range: Range<u32> = self.next.saturating_sub(60).max(1)..self.next + 3;
        self.random.u32(range)
    }
}

fn create(number: u32, more_guests: i64) -> (Kind, Message) {
    let user = ["ana", "ana@example.com", "1"][number as usize % 3];
    let (id, guests) = (name(number), i64::from(number % 4) + 1 + more_guests * 20);
    let message =
        Message::event(&event(&id, guests, user)).header("baggage", format!("tenant=acme,n={number}"));
    (Kind::Booking { id, guests }, message)
}

fn event(id: &str, guests: i64, user: &str) -> Value {
    let mut event = booking(id);
    event["guests"] = json!(guests);
    event["userId"] = json!(user);
    event
}

fn name(number: u32) -> String {
    format!("booking_{number}_abcdef")
}
