//! The plainest way of reading the same files: folders in the order in which they come, every file read whole.
//!
//! `read DIR THREADS`: prints how many files, how many bytes, and milliseconds.

#![expect(clippy::disallowed_methods, reason = "a stopwatch outside the program")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(Ok(threads))) = (arguments.next(), arguments.next().map(|threads| threads.parse::<usize>())) else {
        return Err("usage: read DIR THREADS".into());
    };
    let begun = Instant::now();
    let mut folders = vec![PathBuf::from(folder)];
    let (files, bytes) = if threads <= 1 {
        let mut sum = (0, 0);
        walk(&mut folders, |path| {
            sum = (sum.0 + 1, sum.1 + std::fs::read(path)?.len());
            Ok(())
        })?;
        sum
    } else {
        let (sender, receiver) = sync_channel::<PathBuf>(1_000);
        let receiver = Arc::new(Mutex::new(receiver));
        let readers: Vec<_> = (0..threads)
            .map(|_| {
                let receiver = receiver.clone();
                std::thread::spawn(move || -> std::io::Result<(usize, usize)> {
                    let mut sum = (0, 0);
                    loop {
                        let path = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok(path) = path else { return Ok(sum) };
                        sum = (sum.0 + 1, sum.1 + std::fs::read(path)?.len());
                    }
                })
            })
            .collect();
        walk(&mut folders, |path| sender.send(path).map_err(std::io::Error::other))?;
        drop(sender);
        let mut sum = (0, 0);
        for reader in readers {
            let (files, bytes) = reader.join().map_err(|_| "a reader panicked")??;
            sum = (sum.0 + files, sum.1 + bytes);
        }
        sum
    };
    println!("{files} files, {bytes} bytes, {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
    Ok(())
}

fn walk(folders: &mut Vec<PathBuf>, mut file: impl FnMut(PathBuf) -> std::io::Result<()>) -> std::io::Result<()> {
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() { folders.push(entry.path()) } else { file(entry.path())? }
        }
    }
    Ok(())
}
