//! The stories that the sample tells: what each sends, and how many turns later its next record comes.

use anyhow::{Context, Result};
use fastrand::Rng;
use jiff::{Timestamp, ToSpan, tz::TimeZone};

use super::guests::{Guest, House};
use super::headers::{self, Headers, letters};
use super::record::{Booking, Cancellation, Record, Step, Topic};

/// One little story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Story {
    Booked,
    BookedTwice,
    BookedOtherwise,
    Cancelled,
    CancelledByRow,
    CancelledTwice,
    CancelledFirst,
    CancelledByAnother,
    CancelledAtTheDesk,
    RefusedAtTheDesk,
    RegistersSoon,
    RegistersTooLate,
    UnknownUser,
    OverflowingUser,
    UnknownRoom,
    UnknownBooking,
    SameDay,
    Poison,
    Diverted,
}

/// Bytes that no decoder accepts.
const POISON: &[&[u8]] =
    &[b"not json at all", b"{\"bookingId\":\"booking_1", b"\xff\xfe\x00", b"", b"[[[[[[[[", b"null"];

/// First names of those who register after their booking.
const NEWCOMERS: &[&str] = &["ivo", "jana", "kofi", "lena", "mina", "noah", "olga", "paul"];

/// Turns until a story goes on: other stories come between.
const SOON: u64 = 3;
const LATER: u64 = 7;

/// Tells the stories of one house.
pub(crate) struct Teller {
    random: Rng,
    house: House,
    told: u64,
}

impl Teller {
    /// A teller whose choices follow from `random`.
    pub(crate) fn new(house: House, random: Rng) -> Self {
        Self { random, house, told: 0 }
    }

    /// A story's steps, each with the turns to wait for it; the first comes at once.
    pub(crate) fn tell(&mut self, story: Story) -> Result<Vec<(u64, Step)>> {
        self.told += 1;
        let guest = self.guest()?;
        let booking = self.booking(&guest)?;
        let first = self.announce(&booking)?;
        let steps = match story {
            Story::Booked => vec![(0, first)],
            Story::BookedTwice => vec![(0, first.clone()), (SOON, first)],
            Story::BookedOtherwise => {
                let other = Booking { guests: booking.guests + 1, ..booking };
                vec![(0, first), (LATER, self.announce(&other)?)]
            }
            Story::Cancelled => vec![(0, first), (LATER, self.cancel(&booking.booking_id, &guest)?)],
            Story::CancelledByRow => vec![(0, first), (LATER, self.cancel_row(&booking, &guest))],
            Story::CancelledTwice => {
                let (once, again) =
                    (self.cancel(&booking.booking_id, &guest)?, self.cancel(&booking.booking_id, &guest)?);
                vec![(0, first), (SOON, once), (LATER, again)]
            }
            Story::CancelledFirst => vec![(0, self.cancel(&booking.booking_id, &guest)?), (SOON, first)],
            Story::CancelledByAnother => {
                let other = self.another(&guest)?;
                vec![(0, first), (SOON, self.cancel(&booking.booking_id, &other)?)]
            }
            Story::RegistersSoon | Story::RegistersTooLate => self.tell_of_newcomer(story, &booking)?,
            _ => vec![(0, self.alone(story, booking, &guest)?)],
        };
        Ok(steps)
    }

    /// A booking for a guest whom nobody knows yet.
    fn tell_of_newcomer(&mut self, story: Story, booking: &Booking) -> Result<Vec<(u64, Step)>> {
        let name = self.random.choice(NEWCOMERS).copied().unwrap_or_default();
        let username = format!("{name}-{}", letters(&mut self.random, 5));
        let guest = Guest { id: String::new(), email: format!("{username}@guests.example"), username };
        let user_id = self.random.choice([&guest.email, &guest.username]).cloned().unwrap_or_default();
        let record = Booking { user_id, ..booking.clone() }.record(self.headers())?;
        if story == Story::RegistersSoon {
            return Ok(vec![(0, Step::Send(record)), (LATER, Step::Register(guest))]);
        }
        let cancellation = self.cancel(&booking.booking_id, &guest)?;
        Ok(vec![(0, Step::SendTooEarly { record, guest }), (SOON, cancellation)])
    }

    /// The stories of one record.
    fn alone(&mut self, story: Story, booking: Booking, guest: &Guest) -> Result<Step> {
        match story {
            Story::CancelledAtTheDesk => match self.house.accepted.pop() {
                Some(desk) => self.cancel_as(&desk.row, &desk.username),
                None => self.announce(&booking),
            },
            Story::RefusedAtTheDesk => match self.house.refused.first().cloned() {
                Some(desk) => self.cancel_as(&desk.row, &desk.username),
                None => self.announce(&booking),
            },
            Story::UnknownUser => {
                let user_id = format!("nobody-{}@guests.example", letters(&mut self.random, 4));
                self.announce(&Booking { user_id, ..booking })
            }
            Story::OverflowingUser => {
                let user_id = "98765432109876543210".to_owned();
                self.announce(&Booking { user_id, ..booking })
            }
            Story::UnknownRoom => {
                let room_id = "room_demolished_900".to_owned();
                self.announce(&Booking { room_id, ..booking })
            }
            Story::UnknownBooking => self.cancel(&booking.booking_id, guest),
            Story::SameDay => {
                let end_date = booking.start_date.clone();
                self.announce(&Booking { end_date, ..booking })
            }
            Story::Poison => Ok(Step::Send(self.poison(booking.booking_id))),
            Story::Diverted => {
                let headers = headers::diverted(&mut self.random, self.told);
                Ok(Step::Send(booking.record(headers)?))
            }
            _ => self.announce(&booking),
        }
    }

    fn announce(&mut self, booking: &Booking) -> Result<Step> {
        let headers = self.headers();
        Ok(Step::Send(booking.record(headers)?))
    }

    fn cancel(&mut self, booking: &str, guest: &Guest) -> Result<Step> {
        self.cancel_as(booking, &guest.username)
    }

    fn cancel_as(&mut self, booking: &str, user: &str) -> Result<Step> {
        let headers = self.headers();
        Ok(Step::Send(cancellation(booking, user).record(headers)?))
    }

    fn cancel_row(&mut self, booking: &Booking, guest: &Guest) -> Step {
        let cancellation = cancellation("", &guest.username);
        Step::CancelRow { booking: booking.booking_id.clone(), cancellation, headers: self.headers() }
    }

    fn poison(&mut self, key: String) -> Record {
        let payload = self.random.choice(POISON).copied().unwrap_or_default().to_vec();
        let topic = if self.random.bool() { Topic::Bookings } else { Topic::Cancellations };
        Record { topic, key, payload, headers: self.headers() }
    }

    fn headers(&mut self) -> Headers {
        headers::some(&mut self.random, self.told)
    }

    fn guest(&mut self) -> Result<Guest> {
        self.random.choice(&self.house.guests).cloned().context("the house has no guests")
    }

    fn another(&mut self, guest: &Guest) -> Result<Guest> {
        let others = self.house.guests.iter().filter(|other| other.id != guest.id);
        self.random.choice(others.collect::<Vec<_>>()).cloned().context("the house has one guest")
    }

    /// A stay within the next year, its dates written now in UTC and now with an offset and a fraction.
    fn booking(&mut self, guest: &Guest) -> Result<Booking> {
        let names = [&guest.id, &guest.email, &guest.username];
        let user_id = self.random.choice(names).map(ToString::to_string).unwrap_or_default();
        let room_id = self.random.choice(&self.house.rooms).cloned().context("no rooms")?;
        let now = Timestamp::now();
        let start = now.to_zoned(TimeZone::UTC).date().checked_add(self.random.i64(1..365).days())?;
        let end = start.checked_add(self.random.i64(1..10).days())?;
        let (check_in, check_out) = match self.random.u8(0..3) {
            0 => ("T15:00:00Z", "T11:00:00Z"),
            1 => ("T00:30:00+02:00", "T10:00:00.5+02:00"),
            _ => ("T15:00:00.123456789Z", "T11:00:00.000001-05:00"),
        };
        Ok(Booking {
            user_id,
            room_id,
            guests: self.random.u8(1..4),
            start_date: format!("{start}{check_in}"),
            end_date: format!("{end}{check_out}"),
            booking_id: format!("booking_{}_{}", now.as_second(), letters(&mut self.random, 6)),
            payment_id: format!("pay_{}", letters(&mut self.random, 8)),
        })
    }
}

fn cancellation(booking: &str, user: &str) -> Cancellation {
    Cancellation {
        booking_id: booking.to_owned(),
        user_id: user.to_owned(),
        timestamp: Timestamp::now().to_string(),
    }
}
