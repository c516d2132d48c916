//! Which partitions a worker has had, by its own log.

use std::collections::{BTreeMap, BTreeSet};

use super::oracle::Place;
use super::{Worker, World, eventually};

impl Worker {
    /// The lanes that it has begun, each with the offset where it began last.
    pub fn lanes(&self) -> BTreeMap<Place, i64> {
        let lines = self.lines_with("lane begins");
        let lane = |line: &serde_json::Value| {
            let partition = i32::try_from(line["partition"].as_i64().unwrap()).unwrap();
            ((line["topic"].as_str().unwrap().to_owned(), partition), line["offset"].as_i64().unwrap())
        };
        lines.iter().map(lane).collect()
    }

    /// The partitions that it has, or had at its end.
    pub fn partitions(&self) -> BTreeSet<String> {
        let mut partitions = BTreeSet::new();
        for line in self.lines() {
            let listed: Vec<&str> = line["partitions"].as_str().unwrap_or_default().split(' ').collect();
            match line["msg"].as_str() {
                Some("partitions assigned") => partitions.extend(listed.into_iter().map(str::to_owned)),
                Some("partitions revoked") => partitions.retain(|name| !listed.contains(&&**name)),
                _ => {}
            }
        }
        // A share may be empty.
        partitions.remove("");
        partitions
    }

    /// Waits until it has applied a record.
    pub async fn applies(&mut self) {
        eventually("a worker to apply records", async || {
            if let Some(status) = self.exited() {
                panic!("ended with {status} before it applied anything:\n{}", self.text());
            }
            Ok::<_, ()>(self.lines().iter().any(|line| !line["outcome"].is_null()).then_some(()))
        })
        .await;
    }

    /// Waits until it has begun this many lanes.
    pub async fn begins(&mut self, lanes: usize) -> BTreeMap<Place, i64> {
        eventually(&format!("{lanes} lanes to begin"), async || {
            let begun = self.lanes();
            match self.exited() {
                Some(status) => panic!("ended with {status} before its lanes began:\n{}", self.text()),
                None if begun.len() >= lanes => Ok(Some(begun)),
                None => Err(format!("{begun:?}")),
            }
        })
        .await
    }
}

impl World {
    /// Waits until these workers together have all partitions, and each of them has some.
    pub async fn shared_among(&self, workers: &[&Worker]) {
        let total = self.ends().await.len();
        eventually("the partitions to be shared out", async || {
            let shares: Vec<BTreeSet<String>> = workers.iter().map(|worker| worker.partitions()).collect();
            let all: BTreeSet<&String> = shares.iter().flatten().collect();
            let disjoint = shares.iter().map(BTreeSet::len).sum::<usize>() == total;
            if all.len() == total && disjoint && shares.iter().all(|share| !share.is_empty()) {
                Ok(Some(()))
            } else {
                Err(shares)
            }
        })
        .await;
    }
}
