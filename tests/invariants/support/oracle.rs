//! What must hold in every story: each record recorded once, Kafka's offset never ahead of the positions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::{Stop, World, eventually};

/// A topic's partition.
pub type Place = (String, i32);

impl World {
    /// Waits until everything is applied, and checks that each record has exactly one first outcome, that each
    /// booking exists once, and that Kafka's offset arrives at the positions.
    pub async fn each_record_is_recorded_once(&self) {
        self.settled().await;
        let mut recorded: BTreeMap<Place, Vec<i64>> = BTreeMap::new();
        for entry in self.ledger().await.into_iter().filter(|entry| entry.revision == 0) {
            recorded.entry((entry.topic, entry.partition)).or_default().push(entry.offset);
        }
        let ends = self.ends().await;
        for (place, end) in &ends {
            let expected: Vec<i64> = (0..*end).collect();
            assert_eq!(recorded.remove(place).unwrap_or_default(), expected, "{place:?}");
        }
        assert!(recorded.is_empty(), "records that nobody produced: {recorded:?}");
        let sql = "SELECT count(*), count(DISTINCT subject), (SELECT count(booking_id) FROM bookings) \
                   FROM worker.ledger WHERE outcome = 'accepted'";
        let row = self.database.query_one(sql, &[]).await.unwrap();
        let [accepted, names, bookings] = [0, 1, 2].map(|column| row.get::<_, i64>(column));
        assert_eq!((accepted, names), (bookings, bookings), "bookings that were made twice, or lost");
        self.kafkas_offset_arrives(&ends).await;
    }

    /// Waits until the group's committed offsets are these.
    pub async fn kafkas_offset_arrives(&self, expected: &BTreeMap<Place, i64>) {
        eventually("Kafka's offset to arrive at the positions", async || {
            for topic in [&self.bookings, &self.cancellations] {
                for (partition, committed) in (0..).zip(self.committed(topic).await) {
                    let expected = expected.get(&(topic.clone(), partition)).copied();
                    if committed.unwrap_or(0) != expected.unwrap_or(0) {
                        return Err(format!("{topic}/{partition}: {committed:?}, expected {expected:?}"));
                    }
                }
            }
            Ok(Some(()))
        })
        .await;
    }

    /// Each partition's offset after its last record.
    pub async fn ends(&self) -> BTreeMap<Place, i64> {
        let mut ends = BTreeMap::new();
        for topic in [&self.bookings, &self.cancellations] {
            for (partition, end) in (0..).zip(self.admin().end_offsets(topic).await.unwrap()) {
                ends.insert((topic.clone(), partition), end);
            }
        }
        ends
    }

    /// Looks again and again, until it is stopped, whether Kafka's offset is ahead of a position; returns how
    /// often it found an offset to compare.
    pub async fn watch_kafkas_offset(&self, stop: &Stop) -> usize {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.setting("KAFKA_BROKERS"))
            .set("group.id", &self.group)
            .create()
            .unwrap();
        let consumer = Arc::new(consumer);
        let mut all = TopicPartitionList::new();
        for (topic, partition) in self.ends().await.keys() {
            all.add_partition(topic, *partition);
        }
        let mut times = 0;
        let mut rhythm = tokio::time::interval(Duration::from_millis(100));
        while !stop.is_set() {
            rhythm.tick().await;
            let (consumer, all) = (consumer.clone(), all.clone());
            let asked = move || consumer.committed_offsets(all, Duration::from_secs(10));
            let Ok(committed) = tokio::task::spawn_blocking(asked).await.unwrap() else { continue };
            // Read afterwards: positions only grow.
            let positions = self.positions().await;
            for element in committed.elements() {
                let Offset::Offset(committed) = element.offset() else { continue };
                let place = (element.topic().to_owned(), element.partition());
                let position = positions.iter().find(|(t, p, _)| (t, *p) == (&place.0, place.1));
                let position = position.map(|(_, _, next)| *next);
                assert!(position >= Some(committed), "{place:?}: {committed} is ahead of {position:?}");
                times += 1;
            }
        }
        times
    }

    /// The client ids of the group's members (of the classic protocol).
    pub async fn members(&self) -> Vec<String> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.setting("KAFKA_BROKERS"));
        let group = self.group.clone();
        let ask = move || {
            let client: BaseConsumer = config.create().unwrap();
            let groups = client.fetch_group_list(Some(&group), Duration::from_secs(10)).unwrap();
            let members = groups.groups().iter().flat_map(rdkafka::groups::GroupInfo::members);
            members.map(|member| member.client_id().to_owned()).collect()
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    /// A setting of this world's workers.
    pub fn setting(&self, name: &str) -> String {
        self.settings(&[]).into_iter().find(|(found, _)| found == name).unwrap().1
    }

    /// How many bookings have been made from events.
    pub async fn bookings_made(&self) -> i64 {
        self.database.query_one("SELECT count(booking_id) FROM bookings", &[]).await.unwrap().get(0)
    }

    /// Moves the position of the bookings' partition 0, as a person with psql does.
    pub async fn move_position(&self, next: i64) {
        let sql = "UPDATE worker.positions SET next_offset = $1 WHERE topic = $2 AND partition = 0";
        assert_eq!(self.database.execute(sql, &[&next, &self.bookings]).await.unwrap(), 1);
    }
}
