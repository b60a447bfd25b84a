//! Changes inputs as a fuzzer does, out of a seed: bits, numbers that lie at a border, pieces moved, lost and doubled,
//! and parts of two inputs joined.

use apus_core::time::Rng;

/// Inputs do not grow beyond this.
const BYTES_MAX: usize = 32 << 10;
/// Changes of one input.
const CHANGES_MAX: u64 = 6;
/// Bytes that are doubled, lost or made up at a time.
const PIECE_BYTES_MAX: u64 = 64;
/// Where lengths, counts and offsets turn from one thing into another.
const BORDERS: [i64; 20] = [
    i64::MIN,
    i32::MIN as i64,
    i16::MIN as i64,
    -2,
    -1,
    0,
    1,
    2,
    7,
    16,
    61,
    64,
    127,
    128,
    255,
    256,
    i16::MAX as i64,
    i32::MAX as i64,
    u32::MAX as i64,
    i64::MAX,
];

/// An input like those of the corpus, and yet another one.
pub fn mutate(corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = pick(corpus, rng).clone();
    for _ in 0..1 + rng.below(CHANGES_MAX) {
        change(&mut input, corpus, rng);
    }
    input.truncate(BYTES_MAX);
    input
}

fn pick<'a>(corpus: &'a [Vec<u8>], rng: &mut Rng) -> &'a Vec<u8> {
    &corpus[rng.below(corpus.len() as u64) as usize]
}

/// A place in the input, its end included.
fn place(input: &[u8], rng: &mut Rng) -> usize {
    rng.below(input.len() as u64 + 1) as usize
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let at = place(input, rng);
    let piece = (1 + rng.below(PIECE_BYTES_MAX)) as usize;
    let end = input.len().min(at + piece);
    match rng.below(9) {
        0 | 1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        2 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = rng.bits() as u8;
            }
        }
        3 | 4 => number(input, at, rng),
        5 => drop(input.drain(at..end)),
        6 => {
            let copy = input[at..end].to_vec();
            let target = place(input, rng);
            drop(input.splice(target..target, copy));
        }
        7 => {
            let made_up: Vec<u8> = (0..piece).map(|_| rng.bits() as u8).collect();
            drop(input.splice(at..at, made_up));
        }
        _ => {
            // The beginning of this one, and the end of another.
            let other = pick(corpus, rng);
            let from = place(other, rng);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
}

/// Writes a number of the border over what is there, in one of the widths and orders that are stored or sent.
fn number(input: &mut [u8], at: usize, rng: &mut Rng) {
    let number = BORDERS[rng.below(BORDERS.len() as u64) as usize].wrapping_add(rng.below(3) as i64 - 1);
    let width = [1, 2, 4, 8][rng.below(4) as usize];
    let mut bytes = number.to_le_bytes()[..width].to_vec();
    if rng.chance(2) {
        bytes.reverse();
    }
    if let Some(place) = input.get_mut(at..at + width) {
        place.copy_from_slice(&bytes);
    }
}
