//! The one table of all families: a doc comment is the HELP, the documentation and the contract.
//!
//! Their order here is their order in the exposition.

use super::labels::LabelSet;

/// The type of a family, as the exposition says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only grows, or starts again.
    Counter,
    /// Observations, by size.
    Histogram,
}

impl Kind {
    /// The word after `# TYPE`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// Where a family's series come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Rendered from a snapshot, with values of the last scheduled scan; its HELP says so.
    Scan,
    /// The same, but only with `compatibility = ["enix"]`.
    Compatibility,
    /// Rendered from a snapshot.
    Snapshot,
    /// Counted while the program runs.
    Registry,
    /// Read from the operating system when scraped.
    Process,
    /// What one probe on request saw: only on /probe.
    Probe,
}

/// One family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its doc comment.
    pub doc: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its labels.
    pub labels: LabelSet,
    /// Where its series come from.
    pub origin: Origin,
}

impl Family {
    /// The text after `# HELP`.
    pub fn help(&self) -> String {
        let scheduled = if matches!(self.origin, Origin::Scan | Origin::Compatibility) { " From the last scheduled scan." } else { "" };
        format!("{}{scheduled}", self.doc.trim())
    }
}

/// A family's index in [`FAMILIES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(u16);

impl Id {
    /// The index.
    pub const fn index(self) -> u16 {
        self.0
    }

    /// The family.
    pub fn family(self) -> &'static Family {
        &FAMILIES[usize::from(self.0)]
    }
}

macro_rules! families {
    ($($origin:ident { $($(#[doc = $doc:literal])+ $name:ident: $kind:ident<$labels:ident> = $text:literal;)+ })+) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "the constants' own names, counted by the compiler")]
        #[repr(u16)]
        enum Index { $($($name),+),+ }

        $($(
            $(#[doc = $doc])+
            pub const $name: Id = Id(Index::$name as u16);
        )+)+

        /// Every family, in the order of the exposition.
        pub static FAMILIES: &[Family] = &[$($(Family {
            name: $text,
            doc: concat!($($doc),+),
            kind: families!(@kind $kind),
            labels: LabelSet::$labels,
            origin: Origin::$origin,
        }),+),+];
    };
    (@kind gauge) => { Kind::Gauge };
    (@kind counter) => { Kind::Counter };
    (@kind histogram) => { Kind::Histogram };
}

families! {
    Scan {
        /// Start of the certificate's validity, in Unix seconds (RFC 5280 section 4.1.2.5).
        CERT_NOT_BEFORE: gauge<Certificate> = "x509_cert_not_before";
        /// End of the certificate's validity, in Unix seconds (RFC 5280 section 4.1.2.5).
        CERT_NOT_AFTER: gauge<Certificate> = "x509_cert_not_after";
        /// When the owner of the leaf certificate should have renewed it, in Unix seconds: cert-manager's word where it manages
        /// it, else after the part of its lifetime that the source's rotate_at says, else as the renewals seen in its place show, else
        /// after three quarters of it.
        CERT_RENEWAL_DUE: gauge<Certificate> = "x509_cert_renewal_due_timestamp_seconds";
        /// Always 1; what else is known of the leaf certificate stands in the labels.
        CERT_INFO: gauge<CertificateInfo> = "x509_cert_info";
    }
    Compatibility {
        /// Whether the certificate's validity has ended (1) or not (0).
        CERT_EXPIRED: gauge<Certificate> = "x509_cert_expired";
    }
    Scan {
        /// Whether the place exists or is configured but cannot be read or gives no certificate (1), or all is well (0).
        CERT_ERROR: gauge<Target> = "x509_cert_error";
        /// Always 1, for each thing that is wrong with the certificate, while it is; no series when nothing is.
        CERT_FINDING: gauge<CertificateFinding> = "x509_cert_finding";
        /// When the waiver ends, in Unix seconds, for each thing that is wrong with the certificate and waived; no series when nothing is.
        CERT_FINDING_WAIVED: gauge<CertificateFinding> = "x509_cert_finding_waived";
        /// Always 1, for each thing that is known to use what is in the place (an Ingress, a Gateway, the Deployment or other controller
        /// of Pods, a webhook configuration that cert-manager puts the CA into, a server of nginx, a listener or cluster of Envoy), with the host
        /// that it serves, if any.
        CERT_USED_BY: gauge<UsedBy> = "x509_cert_used_by";
        /// Whether the certificate is revoked (1) or not (0); absent while nobody can say.
        CERT_REVOKED: gauge<CertificateState> = "x509_cert_revoked";
        /// Always 1; what is known of the certificate's revocation stands in the label: good, revoked, unknown, not_applicable, or pending
        /// until it has been asked for.
        CERT_REVOCATION_STATUS: gauge<CertificateRevocation> = "x509_cert_revocation_status";
        /// When the CRL was issued, in Unix seconds (RFC 5280 section 5.1.2.4).
        CRL_THIS_UPDATE: gauge<Crl> = "x509_crl_this_update";
        /// When the next CRL will be issued at the latest, in Unix seconds (RFC 5280 section 5.1.2.5); absent when the CRL does not say.
        CRL_NEXT_UPDATE: gauge<Crl> = "x509_crl_next_update";
        /// The CRL's number (RFC 5280 section 5.2.3), as near as a float comes; absent when it has none.
        CRL_NUMBER: gauge<Crl> = "x509_crl_number";
        /// Whether the CRL's next update is overdue (1) or not (0).
        CRL_STALE: gauge<Crl> = "x509_crl_stale";
        /// How many certificates the CRL revokes.
        CRL_ENTRIES: gauge<Crl> = "x509_crl_entries";
        /// Always 1, for each thing that is wrong with the CRL, while it is; no series when nothing is.
        CRL_FINDING: gauge<CrlFinding> = "x509_crl_finding";
        /// When the waiver ends, in Unix seconds, for each thing that is wrong with the CRL and waived; no series when nothing is.
        CRL_FINDING_WAIVED: gauge<CrlFinding> = "x509_crl_finding_waived";
        /// When the status in the OCSP response of a file was known to be right, in Unix seconds (RFC 6960 section 4.2.2.1); of several
        /// responses the oldest.
        OCSP_THIS_UPDATE: gauge<Target> = "x509_ocsp_this_update";
        /// When newer status is available at the latest, in Unix seconds (RFC 6960 section 4.2.2.1); of several responses in the file the
        /// earliest, absent when none says.
        OCSP_NEXT_UPDATE: gauge<Target> = "x509_ocsp_next_update";
        /// Whether the source could be listed (1) or not (0); absent until its first scan has ended.
        SOURCE_UP: gauge<Source> = "x509_source_up";
        /// Places of the source that give at least one certificate, CRL or OCSP response.
        SOURCE_BUNDLES: gauge<Source> = "x509_source_bundles";
        /// Places of the source with a leaf certificate whose owner no label names.
        SOURCE_UNOWNED: gauge<Source> = "x509_source_unowned";
        /// When the scan ended, well or not, in Unix seconds.
        SOURCE_LAST_SCAN: gauge<Source> = "x509_source_last_scan_timestamp_seconds";
    }
    Snapshot {
        /// Always 1, for each thing that is wrong with the OCSP responder, while it is; no series when nothing is.
        RESPONDER_FINDING: gauge<ResponderFinding> = "x509_responder_finding";
        /// When the certificate that the OCSP responder signs with ends, in Unix seconds, the earliest of several; absent when the issuer signs
        /// itself.
        RESPONDER_CERT_NOT_AFTER: gauge<Responder> = "x509_responder_cert_not_after";
        /// When the oldest of the OCSP responder's current answers was known to be right, in Unix seconds; absent without answers.
        OCSP_OLDEST_THIS_UPDATE: gauge<Responder> = "x509_ocsp_oldest_this_update";
        /// How many different watched leaf certificates hang on the CA certificate: issued by its key, or by a CA below it. One series for each CA
        /// certificate, in however many places it is.
        CERT_DEPENDANTS: gauge<Authority> = "x509_cert_dependants";
        /// How many of the leaf certificates that hang on the CA certificate have no other path that outlasts it.
        CERT_STRANDED: gauge<Authority> = "x509_cert_stranded_dependants";
        /// In how many places of all sources the CA certificate is.
        CERT_PLACES: gauge<Authority> = "x509_cert_places";
        /// When the last scan that could list the source ended, in Unix seconds.
        SOURCE_LAST_SUCCESS: gauge<Source> = "x509_source_last_success_timestamp_seconds";
        /// When the next scan of the source is due, in Unix seconds.
        SOURCE_NEXT_SCAN: gauge<Source> = "x509_source_next_scan_timestamp_seconds";
    }
    Scan {
        /// Whether the TLS handshake with the target, and the HTTP request where one is configured, ended well (1) or not (0), whatever the
        /// verdict on its certificates.
        PROBE_SUCCESS: gauge<Target> = "tls_probe_success";
        /// Always 1, while the target fails: how far the probe came and why no further.
        PROBE_FAILURE: gauge<TargetFailure> = "tls_probe_failure_info";
        /// Always 1, for each thing that is wrong with the endpoint itself, while it is; no series when nothing is.
        TARGET_FINDING: gauge<TargetFinding> = "tls_target_finding";
        /// When the waiver ends, in Unix seconds, for each thing that is wrong with the endpoint itself and waived; no series when nothing is.
        TARGET_FINDING_WAIVED: gauge<TargetFinding> = "tls_target_finding_waived";
    }
    Snapshot {
        /// Handshakes tried with the target, by result: ok or error.
        HANDSHAKES: counter<TargetResult> = "tls_handshakes_total";
        /// Handshakes with the target that failed, by how far they came and why no further.
        HANDSHAKE_ERRORS: counter<TargetFailure> = "tls_handshake_errors_total";
    }
    Scan {
        /// Always 1; what the last handshake that came so far agreed on stands in the labels. method="raw": the handshake failed, and this is what the server would have chosen in a hello up to TLS 1.2.
        TLS_VERSION: gauge<TlsVersion> = "tls_version_info";
        /// Whether the server asked for a client certificate (1) or not (0); absent while unknown.
        CLIENT_CERTIFICATE_REQUESTED: gauge<Target> = "tls_client_certificate_requested";
        /// Whether the server stapled an OCSP response (1) or not (0); absent while unknown.
        OCSP_STAPLED: gauge<Target> = "tls_ocsp_stapled";
        /// The endpoint's clock minus ours, in whole seconds, from the Date of its HTTP answer, else from a stapled OCSP response that was produced in our future; 0 within a second, absent where it shows none.
        CLOCK_SKEW: gauge<Target> = "tls_clock_skew_seconds";
    }
    Registry {
        /// Things that could not be read since the start, by reason. Each scan counts again what still cannot be read.
        SOURCE_ERRORS: counter<SourceReason> = "x509_source_errors_total";
        /// How long scans of the source took, in seconds.
        SOURCE_SCAN_DURATION: histogram<SourceEvents> = "x509_source_scan_duration_seconds";
        /// At each renewal of a leaf certificate that was seen: the part of its lifetime that was left, below 0 when it had expired.
        RENEWAL_MARGIN: histogram<SourceEvents> = "x509_renewal_margin_ratio";
        /// Certificates and CRLs that only the label discriminator tells apart from another of the same place.
        CERT_COLLISIONS: counter<SourceEvents> = "x509_cert_collision_total";
        /// PKCS#12 stores that no passphrase opened, counted at every look.
        PKCS12_PASSPHRASE_FAILURES: counter<SourceEvents> = "x509_pkcs12_passphrase_failures_total";
        /// Java keystores that no passphrase fits, counted at every look.
        JKS_PASSPHRASE_FAILURES: counter<SourceEvents> = "x509_jks_passphrase_failures_total";
        /// How long TLS handshakes that ended well took, in seconds, without name resolution and connecting.
        HANDSHAKE_DURATION: histogram<SourceEvents> = "tls_handshake_duration_seconds";
        /// What was fetched for revocation (crl, ocsp or issuer), by outcome: ok, not_modified, or error with its reason.
        REVOCATION_FETCHES: counter<Fetch> = "x509_revocation_fetches_total";
        /// Lists that began anew because the Kubernetes API server had forgotten where the watch was.
        KUBE_RESYNCS: counter<KubeResource> = "x509_kube_watch_resyncs_total";
        /// Requests to the Kubernetes API server that failed and watches that broke off, by reason.
        KUBE_ERRORS: counter<KubeError> = "x509_kube_transport_errors_total";
        /// Scans that were due while another of the same source still ran.
        SCANS_SKIPPED: counter<SourceEvents> = "notafter_scans_skipped_total";
        /// Series that were left out because the source reached its max_series.
        SERIES_DROPPED: counter<SourceEvents> = "notafter_series_dropped_total";
        /// Always 1; which build this is stands in the labels.
        BUILD_INFO: gauge<Build> = "notafter_build_info";
        /// Whether the configuration was loaded (1) when it was last tried, or refused (0).
        RELOAD_SUCCESSFUL: gauge<Unlabelled> = "notafter_config_last_reload_successful";
        /// When the configuration was last loaded, in Unix seconds.
        RELOAD_SUCCESS_AT: gauge<Unlabelled> = "notafter_config_last_reload_success_timestamp_seconds";
        /// Whether the web configuration and the files that it names were taken (1) when they last changed, or refused (0); absent without one.
        WEB_RELOAD_SUCCESSFUL: gauge<Unlabelled> = "notafter_web_config_last_reload_successful";
        /// Connections and requests that the program's own server turned away, by reason.
        HTTP_REFUSED: counter<RefusedRequests> = "notafter_http_refused_total";
    }
    Process {
        /// Total user and system CPU time spent in seconds.
        PROCESS_CPU: counter<Unlabelled> = "process_cpu_seconds_total";
        /// Maximum number of open file descriptors.
        PROCESS_MAX_FDS: gauge<Unlabelled> = "process_max_fds";
        /// Number of open file descriptors.
        PROCESS_OPEN_FDS: gauge<Unlabelled> = "process_open_fds";
        /// Resident memory size in bytes.
        PROCESS_RESIDENT: gauge<Unlabelled> = "process_resident_memory_bytes";
        /// Start time of the process since unix epoch in seconds.
        PROCESS_START: gauge<Unlabelled> = "process_start_time_seconds";
        /// Number of OS threads in the process.
        PROCESS_THREADS: gauge<Unlabelled> = "process_threads";
        /// Virtual memory size in bytes.
        PROCESS_VIRTUAL: gauge<Unlabelled> = "process_virtual_memory_bytes";
    }
    Probe {
        /// Whether the handshake ended well and the server's certificate is to be trusted now, for this name and use (1), or not (0).
        SUCCESS: gauge<Unlabelled> = "probe_success";
        /// How long the probe took, in seconds.
        DURATION: gauge<Unlabelled> = "probe_duration_seconds";
        /// How long the name took to resolve, in seconds; 0 where there was none to resolve.
        DNS_LOOKUP: gauge<Unlabelled> = "probe_dns_lookup_time_seconds";
        /// The IP version of the address that was connected to, 4 or 6; absent when none accepted.
        IP_PROTOCOL: gauge<Unlabelled> = "probe_ip_protocol";
        /// The earliest end of all certificates that the server sent, in Unix seconds; absent when it sent none.
        EARLIEST_EXPIRY: gauge<Unlabelled> = "probe_ssl_earliest_cert_expiry";
        /// Until when the server's certificate verifies, in Unix seconds: the earliest end in a path to a trust anchor, of several
        /// paths the latest; absent when there is none now.
        CHAIN_EXPIRY: gauge<Unlabelled> = "probe_ssl_last_chain_expiry_timestamp_seconds";
        /// Always 1; the server's own certificate stands in the labels.
        CHAIN_INFO: gauge<ProbeChain> = "probe_ssl_last_chain_info";
        /// Always 1; the version agreed on stands in the label.
        PROBE_VERSION: gauge<ProbeVersion> = "probe_tls_version_info";
        /// Always 1; the cipher suite agreed on stands in the label.
        PROBE_CIPHER: gauge<ProbeCipher> = "probe_tls_cipher_info";
    }
}
