//! The records that a person has chosen, a bounded number at a time, in the order in which they were set aside.

use clap::ValueEnum;
use tokio_postgres::Row;

use super::filter::{Filter, Values};
use crate::fault::Fault;
use crate::ops::{Desk, Failure};
use crate::statement::statement;

/// The most records of one transaction.
const MOST: i64 = 500;

/// The most payload bytes of one transaction, as far as one record alone has no more.
const BYTES: i64 = 4 << 20;

/// Which records: by id, by filter, or all.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("which").required(true).multiple(true)
    .args(["ids", "status", "all"]).args(Filter::NAMES)))]
pub(super) struct Which {
    /// The ids, as `worker held list` shows them
    #[arg(value_name = "ID", conflicts_with_all = ["status", "all"], conflicts_with_all = Filter::NAMES)]
    ids: Vec<i64>,
    /// Only records of this status [default: dead]; may be repeated
    #[arg(long, value_enum)]
    status: Vec<Open>,
    #[command(flatten)]
    filter: Filter,
    /// All dead records; with `--status`, all of that status
    #[arg(long, conflicts_with_all = Filter::NAMES)]
    all: bool,
}

/// The status of a record that something can still become of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Open {
    /// Tried again by itself
    Waiting,
    /// Needs a person
    Dead,
    /// Left to the worker of a namespace, and taken by none
    Diverted,
}

/// One of the records.
pub(super) struct Target {
    pub(super) id: i64,
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) subject: String,
    bytes: i64,
}

/// The records that were chosen when it was made; what is set aside later is not among them.
pub(super) struct Selection<'a> {
    desk: &'a Desk,
    which: &'a Which,
    statuses: Vec<&'static str>,
    after: i64,
    last: i64,
    /// How many they are.
    pub(super) total: u64,
}

impl Which {
    /// The ids, where the records were named one by one.
    pub(super) fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// Whether diverted records are meant, of which `worker.held` has none.
    ///
    /// # Errors
    /// What does not go together.
    pub(super) fn is_of_diverted(&self) -> Result<bool, Failure> {
        self.filter.is_of_diverted(&self.status, &Open::Diverted)
    }

    /// By what they are chosen.
    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    fn statuses(&self) -> Vec<&'static str> {
        if !self.ids.is_empty() {
            return vec!["waiting", "dead"];
        }
        let name = |status: &Open| match status {
            Open::Waiting => "waiting",
            Open::Dead => "dead",
            Open::Diverted => "diverted",
        };
        if self.status.is_empty() { vec!["dead"] } else { self.status.iter().map(name).collect() }
    }
}

impl<'a> Selection<'a> {
    /// Counts the chosen records.
    pub(super) async fn new(which: &'a Which, desk: &'a Desk) -> Result<Self, Fault> {
        let statuses = which.statuses();
        let Values { reason, topic, subject, seconds } = which.filter.values();
        let ids = (!which.ids.is_empty()).then_some(&which.ids);
        let rows = desk
            .query(
                statement!("count.sql"),
                &[&desk.group(), &statuses, &reason, &topic, &subject, &seconds, &ids],
            )
            .await?;
        let (total, last): (i64, Option<i64>) =
            rows.first().map_or((0, None), |row| (row.get("total"), row.get("last")));
        let total = u64::try_from(total).unwrap_or_default();
        Ok(Self { desk, which, statuses, after: i64::MIN, last: last.unwrap_or(i64::MIN), total })
    }

    /// The next records, as many as one transaction takes; none where there are no more.
    pub(super) async fn next(&mut self) -> Result<Vec<Target>, Fault> {
        let Values { reason, topic, subject, seconds } = self.which.filter.values();
        let ids = (!self.which.ids.is_empty()).then_some(&self.which.ids);
        let rows = self
            .desk
            .query(
                statement!("select.sql"),
                &[
                    &self.desk.group(),
                    &self.statuses,
                    &reason,
                    &topic,
                    &subject,
                    &seconds,
                    &ids,
                    &self.after,
                    &self.last,
                    &MOST,
                ],
            )
            .await?;
        let mut bytes = 0;
        let mut targets: Vec<Target> = Vec::with_capacity(rows.len());
        for target in rows.iter().map(target) {
            bytes += target.bytes;
            if bytes > BYTES && !targets.is_empty() {
                break;
            }
            targets.push(target);
        }
        if let Some(last) = targets.last() {
            self.after = last.id;
        }
        Ok(targets)
    }
}

fn target(row: &Row) -> Target {
    Target {
        id: row.get("id"),
        topic: row.get("topic"),
        partition: row.get("partition"),
        offset: row.get("record_offset"),
        subject: row.get("subject"),
        bytes: row.get::<_, i32>("bytes").into(),
    }
}
