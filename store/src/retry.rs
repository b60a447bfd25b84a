//! The one table: what an observed outcome of an operation means, and whether the plane repeats it.
//!
//! Pure functions. The shell observes ([`Observed`]), [`judge`] answers ([`Verdict`]), [`History`] folds the attempts
//! of one request into what its asker is told, [`pause`] spaces them.
//!
//! - 412 decides; 409 decides nothing and is repeated.
//! - Time-out, reset, 408 and 5xx of a PUT leave it *unknown*. A plain PUT is repeated all the same: its key is never
//!   used for other bytes. A conditional one is not: a blind repetition turns one's own success into 412.
//! - One unknown attempt makes a failed request unknown, whatever the later attempts say.
//! - Reads change nothing, so their failures are definite; bytes that fail their checksum are corrupt.

use std::sync::Arc;
use std::time::Duration;

use apus_core::limits::PACK_BYTES_MAX;
use apus_core::world::{Condition, Failure, StoreRequest};

/// What is asked, as far as the meaning of its outcome depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// PUT without a condition.
    PutAlways,
    /// PUT with `If-None-Match` or `If-Match`.
    PutConditional,
    /// GET of an object, a range or a block.
    Get,
    /// HEAD.
    Head,
    /// LIST.
    List,
    /// DELETE of one or many: a repetition is harmless.
    Delete,
}

impl Operation {
    /// All of them, in the order of [`Operation::index`].
    pub const ALL: [Operation; 6] = [
        Operation::PutAlways,
        Operation::PutConditional,
        Operation::Get,
        Operation::Head,
        Operation::List,
        Operation::Delete,
    ];

    /// The operation that a request is.
    #[must_use]
    pub fn of(request: &StoreRequest) -> Operation {
        match request {
            StoreRequest::Put { condition: Condition::Always, .. } => Operation::PutAlways,
            StoreRequest::Put { .. } => Operation::PutConditional,
            StoreRequest::Get { .. } | StoreRequest::Block { .. } => Operation::Get,
            StoreRequest::Head { .. } => Operation::Head,
            StoreRequest::List { .. } => Operation::List,
            StoreRequest::Delete { .. } => Operation::Delete,
        }
    }

    /// Its place in a table of counters.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its name for a metric or a log line.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["put", "put_conditional", "get", "head", "list", "delete"][self.index()]
    }

    fn writes(self) -> bool {
        matches!(self, Operation::PutAlways | Operation::PutConditional)
    }
}

/// How one attempt ended, where it did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// The store answered with this status; `code` is the text of S3's `<Code>`, empty where there was none.
    Status {
        /// The HTTP status.
        status: u16,
        /// S3's own word for it.
        code: String,
    },
    /// No connection: nothing of the request left this machine.
    ConnectFailed(String),
    /// No answer in time; the request may have arrived, or may yet.
    Timeout,
    /// The connection broke under way.
    Reset(String),
    /// Fewer or other bytes than the answer declared.
    Truncated(String),
    /// The bytes do not have the checksum that they were stored with.
    Checksum,
    /// An answer that makes no sense.
    Malformed(String),
    /// No room on the disk, or a quota is used up; nothing was written.
    NoRoom(String),
    /// There is no such object.
    Absent,
    /// The condition does not hold.
    Conflict,
    /// A local disk refused before anything became visible.
    Refused(String),
    /// A local disk failed after the object became visible, before it was durable.
    Unsettled(String),
}

/// What an outcome means to the asker; the reason is added by [`History`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It did not happen.
    Definite,
    /// It did not happen: no room.
    Full,
    /// It may have happened, or may yet.
    Unknown,
    /// There is no such object.
    Missing,
    /// The condition does not hold.
    Precondition,
    /// The bytes are not those that were written.
    Corrupt,
}

/// Whether the plane asks again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// No: the answer stands.
    Never,
    /// Until the deadline, from 20 ms apart.
    Soon,
    /// Until the deadline, from 200 ms apart: the store asked for patience.
    Slowly,
    /// At most twice: what is wrong is probably stored wrong.
    Twice,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What the outcome means.
    pub meaning: Meaning,
    /// Whether it is repeated.
    pub repeat: Repeat,
}

const fn verdict(meaning: Meaning, repeat: Repeat) -> Verdict {
    Verdict { meaning, repeat }
}

/// What the outcome of one attempt means, and whether to try again.
#[must_use]
pub fn judge(operation: Operation, observed: &Observed) -> Verdict {
    match observed {
        Observed::Absent => verdict(Meaning::Missing, Repeat::Never),
        Observed::Conflict => verdict(Meaning::Precondition, Repeat::Never),
        Observed::NoRoom(_) => verdict(Meaning::Full, Repeat::Never),
        Observed::ConnectFailed(_) => verdict(Meaning::Definite, Repeat::Soon),
        Observed::Refused(_) => verdict(Meaning::Definite, Repeat::Never),
        Observed::Unsettled(_) => verdict(Meaning::Unknown, Repeat::Never),
        Observed::Checksum => verdict(Meaning::Corrupt, Repeat::Twice),
        Observed::Timeout | Observed::Reset(_) | Observed::Truncated(_) | Observed::Malformed(_) => {
            in_doubt(operation, Repeat::Soon)
        }
        Observed::Status { status, code } => judge_status(operation, *status, code),
    }
}

/// An outcome that says nothing about whether the request took effect.
fn in_doubt(operation: Operation, repeat: Repeat) -> Verdict {
    match operation {
        Operation::PutConditional => verdict(Meaning::Unknown, Repeat::Never),
        Operation::PutAlways | Operation::Delete => verdict(Meaning::Unknown, repeat),
        Operation::Get | Operation::Head | Operation::List => verdict(Meaning::Definite, repeat),
    }
}

fn judge_status(operation: Operation, status: u16, code: &str) -> Verdict {
    match (status, code) {
        (507, _) | (_, "XMinioStorageFull" | "QuotaExceeded" | "XMinioAdminBucketQuotaExceeded") => {
            verdict(Meaning::Full, Repeat::Never)
        }
        (404, "NoSuchBucket") => verdict(Meaning::Definite, Repeat::Never),
        (404, _) => verdict(Meaning::Missing, Repeat::Never),
        (412, _) if operation == Operation::PutConditional => verdict(Meaning::Precondition, Repeat::Never),
        // A conditional request raced with another one. It decides nothing: the other may fail yet.
        (409, _) if operation.writes() => verdict(Meaning::Unknown, Repeat::Soon),
        // "Your socket connection was not read from or written to within the timeout period."
        (408, _) | (400, "RequestTimeout") => in_doubt(operation, Repeat::Soon),
        // The bytes changed on their way to the store, which refused them.
        (400, "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch") => {
            verdict(Meaning::Definite, Repeat::Twice)
        }
        (503 | 429, _) => in_doubt(operation, Repeat::Slowly),
        (501 | 505, _) => verdict(Meaning::Definite, Repeat::Never),
        (500..=599, _) => in_doubt(operation, Repeat::Soon),
        // A new bucket's name is still spreading; we follow no redirect, the request did not take effect.
        (307, _) => verdict(Meaning::Definite, Repeat::Slowly),
        _ => verdict(Meaning::Definite, Repeat::Never),
    }
}

/// True where the store asks for fewer requests: hedging then stops.
#[must_use]
pub fn overloaded(observed: &Observed) -> bool {
    matches!(observed, Observed::Status { status: 503 | 429, .. })
}

/// The attempts of one request so far, folded.
#[derive(Clone, Copy, Debug, Default)]
pub struct History {
    attempts: u32,
    in_doubt: bool,
}

impl History {
    /// How many attempts have ended.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Takes one more outcome in: the pause before the next attempt, or the end with its failure. `left` is the time
    /// until the request's deadline, `random` any 64 bits.
    pub fn next(
        &mut self,
        operation: Operation,
        observed: &Observed,
        left: Duration,
        random: u64,
    ) -> Result<Duration, Failure> {
        let verdict = judge(operation, observed);
        self.attempts += 1;
        self.in_doubt |= verdict.meaning == Meaning::Unknown;
        let allowed = match verdict.repeat {
            Repeat::Never => false,
            Repeat::Soon | Repeat::Slowly => true,
            Repeat::Twice => self.attempts < 3,
        };
        let pause = pause(self.attempts, verdict.repeat, random);
        if allowed && pause < left {
            return Ok(pause);
        }
        Err(self.failure(verdict.meaning, observed))
    }

    /// What the asker is told at the end.
    fn failure(&self, meaning: Meaning, observed: &Observed) -> Failure {
        let why = || Arc::from(format!("{} (attempt {})", describe(observed), self.attempts));
        match meaning {
            // These answer the newest attempt, and they decide: doubt before them can only stem from a 409.
            Meaning::Missing => Failure::Missing,
            Meaning::Precondition => Failure::Precondition,
            Meaning::Corrupt => Failure::Corrupt(why()),
            Meaning::Unknown => Failure::Unknown(why()),
            Meaning::Full | Meaning::Definite if self.in_doubt => Failure::Unknown(why()),
            Meaning::Full => Failure::Full(why()),
            Meaning::Definite => Failure::Definite(why()),
        }
    }
}

/// An outcome in words, for the log line.
#[must_use]
pub fn describe(observed: &Observed) -> String {
    match observed {
        Observed::Status { status, code } if code.is_empty() => format!("the store answered {status}"),
        Observed::Status { status, code } => format!("the store answered {status} {code}"),
        Observed::ConnectFailed(why) => format!("no connection to the store: {why}"),
        Observed::Timeout => "no answer from the store in time".to_owned(),
        Observed::Reset(why) => format!("the connection to the store broke: {why}"),
        Observed::Truncated(why) => format!("an incomplete answer: {why}"),
        Observed::Checksum => "the bytes do not match their checksum".to_owned(),
        Observed::Malformed(why) => format!("an answer that makes no sense: {why}"),
        Observed::NoRoom(why) | Observed::Refused(why) | Observed::Unsettled(why) => why.clone(),
        Observed::Absent => "no such object".to_owned(),
        Observed::Conflict => "the condition does not hold".to_owned(),
    }
}

/// The first pause after a plain failure.
const PAUSE_MS_FIRST: u64 = 20;
/// The first pause after "slow down".
const PAUSE_SLOW_MS_FIRST: u64 = 200;
/// The longest pause: five of them fit into the default deadline.
const PAUSE_MS_MAX: u64 = 5_000;

/// How long to wait behind the `attempts`-th failure: doubling, the upper half of it by chance, so that brokers which
/// failed together do not come back together.
#[must_use]
pub fn pause(attempts: u32, repeat: Repeat, random: u64) -> Duration {
    let first = if repeat == Repeat::Slowly { PAUSE_SLOW_MS_FIRST } else { PAUSE_MS_FIRST };
    let doubled = first.saturating_mul(1 << attempts.saturating_sub(1).min(20)).min(PAUSE_MS_MAX);
    Duration::from_micros(doubled * 500 + random % (doubled * 500 + 1))
}

/// Bytes that the attempt time-out covers by itself; beyond, a request gets a second for each MiB.
const ATTEMPT_BYTES_COVERED: u64 = 4 << 20;

/// How much longer than its configured time-outs a request of this many bytes may take: at least a MiB a second is
/// expected. A range may be asked for without knowing where the object ends; it is no longer than an object can be.
#[must_use]
pub fn allowance(bytes: u64) -> Duration {
    let uncovered = bytes.min(PACK_BYTES_MAX).saturating_sub(ATTEMPT_BYTES_COVERED);
    Duration::from_millis((uncovered * 1_000) >> 20)
}

#[cfg(test)]
mod tests;
