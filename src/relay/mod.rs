//! Tells the outside what became of each record: status events to the status topic, dead records to `<topic>.dlq`.
//!
//! The outbox is the ledger. One relay a group is at work, wherever its worker runs; the others wait for its lock.
//! It publishes the ledger's rows in the order of their numbers, in windows: read, publish, wait until Kafka has
//! all of it, move the cursor. Whatever ends it between two of these steps, the next relay begins at the cursor:
//! everything is published at least once, with the same `ce_id` each time.
//!
//! Read on in this order: `lease` (one relay at a time), `horizon` (which numbers can no longer appear), `cursor`
//! (what is published), `outbox` (what is next), `status_event` and `dead_letter` (how it is told), `message`,
//! `publisher` (Kafka's side), `producer`, `topics`, and `retention` (what the ledger need not keep).

mod cursor;
mod dead_letter;
mod horizon;
mod lease;
mod message;
mod outbox;
mod producer;
mod publisher;
mod retention;
mod status_event;
mod topics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::config::KafkaSettings;
use crate::fault::{Cause, Fault};
use crate::metrics::measured;
use crate::recovery::Recovery;
use crate::route::Route;
use crate::shared::Shared;
use cursor::Cursor;
use horizon::Horizon;
use lease::Lease;
use message::Message;
use outbox::Entry;
use publisher::Publisher;
use retention::Retention;

pub use producer::check;

/// How often a relay that waits for its turn asks for it.
const TURN: Duration = Duration::from_secs(1);

/// How often the relay at work looks for what is new.
const LOOK: Duration = Duration::from_millis(50);

/// While the lanes are busy, the relay rests so many times as long as it has worked: live records go before news of
/// them, which the ledger keeps.
const WAY: u32 = 3;

/// How long a relay that is asked to stop goes on with what is there; what is left waits for the next one.
const FLUSH: Duration = Duration::from_secs(3);

/// Publishes the outcomes of the worker's group.
pub struct Relay {
    /// What all parts share.
    pub shared: Arc<Shared>,
    /// Each topic and its handler, which says what its status events are about.
    pub routes: Arc<[Route]>,
    /// Where Kafka is, and which topic is told.
    pub kafka: KafkaSettings,
    /// How long the ledger keeps what is published and settled.
    pub retention: Duration,
}

/// Whether the worker has been asked to stop, and since when.
struct Stop {
    asked: watch::Receiver<bool>,
    deadline: Option<Instant>,
}

impl Relay {
    /// Runs until it is asked to stop, and then until what is there is published, if Kafka takes it soon.
    ///
    /// # Errors
    /// The fatal fault that halts the worker.
    pub async fn run(self, stop: watch::Receiver<bool>) -> Result<(), Cause> {
        let mut stop = Stop { asked: stop, deadline: None };
        let mut faults = Recovery::new(
            self.shared.metrics.clone(),
            "outcomes cannot be published now; they wait in the ledger until this passes",
            "the relay of outcomes is connected again",
        );
        while !stop.is_asked() {
            let Err(fault) = self.take_turn(&mut stop, &mut faults).await else { break };
            let wait = faults.next(fault)?;
            stop.wait(wait).await;
        }
        Ok(())
    }

    /// Waits until no other relay of the group is at work, then publishes until it is asked to stop.
    async fn take_turn(&self, stop: &mut Stop, faults: &mut Recovery) -> Result<(), Fault> {
        let connection = tokio::select! {
            biased;
            _ = stop.asked.wait_for(|asked| *asked) => return Ok(()),
            connection = measured("connection", self.shared.pool.get()) => connection?,
        };
        let lease = Lease::open(connection).await?;
        while !lease.acquire(&self.shared.group).await? {
            faults.over();
            stop.wait(TURN).await;
            if stop.is_asked() {
                return Ok(());
            }
        }
        tracing::info!(
            group = &*self.shared.group,
            topic = self.kafka.status_topic,
            "relay begins: this worker publishes its group's outcomes"
        );
        let mut publisher = Publisher::new(&self.kafka, self.shared.metrics.clone());
        let ended = self.lead(&lease, &mut publisher, stop, faults).await;
        publisher.abandon();
        ended
    }

    async fn lead(
        &self,
        lease: &Lease,
        publisher: &mut Publisher,
        stop: &mut Stop,
        faults: &mut Recovery,
    ) -> Result<(), Fault> {
        let mut retention = Retention::new(self.shared.group.clone(), self.retention);
        let mut cursor = Cursor::load(lease, &self.shared.group).await?;
        let mut horizon = Horizon::new(cursor.as_ref().map(Cursor::reached));
        loop {
            horizon.advance(lease).await?;
            let mut busy = false;
            if let Some(settled) = horizon.settled() {
                if cursor.is_none() {
                    cursor = Cursor::begin(lease, &self.shared.group, settled).await?;
                }
                if let Some(cursor) = &mut cursor {
                    let begun = Instant::now();
                    busy = self.publish_window(lease, cursor, settled, publisher, stop).await?;
                    if busy && !stop.is_asked() && self.lanes_are_busy() {
                        stop.wait(begun.elapsed() * WAY).await;
                    }
                    cursor.rest(lease).await?;
                    busy |= !stop.is_asked() && retention.step(lease).await?;
                }
            }
            faults.over();
            if stop.is_asked() && (stop.is_over() || !(busy || horizon.is_pending())) {
                return Ok(());
            }
            if !busy {
                stop.wait(LOOK).await;
            }
        }
    }

    /// Whether the lanes have most of the connections in use: they work off a backlog.
    fn lanes_are_busy(&self) -> bool {
        let connections = self.shared.pool.status();
        (connections.size - connections.available.min(connections.size)) * 2 > connections.max_size
    }

    /// Publishes what is next, up to the horizon. False where nothing was left to do.
    async fn publish_window(
        &self,
        lease: &Lease,
        cursor: &mut Cursor,
        settled: i64,
        publisher: &mut Publisher,
        stop: &mut Stop,
    ) -> Result<bool, Fault> {
        let Some(range) = cursor.ahead(settled) else { return Ok(false) };
        let window = outbox::read(lease, &self.shared.group, range).await?;
        let mut messages = Vec::with_capacity(window.entries.len());
        for entry in window.entries {
            self.tell(entry, &mut messages)?;
        }
        if !messages.is_empty() {
            tokio::select! {
                biased;
                () = publisher.publish(&messages) => {}
                () = stop.is_over_soon() => return Ok(false),
                () = lease.is_lost() => {
                    return Err(Fault::Transient(Cause::of_connection("the relay's connection, and with it its lock, is lost")));
                }
            }
        }
        cursor.advance(lease, window.through, !messages.is_empty()).await?;
        Ok(true)
    }

    /// What is published of one row.
    fn tell(&self, entry: Entry, messages: &mut Vec<Message>) -> Result<(), Fault> {
        let group = &self.shared.group;
        if let (Some(announcement), Some(topic)) = (&entry.announcement, &self.kafka.status_topic) {
            let route = self.routes.iter().find(|route| **route.topic() == *entry.topic);
            let kind = route.map_or("record", Route::kind);
            messages.push(status_event::message(&entry, announcement, kind, group, topic)?);
        }
        if entry.is_dead {
            messages.push(dead_letter::message(entry, group));
        }
        Ok(())
    }
}

impl Stop {
    /// Whether the worker was asked to stop. From the first time on, the flush has its time.
    fn is_asked(&mut self) -> bool {
        let asked = *self.asked.borrow();
        if asked && self.deadline.is_none() {
            self.deadline = Some(Instant::now() + FLUSH);
        }
        asked
    }

    /// Whether the time to flush is over.
    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Waits until the worker is asked to stop, and then until the time to flush is over.
    async fn is_over_soon(&mut self) {
        // An error says that nobody is left who could ask.
        let _ = self.asked.wait_for(|asked| *asked).await;
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + FLUSH);
        tokio::time::sleep_until(deadline.into()).await;
    }

    /// Waits, at most until it is asked to stop; afterwards only a moment, while the rest is published.
    async fn wait(&mut self, time: Duration) {
        if self.is_asked() {
            tokio::time::sleep(time.min(LOOK)).await;
            return;
        }
        tokio::select! {
            biased;
            _ = self.asked.wait_for(|asked| *asked) => {}
            () = tokio::time::sleep(time) => {}
        }
    }
}
