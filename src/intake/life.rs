//! One lane from its assignment to its end: it looks for its start, for as long as that takes, and then runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::event::{Ended, Event};
use super::rebalance::WorkerConsumer;
use super::start::Refusal;
use super::{Intake, start};
use crate::fault::Fault;
use crate::lane::End;
use crate::monitor::LaneStatus;
use crate::queue::Queue;
use crate::record::Partition;
use crate::shared::Shared;

/// The pause before the start is looked for again.
const RETRY: Duration = Duration::from_secs(1);

/// One partition's lane, with what it needs to find its start.
pub(super) struct Life {
    pub(super) intake: Arc<Intake>,
    pub(super) consumer: Arc<WorkerConsumer>,
    pub(super) send: UnboundedSender<Event>,
    pub(super) partition: Partition,
    pub(super) epoch: u64,
    pub(super) queue: Arc<Queue>,
    pub(super) status: Arc<LaneStatus>,
}

impl Life {
    /// Waits for this long, finds where the lane begins, says so, and runs it until it ends.
    pub(super) async fn live(self, route: usize, delay: Duration) -> Ended {
        if self.closed_within(delay).await {
            return Ended::Lane(End::Closed);
        }
        let shared: &Arc<Shared> = &self.intake.shared;
        let mut said = false;
        let position = loop {
            match start::find(shared, &self.consumer, &self.partition).await {
                Ok(position) => break position,
                Err(Refusal::Beyond { position, end }) => {
                    self.say_halted(position, end);
                    return Ended::Halted;
                }
                Err(Refusal::Fault(Fault::Fatal(cause))) => return Ended::Lane(End::Fatal(cause)),
                Err(Refusal::Fault(fault)) => {
                    self.status.pause(fault.to_string());
                    shared.metrics.retry(fault.word());
                    if !std::mem::replace(&mut said, true) {
                        tracing::error!(
                            topic = &*self.partition.topic, partition = self.partition.number, error = %fault,
                            "the lane cannot begin yet; it tries until this passes"
                        );
                    }
                }
            }
            if self.closed_within(RETRY).await {
                return Ended::Lane(End::Closed);
            }
        };
        self.status.set_position(position);
        let (partition, epoch) = (self.partition.clone(), self.epoch);
        // The receiver goes last of all.
        let _ = self.send.send(Event::Found { partition, epoch, position });
        // The lane must not keep the consumer alive.
        drop(self.consumer);
        let route = &self.intake.routes[route];
        Ended::Lane(route.run_lane(shared.clone(), self.partition, self.queue, position, self.status).await)
    }

    /// Waits; true where the partition is taken away meanwhile.
    async fn closed_within(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.queue.closed()).await.is_ok()
    }

    fn say_halted(&self, position: i64, end: i64) {
        tracing::error!(
            topic = &*self.partition.topic,
            partition = self.partition.number,
            offset = position,
            endOffset = end,
            "lane halted: the position lies beyond the topic's end, so the topic was recreated or truncated and \
             other records stand at these offsets; to read it from its beginning, stop the workers, delete this \
             partition's row from worker.positions, rename or clear the old rows of its ledger, and start again; docs/runbook.md, LaneHalted, has each step"
        );
    }
}
