//! The worker's invariants, each test named after one, on a real PostgreSQL and a real Apache Kafka.
//!
//! One stack for the run, started by the first test that needs it; a database and topics of its own per test.
//! The worker is the real binary, started as a child process.

#![expect(
    unreachable_pub,
    reason = "a test binary exports nothing; `pub` marks what the support modules offer"
)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and its helpers do so for it"
)]

mod backpressure;
mod baggage;
mod booking_rules;
mod broker_faults;
mod command_line;
mod commit_faults;
mod crash;
mod database_faults;
mod database_role;
mod dead_letters;
mod dead_limit;
mod divert;
mod fatal_faults;
mod handover;
mod headers;
mod health;
mod held;
mod hostile_clients;
mod http;
mod identifiers;
mod image;
mod ledger_retention;
mod lock_faults;
mod log_lines;
mod log_reading;
mod memory;
mod metrics;
mod migrations;
mod mixed_stream;
mod oddities;
mod ops;
mod outcomes;
mod poison;
mod positions;
mod races;
mod rebalance;
mod record_faults;
mod redelivery;
mod relay;
mod relay_faults;
mod retention;
mod retries;
mod runbook;
mod schema_changes;
mod secrets;
mod secure_connections;
mod settings;
mod shutdown;
mod soak;
mod spans;
mod sparse;
mod status_page;
mod support;
mod topics;
mod traces;
mod upgrade;
mod verify;
