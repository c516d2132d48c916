//! The ledger, partition by partition: each record's revisions, its words, and what the other tables say of it.

use super::positions::State;
use super::walk::ROWS;
use super::{Failure, Verification};
use crate::statement::statement;

/// The check's name.
const CHECK: &str = "outcomes";

/// Walks through the outcomes of a partition.
pub(super) async fn check(
    verification: &mut Verification<'_>,
    group: &str,
    state: &State,
) -> Result<(), Failure> {
    let (topic, number) = (&*state.partition.topic, state.partition.number);
    let Some((mut from, last)) = state.recorded else { return Ok(()) };
    while from <= last {
        let snapshot = verification.snapshot().await?;
        let rows = snapshot
            .read(statement!("sql/outcomes_chunk.sql"), &[&group, &topic, &number, &from, &last, &ROWS])
            .await?;
        let [row] = &*rows else { break };
        let (outcomes, records, until): (i64, i64, Option<i64>) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let Some(until) = until else { break };
        let words = &verification.words;
        let mut found = snapshot
            .read(statement!("sql/outcomes.sql"), &[&group, &topic, &number, &from, &until, words])
            .await?;
        for domain in verification.domains {
            found.extend(snapshot.read(domain.outcomes, &[&group, &topic, &number, &from, &until]).await?);
        }
        snapshot.rollback().await;
        verification.find(CHECK, &found)?;
        verification.report.looked(CHECK, "outcomes", outcomes);
        verification.report.records += records.unsigned_abs();
        verification.progress.add("outcomes", outcomes, None);
        from = until + 1;
    }
    Ok(())
}
