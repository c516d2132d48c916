//! The soak: mixed traffic and faults, round after round, for as long as it is told; what the worker holds must not
//! grow, and the promise must hold in the end. `make soak` runs it.

use std::fmt;
use std::time::{Duration, Instant};

use stack::postgres::StopMode;
use stack::{Kafka, Postgres};

use crate::support::http::get;
use crate::support::load::{Mixture, seed};
use crate::support::{DEADLINE, Worker, World};

/// How long it runs unless `SOAK_MINUTES` says otherwise.
const USUAL: Duration = Duration::from_mins(5);

/// In the first round everything is met for the first time; the second is what the last is held against.
const LEAST_ROUNDS: usize = 3;

/// What the last round may have more than the second: what the allocator keeps, connections that are just being
/// replaced, and words that were said for the first time.
const MORE_MEMORY: u64 = 6 << 20;
const MORE_FILES: u64 = 6;
const MORE_CONNECTIONS: u64 = 3;
const MORE_SERIES: u64 = 40;

/// How long each fault's traffic lasts.
const TRAFFIC: Duration = Duration::from_secs(5);

/// How many records are on their way at once, and the pause between two bursts.
const BURST: usize = 40;
const PAUSE: Duration = Duration::from_millis(60);

/// The faults of a round, in turn.
const FAULTS: [Fault; 6] =
    [Fault::None, Fault::Kill, Fault::Terminate, Fault::Lock, Fault::Database, Fault::Broker];

/// What is done to the worker's world.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    /// `kill -9` of the second worker, and its return.
    Kill,
    /// All connections are closed by the server.
    Terminate,
    /// Somebody locks a user for longer than a statement waits.
    Lock,
    /// PostgreSQL is restarted.
    Database,
    /// Kafka is killed and comes back.
    Broker,
}

/// What the worker holds.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    /// Resident, in bytes.
    memory: u64,
    files: u64,
    connections: u64,
    series: u64,
}

struct Soak {
    postgres: Postgres,
    kafka: Kafka,
    world: World,
    worker: Worker,
    second: Worker,
    mixture: Mixture,
    sent: usize,
    begun: Instant,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes: `make soak`"]
async fn soak_nothing_grows_and_nothing_is_lost_whatever_happens() {
    let minutes = std::env::var("SOAK_MINUTES").ok().filter(|minutes| !minutes.is_empty());
    let length = minutes.map_or(USUAL, |minutes| {
        Duration::from_secs_f64(minutes.parse::<f64>().expect("SOAK_MINUTES is a number of minutes") * 60.0)
    });
    let mut soak = Soak::begin().await;
    let mut rounds: Vec<Held> = Vec::new();
    while rounds.len() < LEAST_ROUNDS || soak.begun.elapsed() < length {
        let mut most = Held::default();
        for fault in FAULTS {
            soak.endure(fault).await;
            most = most.or_more(soak.held().await);
        }
        rounds.push(most);
        soak.say(&format!("round {}: {most}", rounds.len()));
    }
    soak.end().await;
    let (usual, last) = (rounds[1], rounds[rounds.len() - 1]);
    assert!(last.memory <= usual.memory + MORE_MEMORY, "memory grew from {usual} to {last}");
    assert!(last.files <= usual.files + MORE_FILES, "files grew from {usual} to {last}");
    assert!(last.connections <= usual.connections + MORE_CONNECTIONS, "from {usual} to {last}");
    assert!(last.series <= usual.series + MORE_SERIES, "series grew from {usual} to {last}");
}

impl Soak {
    async fn begin() -> Self {
        let seed = seed();
        let (postgres, kafka) = tokio::join!(Postgres::start(&[]), Kafka::start(&[]));
        let (postgres, kafka) = (postgres.unwrap(), kafka.unwrap());
        let world = World::on(&postgres, kafka.admin(), kafka.bootstrap(), 6).await;
        let mut migrate = world.run(&["migrate"], &[]);
        assert!(migrate.ended_within(DEADLINE).await.success(), "{}", migrate.text());
        world.seed().await;
        let (worker, second) = (start(&world), start(&world));
        let mixture = Mixture::new(seed);
        let soak = Self { postgres, kafka, world, worker, second, mixture, sent: 0, begun: Instant::now() };
        soak.say(&format!("begins; to repeat this traffic: INVARIANTS_SEED={seed}"));
        soak
    }

    /// Traffic, a fault in its midst, and the recovery from it.
    async fn endure(&mut self, fault: Fault) {
        let begun = Instant::now();
        self.traffic(TRAFFIC / 2).await;
        match fault {
            Fault::None => {}
            Fault::Kill => {
                self.second.kill().await;
                self.second = start(&self.world);
            }
            Fault::Terminate => {
                let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'worker'";
                self.world.database.execute(sql, &[]).await.unwrap();
            }
            Fault::Lock => {
                let locker = self.postgres.connect(&self.world.database_name).await.unwrap();
                locker
                    .batch_execute("BEGIN; SELECT FROM users WHERE username = 'ana' FOR UPDATE")
                    .await
                    .unwrap();
                self.traffic(Duration::from_secs(12)).await;
                locker.batch_execute("COMMIT").await.unwrap();
            }
            Fault::Database => {
                self.postgres.stop(StopMode::Fast).await.unwrap();
                self.traffic(TRAFFIC / 2).await;
                self.postgres.start_again().await.unwrap();
                self.world.database = self.postgres.connect(&self.world.database_name).await.unwrap();
            }
            Fault::Broker => {
                self.kafka.kill().await.unwrap();
                self.kafka.start_again().await.unwrap();
            }
        }
        self.traffic(TRAFFIC / 2).await;
        self.world.settled().await;
        assert!(self.worker.exited().is_none(), "the worker ended by itself:\n{}", self.worker.text());
        self.say(&format!("{fault:?} endured in {} s", begun.elapsed().as_secs()));
    }

    async fn traffic(&mut self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            self.sent += self.world.send(self.mixture.take(BURST)).await.len();
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What the first worker holds now.
    async fn held(&mut self) -> Held {
        let metrics = get(self.worker.address().await, "/metrics").await.unwrap().body;
        let series = metrics.lines().filter(|line| !line.starts_with('#')).count();
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'worker'";
        let connections: i64 = self.world.database.query_one(sql, &[]).await.unwrap().get(0);
        Held {
            memory: self.worker.memory(),
            files: self.worker.descriptors() as u64,
            connections: u64::try_from(connections).unwrap(),
            series: series as u64,
        }
    }

    /// Stops all, and proves the promise.
    async fn end(self) {
        let Self { world, sent, begun, .. } = &self;
        let (sent, lasted) = (*sent, begun.elapsed().as_secs());
        world.settled().await;
        world.nothing_is_due().await;
        let said = world.command(&["verify", "--records"]).await;
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        let applied: i64 = world
            .database
            .query_one("SELECT count(DISTINCT (topic, partition, record_offset)) FROM worker.ledger", &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!(usize::try_from(applied).unwrap(), sent);
        self.say(&format!(
            "{sent} records in {lasted} s, each with one outcome; `worker verify --records` is clean"
        ));
        self.worker.stop().await;
        self.second.stop().await;
    }

    #[expect(clippy::print_stdout, reason = "whoever runs it for hours wants to see it move")]
    fn say(&self, text: &str) {
        let seconds = self.begun.elapsed().as_secs();
        println!("{:>4}:{:02}  {:>8} records  {text}", seconds / 60, seconds % 60, self.sent);
    }
}

impl Held {
    fn or_more(self, other: Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            files: self.files.max(other.files),
            connections: self.connections.max(other.connections),
            series: self.series.max(other.series),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory, files, connections, series } = self;
        write!(
            formatter,
            "{} MiB, {files} files, {connections} connections of both workers, {series} series",
            memory >> 20
        )
    }
}

fn start(world: &World) -> Worker {
    world.worker_with(&[("KAFKA_PROPERTIES", "session.timeout.ms=6000\nheartbeat.interval.ms=1000")])
}
