//! The table as a picture: bars of the medians with a line from the least to the most, a panel for each quantity that
//! is worth one.

use std::fmt::Write;

use super::quantity::{Measure, digits};
use super::table::{Block, Cell, Row, Table};
use crate::systems::System;

const PANEL_WIDTH: usize = 330;
const BAR_HEIGHT: usize = 18;
const LABEL_WIDTH: usize = 88;
const HEAD: usize = 34;
const COLUMNS: usize = 3;

/// An SVG document.
#[must_use]
pub fn svg(table: &Table) -> String {
    let mut body = String::new();
    let panel_height = HEAD + table.systems.len() * BAR_HEIGHT + 14;
    let mut top = 10;
    for block in table.blocks.iter().filter(|block| !block.rows.is_empty()) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(body, r#"<text x="10" y="{}" class="scenario">{}</text>"#, top + 14, escape(&block.scenario));
        top += 24;
        let panels = panels(block);
        for (index, row) in panels.iter().enumerate() {
            let (column, line) = (index % COLUMNS, index / COLUMNS);
            panel(&mut body, row, &table.systems, (10 + column * PANEL_WIDTH, top + line * panel_height));
        }
        top += panels.len().div_ceil(COLUMNS) * panel_height + 8;
    }
    let width = 10 + COLUMNS * PANEL_WIDTH;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{top}\" viewBox=\"0 0 {width} {top}\">\n\
         <style>text {{ font: 11px sans-serif; fill: #222 }} .scenario {{ font-size: 15px; font-weight: bold }}\n\
         .title {{ font-weight: bold }} .value {{ fill: #444 }}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

/// What clients see and what it cost; the rest is in the table.
fn panels(block: &Block) -> Vec<&Row> {
    let shown = |row: &&Row| {
        let measure = row.quantity.measure;
        let seen = matches!(measure, Measure::Rate | Measure::P50 | Measure::P99) && row.quantity.workload.is_some();
        seen || matches!(measure, Measure::Cpu | Measure::CpuShare | Measure::Memory)
    };
    block.rows.iter().filter(shown).collect()
}

fn panel(body: &mut String, row: &Row, systems: &[System], (left, top): (usize, usize)) {
    let most = row.cells.values().map(|cell| cell.spread.max).fold(0.0, f64::max);
    let room = (PANEL_WIDTH - LABEL_WIDTH - 80) as f64;
    let scale = |value: f64| if most > 0.0 { value / most * room } else { 0.0 };
    let title = row.quantity.to_string();
    let _ = writeln!(body, r#"<text x="{left}" y="{}" class="title">{}</text>"#, top + 16, escape(title.trim()));
    for (index, system) in systems.iter().enumerate() {
        let y = top + HEAD - 8 + index * BAR_HEIGHT;
        let x = left + LABEL_WIDTH;
        let _ = writeln!(body, r#"<text x="{left}" y="{}">{system}</text>"#, y + 12);
        let Some(Cell { spread, .. }) = row.cells.get(&system.to_string()) else { continue };
        let (bar, from, to) = (scale(spread.median), scale(spread.min), scale(spread.max));
        let (colour, middle) = (colour(*system), y + BAR_HEIGHT / 2 - 1);
        let _ =
            writeln!(body, r#"<rect x="{x}" y="{y}" width="{bar:.1}" height="{}" fill="{colour}"/>"#, BAR_HEIGHT - 4);
        if spread.rounds > 1 {
            let (from, to) = (x as f64 + from, x as f64 + to);
            let _ = writeln!(
                body,
                r##"<line x1="{from:.1}" y1="{middle}" x2="{to:.1}" y2="{middle}" stroke="#222" stroke-width="1.5"/>"##
            );
        }
        let end = x as f64 + bar.max(to) + 5.0;
        let _ = writeln!(body, r#"<text x="{end:.1}" y="{}" class="value">{}</text>"#, y + 12, digits(spread.median));
    }
}

fn colour(system: System) -> &'static str {
    match system {
        System::ApusFile => "#1f77b4",
        System::ApusMinio => "#5ba3d4",
        System::ApusBucket => "#2a9d8f",
        System::ApusFar => "#8ac6a8",
        System::ApusTls => "#566b9e",
        System::Kafka => "#b0b0b0",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::quantity::Quantity;
    use super::super::table::Round;
    use super::*;

    #[test]
    fn every_system_has_its_bar() {
        let round = |round, system, value| {
            let values = BTreeMap::from([(Quantity::of("a<b", Measure::Rate), value)]);
            Round { round, scenario: "load".to_owned(), system, values, problem: None }
        };
        let rounds = [round(1, System::ApusFile, 5.0), round(2, System::ApusFile, 7.0), round(1, System::Kafka, 3.0)];
        let systems = [System::ApusFile, System::Kafka];
        let picture = svg(&Table::of(&rounds, &["load".to_owned()], &systems));
        assert_eq!(picture.matches("<rect x=").count(), 2);
        assert_eq!(picture.matches("<line ").count(), 1);
        assert!(picture.contains("a&lt;b MB/s"), "{picture}");
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    }
}
