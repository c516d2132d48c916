//! The topics against the ledger, record by record, in the order of their offsets.

use rdkafka::Message as _;
use tokio_postgres::Row;

use super::finding::Finding;
use super::positions::State;
use super::reader::Reader;
use super::{Failure, Verification};
use crate::record::Partition;
use crate::statement::statement;

/// The check's name.
const CHECK: &str = "records";

/// How many records are compared at once.
const RECORDS: usize = 5_000;

/// Reads a partition from where both topic and ledger begin up to its position.
pub(super) async fn check(
    verification: &mut Verification<'_>,
    reader: &Reader,
    group: &str,
    state: &State,
) -> Result<(), Failure> {
    verification.report.looked(CHECK, "records read", 0);
    let partition = &state.partition;
    let Some(position) = state.next_offset else { return Ok(()) };
    let low = match reader.bounds(partition).await? {
        Some((low, high)) if position <= high => low,
        bounds => {
            let end = bounds.map_or(0, |(_, high)| high);
            let detail = format!(
                "the position is {position}, but the topic ends at {end}: was it recreated, or truncated?"
            );
            let finding = Finding::of_partition("position_beyond_topic", group, partition, &detail);
            verification.report.find(CHECK, finding);
            return Ok(());
        }
    };
    let from = low.max(state.pruned_below).max(state.first_offset);
    if from >= position {
        return Ok(());
    }
    let compacted = reader.is_compacted(&partition.topic).await;
    if compacted {
        verification.report.note(format!(
            "{} is compacted, or its settings may not be read: outcomes whose record is gone count as fine",
            partition.topic
        ));
    }
    let mut comparison = Comparison { verification, reader, group, partition, compacted };
    comparison.read(from, position).await
}

/// The comparison of one partition.
struct Comparison<'a, 'v> {
    verification: &'a mut Verification<'v>,
    reader: &'a Reader,
    group: &'a str,
    partition: &'a Partition,
    /// Whether the broker may have removed records from between others.
    compacted: bool,
}

/// What one page of the ledger shows.
struct Page {
    /// The records that have outcomes.
    recorded: Vec<(i64, String)>,
    /// Retention has taken the outcomes below, and may have done so since the verification began.
    pruned_below: i64,
}

impl Comparison<'_, '_> {
    async fn read(&mut self, from: i64, position: i64) -> Result<(), Failure> {
        let mut reading = self.reader.read(self.partition, from, position)?;
        let (mut offsets, mut start) = (Vec::with_capacity(RECORDS), from);
        while let Some(message) = reading.next().await? {
            let offset = message.offset();
            drop(message);
            offsets.push(offset);
            if offsets.len() == RECORDS {
                self.compare(start, offset + 1, &offsets).await?;
                self.progress(&offsets, position - from);
                offsets.clear();
                start = offset + 1;
            }
        }
        self.compare(start, position, &offsets).await?;
        self.progress(&offsets, position - from);
        Ok(())
    }

    fn progress(&mut self, offsets: &[i64], total: i64) {
        let count = i64::try_from(offsets.len()).unwrap_or_default();
        self.verification.report.looked(CHECK, "records read", count);
        self.verification.progress.add("records", count, Some(total));
    }

    /// Compares the records between two offsets with the ledger.
    async fn compare(&mut self, from: i64, below: i64, mut records: &[i64]) -> Result<(), Failure> {
        let mut from = from;
        loop {
            let page = self.page(from, below).await?;
            let is_last = page.recorded.len() < RECORDS;
            let end = match page.recorded.last() {
                Some((last, _)) if !is_last => last + 1,
                _ => below,
            };
            let (these, others) = records.split_at(records.partition_point(|offset| *offset < end));
            records = others;
            self.compare_page(these, page).await?;
            if is_last {
                return Ok(());
            }
            from = end;
        }
    }

    async fn compare_page(&mut self, records: &[i64], page: Page) -> Result<(), Failure> {
        let unrecorded = |offset: &&i64| {
            **offset >= page.pruned_below
                && page.recorded.binary_search_by_key(*offset, |(recorded, _)| *recorded).is_err()
        };
        for offset in records.iter().filter(unrecorded) {
            let detail = "the record lies below the position, but has no outcome";
            self.find(Finding::of_record(
                "record_without_outcome",
                self.group,
                self.partition,
                *offset,
                detail,
            ));
        }
        if self.compacted {
            return Ok(());
        }
        let unread = |(offset, _): &(i64, String)| records.binary_search(offset).is_err();
        let suspects: Vec<(i64, String)> = page.recorded.into_iter().filter(unread).collect();
        if suspects.is_empty() {
            return Ok(());
        }
        // The topic's retention may have taken them since.
        let low = self.reader.bounds(self.partition).await?.map_or(i64::MAX, |(low, _)| low);
        for (offset, subject) in suspects.iter().filter(|(offset, _)| *offset >= low) {
            let detail = "it has an outcome, but the topic has no such record";
            let finding =
                Finding::of_record("outcome_without_record", self.group, self.partition, *offset, detail);
            self.find(finding.about(subject));
        }
        Ok(())
    }

    fn find(&mut self, finding: Finding) {
        self.verification.report.find(CHECK, finding);
    }

    async fn page(&self, from: i64, below: i64) -> Result<Page, Failure> {
        let (group, topic, number) = (self.group, &*self.partition.topic, self.partition.number);
        let most = i64::try_from(RECORDS).unwrap_or(i64::MAX);
        let snapshot = self.verification.snapshot().await?;
        let pruned = snapshot.read(statement!("sql/pruned.sql"), &[&group, &topic, &number]).await?;
        let rows = snapshot
            .read(statement!("sql/recorded.sql"), &[&group, &topic, &number, &from, &below, &most])
            .await?;
        snapshot.rollback().await;
        let recorded = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?));
        Ok(Page {
            recorded: rows.iter().map(recorded).collect::<Result<_, Failure>>()?,
            pruned_below: pruned.first().map_or(Ok(0), |row| row.try_get(0))?,
        })
    }
}
