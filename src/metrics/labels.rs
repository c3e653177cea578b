//! Which labels a family carries: closed sets, put together from groups.

/// Labels that stand and fall together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Which source.
    Source,
    /// The user's own labels, of the source and of the target.
    User,
    /// The place in the source. With [`Group::Source`] and [`Group::User`]: where it is; stable over renewals.
    Place,
    /// Where on the network, instead of [`Group::Source`], [`Group::User`] and [`Group::Place`]: what no source found.
    Url,
    /// Which certificate of the place; stable over a plain renewal.
    Which,
    /// Which generation of the certificate; changes with every renewal.
    Generation,
    /// Further fields of subject and issuer, only with `compatibility = ["enix"]`.
    NameFields,
    /// Which CRL of the place.
    Crl,
}

impl Group {
    /// Its label names; the user's are not known here.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Source => &["source_kind", "source_name"],
            Self::User => &[],
            Self::Place => &[
                "filename",
                "filepath",
                "embedded_kind",
                "embedded_key",
                "target",
                "server_name",
                "address",
                "secret_namespace",
                "secret_name",
                "secret_key",
                "configmap_namespace",
                "configmap_name",
                "configmap_key",
                "cabundle_resource_kind",
                "cabundle_resource_name",
                "cabundle_entry",
                "csr_name",
                "certificate_namespace",
                "certificate_name",
            ],
            Self::Url => &["url"],
            Self::Which => &["cert_role", "subject_CN", "issuer_CN", "discriminator"],
            Self::Generation => &["subject", "serial_number", "not_after"],
            Self::NameFields => &[
                "subject_C",
                "subject_ST",
                "subject_L",
                "subject_O",
                "subject_OU",
                "issuer_C",
                "issuer_ST",
                "issuer_L",
                "issuer_O",
                "issuer_OU",
            ],
            Self::Crl => &["issuer", "issuer_CN", "discriminator"],
        }
    }

    /// The letters that stand for it in the documentation.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::User => "user",
            Self::Place => "place",
            Self::Url => "url",
            Self::Which => "N",
            Self::Generation => "V",
            Self::NameFields => "name fields",
            Self::Crl => "crl",
        }
    }
}

/// The labels of a family. Only those that apply are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelSet {
    /// None at all.
    Unlabelled,
    /// Where it is.
    Target,
    /// Where, which, and which generation.
    Certificate,
    /// The same, and all the rest that is known.
    CertificateInfo,
    /// Where, and which.
    CertificateState,
    /// Where, which, and its revocation.
    CertificateRevocation,
    /// Where, which, and what is wrong.
    CertificateFinding,
    /// Where, and which CRL.
    Crl,
    /// Where, which CRL, and what is wrong.
    CrlFinding,
    /// Where, and what is wrong.
    TargetFinding,
    /// Where, how far it came, and why not further.
    TargetFailure,
    /// Where, and how it ended.
    TargetResult,
    /// Where, and what was agreed on.
    TlsVersion,
    /// Where, and what uses it.
    UsedBy,
    /// What is watched at a Kubernetes API server.
    KubeResource,
    /// What is watched at a Kubernetes API server, and why that failed.
    KubeError,
    /// A CA certificate, wherever it is.
    Authority,
    /// An OCSP responder.
    Responder,
    /// An OCSP responder, and what is wrong.
    ResponderFinding,
    /// What was fetched, and what came of it.
    Fetch,
    /// Why the program's own server turned something away.
    RefusedRequests,
    /// Which source, with the user's labels.
    Source,
    /// Which source.
    SourceEvents,
    /// Which source, and why.
    SourceReason,
    /// Which build.
    Build,
    /// The leaf, as the blackbox exporter spells it.
    ProbeChain,
    /// A TLS version.
    ProbeVersion,
    /// A cipher suite.
    ProbeCipher,
}

impl LabelSet {
    /// The groups that it is put together from.
    pub const fn groups(self) -> &'static [Group] {
        use Group::{Crl, Generation, NameFields, Place, Source, Url, User, Which};
        match self {
            Self::Unlabelled
            | Self::Build
            | Self::KubeResource
            | Self::KubeError
            | Self::Responder
            | Self::ResponderFinding
            | Self::Fetch
            | Self::RefusedRequests
            | Self::ProbeChain
            | Self::ProbeVersion
            | Self::ProbeCipher => &[],
            Self::Target | Self::TargetFinding | Self::TargetFailure | Self::TargetResult | Self::TlsVersion | Self::UsedBy => {
                &[Source, Place, User]
            }
            Self::Certificate | Self::CertificateInfo => &[Source, Place, User, Which, Generation, NameFields],
            Self::CertificateState | Self::CertificateRevocation | Self::CertificateFinding => &[Source, Place, User, Which],
            Self::Crl | Self::CrlFinding => &[Source, Place, Url, User, Crl],
            Self::Source => &[Source, User],
            Self::Authority => &[Which, Generation],
            Self::SourceEvents | Self::SourceReason => &[Source],
        }
    }

    /// The labels that it has besides its groups.
    pub const fn own(self) -> &'static [&'static str] {
        match self {
            Self::Unlabelled | Self::Target | Self::Certificate | Self::CertificateState | Self::Source | Self::SourceEvents => &[],
            Self::CertificateRevocation => &["status"],
            Self::UsedBy => &["kind", "name", "host"],
            Self::KubeResource => &["source_name", "resource"],
            Self::KubeError => &["source_name", "resource", "reason"],
            Self::Authority => &["fingerprint"],
            Self::Responder => &["url"],
            Self::ResponderFinding => &["url", "finding"],
            Self::Fetch => &["kind", "outcome", "reason"],
            Self::CertificateInfo => &[
                "fingerprint",
                "issuer",
                "signature_algorithm",
                "key_algorithm",
                "key_bits",
                "sans",
                "spiffe_id",
                "key_usage",
                "extended_key_usage",
            ],
            Self::CertificateFinding | Self::CrlFinding | Self::TargetFinding => &["finding"],
            Self::Crl => &["crl_number"],
            Self::TargetFailure => &["stage", "reason"],
            Self::TargetResult => &["result"],
            Self::TlsVersion => &["version", "cipher", "group", "alpn", "method"],
            Self::SourceReason | Self::RefusedRequests => &["reason"],
            Self::Build => &["version", "revision"],
            Self::ProbeChain => &["fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber"],
            Self::ProbeVersion => &["version"],
            Self::ProbeCipher => &["cipher"],
        }
    }

    /// Every label name that a series of it may carry, except the user's own.
    pub fn names(self) -> Vec<&'static str> {
        self.groups().iter().flat_map(|group| group.names()).chain(self.own()).copied().collect()
    }
}
