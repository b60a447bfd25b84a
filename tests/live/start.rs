//! Starts that are refused: at once, and with what a person should do.

use std::process::Command;
use std::time::{Duration, Instant as Moment};

use apus_store::testing::{S3Server, Storm};

/// A refusal takes one question to the store; a start that waits for the store takes two minutes.
const AT_ONCE: Duration = Duration::from_secs(30);

#[test]
fn a_bucket_that_is_not_there_ends_the_start() {
    let server = S3Server::start(Storm::default());
    let config = server.config("");
    let data = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_apus"));
    let settings = [
        "listeners=PLAINTEXT://127.0.0.1:0".to_owned(),
        "diskless.http.listener=".to_owned(),
        format!("data.dir={}", data.path().display()),
        "diskless.store=s3://fish".to_owned(),
        format!("diskless.s3.endpoint={}", config.endpoint.expect("a server has an address")),
    ];
    command.args(settings.iter().flat_map(|setting| ["--set", setting]));
    command.env("AWS_ACCESS_KEY_ID", &config.credentials.access_key);
    command.env("AWS_SECRET_ACCESS_KEY", &config.credentials.secret_key);
    let began = Moment::now();
    let output = command.output().expect("the binary was built for this test");
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && why.contains("no bucket fish"), "{why}");
    assert!(began.elapsed() < AT_ONCE, "it took {:?}", began.elapsed());
}
