//! The demo, from the first process to the last: set the scene, feed the worker, end, sum up.

mod environment;
mod feed;
mod guests;
mod headers;
mod record;
mod sample;
mod scene;
mod stop;
mod story;
mod summary;
pub(crate) mod terminal;

use std::process::{ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use stack::Signal;

use feed::Feed;
use scene::Scene;
use stop::Stop;
use summary::Summary;

/// Beyond the worker's own `SHUTDOWN_GRACE`.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);
const SETTLE_LIMIT: Duration = Duration::from_secs(30);
const INTERRUPTED: u8 = 130;

/// Runs the booking worker on a private PostgreSQL and Apache Kafka and feeds it sample events.
///
/// `KAFKA_BROKERS` or `DB_HOST` set: that one is used instead; nothing in it is dropped.
#[derive(Debug, Parser)]
#[command(name = "demo")]
pub(crate) struct Arguments {
    /// Ends by itself after this many records (otherwise: at Ctrl-C)
    #[arg(long)]
    records: Option<usize>,
    /// Records a second, on average
    #[arg(long, default_value_t = 4.0)]
    rate: f64,
}

/// Why the feed is over.
enum Over {
    AllSent,
    Asked,
    WorkerEnded(ExitStatus),
}

/// Runs the demo to its end. When it returns, or is dropped, all that it started has ended.
pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let began = Instant::now();
    let scene = tokio::select! {
        scene = Scene::set() => Some(scene?),
        () = stop.asked() => None,
    };
    let Some(mut scene) = scene else {
        terminal::say("Stopped before everything was up; what had started has ended.");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let played = play(arguments, &mut scene, &mut stop, began).await;
    drop(scene);
    terminal::say("All processes have ended, and no temporary file is left.");
    played.map(|()| ExitCode::SUCCESS)
}

async fn play(arguments: &Arguments, scene: &mut Scene, stop: &mut Stop, began: Instant) -> Result<()> {
    let summary = Summary::begin(scene.database.connect().await?).await?;
    let feed = Feed::new(&scene.broker, scene.database.connect().await?, arguments.rate)?;
    scene.start_worker()?;
    terminal::say(&format!(
        "Up after {:.1} s. Here is the worker's own log; Ctrl-C ends it all.",
        began.elapsed().as_secs_f64()
    ));

    let over = tokio::select! {
        all = feed.run(arguments.records) => { all?; Over::AllSent }
        status = scene.worker_ended() => Over::WorkerEnded(status?),
        () = stop.asked() => Over::Asked,
    };
    let sent = feed.sent();
    if let Over::AllSent = over {
        tokio::select! {
            settled = summary.settled(&sent, SETTLE_LIMIT) => settled?,
            () = stop.asked() => {}
        }
    }
    let status = match over {
        Over::WorkerEnded(status) => status,
        Over::AllSent | Over::Asked => drain(scene, stop).await?,
    };
    let summed = summary.print(&sent).await;
    if let Over::WorkerEnded(status) = over {
        bail!("the worker ended by itself ({status}); its log above says why");
    }
    if !status.success() {
        bail!("the worker did not drain in order ({status})");
    }
    summed
}

/// Asks the worker to finish what it has begun; a second signal from the person kills it.
async fn drain(scene: &mut Scene, stop: &mut Stop) -> Result<ExitStatus> {
    terminal::say("The worker is asked to end (SIGTERM) and finishes what it has begun.");
    scene.worker()?.signal(Signal::TERM)?;
    let ended = tokio::select! {
        ended = scene.worker()?.wait(DRAIN_LIMIT) => ended?,
        () = stop.asked() => None,
    };
    if let Some(status) = ended {
        return Ok(status);
    }
    terminal::say("The worker is killed.");
    scene.worker()?.kill().await?;
    scene.worker()?.exited()?.context("the worker is still there")
}
