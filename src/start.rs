//! From a configuration to a broker that runs, and to its end.
//!
//! The order is that of a person's patience: what can be refused is refused before anything is written (io_uring and
//! limits, addresses, the data directory, the store), then the cores start, and the node says when it serves.

use std::fs::File;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use apus_core::config::{Config, StorePlace};
use apus_core::ids::CoreId;
use apus_core::inbox::{Delivery, core_inbox};
use apus_net::listener::{self, Bound};
use apus_store::Unusable;
use apus_store::cache::{CacheConfig, CacheDisk};
use apus_store::plane::{Location, Plane, PlaneConfig, Sink};
use apus_store::s3::{Credentials, S3Config};
use glommio::{ExecutorJoinHandle, Latency, LocalExecutorBuilder, Placement, Shares};

use crate::boot_screen::BootScreen;
use crate::disk::DataDirectory;
use crate::driver::{Driver, Seat, Serving};
use crate::fleet::Fleet;
use crate::shell::Machines;
use crate::watch::log_filter::LogFilter;
use crate::watch::server::{self, Server, Watched};
use crate::{probe, signals, vigil};

/// Registered with the kernel for each core: the journal's writes and the copies of its reads.
const IO_MEMORY: usize = 1 << 20;
/// Entries of each ring. The kernel finds what a timer cancels in a table of polls whose size follows the ring's: with
/// glommio's 128 it has eight chains, and ten thousand waiting connections make each cancelled timer walk a thousand of
/// them (a third of all CPU was seen to go there); with these it has 64.
const RING: usize = 1024;
/// A core that is busy hands what it has prepared to the kernel at least so often. Whatever arrives preempts it at once,
/// because it arrives on the ring of what matters; a shorter time only makes the trap of [`crate::vigil`] more likely.
const PREEMPT: Duration = Duration::from_millis(10);
/// How long the store may take for what is under way when the cores have ended.
const STORE_GRACE: Duration = Duration::from_secs(2);

/// Runs a broker until it is asked to stop. `log` is the process's filter, which the operator may change; `make` makes the node of each core, on the core's own thread.
pub fn run<M, F>(config: Config, started: Moment, log: Option<LogFilter>, make: F) -> ExitCode
where
    M: Machines,
    F: Fn(CoreId, &Arc<Config>) -> M + Clone + Send + 'static,
{
    match try_run(config, started, log, make) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("apus: cannot start: {why}");
            ExitCode::FAILURE
        }
    }
}

fn try_run<M, F>(mut config: Config, started: Moment, log: Option<LogFilter>, make: F) -> Result<(), String>
where
    M: Machines,
    F: Fn(CoreId, &Arc<Config>) -> M + Clone + Send + 'static,
{
    probe::probe(config.cores)?;
    let bound = listener::bind(&config.listeners)?;
    advertise_found_ports(&mut config, &bound);
    let http = server::bind(config.http_listener.as_ref())?;
    let mut data = Some(DataDirectory::take(&config.data_dir)?);
    let (senders, inboxes): (Vec<_>, Vec<_>) = (0..config.cores).map(|_| core_inbox()).unzip();
    let connections_max = usize::try_from(config.connections_max).unwrap_or(usize::MAX);
    let fleet = Arc::new(Fleet::new(started, senders, connections_max));
    signals::listen(Arc::clone(&fleet)).map_err(|error| format!("signals cannot be handled: {error}"))?;
    vigil::keep(&fleet).map_err(|error| format!("a thread cannot start: {error}"))?;
    let store = Plane::start(plane_config(&config)?, sink(&fleet))?;
    check_bucket(&config, &store)?;
    let config = Arc::new(config);
    let http_address = http.as_ref().map(|(_, address)| *address);
    let _server = serve_http(http, &fleet, &store, log)?;
    let mut serve = Some(serving(&config, bound, http_address, &fleet, started));
    let mut cores = Vec::new();
    for (index, inbox) in inboxes.into_iter().enumerate() {
        let core = CoreId(u16::try_from(index).map_err(|_| "cores: too many".to_owned())?);
        let seat = Seat {
            core,
            inbox,
            fleet: Arc::clone(&fleet),
            store: store.handle(),
            disk: data.take(),
            seed: seed().map_err(|error| format!("the system gives no randomness: {error}"))?,
            serve: serve.take(),
        };
        let (make, config) = (make.clone(), Arc::clone(&config));
        let pinned = config.cores_pin;
        cores.push(spawn(seat, pinned, move |core| make(core, &config))?);
    }
    for (index, core) in cores.into_iter().enumerate() {
        core.join().map_err(|error| format!("core {index} ended: {error}"))?;
    }
    store.stop(STORE_GRACE);
    Ok(())
}

/// A bucket that says no is a wrong setting; one that does not answer may do so soon, and the node waits for it. A
/// directory is not asked: the start uses it at once, and what it says then names the place.
fn check_bucket(config: &Config, store: &Plane) -> Result<(), String> {
    if matches!(config.store, StorePlace::Directory(_)) {
        return Ok(());
    }
    match store.check() {
        Err(Unusable::Refused(why)) => Err(why),
        Err(Unusable::Silent(why)) => {
            tracing::warn!(target: "apus", "{why}; the start waits for it");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn spawn<M: Machines>(
    seat: Seat,
    pinned: bool,
    make: impl FnOnce(CoreId) -> M + Send + 'static,
) -> Result<ExecutorJoinHandle<()>, String> {
    let core = seat.core;
    let placement = if pinned { Placement::Fixed(usize::from(core.0)) } else { Placement::Unbound };
    let builder = LocalExecutorBuilder::new(placement)
        .name("apus-core")
        .io_memory(IO_MEMORY)
        .preempt_timer(PREEMPT)
        .ring_depth(RING);
    let drive = move || async move {
        let queue = glommio::executor().create_task_queue(Shares::default(), Latency::Matters(PREEMPT), "core");
        let driver = Driver::new(seat, make(core));
        let task = glommio::spawn_local_into(driver.run(), queue).expect("the queue was made just now");
        task.await;
        tracing::debug!(target: "apus", "core {core} ends");
    };
    builder.spawn(drive).map_err(|error| format!("core {core} cannot start: {error}"))
}

/// Whoever watches is answered from here on, also while the ledger is recovered.
fn serve_http(
    http: Option<(TcpListener, SocketAddr)>,
    fleet: &Arc<Fleet>,
    store: &Plane,
    log: Option<LogFilter>,
) -> Result<Option<Server>, String> {
    let Some((socket, _)) = http else { return Ok(None) };
    let watched = Watched { fleet: Arc::clone(fleet), store: store.handle(), log };
    let server = server::start(socket, watched).map_err(|error| format!("a thread cannot start: {error}"))?;
    Ok(Some(server))
}

/// What core 0 does when the node serves.
fn serving(
    config: &Config,
    bound: Vec<Bound>,
    http: Option<SocketAddr>,
    fleet: &Arc<Fleet>,
    started: Moment,
) -> Serving {
    let screen = BootScreen::new(config, &bound, http);
    let fleet = Arc::clone(fleet);
    Box::new(move |cut_bytes| {
        for bound in bound {
            let fleet = Arc::clone(&fleet);
            glommio::spawn_local(bound.accept(move |accepted| fleet.hand_over(accepted))).detach();
        }
        screen.show(cut_bytes, started.elapsed());
    })
}

/// A listener on any free port tells clients the port that was found.
fn advertise_found_ports(config: &mut Config, bound: &[Bound]) {
    for bound in bound {
        let listener = &mut config.listeners[usize::from(bound.listener)];
        listener.port = bound.address.port();
        if listener.advertised.port == 0 {
            listener.advertised.port = listener.port;
        }
    }
}

fn sink(fleet: &Arc<Fleet>) -> Sink {
    let fleet = Arc::clone(fleet);
    Arc::new(move |core, ticket, reply| fleet.inbox(core).reply(Delivery::Stored { ticket, reply }))
}

fn plane_config(config: &Config) -> Result<PlaneConfig, String> {
    let environment = |name: &str| std::env::var(name).ok();
    let location = match &config.store {
        StorePlace::Directory(path) => Location::Directory(path.clone()),
        StorePlace::Bucket { bucket, prefix } => Location::S3(S3Config {
            bucket: bucket.clone(),
            prefix: prefix.clone(),
            endpoint: config.s3.endpoint.clone(),
            region: config
                .s3
                .region
                .clone()
                .or_else(|| environment("AWS_REGION").filter(|region| !region.is_empty()))
                .unwrap_or_else(|| "us-east-1".to_owned()),
            path_style: config.s3.path_style,
            credentials: Credentials::find(environment)?,
        }),
    };
    let disk = config.cache_disk_path.clone().map(|path| CacheDisk { path, bytes: config.cache_disk_bytes });
    Ok(PlaneConfig {
        cache: CacheConfig { memory_bytes: config.cache_memory_bytes, disk },
        threads: config.store_threads,
        ..PlaneConfig::new(location)
    })
}

fn seed() -> io::Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}
