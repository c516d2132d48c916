//! `worker held`: the records that were set aside.

mod accept;
mod discard;
mod diverted;
mod filter;
mod list;
mod payload;
mod redrive;
mod results;
mod selection;
mod show;

use clap::Subcommand;

use super::{Desk, Failure};

/// What `worker held` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
A record that cannot be applied is set aside whole, and other bookings go on. It is `waiting` while what it names
(a user, a room, a booking) is unknown: the worker tries it again by itself. It is `dead` when only a person can
help: mend the cause and redrive it, or discard it. What is `diverted` belongs to the worker of a namespace; where
that one is gone, it can be found and redriven here.

Examples:
  worker held list                                what waits or is dead, oldest first
  worker held show 12                             all about one record
  worker held redrive --reason invalid_dates --dry-run    what would become of these now
  worker held redrive --reason invalid_dates      try them again
  worker held discard 12 --note 'a test booking'  give one up";

#[derive(Debug, Subcommand)]
enum Command {
    /// List records that were set aside, oldest first
    List(list::Arguments),
    /// Show everything about one record: where it stands, its headers and payload, and its story
    Show(show::Arguments),
    /// Try records again, now; `--dry-run` is a rehearsal
    Redrive(redrive::Arguments),
    /// Give records up: they stay on file, and nothing tries them again
    Discard(discard::Arguments),
    /// Let a partition go on that was stopped for its many dead records: they have been looked at
    Accept(accept::Arguments),
}

pub(super) async fn run(arguments: Arguments, desk: &Desk) -> Result<(), Failure> {
    match arguments.command {
        Command::List(arguments) => list::run(&arguments, desk).await,
        Command::Show(arguments) => show::run(&arguments, desk).await,
        Command::Redrive(arguments) => redrive::run(arguments, desk).await,
        Command::Discard(arguments) => discard::run(arguments, desk).await,
        Command::Accept(arguments) => accept::run(&arguments, desk).await,
    }
}
