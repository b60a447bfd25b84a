//! Reading what a fetch answers: batch by batch, offsets without a gap and none twice.

use apus_core::batch::{BatchHeader, checksum};
use apus_core::records::Records;
use bytes::Bytes;

use super::template::due_of;

/// A reader's place in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The partition.
    pub partition: i32,
    /// The next offset.
    pub next: i64,
    /// Where it is done, where that is known.
    pub target: Option<i64>,
}

impl Place {
    /// Whether it is where it was to go.
    pub fn is_done(&self) -> bool {
        self.target.is_some_and(|target| self.next >= target)
    }
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Records.
    pub records: u64,
    /// Bytes of their batches.
    pub bytes: u64,
}

/// How closely to look.
pub struct Look<'a> {
    /// Compute each checksum.
    pub verify: bool,
    /// Called with the due time of each record, where they carry it.
    pub due: Option<&'a mut dyn FnMut(u64)>,
}

/// Walks over the batches of an answer; the last one may be cut short, as Kafka's protocol allows.
///
/// # Errors
/// Where records are missing, come twice, or are not what was sent.
pub fn walk(mut records: &[u8], place: &mut Place, look: &mut Look<'_>) -> Result<Read, String> {
    let mut read = Read::default();
    let partition = place.partition;
    while let Some(header) = BatchHeader::read(records) {
        let bytes = header.bytes().ok_or_else(|| format!("partition {partition}: a batch of no size"))?;
        let Some((batch, rest)) = records.split_at_checked(bytes) else { break };
        records = rest;
        let (base, end) = (header.base_offset, header.base_offset + header.offsets());
        if base != place.next {
            let what = if base > place.next { "are missing" } else { "came twice" };
            let (from, to) = (base.min(place.next), base.max(place.next));
            return Err(format!("partition {partition}: offsets {from}..{to} {what}"));
        }
        if i64::from(header.count) != header.offsets() {
            return Err(format!("partition {partition}: {} records at {base}..{end}", header.count));
        }
        if look.verify && header.crc != checksum(batch) {
            return Err(format!("partition {partition}: the checksum at {base}..{end} is wrong"));
        }
        if let Some(due) = &mut look.due {
            times(batch, *due).map_err(|error| format!("partition {partition} at {base}..{end}: {error}"))?;
        }
        place.next = end;
        read.records += header.count as u64;
        read.bytes += bytes as u64;
    }
    Ok(read)
}

/// The due times of a batch's records.
fn times(batch: &[u8], due: &mut dyn FnMut(u64)) -> Result<(), String> {
    let batch = Bytes::copy_from_slice(batch);
    let mut records = Records::open(&batch, batch.len()).map_err(|error| error.to_string())?;
    while let Some(record) = records.read().map_err(|error| error.to_string())? {
        due(record.value.and_then(due_of).ok_or("a record without its time")?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::template::{Stamp, Template};

    fn batch(base: i64, count: usize) -> Vec<u8> {
        let stamp = Stamp { count, producer: (1, 0), sequence: 0, wall_ms: 5 };
        let mut batch = Template::new(100, 8 << 10).timed_batch(&stamp, |index| index as u64).concat();
        batch[..8].copy_from_slice(&base.to_be_bytes());
        batch
    }

    fn read(records: &[u8], next: i64) -> (Result<Read, String>, i64) {
        let mut place = Place { partition: 2, next, target: None };
        let read = walk(records, &mut place, &mut Look { verify: true, due: None });
        (read, place.next)
    }

    #[test]
    fn whole_batches_count_and_a_cut_one_does_not() {
        let whole = [batch(7, 3), batch(10, 5)].concat();
        let counted = Read { records: 8, bytes: whole.len() as u64 };
        assert_eq!(read(&whole, 7), (Ok(counted), 15));
        assert_eq!(read(&[whole.clone(), batch(15, 1)[..70].to_vec()].concat(), 7), (Ok(counted), 15));
        assert_eq!(read(&[], 7), (Ok(Read::default()), 7));
    }

    #[test]
    fn gaps_repetitions_and_damage_are_errors() {
        let wrong = |records: &[u8], next, word: &str| {
            let error = read(records, next).0.expect_err("it is wrong");
            assert!(error.contains(word), "{error}");
        };
        wrong(&batch(8, 1), 7, "7..8 are missing");
        wrong(&[batch(7, 2), batch(7, 2)].concat(), 7, "7..9 came twice");
        let mut damaged = batch(7, 2);
        *damaged.last_mut().expect("bytes") ^= 1;
        wrong(&damaged, 7, "checksum");
    }

    #[test]
    fn due_times_come_in_order() {
        let mut seen = Vec::new();
        let mut place = Place { partition: 0, next: 0, target: Some(4) };
        let mut due = |at| seen.push(at);
        walk(&batch(0, 4), &mut place, &mut Look { verify: false, due: Some(&mut due) }).expect("four records");
        assert!(place.is_done() && seen == [0, 1, 2, 3]);
    }
}
