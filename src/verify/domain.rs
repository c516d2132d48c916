//! What a domain adds to the verification: its words, and its own statements about its tables.

use super::{Failure, Verification, walk};
use crate::statement::Statement;

/// A domain's part of the verification. Statements that find something return `kind`, `group_id`, `topic`,
/// `partition`, `record_offset`, `subject` and `detail`; where no record can be named, its columns are null.
#[derive(Debug, Clone, Copy)]
pub struct Domain {
    /// What its table holds, in the plural; the name of its line in the report.
    pub name: &'static str,
    /// The words of its outcomes that took effect.
    pub effects: &'static [&'static str],
    /// Finds what is wrong with outcomes: of the group `$1`, in the topic `$2` and partition `$3`, from the offset
    /// `$4` to `$5`, that one included.
    pub outcomes: Statement,
    /// Counts the next `$2` rows of its table after the id `$1`, and returns the last of their ids, and the last
    /// id of all.
    pub rows: Statement,
    /// Finds what is wrong with rows of its table: those with ids after `$1` up to `$2`.
    pub findings: Statement,
}

/// Walks through a domain's table.
pub(super) async fn check(verification: &mut Verification<'_>, domain: &Domain) -> Result<(), Failure> {
    let table = walk::Table {
        check: domain.name,
        of: domain.name,
        rows: domain.rows,
        findings: domain.findings,
        before: &[],
        after: &[],
    };
    table.walk(verification).await
}
