//! One partition's life, read this first: take what has arrived, apply it in one transaction, say what became
//! of it, and again, until the queue closes or the world says otherwise.

mod attempt;
mod pause;
mod route;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use deadpool_postgres::Object;
use tokio::sync::Notify;

use crate::baggage::LogKeys;
use crate::batch::Batch;
use crate::config::Settings;
use crate::divert::Divert;
use crate::handler::Handler;
use crate::outcome::{Invalid, Outcome};
use crate::queue::{Limits, Queue};
use crate::record::{Partition, Record, clean_text};
use crate::store::held::Patience;
use crate::store::{Cause, Fault, Pool, positions};
use pause::Pause;

pub use route::Route;

/// The most bytes that one batch takes from its queue.
const BATCH_BYTES: usize = 4 << 20;

/// What all lanes share.
pub struct Shared {
    /// The database. Its size bounds the transactions that are open at once.
    pub pool: Pool,
    /// The consumer group, part of every key in the worker's tables.
    pub group: Arc<str>,
    /// Which records are this worker's to apply.
    pub divert: Divert,
    /// The baggage keys that may be logged.
    pub log_keys: LogKeys,
    /// The most records that one transaction applies.
    pub batch_max_records: usize,
    /// How long records that are set aside wait.
    pub patience: Patience,
    /// Wakes the sweeper: something that waited is due.
    pub woken: Notify,
}

impl Shared {
    /// Puts together what the settings say.
    #[must_use]
    pub fn new(settings: &Settings, pool: Pool) -> Self {
        Self {
            pool,
            group: settings.kafka.group_id.as_str().into(),
            divert: Divert::new(settings.divert.environment.clone()),
            log_keys: LogKeys::from(settings.log.baggage_keys.clone()),
            batch_max_records: settings.batch_max_records,
            patience: Patience {
                shortest: settings.held.backoff_min,
                longest: settings.held.backoff_max,
                limit: settings.held.max_age,
            },
            woken: Notify::new(),
        }
    }
}

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
    /// The same, for the intake thread to read.
    progress: Arc<AtomicI64>,
    pause: Pause,
    /// Records below this offset may have outcomes already: a person has set the position back.
    replayed_below: i64,
}

impl<H: Handler> Lane<H> {
    /// Applies batches until the lane ends. What it had taken but not applied is read again by the next owner.
    async fn run(mut self) -> End {
        match self.apply_all().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn apply_all(&mut self) -> Result<std::convert::Infallible, End> {
        loop {
            if !self.queue.ready().await {
                return Err(End::Closed);
            }
            // The connection first: while the lane waits for one, its batch grows.
            let connection = self.connection().await?;
            let most = Limits { records: self.shared.batch_max_records, bytes: BATCH_BYTES };
            let mut records = self.queue.take(most);
            records.retain(|record| record.offset >= self.position);
            self.apply(connection, &records).await?;
        }
    }

    /// Applies a batch: as a whole where that succeeds, else in the parts that a bad record leaves.
    async fn apply(&mut self, connection: Object, records: &[Record]) -> Result<(), End> {
        let (shared, handler, partition) =
            (self.shared.clone(), self.handler.clone(), self.partition.clone());
        let mut batch = Batch::prepare(&*handler, records.iter().map(|record| (record, &partition)), &shared);
        let mut connection = Some(connection);
        let whole = 0..records.len();
        let mut parts = vec![whole];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let connection = match connection.take() {
                Some(connection) => connection,
                None => self.connection().await?,
            };
            let next = records[part.end - 1].offset + 1;
            match self.attempt(connection, &batch, part.clone(), next).await {
                Ok(decisions) => {
                    self.advance_to(next);
                    batch.report(&*handler, part, &decisions);
                }
                Err(Fault::Recorded(cause)) => match self.recorded_before(next, cause).await {
                    Ok(()) => parts.push(part),
                    Err(fault) => {
                        self.wait_out(fault, &part).await?;
                        parts.push(part);
                    }
                },
                Err(Fault::Record(cause)) => Self::part_with(&mut batch, &mut parts, part, cause)?,
                Err(fault) => {
                    self.wait_out(fault, &part).await?;
                    parts.push(part);
                }
            }
        }
        Ok(())
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
                connection = self.shared.pool.get() => connection,
            };
            match connection {
                Ok(connection) => return Ok(connection),
                Err(error) => self.wait_out(error.into(), &(0..0)).await?,
            }
        }
    }

    /// Waits until it is time to try again; ends the lane where trying again makes no sense.
    async fn wait_out(&mut self, fault: Fault, part: &Range<usize>) -> Result<(), End> {
        let cause = match fault {
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
        let pause = self.pause.next(&self.partition, self.position, part.len(), &cause);
        tokio::select! {
            biased;
            () = self.queue.closed() => Err(End::Closed),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    fn advance_to(&mut self, position: i64) {
        self.position = position;
        self.progress.store(position, Ordering::Release);
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
