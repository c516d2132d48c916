//! `worker held redrive`: records tried again because a person says so, by the handlers that apply live ones.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::diverted;
use super::results::{Fate, PASSED_OVER, Results};
use super::selection::{Selection, Target, Which};
use crate::backoff::Backoff;
use crate::booking;
use crate::fault::Fault;
use crate::ops::progress::Progress;
use crate::ops::words::records;
use crate::ops::{Desk, Failure};
use crate::retry::{Ending, Retried, Take};
use crate::route::Route;
use crate::shared::Shared;
use crate::statement::statement;
use crate::store::held::Claim;
use crate::terminal::{print, say};

/// What `worker held redrive` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// A rehearsal: apply the records for real in a transaction that is rolled back, and show the outcomes
    #[arg(long)]
    dry_run: bool,
    /// Print JSON: each record with its outcome, then the sums
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
A redriven record keeps its place and its story: `redriven`, and then its new outcome, are its next revisions in
the ledger. A waiting record is tried now instead of later. What others work on this moment is passed over. Up to
500 records go in one transaction, each topic by itself; in a rehearsal, a record does not see what the records of
other transactions would have done. Diverted records are read from their topics again, as long as these have them;
what another group of this database has taken is left alone.

Examples:
  worker held redrive --reason invalid_dates --dry-run   what would become of these
  worker held redrive --reason invalid_dates             try them
  worker held redrive 12 13                              try these two
  worker held redrive --status waiting --all             try now whatever waits
  worker held redrive --all --json > redriven.json
  worker held redrive --status diverted --namespace ana   apply here what an overlay that is gone has left";

/// How long a database that is away is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) async fn run(arguments: Arguments, desk: &Desk) -> Result<(), Failure> {
    let ending = if arguments.dry_run { Ending::Rehearse } else { Ending::Commit };
    if arguments.which.is_of_diverted()? {
        let results = Results::begin(desk, arguments.json, &json!({ "dryRun": arguments.dry_run }), &[])?;
        let mut results = results.of_diverted();
        let ended = diverted::redrive(arguments.which.filter(), desk, ending, &mut results).await;
        results.end(ended.as_ref().err())?;
        if !arguments.json {
            conclude(&results, ending)?;
        }
        return ended;
    }
    let mut selection = Selection::new(&arguments.which, desk).await?;
    let members = json!({ "dryRun": arguments.dry_run, "selected": selection.total });
    let mut results = Results::begin(desk, arguments.json, &members, arguments.which.ids())?;
    let ended = redrive(desk, ending, &mut selection, &mut results).await;
    results.end(ended.as_ref().err())?;
    if !arguments.json {
        conclude(&results, ending)?;
    }
    ended
}

async fn redrive(
    desk: &Desk,
    ending: Ending,
    selection: &mut Selection<'_>,
    results: &mut Results<'_>,
) -> Result<(), Failure> {
    let shared = desk.shared()?;
    let routes = booking::routes(&desk.settings);
    let what = if ending == Ending::Rehearse { "rehearsed" } else { "redriven" };
    let mut progress = Progress::new(what, selection.total);
    loop {
        let mut targets = selection.next().await?;
        if targets.is_empty() {
            return Ok(());
        }
        let (retried, fault) = retry_all(&routes, &shared, &targets, ending).await;
        if fault.is_some() {
            targets.retain(|target| retried.contains_key(&target.id));
        }
        report(desk, targets, &retried, results).await?;
        if let Some(fault) = fault {
            return Err(fault.into());
        }
        progress.at(results.count());
    }
}

/// Tries the targets, a transaction each topic. After a fault, what was done before it counts.
async fn retry_all(
    routes: &[Route],
    shared: &Shared,
    targets: &[Target],
    ending: Ending,
) -> (HashMap<i64, Retried>, Option<Fault>) {
    let mut retried = HashMap::new();
    for route in routes {
        let topic: &str = route.topic();
        let ids: Vec<i64> =
            targets.iter().filter(|target| target.topic == topic).map(|target| target.id).collect();
        if ids.is_empty() {
            continue;
        }
        match retry(route, shared, Take::Held(Claim::These(&ids)), ending).await {
            Ok(done) => retried.extend(done.into_iter().map(|retried| (retried.id, retried))),
            Err(fault) => return (retried, Some(fault)),
        }
    }
    (retried, None)
}

/// Tries records of one topic, for as long as it takes a fault to pass, within bounds.
pub(super) async fn retry(
    route: &Route,
    shared: &Shared,
    take: Take<'_>,
    ending: Ending,
) -> Result<Vec<Retried>, Fault> {
    let deadline = Instant::now() + PATIENCE;
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    let (mut waited, mut stale) = (false, false);
    loop {
        let cause = match route.retry(shared, take, ending).await {
            Err(Fault::Transient(cause) | Fault::CommitUnknown(cause)) if Instant::now() < deadline => cause,
            // Prepared anew, once.
            Err(Fault::StaleStatement(cause)) if !stale => {
                stale = true;
                shared.pool.manager().statement_caches.clear();
                cause
            }
            ended => return ended,
        };
        if !std::mem::replace(&mut waited, true) {
            say(&format!("PostgreSQL: {cause}; trying again for a minute"));
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

/// Adds what has become of each target. Those that were not taken up are looked up as they are now.
async fn report(
    desk: &Desk,
    targets: Vec<Target>,
    retried: &HashMap<i64, Retried>,
    results: &mut Results<'_>,
) -> Result<(), Failure> {
    let passed: Vec<i64> =
        targets.iter().map(|target| target.id).filter(|id| !retried.contains_key(id)).collect();
    let states = states(desk, &passed).await?;
    for mut target in targets {
        let fate = if let Some(retried) = retried.get(&target.id) {
            target.subject.clone_from(&retried.subject);
            let outcome = &retried.outcome;
            Fate::new(target, outcome.name(), outcome.reason(), outcome.detail())
        } else {
            let state = states.get(&target.id).map(String::as_str);
            let now = match state {
                Some("waiting" | "dead") => "others work on it, or its topic is no longer read".to_owned(),
                Some(state) => format!("{state} already"),
                None => "done already".to_owned(),
            };
            Fate::new(target, PASSED_OVER, Some(&now), None)
        };
        results.add(fate)?;
    }
    Ok(())
}

/// The status of those records that are still on file.
pub(super) async fn states(desk: &Desk, ids: &[i64]) -> Result<HashMap<i64, String>, Failure> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = desk.query(statement!("state.sql"), &[&desk.group(), &ids]).await?;
    Ok(rows.iter().map(|row| (row.get("id"), row.get("status"))).collect())
}

/// What the sums do not say.
fn conclude(results: &Results<'_>, ending: Ending) -> Result<(), Failure> {
    let waits = results.with("held");
    if waits > 0 {
        let would = if ending == Ending::Rehearse { "would wait" } else { "waiting" };
        print(&format!("\n{}: {would} for what is still unknown; tried again by itself", records(waits)))?;
    }
    if ending == Ending::Rehearse && results.count() > 0 {
        print("\na rehearsal: nothing was changed")?;
    }
    Ok(())
}
