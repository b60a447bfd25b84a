//! The broker binary.

use std::panic;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::time::Instant as Moment;

use apus::args::{self, Task};
use apus::node::{Node, NodeSettings};
use apus::start;
use apus::watch::log_filter::LogFilter;
use apus_coordinator::journal::JournalLimits;
use apus_core::api::Broker;
use apus_core::config::Config;
use apus_core::ids::CoreId;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let started = Moment::now();
    match args::parse(std::env::args_os(), &args::host()) {
        Err(stop) => stop.report(),
        Ok(Task::Print(text)) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Ok(Task::Serve(config)) => {
            let log = LogFilter::install();
            end_on_panic();
            start::run(*config, started, Some(log), node)
        }
    }
}

/// A broker without one of its threads would hang its clients: a panic anywhere ends the process.
fn end_on_panic() {
    let describe = panic::take_hook();
    panic::set_hook(Box::new(move |what| {
        describe(what);
        eprintln!("apus: ended by a bug, the lines above say where; please report them");
        process::abort();
    }));
}

fn node(core: CoreId, config: &Arc<Config>) -> Node {
    let advertised = config.listeners.iter().map(|listener| Broker {
        id: config.node_id,
        host: listener.advertised.host.as_str().into(),
        port: listener.advertised.port,
        rack: config.rack.as_deref().map(Into::into),
    });
    Node::new(NodeSettings {
        core,
        cores: u16::try_from(config.cores).expect("cores are few"),
        advertised: advertised.collect(),
        journal: JournalLimits::default(),
        config: Arc::clone(config),
    })
}
