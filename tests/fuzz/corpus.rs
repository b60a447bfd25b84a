//! The kept corpus of each target, and a short run over inputs that are made from it.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use apus_core::time::Rng;

use crate::mutator::mutate;

/// How long one target's inputs are made up, unless `APUS_FUZZ_SECONDS` says otherwise.
const SECONDS: u64 = 2;
/// What is drawn first, unless `APUS_SEED` says otherwise. Each input has a seed of its own, the next number.
const SEED: u64 = 1;

/// Where a target's inputs are kept.
pub fn directory(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target)
}

/// The inputs of a target with their names, in the order of these.
fn kept(target: &str) -> (Vec<PathBuf>, Vec<Vec<u8>>) {
    let entries = fs::read_dir(directory(target)).expect("a corpus is kept");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("the corpus is readable").path()).collect();
    paths.sort();
    let inputs = paths.iter().map(|path| fs::read(path).expect("the corpus is readable")).collect();
    (paths, inputs)
}

/// The number that a variable of the environment holds.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Every kept input passes, and so do those that are made from them.
pub fn run(target: &str, check: fn(&[u8])) {
    let (paths, inputs) = kept(target);
    assert!(!inputs.is_empty(), "{target} has a corpus");
    for (path, input) in paths.iter().zip(&inputs) {
        let again = || format!("{} is a kept input", path.display());
        attempt(check, input, again);
    }
    let first = setting("APUS_SEED").unwrap_or(SEED);
    let limit = Duration::from_secs(setting("APUS_FUZZ_SECONDS").unwrap_or(SECONDS));
    let (started, mut seed) = (Instant::now(), first);
    // At least one: a seed that failed is run again, however short the run.
    loop {
        let input = mutate(&inputs, &mut Rng::new(seed));
        attempt(check, &input, || {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{target}-{seed}"));
            fs::write(&path, &input).expect("the target directory is writable");
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            format!("again: APUS_SEED={seed} cargo test --test fuzz {name}\nits input: {}", path.display())
        });
        seed += 1;
        if started.elapsed() >= limit {
            break;
        }
    }
    println!(
        "{target}: {} kept inputs, and {} that were made of them, from seed {first} on",
        inputs.len(),
        seed - first
    );
}

/// Where the check fails, says how to see it again.
fn attempt(check: fn(&[u8]), input: &[u8], again: impl FnOnce() -> String) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(input))) {
        eprintln!("{}", again());
        resume_unwind(panic);
    }
}
