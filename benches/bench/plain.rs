//! What people write first: a loop, one transaction a record, statements as text, the offset committed behind it.
//! And what they write next: the same in a task a partition, with prepared statements.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use deadpool_postgres::Transaction;
use jiff::civil::DateTime;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::message::OwnedMessage;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_postgres::Statement;
use worker::store::{Pool, pool};

use crate::scene::{self, Stage};

/// How far its author has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Draft {
    /// One record after the other, each statement parsed anew.
    First,
    /// A task a partition, statements prepared.
    Second,
}

/// Applies records for this long and returns records a second.
pub async fn run(stage: &Stage, draft: Draft, limit: Duration) -> Result<f64> {
    let mut settings = scene::settings(&stage.environment)?;
    settings.database.pool_size = 12;
    let pool = pool::pool(&settings.database)?;
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &settings.kafka.brokers)
        .set("group.id", format!("{}-plain", settings.kafka.group_id))
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()?;
    let consumer = Arc::new(consumer);
    consumer.subscribe(&[&settings.kafka.booking_topic, &settings.kafka.cancellation_topic])?;
    let applied = Arc::new(AtomicI64::new(0));
    let mut running = std::collections::HashMap::new();
    let mut started = None;
    loop {
        let left = started.map_or(Duration::from_secs(30), |at: Instant| limit.saturating_sub(at.elapsed()));
        let Ok(message) = tokio::time::timeout(left, consumer.recv()).await else { break };
        let message = message?.detach();
        started.get_or_insert_with(Instant::now);
        let key = match draft {
            Draft::First => None,
            Draft::Second => Some((message.topic().to_owned(), message.partition())),
        };
        let task: &mpsc::Sender<OwnedMessage> = running.entry(key).or_insert_with(|| {
            let (send, receive) = mpsc::channel(100);
            tokio::spawn(consume(draft, receive, pool.clone(), consumer.clone(), applied.clone()));
            send
        });
        if tokio::time::timeout(left, task.send(message)).await.is_err() {
            break;
        }
    }
    let seconds = started.map_or(f64::NAN, |at| at.elapsed().as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    Ok(applied.load(Ordering::Relaxed) as f64 / seconds)
}

async fn consume(
    draft: Draft,
    mut records: mpsc::Receiver<OwnedMessage>,
    pool: Pool,
    consumer: Arc<StreamConsumer>,
    applied: Arc<AtomicI64>,
) -> Result<()> {
    while let Some(record) = records.recv().await {
        apply(draft, &record, &pool).await?;
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset(
            record.topic(),
            record.partition(),
            Offset::Offset(record.offset() + 1),
        )?;
        consumer.commit(&offsets, CommitMode::Async)?;
        applied.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn prepare(draft: Draft, transaction: &Transaction<'_>, sql: &str) -> Result<Statement> {
    Ok(match draft {
        // As `query` does with a text.
        Draft::First => transaction.prepare(sql).await?,
        Draft::Second => transaction.prepare_cached(sql).await?,
    })
}

async fn apply(draft: Draft, record: &OwnedMessage, pool: &Pool) -> Result<()> {
    let event: Value = serde_json::from_slice(record.payload().unwrap_or_default())?;
    let text = |field: &str| event[field].as_str().unwrap_or_default();
    let mut connection = pool.get().await?;
    let transaction = connection.transaction().await?;
    // By number where it is one, as a careful author would: a scan of all users would be no rival.
    let user = if let Ok(number) = text("userId").parse::<i32>() {
        let statement = prepare(draft, &transaction, "SELECT id FROM users WHERE id = $1").await?;
        transaction.query_opt(&statement, &[&number]).await?
    } else {
        let by_name = "SELECT id FROM users WHERE email = $1 OR username = $1";
        let statement = prepare(draft, &transaction, by_name).await?;
        transaction.query_opt(&statement, &[&text("userId")]).await?
    };
    let user: i32 = user.map_or(0, |row| row.get(0));
    if event.get("roomId").is_some() {
        let statement = prepare(draft, &transaction, "SELECT id FROM rooms WHERE internal_id = $1").await?;
        let room: i32 = transaction.query_one(&statement, &[&text("roomId")]).await?.get(0);
        let statement = prepare(
            draft,
            &transaction,
            "INSERT INTO bookings (booking_id, user_id, room_id, number_of_guests, start_date, end_date, \
                 payment_id) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (booking_id) DO NOTHING",
        )
        .await?;
        let guests = i32::try_from(event["guests"].as_i64().unwrap_or(1))?;
        let date = |field: &str| text(field).get(..19).unwrap_or_default().parse::<DateTime>();
        let (start, end) = (date("startDate")?.date(), date("endDate")?.date());
        transaction
            .execute(
                &statement,
                &[&text("bookingId"), &user, &room, &guests, &start, &end, &text("paymentId")],
            )
            .await?;
    } else {
        let statement = prepare(
            draft,
            &transaction,
            "UPDATE bookings SET status = 'Cancelled', updated_at = now() \
                 WHERE booking_id = $1 AND user_id = $2 AND status = 'Accepted'",
        )
        .await?;
        transaction.execute(&statement, &[&text("bookingId"), &user]).await?;
    }
    transaction.commit().await?;
    Ok(())
}
