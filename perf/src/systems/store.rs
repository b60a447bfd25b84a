//! What Apus keeps its packs on where that is a server: MinIO, or our own bucket, near or far.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::directory::Directory;
use super::process::Process;
use super::ward::Ward;
use super::{Places, free_port, http, itself, on_path};
use crate::bucket::counts::Counts;

/// The bucket of every store.
pub const BUCKET: &str = "birds";
/// Who may use it.
pub const KEY: &str = "perf";
/// The secret that goes with it; both live as long as a run.
pub const SECRET: &str = "perf-secret";
/// As far away as S3 is from a machine in its own region.
pub const FAR: [&str; 4] = ["--put-latency-ms", "60:200", "--get-latency-ms", "30:100"];
/// Bytes that a bucket in memory may hold; a round writes less.
const MEMORY_MAX: &str = "8G";
const START_MAX: Duration = Duration::from_secs(30);
/// MinIO as `tests/clients/lib/versions.sh` pins it.
const MINIO: &str = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c";

/// A store that answers.
#[derive(Debug)]
pub struct Store {
    pub process: Process,
    pub address: SocketAddr,
    /// What its clients have to trust, where it speaks TLS.
    pub certificate: Option<PathBuf>,
    /// Whether it is our own, which tells what it counted.
    counts: bool,
    /// Behind the process: it goes when nobody writes there any more.
    _data: Option<Directory>,
}

/// MinIO's binary; the error says how to get it.
pub fn minio(places: &Places) -> Result<PathBuf, String> {
    let installed = places.foreign.join("bin/minio");
    if installed.is_file() {
        return Ok(installed);
    }
    on_path("minio").ok_or_else(|| {
        let directory = installed.parent().map(|parent| std::path::absolute(parent).unwrap_or(parent.to_owned()));
        let directory = directory.unwrap_or_default();
        format!("there is no MinIO at {}: GOBIN={} go install {MINIO}", installed.display(), directory.display())
    })
}

impl Store {
    /// MinIO on a directory.
    pub fn minio(places: &Places, ward: &Ward) -> Result<Store, String> {
        let data = Directory::create(&places.work, "minio", ward)?;
        // A directory at its top is a bucket: nobody has to sign a request to create one.
        std::fs::create_dir(data.path().join(BUCKET)).map_err(|error| format!("no bucket: {error}"))?;
        let (address, console) = (free_port()?, free_port()?);
        let mut command = Command::new(minio(places)?);
        command.args(["server", "--quiet", "--address", &address.to_string()]);
        command.args(["--console-address", &console.to_string()]).arg(data.path());
        command.env("MINIO_ROOT_USER", KEY).env("MINIO_ROOT_PASSWORD", SECRET).env("MINIO_BROWSER", "off");
        let process = Process::spawn("MinIO", &mut command, &places.work.join("minio.log"), ward)?;
        Store { process, address, certificate: None, counts: false, _data: Some(data) }.ready("/minio/health/ready")
    }

    /// Our own, in memory.
    pub fn bucket(places: &Places, ward: &Ward, distance: &[&str]) -> Result<Store, String> {
        let address = free_port()?;
        let mut command = Command::new(itself()?);
        command.args(["bucket", "--memory-max", MEMORY_MAX, "--listen", &address.to_string()]).args(distance);
        command.args(["--seed", &places.bucket.seed.to_string()]);
        if places.bucket.sink {
            command.arg("--sink");
        }
        let process = Process::spawn("the bucket", &mut command, &places.work.join("bucket.log"), ward)?;
        Store { process, address, certificate: None, counts: true, _data: None }.ready("/-/counts")
    }

    /// The same, which speaks TLS too.
    pub fn secure_bucket(places: &Places, ward: &Ward) -> Result<Store, String> {
        let file = std::path::absolute(places.work.join("bucket.pem")).map_err(|error| error.to_string())?;
        let name = file.to_str().ok_or("the directory of a run needs a name in Unicode")?;
        let store = Store::bucket(places, ward, &["--tls-certificate", name])?;
        Ok(Store { certificate: Some(file), ..store })
    }

    /// Where clients find it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    fn ready(mut self, path: &str) -> Result<Store, String> {
        let until = Instant::now() + START_MAX;
        loop {
            let Err(why) = http::get(self.address, path) else { return Ok(self) };
            self.process.alive()?;
            if Instant::now() > until {
                return Err(format!("the store does not come up: {why}; {}", self.process.last_words()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it counted so far; nothing where it does not count.
    pub fn counts(&self) -> Result<Option<Counts>, String> {
        if !self.counts {
            return Ok(None);
        }
        let text = http::get(self.address, "/-/counts")?;
        serde_json::from_str(&text).map(Some).map_err(|error| format!("the bucket's counts: {error}"))
    }
}
