//! Closed vocabularies: enums whose `as_str` is a label value. No error text ever becomes a label.

/// Declares an enum with `ALL`, `as_str`, `Display`, `FromStr` and serde by its spelling.
macro_rules! closed {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The spelling that stands in labels, logs and configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use closed;

closed! {
    /// How far an observation came before it failed.
    pub enum Stage {
        /// The source as a whole: listing it, or its deadline.
        Scan = "scan",
        /// Reading bytes: a file, a key of an object.
        Read = "read",
        /// Making facts of bytes.
        Parse = "parse",
        /// What an object says of itself (a Certificate that is not ready, a request that was denied).
        Status = "status",
        /// Resolving a name.
        Dns = "dns",
        /// Opening the TCP connection.
        Connect = "connect",
        /// Through a proxy.
        Proxy = "proxy",
        /// The protocol's own upgrade to TLS.
        Starttls = "starttls",
        /// The TLS handshake.
        Handshake = "handshake",
        /// The server's judgement of our client certificate.
        ClientAuth = "client_auth",
        /// The server's proof that it holds the key of its certificate (never the chain's verdict).
        Verify = "verify",
        /// The answer to the HTTP request.
        Http = "http",
    }
}

closed! {
    /// What a certificate is in its place: RFC 5280 section 4.2.1.9 decides between leaf and CA, self-issue between CA and root.
    pub enum CertRole {
        /// An end-entity certificate.
        Leaf = "leaf",
        /// A CA certificate issued by another name.
        Intermediate = "intermediate",
        /// A CA certificate issued by its own name.
        Root = "root",
    }
}

closed! {
    /// Whose further families `[metrics] compatibility` asks for.
    pub enum Compatibility {
        /// enix/x509-certificate-exporter
        Enix = "enix",
    }
}

closed! {
    /// How a server was made to show its certificates.
    #[derive(Default)]
    pub enum Method {
        /// A TLS handshake.
        #[default]
        Rustls = "rustls",
        /// A hand-made hello up to TLS 1.2 that reads what comes in clear, after the handshake had failed.
        Raw = "raw",
    }
}

closed! {
    /// What is fetched for revocation.
    pub enum FetchKind {
        /// A CRL.
        Crl = "crl",
        /// An OCSP answer.
        Ocsp = "ocsp",
        /// An issuer's certificate (caIssuers).
        Issuer = "issuer",
    }
}

closed! {
    /// What came of a fetch.
    pub enum FetchOutcome {
        /// It brought something usable.
        Ok = "ok",
        /// What is known is still current.
        NotModified = "not_modified",
        /// It brought nothing usable.
        Error = "error",
    }
}

closed! {
    /// Why the program's own server turned a connection or a request away.
    pub enum RefusedReason {
        /// The TLS handshake did not come to an end.
        Handshake = "handshake",
        /// The client showed no certificate, or none that is accepted.
        ClientCertificate = "client_certificate",
        /// No user, or not his password.
        Credentials = "credentials",
        /// More requests than the rate limit allows.
        RateLimit = "rate_limit",
        /// Too many passwords waited to be checked.
        Busy = "busy",
    }
}

closed! {
    /// Where in a kubeconfig a certificate stands.
    pub enum EmbeddedKind {
        /// `clusters[].cluster.certificate-authority…`
        Cluster = "cluster",
        /// `users[].user.client-certificate…`
        User = "user",
    }
}

closed! {
    /// What a Kubernetes object with a CA bundle is, by the API's own word.
    pub enum BundleKind {
        /// admissionregistration.k8s.io
        MutatingWebhook = "MutatingWebhookConfiguration",
        /// admissionregistration.k8s.io
        ValidatingWebhook = "ValidatingWebhookConfiguration",
        /// apiregistration.k8s.io
        ApiService = "APIService",
        /// apiextensions.k8s.io
        Crd = "CustomResourceDefinition",
    }
}

closed! {
    /// What a file is to the server whose configuration names it: `kind` of `x509_cert_used_by`.
    pub enum UseKind {
        /// `ssl_certificate`
        NginxCertificate = "nginx_certificate",
        /// `ssl_client_certificate`
        NginxClientCa = "nginx_client_ca",
        /// `ssl_trusted_certificate`
        NginxTrustedCa = "nginx_trusted_ca",
        /// `ssl_crl`
        NginxCrl = "nginx_crl",
        /// `ssl_stapling_file`
        NginxStaple = "nginx_staple",
        /// `proxy_ssl_certificate` and the like
        NginxUpstreamCertificate = "nginx_upstream_certificate",
        /// `proxy_ssl_trusted_certificate` and the like
        NginxUpstreamCa = "nginx_upstream_ca",
        /// `proxy_ssl_crl` and the like
        NginxUpstreamCrl = "nginx_upstream_crl",
        /// `certificate_chain` of a listener
        EnvoyCertificate = "envoy_certificate",
        /// `trusted_ca` of a listener
        EnvoyClientCa = "envoy_client_ca",
        /// `crl` of a listener
        EnvoyCrl = "envoy_crl",
        /// `ocsp_staple` of a listener
        EnvoyStaple = "envoy_staple",
        /// `certificate_chain` of a cluster
        EnvoyUpstreamCertificate = "envoy_upstream_certificate",
        /// `trusted_ca` of a cluster
        EnvoyUpstreamCa = "envoy_upstream_ca",
        /// `crl` of a cluster
        EnvoyUpstreamCrl = "envoy_upstream_crl",
    }
}

closed! {
    /// What is listed and watched at a Kubernetes API server.
    pub enum KubeResource {
        /// Secrets.
        Secrets = "secrets",
        /// ConfigMaps.
        Configmaps = "configmaps",
        /// MutatingWebhookConfigurations.
        MutatingWebhooks = "mutatingwebhookconfigurations",
        /// ValidatingWebhookConfigurations.
        ValidatingWebhooks = "validatingwebhookconfigurations",
        /// APIServices.
        ApiServices = "apiservices",
        /// CustomResourceDefinitions.
        Crds = "customresourcedefinitions",
        /// CertificateSigningRequests.
        Csrs = "certificatesigningrequests",
        /// Certificates of cert-manager.
        Certificates = "certificates",
        /// CertificateRequests of cert-manager.
        CertificateRequests = "certificaterequests",
        /// Ingresses.
        Ingresses = "ingresses",
        /// Gateways of the Gateway API.
        Gateways = "gateways",
        /// Gateways of Istio.
        IstioGateways = "istio_gateways",
        /// Namespaces.
        Namespaces = "namespaces",
        /// Services; only for targets of a `tls` source.
        Services = "services",
        /// Pods.
        Pods = "pods",
    }
}

closed! {
    /// Why something failed. The closest peer's spellings where it has one; TLS alerts by their IANA names.
    pub enum Reason {
        /// A PEM block that is not base64, or is cut off.
        BadPem = "bad_pem",
        /// DER that is not an X.509 certificate.
        BadDer = "bad_der",
        /// A CRL that cannot be read.
        BadCrl = "bad_crl",
        /// A Java keystore that cannot be read.
        BadJks = "bad_jks",
        /// A PKCS#7 bundle that cannot be read.
        BadPkcs7 = "bad_pkcs7",
        /// A PKCS#12 store that cannot be read.
        BadPkcs12 = "bad_pkcs12",
        /// No passphrase given opens the keystore.
        BadPassphrase = "bad_passphrase",
        /// Nothing in it is a certificate, a CRL, or a known thing that is neither.
        NoCertificateFound = "no_certificate_found",
        /// Larger than the limit.
        TooLarge = "too_large",
        /// The operating system failed to read it.
        ReadFailed = "read_failed",
        /// The operating system, or the API server, forbids reading it.
        PermissionDenied = "permission_denied",
        /// Configured literally, and not there.
        NotFound = "not_found",
        /// A symbolic link that leads nowhere, or round in a circle.
        BrokenSymlink = "broken_symlink",
        /// A folder that could not be listed.
        WalkError = "walk_error",
        /// A document around certificates (kubeconfig, configuration of nginx or Envoy) that cannot be read, or leads to no file.
        DecodeFailed = "decode_failed",
        /// The API server answered with an error.
        ApiError = "api_error",
        /// The API server does not know who asks: the token or client certificate is wrong or has ended.
        Unauthorized = "unauthorized",
        /// The API server asks for fewer requests.
        RateLimited = "rate_limited",
        /// cert-manager says that its Certificate is not ready.
        CertificateNotReady = "certificate_not_ready",
        /// A CertificateSigningRequest was denied.
        RequestDenied = "request_denied",
        /// The signer could not sign a CertificateSigningRequest.
        RequestFailed = "request_failed",
        /// The scan ran past its deadline.
        DeadlineExceeded = "deadline_exceeded",
        /// A defect of this program, caught.
        Panicked = "panicked",
        /// Trust anchors of the configuration could not be loaded.
        RootsUnreadable = "roots_unreadable",
        /// The server of a document of targets showed a certificate that the trust anchors do not vouch for.
        ServerUntrusted = "server_untrusted",
        /// The name does not exist or has no address.
        DnsNotFound = "dns_not_found",
        /// The resolver failed.
        DnsFailed = "dns_failed",
        /// Nothing listens there.
        Refused = "refused",
        /// The peer, or something between, reset the connection.
        Reset = "reset",
        /// No route to the host or network.
        Unreachable = "unreachable",
        /// The stage did not end in time.
        Timeout = "timeout",
        /// The peer closed the connection.
        Closed = "closed",
        /// The peer speaks something that is not TLS.
        NotTls = "not_tls",
        /// The peer broke the TLS protocol.
        ProtocolError = "protocol_error",
        /// No TLS version, suite, group or scheme in common.
        Incompatible = "incompatible",
        /// The server finished without showing a certificate.
        NoServerCertificate = "no_server_certificate",
        /// The server does not hold the key of the certificate that it shows.
        BadSignature = "bad_signature",
        /// This machine could not open a socket (descriptors, ports).
        LocalResources = "local_resources",
        /// Any other error of the operating system.
        IoError = "io_error",
        /// TLS alert 0.
        CloseNotify = "close_notify",
        /// TLS alert 10.
        UnexpectedMessage = "unexpected_message",
        /// TLS alert 20.
        BadRecordMac = "bad_record_mac",
        /// TLS alert 21.
        DecryptionFailed = "decryption_failed",
        /// TLS alert 22.
        RecordOverflow = "record_overflow",
        /// TLS alert 30.
        DecompressionFailure = "decompression_failure",
        /// TLS alert 40.
        HandshakeFailure = "handshake_failure",
        /// TLS alert 41.
        NoCertificate = "no_certificate",
        /// TLS alert 42.
        BadCertificate = "bad_certificate",
        /// TLS alert 43.
        UnsupportedCertificate = "unsupported_certificate",
        /// TLS alert 44.
        CertificateRevoked = "certificate_revoked",
        /// TLS alert 45.
        CertificateExpired = "certificate_expired",
        /// TLS alert 46.
        CertificateUnknown = "certificate_unknown",
        /// TLS alert 47.
        IllegalParameter = "illegal_parameter",
        /// TLS alert 48.
        UnknownCa = "unknown_ca",
        /// TLS alert 49.
        AccessDenied = "access_denied",
        /// TLS alert 50.
        DecodeError = "decode_error",
        /// TLS alert 51.
        DecryptError = "decrypt_error",
        /// TLS alert 60.
        ExportRestriction = "export_restriction",
        /// TLS alert 70.
        ProtocolVersion = "protocol_version",
        /// TLS alert 71.
        InsufficientSecurity = "insufficient_security",
        /// TLS alert 80.
        InternalError = "internal_error",
        /// TLS alert 86.
        InappropriateFallback = "inappropriate_fallback",
        /// TLS alert 90.
        UserCanceled = "user_canceled",
        /// TLS alert 100.
        NoRenegotiation = "no_renegotiation",
        /// TLS alert 109.
        MissingExtension = "missing_extension",
        /// TLS alert 110.
        UnsupportedExtension = "unsupported_extension",
        /// TLS alert 111.
        CertificateUnobtainable = "certificate_unobtainable",
        /// TLS alert 112.
        UnrecognizedName = "unrecognized_name",
        /// TLS alert 113.
        BadCertificateStatusResponse = "bad_certificate_status_response",
        /// TLS alert 114.
        BadCertificateHashValue = "bad_certificate_hash_value",
        /// TLS alert 115.
        UnknownPskIdentity = "unknown_psk_identity",
        /// TLS alert 116.
        CertificateRequired = "certificate_required",
        /// TLS alert 120.
        NoApplicationProtocol = "no_application_protocol",
        /// TLS alert 121.
        EchRequired = "ech_required",
        /// An alert that IANA does not name.
        UnknownAlert = "unknown_alert",
        /// The server does not offer TLS in its protocol, or says no.
        StarttlsRefused = "starttls_refused",
        /// The server does not speak the protocol that the target's scheme names.
        StarttlsProtocolError = "starttls_protocol_error",
        /// Bytes came in clear behind the answer that TLS was to follow: someone injects them, or the server is broken.
        StarttlsInjection = "starttls_injection",
        /// The proxy does not connect to the target.
        ProxyRefused = "proxy_refused",
        /// The proxy wants a user and password, or others than it got.
        ProxyAuthFailed = "proxy_auth_failed",
        /// The proxy does not speak the protocol that its URL names.
        ProxyProtocolError = "proxy_protocol_error",
        /// Our client certificate or its key cannot be read, or they do not belong together: no handshake was tried.
        ClientCertificateUnusable = "client_certificate_unusable",
        /// The HTTP answer says that no client certificate came (nginx: 400 with these words, or 496).
        HttpNoClientCertificate = "http_no_client_certificate",
        /// The HTTP answer says that the client certificate was not accepted (nginx: 400 with these words, or 495).
        HttpClientCertificateError = "http_client_certificate_error",
        /// HTTP 400 without a word about certificates.
        HttpBadRequest = "http_bad_request",
        /// HTTP 401.
        HttpUnauthorized = "http_unauthorized",
        /// HTTP 403.
        HttpForbidden = "http_forbidden",
        /// HTTP 404 or 410.
        HttpNotFound = "http_not_found",
        /// HTTP 421: this server name is not served on this connection.
        HttpMisdirected = "http_misdirected",
        /// Any other HTTP status from 400 to 499.
        HttpClientError = "http_client_error",
        /// An HTTP status from 500 to 599.
        HttpServerError = "http_server_error",
        /// The answer is no HTTP/1.1.
        HttpProtocolError = "http_protocol_error",
    }
}

impl Reason {
    /// The reasons of `x509_source_errors_total`: they are about reading and parsing, and exist at 0 from the start.
    pub const OF_SOURCES: &'static [Self] = &[
        Self::BadPem,
        Self::BadDer,
        Self::BadCrl,
        Self::BadJks,
        Self::BadPkcs7,
        Self::BadPkcs12,
        Self::BadPassphrase,
        Self::NoCertificateFound,
        Self::TooLarge,
        Self::ReadFailed,
        Self::PermissionDenied,
        Self::NotFound,
        Self::BrokenSymlink,
        Self::WalkError,
        Self::DecodeFailed,
        Self::ApiError,
        Self::Unauthorized,
        Self::RateLimited,
        Self::DeadlineExceeded,
        Self::Panicked,
        Self::RootsUnreadable,
        Self::ServerUntrusted,
        Self::ClientCertificateUnusable,
    ];
}
