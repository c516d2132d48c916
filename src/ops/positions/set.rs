//! `worker positions set`: a deliberate replay. Refused while anybody consumes for the group.

use serde_json::json;

use crate::fault::Fault;
use crate::ops::kafka::{Bounds, Kafka};
use crate::ops::words::records;
use crate::ops::{Desk, Failure};
use crate::record::Partition;
use crate::statement::{Parameters, statement};
use crate::store::{Transaction, positions};
use crate::terminal::{json, print};

/// What `worker positions set` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The topic
    topic: String,
    /// The partition's number
    #[arg(value_parser = clap::value_parser!(i32).range(0..))]
    partition: i32,
    /// The offset of the next record to apply
    #[arg(value_parser = clap::value_parser!(i64).range(0..))]
    offset: i64,
    /// Take an offset that the topic does not have, or one past records that were never applied
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
All workers of the group must have ended; one that crashed counts as a member until its session times out
(10 s; under the consumer protocol 45 s). Records that are applied again change nothing that stands: each gets its
outcome once more, as the next revision in the ledger. Records that are passed over are never applied, and
`worker verify` will miss their outcomes. Kafka's committed offset is set too.

Examples:
  worker positions set booking-events 3 1042           apply partition 3 again from offset 1042 on
  worker positions set booking-events 3 0 --force      the same where retention has removed the first records";

pub(super) async fn run(arguments: &Arguments, desk: &Desk) -> Result<(), Failure> {
    let Arguments { topic, partition: number, offset: to, .. } = arguments;
    if !desk.topics().contains(&&**topic) {
        let [bookings, cancellations] = desk.topics();
        return Err(refused(format!("the worker reads {bookings} and {cancellations}, not {topic:?}")));
    }
    let partition = Partition { topic: topic.as_str().into(), number: *number };
    let kafka = Kafka::new(&desk.settings.kafka)?;
    let bounds = bounds(&kafka, &partition).await?;
    let from = positions::load(&desk.pool, desk.group(), &partition).await?;
    if !arguments.force {
        check(&partition, bounds, from, *to)?;
    }
    // First Kafka, then PostgreSQL: whatever ends this in between has changed nothing that counts.
    if !kafka.commit_without_members(topic, *number, *to).await? {
        return Err(refused(format!(
            "the group {:?} is live: stop all its workers first (one that crashed counts until its session \
             times out)",
            desk.group()
        )));
    }
    if !moved(desk, &partition, from, *to).await? {
        return Err(refused(format!("{partition} has moved meanwhile: a worker has come; nothing was set")));
    }
    if arguments.json {
        let result = json!({ "topic": topic, "partition": number, "from": from, "to": to });
        return Ok(print(&json(&result)?)?);
    }
    let from_text = from.map_or_else(|| "no position".to_owned(), |from| from.to_string());
    Ok(print(&format!("{partition}: {from_text} → {to}\n{}", consequence(bounds, from, *to)))?)
}

async fn bounds(kafka: &Kafka, partition: &Partition) -> Result<Bounds, Failure> {
    let (topic, number) = (&*partition.topic, partition.number);
    if !kafka.partitions(topic).await?.contains(&number) {
        return Err(refused(format!("there is no {partition}")));
    }
    let bounds = kafka.bounds(topic, vec![number]).await?;
    Ok(bounds.get(&number).copied().unwrap_or_default())
}

/// Refuses what would be a slip of the pen, or lose records.
fn check(partition: &Partition, bounds: Bounds, from: Option<i64>, to: i64) -> Result<(), Failure> {
    let (Some(first), Some(end)) = (bounds.first, bounds.end) else {
        return Err(Failure::Kafka(format!("it does not tell which offsets {partition} has")));
    };
    if !(first..=end).contains(&to) {
        return Err(refused(format!(
            "{partition} has the offsets from {first} to {end}; --force sets {to} all the same"
        )));
    }
    match from {
        // A position beyond the end belongs to another topic of this name.
        Some(from) if to > from && from <= end => Err(refused(format!(
            "{} of {partition} from {from} on would never be applied; --force passes over them",
            records(to.abs_diff(from))
        ))),
        _ => Ok(()),
    }
}

/// Sets the position, if it still is what it was. False where somebody else has moved it.
async fn moved(desk: &Desk, partition: &Partition, from: Option<i64>, to: i64) -> Result<bool, Fault> {
    let Some(from) = from else {
        return Ok(positions::create(&desk.pool, desk.group(), partition, to).await? == to);
    };
    let transaction = Transaction::new(desk.pool.get().await?);
    match positions::advance(&transaction, desk.group(), partition, from, to).await {
        Ok(()) => {
            let key: Parameters<'_> = &[&desk.group(), &&*partition.topic, &partition.number];
            transaction.execute(statement!("set_first.sql"), key).await?;
            transaction.commit().await.map(|()| true)
        }
        Err(Fault::Overtaken) => Ok(false),
        Err(fault) => Err(fault),
    }
}

fn consequence(bounds: Bounds, from: Option<i64>, to: i64) -> String {
    match from {
        Some(from) if to < from => {
            let gone = bounds.first.filter(|first| *first > to);
            let again =
                format!("up to {} will be applied again, as next revisions", records(from.abs_diff(to)));
            match gone {
                Some(first) => format!("{again}; those below {first} are gone from the topic"),
                None => again,
            }
        }
        Some(from) if to > from => {
            format!(
                "up to {} will never be applied; `worker verify` will miss them",
                records(to.abs_diff(from))
            )
        }
        Some(_) => "nothing has changed".to_owned(),
        None => "the worker will begin there".to_owned(),
    }
}

fn refused(message: String) -> Failure {
    Failure::Refused(message)
}
