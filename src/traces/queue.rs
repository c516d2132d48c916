//! The spans that wait for the collector: so many and no more, whatever the collector does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use opentelemetry_sdk::trace::SpanData;
use tokio::sync::Notify;

/// This many links cost the memory of a span.
const LINKS_A_SPAN: usize = 8;

/// A bounded queue from the lanes to the exporting thread.
pub(super) struct Queue {
    most: usize,
    /// Spans of one request.
    batch: usize,
    /// Room that is taken: by spans that wait, and by those that are about to be built.
    used: AtomicUsize,
    waiting: Mutex<VecDeque<SpanData>>,
    /// Spans that a request holds.
    sending: AtomicUsize,
    lost: AtomicU64,
    /// A request can be filled.
    pub(super) full: Notify,
}

impl Queue {
    pub(super) fn new(most: usize, batch: usize) -> Self {
        Self {
            most,
            batch,
            used: AtomicUsize::new(0),
            waiting: Mutex::default(),
            sending: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            full: Notify::new(),
        }
    }

    /// The room that a span takes.
    pub(super) fn room_of(links: usize) -> usize {
        1 + links / LINKS_A_SPAN
    }

    /// Reserves room for up to this much, and returns how much there is.
    pub(super) fn reserve(&self, wanted: usize) -> usize {
        let mut granted = 0;
        let taken = |used: usize| {
            granted = wanted.min(self.most.saturating_sub(used));
            Some(used + granted)
        };
        // The closure never refuses.
        let _ = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, taken);
        granted
    }

    /// Gives back room that was reserved and is not needed.
    pub(super) fn give_back(&self, room: usize) {
        self.used.fetch_sub(room, Ordering::AcqRel);
    }

    /// Counts spans that nobody will see.
    pub(super) fn lose(&self, spans: usize) {
        self.lost.fetch_add(spans as u64, Ordering::AcqRel);
    }

    /// Spans that nobody will see, so far.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Acquire)
    }

    /// Adds spans for which there is room reserved.
    pub(super) fn push(&self, spans: Vec<SpanData>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(spans);
        if waiting.len() >= self.batch {
            self.full.notify_one();
        }
    }

    /// Takes one request's spans.
    pub(super) fn take(&self) -> Vec<SpanData> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(self.batch);
        let spans: Vec<SpanData> = waiting.drain(..count).collect();
        self.sending.store(spans.len(), Ordering::Release);
        drop(waiting);
        self.give_back(spans.iter().map(|span| Self::room_of(span.links.len())).sum());
        spans
    }

    /// A request has ended, one way or the other.
    pub(super) fn sent(&self) {
        self.sending.store(0, Ordering::Release);
    }

    /// Whether a whole request's spans wait.
    pub(super) fn fills_a_request(&self) -> bool {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len() >= self.batch
    }

    /// Spans that the collector has not acknowledged.
    pub(super) fn unsent(&self) -> usize {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.len() + self.sending.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

    #[test]
    fn no_more_room_is_granted_than_there_is() {
        let queue = Queue::new(10, 4);
        assert_eq!((queue.reserve(7), queue.reserve(7), queue.reserve(1)), (7, 3, 0));
        queue.give_back(2);
        assert_eq!((queue.reserve(1), queue.reserve(5)), (1, 1));
    }

    #[test]
    fn links_take_room_too() {
        assert_eq!((Queue::room_of(0), Queue::room_of(7), Queue::room_of(128)), (1, 1, 17));
    }
}
