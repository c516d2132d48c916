//! What ends the demo: Ctrl-C, a polite kill, a closed terminal, the death of what had started it.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use anyhow::Result;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, getppid};
use tokio::signal::unix::{Signal, SignalKind, signal};

const LOOK: Duration = Duration::from_millis(300);

/// Listens from its creation on.
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    parent: Option<Pid>,
    on_terminal: bool,
    asked: bool,
}

impl Stop {
    /// From now on these signals no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            parent: getppid(),
            on_terminal: stderr().is_terminal(),
            asked: false,
        })
    }

    /// Waits for the first of them; called again, for a person who is in a hurry.
    pub(crate) async fn asked(&mut self) {
        let alone = left_alone(self.parent, self.on_terminal);
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv(), if !self.asked => {}
            () = alone, if !self.asked => {}
        }
        self.asked = true;
    }
}

/// A closed terminal tells only the first process of its session, and make, being that, tells nobody.
async fn left_alone(parent: Option<Pid>, on_terminal: bool) {
    while getppid() == parent && !(on_terminal && hung_up()) {
        tokio::time::sleep(LOOK).await;
    }
}

fn hung_up() -> bool {
    let stderr = stderr();
    let mut terminal = [PollFd::new(&stderr, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut terminal, Some(&at_once)).is_ok() && terminal[0].revents().contains(PollFlags::HUP)
}
