//! Random records that meet each other often: few bookings, users and rooms, and all that can be wrong.

use fastrand::Rng;
use serde_json::{Value, json};

use super::PARTITIONS;
use crate::support::Message;

/// Every verdict that a stream is expected to show.
pub const WORDS: [&str; 16] = [
    "accepted",
    "duplicate",
    "rejected:conflicting_booking",
    "held:unknown_user",
    "held:unknown_room",
    "held:queued",
    "dead:undecodable",
    "dead:blank_identifier",
    "dead:invalid_guests",
    "dead:invalid_dates",
    "diverted",
    "cancelled",
    "rejected:not_owner",
    "rejected:already_cancelled",
    "rejected:not_cancellable",
    "held:unknown_booking",
];

const USERS: [&str; 12] = [
    "ana",
    "1",
    "01",
    "ana@example.com",
    "ana",
    "bo",
    "2",
    "12345",
    "3",
    "nobody",
    "4",
    "99999999999999999999",
];
const ROOMS: [&str; 6] =
    ["room_ocean_001", "room_ocean_001", "room_ocean_001", "room_ocean_001", "room_garden_002", "nowhere"];
const NOTHING: [&str; 4] = ["unheard_of", "99999999999999999999", "-9001", "7999999"];
const BOOKINGS: i32 = 60;

/// What makes a record dead, whatever its fields say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Bytes,
    Blank,
}

/// Booking events, and then cancellations.
pub struct Round {
    pub creations: Vec<Creation>,
    pub cancellations: Vec<Cancellation>,
}

/// A booking event.
#[derive(Debug, Clone)]
pub struct Creation {
    pub id: String,
    pub user: &'static str,
    pub room: &'static str,
    pub guests: i64,
    pub day: i8,
    pub nights: i8,
    pub payment: Option<&'static str>,
    pub fault: Option<Fault>,
    pub diverted: bool,
    partition: i32,
}

/// What a cancellation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By the id that the events gave it.
    Named(String),
    /// The same booking, by its row id.
    RowOf(String),
    /// A row that no event made.
    Row(i32),
    Nothing(&'static str),
}

/// A cancellation event.
#[derive(Debug, Clone)]
pub struct Cancellation {
    pub target: Target,
    pub user: &'static str,
    pub fault: Option<Fault>,
    pub diverted: bool,
    partition: i32,
}

/// A random round. All records of a booking are in one partition of their topic: only there is there an order.
pub fn round(random: &mut Rng) -> Round {
    let creations = (0..160).map(|_| creation(random)).collect();
    let cancellations = (0..120).map(|_| cancellation(random)).collect();
    Round { creations, cancellations }
}

fn creation(random: &mut Rng) -> Creation {
    let number = random.i32(0..BOOKINGS);
    // Mostly the booking's own content, so that its duplicates are found.
    let mut own = Rng::with_seed(u64::from(number.unsigned_abs()));
    let content = if random.u8(0..3) > 0 { &mut own } else { &mut *random };
    let (user, room) = (content.choice(USERS), content.choice(ROOMS));
    let (guests, day, nights) = (content.i64(0..6), content.i8(1..20), content.i8(-1..9));
    let payment = content.choice([Some("pay_1"), Some("pay_2"), None]);
    Creation {
        id: format!("booking_{number:03}"),
        user: user.unwrap_or("ana"),
        room: room.unwrap_or("nowhere"),
        guests,
        day,
        nights,
        payment: payment.flatten(),
        fault: fault(random),
        diverted: random.u8(0..30) == 0,
        partition: number % PARTITIONS,
    }
}

fn cancellation(random: &mut Rng) -> Cancellation {
    let number = random.i32(0..BOOKINGS);
    let id = format!("booking_{number:03}");
    let row = random.i32(0..30);
    let (target, partition) = match random.u8(0..10) {
        0..4 => (Target::Named(id), number % PARTITIONS),
        4..7 => (Target::RowOf(id), number % PARTITIONS),
        7..9 => (Target::Row(9000 + row), row % PARTITIONS),
        _ => (Target::Nothing(random.choice(NOTHING).unwrap_or("none")), row % PARTITIONS),
    };
    let mut user = random.choice(USERS).unwrap_or("ana");
    if let Target::Row(row) = target
        && random.bool()
    {
        user = ["1", "bo", "carl@example.com"][usize::try_from(row % 3).unwrap_or_default()];
    }
    Cancellation { target, user, fault: fault(random), diverted: random.u8(0..30) == 0, partition }
}

fn fault(random: &mut Rng) -> Option<Fault> {
    match random.u8(0..40) {
        0 => Some(Fault::Bytes),
        1 => Some(Fault::Blank),
        _ => None,
    }
}

impl Creation {
    /// The days of arrival and departure.
    pub fn days(&self) -> (String, String) {
        (format!("2027-03-{:02}", self.day), format!("2027-03-{:02}", self.day + self.nights))
    }

    pub fn message(&self) -> Message {
        let (start, end) = self.days();
        let event = json!({
            "userId": self.user, "roomId": self.room, "guests": self.guests,
            "startDate": start + "T15:00:00Z", "endDate": end + "T11:00:00.5+02:00",
            "bookingId": self.id, "paymentId": self.payment.unwrap_or_default(),
        });
        finished(event, self.fault, self.diverted, self.partition)
    }
}

impl Cancellation {
    /// The record; `row_of` knows the row ids of bookings.
    pub fn message(&self, row_of: impl Fn(&str) -> i32) -> Message {
        let booking = match &self.target {
            Target::Named(id) => id.clone(),
            Target::RowOf(id) => row_of(id).to_string(),
            Target::Row(row) => row.to_string(),
            Target::Nothing(name) => (*name).to_owned(),
        };
        let event = json!({"bookingId": booking, "userId": self.user, "timestamp": "2027-01-01T10:30:00Z"});
        finished(event, self.fault, self.diverted, self.partition)
    }
}

fn finished(mut event: Value, fault: Option<Fault>, diverted: bool, partition: i32) -> Message {
    let key = event["bookingId"].to_string();
    let payload = match fault {
        Some(Fault::Bytes) => "\u{1}not JSON".to_owned(),
        Some(Fault::Blank) => {
            event["userId"] = json!(" ");
            event.to_string()
        }
        None => event.to_string(),
    };
    let baggage = if diverted { "tenant=acme,okteto-divert=elsewhere" } else { "tenant=acme" };
    Message::bytes(payload).key(key).partition(partition).header("baggage", baggage)
}
