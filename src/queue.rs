//! The bounded queue between the intake thread and one lane: full in records or bytes, it refuses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::record::Record;

/// How much a queue may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In records.
    pub records: usize,
    /// In bytes, the records' overhead included. A single larger record still passes through an empty queue.
    pub bytes: usize,
}

/// Records of one partition that have arrived and are not yet taken.
pub struct Queue {
    limits: Limits,
    state: Mutex<State>,
    /// Wakes the lane: a record has come, or the queue has closed.
    arrived: Notify,
    /// Wakes the intake thread: there is room again, in this queue or another.
    room: Arc<Notify>,
}

#[derive(Default)]
struct State {
    records: VecDeque<Record>,
    bytes: usize,
    closed: bool,
    finishing: bool,
}

impl Queue {
    /// An empty, open queue; `room` is notified whenever records are taken.
    #[must_use]
    pub fn new(limits: Limits, room: Arc<Notify>) -> Self {
        Self { limits, state: Mutex::default(), arrived: Notify::new(), room }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// Gives the record back where the queue is full. One that is closed or finishing takes the record and
    /// forgets it: whoever owns the partition next reads it again.
    pub fn push(&self, record: Record) -> Result<(), Record> {
        let mut state = self.lock();
        if state.closed || state.finishing {
            return Ok(());
        }
        if state.is_full(record.size(), self.limits) {
            return Err(record);
        }
        state.bytes += record.size();
        state.records.push_back(record);
        let first = state.records.len() == 1;
        drop(state);
        // A lane that was not waiting for the first record is not waiting for the later ones.
        if first {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes what has arrived, up to these limits; at least one record where there is any.
    #[must_use]
    pub fn take(&self, most: Limits) -> Vec<Record> {
        self.take_below(most, i64::MAX)
    }

    /// The same, but only up to the first record whose timestamp is not below this one.
    #[must_use]
    pub fn take_below(&self, most: Limits, bound: i64) -> Vec<Record> {
        let mut state = self.lock();
        let mut bytes = 0;
        let mut count = 0;
        for record in state.records.iter().take(most.records) {
            let full = count > 0 && bytes + record.size() > most.bytes;
            if full || (bound < i64::MAX && record.timestamp.is_some_and(|timestamp| timestamp >= bound)) {
                break;
            }
            bytes += record.size();
            count += 1;
        }
        state.bytes -= bytes;
        let records = state.records.drain(..count).collect();
        drop(state);
        self.room.notify_one();
        records
    }

    /// The timestamps of the first record, and of the last one of so many; none where the queue is empty.
    #[must_use]
    pub fn timestamps(&self, most: usize) -> Option<(Option<i64>, Option<i64>)> {
        let state = self.lock();
        let first = state.records.front()?;
        let last = state.records.get(most.min(state.records.len()).saturating_sub(1))?;
        Some((first.timestamp, last.timestamp))
    }

    /// Waits until there is a record to take. False once the queue is closed, or has finished.
    pub async fn ready(&self) -> bool {
        loop {
            let arrived = self.arrived.notified();
            {
                let state = self.lock();
                if state.closed {
                    return false;
                }
                if !state.records.is_empty() {
                    return true;
                }
                if state.finishing {
                    return false;
                }
            }
            arrived.await;
        }
    }

    /// Waits until the queue is closed. Of the same task as [`ready`](Self::ready), never beside it.
    pub async fn closed(&self) {
        loop {
            let arrived = self.arrived.notified();
            if self.is_closed() {
                return;
            }
            arrived.await;
        }
    }

    /// Closes the queue: the lane finishes what it has taken, and ends; what waits here is forgotten.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.records = VecDeque::new();
        state.bytes = 0;
        drop(state);
        self.arrived.notify_one();
    }

    /// Lets the lane take what waits here, and then end.
    pub fn finish(&self) {
        self.lock().finishing = true;
        self.arrived.notify_one();
    }

    /// Whether the queue was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Whether the queue is at most half full: time to fetch again.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let state = self.lock();
        state.records.len() <= self.limits.records / 2 && state.bytes <= self.limits.bytes / 2
    }

    /// Whether a record of ordinary size would be refused.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.lock().is_full(1, self.limits)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_full(&self, size: usize, limits: Limits) -> bool {
        !self.records.is_empty() && (self.records.len() >= limits.records || self.bytes + size > limits.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, bytes: usize) -> Record {
        Record::new(offset, None, None, Some(&vec![0; bytes]), std::iter::empty())
    }

    fn offsets(records: &[Record]) -> Vec<i64> {
        records.iter().map(|record| record.offset).collect()
    }

    fn queue(records: usize, bytes: usize) -> Queue {
        Queue::new(Limits { records, bytes }, Arc::default())
    }

    #[test]
    fn a_full_queue_gives_the_record_back_and_keeps_the_order() {
        let queue = queue(2, 10_000);
        assert!(queue.push(record(1, 1)).is_ok());
        assert!(queue.push(record(2, 1)).is_ok());
        let refused = queue.push(record(3, 1)).map_err(|record| record.offset);
        assert_eq!(refused, Err(3));
        assert_eq!(offsets(&queue.take(Limits { records: 10, bytes: 10_000 })), [1, 2]);
        assert!(queue.push(record(3, 1)).is_ok());
    }

    #[test]
    fn bytes_bound_a_queue_and_a_batch_but_never_stop_a_single_record() {
        let queue = queue(10, 1_000);
        assert!(queue.push(record(1, 5_000)).is_ok(), "an empty queue takes any record");
        assert!(queue.push(record(2, 1)).is_err());
        assert_eq!(offsets(&queue.take(Limits { records: 10, bytes: 10 })), [1]);
        assert!(queue.push(record(2, 400)).is_ok());
        assert!(queue.push(record(3, 300)).is_ok());
        assert_eq!(offsets(&queue.take(Limits { records: 10, bytes: 600 })), [2]);
    }

    #[tokio::test]
    async fn a_closed_queue_wakes_its_lane_and_holds_nothing() {
        let queue = Arc::new(queue(10, 1_000));
        assert!(queue.push(record(1, 1)).is_ok());
        assert!(queue.ready().await);
        queue.close();
        assert!(!queue.ready().await);
        queue.closed().await;
        assert!(queue.push(record(2, 1)).is_ok());
        assert!(queue.take(Limits { records: 1, bytes: 1 }).is_empty());
    }

    #[tokio::test]
    async fn a_finishing_queue_gives_what_it_holds_and_then_ends() {
        let queue = queue(10, 1_000);
        assert!(queue.push(record(1, 1)).is_ok());
        queue.finish();
        assert!(queue.push(record(2, 1)).is_ok());
        assert!(queue.ready().await);
        assert_eq!(offsets(&queue.take(Limits { records: 10, bytes: 10_000 })), [1]);
        assert!(!queue.ready().await);
        assert!(!queue.is_closed());
    }
}
