//! A table walked through by its ids, in chunks: however large it is, a chunk is all that is ever held.

use tokio_postgres::types::ToSql;

use super::{Failure, Verification};
use crate::statement::Statement;

/// How many rows one statement looks at.
pub(super) const ROWS: i64 = 20_000;

/// A table, and the statements that walk through it.
pub(super) struct Table<'a> {
    /// The check's name.
    pub(super) check: &'static str,
    /// What its rows are.
    pub(super) of: &'static str,
    /// After `before`: rows after this id, so many. Returns their count, their last id, and the last id of all.
    pub(super) rows: Statement,
    /// After `before` and before `after`: rows after this id, up to that one.
    pub(super) findings: Statement,
    pub(super) before: &'a [&'a (dyn ToSql + Sync)],
    pub(super) after: &'a [&'a (dyn ToSql + Sync)],
}

impl Table<'_> {
    /// Looks at all rows that are there as it begins.
    pub(super) async fn walk(&self, verification: &mut Verification<'_>) -> Result<(), Failure> {
        verification.report.looked(self.check, self.of, 0);
        let (mut after, mut end): (i64, Option<i64>) = (i64::MIN, None);
        loop {
            let snapshot = verification.snapshot().await?;
            let rows = snapshot.read(self.rows, &self.parameters(&after, &ROWS, &[])).await?;
            let [row] = &*rows else { break };
            let (count, last, last_of_all): (i64, Option<i64>, Option<i64>) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let Some(last) = last else { break };
            let found = snapshot.read(self.findings, &self.parameters(&after, &last, self.after)).await?;
            snapshot.rollback().await;
            verification.find(self.check, &found)?;
            verification.report.looked(self.check, self.of, count);
            verification.progress.add(self.of, count, None);
            // What is added meanwhile is the next verification's: this one comes to an end.
            if end.is_none() {
                end = last_of_all;
            }
            if Some(last) >= end {
                break;
            }
            after = last;
        }
        Ok(())
    }

    fn parameters<'p>(
        &'p self,
        from: &'p (dyn ToSql + Sync),
        to: &'p (dyn ToSql + Sync),
        after: &'p [&'p (dyn ToSql + Sync)],
    ) -> Vec<&'p (dyn ToSql + Sync)> {
        self.before.iter().copied().chain([from, to]).chain(after.iter().copied()).collect()
    }
}
