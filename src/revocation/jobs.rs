//! What is done outside of the core: fetching, reading, checking signatures; and how each end is told to it.
//!
//! May touch: `model`, `pki`, `net`, the cache, files that sources found.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::asks::Question;
use super::cache::{Cache, Document, DocumentKind, Incoming};
use super::core::{Core, Job};
use super::issuers::Downloads;
use super::lists::Taken;
use super::settings::Settings;
use crate::model::revocation::Policy;
use crate::model::vocabulary::{FetchKind, FetchOutcome};
use crate::model::{BoxFuture, Clock, Events, RevocationReason, UnixTime};
use crate::net::{FetchFailure, FetchRequest, Fetched, Fetcher, Said, Validators};
use crate::pki::container;
use crate::pki::crl::{self, Scanned, Scanner, Serials};
use crate::pki::ocsp::{self, Answered, DelegateCache};

/// Bytes read from a file at once.
const WINDOW: usize = 64 << 10;
/// The largest OCSP response, and the largest issuer's certificate.
const SMALL: u64 = 64 << 10;
/// An issuer's certificate that is older is fetched anew by the next process.
const ISSUER_KEPT: Duration = Duration::from_secs(7 * 86_400);
const OCSP_RESPONSE: &str = "application/ocsp-response";

type Why = (RevocationReason, Box<str>);

/// What jobs work with.
pub(super) struct Tools {
    pub(super) fetcher: Fetcher,
    pub(super) cache: Arc<Cache>,
    pub(super) events: Arc<dyn Events>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Arc<Settings>,
    pub(super) delegates: DelegateCache,
}

/// How a job ended.
pub(super) enum Done {
    /// A list was fetched, or found unchanged.
    List { url: Arc<str>, outcome: Result<FetchedList, FetchFailure> },
    /// The kept copy of a list was looked through again.
    Rescan { url: Arc<str>, epoch: u64, outcome: Result<Box<Scanned>, Why> },
    /// A source's list was read.
    File { fingerprint: [u8; 32], from: Arc<str>, epoch: u64, outcome: Result<Box<Scanned>, Why> },
    /// A responder answered, or not.
    Ask { question: Box<Question>, outcome: Result<(Answered, Vec<u8>), FetchFailure>, fresh_until: Option<UnixTime> },
    /// Kept answers to these questions, by certificate, were looked for and checked.
    Recalled { about: Vec<[u8; 32]>, found: Vec<Recalled> },
    /// An issuer's certificate came, or not; a new one not out of the cache.
    Issuer { url: Arc<str>, outcome: Result<Vec<u8>, FetchFailure>, is_new: bool },
}

/// A kept answer that is still good.
pub(super) struct Recalled {
    question: Question,
    answered: Answered,
    fetched_at: UnixTime,
    fresh_until: Option<UnixTime>,
}

/// What a fetch of a list brought.
pub(super) enum FetchedList {
    /// What is at hand is the newest.
    NotModified(Said),
    /// A copy.
    Complete { scanned: Box<Scanned>, incoming: Incoming, said: Said, epoch: u64 },
}

impl Tools {
    /// Runs a job to its end.
    pub(super) fn run(self: Arc<Self>, core: Arc<Mutex<Core>>, job: Job) -> BoxFuture<'static, Done> {
        Box::pin(async move {
            match job {
                Job::List(url) => self.list(&core, url).await,
                Job::Rescan(url) => {
                    let (serials, epoch) = lock(&core).serials();
                    let (cache, at) = (self.cache.clone(), url.clone());
                    let outcome = blocking(move || rescan(&cache, &at, &serials)).await;
                    Done::Rescan { url, epoch, outcome }
                }
                Job::File(fingerprint, path) => {
                    let (serials, epoch) = lock(&core).serials();
                    let (most, from) = (self.settings.list_bytes, Arc::from(path.to_string_lossy()));
                    let outcome = blocking(move || file(&path, &fingerprint, &serials, most)).await;
                    Done::File { fingerprint, from, epoch, outcome }
                }
                Job::Ask(question) => self.ask(question).await,
                Job::Recall(questions) => {
                    let tools = self.clone();
                    let about = questions.iter().map(|question| question.fingerprint).collect();
                    let found = tokio::task::spawn_blocking(move || tools.recall(questions)).await;
                    Done::Recalled { about, found: found.unwrap_or_default() }
                }
                Job::Issuer(url) => {
                    let tools = self.clone();
                    let at = url.clone();
                    if let Ok(Some(kept)) = tokio::task::spawn_blocking(move || tools.kept_issuer(&at)).await {
                        return Done::Issuer { url, outcome: Ok(kept), is_new: false };
                    }
                    let outcome = self.small(&url, "application/pkix-cert", None).await.map(|(body, _)| body);
                    self.count(FetchKind::Issuer, &outcome);
                    Done::Issuer { url, outcome, is_new: true }
                }
            }
        })
    }

    async fn list(&self, core: &Mutex<Core>, url: Arc<str>) -> Done {
        let (serials, epoch) = lock(core).serials();
        let known = self.cache.crl(&url).filter(|_| !lock(core).must_come_whole(&url));
        let outcome = self.fetch_list(&url, &serials, epoch, known.as_ref().map(|copy| &copy.validators)).await;
        match &outcome {
            Ok(FetchedList::NotModified(_)) => self.events.fetched(FetchKind::Crl, FetchOutcome::NotModified, None),
            Ok(FetchedList::Complete { .. }) => self.events.fetched(FetchKind::Crl, FetchOutcome::Ok, None),
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
    ) -> Result<FetchedList, FetchFailure> {
        let unkept = |error: super::cache::CacheError| FetchFailure::new(RevocationReason::TooLarge, error.to_string());
        let malformed = |error: crl::CrlError| FetchFailure::new(error.reason(), error.to_string());
        let mut incoming = self.cache.incoming();
        let mut scanner = Scanner::new(serials, crl::Limits { fingerprint: false, ..crl::Limits::default() });
        let most = self.settings.list_bytes;
        let request = FetchRequest { url, accept: "application/pkix-crl", post: None, validators, most, now: self.now() };
        let mut sink = |piece: &[u8]| {
            scanner.feed(piece).map_err(malformed)?;
            incoming.write(piece).map_err(unkept)
        };
        match self.fetcher.fetch(&request, &mut sink).await? {
            Fetched::NotModified(said) => Ok(FetchedList::NotModified(said)),
            Fetched::Complete(said) => {
                let scanned = Box::new(scanner.finish().map_err(malformed)?);
                Ok(FetchedList::Complete { scanned, incoming, said, epoch })
            }
        }
    }

    async fn ask(&self, question: Question) -> Done {
        let nonce = self.settings.nonce.then(nonce);
        let nonce = nonce.as_ref().map(|nonce| &nonce[..]);
        let request = ocsp::request(&question.lookup, &question.issuer, nonce);
        // RFC 5019 section 5: GET for what fits, so that caches may answer; POST when that fails.
        let get = ocsp::get_url(&question.url, &request).filter(|_| nonce.is_none());
        let mut asked = match get {
            Some(url) => self.small(&url, OCSP_RESPONSE, None).await,
            None => Err(FetchFailure::new(RevocationReason::HttpError, "")),
        };
        let is_answered = asked.as_ref().is_ok_and(|(body, _)| ocsp::read(body).is_ok());
        if !is_answered && !asked.as_ref().is_err_and(|failure| is_final(failure.reason)) {
            asked = self.small(&question.url, OCSP_RESPONSE, Some(("application/ocsp-request", &request))).await;
        }
        let mut fresh_until = None;
        let outcome = asked.and_then(|(body, said)| {
            fresh_until = said.fresh_for.map(|fresh_for| self.now().plus(fresh_for));
            match self.check(&question, &question.url, &body, nonce) {
                Ok(answered) => Ok((answered, body)),
                Err((reason, detail)) => Err(FetchFailure::new(reason, detail)),
            }
        });
        self.count(FetchKind::Ocsp, &outcome);
        Done::Ask { question: Box::new(question), outcome, fresh_until }
    }

    /// Tells the cache what is in use, so that it knows what may go when room is needed.
    pub(super) fn mark(&self, core: &Core) {
        self.cache.mark(&|url| core.uses_list(url), &|key| core.uses_document(key));
    }

    /// Fetches something small as a whole.
    async fn small(&self, url: &str, accept: &'static str, post: Option<(&'static str, &[u8])>) -> Result<(Vec<u8>, Said), FetchFailure> {
        let mut body = Vec::new();
        let request = FetchRequest { url, accept, post, validators: None, most: SMALL, now: self.now() };
        let mut sink = |piece: &[u8]| {
            body.extend_from_slice(piece);
            Ok(())
        };
        match self.fetcher.fetch(&request, &mut sink).await? {
            Fetched::Complete(said) => Ok((body, said)),
            Fetched::NotModified(_) => Err(FetchFailure::new(RevocationReason::HttpError, "304 Not Modified, though nothing was at hand")),
        }
    }

    fn check(&self, question: &Question, from: &Arc<str>, body: &[u8], nonce: Option<&[u8]>) -> Result<Answered, Why> {
        let response = ocsp::read(body).map_err(|error| (error.reason(), error.to_string().into()))?;
        let asked = ocsp::Question { lookup: &question.lookup, authority: &question.issuer, nonce, from };
        let answered = ocsp::answer(&response, &asked, self.now(), &Policy::default(), &mut self.delegates.clone());
        answered.map_err(|reason| (reason, format!("the answer is not usable: {reason}").into()))
    }

    fn recall(&self, questions: Vec<Question>) -> Vec<Recalled> {
        let recalled = questions.into_iter().filter_map(|mut question| {
            let document = self.cache.document(&question.fingerprint).ok().flatten()?;
            question.url = Arc::from(&*document.url);
            // The disk is not trusted: signatures are checked again.
            let answered = self.check(&question, &question.url, &document.body, None).ok()?;
            Some(Recalled { question, answered, fetched_at: document.fetched_at, fresh_until: document.fresh_until })
        });
        recalled.collect()
    }

    /// What an earlier process fetched from there; whom it issued is checked by whoever believes it.
    fn kept_issuer(&self, url: &str) -> Option<Vec<u8>> {
        let document = self.cache.document(&Downloads::key(url)).ok().flatten()?;
        let is_fresh = document.fetched_at <= self.now() && self.now().since(document.fetched_at) <= ISSUER_KEPT;
        (document.kind == DocumentKind::Issuer && is_fresh).then(|| document.body.into_owned())
    }

    /// Keeps the answers and issuers that came, all with one sync. Before the core is told: nothing waits for the disk with its lock held.
    pub(super) fn keep_answers(&self, done: &[Done]) {
        let now = self.now();
        let documents = done.iter().filter_map(|done| match done {
            Done::Ask { question, outcome: Ok((answered, body)), fresh_until } if answered.answer.is_ok() => Some(Document {
                kind: DocumentKind::Ocsp,
                key: question.fingerprint,
                url: (&*question.url).into(),
                validators: Validators::default(),
                fetched_at: now,
                fresh_until: *fresh_until,
                body: (&body[..]).into(),
            }),
            Done::Issuer { url, outcome: Ok(body), is_new: true } if holds_certificates(body) => Some(Document {
                kind: DocumentKind::Issuer,
                key: Downloads::key(url),
                url: (&**url).into(),
                validators: Validators::default(),
                fetched_at: now,
                fresh_until: None,
                body: (&body[..]).into(),
            }),
            _ => None,
        });
        let documents: Vec<Document<'_>> = documents.collect();
        if !documents.is_empty()
            && let Err(error) = self.cache.keep_documents(&documents)
        {
            tracing::debug!("OCSP answers and issuers were not kept: {error}");
        }
    }

    /// Tells the core how a job ended.
    pub(super) fn ended(&self, core: &mut Core, done: Done, now: UnixTime) {
        match done {
            Done::List { url, outcome } => self.list_ended(core, &url, outcome, now),
            Done::Rescan { url, epoch, outcome } => {
                let copy = self.cache.crl(&url);
                core.rescanned(&url, outcome.map(|scanned| *scanned), epoch, copy.as_ref());
            }
            Done::File { fingerprint, from, epoch, outcome } => core.file_read(&fingerprint, &from, outcome.map(|scanned| *scanned), epoch),
            Done::Ask { question, outcome, fresh_until } => core.asked(&question, outcome.map(|(answered, _)| answered), fresh_until, now),
            Done::Recalled { about, found } => {
                for Recalled { question, answered, fetched_at, fresh_until } in found {
                    core.recalled(&question, &answered, fetched_at, fresh_until);
                }
                core.looked_up(&about);
            }
            Done::Issuer { url, outcome: Ok(body), .. } => {
                let contents = container::open(&body, &[], &crate::model::Limits::default());
                core.issuers_came(&url, &contents.certificates, now);
            }
            Done::Issuer { url, outcome: Err(failure), .. } => core.issuer_failed(&url, &failure, now),
        }
    }

    fn list_ended(&self, core: &mut Core, url: &Arc<str>, outcome: Result<FetchedList, FetchFailure>, now: UnixTime) {
        match outcome {
            Ok(FetchedList::NotModified(said)) => {
                let fresh_until = said.fresh_for.map(|fresh_for| now.plus(fresh_for));
                if let Err(error) = self.cache.confirm_crl(url, &said.validators, now, fresh_until) {
                    tracing::debug!(%url, "a list's confirmation was not kept: {error}");
                }
                core.confirmed(url, fresh_until, now);
            }
            Ok(FetchedList::Complete { scanned, incoming, said, epoch }) => {
                let fresh_until = said.fresh_for.map(|fresh_for| now.plus(fresh_for));
                // What nobody believes does not replace what somebody did.
                if core.fetched(url, *scanned, epoch, fresh_until, now) == Taken::Kept
                    && let Err(error) = self.cache.keep_crl(incoming, url, said.validators, now, fresh_until)
                {
                    tracing::warn!(%url, "a CRL was not kept: {error}");
                }
            }
            Err(failure) => core.not_fetched(url, failure, now),
        }
    }

    fn count<T>(&self, kind: FetchKind, outcome: &Result<T, FetchFailure>) {
        match outcome {
            Ok(_) => self.events.fetched(kind, FetchOutcome::Ok, None),
            Err(failure) => self.events.fetched(kind, FetchOutcome::Error, Some(failure.reason)),
        }
    }

    fn now(&self) -> UnixTime {
        UnixTime::from(self.clock.now())
    }
}

fn holds_certificates(body: &[u8]) -> bool {
    !container::open(body, &[], &crate::model::Limits::default()).certificates.is_empty()
}

/// Asking in another way would not help.
fn is_final(reason: RevocationReason) -> bool {
    matches!(reason, RevocationReason::EgressDenied | RevocationReason::UnsupportedScheme)
}

fn rescan(cache: &Cache, url: &str, serials: &Serials) -> Result<Box<Scanned>, Why> {
    match cache.crl_body(url) {
        Ok(Some(body)) => scan(body, serials, false),
        Ok(None) => Err((RevocationReason::Unreachable, "the kept copy is gone".into())),
        Err(error) => Err((RevocationReason::Unreachable, error.to_string().into())),
    }
}

/// The list with this fingerprint, out of a file that may hold several.
fn file(path: &Path, fingerprint: &[u8; 32], serials: &Serials, most: u64) -> Result<Box<Scanned>, Why> {
    let unreadable = |error: std::io::Error| (RevocationReason::Unreachable, Box::from(format!("{}: {error}", path.display())));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err((RevocationReason::TooLarge, format!("{}: larger than {most} bytes", path.display()).into()));
    }
    let contents = container::open(&bytes, &[], &crate::model::Limits::default());
    let list = contents.crls.iter().find(|der| crate::pki::certificate::fingerprint(der) == *fingerprint);
    let list = list.ok_or_else(|| (RevocationReason::NotForCertificate, Box::from("the file has changed since it was scanned")))?;
    scan(&list[..], serials, true)
}

fn scan(mut from: impl Read, serials: &Serials, fingerprint: bool) -> Result<Box<Scanned>, Why> {
    let malformed = |error: crl::CrlError| (error.reason(), Box::from(error.to_string()));
    let mut scanner = Scanner::new(serials, crl::Limits { fingerprint, ..crl::Limits::default() });
    let mut window = vec![0; WINDOW];
    loop {
        let read = from.read(&mut window).map_err(|error| (RevocationReason::Unreachable, error.to_string().into()))?;
        if read == 0 {
            return scanner.finish().map(Box::new).map_err(malformed);
        }
        scanner.feed(window.get(..read).unwrap_or_default()).map_err(malformed)?;
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Why> + Send + 'static) -> Result<T, Why> {
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
