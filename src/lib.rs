//! The booking worker: Kafka in, one PostgreSQL transaction a batch, Kafka's offset after the commit.
//!
//! The promise: every record below the committed offset has exactly one recorded outcome, written in the same
//! transaction as its effect.
//!
//! The modules in the order in which a record meets them:
//!
//! - [`config`]: every setting, checked before anything starts
//! - [`app`]: builds the parts, waits for the world, stops in order
//! - [`intake`]: Kafka's side: one polling thread, partitions that come and go, backpressure
//! - [`monitor`], [`metrics`]: what the worker knows of itself, and what it counts
//! - [`record`], [`queue`]: a record that the worker owns, on its way to its lane
//! - `batch`: decoded records on their way through a transaction
//! - [`lane`]: one partition's life: take, apply, report
//! - [`retry`], [`sweeper`]: the same for records that were set aside, and who tries them when they are due
//! - [`alignment`]: keeps lanes in step while they work off a backlog
//! - [`route`]: which handler takes which topic
//! - [`relay`]: publishes what became of the records
//! - [`observer`]: asks the database for what metrics and pages show of the group
//! - [`context`], [`baggage`], [`trace_context`], [`divert`]: what a record's headers say
//! - [`handler`], [`outcome`]: what an event type brings, and what becomes of a record
//! - [`booking`]: the events and rules of bookings
//! - [`verify`]: proves the promise
//! - [`shared`]: what all parts share
//! - [`store`]: transactions, and the worker's own tables
//! - [`statement`]: a statement of SQL, and the name by which it is known
//! - [`health`]: whether the worker lives and is ready
//! - [`http`]: metrics, health and the status page
//! - [`cli`], [`ops`]: the commands that a person runs
//! - [`telemetry`]: the log
//! - [`traces`]: spans of records, batches and statements, for a collector
//! - [`terminal`]: what commands show
//! - [`fault`]: failures of the world, sorted into what the worker does about them
//! - `backoff`, `recovery`: the waits between two tries, and what a part does about faults
//! - `tls`: whom a connection trusts
//! - `librdkafka`: what librdkafka says of itself, in the log, and whom it trusts

pub mod alignment;
pub mod app;
mod backoff;
pub mod baggage;
mod batch;
pub mod booking;
pub mod cli;
pub mod config;
pub mod context;
pub mod divert;
pub mod fault;
pub mod handler;
pub mod health;
pub mod http;
pub mod intake;
pub mod lane;
mod librdkafka;
pub mod metrics;
pub mod monitor;
pub mod observer;
pub mod ops;
pub mod outcome;
pub mod queue;
pub mod record;
mod recovery;
pub mod relay;
pub mod retry;
pub mod route;
pub mod shared;
pub mod statement;
pub mod store;
pub mod sweeper;
pub mod telemetry;
pub mod terminal;
mod tls;
pub mod trace_context;
pub mod traces;
pub mod verify;
