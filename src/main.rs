//! The broker binary.

use std::panic;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::time::Instant as Moment;

use apus::args::{self, Task};
use apus::node::{Node, NodeSettings};
use apus::start;
use apus::trace::recorder::Recorder;
use apus::watch::log_filter::LogFilter;
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
        Ok(Task::Serve { config, tape }) => {
            let log = LogFilter::install();
            end_on_panic();
            match tape {
                None => start::run(*config, started, Some(log), node),
                Some(tape) => start::run(*config, started, Some(log), move |core, config: &Arc<Config>| {
                    Recorder::new(node(core, config), config, &tape)
                }),
            }
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
    Node::new(NodeSettings::of(core, config))
}
