//! The head of an HTTP/1.1 request, read from the bytes that came so far.

/// A head of more than this is none.
pub const HEAD_BYTES_MAX: usize = 32 << 10;
/// S3's own limit of one PUT is 5 GiB; ours is far above any pack.
const BODY_BYTES_MAX: u64 = 1 << 30;

/// A request, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Decoded, without the slash in front: `bucket/key`.
    pub path: String,
    /// Decoded.
    query: Vec<(String, String)>,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    /// Bytes of its body.
    pub length: u64,
}

impl Request {
    /// The request at the front of these bytes and the length of its head; nothing while that is not all there.
    pub fn read(bytes: &[u8]) -> Result<Option<(Request, usize)>, String> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return if bytes.len() < HEAD_BYTES_MAX { Ok(None) } else { Err("a head without an end".to_owned()) };
        };
        let text = std::str::from_utf8(&bytes[..end]).map_err(|_| "a head that is not text".to_owned())?;
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let mut words = first.split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1")) = (words.next(), words.next(), words.next()) else {
            return Err(format!("{first:?} is no request"));
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(|| format!("{line:?} is no header"))?;
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        let mut request = Request {
            method: method.to_owned(),
            path: decode(path.trim_start_matches('/')),
            query: pairs.map(|(name, value)| (decode(name), decode(value))).collect(),
            headers: headers.collect::<Result<_, String>>()?,
            length: 0,
        };
        if request.header("transfer-encoding").is_some() {
            return Err("bodies in chunks are not understood".to_owned());
        }
        let length = request.header("content-length").map_or(Ok(0), str::parse);
        request.length =
            length.ok().filter(|length| *length <= BODY_BYTES_MAX).ok_or("a body of no possible length")?;
        Ok(Some((request, end + 4)))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The key behind the bucket's name; empty where the bucket itself is meant.
    pub fn key(&self) -> &str {
        self.path.split_once('/').map_or("", |(_, key)| key)
    }

    /// The name of the bucket.
    pub fn bucket(&self) -> &str {
        self.path.split_once('/').map_or(self.path.as_str(), |(bucket, _)| bucket)
    }

    /// The first and the last byte that are asked for, of an object of so many: nothing where all of it is, an error
    /// where there are none of them.
    pub fn range(&self, length: u64) -> Result<Option<(u64, u64)>, ()> {
        let Some(text) = self.header("range").and_then(|text| text.strip_prefix("bytes=")) else { return Ok(None) };
        let (first, last) = text.split_once('-').ok_or(())?;
        let (first, last) = match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) => (first, last.min(length.saturating_sub(1))),
            (Ok(first), Err(_)) if last.is_empty() => (first, length.saturating_sub(1)),
            // The last so many bytes.
            (Err(_), Ok(count)) if first.is_empty() && count > 0 => (length.saturating_sub(count), length.max(1) - 1),
            _ => return Err(()),
        };
        if first <= last && last < length { Ok(Some((first, last))) } else { Err(()) }
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Request {
        let (request, length) = Request::read(text.as_bytes()).expect("a request").expect("all of it");
        assert_eq!(&text[length..], "body");
        request
    }

    #[test]
    fn a_head_in_pieces() {
        let text = "PUT /birds/d%2Fone%20two?a=b%3D&flag HTTP/1.1\r\nHost: x\r\nIf-None-Match:*\r\nContent-Length: 4\r\n\r\nbody";
        let request = read(text);
        assert_eq!((request.bucket(), request.key(), request.length), ("birds", "d/one two", 4));
        assert_eq!((request.query("a"), request.query("flag"), request.query("b")), (Some("b="), Some(""), None));
        assert_eq!(request.header("if-none-match"), Some("*"));
        for end in 0..text.len() - 4 {
            assert_eq!(Request::read(&text.as_bytes()[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn what_is_no_request() {
        for wrong in [
            "GET\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.1\r\nno header\r\n\r\n",
            "PUT /b/k HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "PUT /b/k HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
            "PUT /b/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert!(Request::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Request::read(&[b'x'; HEAD_BYTES_MAX]).is_err());
    }

    #[test]
    fn ranges() {
        let range = |text: &str, length| read(&format!("GET /b/k HTTP/1.1\r\nRange: {text}\r\n\r\nbody")).range(length);
        assert_eq!(range("bytes=0-9", 100), Ok(Some((0, 9))));
        assert_eq!(range("bytes=90-200", 100), Ok(Some((90, 99))));
        assert_eq!(range("bytes=90-", 100), Ok(Some((90, 99))));
        assert_eq!(range("bytes=-10", 100), Ok(Some((90, 99))));
        assert_eq!(range("lines=1-2", 100), Ok(None));
        for wrong in ["bytes=100-101", "bytes=9-8", "bytes=x-9", "bytes=-0", "bytes=5"] {
            assert_eq!(range(wrong, 100), Err(()), "{wrong}");
        }
        assert_eq!(range("bytes=0-0", 0), Err(()));
    }
}
