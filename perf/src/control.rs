//! What this machine takes for each thing that a broker cannot leave out: the control beside every claim.
//!
//! Each step is a bare loop of one thread: its CPU seconds, user and system, over the bytes. What the kernel does for it
//! on other threads (softirq, writeback) is not in it, as it is not in a broker's. The sums below are floors of a path,
//! and not of Apus: what is above them is protocol, batching, waking, and waste.

use std::fs::{self, File, OpenOptions};
use std::hint;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;

use apus_core::batch::crc32c;
use clap::Args;
use rustix::fs::OFlags;
use rustix::time::{ClockId, clock_gettime};
use tokio::io::AsyncReadExt;

/// A frame of one full batch of a producer with `batch.size=262144`.
const FRAME: usize = 256 << 10;
/// A group of the journal under full load.
const GROUP: usize = 1 << 20;
/// The file that groups are written over, as a journal's segment is.
const SEGMENT: usize = 64 << 20;
/// What one send of an answer gives the kernel.
const ANSWER: usize = 1 << 20;
/// A socket asks to be woken for at most so much.
const WATERMARK_MAX: usize = 1 << 20;
/// What direct writes want their memory aligned to.
const PAGE: usize = 4096;

/// How much, and where.
#[derive(Args)]
pub struct ControlArguments {
    /// Megabytes that each step moves
    #[arg(long, value_name = "MB", default_value_t = 4000)]
    megabytes: usize,
    /// The directory for the file of the durable writes; it is removed
    #[arg(long, value_name = "DIRECTORY", default_value = "target/perf")]
    directory: PathBuf,
}

/// One step, as it is told.
struct Step {
    name: &'static str,
    cpu_seconds_a_gb: f64,
}

/// Measures all steps and prints them.
///
/// # Errors
/// A sentence: a socket or a file that cannot be had.
pub fn run(arguments: &ControlArguments) -> Result<(), String> {
    let bytes = arguments.megabytes.max(64) * 1_000_000;
    let failed = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    println!("CPU s/GB of one thread for each step, {} MB each", bytes / 1_000_000);
    let receive = step("receive", bytes, received(bytes).map_err(failed("receiving"))?);
    let checksum = step("checksum", bytes, checksummed(bytes));
    let copy = step("copy", bytes, copied(bytes));
    let write = step("durable write", bytes, written(&arguments.directory, bytes).map_err(failed("writing"))?);
    let send = step("send", bytes, sent(bytes).map_err(failed("sending"))?);
    let sum = |steps: &[&Step]| steps.iter().map(|step| step.cpu_seconds_a_gb).sum::<f64>();
    println!("\nfloors of a path");
    println!("  produce, kept in memory    {:.3}  receive + checksum", sum(&[&receive, &checksum]));
    let journal = sum(&[&receive, &checksum, &copy, &checksum, &write]);
    println!(
        "  produce, durable in place  {journal:.3}  receive + checksum + copy + checksum of the group + durable write"
    );
    println!("  produce, sent to a store   {:.3}  receive + checksum + send", sum(&[&receive, &checksum, &send]));
    println!("  fetch, hot                 {:.3}  send", send.cpu_seconds_a_gb);
    Ok(())
}

fn step(name: &'static str, bytes: usize, cpu_seconds: f64) -> Step {
    let step = Step { name, cpu_seconds_a_gb: cpu_seconds / (bytes as f64 / 1e9) };
    println!("  {:<15} {:.3}", step.name, step.cpu_seconds_a_gb);
    step
}

/// CPU seconds of this thread so far.
fn own_cpu() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// CPU seconds to receive frames, each into memory of its own: tokio with SO_RCVLOWAT, the fastest that was found.
fn received(bytes: usize) -> io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let to = listener.local_addr()?;
    let sender = thread::spawn(move || pour(to, FRAME, bytes));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (socket, _) = listener.accept()?;
    socket.set_nonblocking(true)?;
    let before = own_cpu();
    runtime.block_on(async {
        let mut socket = tokio::net::TcpStream::from_std(socket)?;
        for _ in 0..bytes / FRAME {
            let mut frame: Vec<u8> = Vec::with_capacity(FRAME);
            while frame.len() < FRAME {
                apus_net::sys::set_receive_low_watermark(socket.as_raw_fd(), (FRAME - frame.len()).min(WATERMARK_MAX))?;
                let mut rest = (&mut socket).take((FRAME - frame.len()) as u64);
                if rest.read_buf(&mut frame).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            hint::black_box(&frame);
        }
        Ok::<(), io::Error>(())
    })?;
    let spent = own_cpu() - before;
    sender.join().expect("the sender does not panic")?;
    Ok(spent)
}

/// CPU seconds to send answers out of memory that stays.
fn sent(bytes: usize) -> io::Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let to = listener.local_addr()?;
    let reader = thread::spawn(move || -> io::Result<()> {
        let (mut socket, _) = listener.accept()?;
        let mut buffer = vec![0; ANSWER];
        while socket.read(&mut buffer)? > 0 {}
        Ok(())
    });
    let before = own_cpu();
    pour(to, ANSWER, bytes)?;
    let spent = own_cpu() - before;
    reader.join().expect("the reader does not panic")?;
    Ok(spent)
}

fn pour(to: SocketAddr, piece: usize, bytes: usize) -> io::Result<()> {
    let mut socket = TcpStream::connect(to)?;
    // Several, so that the caches do not hold what is sent.
    let pieces: Vec<Vec<u8>> = (0..64).map(|at| vec![at as u8; piece]).collect();
    for at in 0..bytes / piece {
        socket.write_all(&pieces[at % pieces.len()])?;
    }
    Ok(())
}

fn checksummed(bytes: usize) -> f64 {
    let frames: Vec<Vec<u8>> = (0..64).map(|at| vec![at as u8; FRAME]).collect();
    let before = own_cpu();
    for at in 0..bytes / FRAME {
        hint::black_box(crc32c(hint::black_box(&frames[at % frames.len()])));
    }
    own_cpu() - before
}

fn copied(bytes: usize) -> f64 {
    let frames: Vec<Vec<u8>> = (0..64).map(|at| vec![at as u8; FRAME]).collect();
    let mut group = vec![0; GROUP];
    let before = own_cpu();
    for at in 0..bytes / FRAME {
        let place = at % (GROUP / FRAME) * FRAME;
        group[place..place + FRAME].copy_from_slice(hint::black_box(&frames[at % frames.len()]));
        hint::black_box(&mut group);
    }
    own_cpu() - before
}

/// CPU seconds to write groups durably over a file that has been written before.
fn written(directory: &Path, bytes: usize) -> io::Result<f64> {
    fs::create_dir_all(directory)?;
    let path = directory.join("control");
    fs::write(&path, vec![0; SEGMENT])?;
    let open = |flags: OFlags| OpenOptions::new().write(true).custom_flags(flags.bits() as i32).open(&path);
    // Not every file system knows O_DIRECT.
    let file = open(OFlags::DIRECT | OFlags::DSYNC).or_else(|_| open(OFlags::DSYNC))?;
    file.sync_all()?;
    let spent = write_over(&file, bytes);
    fs::remove_file(&path)?;
    spent
}

fn write_over(file: &File, bytes: usize) -> io::Result<f64> {
    let memory = vec![7; GROUP + PAGE];
    let aligned = memory.as_ptr().align_offset(PAGE);
    let group = &memory[aligned..aligned + GROUP];
    let before = own_cpu();
    for at in 0..bytes / GROUP {
        file.write_all_at(group, (at * GROUP % SEGMENT) as u64)?;
    }
    Ok(own_cpu() - before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_moves_its_bytes_and_takes_time() {
        let bytes = 32 << 20;
        let directory = std::env::temp_dir().join(format!("apus-control-{}", std::process::id()));
        let steps = [received(bytes).unwrap(), sent(bytes).unwrap(), checksummed(bytes), copied(bytes)];
        assert!(steps.iter().all(|seconds| *seconds > 0.0), "{steps:?}");
        assert!(written(&directory, bytes).unwrap() > 0.0);
        fs::remove_dir_all(directory).unwrap();
    }
}
