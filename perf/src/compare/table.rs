//! All rounds as one table: a block for each scenario, a row for each quantity, a column for each system.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use super::quantity::{Quantity, digits};
use super::spread::Spread;
use crate::systems::System;

/// One scenario against one system, once.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// Counted from 1.
    pub round: usize,
    /// The file's name without its end.
    pub scenario: String,
    /// Against what.
    #[serde(serialize_with = "named")]
    pub system: System,
    /// What came of it; empty where it failed.
    #[serde(serialize_with = "listed")]
    pub values: BTreeMap<Quantity, f64>,
    /// Why it failed, or what was wrong with it.
    pub problem: Option<String>,
}

fn named<S: serde::Serializer>(system: &System, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(system)
}

/// JSON has no keys but strings.
fn listed<S: serde::Serializer>(values: &BTreeMap<Quantity, f64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(values.iter().map(|(quantity, value)| (quantity.to_string().trim().to_owned(), value)))
}

/// One number of the table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Over all rounds.
    pub spread: Spread,
    /// Divided by Kafka's of the same round; nothing where that was not measured.
    pub of_kafka: Option<Spread>,
}

/// One scenario's part of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Block {
    /// Which one.
    pub scenario: String,
    /// In the order in which they are shown.
    pub rows: Vec<Row>,
}

/// One quantity of all systems.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Which one.
    pub quantity: Quantity,
    /// By system's name.
    pub cells: BTreeMap<String, Cell>,
}

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// In the order in which they were run.
    pub blocks: Vec<Block>,
    /// The columns.
    #[serde(skip)]
    pub systems: Vec<System>,
}

impl Table {
    /// Out of all rounds.
    #[must_use]
    pub fn of(rounds: &[Round], scenarios: &[String], systems: &[System]) -> Table {
        let blocks = scenarios.iter().map(|scenario| {
            let rounds: Vec<&Round> = rounds.iter().filter(|round| round.scenario == *scenario).collect();
            let quantities: BTreeSet<&Quantity> = rounds.iter().flat_map(|round| round.values.keys()).collect();
            let mut quantities: Vec<&Quantity> = quantities.into_iter().collect();
            quantities.sort_by(|one, other| one.place().cmp(&other.place()));
            let rows = quantities.into_iter().map(|quantity| Row {
                quantity: quantity.clone(),
                cells: systems
                    .iter()
                    .filter_map(|system| Some((system.to_string(), cell(&rounds, *system, quantity)?)))
                    .collect(),
            });
            Block { scenario: scenario.clone(), rows: rows.collect() }
        });
        Table { blocks: blocks.collect(), systems: systems.to_vec() }
    }

    /// For a person.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for block in self.blocks.iter().filter(|block| !block.rows.is_empty()) {
            let mut lines = vec![vec![block.scenario.clone()]];
            lines[0].extend(self.systems.iter().map(ToString::to_string));
            for row in &block.rows {
                let cells = self.systems.iter().map(|system| row.cells.get(&system.to_string()));
                let mut line = vec![format!("  {}", row.quantity)];
                line.extend(cells.map(|cell| cell.map_or("-".to_owned(), show)));
                lines.push(line);
            }
            text.push_str(&align(&lines));
            text.push('\n');
        }
        text
    }
}

fn cell(rounds: &[&Round], system: System, quantity: &Quantity) -> Option<Cell> {
    let value = |system: System, number: usize| {
        let round = rounds.iter().find(|round| round.system == system && round.round == number)?;
        round.values.get(quantity).copied()
    };
    let numbers: BTreeSet<usize> = rounds.iter().map(|round| round.round).collect();
    let spread = Spread::of(numbers.iter().filter_map(|number| value(system, *number)))?;
    let compares = quantity.measure.compares() && system != System::Kafka;
    let ratios = numbers.iter().filter_map(|number| {
        let kafka = value(System::Kafka, *number).filter(|kafka| *kafka > 0.0)?;
        Some(value(system, *number)? / kafka)
    });
    Some(Cell { spread, of_kafka: Spread::of(ratios).filter(|_| compares) })
}

/// `512 (500..530) 1.1x`
fn show(cell: &Cell) -> String {
    let Spread { median, min, max, rounds } = cell.spread;
    let mut text = digits(median);
    // Writing to a string cannot fail.
    if rounds > 1 {
        let _ = write!(text, " ({}..{})", digits(min), digits(max));
    }
    if let Some(ratio) = cell.of_kafka {
        let _ = write!(text, " {}x", digits(ratio.median));
    }
    text
}

/// Columns as wide as what stands in them.
fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|text| text.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::quantity::Measure;
    use super::*;

    fn round(round: usize, system: System, value: f64) -> Round {
        let values = BTreeMap::from([(Quantity::whole(Measure::Cpu), value)]);
        Round { round, scenario: "load".to_owned(), system, values, problem: None }
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let rounds = [
            round(1, System::ApusFile, 1.0),
            round(1, System::Kafka, 2.0),
            round(2, System::ApusFile, 4.0),
            round(2, System::Kafka, 4.0),
            round(3, System::ApusFile, 9.0),
        ];
        let table = Table::of(&rounds, &["load".to_owned()], &[System::ApusFile, System::Kafka]);
        let cells = &table.blocks[0].rows[0].cells;
        let apus = cells["apus-file"];
        assert_eq!((apus.spread.median, apus.spread.max, apus.spread.rounds), (4.0, 9.0, 3));
        assert_eq!(apus.of_kafka.map(|ratio| (ratio.min, ratio.max, ratio.rounds)), Some((0.5, 1.0, 2)));
        assert_eq!(cells["kafka"].of_kafka, None);
        let text = table.text();
        assert!(text.contains("4.00 (1.00..9.00) 0.750x"), "{text}");
    }
}
