//! Which handler takes which topic: the one place where the engine forgets a handler's type.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::fault::Fault;
use crate::handler::Handler;
use crate::lane::{End, Lane};
use crate::monitor::LaneStatus;
use crate::queue::Queue;
use crate::record::Partition;
use crate::retry::{self, Ending, Retried, Take};
use crate::shared::Shared;

type Run = dyn Fn(Arc<Shared>, Partition, Arc<Queue>, i64, Arc<LaneStatus>) -> Pin<Box<dyn Future<Output = End> + Send>>
    + Send
    + Sync;

type Retry = dyn for<'a> Fn(
        &'a Shared,
        &'a Arc<str>,
        Take<'a>,
        Ending,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<Retried>, Fault>> + Send + 'a>>
    + Send
    + Sync;

/// A topic and the lanes that its partitions get.
pub struct Route {
    topic: Arc<str>,
    kind: &'static str,
    run: Box<Run>,
    retry: Box<Retry>,
}

impl Route {
    /// Routes a topic to its handler.
    #[must_use]
    pub fn new<H: Handler>(topic: &str, handler: H) -> Self {
        let handler = Arc::new(handler);
        let retried = handler.clone();
        Self {
            topic: topic.into(),
            kind: H::KIND,
            run: Box::new(move |shared, partition, queue, position, status| {
                let lane = Lane::new(shared, handler.clone(), partition, queue, position, status);
                Box::pin(lane.run())
            }),
            retry: Box::new(move |shared, topic, take, ending| {
                let handler = retried.clone();
                Box::pin(async move { retry::retry(shared, &*handler, topic, take, ending).await })
            }),
        }
    }

    /// The topic's name.
    #[must_use]
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// What its records are about, in the types of status events.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Runs one partition's lane from a position until it ends; `status` follows it.
    pub fn run_lane(
        &self,
        shared: Arc<Shared>,
        partition: Partition,
        queue: Arc<Queue>,
        position: i64,
        status: Arc<LaneStatus>,
    ) -> impl Future<Output = End> + Send + use<> {
        (self.run)(shared, partition, queue, position, status)
    }

    /// Tries records of this topic again, in one transaction, and tells what became of each.
    ///
    /// # Errors
    /// The [`Fault`] that left them as they were.
    pub async fn retry(
        &self,
        shared: &Shared,
        take: Take<'_>,
        ending: Ending,
    ) -> Result<Vec<Retried>, Fault> {
        (self.retry)(shared, &self.topic, take, ending).await
    }
}
