//! What holds for every line, checked on lines that the layer wrote.

mod lines;
mod panics;
mod sink;
mod terminal;
mod values;

use std::fmt;
use std::sync::{Arc, Mutex};

use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use super::layer::{LogLayer, Output};
use super::pretty::Style;
use super::{Format, filter};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<String>>);

impl Output for Captured {
    fn append(&self, line: &str) {
        self.0.lock().expect("no test panics in here").push_str(line);
    }
}

/// What `work` writes to a log with this format and filter.
fn captured(format: Format, filter: &str, work: impl FnOnce()) -> String {
    let output = Captured::default();
    let layer = LogLayer { format, style: Style::default(), output: output.clone() };
    let filter = filter::parse(filter).expect("a filter");
    tracing::subscriber::with_default(Registry::default().with(layer.with_filter(filter)), work);
    let text = output.0.lock().expect("no test panics in here");
    text.clone()
}

/// The lines that `work` writes as JSON, each checked to be one object in which no name occurs twice.
fn objects(filter: &str, work: impl FnOnce()) -> Vec<Map<String, Value>> {
    captured(Format::Json, filter, work).lines().map(object).collect()
}

/// The one line that `work` writes.
fn one(work: impl FnOnce()) -> Map<String, Value> {
    let mut objects = objects("info", work);
    assert_eq!(objects.len(), 1);
    objects.remove(0)
}

fn object(line: &str) -> Map<String, Value> {
    let mut text = serde_json::Deserializer::from_str(line);
    let object = text.deserialize_map(OneOfEach).expect(line);
    text.end().expect(line);
    object
}

/// Reads an object as a strict parser does, that refuses a repeated name.
struct OneOfEach;

impl<'de> Visitor<'de> for OneOfEach {
    type Value = Map<String, Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = entries.next_entry::<String, Value>()? {
            if object.insert(name.clone(), value).is_some() {
                return Err(A::Error::custom(format!("{name} occurs twice")));
            }
        }
        Ok(object)
    }
}
