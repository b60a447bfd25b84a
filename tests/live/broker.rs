//! One broker process: the real binary, in a directory and on an address of its own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::place::Place;

/// How long nothing may happen before a test gives up: no test is decided by it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Lines of its log that a failing test shows.
const LAST_LINES: usize = 20;

/// A broker that may be killed and started again; it is killed with the test.
pub struct Broker {
    directory: TempDir,
    address: Ipv4Addr,
    /// 0 until the first start has found a free one.
    port: u16,
    /// Where metrics are, where they were asked for.
    http: Option<String>,
    settings: Vec<String>,
    environment: Vec<(&'static str, &'static str)>,
    seed: u64,
    running: Option<Running>,
}

struct Running {
    child: Child,
    _screen: BufReader<ChildStdout>,
}

impl Broker {
    /// Starts a broker whose records live there, and waits until it serves.
    pub fn start(place: &Place, seed: u64, settings: &[&str]) -> Broker {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        settings.push(format!("data.dir={}", directory.path().join("data").display()));
        settings.extend(place.settings());
        let mut broker = Broker {
            directory,
            address: own_address(),
            port: 0,
            http: None,
            settings,
            environment: place.environment(),
            seed,
            running: None,
        };
        broker.restart();
        broker
    }

    /// What clients connect to first.
    pub fn bootstrap(&self) -> String {
        format!("{}:{}", self.address, self.port)
    }

    /// Where it answers over HTTP, as its screen says: `ADDRESS:PORT`.
    pub fn http(&self) -> &str {
        self.http.as_deref().expect("the test set diskless.http.listener")
    }

    /// Starts it again, on the same address, and waits until it serves.
    pub fn restart(&mut self) {
        let mut child = self.command().stdout(Stdio::piped()).spawn().expect("the binary was built for this test");
        let mut screen = BufReader::new(child.stdout.take().expect("it was piped"));
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let shown = read_screen(&mut screen);
            // The test may have given up.
            let _ = tell.send((shown, screen));
        });
        let (shown, screen) = told.recv_timeout(PATIENCE).expect("it serves, or ends");
        self.running = Some(Running { child, _screen: screen });
        let watch = shown.lines().find_map(|line| line.trim().strip_prefix("watch")?.trim().strip_prefix("http://"));
        self.http = watch.and_then(|url| Some(url.strip_suffix("/metrics")?.to_owned()));
        let listening = shown.lines().find_map(|line| line.trim().strip_prefix("listening"));
        let port = listening.and_then(|addresses| addresses.rsplit(':').next()?.trim().parse().ok());
        self.port = port.unwrap_or_else(|| panic!("the broker ended before it served; its screen: {shown:?}"));
    }

    /// Starts it and kills it, wherever it is by then.
    pub fn start_and_kill(&mut self, after: Duration) {
        let mut child = self.command().stdout(Stdio::null()).spawn().expect("the binary was built for this test");
        thread::sleep(after);
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }

    fn command(&self) -> Command {
        assert!(self.running.is_none(), "it runs");
        let log = File::options().create(true).append(true).open(self.log()).expect("its log can be written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_apus"));
        command.args(["--set", &format!("listeners=PLAINTEXT://{}", self.bootstrap())]);
        // Unless the test asks for it: brokers of other tests are not to meet on one port.
        command.args(["--set", "diskless.http.listener="]);
        command.args(self.settings.iter().flat_map(|setting| ["--set", setting]));
        command.envs(self.environment.iter().copied()).stdin(Stdio::null()).stderr(log);
        command
    }

    fn log(&self) -> std::path::PathBuf {
        self.directory.path().join("log")
    }

    /// What it has logged so far.
    pub fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.running.as_ref().expect("it runs").child.id()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let mut running = self.running.take().expect("it runs");
        running.child.kill().expect("it can be killed");
        running.child.wait().expect("it ends");
    }

    /// SIGTERM: what is in flight is answered and flushed, and the end is a good one.
    pub fn stop(&mut self) {
        let mut running = self.running.take().expect("it runs");
        let told = Command::new("sh").args(["-c", &format!("kill -TERM {}", running.child.id())]).status();
        assert!(told.expect("there is a shell").success(), "it can be told to end");
        let status = running.child.wait().expect("it ends");
        assert!(status.success(), "an orderly end is a good one: {status}");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if thread::panicking() {
            let logged = self.logged();
            let lines: Vec<&str> = logged.lines().collect();
            eprintln!("the broker's last lines:\n{}", lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"));
            let name = thread::current().name().unwrap_or_default().to_owned();
            eprintln!("again: APUS_SEED={} cargo test --test live {name} -- --exact --nocapture", self.seed);
        }
        if let Some(running) = &mut self.running {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

/// Up to the last line of the screen, or up to the process's end.
fn read_screen(screen: &mut impl BufRead) -> String {
    let mut shown = String::new();
    while screen.read_line(&mut shown).is_ok_and(|bytes| bytes > 0) {
        if shown.lines().last().is_some_and(|line| line.trim_start().starts_with("ready in")) {
            break;
        }
    }
    shown
}

/// A loopback address that no other test has. While its broker is dead, nobody else takes the port, and no client
/// that connects to it meets itself: clients come from 127.0.0.1.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id().wrapping_mul(64).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    let [_, high, middle, low] = number.to_be_bytes();
    Ipv4Addr::new(127, 1 + high % 126, middle, low)
}

/// The seed of a test: its own, unless somebody runs it again with another.
pub fn seed(own: u64) -> u64 {
    std::env::var("APUS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(own)
}
