//! One partition's life, read this first: take what has arrived, apply it in one transaction, say what became
//! of it, and again, until the queue closes or the world says otherwise.

mod attempt;
mod dead_limit;
mod pause;
mod stand_still;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Object;

use crate::alignment::Pace;
use crate::batch::{self, Batch, Item, Taken};
use crate::fault::{Cause, Fault};
use crate::handler::Handler;
use crate::metrics::{Tally, measured};
use crate::monitor::{LaneState, LaneStatus};
use crate::outcome::{Invalid, Outcome};
use crate::queue::{Limits, Queue};
use crate::record::{Partition, Record, clean_text};
use crate::shared::Shared;
use crate::store::positions;
use dead_limit::DeadLimit;
use pause::Pause;

/// The most bytes that one batch takes from its queue.
const BATCH_BYTES: usize = 4 << 20;

/// How often a lane past its limit of dead records looks whether it may go on, and one that waits for others says
/// that it is alive.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Why a lane ended.
#[derive(Debug)]
pub enum End {
    /// Its queue was closed, as asked.
    Closed,
    /// Another owner has moved the position on; nothing of this lane's last batch was kept.
    Overtaken,
    /// A fault that no waiting mends; the position stands below the batch that met it.
    Fatal(Cause),
}

/// Applies the records of one partition, in order.
pub(crate) struct Lane<H> {
    shared: Arc<Shared>,
    handler: Arc<H>,
    partition: Partition,
    queue: Arc<Queue>,
    /// The offset of the next record to apply, as PostgreSQL has it.
    position: i64,
    /// What the lane says of itself: its position, for the intake thread to read, and what it is doing.
    status: Arc<LaneStatus>,
    pause: Pause,
    tally: Tally,
    /// Records below this offset may have outcomes already: a person has set the position back.
    replayed_below: i64,
    /// Subjects of the batch of which an earlier record goes first.
    gives_way: HashSet<String>,
}

impl<H: Handler> Lane<H> {
    /// A lane that goes on from this position.
    pub(crate) fn new(
        shared: Arc<Shared>,
        handler: Arc<H>,
        partition: Partition,
        queue: Arc<Queue>,
        position: i64,
        status: Arc<LaneStatus>,
    ) -> Self {
        let tally = Tally::new(shared.metrics.clone(), partition.topic.clone());
        Self {
            shared,
            handler,
            partition,
            queue,
            position,
            status,
            pause: Pause::default(),
            tally,
            replayed_below: 0,
            gives_way: HashSet::new(),
        }
    }

    /// Applies batches until the lane ends. What it had taken but not applied is read again by the next owner.
    pub(crate) async fn run(mut self) -> End {
        match self.apply_all().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn apply_all(&mut self) -> Result<std::convert::Infallible, End> {
        let begun = Instant::now();
        let mut limit = self.dead_limit().await?;
        let pace = H::CREATES_SUBJECT
            .then(|| self.shared.alignment.join(self.partition.clone(), self.status.clone()));
        let most = Limits { records: self.shared.batch_max_records, bytes: BATCH_BYTES };
        loop {
            self.status.set(LaneState::Idle);
            if !self.queue.ready().await {
                return Err(End::Closed);
            }
            self.status.set(LaneState::Waiting);
            let bound = if let Some(pace) = &pace {
                self.keep_pace(pace, None);
                i64::MAX
            } else {
                self.fall_into_step(begun).await?
            };
            // The connection first: while the lane waits for one, its batch grows.
            let connection = self.connection().await?;
            let mut records = self.queue.take_below(most, bound);
            records.retain(|record| record.offset >= self.position);
            self.status.set_taken(records.first().and_then(|record| record.timestamp));
            self.status.set(LaneState::Applying);
            self.apply(connection, &records, Instant::now(), &mut limit).await?;
            self.status.set_taken(None);
            if let Some(pace) = &pace {
                self.keep_pace(pace, records.last().and_then(|record| record.timestamp));
            }
        }
    }

    /// Tells the other lanes how far this one is.
    fn keep_pace(&self, pace: &Pace, last: Option<i64>) {
        pace.at(self.queue.timestamps(1).and_then(|(first, _)| first), last);
    }

    /// Waits, in a backlog, for the lanes that are behind this one; returns the timestamp below which records may
    /// be applied.
    async fn fall_into_step(&self, begun: Instant) -> Result<i64, End> {
        let Some((Some(first), last)) = self.queue.timestamps(self.shared.batch_max_records) else {
            return Ok(i64::MAX);
        };
        let wait = self.shared.alignment.wait(first, last.unwrap_or(first), begun);
        tokio::pin!(wait);
        loop {
            tokio::select! {
                biased;
                () = self.queue.closed() => return Err(End::Closed),
                bound = &mut wait => return Ok(bound),
                // The others may have much to do: whoever waits for them is not wedged.
                () = tokio::time::sleep(LOOK_AGAIN) => self.status.set(LaneState::Waiting),
            }
        }
    }

    /// Applies a batch: as a whole where that succeeds, else in the parts that a bad record leaves.
    async fn apply(
        &mut self,
        connection: Object,
        records: &[Record],
        taken: Instant,
        limit: &mut DeadLimit,
    ) -> Result<(), End> {
        let (shared, handler, partition) =
            (self.shared.clone(), self.handler.clone(), self.partition.clone());
        let own =
            |record| Taken { record, partition: &partition, first_try: None, subject: None, is_own: false };
        let together = records.iter().map(own);
        let mut batch = Batch::prepare(&*handler, together, &shared);
        let mut connection = Some(connection);
        let mut parts = vec![];
        let mut begun = 0;
        loop {
            let Some(part) = parts.pop() else {
                if begun == records.len() {
                    return Ok(());
                }
                let dead = batch.items(begun..records.len()).iter().map(Item::is_dead);
                let end = begun + limit.admitted(dead);
                if end == begun {
                    // Nobody else is to wait for this lane's connection meanwhile.
                    connection = None;
                    self.stand_still(limit).await?;
                } else {
                    parts.push(begun..end);
                    begun = end;
                }
                continue;
            };
            let connection = match connection.take() {
                Some(connection) => connection,
                None => self.connection().await?,
            };
            let next = records[part.end - 1].offset + 1;
            match self.attempt(connection, &batch, part.clone(), next).await {
                Ok(decisions) => {
                    self.advance_to(next);
                    for decision in &decisions {
                        limit.count(matches!(decision.outcome, Outcome::Dead(_)));
                    }
                    let timestamps = records[part.clone()].iter().map(|record| record.timestamp);
                    self.tally.applied(taken, timestamps, &decisions);
                    shared.monitor.applied(batch::told(&*handler, batch.items(part.clone()), &decisions));
                    batch.report(&*handler, part, &decisions);
                }
                Err(Fault::Recorded(cause)) => match self.recorded_before(next, cause).await {
                    Ok(()) => parts.push(part),
                    Err(fault) => {
                        self.wait_out(fault, &part).await?;
                        parts.push(part);
                    }
                },
                Err(Fault::Record(_)) if part.len() == 1 && limit.passed().is_some() => {
                    self.stand_still(limit).await?;
                    parts.push(part);
                }
                Err(Fault::Record(cause)) => Self::part_with(&mut batch, &mut parts, part, cause)?,
                Err(fault) => {
                    self.wait_out(fault, &part).await?;
                    parts.push(part);
                }
            }
        }
    }

    /// Closes in on the record that PostgreSQL refuses: halves the part until the record stands alone, then
    /// declares it dead.
    fn part_with(
        batch: &mut Batch<'_, H::Event>,
        parts: &mut Vec<Range<usize>>,
        part: Range<usize>,
        cause: Cause,
    ) -> Result<(), End> {
        if part.len() > 1 {
            let middle = part.start + part.len() / 2;
            parts.push(middle..part.end);
            parts.push(part.start..middle);
            return Ok(());
        }
        let detail = clean_text(&format!("PostgreSQL refuses the record: {cause}"));
        if batch.settle(part.start, Outcome::Dead(Invalid::new("refused_by_database", detail))) {
            parts.push(part);
            Ok(())
        } else {
            // Not the event but the row that says it is dead: nothing the record could be blamed for.
            Err(End::Fatal(cause))
        }
    }

    /// A connection from the pool, waited for as long as it takes.
    async fn connection(&mut self) -> Result<Object, End> {
        loop {
            let connection = tokio::select! {
                biased;
                () = self.queue.closed() => return Err(End::Closed),
                connection = measured("connection", self.shared.pool.get()) => connection,
            };
            match connection {
                Ok(connection) => return Ok(connection),
                Err(error) => self.wait_out(error.into(), &(0..0)).await?,
            }
        }
    }

    /// Waits until it is time to try again; ends the lane where trying again makes no sense.
    async fn wait_out(&mut self, fault: Fault, part: &Range<usize>) -> Result<(), End> {
        let word = fault.word();
        let cause = match fault {
            Fault::GivesWay(subjects) => {
                self.gives_way.extend(subjects);
                return Ok(());
            }
            Fault::Overtaken => return Err(End::Overtaken),
            Fault::Fatal(cause) => return Err(End::Fatal(cause)),
            // Twice in a row, the second time prepared anew: the schema does not fit this binary.
            Fault::StaleStatement(cause) if self.pause.stale_before() => return Err(End::Fatal(cause)),
            Fault::StaleStatement(cause) => {
                self.pause.remember_stale();
                // Those of all connections: what is stale on one is stale on the next from the pool.
                self.shared.pool.manager().statement_caches.clear();
                cause
            }
            Fault::Transient(cause)
            | Fault::Record(cause)
            | Fault::Recorded(cause)
            | Fault::CommitUnknown(cause) => cause,
        };
        self.status.pause(cause.to_string());
        self.shared.metrics.retry(word);
        let pause = self.pause.next(&self.partition, self.position, part.len(), &cause);
        tokio::select! {
            biased;
            () = self.queue.closed() => Err(End::Closed),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    fn advance_to(&mut self, position: i64) {
        self.position = position;
        self.gives_way.clear();
        self.status.set_position(position);
        self.status.set(LaneState::Applying);
        self.pause.over(&self.partition, position);
    }

    /// Finds out what became of a COMMIT whose answer was lost, for as long as it takes to reach PostgreSQL.
    async fn settled_position(&mut self) -> Result<i64, End> {
        loop {
            match positions::settle(&self.shared.pool, &self.shared.group, &self.partition).await {
                Ok(position) => return Ok(position),
                Err(fault) => self.wait_out(fault, &(0..0)).await?,
            }
        }
    }
}
