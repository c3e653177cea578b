//! The nouns: ids, places, observations, facts, reports, state, closed vocabularies, and the traits that `app` injects.
//!
//! May touch: nothing else of this crate. Must not: do I/O, know Prometheus, ask the time (except [`clock`], which is the one door to it).

pub mod advice;
pub mod chain;
pub mod clock;
pub mod command;
pub mod events;
pub mod facts;
pub mod finding;
pub mod id;
pub mod observation;
pub mod options;
pub mod place;
pub mod probe;
pub mod quantity;
pub mod related;
pub mod relations;
pub mod reload;
pub mod render;
pub mod renewal;
pub mod revocation;
pub mod rules;
pub mod scan;
pub mod snapshot;
pub mod state;
pub mod time;
pub mod user_labels;
pub mod visible;
pub mod vocabulary;

pub use clock::Clock;
pub use events::Events;
pub use facts::{CertificateFacts, Content, CrlFacts, EndpointFacts, Facts, Problem};
pub use finding::{Finding, FindingSet, Noun};
pub use id::{SourceId, SourceKind};
pub use observation::{Failure, Handshake, Limits, Material, Observation, Secret, Step, Trace};
pub use options::{Labels, SourceOptions};
pub use place::{Place, Shard};
pub use quantity::{ByteSize, HumanDuration};
pub use related::{Evidence, Related};
pub use relations::{AuthorityRow, Relations, TrustQueries};
pub use render::{Fragment, Render, Rendered};
pub use renewal::{History, Renewed};
pub use revocation::{
    Answer, Answers, Authority, DistributionPoint, Lookup, Pointers, Policy, RevocationMethod, RevocationReason, RevocationStatus,
    RevocationView, Revocations, RevokedFor, Says, Services, Signed, Verdict,
};
pub use rules::{Broken, CertificatePolicy, Item, Rules, Selector, Waived, Waiver};
pub use scan::{ApiEvent, BuildContext, BuildError, Listing, ScanContext, Sink, Source, Stamp};
pub use snapshot::{PieceVisitor, SnapshotView, Snapshots};
pub use state::{Circumstances, FailedLooks, FailureFacts, Report, SourceHeader, SourceStatus, TargetState, Use};
pub use time::UnixTime;
pub use user_labels::UserLabels;
pub use vocabulary::{BundleKind, CertRole, EmbeddedKind, FetchKind, FetchOutcome, KubeResource, Method, Reason, Stage, UseKind};

/// Any error, boxed: what stands behind a closed reason.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A boxed future, as the injected traits return them.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
