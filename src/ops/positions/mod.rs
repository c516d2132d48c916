//! `worker positions`: how far each partition has been applied, by PostgreSQL and by Kafka.

mod set;

use std::collections::BTreeMap;

use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;

use super::kafka::{Bounds, Kafka};
use super::{Desk, Failure, words};
use crate::statement::statement;
use crate::terminal::{Cell, Column, Table, Tone, harmless, json, print, say};

/// What `worker positions` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
NEXT is the worker's position in PostgreSQL: the offset of the next record to apply. COMMITTED is Kafka's record
of it, which only follows; END is the offset after the topic's last record; LAG is END - NEXT; SKIPPED counts
records that retention removed before they were read. What is unknown is shown as `-`. Where Kafka is away,
PostgreSQL's part is shown, standard error says so, and the exit code is 0.

Examples:
  worker positions                             every partition
  worker positions --json                      the same for a script
  worker positions set booking-events 3 1042   apply partition 3 again from offset 1042 on";

#[derive(Debug, Subcommand)]
enum Command {
    /// Set a partition's position: the records from there on are applied again, or for the first time
    Set(set::Arguments),
}

/// One partition.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Position {
    topic: String,
    partition: i32,
    next_offset: Option<i64>,
    committed_offset: Option<i64>,
    first_offset: Option<i64>,
    end_offset: Option<i64>,
    lag: Option<i64>,
    skipped_records: Option<i64>,
    dead_accepted_below: Option<i64>,
    updated_at: Option<Timestamp>,
}

pub(super) async fn run(arguments: Arguments, desk: &Desk) -> Result<(), Failure> {
    match arguments.command {
        None => list(arguments.json, desk).await,
        Some(Command::Set(arguments)) => set::run(&arguments, desk).await,
    }
}

async fn list(as_json: bool, desk: &Desk) -> Result<(), Failure> {
    let mut positions = stored(desk).await?;
    let away = add_kafkas_part(desk, &mut positions).await.err();
    let positions: Vec<Position> = positions.into_values().collect();
    if as_json {
        let kafka = away.as_ref().map(ToString::to_string);
        print(&json(&serde_json::json!({
            "group": desk.group(), "positions": positions, "kafkaFault": kafka,
        }))?)?;
    } else if positions.is_empty() {
        print("no positions: nothing has been applied yet, and the topics have no partitions")?;
    } else {
        print(&render(&positions, desk))?;
    }
    if let Some(away) = away {
        say(&format!("{away}; only PostgreSQL's part is shown"));
    }
    Ok(())
}

type Positions = BTreeMap<(String, i32), Position>;

/// The positions in PostgreSQL.
async fn stored(desk: &Desk) -> Result<Positions, Failure> {
    let rows = desk.query(statement!("list.sql"), &[&desk.group()]).await?;
    let mut positions = Positions::new();
    for row in rows {
        let mut position = unknown(row.get("topic"), row.get("partition"));
        position.next_offset = row.get("next_offset");
        position.skipped_records = row.get("skipped_records");
        position.dead_accepted_below = row.get("dead_accepted_below");
        position.updated_at = row.get("updated_at");
        positions.insert((position.topic.clone(), position.partition), position);
    }
    Ok(positions)
}

/// Adds what Kafka knows, and the partitions that have no position yet.
async fn add_kafkas_part(desk: &Desk, positions: &mut Positions) -> Result<(), Failure> {
    let kafka = Kafka::new(&desk.settings.kafka)?;
    let mut topics: Vec<String> = desk.topics().map(str::to_owned).to_vec();
    topics.extend(positions.keys().map(|(topic, _)| topic.clone()));
    topics.sort();
    topics.dedup();
    for topic in topics {
        let partitions = kafka.partitions(&topic).await?;
        for (number, bounds) in kafka.bounds(&topic, partitions).await? {
            let key = (topic.clone(), number);
            let position = positions.entry(key).or_insert_with(|| unknown(topic.clone(), number));
            let Bounds { first, end, committed } = bounds;
            (position.first_offset, position.end_offset, position.committed_offset) = (first, end, committed);
            position.lag = position.next_offset.zip(end).map(|(next, end)| end - next);
        }
    }
    Ok(())
}

fn unknown(topic: String, partition: i32) -> Position {
    Position {
        topic,
        partition,
        next_offset: None,
        committed_offset: None,
        first_offset: None,
        end_offset: None,
        lag: None,
        skipped_records: None,
        dead_accepted_below: None,
        updated_at: None,
    }
}

fn render(positions: &[Position], desk: &Desk) -> String {
    let mut table = Table::new([
        Column::place("TOPIC"),
        Column::number("PARTITION"),
        Column::number("NEXT"),
        Column::number("COMMITTED"),
        Column::number("END"),
        Column::number("LAG"),
        Column::number("SKIPPED"),
        Column::word("UPDATED"),
    ]);
    for position in positions {
        table.push([
            position.topic.as_str().into(),
            position.partition.to_string().into(),
            Cell::or_none(position.next_offset),
            Cell::or_none(position.committed_offset),
            Cell::or_none(position.end_offset),
            position.lag.map_or_else(Cell::none, |lag| {
                Cell::new(&lag.to_string(), if lag < 0 { Tone::Bad } else { Tone::Plain })
            }),
            Cell::or_none(position.skipped_records),
            Cell::or_none(position.updated_at.map(words::time)),
        ]);
    }
    let beyond = positions.iter().filter(|position| position.lag.is_some_and(|lag| lag < 0)).map(advice);
    std::iter::once(table.render(&desk.screen)).chain(beyond).collect::<Vec<_>>().join("\n")
}

/// What to do about a position beyond the topic's end.
fn advice(position: &Position) -> String {
    let (topic, partition) = (harmless(&position.topic), position.partition);
    let first = position.first_offset.unwrap_or_default();
    format!(
        "{topic}/{partition} stands beyond the topic's end: the topic was made anew or cut, and the partition is \
         not read.\n  worker positions set {topic} {partition} {first}\n"
    )
}
