//! The commands that a person runs, each against a database that is known.

mod discard;
mod explain;
mod help;
mod hostile;
mod listing;
mod positions;
mod redrive;
mod replay;
mod scene;
mod sweeper;
