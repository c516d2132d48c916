//! Records that this group has left to the worker of a namespace, and that none has taken: found in the ledger, and
//! where a person says so, read from their topics again and applied here.

mod reread;

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;

use super::filter::{Filter, Values};
use super::redrive::retry;
use super::results::{Fate, PASSED_OVER, Results};
use crate::baggage::Baggage;
use crate::ops::words::{span, time};
use crate::ops::{Desk, Failure};
use crate::retry::{Ending, Retried, Take};
use crate::route::Route;
use crate::shared::Shared;
use crate::statement::statement;
use crate::store::held::Reread;
use crate::terminal::{Column, Table, json, print};
use crate::verify::reader::Reader;
use crate::{booking, divert};
use reread::{Found, Missing};

/// What is said where there are none.
pub(super) const NONE: &str =
    "no such record is diverted and not taken by the namespace's own worker; nothing to do";

/// The most rows of the ledger that are read at once.
const ROWS: i64 = 500;

/// A diverted record.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    topic: String,
    partition: i32,
    offset: i64,
    subject: String,
    namespace: String,
    diverted_at: Timestamp,
    #[serde(skip)]
    age: f64,
}

/// The diverted records that fit a filter, page by page, as many as there were when it was made.
struct Pages<'a> {
    desk: &'a Desk,
    filter: &'a Filter,
    after: i64,
    last: i64,
}

impl<'a> Pages<'a> {
    async fn new(filter: &'a Filter, desk: &'a Desk) -> Result<Self, Failure> {
        if desk.settings.divert.environment.is_some() {
            return Err(Failure::Refused(
                "only the shared worker takes back what is diverted: run this without OKTETO_DIVERTED_ENVIRONMENT"
                    .to_owned(),
            ));
        }
        let rows = desk.query(statement!("diverted_last", "last.sql"), &[&desk.group()]).await?;
        let last = rows.first().and_then(|row| row.get::<_, Option<i64>>(0));
        Ok(Self { desk, filter, after: i64::MIN, last: last.unwrap_or(i64::MIN) })
    }

    /// The next records; none where there are no more. Baggage is parsed, never searched.
    async fn next(&mut self) -> Result<Option<Vec<Entry>>, Failure> {
        let Values { topic, subject, seconds, .. } = self.filter.values();
        let rows = self
            .desk
            .query(
                statement!("diverted_page", "page.sql"),
                &[&self.desk.group(), &self.after, &self.last, &topic, &subject, &seconds, &ROWS],
            )
            .await?;
        let Some(last) = rows.last() else { return Ok(None) };
        self.after = last.get("sequence");
        let wanted =
            |entry: &Entry| self.filter.namespace().is_none_or(|namespace| namespace == entry.namespace);
        Ok(Some(rows.iter().filter_map(entry).filter(wanted).collect()))
    }
}

fn entry(row: &Row) -> Option<Entry> {
    let baggage = Baggage::parse([row.get::<_, &str>("baggage").as_bytes()]);
    Some(Entry {
        topic: row.get("topic"),
        partition: row.get("partition"),
        offset: row.get("record_offset"),
        subject: row.get("subject"),
        namespace: divert::namespace(&baggage)?.to_owned(),
        diverted_at: row.get("recorded_at"),
        age: row.get("age"),
    })
}

/// Lists them, oldest first.
pub(super) async fn list(filter: &Filter, limit: u32, as_json: bool, desk: &Desk) -> Result<(), Failure> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut pages = Pages::new(filter, desk).await?;
    let mut entries = Vec::new();
    while entries.len() <= limit
        && let Some(page) = pages.next().await?
    {
        entries.extend(page);
    }
    let more = entries.len() > limit;
    entries.truncate(limit);
    if as_json {
        return Ok(print(&json(&serde_json::json!({ "records": entries, "more": more }))?)?);
    }
    if entries.is_empty() {
        return Ok(print(NONE)?);
    }
    print(&render(&entries, desk))?;
    if more {
        print("… and more; --limit shows more of them")?;
    }
    Ok(())
}

fn render(entries: &[Entry], desk: &Desk) -> String {
    let mut table = Table::new([
        Column::place("RECORD"),
        Column::text("BOOKING"),
        Column::text("NAMESPACE"),
        Column::word("DIVERTED"),
        Column::number("AGE"),
    ]);
    for entry in entries {
        table.push([
            format!("{}/{}@{}", entry.topic, entry.partition, entry.offset).into(),
            entry.subject.as_str().into(),
            entry.namespace.as_str().into(),
            time(entry.diverted_at).into(),
            span(entry.age).into(),
        ]);
    }
    table.render(&desk.screen)
}

/// Applies them here, with the handlers that apply live records. What a kill leaves behind is as it was, or done.
pub(super) async fn redrive(
    filter: &Filter,
    desk: &Desk,
    ending: Ending,
    results: &mut Results<'_>,
) -> Result<(), Failure> {
    let mut pages = Pages::new(filter, desk).await?;
    let shared = desk.shared()?;
    let routes = booking::routes(&desk.settings);
    let mut reader = None;
    while let Some(mut page) = pages.next().await? {
        if page.is_empty() {
            continue;
        }
        let reader = match &reader {
            Some(reader) => reader,
            None => reader.insert(Reader::connect(&desk.settings.kafka).await.map_err(reread::failure)?),
        };
        page.sort_by(|one, next| {
            (&one.topic, one.partition, one.offset).cmp(&(&next.topic, next.partition, next.offset))
        });
        for route in &routes {
            let (of_topic, others) = page.into_iter().partition(|entry| entry.topic == **route.topic());
            page = others;
            redrive_topic(route, reader, &shared, of_topic, ending, results).await?;
        }
        for entry in page {
            results.add(passed_over(entry, "its topic is no longer read"))?;
        }
    }
    Ok(())
}

/// Applies records of one topic, ordered by partition and offset, as many in a transaction as memory allows.
async fn redrive_topic(
    route: &Route,
    reader: &Reader,
    shared: &Shared,
    entries: Vec<Entry>,
    ending: Ending,
    results: &mut Results<'_>,
) -> Result<(), Failure> {
    let mut entries = entries.into_iter().peekable();
    while entries.peek().is_some() {
        let Found { taken, records, missing } = reread::read(reader, route.topic(), &mut entries).await?;
        for (entry, Missing(why)) in missing {
            results.add(passed_over(entry, &why))?;
        }
        if records.is_empty() {
            continue;
        }
        let retried = retry(route, shared, Take::Diverted(&records), ending).await?;
        report(taken, retried, ending, results)?;
    }
    Ok(())
}

fn report(
    taken: Vec<Entry>,
    retried: Vec<Retried>,
    ending: Ending,
    results: &mut Results<'_>,
) -> Result<(), Failure> {
    let mut retried: HashMap<(i32, i64), Retried> =
        retried.into_iter().map(|retried| ((retried.partition.number, retried.offset), retried)).collect();
    for entry in taken {
        let Some(Retried { id, subject, outcome, .. }) = retried.remove(&(entry.partition, entry.offset))
        else {
            let why = "taken or replayed meanwhile, or other bytes stand there now: was the topic made anew?";
            results.add(passed_over(entry, why))?;
            continue;
        };
        results.add(Fate {
            // What was rehearsed has left no row.
            id: (ending == Ending::Commit).then_some(id),
            topic: entry.topic,
            partition: entry.partition,
            offset: entry.offset,
            subject,
            outcome: outcome.name().to_owned(),
            reason: outcome.reason().map(str::to_owned),
            detail: outcome.detail().map(str::to_owned),
        })?;
    }
    Ok(())
}

fn passed_over(entry: Entry, why: &str) -> Fate {
    Fate {
        id: None,
        topic: entry.topic,
        partition: entry.partition,
        offset: entry.offset,
        subject: entry.subject,
        outcome: PASSED_OVER.to_owned(),
        reason: Some(why.to_owned()),
        detail: None,
    }
}
