//! The status topic against the ledger: nothing is told that was not recorded, and nothing that was told is gone.

use serde_json::Value;

use super::finding::Finding;
use super::reader::Reader;
use super::relay;
use super::seen::Seen;
use super::{Failure, Verification};
use crate::intake;
use crate::record::{Partition, Record, clean_text};
use crate::statement::statement;

/// The check's name.
const CHECK: &str = "status events";

/// How many events are compared at once.
const EVENTS: usize = 500;

/// How many announcements are looked for at once.
const ANNOUNCEMENTS: i64 = 5_000;

/// Reads all that the status topic has, and then looks for what it should have.
pub(super) async fn check(
    verification: &mut Verification<'_>,
    reader: &Reader,
    group: &str,
    topic: &str,
) -> Result<(), Failure> {
    verification.report.looked(CHECK, "events read", 0);
    // Before the topic's end is asked for: what the cursor has passed is in the topic.
    let published = relay::cursor(verification, group).await?.map_or(0, |(published, _)| published);
    let mut comparison =
        Comparison { verification, group, seen: Seen::default(), gone: i64::MIN, thinned: false };
    for number in reader.partitions(topic).await? {
        let partition = Partition { topic: topic.into(), number };
        let Some((low, high)) = reader.bounds(&partition).await? else { continue };
        comparison.read(reader, &partition, low, high, published).await?;
    }
    if comparison.thinned {
        comparison.verification.report.note(format!(
            "{topic} has gaps, as a compacted topic has: published announcements are not looked for in it"
        ));
        return Ok(());
    }
    comparison.look_for_announcements(topic, published).await
}

struct Comparison<'a, 'v> {
    verification: &'a mut Verification<'v>,
    group: &'a str,
    /// The sequence numbers of the announcements that the topic has.
    seen: Seen,
    /// Announcements up to this sequence number may have been removed from the topic by its retention.
    gone: i64,
    /// Whether events are missing between others.
    thinned: bool,
}

/// A status event as it stands in the topic.
struct Event {
    offset: i64,
    /// Which outcome it tells.
    id: Id,
    /// What it is about, by its key.
    subject: String,
    /// The last word of its type.
    outcome: Option<String>,
    payload: Value,
}

/// The parts of a `ce_id`: the group, and the outcome of which record.
struct Id {
    group: String,
    partition: Partition,
    offset: i64,
    revision: i16,
}

impl Comparison<'_, '_> {
    async fn read(
        &mut self,
        reader: &Reader,
        partition: &Partition,
        low: i64,
        high: i64,
        published: i64,
    ) -> Result<(), Failure> {
        let (mut count, mut first) = (0, None);
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        if low < high {
            let mut reading = reader.read(partition, low, high)?;
            while let Some(message) = reading.next().await? {
                count += 1;
                let record = intake::copied(&message);
                drop(message);
                match Event::read(&record) {
                    Some(event) if event.id.group == self.group => events.push(event),
                    Some(_) => continue,
                    None => self.find_unreadable(partition, record.offset),
                }
                if events.len() == EVENTS {
                    first = first.or(self.compare(partition, &events).await?);
                    events.clear();
                }
            }
        }
        first = first.or(self.compare(partition, &events).await?);
        self.verification.report.looked(CHECK, "events read", count);
        self.thinned |= count < high - low;
        if low > 0 {
            self.gone = self.gone.max(first.unwrap_or(published));
        }
        Ok(())
    }

    fn find_unreadable(&mut self, partition: &Partition, offset: i64) {
        let detail = "the event names no outcome, or cannot be read: nothing that a worker has written";
        let kind = "status_without_outcome";
        self.verification.report.find(CHECK, Finding::of_record(kind, self.group, partition, offset, detail));
    }

    /// Compares events with the outcomes that they name, and returns the first one's sequence number.
    async fn compare(&mut self, partition: &Partition, events: &[Event]) -> Result<Option<i64>, Failure> {
        let topics: Vec<&str> = events.iter().map(|event| &*event.id.partition.topic).collect();
        let numbers: Vec<i32> = events.iter().map(|event| event.id.partition.number).collect();
        let offsets: Vec<i64> = events.iter().map(|event| event.id.offset).collect();
        let revisions: Vec<i16> = events.iter().map(|event| event.id.revision).collect();
        let snapshot = self.verification.snapshot().await?;
        let rows = snapshot
            .read(statement!("sql/told.sql"), &[&self.group, &topics, &numbers, &offsets, &revisions])
            .await?;
        snapshot.rollback().await;
        let mut first = None;
        for (event, row) in events.iter().zip(&rows) {
            let sequence: Option<i64> = row.try_get(0)?;
            let (kind, said) = match sequence {
                None if row.try_get(4)? => continue,
                None => ("status_without_outcome", Some("the ledger has no such outcome".to_owned())),
                Some(_) => {
                    ("status_differs", event.contradicts(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
                }
            };
            if let Some(sequence) = sequence {
                first = first.or(Some(sequence));
                self.seen.insert(sequence);
            }
            if let Some(said) = said {
                let (id, offset) = (&event.id, event.offset);
                let detail = format!("told by {partition}@{offset} as revision {}: {said}", id.revision);
                let finding = Finding::of_record(kind, self.group, &id.partition, id.offset, &detail);
                self.verification.report.find(CHECK, finding.about(&event.subject));
            }
        }
        self.verification.progress.add(CHECK, i64::try_from(events.len()).unwrap_or_default(), None);
        Ok(first)
    }

    /// Looks for each announcement that the relay says it has published, as far back as the topic reaches.
    async fn look_for_announcements(&mut self, topic: &str, published: i64) -> Result<(), Failure> {
        let mut after = self.gone;
        loop {
            let snapshot = self.verification.snapshot().await?;
            let rows = snapshot
                .read(statement!("sql/announced.sql"), &[&self.group, &after, &published, &ANNOUNCEMENTS])
                .await?;
            snapshot.rollback().await;
            for row in &rows {
                let sequence: i64 = row.try_get(0)?;
                after = sequence;
                if self.seen.contains(sequence) {
                    continue;
                }
                let partition =
                    Partition { topic: row.try_get::<_, &str>(1)?.into(), number: row.try_get(2)? };
                let revision: i16 = row.try_get(4)?;
                let detail = format!(
                    "its revision {revision} is published (sequence number {sequence}), but {topic} does not have it"
                );
                let finding =
                    Finding::of_record("status_missing", self.group, &partition, row.try_get(3)?, &detail);
                self.verification.report.find(CHECK, finding.about(row.try_get(5)?));
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
    }
}

impl Event {
    /// Reads an event; none where it names no outcome, or is no JSON.
    fn read(record: &Record) -> Option<Self> {
        let id = record.header_values("ce_id").next().and_then(Id::parse)?;
        let kind = record.header_values("ce_type").next().and_then(|kind| std::str::from_utf8(kind).ok());
        let outcome = kind.and_then(|kind| kind.rsplit('.').next()).map(str::to_owned);
        let payload = serde_json::from_slice(record.payload()?).ok()?;
        Some(Self { offset: record.offset, id, subject: record.key_text(), outcome, payload })
    }

    /// What the event tells otherwise than the ledger does.
    fn contradicts(&self, outcome: &str, reason: Option<&str>, announcement: Option<&str>) -> Option<String> {
        let announced = announcement.and_then(|text| serde_json::from_str(text).ok());
        let Some(Value::Object(announced)) = announced else {
            return Some("the ledger has nothing to be told of it".to_owned());
        };
        if let Some(told) = self.outcome.as_deref()
            && told != outcome
        {
            return Some(clean_text(&format!("its type says {told}, but it is {outcome} in the ledger")));
        }
        let source = &self.payload["source"];
        let partition = &self.id.partition;
        let place = [
            ("source.topic", &source["topic"], Value::from(&*partition.topic)),
            ("source.partition", &source["partition"], Value::from(partition.number)),
            ("source.offset", &source["offset"], Value::from(self.id.offset)),
            ("reason", &self.payload["reason"], reason.into()),
        ];
        let told = place.into_iter().chain(
            announced
                .iter()
                .map(|(name, value)| (name.as_str(), &self.payload[name.as_str()], value.clone())),
        );
        let mut differs = told.filter(|(_, told, recorded)| *told != recorded);
        differs.next().map(|(name, told, recorded)| {
            clean_text(&format!("{name} is {told}, but {recorded} in the ledger"))
        })
    }
}

impl Id {
    /// Reads `<group>/<topic>/<partition>/<offset>/<revision>`. Only a group's name may have slashes.
    fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(text).ok()?.rsplitn(5, '/');
        let revision = parts.next()?.parse().ok()?;
        let offset = parts.next()?.parse().ok()?;
        let number = parts.next()?.parse().ok()?;
        let topic = parts.next()?.into();
        let group = parts.next()?.to_owned();
        Some(Self { group, partition: Partition { topic, number }, offset, revision })
    }
}
