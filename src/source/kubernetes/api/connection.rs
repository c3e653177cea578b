//! The configuration of a connection, and the client made of it. The one place that asks kube-client for either.

use std::path::PathBuf;
use std::time::Duration;

use kube_client::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube_client::{Client, Config, Error};
use tokio::sync::Mutex;

use crate::model::{Reason, ScanContext};
use crate::net::io_reason;

use super::backoff::within;
use super::fault::{Fault, Kind, cut};

/// A client that is made when it is needed, and made again from the configuration once it has been forgotten.
pub(super) struct Connection {
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    generation: u64,
    client: Option<Client>,
}

/// A client to send one request with.
pub(super) struct Held {
    pub(super) client: Client,
    pub(super) generation: u64,
    /// It was made for this request: the configuration is as it is now.
    pub(super) is_new: bool,
}

impl Connection {
    pub(super) fn new(kubeconfig: Option<PathBuf>, context: Option<String>) -> Self {
        Self { kubeconfig, context, made: Mutex::default() }
    }

    /// The client there is, or a new one.
    pub(super) async fn client(&self, cx: &ScanContext) -> Result<Held, Fault> {
        let mut made = self.made.lock().await;
        if let Some(client) = &made.client {
            return Ok(Held { client: client.clone(), generation: made.generation, is_new: false });
        }
        let client = self.make(cx).await?;
        made.generation += 1;
        made.client = Some(client.clone());
        Ok(Held { client, generation: made.generation, is_new: true })
    }

    /// The next request reads the configuration again; unless somebody else has seen to that already.
    pub(super) async fn forget(&self, generation: u64) {
        let mut made = self.made.lock().await;
        if made.generation == generation {
            made.client = None;
        }
    }

    /// Reads files and may start a plugin that hands out credentials: off the async threads, and not for ever.
    async fn make(&self, cx: &ScanContext) -> Result<Client, Fault> {
        const MOST: Duration = Duration::from_secs(60);
        let (kubeconfig, context) = (self.kubeconfig.clone(), self.context.clone());
        let runtime = tokio::runtime::Handle::current();
        let work = tokio::task::spawn_blocking(move || {
            let mut config = runtime.block_on(read(kubeconfig, context))?;
            // What is tried again, and when, is decided here.
            (config.default_retry, config.read_timeout, config.connect_timeout) = (false, None, Some(Duration::from_secs(10)));
            Client::try_from(config).map_err(|error| unusable(&error))
        });
        match within(cx, MOST, work).await {
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(Fault::new(Kind::Other, Reason::Panicked, error.to_string())),
            None => Err(Fault::timeout(format!("the credentials plugin of the kubeconfig took more than {} s", MOST.as_secs()))),
        }
    }
}

async fn read(kubeconfig: Option<PathBuf>, context: Option<String>) -> Result<Config, Fault> {
    let is_in_cluster = kubeconfig.is_none() && context.is_none() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    if is_in_cluster {
        return Config::incluster().map_err(|error| Fault::new(Kind::Other, Reason::ReadFailed, format!("in-cluster: {error}")));
    }
    let options = KubeConfigOptions { context, cluster: None, user: None };
    let read = match kubeconfig {
        Some(path) => match Kubeconfig::read_from(path) {
            Ok(kubeconfig) => Config::from_custom_kubeconfig(kubeconfig, &options).await,
            Err(error) => Err(error),
        },
        None => Config::from_kubeconfig(&options).await,
    };
    read.map_err(|error| {
        let reason = match &error {
            KubeconfigError::ReadConfig(error, _) if error.kind() == std::io::ErrorKind::NotFound => Reason::NotFound,
            KubeconfigError::ReadConfig(error, _) if io_reason(error) == Reason::PermissionDenied => Reason::PermissionDenied,
            KubeconfigError::ReadConfig(..) => Reason::ReadFailed,
            KubeconfigError::FindPath
            | KubeconfigError::CurrentContextNotSet
            | KubeconfigError::LoadContext(_)
            | KubeconfigError::LoadClusterOfContext(_) => Reason::NotFound,
            _ => Reason::DecodeFailed,
        };
        let words = match &error {
            // The parser shows the lines around, where credentials stand.
            KubeconfigError::Parse(_) => "it is no kubeconfig in YAML".to_owned(),
            _ => cut(&error.to_string()),
        };
        Fault::new(Kind::Other, reason, format!("kubeconfig: {words}"))
    })
}

fn unusable(error: &Error) -> Fault {
    match error {
        Error::Auth(error) => Fault::new(Kind::Unauthorized, Reason::Unauthorized, cut(&error.to_string())),
        _ => Fault::new(Kind::Other, Reason::DecodeFailed, cut(&error.to_string())),
    }
}
