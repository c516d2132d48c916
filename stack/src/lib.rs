//! A private PostgreSQL and a private Apache Kafka, shared by the demo, the tests and the benches.
//!
//! In reading order:
//! - [`scratch`]: a temporary folder whose janitor outlives its owner, so that nothing is left behind
//! - [`process`]: a program that runs in such a folder, with its log and its last signal
//! - [`port`]: a free port that no outgoing connection can take
//! - [`postgres`]: a cluster from the system's binaries
//! - [`distribution`], [`kafka`]: Apache Kafka's jars through Maven, and a broker in KRaft mode
//! - [`admin`]: topics, offsets and groups of any broker
//! - [`mock`]: librdkafka's in-process cluster, for a demo without Java
//!
//! It is development tooling: no part of it is in the worker's binary.

pub mod admin;
pub mod distribution;
pub mod kafka;
pub mod mock;
pub mod port;
pub mod postgres;
pub mod process;
pub mod scratch;
mod settings;

pub use admin::Admin;
pub use kafka::Kafka;
pub use mock::Mock;
pub use postgres::{Postgres, StopMode};
pub use process::{Ending, Output, Process};
pub use rustix::process::Signal;
pub use scratch::Scratch;
