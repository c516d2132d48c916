//! `worker held discard`: records given up by a person. They stay on file; nothing tries them again.

use std::collections::HashSet;

use super::redrive::states;
use super::results::{Fate, PASSED_OVER, Results};
use super::selection::{Selection, Which};
use crate::fault::Fault;
use crate::ops::progress::Progress;
use crate::ops::{Desk, Failure};
use crate::statement::statement;
use crate::store::{Transaction, held};

/// What `worker held discard` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// Why, for whoever reads the story: up to 200 characters
    #[arg(long, value_parser = note)]
    note: Option<String>,
    /// Print JSON: each record, then the sums
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
The record stays in `worker.held` with its bytes, and `discarded` becomes its next revision in the ledger, with
the note. What queued behind it is tried at once. What others work on this moment is passed over.

Examples:
  worker held discard 12 --note 'a test booking'
  worker held discard --booking booking_456
  worker held discard --reason undecodable --older-than 30d --note 'see ticket 815'";

pub(super) async fn run(arguments: Arguments, desk: &Desk) -> Result<(), Failure> {
    if arguments.which.is_of_diverted()? {
        let text = "a diverted record is not set aside: there is nothing to discard";
        return Err(Failure::Refused(text.to_owned()));
    }
    let mut selection = Selection::new(&arguments.which, desk).await?;
    let members = serde_json::json!({ "selected": selection.total });
    let mut results = Results::begin(desk, arguments.json, &members, arguments.which.ids())?;
    let ended = discard(desk, arguments.note.as_deref(), &mut selection, &mut results).await;
    results.end(ended.as_ref().err())?;
    ended
}

async fn discard(
    desk: &Desk,
    note: Option<&str>,
    selection: &mut Selection<'_>,
    results: &mut Results<'_>,
) -> Result<(), Failure> {
    let mut progress = Progress::new("discarded", selection.total);
    loop {
        let targets = selection.next().await?;
        if targets.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = targets.iter().map(|target| target.id).collect();
        let discarded = apply(desk, &ids, note).await?;
        let passed: Vec<i64> = ids.iter().copied().filter(|id| !discarded.contains(id)).collect();
        let states = states(desk, &passed).await?;
        for target in targets {
            let fate = if discarded.contains(&target.id) {
                Fate::new(target, "discarded", None, note)
            } else {
                let now = match states.get(&target.id).map(String::as_str) {
                    Some("waiting" | "dead") => "others work on it",
                    _ => "done already",
                };
                Fate::new(target, PASSED_OVER, Some(now), None)
            };
            results.add(fate)?;
        }
        progress.at(results.count());
    }
}

/// Discards these records in one transaction, and tells which of them: others may work on the rest.
async fn apply(desk: &Desk, ids: &[i64], note: Option<&str>) -> Result<HashSet<i64>, Fault> {
    let transaction = Transaction::new(desk.pool.get().await?);
    let claimed = transaction.write(statement!("discard_claim.sql"), &[&desk.group(), &ids]).await?;
    let ids: Vec<i64> = claimed.iter().map(|row| row.get("id")).collect();
    let subjects: Vec<&str> = claimed.iter().map(|row| row.get("subject")).collect();
    transaction.execute(statement!("discard_ledger.sql"), &[&ids, &note]).await?;
    transaction.execute(statement!("discard.sql"), &[&ids]).await?;
    held::wake(&transaction, desk.group(), &subjects).await?;
    transaction.commit().await?;
    Ok(ids.into_iter().collect())
}

fn note(text: &str) -> Result<String, String> {
    let characters = text.chars().count();
    if text.trim().is_empty() || characters > 200 || text.contains(char::is_control) {
        return Err("a line of 1 to 200 characters".to_owned());
    }
    Ok(text.to_owned())
}
