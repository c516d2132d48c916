//! `worker verify`: proves the promise on the tables as they are, and on the topics where that is asked for.
//!
//! It takes no locks and changes nothing. Tables are walked in chunks, each in a read-only snapshot of its own:
//! what one transaction of the worker has written together is seen together, or not at all, so that a worker may
//! run meanwhile; and no snapshot grows old. Read on in this order: `positions`, `outcomes`, `held`, `walk` and
//! `domain` (the tables), `relay`, then `reader`, `records` and `status` (the topics), and `finding` and `report`.

mod domain;
mod finding;
mod held;
mod outcomes;
mod positions;
mod progress;
pub(crate) mod reader;
mod records;
mod relay;
mod report;
mod seen;
mod status;
mod walk;

use std::io;

use crate::config::Settings;
use crate::fault::Fault;
use crate::outcome;
use crate::statement::statement;
use crate::store::{Pool, Transaction, pool};
use finding::Finding;
use progress::Progress;
use reader::Reader;

pub use domain::Domain;
pub use report::Report;

/// What is verified, and how it is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Read the topics too, and compare them with the ledger record by record
    #[arg(long)]
    records: bool,
    /// Verify all consumer groups that this database knows, not only that of the settings
    #[arg(long)]
    all_groups: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What kept the verification from coming to its end. Nothing is proven then.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// PostgreSQL does not answer, or has other tables than this binary.
    #[error("nothing is proven: PostgreSQL: {}", .0.advice())]
    Database(Fault),
    /// Kafka does not answer, or refuses to.
    #[error("nothing is proven about the topics: {0}")]
    Kafka(String),
    /// The connection could not even be tried.
    #[error("nothing is proven: {0}")]
    Start(String),
}

// Told in the message already, so that no source tells it again.
impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Database(fault)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Start(error.to_string())
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Runs all checks.
///
/// # Errors
/// What kept them from coming to their end.
pub(crate) fn run(settings: &Settings, domains: &[Domain], arguments: &Arguments) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let verified = runtime.block_on(verify(settings, domains, arguments));
    // A question to brokers that are away may never be answered.
    runtime.shutdown_background();
    verified
}

async fn verify(settings: &Settings, domains: &[Domain], arguments: &Arguments) -> Result<Report, Failure> {
    // First of all: whether Kafka answers should not be learnt after minutes.
    let reader = if arguments.records { Some(Reader::connect(&settings.kafka).await?) } else { None };
    let pool = pool::pool(&settings.database).map_err(|error| Failure::Start(format!("{error:#}")))?;
    let effects = domains.iter().flat_map(|domain| domain.effects);
    let mut verification = Verification {
        pool,
        domains,
        words: outcome::WORDS.iter().chain(effects).copied().collect(),
        report: Report::default(),
        progress: Progress::default(),
    };
    let groups = if arguments.all_groups {
        verification.groups().await?
    } else {
        vec![settings.kafka.group_id.clone()]
    };
    for group in &groups {
        verification.report.groups.push(group.clone());
        let partitions = positions::check(&mut verification, group).await?;
        for partition in &partitions {
            outcomes::check(&mut verification, group, partition).await?;
        }
        held::check(&mut verification, group).await?;
        relay::check(&mut verification, group).await?;
        let Some(reader) = &reader else { continue };
        for partition in &partitions {
            records::check(&mut verification, reader, group, partition).await?;
        }
        if let Some(topic) = &settings.kafka.status_topic {
            status::check(&mut verification, reader, group, topic).await?;
        }
    }
    for domain in domains {
        domain::check(&mut verification, domain).await?;
    }
    verification.progress.end();
    Ok(verification.report)
}

/// A verification on its way.
struct Verification<'a> {
    pool: Pool,
    domains: &'a [Domain],
    /// All words that an outcome may be.
    words: Vec<&'a str>,
    report: Report,
    progress: Progress,
}

impl Verification<'_> {
    /// A transaction that sees one state of the database. Whoever is through with it rolls it back.
    async fn snapshot(&self) -> Result<Transaction, Failure> {
        Ok(Transaction::snapshot(self.pool.get().await.map_err(Fault::from)?))
    }

    /// Adds what a statement has found.
    fn find(&mut self, check: &'static str, rows: &[tokio_postgres::Row]) -> Result<(), Failure> {
        for row in rows {
            self.report.find(check, Finding::read(row)?);
        }
        Ok(())
    }

    async fn groups(&self) -> Result<Vec<String>, Failure> {
        let snapshot = self.snapshot().await?;
        let rows = snapshot.read(statement!("sql/groups.sql"), &[]).await?;
        snapshot.rollback().await;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}
