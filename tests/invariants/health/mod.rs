//! Whether the worker says the truth about its life and its readiness: each case on the real parts.

mod command;
mod database;
mod kafka;
mod lanes;
mod phases;
