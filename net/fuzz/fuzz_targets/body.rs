//! Any bytes as the body of any message.

#![no_main]

#[allow(dead_code)] // Each target uses one of the two.
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::body(input));
