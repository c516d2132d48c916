//! The guests, rooms and front-desk bookings that the sample speaks of.

use anyhow::{Context, Result, ensure};
use tokio_postgres::Client;

const INSERT_GUESTS: &str = include_str!("guests_insert.sql");
const INSERT_FRONT_DESK: &str = include_str!("front_desk_insert.sql");
const INSERT_NEWCOMER: &str = include_str!("newcomer_insert.sql");
const READ_GUESTS: &str =
    "SELECT id::text, email, username FROM public.users WHERE email LIKE '%@guests.example'";
const READ_ROOMS: &str = "SELECT internal_id FROM public.rooms ORDER BY id LIMIT 20";
const READ_FRONT_DESK: &str = include_str!("front_desk_read.sql");

/// A user, by each name that an event may use.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    /// `users.id`, as text.
    pub(crate) id: String,
    /// `users.email`.
    pub(crate) email: String,
    /// `users.username`.
    pub(crate) username: String,
}

/// A booking that no event made.
#[derive(Debug, Clone)]
pub(crate) struct FrontDesk {
    /// `bookings.id`, as text.
    pub(crate) row: String,
    /// Its owner's username.
    pub(crate) username: String,
}

/// What the tables hold for the sample.
#[derive(Debug, Clone, Default)]
pub(crate) struct House {
    /// Users of the sample.
    pub(crate) guests: Vec<Guest>,
    /// Rooms by `rooms.internal_id`.
    pub(crate) rooms: Vec<String>,
    /// Accepted bookings of the front desk.
    pub(crate) accepted: Vec<FrontDesk>,
    /// Refused ones.
    pub(crate) refused: Vec<FrontDesk>,
}

/// Adds what is missing; rows that are there stay as they are.
pub(crate) async fn insert(client: &Client) -> Result<()> {
    client.batch_execute(INSERT_GUESTS).await.context("guests and rooms cannot be inserted")?;
    client.execute(INSERT_FRONT_DESK, &[]).await.context("bookings cannot be inserted")?;
    Ok(())
}

/// Adds a guest whom a booking has named before.
pub(crate) async fn register(client: &Client, guest: &Guest) -> Result<()> {
    let inserted = client.execute(INSERT_NEWCOMER, &[&guest.email, &guest.username]).await;
    inserted.map(drop).context("a guest cannot be inserted")
}

/// Reads what the sample may use.
pub(crate) async fn read(client: &Client) -> Result<House> {
    let mut house = House::default();
    for row in client.query(READ_GUESTS, &[]).await? {
        house.guests.push(Guest { id: row.get(0), email: row.get(1), username: row.get(2) });
    }
    house.rooms = client.query(READ_ROOMS, &[]).await?.iter().map(|row| row.get(0)).collect();
    for row in client.query(READ_FRONT_DESK, &[]).await? {
        let booking = FrontDesk { row: row.get(0), username: row.get(1) };
        let status: String = row.get(2);
        if status == "Accepted" { &mut house.accepted } else { &mut house.refused }.push(booking);
    }
    ensure!(house.guests.len() > 1 && !house.rooms.is_empty(), "the sample has no guests or rooms");
    Ok(house)
}
