//! Load on a fixed schedule: records are due at times that were settled before the run, and lateness counts from there.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

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
pub fn main(_: &Arguments) -> Result<ExitCode, String> {
    Err("not built".into())
}
