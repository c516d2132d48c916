//! Reads diverted records from their topic again, by their coordinates.

use std::iter::Peekable;
use std::sync::Arc;
use std::vec::IntoIter;

use rdkafka::Message as _;

use super::{Entry, Reread};
use crate::intake;
use crate::ops::Failure;
use crate::record::Partition;
use crate::verify;
use crate::verify::reader::{Reader, Reading};

/// The most bytes of one transaction, as far as one record alone has no more.
const BYTES: usize = 4 << 20;

/// How many records are read in vain before the reader is set to the next wanted one instead.
const GAP: i64 = 1_000;

/// Why a record cannot be had any more.
pub(super) struct Missing(pub(super) String);

/// What of the wanted records was found.
pub(super) struct Found {
    /// What the ledger says of the records, in their order.
    pub(super) taken: Vec<Entry>,
    pub(super) records: Vec<Reread>,
    pub(super) missing: Vec<(Entry, Missing)>,
}

/// Reads the next records of a topic, ordered by partition and offset, until they are many bytes.
pub(super) async fn read(
    reader: &Reader,
    topic: &Arc<str>,
    entries: &mut Peekable<IntoIter<Entry>>,
) -> Result<Found, Failure> {
    let mut found = Found { taken: Vec::new(), records: Vec::new(), missing: Vec::new() };
    let mut bytes = 0;
    while bytes < BYTES
        && let Some(number) = entries.peek().map(|entry| entry.partition)
    {
        let partition = Partition { topic: topic.clone(), number };
        let bounds = reader.bounds(&partition).await.map_err(failure)?;
        let mut reading: Option<(Reading<'_>, i64)> = None;
        while bytes < BYTES
            && let Some(entry) = entries.next_if(|entry| entry.partition == number)
        {
            let offset = entry.offset;
            if let Some(missing) = out_of(bounds, offset) {
                found.missing.push((entry, missing));
                continue;
            }
            let (mut current, next) = match reading.take() {
                Some((current, next)) if (next..next + GAP).contains(&offset) => (current, next),
                // Up to the end: where it stops is up to the wanted offsets.
                _ => (reader.read(&partition, offset, i64::MAX).map_err(failure)?, offset),
            };
            let mut at = next;
            let mut record = None;
            while at <= offset {
                let Some(message) = current.next().await.map_err(failure)? else { break };
                if message.partition() != number || message.topic() != &**topic {
                    continue;
                }
                at = message.offset() + 1;
                if message.offset() == offset {
                    record = Some(intake::copied(&message));
                }
            }
            match record {
                Some(record) => {
                    bytes += record.size();
                    found.taken.push(entry);
                    found.records.push(Reread { partition: partition.clone(), record });
                    reading = Some((current, at));
                }
                None => found.missing.push((entry, Missing("the topic has it no longer".to_owned()))),
            }
        }
    }
    Ok(found)
}

/// Why the topic cannot have the record.
fn out_of(bounds: Option<(i64, i64)>, offset: i64) -> Option<Missing> {
    let Some((low, high)) = bounds else {
        return Some(Missing("there is no such topic or partition any more".to_owned()));
    };
    if offset < low {
        return Some(Missing(format!("the topic's retention has taken it: the topic begins at {low}")));
    }
    (offset >= high).then(|| Missing(format!("the topic ends at {high}: it was made anew or cut")))
}

/// What the commands say where the topics cannot be read.
pub(super) fn failure(failure: verify::Failure) -> Failure {
    Failure::Topics(match failure {
        verify::Failure::Kafka(text) => text,
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_topic_cannot_have_is_told_with_its_reason() {
        let why = |offset| out_of(Some((10, 20)), offset).map(|Missing(why)| why);
        assert_eq!(why(10), None);
        assert_eq!(why(19), None);
        assert!(why(9).unwrap().contains("retention has taken it"));
        assert!(why(20).unwrap().contains("made anew or cut"));
        assert!(out_of(None, 10).is_some());
    }
}
