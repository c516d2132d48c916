//! The partitions of a group: each with outcomes has a position, and none is ahead of what was recorded.

use super::finding::Finding;
use super::{Failure, Verification};
use crate::record::Partition;
use crate::statement::statement;

/// A partition, as the tables had it when the verification began.
pub(super) struct State {
    pub(super) partition: Partition,
    /// The position; none where its row is missing.
    pub(super) next_offset: Option<i64>,
    /// The first and the last record that has an outcome.
    pub(super) recorded: Option<(i64, i64)>,
    /// Where the worker began with the partition, as far as that is known.
    pub(super) first_offset: i64,
    /// Retention has taken the outcomes below.
    pub(super) pruned_below: i64,
    skipped_records: i64,
}

/// Looks at each partition, and returns them all.
pub(super) async fn check(verification: &mut Verification<'_>, group: &str) -> Result<Vec<State>, Failure> {
    let snapshot = verification.snapshot().await?;
    let rows = snapshot.read(statement!("sql/partitions.sql"), &[&group]).await?;
    snapshot.rollback().await;
    let mut states = Vec::with_capacity(rows.len());
    for row in &rows {
        let (first, last): (Option<i64>, Option<i64>) =
            (row.try_get("first_recorded")?, row.try_get("last_recorded")?);
        let state = State {
            partition: Partition {
                topic: row.try_get::<_, &str>("topic")?.into(),
                number: row.try_get("partition")?,
            },
            next_offset: row.try_get("next_offset")?,
            recorded: first.zip(last),
            first_offset: row.try_get::<_, Option<i64>>("first_offset")?.unwrap_or_default(),
            pruned_below: row.try_get::<_, Option<i64>>("pruned_below")?.unwrap_or_default(),
            skipped_records: row.try_get::<_, Option<i64>>("skipped_records")?.unwrap_or_default(),
        };
        if let Some((kind, detail)) = state.fault() {
            verification
                .report
                .find("positions", Finding::of_partition(kind, group, &state.partition, &detail));
        }
        verification.report.skipped += state.skipped_records.unsigned_abs();
        states.push(state);
    }
    let count = i64::try_from(states.len()).unwrap_or(i64::MAX);
    verification.report.looked("positions", "partitions", count);
    Ok(states)
}

impl State {
    /// What is wrong with the position, by itself.
    fn fault(&self) -> Option<(&'static str, String)> {
        let Some(next) = self.next_offset else {
            let detail = "it has outcomes, but no position: its records would be applied again".to_owned();
            return Some(("outcomes_without_position", detail));
        };
        // A batch's last statement moves the position right behind its last record. Only what retention took
        // before it was read lies between the two.
        let end = self.recorded.map_or(self.first_offset, |(_, last)| last + 1).max(self.pruned_below);
        let unexplained = next - end - self.skipped_records;
        (unexplained > 0).then(|| {
            let skipped = match self.skipped_records {
                0 => String::new(),
                skipped => format!(" ({skipped} more were lost to retention)"),
            };
            let detail = format!(
                "the position is {next}, but what is recorded ends at {end}: {unexplained} offsets are passed over{skipped}"
            );
            ("position_ahead", detail)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKED: Option<(i64, i64)> = Some((10, 19));

    fn kind(
        next_offset: Option<i64>,
        recorded: Option<(i64, i64)>,
        skipped_records: i64,
    ) -> Option<&'static str> {
        let partition = Partition { topic: "t".into(), number: 0 };
        let state =
            State { partition, next_offset, recorded, first_offset: 10, pruned_below: 0, skipped_records };
        state.fault().map(|(kind, _)| kind)
    }

    #[test]
    fn a_position_stands_right_behind_what_is_recorded() {
        assert_eq!(kind(Some(20), BOOKED, 0), None);
        assert_eq!(kind(Some(21), BOOKED, 0), Some("position_ahead"));
        assert_eq!(kind(Some(10), None, 0), None, "nothing applied yet");
        assert_eq!(kind(Some(11), None, 0), Some("position_ahead"));
    }

    #[test]
    fn what_retention_took_before_it_was_read_explains_as_many_offsets() {
        assert_eq!(kind(Some(25), BOOKED, 5), None);
        assert_eq!(kind(Some(26), BOOKED, 5), Some("position_ahead"));
    }

    #[test]
    fn outcomes_need_a_position() {
        assert_eq!(kind(None, BOOKED, 0), Some("outcomes_without_position"));
    }
}
