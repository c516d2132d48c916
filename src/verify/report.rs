//! What a verification has looked at and found, as a table for people or as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::finding::Finding;
use crate::terminal::{self, harmless};

/// The most findings of one kind that are shown; all are counted.
const SHOWN: usize = 20;

/// All that a verification has to say.
#[derive(Debug, Default)]
pub struct Report {
    pub(super) groups: Vec<String>,
    checks: Vec<Check>,
    kinds: Vec<Kind>,
    notes: Vec<String>,
    /// Records that have outcomes.
    pub(super) records: u64,
    /// Records that the topics' retention removed before they were read.
    pub(super) skipped: u64,
}

/// One line of the table.
#[derive(Debug, Serialize)]
struct Check {
    #[serde(rename = "check")]
    name: &'static str,
    looked_at: u64,
    of: &'static str,
    findings: u64,
}

/// Findings of one kind.
#[derive(Debug, Serialize)]
struct Kind {
    #[serde(rename = "kind")]
    word: String,
    total: u64,
    examples: Vec<Finding>,
}

impl Report {
    /// Whether nothing breaks the promise.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The whole report, as a table with the findings and a last line that says it all, or as JSON.
    ///
    /// # Errors
    /// What cannot be written as JSON.
    pub fn text(&self, json: bool) -> serde_json::Result<String> {
        if json {
            let report = serde_json::json!({
                "holds": self.holds(), "groups": self.groups, "records": self.records,
                "skipped_records": self.skipped, "checks": self.checks, "findings": self.kinds,
                "notes": self.notes, "summary": self.summary(),
            });
            return terminal::json(&report);
        }
        let mut text = self.table();
        for kind in &self.kinds {
            let _ = write!(text, "\n{} ({})\n", kind.word, grouped(kind.total));
            for finding in &kind.examples {
                let parts = [Some(finding.place()), finding.subject.clone(), Some(finding.detail.clone())];
                let parts: Vec<String> =
                    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
                let _ = writeln!(text, "  {}", harmless(&parts.join("  ")));
            }
            if kind.total > kind.examples.len() as u64 {
                let _ = writeln!(text, "  … and {} more", grouped(kind.total - kind.examples.len() as u64));
            }
        }
        for note in &self.notes {
            let _ = write!(text, "\nnote: {}", harmless(note));
        }
        if self.skipped > 0 {
            let _ = write!(
                text,
                "\nnote: {} records were removed by their topic's retention before they were read",
                grouped(self.skipped)
            );
        }
        let _ = write!(text, "\n{}", self.summary());
        Ok(text)
    }

    /// So many more of these were looked at.
    pub(super) fn looked(&mut self, check: &'static str, of: &'static str, more: i64) {
        let line = self.line(check);
        line.of = of;
        line.looked_at += more.unsigned_abs();
    }

    /// Adds a finding; beyond the first of its kind it is only counted.
    pub(super) fn find(&mut self, check: &'static str, finding: Finding) {
        self.line(check).findings += 1;
        let at = self.kinds.iter().position(|kind| kind.word == finding.kind).unwrap_or_else(|| {
            self.kinds.push(Kind { word: finding.kind.clone(), total: 0, examples: Vec::new() });
            self.kinds.len() - 1
        });
        let kind = &mut self.kinds[at];
        kind.total += 1;
        if kind.examples.len() < SHOWN {
            kind.examples.push(finding);
        }
    }

    /// Adds what a reader should know, though it breaks nothing; once.
    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn line(&mut self, check: &'static str) -> &mut Check {
        let at = self.checks.iter().position(|line| line.name == check).unwrap_or_else(|| {
            self.checks.push(Check { name: check, looked_at: 0, of: "", findings: 0 });
            self.checks.len() - 1
        });
        &mut self.checks[at]
    }

    fn table(&self) -> String {
        let looked = |check: &Check| format!("{} {}", grouped(check.looked_at), check.of);
        let names =
            self.checks.iter().map(|check| check.name.len()).max().unwrap_or(0).max("check".len()) + 2;
        let middle =
            self.checks.iter().map(|check| looked(check).len()).max().unwrap_or(0).max("looked at".len()) + 2;
        let mut table = format!("{:names$}{:middle$}findings\n", "check", "looked at");
        for check in &self.checks {
            let _ =
                writeln!(table, "{:names$}{:middle$}{}", check.name, looked(check), grouped(check.findings));
        }
        table
    }

    fn summary(&self) -> String {
        if self.holds() {
            let looked = self.checks.iter().map(|check| format!("{} {}", grouped(check.looked_at), check.of));
            let looked: Vec<String> =
                std::iter::once(format!("{} records", grouped(self.records))).chain(looked).collect();
            return format!("the promise holds: {}; nothing contradicts", looked.join(", "));
        }
        let total: u64 = self.kinds.iter().map(|kind| kind.total).sum();
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| &*kind.word).collect();
        format!(
            "the promise is broken: {} finding{} ({}); `worker explain BOOKING_ID` tells a booking's story, \
             `worker held show ID` a record's that is set aside",
            grouped(total),
            if total == 1 { "" } else { "s" },
            kinds.join(", ")
        )
    }
}

fn grouped(number: u64) -> String {
    terminal::grouped(number, ',')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Partition;

    fn finding(kind: &str, offset: i64) -> Finding {
        let partition = Partition { topic: "booking-events".into(), number: 3 };
        Finding::of_record(kind, "group", &partition, offset, "it is broken").about("booking_456")
    }

    #[test]
    fn a_report_without_findings_says_that_the_promise_holds() {
        let mut report = Report { records: 1_234_567, ..Report::default() };
        report.looked("outcomes", "outcomes", 1_234_600);
        report.looked("held", "records set aside", 0);
        assert!(report.holds());
        let expected = "check     looked at            findings\n\
                        outcomes  1,234,600 outcomes   0\n\
                        held      0 records set aside  0\n\
                        \n\
                        the promise holds: 1,234,567 records, 1,234,600 outcomes, 0 records set aside; nothing \
                        contradicts";
        assert_eq!(report.text(false).unwrap(), expected);
    }

    #[test]
    fn findings_are_named_with_their_place_and_only_the_first_of_a_kind_are_shown() {
        let mut report = Report::default();
        for offset in 0..25 {
            report.find("outcomes", finding("revision_gap", offset));
        }
        assert!(!report.holds());
        let text = report.text(false).unwrap();
        let first = "revision_gap (25)\n  group booking-events/3@0  booking_456  it is broken\n";
        assert!(text.contains(first), "{text}");
        assert!(text.contains("booking-events/3@19  ") && !text.contains("booking-events/3@20  "), "{text}");
        assert!(text.contains("  … and 5 more\n"), "{text}");
        let last = text.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("the promise is broken: 25 findings (revision_gap); `worker explain"),
            "{last}"
        );
        let json: serde_json::Value = serde_json::from_str(&report.text(true).unwrap()).unwrap();
        assert_eq!((&json["holds"], &json["findings"][0]["total"]), (&false.into(), &25.into()));
        assert_eq!(json["findings"][0]["examples"][0]["offset"], 0);
    }
}
