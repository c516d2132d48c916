//! Whatever an owner dies of, its processes end and its folder goes.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use stack::{Ending, Output, Process, Scratch};

/// The janitor alone takes more than five seconds for a program that ignores signals.
const DEADLINE: Duration = Duration::from_mins(1);
const MARK: &str = "the owner has ";

/// Run by the tests in a process of its own: starts two programs, says where, and waits to be killed.
#[test]
#[ignore = "the owner that the other tests kill"]
fn owner() -> Result<()> {
    let scratch = Scratch::new("janitor-test")?;
    let mut sleep = Command::new("sleep");
    sleep.arg("600");
    let plain = Process::start(&scratch, "plain", Ending::Kill, Output::Log, &sleep)?;
    let mut stubborn = Command::new("sh");
    stubborn.args(["-c", "trap '' HUP INT QUIT TERM; while :; do sleep 0.1; done"]);
    let stubborn = Process::start(&scratch, "stubborn", Ending::Quit, Output::Log, &stubborn)?;
    until("both run", || pid_files(scratch.path()) == 2)?;
    let (plain, stubborn) = (plain.id(), stubborn.id());
    eprintln!("\n{MARK}{} {plain} {stubborn}", scratch.path().display());
    std::thread::sleep(Duration::from_mins(1));
    Ok(())
}

#[test]
fn nothing_is_left_when_the_owner_is_killed() -> Result<()> {
    let (mut owner, folder, pids) = start_owner()?;
    ensure!(folder.exists() && pids.iter().all(|pid| runs(pid)), "the owner's programs run");
    owner.kill()?;
    owner.wait()?;
    until("the folder is gone", || !folder.exists())?;
    until("no program is left", || !pids.iter().any(|pid| runs(pid)))
}

#[test]
fn nothing_is_left_when_the_scratch_is_dropped() -> Result<()> {
    let scratch = Scratch::new("janitor-test")?;
    let mut sleep = Command::new("sleep");
    sleep.arg("600");
    let process = Process::start(&scratch, "plain", Ending::Kill, Output::Log, &sleep)?;
    let (folder, pid) = (scratch.path().to_owned(), process.id().to_string());
    until("it is registered", || pid_files(&folder) == 1)?;
    // Even where the owner forgets the process.
    std::mem::forget(process);
    drop(scratch);
    ensure!(!folder.exists(), "the folder is gone");
    ensure!(!runs(&pid), "the program is gone");
    Ok(())
}

#[test]
fn a_process_that_was_given_the_same_id_later_is_spared() -> Result<()> {
    let scratch = Scratch::new("janitor-test")?;
    let mut stranger = Command::new("sleep").arg("600").spawn()?;
    let pid = stranger.id();
    fs::write(scratch.path().join("old.pid"), format!("{pid} 1 KILL\n"))?;
    drop(scratch);
    let spared = stranger.try_wait()?.is_none();
    stranger.kill()?;
    stranger.wait()?;
    ensure!(spared, "the stranger was killed");
    Ok(())
}

fn start_owner() -> Result<(Child, PathBuf, Vec<String>)> {
    let mut owner = Command::new(env::current_exe()?)
        .args(["--exact", "owner", "--ignored", "--nocapture"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let said = BufReader::new(owner.stderr.take().context("no stderr")?);
    for line in said.lines() {
        if let Some(has) = line?.strip_prefix(MARK) {
            let mut words = has.split_whitespace().map(str::to_owned);
            let folder = words.next().context("no folder")?;
            return Ok((owner, folder.into(), words.collect()));
        }
    }
    anyhow::bail!("the owner said nothing")
}

fn pid_files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "pid"))
        .filter(|entry| entry.metadata().is_ok_and(|file| file.len() > 0))
        .count()
}

/// Neither gone nor a zombie.
fn runs(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn until(what: &str, holds: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        ensure!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
