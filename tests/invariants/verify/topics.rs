//! The topics against the ledger.
