//! PostgreSQL: connections, transactions, and the worker's own tables.

pub mod held;
pub mod ledger;
pub mod migrations;
pub mod pool;
pub mod positions;
pub mod transaction;

pub use pool::Pool;
pub use transaction::Transaction;
