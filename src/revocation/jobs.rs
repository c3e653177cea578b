//! What is done outside of the core: fetching, reading, checking signatures; and how each end is told to it.
//!
//! May touch: `model`, `pki`, `net`, the cache, files that sources found.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::asks::Question;
use super::cache::{Cache, CrlMeta, Document, DocumentKey, DocumentKind, Incoming};
use super::core::{Core, Job};
use super::lists::Taken;
use super::schedule::Validity;
use super::settings::Settings;
use crate::model::revocation::{FetchKind, FetchOutcome, Policy};
use crate::model::{BoxFuture, Clock, Events, Limits, RevocationReason, UnixTime};
use crate::net::{FetchFailure, FetchRequest, Fetched, Fetcher, Said, Validators};
use crate::pki::container;
use crate::pki::crl::{self, Scanned, Scanner, Serials};
use crate::pki::ocsp::{self, Answered, DelegateCache};

/// Bytes read from a file at once.
const WINDOW: usize = 64 << 10;
/// The largest OCSP response, and the largest issuer's certificate.
const SMALL: u64 = 64 << 10;
/// The largest list whose signature needs the whole of it at once (Ed25519).
const WHOLE: u64 = 16 << 20;

/// What jobs work with.
pub(super) struct Tools {
    pub(super) fetcher: Fetcher,
    pub(super) cache: Arc<Cache>,
    pub(super) events: Arc<dyn Events>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Arc<Settings>,
    pub(super) delegates: Mutex<DelegateCache>,
}

/// How a job ended.
pub(super) enum Done {
    /// A list was fetched, or found unchanged.
    List { url: Arc<str>, outcome: Result<Box<FetchedList>, FetchFailure> },
    /// The kept copy of a list was looked through again.
    Rescan { url: Arc<str>, epoch: u64, outcome: Result<Box<Scanned>, (RevocationReason, Box<str>)> },
    /// A source's list was read.
    File { fingerprint: [u8; 32], epoch: u64, outcome: Result<Box<Scanned>, (RevocationReason, Box<str>)> },
    /// A responder answered, or not.
    Ask { question: Box<Question>, outcome: Result<Box<Answered>, FetchFailure>, said: Said },
    /// Kept answers were checked.
    Recalled(Vec<(Question, UnixTime, Option<UnixTime>, Result<Answered, RevocationReason>)>),
    /// An issuer's certificate came, or not.
    Issuer { url: Arc<str>, outcome: Result<Vec<u8>, FetchFailure> },
}

/// What a fetch of a list brought.
pub(super) enum FetchedList {
    /// What is at hand is the newest.
    NotModified(Said),
    /// A copy.
    Complete { scanned: Scanned, incoming: Incoming, said: Said, epoch: u64 },
}

impl Tools {
    /// Runs a job to its end.
    pub(super) fn run(self: Arc<Self>, core: Arc<Mutex<Core>>, job: Job) -> BoxFuture<'static, Done> {
        Box::pin(async move {
            match job {
                Job::List(url) => self.list(&core, url).await,
                Job::Rescan(url) => {
                    let (serials, epoch) = lock(&core).serials();
                    let cache = self.cache.clone();
                    let at = url.clone();
                    let outcome = blocking(move || rescan(&cache, &at, &serials)).await;
                    Done::Rescan { url, epoch, outcome }
                }
                Job::File(fingerprint, path) => {
                    let (serials, epoch) = lock(&core).serials();
                    let most = self.settings.list_bytes;
                    let outcome = blocking(move || file(&path, &fingerprint, &serials, most)).await;
                    Done::File { fingerprint, epoch, outcome }
                }
                Job::Ask(question) => self.ask(question).await,
                Job::Recall(questions) => {
                    let tools = self.clone();
                    let recalled = tokio::task::spawn_blocking(move || tools.recall(questions)).await;
                    Done::Recalled(recalled.unwrap_or_default())
                }
                Job::Issuer(url) => {
                    let mut body = Vec::new();
                    let now = self.now();
                    let request = FetchRequest { url: &url, accept: "application/pkix-cert", post: None, validators: None, most: SMALL, now };
                    let fetched = self.fetcher.fetch(&request, &mut |piece| {
                        body.extend_from_slice(piece);
                        Ok(())
                    });
                    let fetched = fetched.await;
                    self.count(FetchKind::Issuer, &fetched);
                    Done::Issuer { url, outcome: fetched.map(|_| body) }
                }
            }
        })
    }

    async fn list(&self, core: &Mutex<Core>, url: Arc<str>) -> Done {
        let (serials, epoch) = lock(core).serials();
        let known = self.cache.crl(&url);
        let outcome = self.fetch_list(&url, &serials, epoch, known.as_ref().map(|meta| &meta.validators)).await;
        match &outcome {
            Ok(fetched) => {
                let outcome = if matches!(**fetched, FetchedList::NotModified(_)) { FetchOutcome::NotModified } else { FetchOutcome::Ok };
                self.events.fetched(FetchKind::Crl, outcome, None);
            }
            Err(failure) => self.events.fetched(FetchKind::Crl, FetchOutcome::Error, Some(failure.reason)),
        }
        Done::List { url, outcome }
    }

    /// The body goes into scanner, digest and cache as it comes.
    async fn fetch_list(
        &self,
        url: &str,
        serials: &Serials,
        epoch: u64,
        validators: Option<&Validators>,
    ) -> Result<Box<FetchedList>, FetchFailure> {
        let mut incoming = self.cache.incoming().map_err(|error| FetchFailure::new(RevocationReason::Unreachable, error.to_string()))?;
        let mut scanner = Scanner::new(serials);
        let mut first = true;
        let request = FetchRequest {
            url,
            accept: "application/pkix-crl",
            post: None,
            validators,
            most: self.settings.list_bytes,
            now: self.now(),
        };
        let fetched = self.fetcher.fetch(&request, &mut |piece| {
            if std::mem::take(&mut first) {
                crl::sniff(piece).map_err(|error| FetchFailure::new(error.reason(), error.to_string()))?;
            }
            scanner.feed(piece).map_err(|error| FetchFailure::new(error.reason(), error.to_string()))?;
            incoming.write(piece).map_err(|error| FetchFailure::new(RevocationReason::TooLarge, error.to_string()))
        });
        match fetched.await? {
            Fetched::NotModified(said) => Ok(Box::new(FetchedList::NotModified(said))),
            Fetched::Complete(said) => {
                let scanned = scanner.finish().map_err(|error| FetchFailure::new(error.reason(), error.to_string()))?;
                Ok(Box::new(FetchedList::Complete { scanned, incoming, said, epoch }))
            }
        }
    }

    async fn ask(&self, question: Question) -> Done {
        let nonce = self.settings.nonce.then(nonce);
        let request = ocsp::request(&question.lookup, &question.issuer, nonce.as_ref().map(|nonce| &nonce[..]));
        let mut asked = Err(FetchFailure::new(RevocationReason::Unreachable, "not asked"));
        let mut body = Vec::new();
        // RFC 5019 section 5: GET for what fits, so that caches may answer; POST when that fails.
        let path = ocsp::get_path(&request);
        let get = (path.len() <= 255 && nonce.is_none()).then(|| format!("{}/{path}", question.url.trim_end_matches('/')));
        for url in get.into_iter().map(Some).chain([None]) {
            body.clear();
            let post = url.is_none().then_some(("application/ocsp-request", &request[..]));
            let url = url.as_deref().unwrap_or(&question.url);
            let fetch = FetchRequest { url, accept: "application/ocsp-response", post, validators: None, most: SMALL, now: self.now() };
            asked = self
                .fetcher
                .fetch(&fetch, &mut |piece| {
                    body.extend_from_slice(piece);
                    Ok(())
                })
                .await;
            let is_response = asked.is_ok() && ocsp::read(&body).is_ok();
            if is_response || asked.as_ref().is_err_and(|failure| is_final(failure.reason)) {
                break;
            }
        }
        self.count(FetchKind::Ocsp, &asked);
        match asked {
            Ok(Fetched::Complete(said) | Fetched::NotModified(said)) => {
                let checked = self.check(&question, &body, nonce.as_ref().map(|nonce| &nonce[..]));
                if checked.is_ok() {
                    self.keep(&question, &body, &said);
                }
                let outcome = checked.map(Box::new).map_err(|(reason, detail)| FetchFailure::new(reason, detail));
                Done::Ask { question: Box::new(question), outcome, said }
            }
            Err(failure) => Done::Ask { question: Box::new(question), outcome: Err(failure), said: Said::default() },
        }
    }

    fn check(&self, question: &Question, body: &[u8], nonce: Option<&[u8]>) -> Result<Answered, (RevocationReason, Box<str>)> {
        let response = ocsp::read(body).map_err(|error| (error.reason(), error.to_string().into()))?;
        let mut delegates = lock(&self.delegates);
        let answered =
            ocsp::answer(&response, &question.lookup, &question.issuer, nonce, self.now(), &Policy::default(), &mut delegates, &question.url);
        answered.map_err(|reason| (reason, reason.as_str().into()))
    }

    fn keep(&self, question: &Question, body: &[u8], said: &Said) {
        let now = self.now();
        let kept = self.cache.put(Document {
            kind: DocumentKind::Ocsp,
            key: DocumentKey(question.fingerprint),
            url: (&*question.url).into(),
            validators: Default::default(),
            fetched_at: now,
            fresh_until: said.fresh_for.map(|fresh_for| now.plus(fresh_for)),
            body: body.into(),
        });
        if let Err(error) = kept {
            tracing::debug!("an OCSP answer was not kept: {error}");
        }
    }

    fn recall(&self, questions: Vec<Question>) -> Vec<(Question, UnixTime, Option<UnixTime>, Result<Answered, RevocationReason>)> {
        let kept = questions.into_iter().filter_map(|question| {
            let document = self.cache.document(&DocumentKey(question.fingerprint))?;
            let checked = self.check(&question, &document.body, None).map_err(|(reason, _)| reason);
            Some((question, document.fetched_at, document.fresh_until, checked))
        });
        kept.collect()
    }

    /// Tells the core how a job ended.
    pub(super) fn ended(&self, core: &mut Core, done: Done, now: UnixTime) {
        match done {
            Done::List { url, outcome } => self.list_ended(core, &url, outcome, now),
            Done::Rescan { url, epoch, outcome } => {
                let meta = self.cache.crl(&url);
                core.rescanned(&url, outcome.map(|scanned| *scanned), epoch, meta.as_ref(), now);
            }
            Done::File { fingerprint, epoch, outcome } => core.file_read(&fingerprint, outcome.map(|scanned| *scanned), epoch),
            Done::Ask { question, outcome, said } => core.asked(&question, outcome.map(|answered| *answered), &said, now),
            Done::Recalled(all) => {
                for (question, fetched_at, fresh_until, outcome) in all {
                    core.recalled(&question, outcome, fetched_at, fresh_until);
                }
            }
            Done::Issuer { url, outcome } => match outcome {
                Ok(body) => {
                    let contents = container::open(&body, &[], &Limits::default());
                    let failure = contents.certificates.is_empty().then_some((RevocationReason::Malformed, None));
                    core.issuers_came(&contents.certificates);
                    core.downloads.ended(&url, failure, now);
                }
                Err(failure) => core.downloads.ended(&url, Some((failure.reason, failure.retry_after)), now),
            },
        }
    }

    fn list_ended(&self, core: &mut Core, url: &Arc<str>, outcome: Result<Box<FetchedList>, FetchFailure>, now: UnixTime) {
        match outcome.map(|fetched| *fetched) {
            Ok(FetchedList::NotModified(said)) => {
                let fresh_until = said.fresh_for.map(|fresh_for| now.plus(fresh_for));
                if let Err(error) = self.cache.confirm_crl(url, &said.validators, now, fresh_until) {
                    tracing::debug!(%url, "a list's confirmation was not kept: {error}");
                }
                core.confirmed(url, fresh_until, now);
            }
            Ok(FetchedList::Complete { scanned, incoming, said, epoch }) => {
                let fresh_until = said.fresh_for.map(|fresh_for| now.plus(fresh_for));
                let whole = scanned.signed.is_none().then(|| whole(&incoming)).flatten();
                let taken = core.fetched(url, scanned, whole, epoch, fresh_until, now);
                // What nobody believes does not replace what somebody did.
                if taken == Taken::Kept {
                    let meta = CrlMeta { validators: said.validators, fetched_at: now, fresh_until };
                    if let Err(error) = self.cache.put_crl(url, incoming, meta) {
                        tracing::warn!(%url, "a list was not kept on disk: {error}");
                    }
                }
            }
            Err(failure) => core.not_fetched(url, failure, now),
        }
    }

    fn count(&self, kind: FetchKind, fetched: &Result<Fetched, FetchFailure>) {
        match fetched {
            Ok(Fetched::NotModified(_)) => self.events.fetched(kind, FetchOutcome::NotModified, None),
            Ok(Fetched::Complete(_)) => self.events.fetched(kind, FetchOutcome::Ok, None),
            Err(failure) => self.events.fetched(kind, FetchOutcome::Error, Some(failure.reason)),
        }
    }

    fn now(&self) -> UnixTime {
        UnixTime::from(self.clock.now())
    }
}

/// Asking in another way would not help.
fn is_final(reason: RevocationReason) -> bool {
    matches!(reason, RevocationReason::EgressDenied | RevocationReason::UnsupportedScheme)
}

fn rescan(cache: &Cache, url: &str, serials: &Serials) -> Result<Box<Scanned>, (RevocationReason, Box<str>)> {
    match cache.open_crl(url) {
        Ok(Some(body)) => scan(body, serials),
        Ok(None) => Err((RevocationReason::Unreachable, "the kept copy is gone".into())),
        Err(error) => Err((RevocationReason::Unreachable, error.to_string().into())),
    }
}

/// The list with this fingerprint, out of a file that may hold several.
fn file(path: &Path, fingerprint: &[u8; 32], serials: &Serials, most: u64) -> Result<Box<Scanned>, (RevocationReason, Box<str>)> {
    let unreadable = |error: std::io::Error| (RevocationReason::Unreachable, Box::from(format!("{}: {error}", path.display())));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err((RevocationReason::TooLarge, format!("{}: larger than {most} bytes", path.display()).into()));
    }
    let contents = container::open(&bytes, &[], &Limits::default());
    let list = contents.crls.iter().find(|der| crate::pki::certificate::fingerprint(der) == *fingerprint);
    let list = list.ok_or_else(|| (RevocationReason::NotForCertificate, Box::from("the file has changed since it was scanned")))?;
    scan(&list[..], serials)
}

fn scan(mut from: impl Read, serials: &Serials) -> Result<Box<Scanned>, (RevocationReason, Box<str>)> {
    let malformed = |error: crl::CrlError| (error.reason(), Box::from(error.to_string()));
    let mut scanner = Scanner::new(serials);
    let mut window = vec![0; WINDOW];
    loop {
        let read = from.read(&mut window).map_err(|error| (RevocationReason::Unreachable, error.to_string().into()))?;
        if read == 0 {
            return scanner.finish().map(Box::new).map_err(malformed);
        }
        scanner.feed(window.get(..read).unwrap_or_default()).map_err(malformed)?;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, (RevocationReason, Box<str>)> + Send + 'static,
) -> Result<T, (RevocationReason, Box<str>)> {
    let failed = |error: tokio::task::JoinError| (RevocationReason::Malformed, Box::from(error.to_string()));
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}

// RFC 9654 section 2.1: 32 octets.
fn nonce() -> [u8; 32] {
    let mut nonce = [0; 32];
    // Without randomness there is no TLS either; a nonce of zeros only lets an old answer pass that is within its time.
    let _ = aws_lc_rs::rand::fill(&mut nonce);
    nonce
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

