//! `apus-perf bucket`: a store that behaves like S3, is as far away as it is told to be, and is never the limit itself.
//!
//! HTTP/1.1 by hand over memory, path style, in the words that a broker uses: PUT (plain, If-None-Match, If-Match), GET
//! with ranges, HEAD, LIST version 2, DELETE and deletion of many. Every bucket exists. **Signatures are not verified**:
//! it is for the loopback, and for nothing that matters.
//!
//! - Distance: each PUT and each other request takes at least a time drawn from a seeded log-normal distribution,
//!   counted from its first byte; a bandwidth of the connection comes on top. The same seed draws the same times in the
//!   order in which requests come, so an oracle can draw them again.
//! - A write takes effect when its time is up, just before its answer; also where its client is gone by then.
//! - Memory is bounded: beyond `--memory-max` a PUT is refused with 507. With `--sink` the bytes of packs (keys below
//!   `d/`) are dropped as they arrive and only their sizes are known; a GET of one is answered with 404.
//! - `GET /-/counts` tells what came, as JSON; see [`counts`]. Whatever is kept is lost with the process.

mod answer;
mod connection;
pub mod counts;
mod faults;
pub mod latency;
mod objects;
mod request;
mod service;
mod tls;
mod xml;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpStream;

use faults::Faults;
use latency::LogNormal;
use service::Service;
use tokio_rustls::TlsAcceptor;

/// What a bucket is told to be.
#[derive(Args, Clone, Debug)]
pub struct BucketArguments {
    /// Where to listen; port 0 is a free one, and the line on standard output says which.
    #[arg(long, default_value = "127.0.0.1:9000")]
    pub listen: SocketAddr,
    /// Threads; one serves more than a gigabyte a second.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Time of a PUT in ms, as its median and its 99th percentile (60:200); none when not given.
    #[arg(long, value_name = "P50:P99")]
    pub put_latency_ms: Option<LogNormal>,
    /// The same of everything that is not a PUT (30:100).
    #[arg(long, value_name = "P50:P99")]
    pub get_latency_ms: Option<LogNormal>,
    /// Megabytes a second of one connection, either way.
    #[arg(long, value_name = "MB")]
    pub bandwidth_mb_per_connection: Option<f64>,
    /// What goes wrong and how often, of 503, 500 and reset: 503=0.01,reset=0.001
    #[arg(long, value_name = "WHAT=SHARE,...", default_value = "")]
    pub errors: Faults,
    /// Where times and errors are drawn from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Bytes that all objects may come to, with K, M or G behind the number.
    #[arg(long, default_value = "4G", value_parser = bytes)]
    pub memory_max: u64,
    /// Drop the bytes of packs.
    #[arg(long)]
    pub sink: bool,
    /// Speak TLS too, on the same port: with a certificate made for it and written to this file.
    #[arg(long, value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// Compare each x-amz-checksum-crc32c with the body.
    #[arg(long)]
    pub check: bool,
}

/// `4G`: powers of 1024.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.find(|letter: char| !letter.is_ascii_digit()) {
        Some(end) => text.split_at(end),
        None => (text, ""),
    };
    let shift = match unit {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err(format!("{unit} is not one of K, M and G")),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text} is not a number of bytes"))?;
    number.checked_mul(1 << shift).ok_or_else(|| format!("{text} is too much"))
}

/// Serves until the process is ended. The error is a sentence.
pub fn run(arguments: &BucketArguments) -> Result<(), String> {
    if arguments.threads == 0 {
        return Err("a bucket needs a thread".to_owned());
    }
    let mut runtime = if arguments.threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = runtime.worker_threads(arguments.threads).enable_all().build();
    let runtime = runtime.map_err(|error| format!("no threads to serve with: {error}"))?;
    let service = Arc::new(Service::new(arguments));
    let acceptor = arguments.tls_certificate.as_deref().map(tls::acceptor).transpose()?;
    runtime.block_on(listen(arguments.listen, service, acceptor))
}

async fn listen(address: SocketAddr, service: Arc<Service>, acceptor: Option<TlsAcceptor>) -> Result<(), String> {
    let wrong = |error| format!("cannot listen on {address}: {error}");
    let listener = tokio::net::TcpListener::bind(address).await.map_err(wrong)?;
    println!("listening on {}", listener.local_addr().map_err(wrong)?);
    loop {
        let (stream, _) = listener.accept().await.map_err(|error| format!("cannot accept: {error}"))?;
        let (service, acceptor) = (Arc::clone(&service), acceptor.clone());
        tokio::spawn(async move {
            // A client that goes away, or says what is no HTTP, ends its own connection and nothing else.
            let _ = meet(stream, &service, acceptor).await;
        });
    }
}

async fn meet(stream: TcpStream, service: &Service, acceptor: Option<TlsAcceptor>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    let Some(acceptor) = acceptor else { return connection::serve(stream, service).await };
    match stream.peek(&mut first).await? {
        0 => Ok(()),
        _ if tls::begins(first[0]) => connection::serve(acceptor.accept(stream).await?, service).await,
        _ => connection::serve(stream, service).await,
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn numbers_of_bytes() {
        assert_eq!(bytes("17"), Ok(17));
        assert_eq!(bytes("64K"), Ok(65_536));
        assert_eq!(bytes("4G"), Ok(4 << 30));
        for wrong in ["", "G", "4T", "4 G", "-1", "99999999999G"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
