//! Kafka's side: one thread polls one consumer and hands each record to its partition's lane.
//!
//! Read on in this order: `consumer` (settings), `rebalance` (partitions come and go), `assignment` (what is
//! assigned, and Kafka's commit), `start`, `overlay` and `life` (where a lane begins, and that it runs), `polling` (the
//! loop), `flow` (backpressure); and `ends` and `remainder` (how far the partitions go).

mod assignment;
mod brokers;
mod consumer;
mod ends;
mod event;
mod flow;
mod life;
mod membership;
mod message;
mod overlay;
mod polling;
mod rebalance;
mod remainder;
mod start;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::config::KafkaSettings;
use crate::fault::Cause;
use crate::route::Route;
use crate::shared::Shared;

pub use consumer::check;
pub(crate) use consumer::client;
pub(crate) use consumer::reader as reader_config;
pub(crate) use message::record as copied;

/// What the intake thread works with.
pub struct Intake {
    /// Where Kafka is and how to speak with it.
    pub settings: KafkaSettings,
    /// Each topic and its handler.
    pub routes: Arc<[Route]>,
    /// What the lanes share.
    pub shared: Arc<Shared>,
    /// The longest that lanes may take to finish their batches in flight when the worker stops.
    pub grace: Duration,
}

/// A running intake thread.
pub struct Running {
    stop: watch::Sender<bool>,
    finished: oneshot::Receiver<Result<(), Cause>>,
}

impl Intake {
    /// Starts the thread. Lanes run on the runtime that this is called from.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn start(self) -> std::io::Result<Running> {
        let lanes = tokio::runtime::Handle::current();
        let (stop, stopped) = watch::channel(false);
        let (finish, finished) = oneshot::channel();
        std::thread::Builder::new().name("intake".into()).spawn(move || {
            // Nobody to tell where the receiver is gone: the process is ending.
            let _ = finish.send(polling::run(self, lanes, stopped));
        })?;
        Ok(Running { stop, finished })
    }
}

impl Running {
    /// Asks the thread to stop: no more records, batches in flight finished, offsets committed, group left.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the thread has ended.
    ///
    /// # Errors
    /// The fault that halted it.
    pub async fn finished(&mut self) -> Result<(), Cause> {
        (&mut self.finished).await.unwrap_or_else(|_| Err(Cause::new("the intake thread panicked")))
    }
}
