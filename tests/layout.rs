//! How the tree is laid out, held by a test: the size of files and functions, a doc on every module, where `unsafe`
//! may stand, which way crates depend on each other, and that nothing names the machine it was written on.
//!
//! Functions are found by their indentation, which rustfmt guarantees: one ends with the brace below its `fn`.

use std::fs;
use std::path::{Path, PathBuf};

/// A file is one noun; beyond this it is several.
const FILE_LINES_MAX: usize = 800;
/// A function fits a screen.
const FUNCTION_LINES_MAX: usize = 70;
/// The only files that may say `unsafe`.
const UNSAFE: [&str; 2] = ["core/src/inbox.rs", "net/src/sys.rs"];
/// What is built, downloaded or private: not ours to judge.
const FOREIGN: [&str; 3] = ["target", ".git", "apus-data"];
/// What each crate may depend on: the shell on everything, machines on `apus-core` alone, `apus-core` on none of ours.
const DEPENDENCIES: [(&str, &[&str]); 7] = [
    ("core", &[]),
    ("coordinator", &["apus-core"]),
    ("store", &["apus-core"]),
    ("net", &["apus-core"]),
    (".", &["apus-core", "apus-coordinator", "apus-store", "apus-net"]),
    ("perf", &["apus-core", "apus-net", "apus-store"]),
    ("perf/profile", &["apus", "apus-core", "apus-net"]),
];

/// A file below the workspace's root: its name there, and its text.
struct Source {
    name: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All text files below the root, in the order of their names.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut directories = vec![root().to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory).expect("the workspace can be listed");
        for entry in entries.map(|entry| entry.expect("the workspace can be listed")) {
            let kind = entry.file_type().expect("an entry has a type");
            let foreign = FOREIGN.iter().any(|name| entry.file_name() == *name);
            match kind {
                kind if kind.is_dir() && !foreign => directories.push(entry.path()),
                kind if kind.is_file() && !foreign => found.extend(source(&entry.path())),
                _ => {}
            }
        }
    }
    assert!(found.len() > 100, "only {} files: this looks in the wrong place", found.len());
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// What is not text (golden files) has no layout.
fn source(path: &Path) -> Option<Source> {
    let text = fs::read_to_string(path).ok()?;
    let name = path.strip_prefix(root()).expect("it was found below the root");
    Some(Source { name: name.display().to_string(), text })
}

fn rust() -> Vec<Source> {
    let all = sources().into_iter().filter(|source| source.name.ends_with(".rs"));
    all.collect()
}

/// Name, first line and length of every function, counted from its `fn` to the brace that ends it.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indentation = &line[..line.len() - line.trim_start().len()];
        let end = lines[start..].iter().position(|line| {
            let rest = line.strip_prefix(indentation).filter(|rest| !rest.starts_with(' '));
            // The brace below; or the whole function, or a declaration without one, ends on a line of its signature.
            rest.is_some_and(|rest| rest.starts_with('}') || rest.ends_with([';', '}']))
        });
        let end = end.unwrap_or_else(|| panic!("{name} does not end"));
        found.push((name.to_owned(), start + 1, end + 1));
    }
    found
}

/// The name of the function that this line begins.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let word = |word: &str| {
        let known = ["pub", "const", "async", "unsafe", "extern", "\"C\"", "in"].contains(&word);
        known || (word.starts_with("pub(") && word.ends_with(')'))
    };
    let end = after.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(after.len());
    (before.split_whitespace().all(word) && end > 0).then(|| &after[..end])
}

/// The packages of ours that a manifest names as dependencies; only for tests where `dev` is set.
fn dependencies(manifest: &str, dev: bool) -> Vec<String> {
    let wanted = if dev { "[dev-dependencies]" } else { "[dependencies]" };
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section == wanted && line.starts_with("apus-") {
            let end = line.find(|letter: char| !letter.is_alphanumeric() && letter != '-').unwrap_or(line.len());
            found.push(line[..end].to_owned());
        }
    }
    found
}

fn complain(what: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{what}:\n{}", complaints.join("\n"));
}

#[test]
fn a_file_is_one_noun() {
    let long = rust().into_iter().map(|source| (source.text.lines().count(), source.name));
    let long = long.filter(|(lines, _)| *lines > FILE_LINES_MAX).map(|(lines, name)| format!("{name}: {lines} lines"));
    complain("split these by noun", &long.collect::<Vec<_>>());
}

#[test]
fn a_function_fits_a_screen() {
    let mut long = Vec::new();
    let mut count = 0;
    for Source { name: file, text } in rust() {
        for (name, line, lines) in functions(&text) {
            count += 1;
            if lines > FUNCTION_LINES_MAX {
                long.push(format!("{file}:{line}: {name} has {lines} lines"));
            }
        }
    }
    assert!(count > 1_000, "only {count} functions were found: the scanner is broken");
    complain("split these", &long);
}

#[test]
fn the_scanner_measures_functions() {
    let text = "trait T {\n    fn declared(\n        &self,\n    );\n    fn short(&self) {}\n}\n\n\
                pub(crate) async fn long<T>(of: T)\nwhere\n    T: Sized,\n{\n    if x {\n    }\n}\n// fn comment()\n";
    let names = ["declared", "short", "long"].map(str::to_owned);
    let [declared, short, long] = names;
    assert_eq!(functions(text), [(declared, 2, 3), (short, 5, 1), (long, 8, 7)]);
}

#[test]
fn every_module_says_what_it_is() {
    let silent = rust().into_iter().filter(|source| {
        let first = source.text.lines().find(|line| !line.starts_with("#![") && !line.is_empty());
        !first.is_some_and(|line| line.starts_with("//!"))
    });
    complain("these do not begin with a module doc", &silent.map(|source| source.name).collect::<Vec<_>>());
}

#[test]
fn unsafe_stands_in_two_files() {
    let forms = ["{", "fn ", "impl ", "extern ", "trait "].map(|form| ["unsafe", form].join(" "));
    let mut found = Vec::new();
    for Source { name, text } in rust().into_iter().filter(|source| !UNSAFE.contains(&source.name.as_str())) {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if forms.iter().any(|form| line.contains(form)) {
                found.push(format!("{name}:{}", index + 1));
            }
        }
    }
    complain("unsafe outside its two files", &found);
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (directory, allowed) in DEPENDENCIES {
        let path: PathBuf = root().join(directory).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).expect("a crate has a manifest");
        let found = dependencies(&manifest, false);
        wrong.extend(
            found.iter().filter(|name| !allowed.contains(&name.as_str())).map(|name| format!("{directory} -> {name}")),
        );
        let itself = format!("apus-{directory}");
        let tests = dependencies(&manifest, true);
        let beyond = tests.iter().filter(|name| !allowed.contains(&name.as_str()) && **name != itself);
        wrong.extend(beyond.map(|name| format!("tests of {directory} -> {name}")));
    }
    complain("these dependencies point the wrong way", &wrong);
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    // Written in halves, so that this file does not find itself.
    let homes = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];
    let mut found = Vec::new();
    for Source { name, text } in sources() {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| homes.iter().any(|home| line.contains(home))) {
            found.push(format!("{name}:{}: {}", index + 1, line.trim()));
        }
    }
    complain("these name somebody's machine", &found);
}
