//! The HTTP listener: `/metrics`, `/healthz`, `/readyz` and `/loglevel`, on a thread that does nothing else.
//!
//! - `GET /metrics`: the numbers. A core that does not answer in time is missing from them, and they say so.
//! - `GET /healthz`: 200 where the loop of every core turns, else 503 and which one does not.
//! - `GET /readyz`: 200 where clients are served, the broker does not stop, and the journal takes writes; else 503 and why.
//! - `GET /loglevel`, and `PUT /loglevel` with a level or with levels by target. Only PUT: a web page in an operator's
//!   browser may POST to a loopback address without asking it first.
//!
//! Every connection is one request, ended after [`PATIENCE`]; at most [`CONNECTIONS_MAX`] are served, the others wait in
//! the kernel. There is no authentication, so the listener is on the loopback address unless somebody says otherwise.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use apus_core::config::HttpListener;
use apus_core::ids::CoreId;
use apus_store::plane::PlaneHandle;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::desk::{Pulse, Question};
use super::log_filter::LogFilter;
use super::page;
use super::process::Process;
use super::report::Report;
use super::view::View;
use crate::fleet::Fleet;

/// Requests that are served at a time: a few scrapers and probes, not more.
const CONNECTIONS_MAX: usize = 16;
/// What a request may take in all, its client's reading included.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a core may take to answer. A busy core looks once a drain, which is milliseconds.
const ANSWER: Duration = Duration::from_secs(3);
/// Bytes of a request's body: a log level.
const BODY_BYTES_MAX: usize = 4 << 10;
/// How long accepting rests after an error: descriptors run out for longer than that.
const REST: Duration = Duration::from_millis(100);

/// What the server speaks of.
pub struct Watched {
    /// The cores.
    pub fleet: Arc<Fleet>,
    /// The store plane.
    pub store: PlaneHandle,
    /// The log's filter, where the process has one.
    pub log: Option<LogFilter>,
}

/// Binds the listener. Nothing is returned where there is to be none, or where nobody asked for it by name and another
/// process has its port: a second broker on a machine starts like the first.
///
/// # Errors
/// A sentence for a person.
pub fn bind(listener: Option<&HttpListener>) -> Result<Option<(TcpListener, SocketAddr)>, String> {
    let Some(listener) = listener else { return Ok(None) };
    let bound = TcpListener::bind((listener.at.host.as_str(), listener.at.port));
    let bound = bound.and_then(|socket| socket.set_nonblocking(true).and_then(|()| Ok((socket.local_addr()?, socket))));
    match bound {
        Ok((address, socket)) => Ok(Some((socket, address))),
        Err(_) if !listener.is_asked_for => Ok(None),
        Err(error) => Err(format!(
            "cannot listen on {} for /metrics: {error}; correct diskless.http.listener, or leave it empty for none",
            listener.at
        )),
    }
}

/// A server that runs; it ends when this is dropped.
pub struct Server {
    _end: oneshot::Sender<()>,
}

/// Starts serving.
///
/// # Errors
/// The system's, where no thread can be had.
pub fn start(socket: TcpListener, watched: Watched) -> io::Result<Server> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (end, ended) = oneshot::channel();
    let serve = move || {
        runtime.block_on(async {
            tokio::select! {
                () = accept(socket, Arc::new(watched)) => {}
                _ = ended => {}
            }
        });
    };
    thread::Builder::new().name("apus-http".to_owned()).spawn(serve)?;
    Ok(Server { _end: end })
}

async fn accept(socket: TcpListener, watched: Arc<Watched>) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(target: "apus", "nothing is served over HTTP: {error}"),
    };
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("nobody closes it");
        let stream = match socket.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let watched = Arc::clone(&watched);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &watched));
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).keep_alive(false);
            // A client that breaks off, or takes too long, has itself to blame.
            let _ = timeout(PATIENCE, http.serve_connection(TokioIo::new(stream), service)).await;
            drop(permit);
        });
    }
}

type Reply = Response<Full<Bytes>>;

async fn answer(request: Request<Incoming>, watched: &Watched) -> Result<Reply, hyper::Error> {
    let reply = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => watched.metrics().await,
        (&Method::GET, "/healthz") => watched.health().await,
        (&Method::GET, "/readyz") => watched.readiness().await,
        (&Method::GET, "/loglevel") => watched.log_level(),
        (&Method::PUT, "/loglevel") => watched.set_log_level(request.into_body()).await,
        (_, "/metrics" | "/healthz" | "/readyz" | "/loglevel") => {
            plain(StatusCode::METHOD_NOT_ALLOWED, "only GET, and PUT on /loglevel")
        }
        _ => plain(StatusCode::NOT_FOUND, "there are /metrics, /healthz, /readyz and /loglevel"),
    };
    Ok(reply)
}

fn plain(status: StatusCode, text: &str) -> Reply {
    let mut reply = Response::new(Full::from(format!("{text}\n")));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

impl Watched {
    fn cores(&self) -> impl Iterator<Item = CoreId> + use<> {
        (0..self.fleet.cores()).map(|core| CoreId(u16::try_from(core).expect("cores are few")))
    }

    /// Asks every core at once, then hears them.
    async fn ask<T>(&self, question: impl Fn(oneshot::Sender<T>) -> Question) -> Vec<Option<T>> {
        let mut asked = Vec::new();
        for core in self.cores() {
            let (asker, answer) = oneshot::channel();
            self.fleet.ask(core, question(asker));
            asked.push(answer);
        }
        let deadline = tokio::time::Instant::now() + ANSWER;
        let mut answers = Vec::new();
        for answer in asked {
            answers.push(tokio::time::timeout_at(deadline, answer).await.ok().and_then(Result::ok));
        }
        answers
    }

    async fn metrics(&self) -> Reply {
        let cores: Vec<Option<Box<Report>>> = self.ask(Question::Report).await;
        let view = View {
            is_writable: cores.first().and_then(Option::as_ref).is_some_and(|report| report.node.is_writable),
            cores: &cores,
            store: &self.store.counters(),
            cached_bytes: self.store.cached_bytes(),
            process: Process::look(),
            is_serving: self.fleet.is_serving(),
        };
        let mut reply = Response::new(Full::from(view.page().text()));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(page::CONTENT_TYPE));
        reply
    }

    async fn health(&self) -> Reply {
        let pulses = self.ask(Question::Pulse).await;
        let silent = pulses.iter().enumerate().filter(|(_, pulse)| pulse.is_none());
        let silent: Vec<String> = silent.map(|(core, _)| core.to_string()).collect();
        if silent.is_empty() {
            return plain(StatusCode::OK, "ok");
        }
        let text = format!("the loop of core {} has not turned for {} s", silent.join(", "), ANSWER.as_secs());
        plain(StatusCode::SERVICE_UNAVAILABLE, &text)
    }

    async fn readiness(&self) -> Reply {
        if self.fleet.is_stopping() {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "it stops");
        }
        if !self.fleet.is_serving() {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "it recovers");
        }
        match self.ask(Question::Pulse).await.first() {
            Some(Some(Pulse { is_writable: true })) => plain(StatusCode::OK, "ready"),
            Some(Some(Pulse { is_writable: false })) => {
                plain(StatusCode::SERVICE_UNAVAILABLE, "the journal takes no writes: it or its disk is full")
            }
            _ => plain(StatusCode::SERVICE_UNAVAILABLE, "core 0 does not answer"),
        }
    }

    fn log_level(&self) -> Reply {
        match &self.log {
            Some(log) => plain(StatusCode::OK, &log.text()),
            None => plain(StatusCode::NOT_FOUND, "this process has no log filter"),
        }
    }

    async fn set_log_level(&self, body: Incoming) -> Reply {
        let Some(log) = &self.log else { return self.log_level() };
        let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return plain(StatusCode::BAD_REQUEST, "give a level in at most 4 KiB"),
        };
        match log.set(&String::from_utf8_lossy(&body)) {
            Ok(()) => self.log_level(),
            Err(why) => plain(StatusCode::BAD_REQUEST, &why),
        }
    }
}
