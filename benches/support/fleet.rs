//! A fleet for benches, and the snapshot that the store would publish of it.

use std::error::Error;
use std::sync::Arc;

use notafter::model::{
    CertificateFacts, Content, PieceVisitor, Place, Relations, Rendered, Report, Services, SnapshotView, SourceHeader, SourceId,
    SourceKind, SourceOptions, SourceStatus, TargetState, UnixTime,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// CAs that issue in turn.
pub const CAS: usize = 50;
/// Places in a piece.
pub const PIECE: usize = 1_000;

/// A source in pieces, as the store publishes it.
#[derive(Clone)]
pub struct Held {
    pub header: SourceHeader,
    pub pieces: Vec<Arc<Vec<Arc<TargetState>>>>,
}

/// A snapshot.
#[derive(Clone, Default)]
pub struct View {
    pub sources: Vec<Held>,
    pub status: SourceStatus,
    pub generation: u64,
    pub relations: Relations,
    pub services: Services,
}

impl SnapshotView for View {
    fn rendered(&self, _: &mut dyn FnMut(&Rendered)) {}
    fn sources<'a>(&'a self, visit: &mut dyn FnMut(&'a SourceHeader, &'a SourceStatus)) {
        self.sources.iter().for_each(|held| visit(&held.header, &self.status));
    }
    fn targets<'a>(&'a self, source: &SourceId, visit: &mut dyn FnMut(&'a TargetState)) {
        let of_it = self.sources.iter().filter(|held| held.header.id == *source);
        of_it.flat_map(|held| &held.pieces).flat_map(|piece| piece.iter()).for_each(|target| visit(target));
    }
    fn pieces<'a>(&'a self, source: &SourceId, visit: PieceVisitor<'_, 'a>) {
        for piece in self.sources.iter().filter(|held| held.header.id == *source).flat_map(|held| &held.pieces) {
            visit(Arc::as_ptr(piece).addr(), &mut piece.iter());
        }
    }
    fn services(&self) -> &Services {
        &self.services
    }
    fn relations(&self) -> &Relations {
        &self.relations
    }
    fn generation(&self) -> u64 {
        self.generation
    }
    fn ready(&self) -> bool {
        true
    }
}

/// The name of a leaf.
pub fn host(n: usize) -> String {
    format!("host{n}.example.com")
}

/// Certificates.
pub type Ders = Vec<Vec<u8>>;

/// DER of leaves, and of the CAs that issued them in turn.
pub fn issue(count: usize) -> Result<(Ders, Ders), Box<dyn Error>> {
    let mut issuers = Vec::new();
    let mut cas = Vec::new();
    for n in 0..CAS {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("Issuing CA {n}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        cas.push(params.self_signed(&key)?.der().to_vec());
        issuers.push(Issuer::new(params, key));
    }
    let key = KeyPair::generate()?;
    let mut leaves = Vec::with_capacity(count);
    for n in 0..count {
        let mut params = CertificateParams::new(vec![host(n), format!("www.{}", host(n))])?;
        params.distinguished_name.push(DnType::CommonName, host(n));
        params.use_authority_key_identifier_extension = true;
        leaves.push(params.signed_by(&key, &issuers[n % CAS])?.der().to_vec());
    }
    Ok((leaves, cas))
}

/// A place with these certificates, of which nothing else is known.
pub fn target(place: Place, certificates: impl IntoIterator<Item = CertificateFacts>) -> TargetState {
    TargetState {
        place,
        labels: None,
        circumstances: None,
        content: Arc::new(Content { certificates: certificates.into_iter().collect(), ..Content::default() }),
        endpoint: None,
        related: None,
        history: None,
        report: Report::default(),
        failure: None,
        problems: Box::default(),
        stamp: None,
        changed_at: UnixTime::from_secs(0),
        counters: None,
    }
}

/// A source with these places.
pub fn held(kind: SourceKind, name: &str, targets: Vec<TargetState>) -> Held {
    let header = SourceHeader { id: SourceId { kind, name: name.into() }, options: SourceOptions::default() };
    let mut targets = targets.into_iter().map(Arc::new).peekable();
    let mut pieces = Vec::new();
    while targets.peek().is_some() {
        pieces.push(Arc::new(targets.by_ref().take(PIECE).collect()));
    }
    Held { header, pieces }
}
