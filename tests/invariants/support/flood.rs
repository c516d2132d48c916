//! Many records: at once, to a partition of one's choice, or steadily until one has seen enough.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Message, World, booking, cancellation};

/// Tells what runs beside a story that the story is over.
#[derive(Default)]
pub struct Stop(AtomicBool);

impl Stop {
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl World {
    /// Produces these events to one partition, in this order, and returns the offset after the last.
    pub async fn produce_events(&self, topic: &str, partition: i32, events: &[Value]) -> i64 {
        let messages: Vec<Message> =
            events.iter().map(|event| Message::event(event).partition(partition)).collect();
        self.produce_all(topic, &messages).await.last().map_or(0, |(_, offset)| offset + 1)
    }

    /// Books under these names, in one partition, and returns the offset after the last.
    pub async fn book_all(&self, partition: i32, names: impl IntoIterator<Item = String>) -> i64 {
        let events: Vec<Value> = names.into_iter().map(|name| booking(&name)).collect();
        self.produce_events(&self.bookings, partition, &events).await
    }

    /// Produces bookings, some of them twice, and cancellations over all partitions until it is stopped.
    pub async fn load(&self, stop: &Stop) {
        let mut pace = tokio::time::interval(Duration::from_millis(25));
        for round in 0_u64.. {
            if stop.is_set() {
                return;
            }
            pace.tick().await;
            let name = |number: u64| format!("load-{round}-{number}");
            let bookings: Vec<_> =
                (0..20).map(|number| Message::event(&booking(&name(number % 18)))).collect();
            let cancellations: Vec<_> =
                (0..5).map(|number| Message::event(&cancellation(&name(number), "ana"))).collect();
            let booked = bookings.iter().map(|message| self.produce(&self.bookings, message));
            join_all(booked).await;
            join_all(cancellations.iter().map(|message| self.produce(&self.cancellations, message))).await;
        }
    }
}

/// `count` names for bookings, none of which another prefix gives.
pub fn names(prefix: &str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |number| format!("{prefix}-{number}"))
}

/// A booking event of another user.
pub fn booking_of(user: &str, name: &str) -> Value {
    let mut event = booking(name);
    event["userId"] = json!(user);
    event
}
