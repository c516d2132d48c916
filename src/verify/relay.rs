//! How far the relay says that it has published.

use super::finding::Finding;
use super::{Failure, Verification};
use crate::statement::statement;

/// Compares the relay's cursor with the sequence of the ledger.
pub(super) async fn check(verification: &mut Verification<'_>, group: &str) -> Result<(), Failure> {
    let cursor = cursor(verification, group).await?;
    verification.report.looked("relay", "cursors", i64::from(cursor.is_some()));
    if let Some((published, last)) = cursor
        && published > last
    {
        let detail = format!(
            "outcomes are published up to the sequence number {published}, but the last one given out is {last}: \
             what comes next would never be published"
        );
        verification.report.find("relay", Finding::of_group("relay_ahead", group, &detail));
    }
    Ok(())
}

/// The last published sequence number, and the last that was given out; none where nothing was published yet.
pub(super) async fn cursor(
    verification: &Verification<'_>,
    group: &str,
) -> Result<Option<(i64, i64)>, Failure> {
    let snapshot = verification.snapshot().await?;
    let rows = snapshot.read(statement!("sql/relay.sql"), &[&group]).await?;
    snapshot.rollback().await;
    match rows.first() {
        Some(row) => Ok(Some((row.try_get(0)?, row.try_get(1)?))),
        None => Ok(None),
    }
}
