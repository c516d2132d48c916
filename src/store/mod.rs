//! PostgreSQL: connections, faults, transactions, and the worker's own tables.

pub mod fault;
pub mod held;
pub mod ledger;
pub mod migrations;
pub mod pool;
pub mod positions;
pub mod statement;
pub(crate) mod tls;
pub mod transaction;

pub use fault::{Cause, Fault};
pub use pool::Pool;
pub use statement::Statement;
pub use transaction::Transaction;
