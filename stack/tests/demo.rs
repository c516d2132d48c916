//! The demo as a person runs it: what it shows, how it ends, and that it leaves nothing behind.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use stack::{Ending, Output, Postgres, Process, Scratch, Signal};

const LIMIT: Duration = Duration::from_mins(3);
const POLL: Duration = Duration::from_millis(20);

/// What a person may have set for another purpose.
const SETTINGS: &[&str] = &[
    "DB_HOST",
    "DB_PASSWORD_FILE",
    "KAFKA_BROKERS",
    "KAFKA_PROPERTIES",
    "KAFKA_BOOKING_TOPIC",
    "KAFKA_CANCELLATION_TOPIC",
    "KAFKA_STATUS_TOPIC",
    "KAFKA_GROUP_ID",
    "HELD_BACKOFF_MIN",
    "HELD_BACKOFF_MAX",
    "HELD_MAX_AGE",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "RUST_LOG",
];

#[tokio::test]
async fn what_is_held_comes_back_and_what_is_dead_is_redriven() -> Result<()> {
    // Slow enough for the worker to meet what came too early before its guest or its booking comes.
    let mut demo = Demo::start(&["--records", "50", "--rate", "5"], &[])?;
    demo.ends_in_order().await?;
    let outcomes = demo.outcomes()?;
    let became = |create: &[&str], cancel: &[&str]| {
        outcomes.values().any(|[created, cancelled]| created == create && cancelled == cancel)
    };
    ensure!(
        became(&["accepted"], &["held unknown_booking", "cancelled"]),
        "no cancellation came before its booking: {outcomes:?}"
    );
    ensure!(became(&["held unknown_user", "accepted"], &[]), "no guest registered in time: {outcomes:?}");

    // The command that redrives it logs nothing.
    let story = demo.after("The story of one of them: worker explain ")?;
    let [created, _] = outcomes.get(&story).context("the story's booking is not in the log")?;
    ensure!(created == &["held unknown_user", "dead waited_too_long"], "{created:?}");
    let log = demo.log()?;
    let told = log.split_once(&format!("\nBooking {story}\n")).context("no story is told")?.1;
    let chapters = ["held (unknown_user)", "dead (waited_too_long)", "redriven", "accepted", "Now Cancelled"];
    let places: Vec<Option<usize>> = chapters.iter().map(|chapter| told.find(chapter)).collect();
    ensure!(places.iter().all(Option::is_some) && places.is_sorted(), "out of order: {told}");

    demo.after(&format!(
        "the booking is dead: it waited too long. So: worker held redrive --booking {story}"
    ))?;
    let sums = demo.after("▸ 50 records sent, 50 with a recorded outcome; ")?;
    let [first_held, redriven] = numbers(&sums)[..] else { anyhow::bail!("no sums: {sums}") };
    ensure!(first_held > 2 && redriven > 0, "{sums}");
    let published = demo.after("▸ Published: ")?;
    let counts = numbers(&published);
    ensure!(counts.len() == 3 && counts[0] > 20 && counts[1] > 1, "{published}");
    let still_held = log.lines().find(|line| line.starts_with("  booking-") && line.contains("  held  "));
    ensure!(still_held.is_none(), "something still waits: {still_held:?}");
    demo.left_nothing()
}

#[tokio::test]
async fn without_java_and_twice_on_a_given_database_an_interrupt_ends_with_the_summary() -> Result<()> {
    let postgres = Postgres::start(&[]).await?;
    postgres.create_database("given").await?;
    let programs = Scratch::new("demo-path")?;
    without_java(programs.path())?;
    let mut settings = postgres.environment("given");
    settings.push(("PATH", programs.path().display().to_string()));
    let bookings = "SELECT count(*) FROM bookings WHERE booking_id IS NOT NULL";
    let mut before = 0;
    for _run in 0..2 {
        let mut demo = Demo::start(&["--rate", "20"], &settings)?;
        demo.says("librdkafka's mock stands in").await?;
        demo.says("\"msg\":\"booking accepted\"").await?;
        demo.interrupt()?;
        demo.ends_in_order().await?;
        demo.after(" with a recorded outcome; ")?;
        demo.after("▸ Published: ")?;
        demo.after("\nBooking booking_")?;
        demo.left_nothing()?;
        let now: i64 = postgres.connect("given").await?.query_one(bookings, &[]).await?.get(0);
        ensure!(now > before, "the bookings of an earlier demo are gone, or this one made none");
        before = now;
    }
    Ok(())
}

/// A running demo with a folder of its own for what is temporary.
struct Demo {
    process: Process,
    scratch: Scratch,
}

impl Demo {
    fn start(arguments: &[&str], settings: &[(&'static str, String)]) -> Result<Self> {
        let demo = PathBuf::from(env!("CARGO_BIN_EXE_demo"));
        ensure!(demo.with_file_name("worker").exists(), "build the worker first: cargo build");
        let scratch = Scratch::new("demo-test")?;
        fs::create_dir(scratch.path().join("tmp"))?;
        let mut command = Command::new(demo);
        command.args(arguments);
        for name in SETTINGS {
            command.env_remove(name);
        }
        command.env("TMPDIR", scratch.path().join("tmp")).envs(settings.iter().cloned());
        let process = Process::start(&scratch, "demo", Ending::Kill, Output::Log, &command)?;
        Ok(Self { process, scratch })
    }

    fn interrupt(&mut self) -> Result<()> {
        self.process.signal(Signal::INT)
    }

    async fn ends_in_order(&mut self) -> Result<()> {
        let status = self.process.wait(LIMIT).await?;
        ensure!(
            status.is_some_and(|status| status.success()),
            self.process.failure(&format!("the demo ended with {status:?}"))
        );
        Ok(())
    }

    /// Both outputs.
    fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.process.log())?)
    }

    async fn says(&mut self, text: &str) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        while !self.log()?.contains(text) {
            let goes_on = self.process.exited()?.is_none() && Instant::now() < deadline;
            ensure!(goes_on, self.process.failure(&format!("the demo never said {text}")));
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// What stands behind this text on its line.
    fn after(&self, text: &str) -> Result<String> {
        let log = self.log()?;
        let (_, rest) = log.split_once(text).with_context(|| format!("never said: {text}\n{log}"))?;
        Ok(rest.lines().next().unwrap_or_default().to_owned())
    }

    /// Each booking's outcomes with their reasons, of its creates and of its cancellations, in the log's order.
    fn outcomes(&self) -> Result<HashMap<String, [Vec<String>; 2]>> {
        let mut outcomes: HashMap<String, [Vec<String>; 2]> = HashMap::new();
        for line in self.log()?.lines().filter(|line| line.starts_with('{')) {
            let line: Value = serde_json::from_str(line)?;
            let text = |name: &str| line[name].as_str().unwrap_or_default();
            let what = format!("{} {}", text("outcome"), text("reason"));
            let index = usize::from(text("topic") == "booking-cancellations");
            if !text("outcome").is_empty() {
                let of_booking = outcomes.entry(text("bookingId").to_owned()).or_default();
                of_booking[index].push(what.trim_end().to_owned());
            }
        }
        Ok(outcomes)
    }

    fn left_nothing(&self) -> Result<()> {
        let left: Vec<_> = fs::read_dir(self.scratch.path().join("tmp"))?.flatten().collect();
        ensure!(left.is_empty(), "left behind: {left:?}");
        Ok(())
    }
}

/// The numbers of a line, in order.
fn numbers(line: &str) -> Vec<u64> {
    line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Fills a folder with all programs of the `PATH` but Java.
fn without_java(folder: &Path) -> Result<()> {
    for source in env::split_paths(&env::var_os("PATH").unwrap_or_default()) {
        for program in fs::read_dir(source).into_iter().flatten().flatten() {
            let link = folder.join(program.file_name());
            if program.file_name() != "java" && link.symlink_metadata().is_err() {
                symlink(program.path(), link)?;
            }
        }
    }
    Ok(())
}
