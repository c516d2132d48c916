//! Every setting of the worker: read from the environment once, checked as a whole, all faults reported together.
//!
//! The way of a value, in the order of the files:
//!
//! - `catalogue`: the one list of names, defaults and descriptions
//! - `environment`: the snapshot of the variables that the catalogue knows
//! - `given`, `source`, `file`: which variable, file or alias a setting's value comes from
//! - `findings`: takes the values through envy to the checks and collects the `fault`s
//! - `parse`, `duration`, `address`, `properties`, `ownership`, `otel`: the checks, pure functions of a text
//! - `database`, `kafka`, `booking`, `held`, `divert`, `log`, `traces`, `settings`: the checked values that the rest of the worker reads
//! - `report`, `table`: the same values for a person (`worker config`)

mod address;
mod booking;
mod catalogue;
mod database;
mod divert;
mod duration;
mod environment;
mod fault;
mod file;
mod findings;
mod given;
mod held;
mod kafka;
mod log;
mod otel;
mod ownership;
mod parse;
mod properties;
mod report;
mod settings;
mod source;
mod table;
mod traces;

#[cfg(test)]
mod tests;

pub use booking::BookingSettings;
pub use catalogue::{Setting, catalogue};
pub use database::{DatabaseSettings, SslMode};
pub use divert::DivertSettings;
pub use duration::duration;
pub use environment::Environment;
pub use fault::{ConfigurationFaults, Fault};
pub use held::{DeadLimitSettings, HeldSettings};
pub use kafka::{GroupProtocol, KafkaSettings};
pub use log::{LogFormat, LogSettings};
pub use properties::KafkaProperty;
pub use report::{Report, Row};
pub use settings::Settings;
pub use table::render_table;
pub use traces::{CollectorSettings, QueueSettings, RootSampler, SamplerSettings, TracesSettings};
