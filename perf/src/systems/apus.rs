//! The command line of Apus.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::store::{BUCKET, KEY, SECRET, Store};
use super::{PARTITIONS, Places, System};

/// Where a broker listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub bootstrap: SocketAddr,
    pub metrics: SocketAddr,
}

pub fn command(system: System, places: &Places, addresses: Addresses, data: &Path, store: &Option<Store>) -> Command {
    let mut command = Command::new(&places.apus);
    command.arg("serve");
    let mut set = |setting: String| {
        command.arg("--set").arg(setting);
    };
    set(format!("listeners=PLAINTEXT://{}", addresses.bootstrap));
    set(format!("diskless.http.listener={}", addresses.metrics));
    set(format!("data.dir={}", data.display()));
    set(format!("num.partitions={PARTITIONS}"));
    if let Some(store) = store {
        set(format!("diskless.store=s3://{BUCKET}/apus"));
        set(format!("diskless.s3.endpoint={}", store.endpoint()));
        set("diskless.s3.region=us-east-1".to_owned());
    }
    if system == System::ApusFar {
        set("diskless.put.rate.max=200".to_owned());
    }
    if let Some(certificate) = store.as_ref().and_then(|store| store.certificate.as_ref()) {
        command.env("SSL_CERT_FILE", certificate);
    }
    command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
    command
}
