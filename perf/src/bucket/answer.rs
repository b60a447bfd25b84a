//! Answers: a head as text, and a body that is sent from where it lies.

use bytes::Bytes;

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    headers: String,
    pub body: Bytes,
    /// The length that a HEAD declares and does not send.
    declared: Option<u64>,
}

impl Answer {
    pub fn new(status: u16) -> Answer {
        Answer { status, headers: String::new(), body: Bytes::new(), declared: None }
    }

    /// An error document.
    pub fn error(status: u16, code: &str) -> Answer {
        let xml = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>");
        Answer::new(status).body(Bytes::from(xml))
    }

    pub fn header(mut self, name: &str, value: &str) -> Answer {
        assert!(!value.contains(['\r', '\n']), "{name} would end early");
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub fn body(mut self, body: Bytes) -> Answer {
        self.body = body;
        self
    }

    /// The length of a body that stays here.
    pub fn declare(mut self, length: u64) -> Answer {
        self.declared = Some(length);
        self
    }

    pub fn head(&self) -> String {
        let reason = match self.status {
            200 => "OK",
            204 => "No Content",
            206 => "Partial Content",
            _ => "Other",
        };
        let length = self.declared.unwrap_or(self.body.len() as u64);
        // A 204 has no body, and says nothing of its length.
        let length = if self.status == 204 { String::new() } else { format!("content-length: {length}\r\n") };
        format!("HTTP/1.1 {} {reason}\r\n{length}{}\r\n", self.status, self.headers)
    }
}
