//! `worker held show`: everything about one record that was set aside.

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::payload::{one_line, readable, value};
use crate::ops::words::{exact_time, span, time, tone, word};
use crate::ops::{Desk, Failure};
use crate::statement::statement;
use crate::store::held::{OwnedHeader, headers_of};
use crate::terminal::{self, Cell, Column, Table, Tone, harmless, print};

/// What `worker held show` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The id, as `worker held list` shows it
    id: i64,
    /// Show the whole payload, however long
    #[arg(long)]
    full: bool,
    /// Print JSON, with the whole payload; bytes that are no text are in base64
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  worker held show 12
  worker held show 12 --full | less
  worker held show 12 --json | jq -r .payload.text";

/// Width of the names on the left.
const NAMES: usize = 14;

pub(super) async fn run(arguments: &Arguments, desk: &Desk) -> Result<(), Failure> {
    let rows = desk.query(statement!("show.sql"), &[&desk.group(), &arguments.id]).await?;
    let Some(row) = rows.first() else {
        return Err(Failure::Refused(format!(
            "no record {} is set aside for the group {:?}; what waited and is done has left, and \
             `worker explain` tells its story",
            arguments.id,
            desk.group()
        )));
    };
    let (topic, partition, offset): (&str, i32, i64) =
        (row.get("topic"), row.get("partition"), row.get("record_offset"));
    let story = desk.query(statement!("story.sql"), &[&desk.group(), &topic, &partition, &offset]).await?;
    let headers = headers_of(row.get("headers"))?;
    let shown = if arguments.json {
        terminal::json(&as_json(arguments.id, row, &headers, &story))?
    } else {
        as_text(arguments, row, &headers, &story, desk)
    };
    Ok(print(&shown)?)
}

fn as_json(id: i64, row: &Row, headers: &[OwnedHeader], story: &[Row]) -> Value {
    let headers: Vec<Value> = headers
        .iter()
        .map(|(name, bytes)| json!({ "name": String::from_utf8_lossy(name.as_ref()), "value": value(bytes.as_deref()) }))
        .collect();
    let story: Vec<Value> = story
        .iter()
        .map(|row| {
            json!({
                "revision": row.get::<_, i16>("revision"),
                "recordedAt": row.get::<_, Timestamp>("recorded_at"),
                "subject": row.get::<_, &str>("subject"),
                "outcome": row.get::<_, &str>("outcome"),
                "reason": row.get::<_, Option<&str>>("reason"),
                "detail": row.get::<_, Option<&str>>("detail"),
            })
        })
        .collect();
    json!({
        "id": id,
        "topic": row.get::<_, &str>("topic"),
        "partition": row.get::<_, i32>("partition"),
        "offset": row.get::<_, i64>("record_offset"),
        "timestamp": row.get::<_, Option<Timestamp>>("record_timestamp"),
        "subject": row.get::<_, &str>("subject"),
        "reason": row.get::<_, &str>("reason"),
        "status": row.get::<_, &str>("status"),
        "attempts": row.get::<_, i32>("attempts"),
        "holdsBack": row.get::<_, bool>("holds_back"),
        "heldSince": row.get::<_, Timestamp>("created_at"),
        "updatedAt": row.get::<_, Timestamp>("updated_at"),
        "nextAttemptAt": row.get::<_, Option<Timestamp>>("next_attempt_at"),
        "key": value(row.get("key")),
        "headers": headers,
        "payload": value(row.get("payload")),
        "story": story,
    })
}

fn as_text(arguments: &Arguments, row: &Row, headers: &[OwnedHeader], story: &[Row], desk: &Desk) -> String {
    let screen = &desk.screen;
    let (status, reason): (&str, &str) = (row.get("status"), row.get("reason"));
    let title =
        format!("Record {}: {}, {}", arguments.id, screen.paint(tone(status), status), harmless(reason));
    let rows = facts(row, headers);
    let facts = terminal::pairs(rows, NAMES, screen.width.saturating_sub(NAMES));
    let payload = match row.get::<_, Option<&[u8]>>("payload") {
        None => "none (a tombstone)".to_owned(),
        Some(bytes) => {
            let (mut lines, cut) = readable(bytes, arguments.full);
            if cut {
                lines.push(screen.paint(
                    Tone::Faint,
                    &format!("… cut; the payload has {} bytes, --full shows them", bytes.len()),
                ));
            }
            lines.join("\n  ")
        }
    };
    let (payload_title, story_title) =
        (screen.paint(Tone::Strong, "Payload"), screen.paint(Tone::Strong, "Story"));
    let story = told(story, desk);
    format!("{title}\n\n{facts}\n{payload_title}\n  {payload}\n\n{story_title}\n{story}")
}

fn facts(row: &Row, headers: &[OwnedHeader]) -> Vec<(&'static str, String)> {
    let (topic, partition, offset): (&str, i32, i64) =
        (row.get("topic"), row.get("partition"), row.get("record_offset"));
    let absent = || "none".to_owned();
    let mut facts = vec![
        ("record", format!("{}/{partition}@{offset}", harmless(topic))),
        ("booking", harmless(row.get("subject"))),
        ("produced", row.get::<_, Option<Timestamp>>("record_timestamp").map_or_else(absent, exact_time)),
        ("set aside", format!("{}, {} ago", time(row.get("created_at")), span(row.get("age")))),
        ("tries", row.get::<_, i32>("attempts").to_string()),
    ];
    if let Some(next) = row.get::<_, Option<Timestamp>>("next_attempt_at") {
        facts.push(("next try", time(next)));
    }
    if row.get::<_, bool>("holds_back") && row.get::<_, &str>("status") == "waiting" {
        facts.push(("holds back", "later records of this booking queue behind it".to_owned()));
    }
    facts.push(("key", row.get::<_, Option<&[u8]>>("key").map_or_else(absent, one_line)));
    let headers: Vec<String> = headers
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("{}: {}", one_line(name.as_ref()), one_line(value)),
            None => format!("{} (no value)", one_line(name.as_ref())),
        })
        .collect();
    facts.push(("headers", if headers.is_empty() { absent() } else { headers.join("\n") }));
    facts
}

fn told(story: &[Row], desk: &Desk) -> String {
    let mut table = Table::new([
        Column::word("TIME"),
        Column::number("REVISION"),
        Column::word("OUTCOME"),
        Column::word("REASON"),
    ]);
    for row in story {
        table.push([
            exact_time(row.get("recorded_at")).into(),
            row.get::<_, i16>("revision").to_string().into(),
            word(row.get("outcome")),
            Cell::or_none(row.get::<_, Option<&str>>("reason")),
        ]);
    }
    let mut lines = table.render(&desk.screen).lines().map(str::to_owned).collect::<Vec<_>>();
    // The details are sentences: each below its row, and whole.
    for (index, row) in story.iter().enumerate().rev() {
        if let Some(detail) = row.get::<_, Option<&str>>("detail") {
            let detail = terminal::pairs([("", harmless(detail))], 4, desk.screen.width.saturating_sub(4));
            lines.insert(index + 2, detail.trim_end().to_owned());
        }
    }
    lines.join("\n")
}
