//! When a broker answers for the first time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::process::Process;

/// Between two attempts: a twentieth of the fastest start there is.
const PAUSE: Duration = Duration::from_micros(300);
/// A broker that takes longer does not come.
const START_MAX: Duration = Duration::from_secs(60);
/// ApiVersions version 0, correlation 7, client id `perf`.
const QUESTION: &[u8] = b"\0\0\0\x0e\0\x12\0\0\0\0\0\x07\0\x04perf";

/// Asks until there is an answer; returns how long that was after the start.
pub fn first_answer(bootstrap: SocketAddr, broker: &mut Process) -> Result<Duration, String> {
    loop {
        if ask(bootstrap).is_ok() {
            return Ok(broker.from.elapsed());
        }
        broker.alive()?;
        if broker.from.elapsed() > START_MAX {
            return Err(format!("no answer on {bootstrap} after {START_MAX:?}; {}", broker.last_words()));
        }
        std::thread::sleep(PAUSE);
    }
}

fn ask(bootstrap: SocketAddr) -> io::Result<()> {
    let until = Instant::now() + Duration::from_secs(5);
    let mut stream = TcpStream::connect(bootstrap)?;
    // A listener may be there before anybody serves it: the answer counts.
    stream.set_read_timeout(Some(until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))))?;
    stream.write_all(QUESTION)?;
    let mut head = [0; 10];
    stream.read_exact(&mut head)?;
    let [_, _, _, _, correlation @ .., high, low] = head;
    if correlation != [0, 0, 0, 7] || [high, low] != [0, 0] {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::QUESTION;

    #[test]
    fn the_question_has_its_own_length() {
        let (length, rest) = QUESTION.split_at(4);
        assert_eq!(u32::from_be_bytes(length.try_into().expect("four bytes")) as usize, rest.len());
    }
}
