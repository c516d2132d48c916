//! A statement: its text, and the name by which metrics and traces know it.

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::fault::Fault;
use crate::metrics::measured;

/// Parameters of a statement.
pub type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A statement that is prepared once a connection.
#[derive(Debug, Clone, Copy)]
pub struct Statement {
    /// What it does, in a few words joined by `_`; one of few values.
    pub operation: &'static str,
    /// Its text.
    pub sql: &'static str,
}

/// The statement in a file beside the source file, named as the file is or as said.
macro_rules! statement {
    ($file:literal) => {
        $crate::statement::Statement { operation: $crate::statement::stem($file), sql: include_str!($file) }
    };
    ($operation:literal, $file:literal) => {
        $crate::statement::Statement { operation: $operation, sql: include_str!($file) }
    };
}
pub(crate) use statement;

impl Statement {
    /// Runs it and returns its rows.
    ///
    /// # Errors
    /// The [`Fault`] that PostgreSQL or the connection reports.
    pub async fn query(&self, client: &ClientWrapper, parameters: Parameters<'_>) -> Result<Vec<Row>, Fault> {
        let run = async {
            let prepared = client.prepare_cached(self.sql).await?;
            Ok(client.query(&prepared, parameters).await?)
        };
        measured(self.operation, run).await
    }

    /// Runs it and returns the number of rows that it has changed.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn execute(&self, client: &ClientWrapper, parameters: Parameters<'_>) -> Result<u64, Fault> {
        let run = async {
            let prepared = client.prepare_cached(self.sql).await?;
            Ok(client.execute(&prepared, parameters).await?)
        };
        measured(self.operation, run).await
    }
}

/// A file's name without its folder and its ending.
pub(crate) const fn stem(file: &'static str) -> &'static str {
    let bytes = file.as_bytes();
    let mut begin = 0;
    let mut index = 0;
    while index < bytes.len() {
        if bytes[index] == b'/' {
            begin = index + 1;
        }
        index += 1;
    }
    let (_, name) = file.split_at(begin);
    let (stem, _) = name.split_at(name.len() - ".sql".len());
    stem
}

#[cfg(test)]
mod tests {
    use super::stem;

    #[test]
    fn a_statement_is_named_as_its_file() {
        assert_eq!(stem("held_wake.sql"), "held_wake");
        assert_eq!(stem("sql/outcomes.sql"), "outcomes");
    }
}
