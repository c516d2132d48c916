//! The records that are set aside, each against its outcome.

use super::{Failure, Verification, walk};
use crate::statement::statement;

/// Walks through `worker.held`.
pub(super) async fn check(verification: &mut Verification<'_>, group: &str) -> Result<(), Failure> {
    let words: Vec<String> = verification.words.iter().copied().map(str::to_owned).collect();
    let table = walk::Table {
        check: "held",
        of: "records set aside",
        rows: statement!("sql/held_chunk.sql"),
        findings: statement!("sql/held.sql"),
        before: &[&group],
        after: &[&words],
    };
    table.walk(verification).await
}
