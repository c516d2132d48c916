//! `make bench`: what the worker does and costs, on a real PostgreSQL and a real Apache Kafka, in one run.
//!
//! Every comparison is a ratio between things measured side by side in this run: machines differ and are noisy.
//! Arguments name the parts to run (`cargo bench -- throughput latency`); none runs all of them.
#![expect(clippy::print_stdout, reason = "the table is this program's product")]
#![expect(unreachable_pub, reason = "a program exports nothing; `pub` marks what its modules offer")]

mod alignment;
mod aside;
mod backlog;
mod bound;
mod latency;
mod load;
mod measure;
mod plain;
mod relay;
mod scene;
mod scrape;
mod throughput;
mod traces;
mod verify;
mod waiting;
mod worker;

use anyhow::Result;

/// The parts, in the order in which they run.
const PARTS: [&str; 11] = [
    "throughput",
    "scaling",
    "slow-lane",
    "backlog",
    "relay",
    "aside",
    "traces",
    "scrape",
    "latency",
    "memory",
    "verify",
];

#[tokio::main]
async fn main() -> Result<()> {
    // `cargo bench` adds `--bench`.
    let named: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Some(unknown) = named.iter().find(|name| !PARTS.contains(&name.as_str())) {
        anyhow::bail!("there is no part {unknown:?}; there are: {}", PARTS.join(", "));
    }
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
    let scene = scene::Scene::start().await?;
    println!("{}", scene::machine());
    for part in PARTS.into_iter().filter(|part| wanted(part)) {
        println!("\n== {part}");
        match part {
            "throughput" => throughput::run(&scene).await?,
            "scaling" => throughput::scaling(&scene).await?,
            "slow-lane" => waiting::run(&scene).await?,
            "backlog" => alignment::run(&scene).await?,
            "relay" => relay::run(&scene).await?,
            "aside" => aside::run(&scene).await?,
            "traces" => traces::run(&scene).await?,
            "scrape" => scrape::run(&scene).await?,
            "latency" => latency::run(&scene).await?,
            "verify" => verify::run(&scene).await?,
            _ => backlog::run(&scene).await?,
        }
    }
    Ok(())
}
