//! The demo, from the first process to the last: set the scene, feed the worker, end, sum up.

mod environment;
mod feed;
mod guests;
mod headers;
mod latecomers;
mod names;
mod program;
mod published;
mod record;
mod sample;
mod scene;
mod stop;
mod story;
mod summary;
pub(crate) mod terminal;

use std::process::{ExitCode, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use stack::Signal;

use feed::Feed;
use program::Program;
use published::Published;
use scene::Scene;
use stop::Stop;
use summary::Summary;

/// Beyond the worker's own `SHUTDOWN_GRACE`.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);
/// Beyond what the records wait by the settings.
const SETTLE_LIMIT: Duration = Duration::from_secs(20);
/// How much later than its children the demo may hear of a signal.
const SIGNAL_LIMIT: Duration = Duration::from_millis(500);
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

impl Arguments {
    fn rate(&self) -> f64 {
        self.rate.clamp(0.01, 10_000.0)
    }
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
        scene = Scene::set(arguments.rate()) => Some(scene?),
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
    let published = Published::begin(&scene.broker, &scene.names).await?;
    let (client, desk) = (scene.database.connect().await?, scene.database.connect().await?);
    let feed = Feed::new(&scene.broker, client, scene.names.topics.clone(), arguments.rate())?;
    let program = Arc::clone(&scene.program);
    // A cancellation that queues behind its booking waits anew once that is dead.
    let patience = 2 * scene.names.max_age;
    scene.start_worker()?;
    terminal::say(&format!(
        "Up after {:.1} s. Here is the worker's own log; Ctrl-C ends it all.",
        began.elapsed().as_secs_f64()
    ));

    let over = tokio::select! {
        told = tell(&feed, &summary, arguments.records, patience) => { told?; Over::AllSent }
        helped = feed.latecomers().help(&desk, &program, patience) => {
            // Ctrl-C can hit a command that is just being launched, too: then that is what it died of.
            if tokio::time::timeout(SIGNAL_LIMIT, stop.asked()).await.is_err() {
                return helped;
            }
            Over::Asked
        }
        status = scene.worker_ended() => Over::WorkerEnded(status?),
        () = stop.asked() => Over::Asked,
    };
    let status = match over {
        Over::WorkerEnded(status) => status,
        Over::AllSent | Over::Asked => drain(scene, stop).await?,
    };
    let summed = sum_up(&feed, &summary, &published, &program).await;
    if let Over::WorkerEnded(status) = over {
        bail!("the worker ended by itself ({status}); its log above says why");
    }
    if !status.success() {
        bail!("the worker did not drain in order ({status})");
    }
    summed
}

/// Sends the records, and waits until something has become of each of them.
async fn tell(feed: &Feed, summary: &Summary, records: Option<usize>, patience: Duration) -> Result<()> {
    feed.run(records).await?;
    terminal::say("All records are sent. What is held has its time to come back; after that it is dead.");
    summary.settled(feed, patience + SETTLE_LIMIT).await
}

async fn sum_up(feed: &Feed, summary: &Summary, published: &Published, program: &Program) -> Result<()> {
    let sent = feed.sent();
    summary.print(&sent).await?;
    published.print().await?;
    if let Some(booking) = summary.story(&sent).await? {
        terminal::say(&format!("The story of one of them: worker explain {booking}"));
        terminal::line("");
        program.show(&["explain", &booking]).await?;
        terminal::line("");
    }
    Ok(())
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
