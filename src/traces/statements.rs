//! The statements of one transaction, noted as they end.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::spans::error_type;
use crate::fault::Fault;
use crate::statement::Statement;

/// The statements of one transaction so far.
#[derive(Default)]
pub(crate) struct Statements(Mutex<Vec<Ended>>);

/// A statement that has ended.
pub(super) struct Ended {
    pub(super) statement: Statement,
    pub(super) begun: SystemTime,
    pub(super) end: SystemTime,
    /// The SQLSTATE, or another word for what went wrong.
    pub(super) error: Option<String>,
}

impl Statements {
    /// Runs a statement and notes when it began, when it ended, and how.
    pub(crate) async fn noting<T>(
        &self,
        statement: Statement,
        run: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let begun = SystemTime::now();
        let result = run.await;
        let error = result.as_ref().err().map(error_type);
        let ended = Ended { statement, begun, end: SystemTime::now(), error };
        // A panic elsewhere leaves the list as good as it was.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
        result
    }

    pub(super) fn take(&self) -> Vec<Ended> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
