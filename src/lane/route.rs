//! Which handler takes which topic: the one place where the engine forgets a handler's type.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::pause::Pause;
use super::{End, Lane, Shared};
use crate::handler::Handler;
use crate::queue::Queue;
use crate::record::Partition;

type Run = dyn Fn(Arc<Shared>, Partition, Arc<Queue>, i64, Arc<AtomicI64>) -> Pin<Box<dyn Future<Output = End> + Send>>
    + Send
    + Sync;

/// A topic and the lanes that its partitions get.
pub struct Route {
    topic: Arc<str>,
    run: Box<Run>,
}

impl Route {
    /// Routes a topic to its handler.
    #[must_use]
    pub fn new<H: Handler>(topic: &str, handler: H) -> Self {
        let handler = Arc::new(handler);
        Self {
            topic: topic.into(),
            run: Box::new(move |shared, partition, queue, position, progress| {
                let handler = handler.clone();
                let pause = Pause::default();
                Box::pin(Lane { shared, handler, partition, queue, position, progress, pause }.run())
            }),
        }
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// Runs one partition's lane from a position until it ends; `progress` follows the position.
    pub fn run_lane(
        &self,
        shared: Arc<Shared>,
        partition: Partition,
        queue: Arc<Queue>,
        position: i64,
        progress: Arc<AtomicI64>,
    ) -> impl Future<Output = End> + Send + use<> {
        (self.run)(shared, partition, queue, position, progress)
    }
}
