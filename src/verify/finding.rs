//! One thing that a verification has found, and where.

use std::fmt::Write as _;

use serde::Serialize;
use tokio_postgres::Row;

use super::Failure;
use crate::record::{Partition, clean_text};

/// One thing that breaks the promise, and where.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    #[serde(skip)]
    pub(super) kind: String,
    group: Option<String>,
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    pub(super) subject: Option<String>,
    pub(super) detail: String,
}

impl Finding {
    /// Reads a row of a statement that finds something.
    pub(super) fn read(row: &Row) -> Result<Self, Failure> {
        Ok(Self {
            kind: row.try_get(0)?,
            group: row.try_get(1)?,
            topic: row.try_get(2)?,
            partition: row.try_get(3)?,
            offset: row.try_get(4)?,
            subject: row.try_get::<_, Option<&str>>(5)?.map(clean_text),
            detail: clean_text(row.try_get(6)?),
        })
    }

    /// About a group as a whole.
    pub(super) fn of_group(kind: &str, group: &str, detail: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            group: Some(group.to_owned()),
            topic: None,
            partition: None,
            offset: None,
            subject: None,
            detail: clean_text(detail),
        }
    }

    /// About a partition as a whole.
    pub(super) fn of_partition(kind: &str, group: &str, partition: &Partition, detail: &str) -> Self {
        Self {
            topic: Some((*partition.topic).to_owned()),
            partition: Some(partition.number),
            ..Self::of_group(kind, group, detail)
        }
    }

    /// About one record.
    pub(super) fn of_record(
        kind: &str,
        group: &str,
        partition: &Partition,
        offset: i64,
        detail: &str,
    ) -> Self {
        Self { offset: Some(offset), ..Self::of_partition(kind, group, partition, detail) }
    }

    /// Says what the record is about.
    pub(super) fn about(mut self, subject: &str) -> Self {
        self.subject = Some(clean_text(subject));
        self
    }

    /// Where it is: group, topic/partition@offset, as far as they can be named.
    pub(super) fn place(&self) -> String {
        let mut place = self.group.clone().unwrap_or_default();
        if let (Some(topic), Some(partition)) = (&self.topic, self.partition) {
            let _ = write!(place, " {topic}/{partition}");
        }
        if let Some(offset) = self.offset {
            let _ = write!(place, "@{offset}");
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_no_longer_in_a_subject() {
        let text = Finding::of_group("k", "g", "").about("a\x1b[2Jb\n").subject.unwrap_or_default();
        assert_eq!(text, "a\u{FFFD}[2Jb\u{FFFD}");
    }
}
