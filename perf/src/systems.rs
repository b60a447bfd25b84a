//! The brokers that are compared, each started from nothing on free ports of the loopback and gone without a trace.
//!
//! A system is a broker and, where it has one, the store behind it: two processes, so that the CPU of each is its own.
//! Everything started is in the care of a [`Ward`]: it ends with the run, with an error, and with Ctrl-C.

mod apus;
mod directory;
pub mod http;
mod kafka;
pub mod probe;
pub mod process;
pub mod store;
pub mod usage;
pub mod ward;

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use directory::Directory;
use process::Process;
use store::Store;
use ward::Ward;

/// Partitions of topics whose creator does not say: those of Kafka's own generators.
pub const PARTITIONS: u32 = 12;

/// A broker, and what its records are kept on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum System {
    /// Apus on a directory.
    ApusFile,
    /// Apus on a real S3 server.
    ApusMinio,
    /// Apus on a bucket in memory, next door.
    ApusBucket,
    /// Apus on the same bucket, as far away as S3 is.
    ApusFar,
    /// Apus on the bucket next door over https; left out where no systems are named.
    ApusTls,
    /// Apache Kafka with a classic topic.
    Kafka,
}

impl System {
    /// Whether it is one of ours.
    #[must_use]
    pub fn is_apus(self) -> bool {
        self != System::Kafka
    }
}

impl fmt::Display for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            System::ApusFile => "apus-file",
            System::ApusMinio => "apus-minio",
            System::ApusBucket => "apus-bucket",
            System::ApusFar => "apus-far",
            System::ApusTls => "apus-tls",
            System::Kafka => "kafka",
        };
        formatter.pad(name)
    }
}

/// Where programs are, and where their data may be.
#[derive(Clone, Debug)]
pub struct Places {
    /// Apus's binary.
    pub apus: PathBuf,
    /// Other people's programs, as `tests/clients` installs them.
    pub foreign: PathBuf,
    /// Logs, and data while it is needed.
    pub work: PathBuf,
    /// How the bucket next door and the one far away differ from the usual.
    pub bucket: BucketSettings,
}

/// What the runs side by side may change about their bucket.
#[derive(Clone, Debug)]
pub struct BucketSettings {
    /// Drop the bytes of packs.
    pub sink: bool,
    /// Where its times are drawn from.
    pub seed: u64,
}

/// A system that serves.
#[derive(Debug)]
pub struct Running {
    /// The broker's process.
    pub broker: Process,
    /// What it keeps records on, where that is a process.
    pub store: Option<Store>,
    /// `HOST:PORT` of the broker.
    pub bootstrap: SocketAddr,
    /// Where it tells its metrics; nothing for Kafka.
    pub metrics: Option<SocketAddr>,
    /// From its exec to its first answer to ApiVersions.
    pub start: Duration,
    /// Goes last: processes that write there are gone by then.
    data: Directory,
}

impl Running {
    /// Files that lie below the broker's data directory.
    #[must_use]
    pub fn files(&self) -> u64 {
        directory::files(self.data.path())
    }
}

/// What is missing to start a system, and the command that brings it; nothing where it can start.
#[must_use]
pub fn missing(system: System, places: &Places) -> Option<String> {
    let apus = || {
        (!places.apus.is_file())
            .then(|| format!("there is no broker at {}: cargo build --release", places.apus.display()))
    };
    match system {
        System::Kafka => kafka::missing(places),
        System::ApusMinio => apus().or_else(|| store::minio(places).err()),
        System::ApusFile | System::ApusBucket | System::ApusFar | System::ApusTls => apus(),
    }
}

/// Starts a system with nothing in it; it answers when this returns. The error ends with what its log said last.
pub fn start(system: System, places: &Places, ward: &Ward) -> Result<Running, String> {
    let data = Directory::create(&places.work, &system.to_string(), ward)?;
    let store = match system {
        System::ApusFile | System::Kafka => None,
        System::ApusMinio => Some(Store::minio(places, ward)?),
        System::ApusBucket => Some(Store::bucket(places, ward, &[])?),
        System::ApusFar => Some(Store::bucket(places, ward, &store::FAR)?),
        System::ApusTls => Some(Store::secure_bucket(places, ward)?),
    };
    let bootstrap = free_port()?;
    let metrics = system.is_apus().then(free_port).transpose()?;
    let mut command = match metrics {
        None => kafka::command(places, bootstrap, data.path())?,
        Some(metrics) => apus::command(system, places, apus::Addresses { bootstrap, metrics }, data.path(), &store),
    };
    let log = places.work.join(format!("{system}.log"));
    let mut broker = Process::spawn(&system.to_string(), &mut command, &log, ward)?;
    let start = probe::first_answer(bootstrap, &mut broker)?;
    Ok(Running { broker, store, bootstrap, metrics, start, data })
}

/// This program, to be run again as another of its verbs.
pub fn itself() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("this program has no path: {error}"))
}

/// The broker that was built with this program.
pub fn beside() -> Result<PathBuf, String> {
    Ok(itself()?.with_file_name("apus"))
}

/// A port of the loopback that nobody has.
pub fn free_port() -> Result<SocketAddr, String> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map_err(|error| format!("no free port: {error}"))
}

/// A program on the PATH.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// The jars of `tests/clients/java/NAME.xml`, as a class path; the error says how to get them.
pub fn class_path(places: &Places, name: &str) -> Result<String, String> {
    let directory = places.foreign.join("java").join(name);
    if on_path("java").is_none() {
        return Err("there is no java on the PATH: apt-get install default-jre-headless".to_owned());
    }
    if !directory.is_dir() {
        return Err(format!("there are no jars in {}: {}", directory.display(), install_jars(name, &directory)));
    }
    Ok(format!("{}/*", directory.display()))
}

/// The command that downloads jars and nothing else.
fn install_jars(name: &str, directory: &Path) -> String {
    let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
    format!(
        "mvn -q -f tests/clients/java/{name}.xml {goal} -DincludeScope=runtime -DoutputDirectory={}",
        directory.display()
    )
}
