//! Compares what was produced with what PostgreSQL and Kafka have of it, record by record.

use std::collections::HashMap;
use std::convert::Infallible;

use serde_json::Value;
use tokio_postgres::Client;

use super::load::{Kind, Sent};
use super::{Entry, World, eventually};

/// A partition and an offset in it.
type Place = (String, i32, i64);

/// Everything that the comparison looks at.
struct Scene {
    /// The current outcomes.
    ledger: HashMap<Place, Entry>,
    /// Guests and status by booking id.
    bookings: HashMap<String, (i64, String)>,
    /// Payload and status.
    held: HashMap<Place, (String, String)>,
    problems: Vec<String>,
}

/// Asserts that each of these records, and no other, has one outcome, the right one, and its effect.
pub async fn assert_exact(world: &World, sent: &[Sent]) {
    world.nothing_is_due().await;
    let mut scene = Scene::load(world).await;
    if scene.ledger.len() != sent.len() {
        scene.problem(format!("{} records, {} rows in the ledger", sent.len(), scene.ledger.len()));
    }
    for record in sent {
        scene.check_alone(record);
    }
    scene.check_bookings(sent);
    let (count, first): (usize, Vec<_>) = (scene.problems.len(), scene.problems.iter().take(12).collect());
    assert!(count == 0, "{count} problems, such as {first:#?}");
    world.assert_positions_at_the_end().await;
}

impl Sent {
    fn place(&self) -> Place {
        (self.topic.clone(), self.partition, self.offset)
    }
}

impl Scene {
    async fn load(world: &World) -> Self {
        let mut problems = Vec::new();
        let mut ledger = HashMap::new();
        for entry in world.ledger().await {
            let place = (entry.topic.clone(), entry.partition, entry.offset);
            let before = ledger.insert(place, entry.clone()).map_or(-1, |before: Entry| before.revision);
            if entry.revision != before + 1 {
                problems.push(format!("not the revision after {before}: {entry:?}"));
            }
        }
        let sql =
            "SELECT booking_id, number_of_guests::bigint, status FROM bookings WHERE booking_id IS NOT NULL";
        let rows = world.database.query(sql, &[]).await.unwrap();
        let bookings = rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
        let sql = "SELECT topic, partition, record_offset, convert_from(payload, 'UTF8'), status FROM worker.held WHERE group_id = $1";
        let rows = world.database.query(sql, &[&world.group]).await.unwrap();
        let held =
            rows.iter().map(|row| ((row.get(0), row.get(1), row.get(2)), (row.get(3), row.get(4)))).collect();
        Self { ledger, bookings, held, problems }
    }

    fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    fn verdict(&self, record: &Sent) -> String {
        self.ledger.get(&record.place()).map_or_else(|| "lost".to_owned(), Entry::verdict)
    }

    /// What can be said of a record without its fellows.
    fn check_alone(&mut self, record: &Sent) {
        let verdict = self.verdict(record);
        let possible: &[&str] = match &record.kind {
            Kind::Booking { .. } => &["accepted", "duplicate", "rejected:conflicting_booking"],
            Kind::Refused { .. } => &["dead:refused_by_database"],
            Kind::Nobody { .. } => &["held:unknown_user"],
            Kind::Poison => &["dead:undecodable"],
            Kind::Cancellation { by_owner: true, .. } => {
                &["cancelled", "rejected:already_cancelled", "held:unknown_booking"]
            }
            Kind::Cancellation { by_owner: false, .. } => &["rejected:not_owner", "held:unknown_booking"],
        };
        if !possible.contains(&&*verdict) {
            self.problem(format!("{verdict}: {record:?}"));
        }
        let expected = match verdict.split(':').next() {
            Some("held") => Some((record.payload.clone(), "waiting".to_owned())),
            Some("dead") => Some((record.payload.clone(), "dead".to_owned())),
            _ => None,
        };
        if self.held.get(&record.place()) != expected.as_ref() {
            self.problem(format!("{verdict}, but held is {:?}: {record:?}", self.held.get(&record.place())));
        }
    }

    /// What the records of one booking say together, and what its row says.
    fn check_bookings(&mut self, sent: &[Sent]) {
        let mut by_id: HashMap<&str, Vec<(&Sent, String)>> = HashMap::new();
        for record in sent {
            if let Kind::Booking { id, .. } | Kind::Cancellation { id, .. } = &record.kind {
                by_id.entry(id).or_default().push((record, self.verdict(record)));
            }
        }
        for (id, records) in &by_id {
            let row = self.bookings.remove(*id);
            if let Err(problem) = check_booking(records, row.as_ref()) {
                self.problem(format!("{id}: {problem}: {records:#?}, {row:?}"));
            }
        }
        if !self.bookings.is_empty() {
            let (count, example) = (self.bookings.len(), self.bookings.keys().next());
            self.problem(format!("{count} bookings that nobody asked for, such as {example:?}"));
        }
    }
}

fn check_booking(records: &[(&Sent, String)], row: Option<&(i64, String)>) -> Result<(), &'static str> {
    let creates = || records.iter().filter(|(sent, _)| matches!(sent.kind, Kind::Booking { .. }));
    let guests = |sent: &Sent| match sent.kind {
        Kind::Booking { guests, .. } => guests,
        _ => 0,
    };
    let cancelled = records.iter().filter(|(_, verdict)| verdict == "cancelled").count();
    // One key, one partition: the first in the partition is the one that creates.
    let Some((first, _)) = creates().min_by_key(|(sent, _)| (sent.partition, sent.offset)) else {
        return if row.is_none() && cancelled == 0 { Ok(()) } else { Err("never booked") };
    };
    let Some((stored, status)) = row else { return Err("no row") };
    if *stored != guests(first) {
        return Err("another booking's row");
    }
    for (sent, verdict) in creates() {
        let expected = match () {
            () if sent.offset == first.offset => "accepted",
            () if guests(sent) == guests(first) => "duplicate",
            () => "rejected:conflicting_booking",
        };
        if verdict != expected {
            return Err("a create has another's outcome");
        }
    }
    let twice = records.iter().any(|(_, verdict)| verdict == "rejected:already_cancelled");
    match (cancelled, &**status) {
        (1, "Cancelled") => Ok(()),
        (0, "Accepted") if !twice => Ok(()),
        _ => Err("status and cancellations differ"),
    }
}

impl World {
    /// Waits until no record that was set aside is due: what was woken has been tried.
    pub async fn nothing_is_due(&self) {
        let sql = "SELECT now()::text";
        let now: String = self.database.query_one(sql, &[]).await.unwrap().get(0);
        // By now: what is tried again and again is due at nearly any moment.
        let sql = "SELECT count(*) FROM worker.held \
                   WHERE status = 'waiting' AND next_attempt_at <= $1::text::timestamptz";
        eventually("the records that are due to be tried", async || {
            let due: i64 = self.database.query_one(sql, &[&now]).await.unwrap().get(0);
            if due == 0 { Ok(Some(())) } else { Err(due) }
        })
        .await;
    }

    /// Asserts that every position is its partition's end, and waits until Kafka has been told so.
    pub async fn assert_positions_at_the_end(&self) {
        let positions = self.positions().await.into_iter();
        let positions = positions.map(|(topic, partition, next)| ((topic, partition), next)).collect();
        assert_eq!(self.ends().await, positions);
        self.kafkas_offset_arrives(&positions).await;
    }

    /// Asserts, at any moment, that Kafka's committed offsets are not ahead of the positions, and that exactly
    /// the records below the positions have their row in the ledger. Topics must begin at 0, without gaps.
    pub async fn assert_no_offset_leads(&self, database: &Client) {
        // Kafka first: a position only grows.
        let mut committed = HashMap::new();
        for topic in [&self.bookings, &self.cancellations] {
            for (partition, offset) in (0..).zip(self.committed(topic).await) {
                committed.insert((topic.clone(), partition), offset.unwrap_or(0));
            }
        }
        let sql = "SELECT topic, partition, next_offset, count(*) FILTER (WHERE revision = 0), max(record_offset) \
                   FROM worker.positions LEFT JOIN worker.ledger USING (group_id, topic, partition) \
                   WHERE group_id = $1 GROUP BY topic, partition, next_offset";
        for row in database.query(sql, &[&self.group]).await.unwrap() {
            let (topic, partition, position): (String, i32, i64) = (row.get(0), row.get(1), row.get(2));
            let (rows, last): (i64, Option<i64>) = (row.get(3), row.get(4));
            assert_eq!(rows, position, "rows in the ledger below the position of {topic}/{partition}");
            assert_eq!(last.map_or(0, |last| last + 1), position, "the last row of {topic}/{partition}");
            let told = committed.remove(&(topic.clone(), partition)).unwrap();
            assert!(
                told <= position,
                "{topic}/{partition}: Kafka was told {told}, the position is {position}"
            );
        }
        assert!(committed.values().all(|told| *told == 0), "told without a position: {committed:?}");
    }
}

/// Asserts that these log lines name each of these records once for each of its outcomes.
pub async fn assert_logged_once(world: &World, lines: &[Value], sent: &[Sent]) {
    let mut outcomes: HashMap<Place, usize> = HashMap::new();
    for entry in world.ledger().await {
        *outcomes.entry((entry.topic, entry.partition, entry.offset)).or_default() += 1;
    }
    let mut said: HashMap<Place, usize> = HashMap::new();
    for line in lines.iter().filter(|line| line["outcome"].is_string()) {
        let partition = line["partition"].as_i64().and_then(|number| i32::try_from(number).ok()).unwrap();
        let place = (line["topic"].as_str().unwrap().to_owned(), partition, line["offset"].as_i64().unwrap());
        *said.entry(place).or_default() += 1;
    }
    let differs = |record: &&Sent| said.get(&record.place()) != outcomes.get(&record.place());
    let wrong: Vec<&Sent> = sent.iter().filter(differs).collect();
    assert!(wrong.is_empty(), "{} records without a line an outcome, such as {:?}", wrong.len(), wrong[0]);
    assert_eq!(said.len(), sent.len(), "lines about records that were never produced");
}

/// Waits until a condition holds of which the asking cannot fail.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    eventually(what, async || Ok::<_, Infallible>(holds().await.then_some(()))).await;
}
