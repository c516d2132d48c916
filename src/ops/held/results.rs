//! What has become of many records, told as it comes about and summed up at the end. Memory stays bounded.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::json;

use super::diverted;
use super::selection::Target;
use crate::ops::words::word;
use crate::ops::{Desk, Failure};
use crate::terminal::{Cell, Column, Table, json_line, print};

/// Up to this many records are shown one by one.
const FEW: usize = 20;

/// The word for a record that another one works on, or that is done already.
pub(super) const PASSED_OVER: &str = "passed over";

/// What has become of one record.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fate {
    /// None where the record is not set aside.
    pub(super) id: Option<i64>,
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) subject: String,
    pub(super) outcome: String,
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
}

impl Fate {
    pub(super) fn new(target: Target, outcome: &str, reason: Option<&str>, detail: Option<&str>) -> Self {
        Self {
            id: Some(target.id),
            topic: target.topic,
            partition: target.partition,
            offset: target.offset,
            subject: target.subject,
            outcome: outcome.to_owned(),
            reason: reason.map(str::to_owned),
            detail: detail.map(str::to_owned),
        }
    }
}

/// The records so far.
pub(super) struct Results<'a> {
    desk: &'a Desk,
    as_json: bool,
    /// What is said where there are none.
    none: &'static str,
    count: u64,
    outcomes: BTreeMap<(String, Option<String>), u64>,
    few: Vec<Fate>,
    /// The ids that were asked for and have not been met.
    missing: BTreeSet<i64>,
}

impl<'a> Results<'a> {
    /// Begins; under JSON, with these members before the records. `ids` are those that were asked for by name.
    pub(super) fn begin(
        desk: &'a Desk,
        as_json: bool,
        members: &serde_json::Value,
        ids: &[i64],
    ) -> Result<Self, Failure> {
        if as_json {
            let members = json_line(members)?;
            print(&format!("{},\n\"records\": [", members.trim_end_matches('}')))?;
        }
        let missing = ids.iter().copied().collect();
        let none = "no such record waits or is dead; nothing to do";
        Ok(Self { desk, as_json, none, count: 0, outcomes: BTreeMap::new(), few: Vec::new(), missing })
    }

    /// The same for diverted records.
    pub(super) fn of_diverted(self) -> Self {
        Self { none: diverted::NONE, ..self }
    }

    /// Adds a record.
    pub(super) fn add(&mut self, fate: Fate) -> Result<(), Failure> {
        if self.as_json {
            let comma = if self.count > 0 { "," } else { "" };
            print(&format!("{comma}{}", json_line(&fate)?))?;
        }
        self.count += 1;
        if let Some(id) = fate.id {
            self.missing.remove(&id);
        }
        *self.outcomes.entry((fate.outcome.clone(), fate.reason.clone())).or_default() += 1;
        if self.few.len() <= FEW {
            self.few.push(fate);
        }
        Ok(())
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// How many have this outcome.
    pub(super) fn with(&self, outcome: &str) -> u64 {
        let same = self.outcomes.iter().filter(|((found, _), _)| found == outcome);
        same.map(|(_, count)| count).sum()
    }

    /// Sums up. After a fault, what was not reached is not missing.
    pub(super) fn end(&mut self, fault: Option<&Failure>) -> Result<(), Failure> {
        if fault.is_some() {
            self.missing.clear();
        }
        if self.as_json {
            let outcomes: Vec<_> = self
                .outcomes
                .iter()
                .map(|((outcome, reason), count)| {
                    json!({ "outcome": outcome, "reason": reason, "records": count })
                })
                .collect();
            let (outcomes, missing) = (json_line(&outcomes)?, json_line(&self.missing)?);
            let fault = json_line(&fault.map(ToString::to_string))?;
            print(&format!("],\n\"outcomes\": {outcomes},\n\"notFound\": {missing},\n\"fault\": {fault}}}"))?;
            return Ok(());
        }
        if self.count > 0 {
            let shown = if self.few.len() <= FEW { self.one_by_one() } else { self.summed_up() };
            print(&shown)?;
        }
        for id in &self.missing {
            print(&format!("no record {id} waits or is dead"))?;
        }
        if self.count == 0 && self.missing.is_empty() && fault.is_none() {
            print(self.none)?;
        }
        Ok(())
    }

    fn one_by_one(&self) -> String {
        let mut table = Table::new([
            Column::number("ID"),
            Column::place("RECORD"),
            Column::text("BOOKING"),
            Column::word("OUTCOME"),
            Column::text("REASON"),
        ]);
        for fate in &self.few {
            table.push([
                Cell::or_none(fate.id),
                format!("{}/{}@{}", fate.topic, fate.partition, fate.offset).into(),
                fate.subject.as_str().into(),
                word(&fate.outcome),
                Cell::or_none(fate.reason.as_ref()),
            ]);
        }
        table.render(&self.desk.screen)
    }

    fn summed_up(&self) -> String {
        let mut table =
            Table::new([Column::word("OUTCOME"), Column::text("REASON"), Column::number("RECORDS")]);
        for ((outcome, reason), count) in &self.outcomes {
            table.push([word(outcome), Cell::or_none(reason.as_ref()), count.to_string().into()]);
        }
        table.render(&self.desk.screen)
    }
}
