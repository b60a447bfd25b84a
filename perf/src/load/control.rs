//! A connection for what happens before a run: one request, one answer, and the caller waits.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use apus_net::wire::client::{decode_response, encode_request};
use apus_net::wire::keys::ApiKey;
use apus_net::wire::schema::Message;
use apus_net::wire::schema::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use apus_net::wire::writer::Writer;

/// Creating a hundred thousand partitions takes a while.
const ANSWER_SECONDS_MAX: u64 = 120;
const CONNECT_SECONDS_MAX: u64 = 10;

/// What the program calls itself.
pub const CLIENT_ID: &str = "apus-perf";

/// The API versions that broker and program have in common: for each key the newest.
#[derive(Clone, Debug, Default)]
pub struct Common(Vec<(i16, i16)>);

impl Common {
    /// The newest version of an API that both sides speak.
    ///
    /// # Errors
    /// Where there is none.
    pub fn version(&self, key: ApiKey) -> Result<i16, String> {
        let found = self.0.iter().find(|(code, _)| *code == key.code());
        found.map(|(_, version)| *version).ok_or_else(|| format!("the broker speaks no version of {key:?} known here"))
    }

    fn of(response: &ApiVersionsResponse<'_>) -> Common {
        let common = response.api_keys.iter().filter_map(|theirs| {
            let ours = ApiKey::of(theirs.api_key)?.served().versions;
            let version = ours.max.min(theirs.max_version);
            (version >= ours.min && version >= theirs.min_version).then_some((theirs.api_key, version))
        });
        Common(common.collect())
    }
}

/// The connection.
pub struct Control {
    stream: TcpStream,
    writer: Writer,
    correlation: i32,
    /// What this broker speaks.
    pub common: Common,
}

/// Opens a connection to the first address of a name that takes it.
///
/// # Errors
/// Where none does.
pub fn connect(address: &str) -> Result<TcpStream, String> {
    let wrong = |error: std::io::Error| format!("{address}: {error}");
    let mut refused = format!("{address} names no address");
    for found in address.to_socket_addrs().map_err(wrong)? {
        match TcpStream::connect_timeout(&found, Duration::from_secs(CONNECT_SECONDS_MAX)) {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(wrong)?;
                return Ok(stream);
            }
            Err(error) => refused = wrong(error),
        }
    }
    Err(refused)
}

impl Control {
    /// Connects, and learns what the broker speaks.
    ///
    /// # Errors
    /// Where that fails.
    pub fn connect(address: &str) -> Result<Control, String> {
        let stream = connect(address)?;
        let patience = Some(Duration::from_secs(ANSWER_SECONDS_MAX));
        stream.set_read_timeout(patience).map_err(|error| error.to_string())?;
        let mut control = Control { stream, writer: Writer::new(), correlation: 0, common: Common::default() };
        let answer = control.exchange(&ApiVersionsRequest::default(), 0)?;
        let (_, versions) = decode_response::<ApiVersionsResponse>(&answer, 0).map_err(|error| error.to_string())?;
        control.common = Common::of(&versions);
        Ok(control)
    }

    /// Asks in the newest common version; gives the version and the answer's bytes.
    ///
    /// # Errors
    /// Where the broker does not speak it, or is gone.
    pub fn ask<'a, M: Message<'a>>(&mut self, request: &M) -> Result<(i16, Vec<u8>), String> {
        let version = self.common.version(ApiKey::of(M::KEY).expect("a client asks for what is served"))?;
        Ok((version, self.exchange(request, version)?))
    }

    fn exchange<'a, M: Message<'a>>(&mut self, request: &M, version: i16) -> Result<Vec<u8>, String> {
        self.correlation += 1;
        let frame = encode_request(&mut self.writer, version, self.correlation, Some(CLIENT_ID), request);
        self.transfer(&frame.contiguous()).map_err(|error| format!("API {} went unanswered: {error}", M::KEY))
    }

    fn transfer(&mut self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        self.stream.write_all(request)?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut answer)?;
        Ok(answer)
    }
}

/// Reads an answer.
///
/// # Errors
/// Where it is none.
pub fn read<'a, M: Message<'a>>((version, answer): &'a (i16, Vec<u8>)) -> Result<M, String> {
    let (_, message) = decode_response::<M>(answer, *version).map_err(|error| format!("API {}: {error}", M::KEY))?;
    Ok(message)
}
