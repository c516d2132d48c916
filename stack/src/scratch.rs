//! A temporary folder with a janitor: a shell that ends what runs in it and removes it when its owner is gone.

use std::fs::{self, Permissions};
use std::os::unix::{fs::PermissionsExt, process::CommandExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Reads its standard input until the owner lets go of it, by whatever death, and then cleans up.
const JANITOR: &str = include_str!("janitor.sh");

/// A temporary folder. When it is dropped, or when its owner dies in whatever way, every
/// [`Process`](crate::Process) started in it is ended and the folder is removed.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    janitor: Child,
}

impl Scratch {
    /// Creates the folder and its janitor. Everybody may enter it: PostgreSQL refuses to run as root.
    pub fn new(name: &str) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("stack-{name}-"))
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .context("a temporary folder cannot be created")?;
        let script = folder.path().join("janitor.sh");
        fs::write(&script, JANITOR)?;
        let janitor = Command::new("sh")
            .arg(script)
            .arg(folder.path())
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("sh cannot be started")?;
        Ok(Self { folder: folder.keep(), janitor })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        // Its clean-up is bounded; when it has ended, nothing is left.
        let _ended = self.janitor.wait();
    }
}
