//! `apus-perf compare`: the same load against several systems in turn, several rounds, one table.
//!
//! A round starts each system from nothing, warms it up, runs every scenario against it and ends it; the next round
//! begins with another one, so that whatever the machine does otherwise meets all of them. A ratio is of two runs of
//! the same round. A JVM compiles while it works and is warmed up for longer than a binary that has nothing to learn.
//!
//! Numbers are of this machine in that hour, with clients, broker and store on the same cores: ratios travel, figures
//! do not. Nothing here can fail a build.

pub mod generator;
mod java;
mod measure;
mod metrics;
mod plan;
mod plot;
mod quantity;
mod rdkafka;
mod spread;
mod table;
mod watch;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::systems::ward::Ward;
use crate::systems::{self, System};
use generator::Surroundings;
use measure::measure;
use plan::Plan;
use table::{Round, Table};

/// What a comparison is told to be.
#[derive(Args, Clone, Debug)]
pub struct CompareArguments {
    /// Under two minutes: one round of the most telling scenarios.
    #[arg(long)]
    quick: bool,
    /// How often everything is measured (5; with --quick 1).
    #[arg(long)]
    rounds: Option<usize>,
    /// Which systems; all when not given.
    #[arg(long, value_delimiter = ',')]
    systems: Vec<System>,
    /// Which scenarios, by the names of their files without .toml.
    #[arg(long, value_delimiter = ',')]
    scenarios: Vec<String>,
    /// Where the scenarios are.
    #[arg(long, default_value = "perf/scenarios")]
    scenario_directory: PathBuf,
    /// How long each workload of a scenario runs (3).
    #[arg(long)]
    seconds: Option<f64>,
    /// Whose load: our own; Kafka's ProducerPerformance, ConsumerPerformance and EndToEndLatency; rdkafka_performance.
    #[arg(long, value_enum, default_value_t = Generator::Own)]
    generator: Generator,
    /// Where table, plot and logs go.
    #[arg(long, default_value = "target/perf")]
    out: PathBuf,
    /// The broker; the one beside this program when not given.
    #[arg(long)]
    apus: Option<PathBuf>,
    /// Kafka's jars and MinIO, as tests/clients/run installs them.
    #[arg(long, default_value = "target/foreign")]
    foreign: PathBuf,
    /// Buckets drop the bytes of packs, as they do under the default scenarios: what is read has to be hot.
    #[arg(long)]
    sink: bool,
    /// Where the latencies of the bucket far away are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Whose load it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Generator {
    /// `apus-perf load`.
    Own,
    /// Kafka's own tools.
    Java,
    /// `rdkafka_performance`.
    Rdkafka,
}

/// What is written beside the table.
#[derive(Serialize)]
struct Report<'a> {
    machine: Machine,
    seconds: f64,
    rounds: &'a [Round],
    table: &'a Table,
}

#[derive(Serialize)]
struct Machine {
    cpus: usize,
    kernel: String,
}

/// Measures and reports. The error says why there is nothing to report.
pub fn run(arguments: &CompareArguments) -> Result<ExitCode, String> {
    let plan = Plan::of(arguments)?;
    let ward = Ward::begin()?;
    ward.keep(&plan.places.work);
    let from = Instant::now();
    let mut rounds = Vec::new();
    for round in 1..=plan.rounds {
        // Each round begins with another system.
        let mut systems = plan.systems.clone();
        systems.rotate_left((round - 1) % plan.systems.len());
        for system in systems {
            let elapsed = from.elapsed().as_secs();
            eprintln!("[{elapsed:3} s] round {round} of {}: {system}", plan.rounds);
            let values = side(&plan, system, round, &ward);
            for Round { scenario, problem, .. } in &values {
                if let Some(problem) = problem {
                    eprintln!("        {system}, {scenario}: {problem}");
                }
            }
            rounds.extend(values);
        }
    }
    report(&plan, &rounds, from.elapsed().as_secs_f64())?;
    let problems = rounds.iter().filter(|round| round.problem.is_some()).count();
    if problems == 0 {
        ward.remove(&plan.places.work);
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!(
        "{problems} of {} runs had problems, see above; logs are in {}",
        rounds.len(),
        plan.places.work.display()
    );
    Ok(ExitCode::FAILURE)
}

/// One system's part of a round. What cannot be measured is there with its reason.
fn side(plan: &Plan, system: System, round: usize, ward: &Ward) -> Vec<Round> {
    let failed = |scenario: &str, problem| Round {
        round,
        scenario: scenario.to_owned(),
        system,
        values: std::collections::BTreeMap::new(),
        problem: Some(problem),
    };
    let mut running = match systems::start(system, &plan.places, ward) {
        Ok(running) => running,
        Err(why) => return plan.scenarios.iter().map(|scenario| failed(scenario, why.clone())).collect(),
    };
    let (bootstrap, broker, places) = (running.bootstrap, running.broker.id(), &plan.places);
    if let Err(why) = plan.warm_up(system).run(Surroundings { bootstrap, broker, places, ward }) {
        eprintln!("        {system} is cold: {why}");
    }
    let measured =
        plan.scenarios.iter().map(|scenario| match measure(&plan.load(scenario), &mut running, &plan.places, ward) {
            Ok(measured) => {
                let (values, problem) = (measured.values, measured.problem);
                Round { round, scenario: scenario.clone(), system, values, problem }
            }
            Err(why) => failed(scenario, why),
        });
    measured.collect()
}

fn report(plan: &Plan, rounds: &[Round], seconds: f64) -> Result<(), String> {
    let table = Table::of(rounds, &plan.scenarios, &plan.systems);
    println!("{}", table.text().trim_end());
    let write = |name: &str, text: &str| {
        let path = plan.out.join(name);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let report = Report { machine: Machine { cpus, kernel }, seconds, rounds, table: &table };
    let json = serde_json::to_string_pretty(&report).map_err(|error| format!("the report is no JSON: {error}"))?;
    write("compare.json", &json)?;
    write("compare.txt", &table.text())?;
    write("compare.svg", &plot::svg(&table))?;
    eprintln!("took {seconds:.0} s; compare.txt, .json and .svg are in {}", plan.out.display());
    Ok(())
}
