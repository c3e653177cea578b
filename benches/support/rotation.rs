//! Days in minutes: the engine with a clock that the driver moves, real files that are rotated, real rendering.
//!
//! Time moves in steps of one scan. In each step some of the files are replaced by renewed certificates, the clock goes on, the round that
//! falls due is waited for, and a scrape is taken. Only the clock is not the machine's: sources, engine, relations and metrics are the program's.

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use notafter::app::sources::Running;
use notafter::assess::relate::Relate;
use notafter::config;
use notafter::engine::store::SnapshotStore;
use notafter::engine::{Parts, Relating, Supervisor};
use notafter::metrics::{Counters, Exposition, Renderer};
use notafter::model::revocation::NoRevocations;
use notafter::model::{BoxFuture, Clock, Shard};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber};
use tokio::sync::watch;

const STEP: Duration = Duration::from_secs(600);
/// A round that takes longer than this in real time hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Files with a certificate each.
    pub certificates: u32,
    /// Steps of ten minutes.
    pub steps: u32,
    /// In so many steps all certificates are replaced.
    pub rotated_in: u32,
}

/// What one step showed.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Lines of the scrape that are series about certificates, sources and events.
    pub series: usize,
    /// Series of the end of a certificate: as many as there are certificates, and one for the CA.
    pub ends: usize,
    /// Of these the ones that are not of the newest certificate in their file.
    pub stale: usize,
    /// Rounds that ended so far.
    pub rounds: f64,
}

/// A clock that stands still until it is moved.
struct Moved {
    at: watch::Sender<SystemTime>,
    started: Instant,
}

impl Clock for Moved {
    fn now(&self) -> SystemTime {
        *self.at.borrow()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep_until(&self, at: SystemTime) -> BoxFuture<'_, ()> {
        let mut moved = self.at.subscribe();
        Box::pin(async move {
            // The clock is there as long as whoever waits for it.
            let _ = moved.wait_for(|now| *now >= at).await;
        })
    }
}

/// Certificates in files, replaced as an agent would do it.
struct Fleet {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    key: KeyPair,
    serial: u64,
    /// The end of the newest certificate in each file, in Unix seconds.
    ends: HashMap<String, f64>,
}

impl Fleet {
    fn new(folder: &Path, now: SystemTime) -> Result<Self, Box<dyn Error>> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Rotation CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.not_before, params.not_after) = ((now - STEP).into(), (now + 1_000 * 6 * STEP).into());
        let key = KeyPair::generate()?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("ca.pem"), params.self_signed(&key)?.pem())?;
        let issuer = Issuer::new(params, key);
        Ok(Self { folder: folder.to_owned(), issuer, key: KeyPair::generate()?, serial: 1 << 40, ends: HashMap::new() })
    }

    /// Valid for this long from now.
    fn renew(&mut self, number: u32, now: SystemTime, lifetime: Duration) -> Result<(), Box<dyn Error>> {
        let name = format!("host-{number}.example.com");
        let mut params = CertificateParams::new([name.clone()])?;
        params.distinguished_name.push(DnType::CommonName, &*name);
        self.serial += 1;
        params.serial_number = Some(SerialNumber::from(self.serial));
        let end = (now + lifetime).duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        (params.not_before, params.not_after) = ((now - STEP).into(), (SystemTime::UNIX_EPOCH + Duration::from_secs(end)).into());
        let file = format!("{number}.pem");
        let written = self.folder.join(format!(".{file}"));
        std::fs::write(&written, params.signed_by(&self.key, &self.issuer)?.pem())?;
        std::fs::rename(written, self.folder.join(&file))?;
        self.ends.insert(file, end as f64);
        Ok(())
    }
}

/// Runs it in this folder; tells each step, from the first after every certificate has been replaced once.
pub async fn simulate(plan: Plan, folder: &Path, mut tell: impl FnMut(Step)) -> Result<(), Box<dyn Error>> {
    let start = SystemTime::now();
    let clock = Arc::new(Moved { at: watch::Sender::new(start), started: Instant::now() });
    let mut fleet = Fleet::new(&folder.join("files"), start)?;
    // Without its renewals each certificate would end twice within the simulated time.
    let lifetime = STEP * plan.rotated_in * 2;
    for number in 0..plan.certificates {
        fleet.renew(number, start, lifetime)?;
    }
    let text = format!("[sources.files]\ntype = \"file\"\nschedule = \"@every 10m\"\npaths = [\"{}/*.pem\"]\n", fleet.folder.display());
    let file = folder.join("notafter.toml");
    std::fs::write(&file, text)?;
    let config = config::load(&file)?;
    let counters = Arc::new(Counters::new("soak", None)?);
    let parts = Parts {
        store: Arc::new(SnapshotStore::default()),
        render: Arc::new(Renderer::new(false)),
        events: counters.clone(),
        clock: clock.clone(),
        revocations: Arc::new(NoRevocations::default()),
        shard: Shard::default(),
        board: Arc::default(),
        renewals: Arc::default(),
    };
    let mut supervisor = Supervisor::new(parts.clone(), HashMap::new());
    supervisor.apply(Running::default().build(&config)?).await;
    let relating = Relating::new(|| Relate::new(Vec::new()), parts.clone());
    let driven = async {
        round(&parts, start).await?;
        related(&parts, &counters).await?;
        for step in 0..plan.steps {
            let now = start + STEP * (step + 1);
            for number in (0..plan.certificates).filter(|number| number % plan.rotated_in == step % plan.rotated_in) {
                fleet.renew(number, now, lifetime)?;
            }
            clock.at.send_replace(now);
            round(&parts, now).await?;
            if step >= plan.rotated_in {
                tell(look(&parts, &counters, &fleet)?);
            }
        }
        Ok(())
    };
    let outcome = tokio::select! {
        outcome = driven => outcome,
        () = relating.run() => Err("relating ended".into()),
    };
    supervisor.drain().await;
    outcome
}

/// Waits until the round that was due by `now` has ended and the next one is planned.
async fn round(parts: &Parts, now: SystemTime) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    loop {
        let snapshot = parts.store.load();
        if snapshot.sources.values().all(|source| source.status.next_scan_at.is_some_and(|at| at > now)) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err("a round does not end".into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the second pass, which goes by the machine's time, has told of the CA: from then on its series are there.
async fn related(parts: &Parts, counters: &Counters) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    while !scrape(parts, counters)?.contains("\nx509_cert_dependants{") {
        if begun.elapsed() > PATIENCE {
            return Err("the CA has no dependants".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn scrape(parts: &Parts, counters: &Counters) -> Result<String, Box<dyn Error>> {
    let mut text = Vec::new();
    Exposition::new().scrape(&*parts.store.load(), counters).write_to(&mut text)?;
    Ok(String::from_utf8(text)?)
}

fn look(parts: &Parts, counters: &Counters, fleet: &Fleet) -> Result<Step, Box<dyn Error>> {
    let text = scrape(parts, counters)?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.starts_with("process_")).collect();
    let ends: Vec<&&str> = lines.iter().filter(|line| line.starts_with("x509_cert_not_after{")).collect();
    let is_stale = |line: &str| {
        let file = line.split_once("filename=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(file, _)| file);
        let value = line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        file.is_none_or(|file| file != "ca.pem" && fleet.ends.get(file).copied() != value)
    };
    let rounds = lines.iter().find(|line| line.starts_with("x509_source_scan_duration_seconds_count"));
    Ok(Step {
        series: lines.len(),
        ends: ends.len(),
        stale: ends.iter().filter(|line| is_stale(line)).count(),
        rounds: rounds.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default(),
    })
}
