//! One GET of a small page on the loopback, for counters and metrics.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The body of an answer of 200. The error is a sentence.
pub fn get(address: SocketAddr, path: &str) -> Result<String, String> {
    let wrong = |error| format!("http://{address}{path}: {error}");
    let mut stream = TcpStream::connect(address).map_err(wrong)?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(wrong)?;
    let question = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).map_err(wrong)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        if let Some(body) = body(&answer) {
            return body.map_err(|why| format!("http://{address}{path}: {why}"));
        }
        match stream.read(&mut chunk).map_err(wrong)? {
            0 => return Err(format!("http://{address}{path}: the answer breaks off")),
            count => answer.extend_from_slice(&chunk[..count]),
        }
    }
}

/// The body, once all of it is there.
fn body(answer: &[u8]) -> Option<Result<String, String>> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200") {
        return Some(Err(head.lines().next().unwrap_or_default().to_owned()));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let Some(length) = length else { return Some(Err("an answer without its length".to_owned())) };
    let body = answer.get(end + 4..end + 4 + length)?;
    Some(Ok(String::from_utf8_lossy(body).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::body;

    #[test]
    fn answers_in_pieces() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for end in 0..answer.len() {
            assert_eq!(body(&answer[..end]), None, "{end}");
        }
        assert_eq!(body(answer), Some(Ok("ok".to_owned())));
        assert!(body(b"HTTP/1.1 404 Not Found\r\n\r\n").is_some_and(|body| body.is_err()));
    }
}
