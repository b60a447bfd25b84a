//! One contract, every store: the directory, the S3 server in this process with and without faults, and a real S3
//! server where `APUS_S3_ENDPOINT` names one (bucket `APUS_S3_BUCKET`, credentials from the usual AWS variables; with
//! `APUS_S3_PATH_STYLE=false` the bucket is in the host's name). `tests/clients/checks/store-contract.sh` brings one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apus_core::world::{Body, Condition, ObjectKey, StoreReply, StoreRequest};
use apus_store::Unusable;
use apus_store::contract;
use apus_store::plane::{Location, PlaneConfig};
use apus_store::retry::Operation;
use apus_store::s3::{Credentials, S3Config};
use apus_store::testing::{Asker, Fault, S3Server, Storm};
use bytes::Bytes;

fn calm(location: Location, prefix: &str) {
    let mut asker = Asker::start(PlaneConfig::new(location));
    asker.plane().check().unwrap_or_else(|why| panic!("{why}"));
    contract::calm(prefix, &mut |requests| asker.ask(requests));
}

#[test]
fn the_directory_keeps_the_contract() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    calm(Location::Directory(directory.path().join("new/store")), "v1");
    let mut asker = Asker::start(PlaneConfig::new(Location::Directory(directory.path().join("new/store"))));
    contract::stormy("v2", &mut |requests| asker.ask(requests));
}

#[test]
fn the_client_keeps_the_contract_with_a_calm_server() {
    let server = S3Server::start(Storm::default());
    calm(Location::S3(server.config("some/prefix")), "v1");
    assert_eq!(server.faults(), 0);
}

#[test]
fn the_client_tells_the_truth_in_a_storm() {
    std::thread::scope(|scope| {
        for seed in [1, 2, 3] {
            scope.spawn(move || storm(seed));
        }
    });
}

fn storm(seed: u64) {
    println!("replay: storm({seed})");
    let server = S3Server::start(Storm { seed, per_mille: 250, only: None });
    let mut config = PlaneConfig::new(Location::S3(server.config("")));
    config.deadline = Duration::from_secs(3);
    config.attempt = Duration::from_secs(1);
    let mut asker = Asker::start(config);
    contract::stormy("v1", &mut |requests| asker.ask(requests));
    assert!(server.faults() > 50, "{} faults in {} requests", server.faults(), server.requests());
    let counters = asker.plane().counters();
    assert!(counters.slow_downs.get() > 0);
    let plain = counters.operation(Operation::PutAlways);
    assert!(plain.attempts.get() > plain.requests.get(), "nothing was repeated");
}

#[test]
fn slow_uploads_are_hedged_within_the_budget() {
    let server = S3Server::start(Storm { seed: 5, per_mille: 30, only: Some(Fault::Delay) });
    let mut asker = Asker::start(PlaneConfig::new(Location::S3(server.config(""))));
    for number in 0..600 {
        let key = ObjectKey::new(&format!("d/{number}"));
        let body = Body::new(vec![Bytes::from_static(b"pack")]);
        let reply = asker.ask(vec![StoreRequest::Put { key, body, condition: Condition::Always }]).remove(0);
        assert!(matches!(reply, StoreReply::Put(Ok(_))), "{reply:?}");
    }
    let counters = asker.plane().counters();
    let (sent, won) = (counters.hedges_sent.get(), counters.hedges_won.get());
    assert!((1..=30).contains(&sent), "{sent} hedges in 600 uploads");
    assert!(won > 0, "none of {sent} hedges was faster");
}

#[test]
fn a_check_says_what_is_wrong() {
    let server = S3Server::start(Storm::default());
    let check = |change: &dyn Fn(&mut S3Config)| {
        let mut config = server.config("");
        change(&mut config);
        Asker::start(PlaneConfig::new(Location::S3(config))).plane().check()
    };
    assert_eq!(check(&|_| {}), Ok(()));
    let refused = |change: &dyn Fn(&mut S3Config)| match check(change) {
        Err(Unusable::Refused(why)) => why,
        other => panic!("a wrong setting is refused, not {other:?}"),
    };
    let why = refused(&|config| config.bucket = "fish".to_owned());
    assert!(why.contains("no bucket fish"), "{why}");
    let why = refused(&|config| config.credentials.access_key = "nobody".to_owned());
    assert!(why.contains("AWS_ACCESS_KEY_ID"), "{why}");
    let why = check(&|config| config.endpoint = Some("http://127.0.0.1:1".to_owned())).expect_err("nobody there");
    assert!(matches!(why, Unusable::Silent(_)), "somebody may be there later: {why:?}");
    let why = why.to_string();
    assert!(why.contains("cannot reach") && why.contains("127.0.0.1:1"), "{why}");
}

#[test]
fn a_real_server_keeps_the_contract() {
    let variable = |name: &str| std::env::var(name).ok();
    let Some(endpoint) = variable("APUS_S3_ENDPOINT") else {
        println!("skipped: APUS_S3_ENDPOINT names no S3 server");
        return;
    };
    let config = S3Config {
        bucket: variable("APUS_S3_BUCKET").unwrap_or_else(|| "apus".to_owned()),
        prefix: "contract".to_owned(),
        endpoint: Some(endpoint),
        region: variable("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
        path_style: variable("APUS_S3_PATH_STYLE").is_none_or(|text| text == "true"),
        credentials: Credentials::find(variable).unwrap_or_else(|why| panic!("{why}")),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
    calm(Location::S3(config), &format!("{now:x}"));
}
