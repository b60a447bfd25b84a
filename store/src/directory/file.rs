//! The bytes of a new file.
//!
//! Many bytes go past the page cache (`O_DIRECT`), through one aligned buffer: whoever reads them soon finds them in
//! the hot tier, and copying into fresh pages of the cache is the dearest part of a buffered write (measured on a
//! virtual disk, of all that a produced GB costs the store plane: 1.6 CPU seconds, against 0.5). A reader who comes
//! later reads them from the disk, and the cache keeps them then.
//!
//! Few bytes, and file systems that know no direct writes, take the ordinary way.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use apus_core::world::Body;
use bytes::Bytes;

use super::stage::{ALIGNMENT, STAGE_BYTES, Stages};

/// Bytes from which a direct write is worth its buffer.
const DIRECT_BYTES_MIN: u64 = 256 << 10;
/// Slices of one vectored write; the system takes at most 1,024.
const SLICES_MAX: usize = 512;

/// Makes a file of these bytes; nothing is durable yet.
pub(super) fn create(path: &Path, body: &Body, stages: &Stages) -> io::Result<File> {
    if body.bytes() >= DIRECT_BYTES_MIN {
        match File::options().write(true).create_new(true).custom_flags(libc::O_DIRECT).open(path) {
            Ok(file) => {
                let mut stage = stages.take();
                let written = write_direct(&file, body, &mut stage);
                stages.give_back(stage);
                return written.map(|()| file);
            }
            // No direct writes here. The file may have been made all the same.
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
            Err(error) => return Err(error),
        }
    }
    let mut file = File::options().write(true).create(true).truncate(true).open(path)?;
    write(&mut file, body.pieces())?;
    Ok(file)
}

/// Whole blocks, the last one with zeros behind the bytes, which are cut off again.
fn write_direct(file: &File, body: &Body, stage: &mut [u8]) -> io::Result<()> {
    assert!(stage.len() == STAGE_BYTES);
    let (mut filled, mut position) = (0, 0);
    for piece in body.pieces() {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(STAGE_BYTES - filled));
            stage[filled..filled + now.len()].copy_from_slice(now);
            filled += now.len();
            rest = later;
            if filled == STAGE_BYTES {
                file.write_all_at(stage, position)?;
                position += STAGE_BYTES as u64;
                filled = 0;
            }
        }
    }
    assert!(position + filled as u64 == body.bytes(), "a body is as long as its pieces");
    if filled > 0 {
        let end = filled.next_multiple_of(ALIGNMENT);
        stage[filled..end].fill(0);
        file.write_all_at(&stage[..end], position)?;
    }
    file.set_len(body.bytes())
}

/// The ordinary way: through the page cache.
pub(super) fn write(file: &mut File, pieces: &[Bytes]) -> io::Result<()> {
    for group in pieces.chunks(SLICES_MAX) {
        let mut slices: Vec<IoSlice<'_>> = group.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut rest = slices.as_mut_slice();
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match file.write_vectored(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// So many bytes in pieces of this length, none of them like its neighbours.
    fn body(bytes: usize, piece: usize) -> (Body, Vec<u8>) {
        let whole: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
        (Body::new(whole.chunks(piece).map(Bytes::copy_from_slice).collect()), whole)
    }

    #[test]
    fn a_file_holds_its_bytes_and_no_more() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let stages = Stages::new();
        let least = DIRECT_BYTES_MIN as usize;
        let lengths =
            [0, 1, least - 1, least, least + 1, STAGE_BYTES, STAGE_BYTES + ALIGNMENT + 1, 3 * STAGE_BYTES - 7];
        for (number, bytes) in lengths.into_iter().enumerate() {
            for piece in [1_000, STAGE_BYTES, 2 * STAGE_BYTES + 13] {
                let path = place.path().join(format!("{number}-{piece}"));
                let (body, whole) = body(bytes, piece);
                drop(create(&path, &body, &stages).expect("there is room"));
                assert!(fs::read(&path).expect("it is there") == whole, "{bytes} bytes in pieces of {piece}");
            }
        }
    }
}
