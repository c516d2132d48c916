//! A lane past its limit of dead records: it stands still until a person says that they have looked.

use super::dead_limit::{DeadLimit, Passed};
use super::{End, LOOK_AGAIN, Lane};
use crate::handler::Handler;
use crate::monitor::LaneState;
use crate::store::positions;

impl<H: Handler> Lane<H> {
    /// The count of the partition's dead records so far, for as long as it takes to reach PostgreSQL.
    pub(super) async fn dead_limit(&mut self) -> Result<DeadLimit, End> {
        let settings = self.shared.dead_limit;
        loop {
            let (pool, group, partition) = (&self.shared.pool, &*self.shared.group, &self.partition);
            let recent = async {
                let accepted = positions::dead_accepted_below(pool, group, partition).await?;
                positions::recent_dead(pool, group, partition, accepted..self.position, settings.window).await
            };
            match recent.await {
                Ok(recent) => return Ok(DeadLimit::new(settings, recent)),
                Err(fault) => self.wait_out(fault, &(0..0)).await?,
            }
        }
    }

    /// Waits, past the limit of dead records, until a person says that they have looked.
    pub(super) async fn stand_still(&mut self, limit: &mut DeadLimit) -> Result<(), End> {
        let Some(passed) = limit.passed() else { return Ok(()) };
        let (topic, partition) = (&*self.partition.topic.clone(), self.partition.number);
        let setting = match passed {
            Passed::Run => format!("DEAD_LIMIT_RUN={}", self.shared.dead_limit.run),
            Passed::Ratio => {
                format!(
                    "DEAD_LIMIT_RATIO={} of the last {}",
                    self.shared.dead_limit.ratio, self.shared.dead_limit.window
                )
            }
        };
        tracing::error!(
            topic,
            partition,
            offset = self.position,
            "lane paused: one more dead record would pass {setting}; nothing is lost, other lanes go on. Look at \
             them with `worker held list --status dead --topic {topic}`; then either mend what kills them and \
             start a worker that takes them, or go on with `worker held accept {topic} {partition}`, or raise the \
             limit"
        );
        loop {
            self.status.set(LaneState::DeadLimit);
            tokio::select! {
                biased;
                () = self.queue.closed() => return Err(End::Closed),
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
            let accepted =
                positions::dead_accepted_below(&self.shared.pool, &self.shared.group, &self.partition).await;
            match accepted {
                Ok(below) if below >= self.position => break,
                Ok(_) => {}
                Err(fault) => self.wait_out(fault, &(0..0)).await?,
            }
        }
        tracing::info!(
            topic,
            partition,
            offset = self.position,
            "lane resumed: its dead records were accepted"
        );
        limit.forget();
        Ok(())
    }
}
