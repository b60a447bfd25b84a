//! Any bytes in any pieces as what a connection receives.

#![no_main]

#[allow(dead_code, reason = "each target uses one of the checks")]
#[path = "../checks/mod.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::frames::check(input));
