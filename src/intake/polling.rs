//! The polling thread: takes records from librdkafka, starts and restarts lanes, tells Kafka how far they came.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, StreamExt as _};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::types::RDKafkaErrorCode;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::assignment::{Assignment, Slot, State};
use super::ends::Ends;
use super::event::{Ended, Event};
use super::flow::Flow;
use super::life::Life;
use super::rebalance::{Callbacks, WorkerConsumer};
use super::{Intake, brokers, consumer, overlay};
use crate::fault::Cause;
use crate::lane::End;
use crate::monitor::LaneStatus;
use crate::queue::Queue;
use crate::record::Partition;

/// How often Kafka is told what has been applied.
const COMMIT: Duration = Duration::from_millis(100);

/// How often it is told again what it was told before.
const REPEAT_COMMIT: u32 = 300;

/// The pause before a lane is started anew.
const RESTART: Duration = Duration::from_secs(1);

/// How many records are taken in a row before the thread looks at anything else.
const RUN: usize = 256;

/// The longest that closing the consumer may take. It hangs while brokers are away and a commit is pending.
const CLOSE: Duration = Duration::from_secs(10);

/// How long closing the consumer waits for others to let go of it: for questions to the brokers, which answer by then
/// or not at all.
const LET_GO: Duration = Duration::from_millis(500);

/// Runs the thread until it is asked to stop.
pub(super) fn run(intake: Intake, lanes: Handle, stop: watch::Receiver<bool>) -> Result<(), Cause> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Cause::new(format!("the intake thread's runtime: {error}")))?;
    let (send, events) = unbounded_channel();
    let assignment = Arc::new(Assignment::new(intake.shared.monitor.clone()));
    let topics: Vec<Arc<str>> = intake.routes.iter().map(|route| route.topic().clone()).collect();
    let monitor = intake.shared.monitor.clone();
    let callbacks = {
        let metrics = intake.shared.metrics.clone();
        Callbacks::new(assignment.clone(), send.clone(), topics.clone(), intake.grace, metrics)
    };
    let grace = intake.grace;
    // The consumer needs a runtime for its wake-ups.
    let consumer: WorkerConsumer = {
        let _context = runtime.enter();
        consumer::config(&intake.settings)
            .create_with_context(callbacks)
            .map_err(|error| Cause::new(format!("the Kafka consumer: {error}")))?
    };
    let consumer = Arc::new(consumer);
    let flow = Flow::new(assignment.clone(), consumer.clone(), topics.clone());
    let ends = Ends::new(Arc::downgrade(&consumer), intake.settings.clone(), monitor.clone());
    lanes.spawn(ends.watch());
    let polling = Polling {
        intake: Arc::new(intake),
        lanes,
        topics: topics.clone(),
        consumer: consumer.clone(),
        assignment: assignment.clone(),
        send,
        flow,
        epochs: 0,
        repeat: 0,
        looking_for_brokers: true,
    };
    polling.lanes.spawn(brokers::watch(Arc::downgrade(&consumer), topics, monitor.clone()));
    let result = runtime.block_on(polling.run(events, stop));
    monitor.polls_no_more();
    assignment.release(&*consumer, &assignment.partitions(), grace, false);
    close(consumer);
    result
}

/// Leaves the group. Gives up waiting after a while: the process ends anyway, and the positions are safe.
fn close(consumer: Arc<WorkerConsumer>) {
    let deadline = Instant::now() + LET_GO;
    while Arc::strong_count(&consumer) > 1 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (done, closed) = std::sync::mpsc::channel::<()>();
    let closing = std::thread::Builder::new().name("close".into()).spawn(move || {
        drop(consumer);
        drop(done);
    });
    if closing.is_ok() && closed.recv_timeout(CLOSE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        tracing::warn!("Kafka does not answer: leaving without saying goodbye; the positions are safe");
    }
}

struct Polling {
    intake: Arc<Intake>,
    lanes: Handle,
    topics: Vec<Arc<str>>,
    consumer: Arc<WorkerConsumer>,
    assignment: Arc<Assignment>,
    send: UnboundedSender<Event>,
    flow: Flow,
    epochs: u64,
    repeat: u32,
    looking_for_brokers: bool,
}

impl Polling {
    async fn run(
        mut self,
        mut events: UnboundedReceiver<Event>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), Cause> {
        let consumer = self.consumer.clone();
        let mut stream = consumer.stream();
        let (topics, intake) = (self.topics.clone(), self.intake.clone());
        let missing = brokers::wait_for(&consumer, &topics, &intake.settings.brokers);
        tokio::pin!(missing);
        let missing = loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                missing = &mut missing => break missing,
                // Only who polls hears why the brokers do not answer.
                Some(message) = stream.next() => self.accept(message)?,
            }
        };
        self.looking_for_brokers = false;
        for topic in missing {
            tracing::warn!(topic = &*topic, "the topic does not exist yet; it is read as soon as it appears");
        }
        // Finished, or tried again after the next start: never dropped in the middle of a statement.
        let shared = self.intake.shared.clone();
        let begun =
            self.lanes.spawn(overlay::begin(shared, consumer.clone(), self.topics.clone(), stop.clone()));
        begun.await.map_err(|error| Cause::new(format!("the overlay's beginning: {error}")))??;
        if *stop.borrow() {
            return Ok(());
        }
        let names: Vec<&str> = self.topics.iter().map(|topic| &**topic).collect();
        consumer.subscribe(&names).map_err(|error| Cause::new(format!("subscribing: {error}")))?;
        let mut commit = tokio::time::interval(COMMIT);
        commit.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                Some(event) = events.recv() => self.handle(event)?,
                _ = commit.tick() => self.tick(),
                () = self.flow.changed() => self.flow.relieve(),
                Some(message) = stream.next(), if !self.flow.is_blocked() => {
                    self.accept(message)?;
                    for _ in 1..RUN {
                        // What the callbacks say comes before the next record: partitions that have come
                        // must have their lanes before the poll that may take them away again.
                        if self.flow.is_blocked() || !events.is_empty() {
                            break;
                        }
                        let Some(Some(message)) = stream.next().now_or_never() else { break };
                        self.accept(message)?;
                    }
                }
            }
        }
    }

    fn tick(&mut self) {
        self.intake.shared.monitor.polls();
        self.repeat += 1;
        if self.repeat >= REPEAT_COMMIT {
            self.repeat = 0;
            self.assignment.repeat_commits();
        }
        self.assignment.commit(&*self.consumer);
        self.flow.relieve();
    }

    fn accept(&mut self, message: Result<BorrowedMessage<'_>, KafkaError>) -> Result<(), Cause> {
        match message {
            Ok(message) => {
                self.flow.accept(&message);
                Ok(())
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Sorts what librdkafka reports in place of a record.
    fn complain(&mut self, error: &KafkaError) -> Result<(), Cause> {
        match error.rdkafka_error_code() {
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => {
                Err(Cause::new(format!("the Kafka consumer failed for good: {error}")))
            }
            // It does not say which partition: look at all of them again.
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                tracing::error!(%error, "a position no longer fits its topic; looking at all of them again");
                self.flow.end_all();
                Ok(())
            }
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                self.look_for_brokers();
                Ok(())
            }
            // One broker of several; what lasts is reported by the others.
            Some(RDKafkaErrorCode::BrokerTransportFailure) => Ok(()),
            // Whoever looks for the brokers says why they do not answer.
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL | RDKafkaErrorCode::Resolve)
                if self.looking_for_brokers =>
            {
                Ok(())
            }
            // A group that is full, a right that is missing: whoever waits for this worker must hear of it.
            _ => {
                if self.consumer.context().voice().may_say(&error.to_string()) {
                    tracing::warn!(%error, "Kafka reports an error; the worker goes on trying");
                }
                Ok(())
            }
        }
    }

    fn look_for_brokers(&mut self) {
        if !std::mem::replace(&mut self.looking_for_brokers, true) {
            let (consumer, topics, intake) =
                (self.consumer.clone(), self.topics.clone(), self.intake.clone());
            let send = self.send.clone();
            self.lanes.spawn(async move {
                brokers::wait_for(&consumer, &topics, &intake.settings.brokers).await;
                // The receiver goes last of all.
                let _ = send.send(Event::BrokersAnswer);
            });
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), Cause> {
        match event {
            Event::BrokersAnswer => self.looking_for_brokers = false,
            Event::Assigned(partitions) => {
                // All at once: the first must not take the share of those that come with it.
                let lanes = self.assignment.slots().len() + partitions.len();
                for partition in partitions {
                    self.begin(partition, Duration::ZERO, lanes);
                }
            }
            Event::Found { partition, epoch, position } => self.flow.open(&partition, epoch, position),
            Event::Ended { partition, epoch, end } => self.ended(partition, epoch, end)?,
            Event::Broken(message) => return Err(Cause::new(message)),
        }
        Ok(())
    }

    fn ended(&mut self, partition: Partition, epoch: u64, end: Ended) -> Result<(), Cause> {
        if let Ended::Lane(End::Fatal(cause)) = end {
            return Err(cause);
        }
        let restart = {
            let mut slots = self.assignment.slots();
            // Revoked meanwhile, or begun anew: of no concern.
            let Some(slot) = slots.get_mut(&partition).filter(|slot| slot.epoch == epoch) else {
                return Ok(());
            };
            match end {
                Ended::Halted => slot.halt(),
                Ended::Lane(End::Overtaken) => {
                    tracing::warn!(
                        topic = &*partition.topic,
                        partition = partition.number,
                        offset = slot.wanted,
                        "another worker has moved the position on; reading it again"
                    );
                }
                Ended::Lane(_) => {}
            }
            slot.state != State::Halted
        };
        if restart {
            let lanes = self.assignment.slots().len();
            self.begin(partition, RESTART, lanes);
        }
        Ok(())
    }

    /// Begins a partition's lane: find its start, then run it, both off this thread.
    fn begin(&mut self, partition: Partition, delay: Duration, lanes: usize) {
        let Some(route) = self.intake.routes.iter().position(|route| *route.topic() == partition.topic)
        else {
            return;
        };
        self.epochs += 1;
        let epoch = self.epochs;
        let queue = Arc::new(Queue::new(Flow::limits(lanes), self.flow.room()));
        let status = Arc::new(LaneStatus::new(queue.clone()));
        let (alive, ended) = std::sync::mpsc::channel();
        self.flow.hold(&partition);
        let slot = Slot::new(epoch, queue.clone(), status.clone(), ended);
        self.assignment.insert(partition.clone(), slot);
        let life = Life {
            intake: self.intake.clone(),
            consumer: self.consumer.clone(),
            send: self.send.clone(),
            partition: partition.clone(),
            epoch,
            queue,
            status,
        };
        let send = self.send.clone();
        self.lanes.spawn(async move {
            let end = std::panic::AssertUnwindSafe(life.live(route, delay)).catch_unwind().await;
            let end = end.unwrap_or_else(|_| Ended::Lane(End::Fatal(Cause::new("a lane panicked"))));
            drop(alive);
            // The receiver goes last of all.
            let _ = send.send(Event::Ended { partition, epoch, end });
        });
    }
}
