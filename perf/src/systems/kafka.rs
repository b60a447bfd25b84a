//! Apache Kafka as one process: a broker that is its own controller, formatted before it is started.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{PARTITIONS, Places, class_path, free_port};

/// What this broker is short of, with the command that brings it.
pub fn missing(places: &Places) -> Option<String> {
    class_path(places, "kafka").err()
}

/// Formats the data directory and returns the command that starts the broker on it.
pub fn command(places: &Places, bootstrap: SocketAddr, data: &Path) -> Result<Command, String> {
    let class_path = class_path(places, "kafka")?;
    let properties = data.join("server.properties");
    let text = properties_of(bootstrap, free_port()?, &data.join("logs"));
    fs::write(&properties, text).map_err(|error| format!("cannot write {}: {error}", properties.display()))?;
    let mut format = Command::new("java");
    format.args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", &class_path, "kafka.tools.StorageTool", "format"]);
    format.args(["-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c"]).arg(&properties).stdin(Stdio::null());
    let output = format.output().map_err(|error| format!("java does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("Kafka's directory is not formatted: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let mut command = Command::new("java");
    // The heap of Kafka's own start script, and its collector.
    command.args(["-Xmx1g", "-Xms1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]);
    command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", &class_path, "kafka.Kafka"]);
    command.arg(&properties);
    Ok(command)
}

fn properties_of(bootstrap: SocketAddr, controller: SocketAddr, logs: &Path) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@{controller}\n\
         listeners=PLAINTEXT://{bootstrap},CONTROLLER://{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         log.dirs={}\n\
         num.partitions={PARTITIONS}\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n",
        logs.display()
    )
}
