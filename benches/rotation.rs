//! Simulated days with rotation of all certificates: `rotation [HOURS [CERTIFICATES]]`, 72 and 1,000 by default.
//!
//! Every certificate is replaced once in six simulated hours; a scan falls every ten simulated minutes. Prints what each sixth hour showed, and
//! ends with an error when a series is stale or missing, or their number changes. `benches/soak` judges the memory.

#![expect(clippy::disallowed_methods, reason = "a driver outside the program: it is the clock")]

#[path = "support/rotation.rs"]
mod rotation;

use std::error::Error;

use rotation::{Plan, Step, simulate};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<u32>());
    let hours = numbers.next().transpose()?.unwrap_or(72);
    let certificates = numbers.next().transpose()?.unwrap_or(1_000);
    let folder = tempfile::tempdir()?;
    let plan = Plan { certificates, steps: hours * 6, rotated_in: 36 };
    let mut steps: Vec<Step> = Vec::new();
    simulate(plan, folder.path(), |step| {
        steps.push(step);
        if steps.len().is_multiple_of(36) {
            let (hour, resident) = (steps.len() / 6 + 6, resident().unwrap_or_default());
            println!("hour {hour}: {} series, {} certificates, {} stale, {resident} kB", step.series, step.ends, step.stale);
        }
    })
    .await?;
    let (first, last) = (steps.first().ok_or("nothing was simulated")?, steps.last().ok_or("nothing was simulated")?);
    let changed = steps.iter().filter(|step| step.series != first.series || step.ends != certificates as usize + 1).count();
    let stale: usize = steps.iter().map(|step| step.stale).sum();
    println!("simulated hours={hours} certificates={certificates} rounds={} changed={changed} stale={stale}", last.rounds);
    if changed + stale == 0 { Ok(()) } else { Err("series changed or are stale".into()) }
}

/// Memory of this process, in kB.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.parse().ok()
}
