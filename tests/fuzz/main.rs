//! The checks of the fuzz targets, on a stable compiler: first the kept corpus, then what a seed makes of it.
//!
//! [`README.md`](README.md) has the commands, also those of a run that is guided by coverage.

mod checks;
mod corpus;
mod mutator;
mod seeds;

use checks::{batch, body, frames, request, step, stored};

#[test]
fn bodies() {
    corpus::run("body", body::check);
}

#[test]
fn requests() {
    corpus::run("request", request::check);
}

#[test]
fn frames_of_a_connection() {
    corpus::run("frames", frames::check);
}

#[test]
fn batches() {
    corpus::run("batch", batch::check);
}

#[test]
fn steps_of_a_core() {
    corpus::run("step", step::check);
}

#[test]
fn stored_formats() {
    corpus::run("stored", stored::check);
}
