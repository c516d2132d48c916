//! What traces cost where every record is sampled: with a collector that never answers, and with one that does.
#![expect(clippy::print_stdout, reason = "the table is this program's product")]

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::scene::Scene;
use crate::{load, measure, worker};

const BOOKINGS: usize = 60_000;
const PARTITIONS: i32 = 6;
const ROUNDS: usize = 5;
const LIMIT: Duration = Duration::from_mins(2);

/// The bodies that a collector has read.
type Bodies = Arc<Mutex<Vec<Vec<u8>>>>;

/// Throughput without, with a deaf collector, and with an answering one, side by side.
pub async fn run(scene: &Scene) -> Result<()> {
    let topic = "traces-bookings";
    scene.kafka.admin().create_topic("traces-none", PARTITIONS, &[]).await?;
    scene.topic(topic, PARTITIONS, (0..BOOKINGS).map(load::booking)).await?;
    let (deaf, _) = collector(false).await?;
    let (answering, bodies) = collector(true).await?;
    let (mut to_deaf, mut to_answering) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let without = rate(scene, topic, None).await?;
        let with_deaf = rate(scene, topic, Some(&deaf)).await?;
        let with_answering = rate(scene, topic, Some(&answering)).await?;
        println!(
            "  without {without:>6.0}/s, never answered {with_deaf:>6.0}/s, answered {with_answering:>6.0}/s"
        );
        to_deaf.push(with_deaf / without);
        to_answering.push(with_answering / without);
    }
    println!("traces, never answered / without {:>6.2}   (target 1)", measure::median(&to_deaf));
    println!("traces, answered / without       {:>6.2}", measure::median(&to_answering));
    let spans = spans(&bodies)?;
    println!("  spans that arrived        {spans:>8} of {} records", ROUNDS * BOOKINGS);
    Ok(())
}

async fn rate(scene: &Scene, topic: &str, endpoint: Option<&str>) -> Result<f64> {
    let stage = scene.stage(topic, "traces-none").await?;
    let settings: Vec<(&str, &str)> =
        endpoint.map(|endpoint| ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)).into_iter().collect();
    let run = worker::run(scene, &stage, &settings, i64::try_from(BOOKINGS)?, LIMIT).await?;
    Ok(run.records_per_second)
}

/// Listens for OTLP over HTTP; returns its endpoint.
async fn collector(answers: bool) -> Result<(String, Bodies)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let bodies = Bodies::default();
    let read = bodies.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let read = read.clone();
            // It ends when the worker hangs up.
            tokio::spawn(async move { drop(serve(client, answers, &read).await) });
        }
    });
    Ok((endpoint, bodies))
}

async fn serve(client: TcpStream, answers: bool, read: &Bodies) -> Result<()> {
    let mut client = BufReader::new(client);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if client.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let mut body = vec![0; length.context("a request without a length")?.trim().parse()?];
        client.read_exact(&mut body).await?;
        if !answers {
            return std::future::pending().await;
        }
        // Decoded when nothing is measured any more.
        read.lock().map_err(|_| anyhow!("a reader panicked"))?.push(body);
        client.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
    }
}

/// How many records' spans arrived.
fn spans(bodies: &Bodies) -> Result<usize> {
    let mut count = 0;
    for body in &*bodies.lock().map_err(|_| anyhow!("a reader panicked"))? {
        let request = ExportTraceServiceRequest::decode(&**body)?;
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let spans = scopes.flat_map(|scope| scope.spans);
        count += spans
            .filter(|span| span.attributes.iter().any(|attribute| attribute.key == "worker.outcome"))
            .count();
    }
    Ok(count)
}
