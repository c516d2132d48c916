//! Subjects of which a waiting record should have been woken while somebody was trying it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::fault::Fault;
use crate::store::{Pool, Transaction};

/// The most subjects that are remembered. What waits for more of them is tried in its own time.
const MOST: usize = 10_000;

/// Remembered in memory only: whatever is forgotten is tried in its own time, and still in its order.
#[derive(Debug, Default)]
pub struct PassedOver(Mutex<HashSet<String>>);

impl PassedOver {
    /// Remembers these subjects.
    pub(crate) fn add(&self, subjects: Vec<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for subject in subjects {
            if all.len() < MOST {
                all.insert(subject);
            }
        }
    }

    /// Makes what waits for them in a group due now. What is being tried even now stays remembered.
    ///
    /// # Errors
    /// The [`Fault`] of the statements.
    pub(crate) async fn wake(&self, pool: &Pool, group: &str) -> Result<(), Fault> {
        let subjects = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if subjects.is_empty() {
            return Ok(());
        }
        let woken = async {
            let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
            let transaction = Transaction::new(pool.get().await?);
            let passed_over = super::wake(&transaction, group, &subjects).await?;
            transaction.commit().await?;
            Ok(passed_over)
        };
        let (left, result) = match woken.await {
            Ok(passed_over) => (passed_over, Ok(())),
            Err(fault) => (subjects.into_iter().collect(), Err(fault)),
        };
        self.add(left);
        result
    }
}
