//! The parts that do the work, each on a task or a thread of its own, started together and stopped in order.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use crate::config::Settings;
use crate::fault::Cause;
use crate::intake::{Intake, Running};
use crate::observer::Observer;
use crate::relay::Relay;
use crate::route::Route;
use crate::shared::Shared;
use crate::sweeper::Sweeper;

/// Intake with its lanes, sweeper, relay and observer at work.
pub(super) struct Parts {
    intake: Running,
    sweeper: JoinHandle<Result<(), Cause>>,
    relay: JoinHandle<Result<(), Cause>>,
    stop: watch::Sender<bool>,
    drain: watch::Sender<bool>,
    grace: Duration,
}

impl Parts {
    /// Starts them.
    pub(super) fn start(
        settings: Settings,
        shared: &Arc<Shared>,
        routes: &Arc<[Route]>,
    ) -> Result<Self, Cause> {
        let grace = settings.shutdown_grace;
        let (stop, stopped) = watch::channel(false);
        let (drain, drained) = watch::channel(false);
        // Nobody waits for its end: it only reads.
        tokio::spawn(Observer { shared: shared.clone() }.run(stopped.clone()));
        let sweeper = Sweeper { shared: shared.clone(), routes: routes.clone() };
        let relay = Relay {
            shared: shared.clone(),
            routes: routes.clone(),
            kafka: settings.kafka.clone(),
            retention: settings.ledger_retention,
        };
        let intake = Intake {
            settings: settings.kafka,
            routes: routes.clone(),
            shared: shared.clone(),
            // The last fifth is for telling Kafka how far the lanes came, and for leaving the group.
            grace: grace * 4 / 5,
        };
        Ok(Self {
            intake: intake.start().map_err(|error| Cause::new(format!("the intake thread: {error}")))?,
            sweeper: tokio::spawn(sweeper.run(stopped)),
            relay: tokio::spawn(relay.run(drained)),
            stop,
            drain,
            grace,
        })
    }

    /// Waits until one of them has ended by itself.
    ///
    /// # Errors
    /// The fatal fault that it met.
    pub(super) async fn ended(&mut self) -> Result<(), Cause> {
        tokio::select! {
            ended = self.intake.finished() => ended,
            ended = &mut self.sweeper => outcome(ended),
            ended = &mut self.relay => outcome(ended),
        }
    }

    /// Stops them within the grace period: the relay last, so that the outcomes of the last batches are published too.
    ///
    /// # Errors
    /// The fatal fault that one of them met meanwhile.
    pub(super) async fn stop(self) -> Result<(), Cause> {
        let Self { mut intake, sweeper, relay, stop, drain, grace } = self;
        intake.stop();
        stop.send_replace(true);
        // The thread keeps its own deadlines; this one is for a thread that does not.
        let all = async {
            let (ended, swept) = tokio::join!(intake.finished(), sweeper);
            drain.send_replace(true);
            (ended, swept, relay.await)
        };
        if let Ok((ended, swept, relayed)) = tokio::time::timeout(grace, all).await {
            ended?;
            outcome(swept)?;
            outcome(relayed)
        } else {
            tracing::warn!("the grace period is over; the positions decide what counts");
            Ok(())
        }
    }
}

/// How a task ended.
fn outcome(ended: Result<Result<(), Cause>, JoinError>) -> Result<(), Cause> {
    ended.unwrap_or_else(|error| Err(Cause::new(format!("a part of the worker panicked: {error}"))))
}
