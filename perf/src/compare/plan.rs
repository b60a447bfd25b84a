//! What will be run, settled before anything is started.

use std::fs;
use std::path::PathBuf;

use clap::ValueEnum;

use super::generator::Load;
use super::{CompareArguments, Generator, java, rdkafka};
use crate::systems::{self, BucketSettings, Places, System};

/// The scenarios of a whole run; the first one warms up.
const SCENARIOS: [&str; 4] = ["produce-256k", "produce-16k", "fetch-hot", "end-to-end"];
/// Those of a quick one.
const QUICK: [&str; 3] = ["produce-256k", "fetch-hot", "end-to-end"];
/// Those of Kafka's own generators; the second one reads what the first one wrote, here and below.
const JAVA: [&str; 3] = ["java-produce", "java-fetch", "java-end-to-end"];
/// Those of librdkafka's.
const RDKAFKA: [&str; 2] = ["rdkafka-produce", "rdkafka-fetch"];

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub systems: Vec<System>,
    pub scenarios: Vec<String>,
    directory: PathBuf,
    pub rounds: usize,
    pub seconds: f64,
    quick: bool,
    generator: Generator,
    pub out: PathBuf,
    pub places: Places,
}

impl Plan {
    /// Names each system that is left out, with the command that installs it. The error is what nothing runs without.
    pub fn of(arguments: &CompareArguments) -> Result<Plan, String> {
        let names = match arguments.generator {
            Generator::Java => &JAVA[..],
            Generator::Rdkafka => &RDKAFKA[..],
            Generator::Own if arguments.quick => &QUICK[..],
            Generator::Own => &SCENARIOS[..],
        };
        let named = names.iter().map(|name| (*name).to_owned()).collect();
        let scenarios = if arguments.scenarios.is_empty() { named } else { arguments.scenarios.clone() };
        let wanted = match &arguments.systems[..] {
            [] => System::value_variants().iter().copied().filter(|system| *system != System::ApusTls).collect(),
            named => named.to_vec(),
        };
        // Ours read nothing but what is hot, and memory that is touched for the first time costs a store more than all the
        // rest of its work.
        let hot = scenarios.iter().all(|scenario| SCENARIOS.contains(&scenario.as_str()));
        // Two runs at a time disturb each other's numbers, not each other's files.
        let work = arguments.out.join(format!("run-{}", std::process::id()));
        let places = Places {
            apus: arguments.apus.clone().map_or_else(systems::beside, Ok)?,
            foreign: arguments.foreign.clone(),
            work,
            bucket: BucketSettings { sink: arguments.sink || hot, seed: arguments.seed },
        };
        let mut systems = Vec::new();
        for system in wanted {
            match systems::missing(system, &places) {
                None => systems.push(system),
                Some(missing) => eprintln!("without {system}: {missing}"),
            }
        }
        let plan = Plan {
            systems,
            scenarios,
            directory: arguments.scenario_directory.clone(),
            rounds: arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 5 }),
            seconds: arguments.seconds.unwrap_or(3.0),
            quick: arguments.quick,
            generator: arguments.generator,
            out: arguments.out.clone(),
            places,
        };
        plan.check()?;
        let work = &plan.places.work;
        fs::create_dir_all(work).map_err(|error| format!("cannot create {}: {error}", work.display()))?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), String> {
        if self.systems.is_empty() {
            return Err("none of the systems is here".to_owned());
        }
        if self.rounds == 0 || self.seconds.is_nan() || self.seconds <= 0.0 {
            return Err("a run without rounds or seconds measures nothing".to_owned());
        }
        let known = match self.generator {
            Generator::Java => systems::class_path(&self.places, "tools").map(|_| Some(&JAVA[..]))?,
            Generator::Rdkafka => rdkafka::program(&self.places).map(|_| Some(&RDKAFKA[..]))?,
            Generator::Own => None,
        };
        if let Some(known) = known {
            let strange = self.scenarios.iter().find(|scenario| !known.contains(&scenario.as_str()));
            return strange.map_or(Ok(()), |strange| Err(format!("that generator has no {strange}: {known:?}")));
        }
        let absent = self.scenarios.iter().map(|scenario| self.file(scenario)).find(|file| !file.is_file());
        absent.map_or(Ok(()), |file| {
            Err(format!("there is no {}: scenarios are named by their files in perf/scenarios", file.display()))
        })
    }

    fn file(&self, scenario: &str) -> PathBuf {
        self.directory.join(format!("{scenario}.toml"))
    }

    /// What a scenario's name means.
    pub fn load(&self, scenario: &str) -> Load {
        match (self.generator, scenario) {
            (Generator::Own, _) => Load::Scenario(self.file(scenario), self.seconds),
            (Generator::Java, "java-fetch") => Load::Java(java::Tool::fetch(self.seconds)),
            (Generator::Java, "java-end-to-end") => Load::Java(java::Tool::end_to_end(self.seconds)),
            (Generator::Java, _) => Load::Java(java::Tool::produce(self.seconds)),
            (Generator::Rdkafka, "rdkafka-fetch") => Load::Rdkafka(rdkafka::Tool::fetch(self.seconds)),
            (Generator::Rdkafka, _) => Load::Rdkafka(rdkafka::Tool::produce(self.seconds)),
        }
    }

    /// What a system is warmed up with.
    pub fn warm_up(&self, system: System) -> Load {
        match self.generator {
            Generator::Own => Load::Scenario(self.file(&self.scenarios[0]), self.warm_seconds(system)),
            Generator::Java => Load::Java(java::Tool::produce(self.warm_seconds(system)).aside()),
            Generator::Rdkafka => Load::Rdkafka(rdkafka::Tool::produce(self.warm_seconds(system)).aside()),
        }
    }

    /// How long a system is warmed up.
    fn warm_seconds(&self, system: System) -> f64 {
        match (system.is_apus(), self.quick) {
            (true, _) => 0.5,
            (false, true) => 3.0,
            (false, false) => 5.0,
        }
    }
}
