//! `worker held accept`: a person has looked at the dead records of a partition; it may go on.

use serde_json::json;

use crate::ops::{Desk, Failure};
use crate::statement::statement;
use crate::terminal::{self, harmless, print};

/// What `worker held accept` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The topic
    topic: String,
    /// The partition's number
    #[arg(value_parser = clap::value_parser!(i32).range(0..))]
    partition: i32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
A partition with too many dead records stops (the settings DEAD_LIMIT_*). This says that they have been looked at:
those up to the partition's position no longer count, and the worker goes on with it by itself. The records stay
dead until they are redriven or discarded.

Examples:
  worker held list --status dead --topic booking-events   look at them
  worker held accept booking-events 3                     let partition 3 go on";

pub(super) async fn run(arguments: &Arguments, desk: &Desk) -> Result<(), Failure> {
    let Arguments { topic, partition, .. } = arguments;
    let rows = desk.query(statement!("accept.sql"), &[&desk.group(), topic, partition]).await?;
    let Some(row) = rows.first() else {
        return Err(Failure::Refused(format!(
            "{}/{partition} has no position in the group {:?}; `worker positions` shows them all",
            harmless(topic),
            desk.group()
        )));
    };
    let below: i64 = row.get(0);
    if arguments.json {
        let result = json!({ "topic": topic, "partition": partition, "acceptedBelow": below });
        return Ok(print(&terminal::json(&result)?)?);
    }
    Ok(print(&format!(
        "{}/{partition}: dead records below offset {below} no longer count towards the limit",
        harmless(topic)
    ))?)
}
