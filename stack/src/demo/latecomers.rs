//! Guests who register only when their booking has waited too long: it is dead, and a person redrives it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio_postgres::Client;

use super::feed::Coordinates;
use super::guests::{self, Guest};
use super::program::Program;
use super::terminal::say;

const DEAD: &str = include_str!("latecomers_dead.sql");
const LOOK: Duration = Duration::from_millis(200);
/// What a busy machine may take beyond that the records wait.
const SLACK: Duration = Duration::from_secs(8);

/// Those who have not registered yet.
#[derive(Default)]
pub(crate) struct Latecomers {
    waiting: Mutex<Vec<Latecomer>>,
}

/// A guest and the booking that was made for them.
#[derive(Clone)]
struct Latecomer {
    guest: Guest,
    booking: Coordinates,
    since: Instant,
}

impl Latecomers {
    /// A booking has been sent for a guest whom nobody knows.
    pub(crate) fn expect(&self, guest: Guest, booking: Coordinates) {
        self.waiting().push(Latecomer { guest, booking, since: Instant::now() });
    }

    /// Whether all have registered, and been helped.
    pub(crate) fn are_done(&self) -> bool {
        self.waiting().is_empty()
    }

    /// Helps each, one after the other. Never ends; an error says that PostgreSQL or the command failed.
    pub(crate) async fn help(&self, client: &Client, program: &Program, patience: Duration) -> Result<()> {
        loop {
            let first = self.waiting().first().cloned();
            if let Some(latecomer) = first
                && latecomer.help(client, program, patience).await?
            {
                self.waiting().remove(0);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Latecomer>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latecomer {
    /// Once the booking is dead: registers the guest and redrives it. False where it is not.
    async fn help(&self, client: &Client, program: &Program, patience: Duration) -> Result<bool> {
        let Coordinates { topic, partition, offset } = &self.booking;
        let dead = client.query_opt(DEAD, &[topic, partition, offset]).await;
        let name = &self.guest.username;
        let Some(row) = dead.context("the held records cannot be read")? else {
            // By the person's own settings it may wait for days: it comes back by itself.
            let is_over = self.since.elapsed() > patience + SLACK;
            if is_over {
                guests::register(client, &self.guest).await?;
            }
            return Ok(is_over);
        };
        guests::register(client, &self.guest).await?;
        let booking: String = row.get(0);
        say(&format!(
            "{name} has registered, but the booking is dead: it waited too long. So: worker held redrive --booking \
             {booking}"
        ));
        program.show(&["held", "redrive", "--booking", &booking]).await?;
        Ok(true)
    }
}
