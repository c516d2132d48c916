//! `make run`: the worker on a private PostgreSQL and Apache Kafka, fed with a lively sample until Ctrl-C.

mod demo;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use demo::{Arguments, terminal};

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(demo::run(&arguments));
    // Queries that a signal cut short still wait for their limit.
    runtime.shutdown_background();
    Ok(ended.unwrap_or_else(|error| {
        terminal::fail(&error);
        ExitCode::FAILURE
    }))
}
