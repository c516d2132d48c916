//! The sample's script: rounds of shuffled stories, told through each other, so that every outcome comes up soon.

use anyhow::Result;
use fastrand::Rng;

use super::guests::{Guest, House};
use super::record::Step;
use super::story::{Story, Teller};

/// Mostly ordinary, and one of each kind of trouble.
const ROUND: &[Story] = &[
    Story::Booked,
    Story::Booked,
    Story::Booked,
    Story::Booked,
    Story::Booked,
    Story::Booked,
    Story::BookedTwice,
    Story::BookedOtherwise,
    Story::Cancelled,
    Story::Cancelled,
    Story::CancelledByRow,
    Story::CancelledTwice,
    Story::CancelledFirst,
    Story::CancelledByAnother,
    Story::CancelledAtTheDesk,
    Story::RefusedAtTheDesk,
    Story::RegistersSoon,
    Story::RegistersTooLate,
    Story::UnknownUser,
    Story::OverflowingUser,
    Story::UnknownRoom,
    Story::UnknownBooking,
    Story::SameDay,
    Story::Poison,
    Story::Diverted,
];

/// What takes longest to come to its end is begun first; the last one is told first.
const OPENING: &[Story] = &[Story::CancelledFirst, Story::RegistersSoon, Story::RegistersTooLate];

/// An endless sequence of steps.
pub(crate) struct Sample {
    random: Rng,
    teller: Teller,
    round: Vec<Story>,
    /// Steps of stories that have begun, each with the turn from which it is due.
    begun: Vec<(u64, Step)>,
    turn: u64,
}

impl Sample {
    /// A sample for the guests and rooms of this house.
    pub(crate) fn new(house: House, mut random: Rng) -> Self {
        let teller = Teller::new(house, random.fork());
        Self { random, teller, round: OPENING.to_vec(), begun: Vec::new(), turn: 0 }
    }

    /// The next step: of a story that has begun when one is due, otherwise the next story's first.
    pub(crate) fn next(&mut self) -> Result<Step> {
        self.turn += 1;
        loop {
            if let Some(due) = self.begun.iter().position(|(turn, _)| *turn <= self.turn) {
                return Ok(self.begun.remove(due).1);
            }
            if self.round.is_empty() {
                self.round = ROUND.to_vec();
                self.random.shuffle(&mut self.round);
            }
            if let Some(story) = self.round.pop() {
                let steps = self.teller.tell(story)?;
                self.begun.extend(steps.into_iter().map(|(wait, step)| (self.turn + wait, step)));
            }
        }
    }

    /// The guests who were still to register when nothing more is sent.
    pub(crate) fn into_newcomers(self) -> impl Iterator<Item = Guest> {
        self.begun.into_iter().filter_map(|(_, step)| match step {
            Step::Register(guest) => Some(guest),
            _ => None,
        })
    }

    /// Takes back a step that cannot be done yet.
    pub(crate) fn postpone(&mut self, step: Step) {
        self.begun.push((self.turn + 2, step));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::demo::guests::{FrontDesk, Guest};
    use crate::demo::record::{Record, Topic};

    fn sample() -> Sample {
        let guest = |id: &str, name: &str| Guest {
            id: id.to_owned(),
            email: format!("{name}@guests.example"),
            username: name.to_owned(),
        };
        let desk = |row: &str| FrontDesk { row: row.to_owned(), username: "ada".to_owned() };
        let house = House {
            guests: vec![guest("1", "ada"), guest("2", "elif")],
            rooms: vec!["room_ocean_001".to_owned()],
            accepted: vec![desk("7")],
            refused: vec![desk("8")],
        };
        Sample::new(house, Rng::with_seed(3))
    }

    fn records(count: usize) -> Result<Vec<Record>> {
        let mut sample = sample();
        let steps = (0..count).map(|_| sample.next());
        let sent = steps.filter_map(|step| match step {
            Ok(Step::Send(record) | Step::SendTooEarly { record, .. }) => Some(Ok(record)),
            Ok(Step::CancelRow { .. } | Step::Register(_)) => None,
            Err(error) => Some(Err(error)),
        });
        sent.collect()
    }

    #[test]
    fn two_rounds_hold_duplicates_poison_and_cancellations_that_come_first() -> Result<()> {
        let mut seen: HashMap<String, Vec<Record>> = HashMap::new();
        for record in records(80)? {
            seen.entry(record.key.clone()).or_default().push(record);
        }
        let stories: Vec<&Vec<Record>> = seen.values().collect();
        let some = |is: &dyn Fn(&[Record]) -> bool| stories.iter().any(|story| is(story));
        assert!(some(&|story| matches!(story, [one, two] if one.payload == two.payload)));
        assert!(some(&|story| matches!(story, [one, two] if one.topic == Topic::Cancellations
            && two.topic == Topic::Bookings)));
        assert!(some(&|story| story.len() == 3));
        assert!(some(&|story| matches!(story, [one, two] if one.topic == Topic::Bookings
            && two.topic == Topic::Cancellations)));
        assert!(some(&|story| serde_json::from_slice::<HashMap<String, serde_json::Value>>(
            &story[0].payload
        )
        .is_err()));
        Ok(())
    }

    #[test]
    fn the_first_turns_hold_a_booking_that_comes_too_early_and_a_guest_who_registers() -> Result<()> {
        let mut sample = sample();
        let steps = (0..12).map(|_| sample.next()).collect::<Result<Vec<Step>>>()?;
        let too_early = steps.iter().filter(|step| matches!(step, Step::SendTooEarly { .. })).count();
        let registered = steps.iter().filter(|step| matches!(step, Step::Register(_))).count();
        assert!(too_early > 0 && registered > 0);
        Ok(())
    }

    #[test]
    fn no_guest_is_forgotten_who_was_still_to_register() -> Result<()> {
        let mut sample = sample();
        for _ in 0..3 {
            sample.next()?;
        }
        assert_eq!(sample.into_newcomers().count(), 1);
        Ok(())
    }

    #[test]
    fn booking_ids_are_minted_as_producers_do() -> Result<()> {
        for record in records(200)?.iter().filter(|record| record.topic == Topic::Bookings) {
            let mut parts = record.key.split('_');
            assert_eq!(parts.next(), Some("booking"));
            assert!(parts.next().is_some_and(|seconds| seconds.parse::<u64>().is_ok()));
            assert!(parts.next().is_some_and(|letters| letters.len() == 6));
        }
        Ok(())
    }
}
