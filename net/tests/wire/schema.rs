//! Our tables are Kafka's schemas: every message, every field, in order.
//!
//! `tests/kafka-4.4.0.schema` lists what `kafka-clients-4.4.0.jar` declares; `tests/schema_listing.py` makes it.

use std::collections::BTreeMap;

use apus_net::wire::schema::{Direction, Entry, Field, Kind, MESSAGES, Structure};
use apus_net::wire::versions::{Format, Versions};

const LISTING: &str = include_str!("../kafka-4.4.0.schema");

fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Array(element) => format!("[]{}", self::kind(element)),
        Kind::Struct(structure) => structure.name.to_string(),
        simple => format!("{simple:?}").to_lowercase(),
    }
}

fn line(structure: &Structure, field: &Field) -> String {
    let mut line = format!("  {}.{} {} {}", structure.name, field.name, kind(&field.kind), field.versions);
    if !field.nullable.is_empty() {
        line += &format!(" null={}", field.nullable);
    }
    if !field.tagged.is_empty() {
        line += &format!(" tag={}@{}", field.tag, field.tagged);
    }
    match field.default {
        "" => {}
        "None" => line += " default=null",
        value => line += &format!(" default={value}"),
    }
    line
}

fn list(structure: &Structure, lines: &mut Vec<String>) {
    for field in structure.fields {
        lines.push(line(structure, field));
        if let Some(inner) = structure_of(&field.kind) {
            list(inner, lines);
        }
    }
}

fn structure_of(kind: &Kind) -> Option<&'static Structure> {
    match kind {
        Kind::Array(element) => structure_of(element),
        Kind::Struct(structure) => Some(structure),
        _ => None,
    }
}

fn name(entry: &Entry) -> String {
    let direction = format!("{:?}", entry.direction).to_lowercase();
    format!("{} {direction} {} {} {}", entry.structure.name, entry.key, entry.versions, entry.flexible)
}

#[test]
fn our_tables_are_kafkas_schemas() {
    let mut listed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut message = "";
    for line in LISTING.lines() {
        if line.starts_with(' ') {
            listed.get_mut(message).expect("a field follows its message").push(line);
        } else {
            message = line;
            listed.insert(message, Vec::new());
        }
    }
    for entry in MESSAGES {
        let mut ours = Vec::new();
        list(entry.structure, &mut ours);
        let theirs = listed.get(&name(entry)[..]).unwrap_or_else(|| panic!("Kafka has no {}", name(entry)));
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_eq!(ours, theirs, "in {}", name(entry));
        }
        assert_eq!(ours.len(), theirs.len(), "fields of {}", name(entry));
    }
}

#[test]
fn every_request_has_its_response() {
    let of = |direction| {
        let entries = MESSAGES.iter().filter(|entry| entry.direction == direction);
        entries.map(|entry| (entry.key, entry.versions.min, entry.versions.max)).collect::<Vec<_>>()
    };
    assert_eq!(of(Direction::Request), of(Direction::Response));
}

fn structures(structure: &'static Structure, visit: &mut impl FnMut(&'static Structure)) {
    visit(structure);
    for inner in structure.fields.iter().filter_map(|field| structure_of(&field.kind)) {
        structures(inner, visit);
    }
}

#[test]
fn tags_ascend_in_the_order_they_are_written() {
    for entry in MESSAGES {
        structures(entry.structure, &mut |structure| {
            let tags: Vec<u32> =
                structure.fields.iter().filter(|field| !field.tagged.is_empty()).map(|f| f.tag).collect();
            assert!(tags.is_sorted_by(|left, right| left < right), "{}", structure.name);
        });
    }
}

/// What decoding allocates is at most this many times the frame: an array's count is checked against the smallest
/// encoding of its elements, so the worst ratio of an element's memory to its smallest encoding bounds all of it.
const MEMORY_RATIO_MAX: usize = 24;

#[test]
fn memory_of_a_decoded_message_is_bounded_by_its_frame() {
    let mut worst = (0, String::new());
    for entry in MESSAGES.iter().filter(|entry| entry.direction == Direction::Request) {
        for version in entry.versions.min..=entry.versions.max {
            let format = Format { version, flexible: entry.flexible.contains(version) };
            structures(entry.structure, &mut |structure| {
                for field in structure.fields.iter().filter(|field| field.versions.contains(version)) {
                    let ratio = array_ratio(&field.kind, format);
                    if ratio > worst.0 {
                        worst = (ratio, format!("{} v{version}: {}.{}", name(entry), structure.name, field.name));
                    }
                }
            });
        }
    }
    assert!(worst.0 <= MEMORY_RATIO_MAX, "{worst:?}");
}

fn array_ratio(kind: &Kind, format: Format) -> usize {
    let Kind::Array(element) = kind else { return 0 };
    let (memory, wire) = match element {
        Kind::Struct(structure) => (structure.memory_bytes, (structure.wire_bytes_min)(format)),
        Kind::String => (size_of::<&str>(), if format.flexible { 1 } else { 2 }),
        Kind::Uuid => (16, 16),
        _ => (1, 1),
    };
    assert!(wire > 0, "an element of no bytes could be declared without end");
    memory.div_ceil(wire)
}

#[test]
fn listing_ranges_parse() {
    for line in LISTING.lines().filter(|line| line.starts_with(' ')) {
        let versions = line.split(' ').nth(4).expect("name, type, versions");
        assert_eq!(Versions::parse(versions).to_string(), versions);
    }
}
