//! What the worker is told beside where its servers are: names of its own where it must, and short waits.

use std::env;
use std::time::Duration;

use fastrand::Rng;

use super::headers::letters;

const BACKOFF: [(&str, &str); 2] = [("HELD_BACKOFF_MIN", "200ms"), ("HELD_BACKOFF_MAX", "2s")];
const MAX_AGE: &str = "HELD_MAX_AGE";
const GROUP: &str = "KAFKA_GROUP_ID";

/// Where the servers come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given {
    /// PostgreSQL is the person's.
    pub(crate) database: bool,
    /// Kafka is the person's.
    pub(crate) broker: bool,
}

/// The topics, the group, and how long a record waits.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// The topics of bookings and of cancellations.
    pub(crate) topics: [String; 2],
    /// The topic that is told what became of each booking; none where the person wants none.
    pub(crate) status: Option<String>,
    /// How long the sample's stories expect a record to wait before it is dead.
    pub(crate) max_age: Duration,
    environment: Vec<(&'static str, String)>,
}

impl Names {
    /// The person's own settings count. Where only one of the servers is theirs, the other one is thrown away:
    /// the group that they know must not learn of its offsets, nor its topics of its outcomes.
    pub(crate) fn choose(given: Given, rate: f64) -> Self {
        Self::from(given, rate, |name| env::var(name).ok())
    }

    fn from(given: Given, rate: f64, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| {
            variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let prefix = if given.broker && !given.database { "demo-" } else { "" };
        let mut environment = Vec::new();
        let mut name = |name: &'static str, default: &str| {
            set(name).unwrap_or_else(|| {
                let own = format!("{prefix}{default}");
                environment.push((name, own.clone()));
                own
            })
        };
        let topics = [
            name("KAFKA_BOOKING_TOPIC", "booking-events"),
            name("KAFKA_CANCELLATION_TOPIC", "booking-cancellations"),
        ];
        // Set, but empty: nobody is to be told.
        let is_off = variable("KAFKA_STATUS_TOPIC").is_some_and(|topic| topic.trim().is_empty());
        let status = (!is_off).then(|| name("KAFKA_STATUS_TOPIC", "booking-status"));
        let own_group = if set(GROUP).is_some() { None } else { own_group(given) };
        // Records of the person's own group may wait as long as they have said.
        let may_hurry = !given.database || own_group.is_some();
        environment.extend(own_group.map(|group| (GROUP, group)));
        // Some turns of the sample, and time for a few tries.
        let max_age = Duration::from_secs_f64(6.0 + 10.0 / rate);
        let is_set = [MAX_AGE, BACKOFF[0].0, BACKOFF[1].0].iter().any(|name| set(name).is_some());
        if may_hurry && !is_set {
            environment.extend(BACKOFF.map(|(name, value)| (name, value.to_owned())));
            environment.push((MAX_AGE, format!("{}ms", max_age.as_millis())));
        }
        Self { topics, status, max_age, environment }
    }

    /// All topics that the worker reads or writes.
    pub(crate) fn all_topics(&self) -> Vec<String> {
        self.topics.iter().cloned().chain(self.written()).collect()
    }

    /// The topics that the worker writes, that of the status events first.
    pub(crate) fn written(&self) -> impl Iterator<Item = String> + '_ {
        let dead_letters = self.topics.iter().map(|topic| format!("{topic}.dlq"));
        self.status.iter().cloned().chain(dead_letters)
    }

    /// What the worker is told.
    pub(crate) fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }
}

/// A position in a database that stays says nothing about a broker that is new each time.
fn own_group(given: Given) -> Option<String> {
    match (given.database, given.broker) {
        (true, false) => Some(format!("worker-group-demo-{}", letters(&mut Rng::new(), 6))),
        (false, true) => Some("worker-group-demo".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(names: &Names, variable: &str) -> Option<String> {
        let found = names.environment().iter().find(|(name, _)| *name == variable);
        found.map(|(_, value)| value.clone())
    }

    fn chosen(database: bool, broker: bool) -> Names {
        Names::from(Given { database, broker }, 4.0, |_| None)
    }

    #[test]
    fn a_group_that_the_person_knows_neither_hurries_nor_learns_of_servers_that_are_thrown_away() {
        let both = chosen(true, true);
        assert_eq!(told(&both, GROUP), None);
        assert_eq!(told(&both, MAX_AGE), None);

        let groups = [(); 2].map(|()| told(&chosen(true, false), GROUP));
        assert_ne!(groups[0], groups[1]);

        let broker = chosen(false, true);
        assert!(told(&broker, GROUP).is_some());
        assert!(broker.all_topics().iter().all(|topic| topic.starts_with("demo-")));

        let none = chosen(false, false);
        assert_eq!((told(&none, GROUP), told(&none, MAX_AGE)), (None, Some("8500ms".to_owned())));
        assert_eq!(none.written().count(), 3);
    }

    #[test]
    fn what_the_person_has_set_is_not_told_again() {
        let variable = |name: &str| match name {
            GROUP => Some("ours".to_owned()),
            MAX_AGE => Some("1h".to_owned()),
            "KAFKA_STATUS_TOPIC" => Some(String::new()),
            _ => None,
        };
        let names = Names::from(Given { database: true, broker: false }, 4.0, variable);
        assert_eq!((told(&names, GROUP), told(&names, MAX_AGE)), (None, None));
        assert_eq!((told(&names, "KAFKA_STATUS_TOPIC"), names.status.as_ref()), (None, None));
        assert_eq!(names.written().count(), 2);
    }
}
