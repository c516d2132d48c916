//! Apache Kafka on disk, prepared once under `target/kafka`: its jars through Maven, a storage to
//! copy, and an archive of loaded classes by which a broker starts in a third of the time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::process::{self, on_path};
use crate::{Admin, Ending, Output, Process, Scratch, port, settings};

const POM: &str = include_str!("../pom.xml");
const KAFKA: &str = "kafka_2.13";
const CLUSTER_ID: &str = "c3RhY2stc3RhY2stc3RhYw";
/// Holds the recipe by which the folder was prepared.
const STAMP: &str = "prepared";
const OLDEST_JAVA: u32 = 17;
const LIMIT: Duration = Duration::from_mins(1);
const DOWNLOAD_LIMIT: Duration = Duration::from_mins(10);
const POLL: Duration = Duration::from_millis(10);

/// A small heap, and flags by which a broker starts sooner and holds less than with the defaults.
const JVM: &[&str] = &[
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
];

/// The prepared folder. It is made anew when `pom.xml` or the settings here change.
#[derive(Debug, Clone)]
pub struct Distribution {
    home: PathBuf,
}

impl Distribution {
    /// Whether [`Distribution::prepare`] has nothing left to do.
    #[must_use]
    pub fn is_prepared() -> bool {
        fs::read_to_string(home().join(STAMP)).is_ok_and(|done| done == recipe())
    }

    /// Prepares what is not there yet, once for all processes.
    ///
    /// Fails without Java 17 or newer, and, where there are no jars yet, without Maven or network.
    pub async fn prepare() -> Result<Self> {
        if !on_path("java") {
            bail!("Java {OLDEST_JAVA} or newer is missing");
        }
        fs::create_dir_all(home())?;
        let kafka = Self { home: home().canonicalize()? };
        if Self::is_prepared() {
            return Ok(kafka);
        }
        // Test processes may start together: one prepares, the others wait for it.
        let lock = File::create(kafka.home.join("lock"))?;
        while lock.try_lock().is_err() {
            tokio::time::sleep(POLL).await;
        }
        if Self::is_prepared() {
            return Ok(kafka);
        }
        let _outdated = fs::remove_file(kafka.home.join(STAMP));
        let scratch = Scratch::new("kafka-setup")?;
        require_java(&scratch).await?;
        kafka.fetch(&scratch).await.context("Apache Kafka's jars cannot be fetched")?;
        kafka.rehearse(&scratch).await.context("Apache Kafka cannot be set up")?;
        // Written last: it says that all is there.
        fs::write(kafka.home.join(STAMP), recipe())?;
        Ok(kafka)
    }

    /// A command that runs a class of Apache Kafka.
    #[must_use]
    pub fn java(&self, class: &str) -> Command {
        let archive = self.archive();
        let mut command = Command::new("java");
        command.args(JVM);
        if archive.exists() {
            command.arg(format!("-XX:SharedArchiveFile={}", archive.display()));
        }
        command.arg("-cp").arg(self.jars().join("*")).arg(class);
        command
    }

    /// Makes a new broker's data folder.
    pub async fn create_storage(&self, scratch: &Scratch, data: &Path) -> Result<()> {
        let mut copy = Command::new("cp");
        copy.args(["-r", "--sparse=always"]).arg(self.storage()).arg(data);
        process::run(scratch, "copy", &copy, LIMIT).await
    }

    fn jars(&self) -> PathBuf {
        self.home.join("lib")
    }

    fn storage(&self) -> PathBuf {
        self.home.join("storage")
    }

    fn archive(&self) -> PathBuf {
        self.home.join("classes.jsa")
    }

    async fn fetch(&self, scratch: &Scratch) -> Result<()> {
        if !on_path("mvn") {
            bail!("Maven (mvn) is missing");
        }
        if self.jars().exists() {
            fs::remove_dir_all(self.jars())?;
        }
        let pom = scratch.path().join("pom.xml");
        fs::write(&pom, POM)?;
        let mut maven = Command::new("mvn");
        maven
            .args(["--quiet", "--batch-mode", "-Dstyle.color=never", "--file"])
            .arg(&pom)
            .arg("org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies")
            .arg("-DincludeScope=runtime")
            .arg(format!("-DoutputDirectory={}", self.jars().display()));
        process::run(scratch, "maven", &maven, DOWNLOAD_LIMIT).await
    }

    /// Runs a broker once. New ones start from its storage, where the topic of the groups' offsets
    /// is there already: making it costs a broker's first group up to three seconds. And at its end
    /// its JVM writes down the classes that it had loaded.
    async fn rehearse(&self, scratch: &Scratch) -> Result<()> {
        let broker = format!("127.0.0.1:{}", port::free()?);
        let controller = format!("127.0.0.1:{}", port::free()?);
        let data = scratch.path().join("data");
        let properties = scratch.path().join("server.properties");
        fs::write(&properties, settings::properties(&broker, &controller, &data, &[]))?;
        let _old = fs::remove_file(self.archive());
        let mut format = self.java("kafka.tools.StorageTool");
        format.args(["format", "-t", CLUSTER_ID, "-c"]).arg(&properties);
        process::run(scratch, "format", &format, LIMIT).await?;

        let mut java = Command::new("java");
        java.args(JVM).arg("-XX:+IgnoreUnrecognizedVMOptions");
        java.arg(format!("-XX:ArchiveClassesAtExit={}", self.archive().display()));
        java.arg("-cp").arg(self.jars().join("*")).arg("kafka.Kafka").arg(properties);
        let mut process = Process::start(scratch, "rehearsal", Ending::Kill, Output::Log, &java)?;
        let admin = Admin::new(&broker, &[])?;
        admin.wait_until_ready(&mut process).await?;
        admin.wake_groups().await?;
        process.signal(Signal::TERM)?;
        process.wait(LIMIT).await?.context("the rehearsal's broker does not end")?;

        if self.storage().exists() {
            fs::remove_dir_all(self.storage())?;
        }
        let mut keep = Command::new("cp");
        keep.args(["-r", "--sparse=always"]).arg(data).arg(self.storage());
        process::run(scratch, "keep", &keep, LIMIT).await
    }
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/kafka")
}

/// All that the prepared folder depends on.
fn recipe() -> String {
    let settings = settings::properties("BROKER", "CONTROLLER", Path::new("DATA"), &[]);
    [POM, &JVM.join(" "), &settings].join("\n")
}

/// The version of Apache Kafka in `pom.xml`.
#[must_use]
pub fn kafka_version() -> &'static str {
    POM.split_once(KAFKA)
        .and_then(|(_, rest)| rest.split_once("<version>")?.1.split_once("</version>"))
        .map_or("unknown", |(version, _)| version)
}

async fn require_java(scratch: &Scratch) -> Result<()> {
    let mut java = Command::new("java");
    java.arg("-version");
    let process = Process::start(scratch, "java", Ending::Kill, Output::Log, &java)?;
    let log = process.log().to_owned();
    process.finish(LIMIT).await?;
    let said = fs::read_to_string(log)?;
    if java_version(&said).is_none_or(|version| version < OLDEST_JAVA) {
        let found = said.lines().next().unwrap_or_default();
        bail!("Java {OLDEST_JAVA} or newer is missing; this is {found}");
    }
    Ok(())
}

/// `17` of `openjdk version "17.0.15" 2025-04-15`.
fn java_version(said: &str) -> Option<u32> {
    let (_, version) = said.split_once("version \"")?;
    version.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}
