//! A program that runs in a [`Scratch`] folder: registered with the janitor, in a process group of its own.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::Scratch;

/// Writes the pid file and then becomes the program.
const LAUNCH: &str = include_str!("launch.sh");
const POLL: Duration = Duration::from_millis(10);
/// How long an end that is asked for may take before the program is killed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a killed program may take to be gone: seconds where the machine is busy and it held much memory.
const KILL_LIMIT: Duration = Duration::from_mins(1);
const TAIL_LINES: usize = 15;

/// How a process ends when its [`Process`] is dropped or its owner dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// At once.
    Kill,
    /// By `SIGQUIT`, which PostgreSQL passes on to its children; by `SIGKILL` after five seconds.
    Quit,
}

/// Where a process writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Standard output and error are appended to `NAME.log` in the folder.
    Log,
    /// Straight to the owner's own standard output and error.
    Inherit,
    /// Both straight to the owner's standard error.
    Error,
}

/// A running program. Its group is its own, so that Ctrl-C in a terminal reaches only its owner.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    ending: Ending,
    pid_file: PathBuf,
    log: PathBuf,
}

impl Process {
    /// Starts a program by the program, arguments and environment of `command`, in the scratch folder.
    pub fn start(
        scratch: &Scratch,
        name: &str,
        ending: Ending,
        output: Output,
        command: &Command,
    ) -> Result<Self> {
        let pid_file = scratch.path().join(format!("{name}.pid"));
        let log = scratch.path().join(format!("{name}.log"));
        let mut launch = Command::new("sh");
        launch
            .args(["-c", LAUNCH, "launch"])
            .arg(&pid_file)
            .arg(if ending == Ending::Quit { "QUIT" } else { "KILL" })
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(scratch.path())
            .process_group(0)
            .stdin(Stdio::null());
        for (variable, value) in command.get_envs() {
            match value {
                Some(value) => launch.env(variable, value),
                None => launch.env_remove(variable),
            };
        }
        if output == Output::Log {
            let file = OpenOptions::new().create(true).append(true).open(&log)?;
            launch.stdout(file.try_clone()?).stderr(file);
        }
        if output == Output::Error {
            launch.stdout(io::stderr());
        }
        let child = launch.spawn().with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { name: name.to_owned(), child, ending, pid_file, log })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The file that [`Output::Log`] appends to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sends a signal. A process that has already ended is no error.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.exited()?.is_none() {
            kill_process(Pid::from_child(&self.child), signal)
                .with_context(|| format!("{} cannot be signalled", self.name))?;
        }
        Ok(())
    }

    /// The exit status, if it has ended.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for the end; `None` when it still runs after `limit`.
    pub async fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.exited()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits for the end; an error with the log's tail when it fails or takes longer than `limit`.
    pub async fn finish(mut self, limit: Duration) -> Result<()> {
        match self.wait(limit).await? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.failure(&format!("{} failed ({status})", self.name))),
            None => Err(self.failure(&format!("{} was not done after {limit:?}", self.name))),
        }
    }

    /// Kills it (`SIGKILL`) and waits until it is gone.
    pub async fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        if self.wait(KILL_LIMIT).await?.is_none() {
            bail!("{} survived SIGKILL", self.name);
        }
        Ok(())
    }

    /// An error that says `what` and shows the last lines of the log.
    #[must_use]
    pub fn failure(&self, what: &str) -> Error {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        if tail.is_empty() {
            return anyhow!("{what}");
        }
        anyhow!("{what}; the end of its log:\n  {}", tail.join("\n  "))
    }

    /// Sends the ending's signal and waits for the end, without a runtime.
    fn end(&mut self) -> Result<()> {
        self.signal(if self.ending == Ending::Quit { Signal::QUIT } else { Signal::KILL })?;
        let deadline = Instant::now() + PATIENCE;
        while self.exited()?.is_none() {
            if Instant::now() >= deadline {
                self.child.kill()?;
                self.child.wait()?;
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A failure leaves the pid file in place: the janitor tries again.
        if self.end().is_ok() {
            let _removed = fs::remove_file(&self.pid_file);
        }
    }
}

/// Runs a program to its end in the scratch folder; an error shows the end of its log.
pub async fn run(scratch: &Scratch, name: &str, command: &Command, limit: Duration) -> Result<()> {
    Process::start(scratch, name, Ending::Kill, Output::Log, command)?.finish(limit).await
}

/// Whether a program of that name is on the `PATH`.
#[must_use]
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| File::open(folder.join(program)).is_ok())
}
