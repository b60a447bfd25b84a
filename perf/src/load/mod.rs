//! Load on a fixed schedule: records are due at times that were settled before the run, and lateness counts from there.
//!
//! - `scenario` is what a file says; `plan` makes topics (`cluster`, over `control`), jobs and connections of it.
//! - `engine` is the loop, over `poll` and `link`; `job` is a workload under way.
//! - `machine` is what a connection does: `producer` (with `lane`, `template`, `schedule`), `consumer` (with `reader`
//!   and `session`), `idle`. Machines know no socket and no clock.
//! - `coverage` is what was acknowledged, `tally` what was counted, `outcome` what is reported.
//!
//! One thread drives all connections, because it shares its CPUs with the broker that it measures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use apus_net::sys::Limit;
use clap::Args;

mod cluster;
mod consumer;
mod control;
mod coverage;
mod cpu;
mod engine;
mod error;
mod idle;
mod job;
mod lane;
mod link;
mod machine;
mod outcome;
mod plan;
mod poll;
mod producer;
mod progress;
mod reader;
mod scenario;
mod schedule;
mod session;
mod tally;
mod template;

pub use outcome::Outcome;
pub use scenario::Scenario;

/// What a load is asked for on the command line.
#[derive(Args)]
pub struct Arguments {
    /// The scenario to run: a file of perf/scenarios
    scenario: PathBuf,
    /// Where the broker listens
    #[arg(long, default_value = "127.0.0.1:9092")]
    bootstrap: String,
    /// Write what was measured to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Set a key of the scenario, such as seconds=5 or workload.produce.connections=4; may be repeated
    #[arg(long, value_name = "key=value")]
    set: Vec<String>,
    /// Report the CPU time of this process beside the load's own; may be repeated
    #[arg(long, value_name = "PID")]
    watch: Vec<u32>,
}

/// Runs a scenario and shows what came of it.
///
/// # Errors
/// Where it could not be run at all.
pub fn main(arguments: &Arguments) -> Result<ExitCode, String> {
    let mut scenario = Scenario::read(&arguments.scenario, &arguments.set)?;
    scenario.watch.clone_from(&arguments.watch);
    let outcome = run(&scenario, &arguments.bootstrap)?;
    println!("{outcome}");
    if let Some(path) = &arguments.json {
        write(path, &outcome)?;
    }
    Ok(if outcome.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn write(path: &Path, outcome: &Outcome) -> Result<(), String> {
    let text = serde_json::to_string_pretty(outcome).map_err(|error| error.to_string())?;
    fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
}

/// Runs a scenario against the broker that listens there; what failed in it is in the outcome.
///
/// # Errors
/// Where it could not be run at all.
pub fn run(scenario: &Scenario, bootstrap: &str) -> Result<Outcome, String> {
    // Ten thousand connections want more descriptors than a shell gives; where that is refused, connecting says so.
    let _ = Limit::Files.raise();
    let mut cluster = cluster::Cluster::connect(bootstrap)?;
    let poll = poll::Poll::new().map_err(|error| format!("epoll: {error}"))?;
    let plan = plan::plan(scenario, &mut cluster, &poll)?;
    engine::Engine::new(scenario, plan, poll).run()
}
