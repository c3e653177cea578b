//! The wiring of the exporter: configuration → parts → tasks → signals → reload → drain.
//!
//! May touch: everything. Must not: hold logic that belongs to a module.

mod announcer;
mod asked;
mod banner;
mod listeners;
mod notify;
pub mod policies;
mod probe;
mod progress;
mod revocation;
mod saver;
pub mod sockets;
pub mod sources;
pub mod story;
pub mod web;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::config::server::Listen;
use crate::config::{self, Config, ConfigError, Located, RevocationConfig};
use crate::engine::store::SnapshotStore;
use crate::engine::{Parts, Relating, SteadyClock, Supervisor};
use crate::http;
use crate::metrics::Counters;
use crate::model::{Clock, Events, Rules, Shard, UnixTime};
use crate::revocation::Views;

pub use progress::Progress;

/// How long running answers and the state file may take at the end.
const GRACE: Duration = Duration::from_secs(10);

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--listen`; replaces the configuration's list when not empty.
    pub listen: Vec<Listen>,
    /// `--web-config`; replaces the configuration's.
    pub web_config: Option<PathBuf>,
    /// `--shard` and `--total-shards`: the part of everything that this process looks at.
    pub shard: Shard,
    /// Whether a person reads standard output.
    pub banner: bool,
}

/// Why the exporter could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A source cannot be built from its settings.
    #[error(transparent)]
    Source(#[from] sources::SourceError),
    /// The web configuration is wrong, or a file that it names is.
    #[error(transparent)]
    Web(#[from] web::WebFileError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// Which address.
        address: Listen,
        /// The operating system's word.
        error: std::io::Error,
    },
    /// The operating system refuses something that every process gets.
    #[error("cannot start: {0}")]
    Start(String),
}

/// How the exporter ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Drained.
    WithGrace,
    /// A second signal came.
    AtOnce,
}

/// Loads the configuration that these options mean.
///
/// # Errors
/// It cannot be read or is wrong.
pub fn load(explicit: Option<PathBuf>) -> Result<Config, ConfigError> {
    let env = |name: &str| std::env::var_os(name);
    let exists = |path: &Path| path.exists();
    match config::locate(explicit, &env, &exists) {
        Located::File(path) => config::load(&path),
        Located::BuiltIn => config::builtin::load(&env, &exists),
    }
}

/// The running exporter.
struct App {
    options: Options,
    supervisor: Supervisor,
    sources: sources::Running,
    listeners: listeners::Listeners,
    web: Arc<web::WebFile>,
    asked: Arc<asked::Asked>,
    compatibility: Vec<crate::model::vocabulary::Compatibility>,
    counters: Arc<Counters>,
    parts: Parts,
    probes: Arc<probe::Probes>,
    revocation: RevocationConfig,
    plans: tokio::sync::watch::Sender<revocation::Plan>,
    rules: tokio::sync::watch::Sender<Arc<Rules>>,
}

/// Runs the exporter until a signal ends it.
///
/// # Errors
/// It could not start.
pub async fn run(options: Options, inherited: sockets::Inherited) -> Result<Ended, AppError> {
    let config = load(options.config.clone())?;
    let taken = taken(&options, &config).await?;
    let start = |error: &dyn std::fmt::Display| AppError::Start(error.to_string());
    let clock: Arc<dyn Clock> = Arc::new(SteadyClock::new());
    let counters = Arc::new(Counters::new(env!("CARGO_PKG_VERSION"), option_env!("NOTAFTER_REVISION")).map_err(|error| start(&error))?);
    let store = Arc::new(SnapshotStore::default());
    let render = sources::renderer(&config.metrics.compatibility);
    let views = Arc::new(Views::default());
    let parts = Parts {
        store: store.clone(),
        render,
        events: counters.clone(),
        clock: clock.clone(),
        revocations: views.clone(),
        shard: options.shard,
        board: Arc::default(),
        renewals: Arc::default(),
    };

    let mut sources = sources::Running::default();
    let specs = sources.build(&config)?;
    let (plans, planned) = tokio::sync::watch::channel(revocation::plan(&config.revocation)?);
    let relating = Relating::new(revocation::relate(), parts.clone());
    let (rules, announced) = tokio::sync::watch::channel(config.rules.clone());
    let probes = Arc::new(probe::Probes::new(&config, clock.clone()));
    let (asked, mut asks) = asked::Asked::new(config.server.reload);
    let asked = Arc::new(asked);
    let state = http::State::new(store.clone(), counters.clone(), env!("CARGO_PKG_VERSION"))
        .with_prober(probes.clone())
        .with_revocations(views.clone())
        .with_trust(relating.queries())
        .with_reload(asked.clone())
        .with_clock(clock.clone())
        .with_authority(|target| crate::source::tls::authority(target, 443).ok());
    let state = Arc::new(state);
    let web = Arc::new(web::WebFile::new(taken, counters.clone()));
    let mut listeners = listeners::Listeners::new(state.clone(), web.serving(), inherited, GRACE);
    let bound = listeners.bind(addresses(&options, &config)).await?;
    listeners.listen(bound);
    let mut signals = Signals::new().map_err(|error| start(&error))?;

    let (saver, restored) = saver::Saver::open(config.storage.state_dir.clone(), store.clone());
    let cache = Arc::new(revocation::cache(&config));
    let mut app = App {
        revocation: config.revocation.clone(),
        plans,
        rules,
        supervisor: Supervisor::new(parts.clone(), restored),
        sources,
        listeners,
        web: web.clone(),
        asked,
        compatibility: config.metrics.compatibility.clone(),
        counters,
        parts,
        probes,
        options,
    };
    let banner = app.options.banner.then(|| banner::Banner::new(&config, &app.listeners.addresses(), web.is_tls()));
    banner.iter().for_each(banner::Banner::print_watched);
    info!(config = %config.origin, sources = config.sources.len(), listen = ?app.listeners.addresses(), "notafter {} starts", env!("CARGO_PKG_VERSION"));
    app.supervisor.apply(specs).await;
    app.counters.reloaded(true, UnixTime::from(clock.now()));
    notify::ready();

    let parts = app.parts.clone();
    let announcer = announcer::Announcer::new(banner, store.clone(), clock.clone());
    let result = tokio::select! {
        () = app.serve(&mut signals, &mut asks) => Ok(Ended::WithGrace),
        () = web.follow() => Err(AppError::Start("the web configuration's follower ended".to_owned())),
        () = saver.run() => Err(AppError::Start("the state saver ended".to_owned())),
        () = revocation::run(planned, cache, views.clone(), parts.clone()) => Err(AppError::Start("the revocation service ended".to_owned())),
        () = relating.run() => Err(AppError::Start("relating places ended".to_owned())),
        () = revocation::show(views, parts) => Err(AppError::Start("the revocation service's rows ended".to_owned())),
        () = state.keep_overview() => Err(AppError::Start("the overview's keeper ended".to_owned())),
        () = announcer.run(announced) => Err(AppError::Start("the announcer ended".to_owned())),
    };
    info!("draining");
    notify::stopping();
    let drained = async {
        app.supervisor.drain().await;
        app.listeners.drain().await;
        saver.save().await;
    };
    tokio::select! {
        drained = tokio::time::timeout(GRACE, drained) => {
            if drained.is_err() {
                warn!("not drained within {GRACE:?}");
            }
            result
        }
        () = signals.ended() => Ok(Ended::AtOnce),
    }
}

impl App {
    /// Handles signals, and what is asked over HTTP, until a signal ends the program.
    async fn serve(&mut self, signals: &mut Signals, asks: &mut mpsc::Receiver<asked::Answer>) {
        loop {
            let answer = tokio::select! {
                told = signals.next() => match told {
                    Told::Reload => None,
                    Told::End => return,
                },
                Some(answer) = asks.recv() => Some(answer),
            };
            // Given up halfway it leaves running what it has started; the end drains that.
            let outcome = tokio::select! {
                outcome = self.reload() => outcome,
                () = signals.ended() => return,
            };
            if let Some(answer) = answer {
                // Whoever asked may be gone.
                let _ = answer.send(outcome);
            }
        }
    }

    /// Builds everything anew, and only then swaps; a bad configuration changes nothing.
    async fn reload(&mut self) -> Result<(), String> {
        notify::reloading();
        let reloaded = self.try_reload().await;
        notify::ready();
        self.counters.reloaded(reloaded.is_ok(), UnixTime::from(self.parts.clock.now()));
        match reloaded {
            Ok(()) => {
                info!("configuration reloaded");
                Ok(())
            }
            Err(error) => {
                if matches!(error, AppError::Web(_)) {
                    self.web.refused();
                }
                error!("configuration not reloaded, the former one stays in force: {error}");
                Err(error.to_string())
            }
        }
    }

    async fn try_reload(&mut self) -> Result<(), AppError> {
        let config = load(self.options.config.clone())?;
        let taken = taken(&self.options, &config).await?;
        let mut sources = self.sources.clone();
        let compatibility_changed = config.metrics.compatibility != self.compatibility;
        if compatibility_changed {
            // Every series looks different then: no source is what it was.
            sources.forget();
        }
        let specs = sources.build(&config)?;
        let plan = if config.revocation == self.revocation { None } else { Some(revocation::plan(&config.revocation)?) };
        let bound = self.listeners.bind(addresses(&self.options, &config)).await?;
        // First: no new address is served by the former rules.
        self.web.put(taken);
        self.listeners.listen(bound);
        self.asked.follow(config.server.reload);
        if compatibility_changed {
            self.supervisor.render_with(sources::renderer(&config.metrics.compatibility));
            self.compatibility = config.metrics.compatibility.clone();
        }
        if let Some(plan) = plan {
            self.revocation = config.revocation.clone();
            self.plans.send_replace(plan);
        }
        self.probes.follow(&config);
        self.sources = sources;
        self.supervisor.apply(specs).await;
        // Now: the sources that were replaced are known to have no round behind them.
        self.rules.send_replace(config.rules.clone());
        Ok(())
    }
}

fn addresses(options: &Options, config: &Config) -> listeners::Addresses {
    let listen = if options.listen.is_empty() { &config.server.listen } else { &options.listen };
    listeners::Addresses { listen: listen.clone(), admin_listen: config.server.admin_listen.clone(), unix_mode: config.server.unix_mode }
}

/// The web configuration as its files are now.
async fn taken(options: &Options, config: &Config) -> Result<web::Taken, AppError> {
    let path = options.web_config.clone().or_else(|| config.server.web_config.clone());
    let taken = tokio::task::spawn_blocking(move || web::take(path.as_deref())).await;
    Ok(taken.map_err(|error| AppError::Start(error.to_string()))??)
}

/// The signals that mean something.
struct Signals {
    reload: Signal,
    terminate: Signal,
    interrupt: Signal,
}

enum Told {
    Reload,
    End,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.reload.recv() => Told::Reload,
            _ = self.terminate.recv() => Told::End,
            _ = self.interrupt.recv() => Told::End,
        }
    }

    /// A signal to end; one to reload stays for [`Self::next`].
    async fn ended(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => (),
            _ = self.interrupt.recv() => (),
        }
    }
}
