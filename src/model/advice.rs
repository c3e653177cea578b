//! What each reason and finding usually means, how to see it with other tools, and what helps. `docs/runbooks/reasons.md` is made of it.

use super::{Finding, Reason, RevocationReason, Stage};

/// What is usually behind it. `HOST:PORT` and `NAME` stand for the endpoint and its server name, `FILE` for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Why it usually happens.
    pub cause: &'static str,
    /// How to confirm it.
    pub confirm: &'static str,
    /// What helps.
    pub fix: &'static str,
}

const fn advice(cause: &'static str, confirm: &'static str, fix: &'static str) -> Advice {
    Advice { cause, confirm, fix }
}

const S_CLIENT: &str = "openssl s_client -connect HOST:PORT -servername NAME </dev/null";
const WITH_STATE: &str = "openssl s_client -connect HOST:PORT -servername NAME -state -msg </dev/null";
const WITH_CERTIFICATE: &str = "openssl s_client -connect HOST:PORT -servername NAME -cert client.pem -key client.key </dev/null";
const SHOW_CHAIN: &str = "openssl s_client -connect HOST:PORT -servername NAME -showcerts </dev/null";
const SHOW_LEAF: &str = "openssl s_client -connect HOST:PORT -servername NAME </dev/null | openssl x509 -noout -text";
const SHOW_FILE: &str = "openssl x509 -in FILE -noout -text";
const LIST_FILE: &str = "ls -l FILE; namei -l FILE";
const SERVER_LOG: &str = "Read the server's log of that moment: the alert does not say more.";

/// Stages whose failure means the same whatever the reason, and reasons that mean something else at that stage.
pub fn of_failure(stage: Stage, reason: Reason) -> Advice {
    match (stage, reason) {
        (Stage::ClientAuth, reason) => of_client(reason).unwrap_or_else(|| of_reason(reason)),
        (Stage::Proxy, Reason::Refused | Reason::Timeout | Reason::Closed) => advice(
            "The proxy itself is not there or does not let this connection through.",
            "curl -v --proxy PROXY https://HOST:PORT/",
            "Check the proxy's address and its rules for this destination.",
        ),
        (_, reason) => of_reason(reason),
    }
}

/// Alerts that judge our client certificate, or our having none.
fn of_client(reason: Reason) -> Option<Advice> {
    Some(match reason {
        Reason::HandshakeFailure | Reason::CertificateRequired | Reason::NoCertificate => advice(
            "The server requires a client certificate and got none that it takes: none is configured, or (up to TLS 1.2, where one alert stands for both) it was issued by a CA that the server does not trust.",
            WITH_CERTIFICATE,
            "Configure client_certificate = { cert = …, key = … } of a CA that the server trusts; compare its issuer with the acceptable CA names that s_client prints.",
        ),
        Reason::UnknownCa => advice(
            "The server does not know the CA that issued the client certificate, or an intermediate is missing between them.",
            "openssl verify -CAfile SERVER-TRUSTED-CA.pem -untrusted intermediates.pem client.pem",
            "Put the issuing CA into the server's trust store (nginx: ssl_client_certificate), or send the intermediates behind the client certificate; mind the server's verify depth.",
        ),
        Reason::CertificateExpired => advice(
            "The client certificate has expired, or the server's clock is wrong.",
            "openssl x509 -in client.pem -noout -dates; date -u",
            "Renew the client certificate, or set the clock of the server.",
        ),
        Reason::CertificateRevoked => advice(
            "The CA has revoked the client certificate and the server checks that (nginx: ssl_crl).",
            "openssl crl -in crl.pem -noout -text | grep -i SERIAL",
            "Issue a new client certificate with a new key; find out why the old one was revoked.",
        ),
        Reason::BadCertificate | Reason::CertificateUnknown | Reason::UnsupportedCertificate => advice(
            "The server refuses the client certificate itself: no clientAuth among its extended key usages, a key or signature that the server does not take, or damage.",
            "openssl x509 -in client.pem -noout -ext extendedKeyUsage,keyUsage",
            "Issue the client certificate with extended key usage clientAuth and an algorithm that the server accepts.",
        ),
        Reason::AccessDenied => advice(
            "The client certificate is fine, but its identity may not enter.",
            WITH_CERTIFICATE,
            "Allow this subject or SPIFFE ID in the server's policy, or use another client certificate.",
        ),
        _ => return None,
    })
}

/// What a reason usually means.
#[rustfmt::skip]
pub fn of_reason(reason: Reason) -> Advice {
    match reason {
        Reason::BadPem => advice("A PEM block is cut off or is not base64.", "openssl x509 -in FILE -noout", "Write the file again, whole; write beside it and rename."),
        Reason::BadDer => advice("The bytes are not an X.509 certificate.", SHOW_FILE, "Replace the certificate; check what wrote it."),
        Reason::BadCrl => advice("The CRL is cut off or is none.", "openssl crl -in FILE -noout -text", "Fetch the CRL again and replace the file as a whole."),
        Reason::BadJks => advice("The Java keystore is damaged.", "keytool -list -keystore FILE", "Export the keystore again."),
        Reason::BadPkcs7 => advice("The PKCS#7 bundle is damaged.", "openssl pkcs7 -in FILE -print_certs", "Export the bundle again."),
        Reason::BadPkcs12 => advice("The PKCS#12 store is damaged.", "openssl pkcs12 -in FILE -info -nokeys", "Export the store again."),
        Reason::BadPassphrase => advice("No configured passphrase opens the keystore.", "openssl pkcs12 -in FILE -info -nokeys (or keytool -list)", "Set passphrase_file of the source to the right one."),
        Reason::NoCertificateFound => advice("The file holds no certificate.", SHOW_FILE, "Name the right file, or exclude this one."),
        Reason::TooLarge => advice("It is larger than the limit: not what it is taken for, or a hostile peer.", "ls -l FILE, or for an endpoint: openssl s_client -connect HOST:PORT -msg </dev/null", "Raise max_size of the source when it is meant to be so large; otherwise look at who answers there."),
        Reason::ReadFailed => advice("The operating system failed to read it.", "dd if=FILE of=/dev/null; dmesg | tail", "Repair the disk or the mount."),
        Reason::PermissionDenied => advice("The user that runs notafter may not read or connect there.", LIST_FILE, "Give the group read access; only certificates are needed, no keys. For a connection: check the firewall of this machine."),
        Reason::NotFound => advice("It is configured, and is not there.", LIST_FILE, "Correct the path, or find out who removed the file."),
        Reason::BrokenSymlink => advice("A symbolic link leads nowhere or in a circle.", LIST_FILE, "Repair the link."),
        Reason::WalkError => advice("A folder could not be listed.", LIST_FILE, "Give read and search access to the folder."),
        Reason::DecodeFailed => advice("A document around certificates or targets (kubeconfig, targets file, configuration of nginx or Envoy) cannot be read, or names certificates in a way that leads to no file (variables).", "kubectl config view --kubeconfig FILE, or: python3 -m json.tool FILE, or: nginx -t -c FILE", "Correct the document; the log names the place."),
        Reason::ApiError => advice("The Kubernetes API server answered with an error; the detail has its words.", "kubectl get --raw /readyz?verbose", "Look into the API server's log; what is known is kept until it answers again."),
        Reason::Unauthorized => advice("The API server does not know who asks: the token or client certificate is wrong or has ended.", "kubectl auth whoami", "Mount a service account token, or renew the credentials of the kubeconfig."),
        Reason::RateLimited => advice("The API server asks for fewer requests (429).", "kubectl get --raw /metrics | grep apiserver_flowcontrol_rejected", "Lower requests_per_second, or give the service account a priority level of its own."),
        Reason::CertificateNotReady => advice("cert-manager says that the Certificate is not ready.", "kubectl describe certificate NAME; cmctl status certificate NAME", "Look at its newest CertificateRequest and at the issuer: the message says what is missing."),
        Reason::RequestDenied => advice("An approver denied the CertificateSigningRequest.", "kubectl describe csr NAME", "Ask the approver why; delete the request and make a correct one."),
        Reason::RequestFailed => advice("The signer could not sign the CertificateSigningRequest.", "kubectl describe csr NAME", "Correct what the condition's message names, then request again."),
        Reason::DeadlineExceeded => advice("The scan as a whole took longer than its deadline.", "Compare x509_source_scan_duration_seconds with the deadline.", "Raise deadline or concurrency of the source, or split it."),
        Reason::Panicked => advice("A defect of notafter, caught.", "The log has the place.", "Report it, with the certificate if you may."),
        Reason::RootsUnreadable => advice("The trust anchors of the source cannot be read: nothing is said about trust.", "openssl x509 -in FILE -noout; ls /etc/ssl/certs", "Correct roots of the source, or install the package ca-certificates."),
        Reason::ServerUntrusted => advice("The certificate of the server that http_sd asks is not trusted by the roots of the source; the detail says why. Its last good targets are kept.", "curl -v --cacert ca.pem URL", "Name the CA of that server in roots beside the others, or renew its certificate."),
        Reason::DnsNotFound => advice("The name does not exist or has no address.", "getent ahosts NAME; dig NAME", "Correct the target, or the zone."),
        Reason::DnsFailed => advice("The resolver gave no answer.", "dig NAME; cat /etc/resolv.conf", "Repair the resolver of this machine."),
        Reason::Refused => advice("The host is there and nothing listens on the port.", "curl -v telnet://HOST:PORT", "Start the server, or correct the port; a firewall may answer in its place."),
        Reason::Reset => advice("The peer, or a device on the way, cut the connection.", S_CLIENT, "Look into the server's log; in its absence, into that of firewalls and load balancers. Some cut off server names they do not know."),
        Reason::Unreachable => advice("There is no route to the host.", "ip route get HOST; ping HOST", "Repair the route, or choose the address family that works."),
        Reason::Timeout => advice("No answer in time: packets are dropped by a firewall, or the server hangs.", "curl -v --max-time 10 https://HOST:PORT/", "At connect: check firewalls. At the handshake: the server is overloaded or waits for a STARTTLS dialogue; name the protocol in the target."),
        Reason::Closed => advice("The peer closed the connection without a word.", WITH_STATE, "Look into the server's log; often a load balancer without a healthy backend, or a server name that it does not know."),
        Reason::NotTls => advice("The port speaks something that is not TLS.", "curl -v http://HOST:PORT/; nc HOST PORT", "Correct the port, or name the protocol that upgrades to TLS in the target (smtp://, imap:// …)."),
        Reason::ProtocolError => advice("The peer broke the rules of TLS.", WITH_STATE, "Update the server; look for a middlebox that rewrites TLS."),
        Reason::Incompatible => advice("Client and server have no version, suite, group or scheme in common: most often a server that stops at TLS 1.1.", "openssl s_client -connect HOST:PORT -servername NAME -tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null", "Enable TLS 1.2 or 1.3 with ECDHE on the server."),
        Reason::NoServerCertificate => advice("The server ended the handshake without a certificate.", SHOW_CHAIN, "Configure a certificate for this name; anonymous suites protect nothing."),
        Reason::BadSignature => advice("The server does not hold the key of the certificate that it shows, or a device in between pretends to be it.", S_CLIENT, "Install certificate and key together, and reload the server. Compare the public keys: openssl x509 -in cert.pem -noout -pubkey; openssl pkey -in key.pem -pubout."),
        Reason::LocalResources => advice("This machine ran out of descriptors, ports or memory.", "ulimit -n; ss -s", "Raise LimitNOFILE; lower concurrency of the source."),
        Reason::IoError => advice("The operating system failed in a way that has no name here.", S_CLIENT, "The detail in the log and in /api/v1/targets has the error."),
        Reason::CloseNotify => advice("The server ended the session in the middle of the handshake.", WITH_STATE, SERVER_LOG),
        Reason::UnexpectedMessage => advice("The server did not expect what it got: often a middlebox, or no TLS server behind a TCP balancer.", WITH_STATE, SERVER_LOG),
        Reason::BadRecordMac => advice("A record arrived damaged, or the keys differ.", WITH_STATE, "Look for a middlebox or faulty offloading; update the server."),
        Reason::DecryptionFailed => advice("The server could not decrypt.", WITH_STATE, "Update the server: this alert is forbidden since TLS 1.1."),
        Reason::RecordOverflow => advice("The server took a record for too long.", WITH_STATE, SERVER_LOG),
        Reason::DecompressionFailure => advice("The server could not decompress a message.", WITH_STATE, "Turn TLS compression off on the server."),
        Reason::HandshakeFailure => advice("No suite or parameters in common; or a client certificate is required and was not sent (sslv3 alert handshake failure).", WITH_STATE, "If s_client lists acceptable client certificate CA names, configure client_certificate. Otherwise enable ECDHE suites and a certificate that fits them."),
        Reason::NoCertificate => advice("The server misses a certificate (SSL 3.0's word).", WITH_CERTIFICATE, "Configure client_certificate; update the server."),
        Reason::BadCertificate => advice("The server takes a certificate for damaged.", WITH_CERTIFICATE, "Issue the client certificate again; check that its key belongs to it."),
        Reason::UnsupportedCertificate => advice("The server does not take this kind of certificate.", WITH_CERTIFICATE, "Issue one with clientAuth and an algorithm that the server accepts."),
        Reason::CertificateRevoked => advice("The server says that a certificate was revoked.", WITH_CERTIFICATE, "Issue a new certificate with a new key."),
        Reason::CertificateExpired => advice("The server says that a certificate has expired: ours, by its clock.", "openssl x509 -in client.pem -noout -dates; date -u", "Renew it, or set the clock."),
        Reason::CertificateUnknown => advice("The server refuses a certificate for a reason of its own.", WITH_CERTIFICATE, SERVER_LOG),
        Reason::IllegalParameter => advice("The server found a value out of range.", WITH_STATE, "Update the server; look for a middlebox."),
        Reason::UnknownCa => advice("The server does not know the CA of a certificate: the wrong CA is in its trust store, or an intermediate is missing.", "openssl verify -CAfile SERVER-TRUSTED-CA.pem client.pem", "Put the issuing CA into the server's trust store."),
        Reason::AccessDenied => advice("The certificate is fine and may not enter.", WITH_CERTIFICATE, "Allow the identity in the server's policy."),
        Reason::DecodeError => advice("The server could not read a message.", WITH_STATE, "Update the server: large hellos (post-quantum groups) break some old ones and middleboxes."),
        Reason::DecryptError => advice("A signature or a finished message did not verify at the server.", WITH_STATE, "Check that the client's key belongs to its certificate."),
        Reason::ExportRestriction => advice("The server speaks of export rules of the last century.", WITH_STATE, "Update the server."),
        Reason::ProtocolVersion => advice("The server does not speak TLS 1.2 or newer.", "openssl s_client -connect HOST:PORT -tls1_2 </dev/null; … -tls1_1 -cipher ALL:@SECLEVEL=0", "Enable TLS 1.2 and 1.3 on the server."),
        Reason::InsufficientSecurity => advice("The server wants stronger suites than were offered.", WITH_STATE, "Loosen the server's list to usual ECDHE suites with AES-GCM or ChaCha20."),
        Reason::InternalError => advice("The server failed for a reason of its own: often a certificate or key that it cannot read.", S_CLIENT, SERVER_LOG),
        Reason::InappropriateFallback => advice("The server takes the hello for a downgrade.", WITH_STATE, "Look for a middlebox that lowers versions."),
        Reason::UserCanceled => advice("The server called the handshake off.", WITH_STATE, SERVER_LOG),
        Reason::NoRenegotiation => advice("The server refuses to negotiate again.", WITH_STATE, SERVER_LOG),
        Reason::MissingExtension => advice("The server misses an extension, most often the server name.", S_CLIENT, "Set server_name of the target to the name that the server is known by."),
        Reason::UnsupportedExtension => advice("The server refuses an extension that it should have ignored.", WITH_STATE, "Update the server."),
        Reason::CertificateUnobtainable => advice("The server could not fetch a certificate by its URL.", WITH_STATE, SERVER_LOG),
        Reason::UnrecognizedName => advice("The server does not know this server name.", "openssl s_client -connect HOST:PORT -noservername </dev/null", "Set server_name of the target, or add the name to the server."),
        Reason::BadCertificateStatusResponse => advice("The server refuses an OCSP response.", WITH_STATE, SERVER_LOG),
        Reason::BadCertificateHashValue => advice("The hash of a fetched certificate differs.", WITH_STATE, SERVER_LOG),
        Reason::UnknownPskIdentity => advice("The server expects a pre-shared key.", WITH_STATE, "There is no certificate to watch on a server with pre-shared keys."),
        Reason::CertificateRequired => advice("The server requires a client certificate (TLS 1.3).", WITH_CERTIFICATE, "Configure client_certificate = { cert = …, key = … }."),
        Reason::NoApplicationProtocol => advice("Nothing of the offered application protocols is known to the server.", "openssl s_client -connect HOST:PORT -servername NAME -alpn h2,http/1.1 </dev/null", "Correct alpn of the source."),
        Reason::EchRequired => advice("The server insists on Encrypted Client Hello.", "curl -v --ech true https://HOST:PORT/", "Watch its certificate as a file: such a server cannot be probed."),
        Reason::StarttlsRefused => advice("The server does not offer TLS in its protocol, or refuses it now.", "openssl s_client -starttls PROTOCOL -connect HOST:PORT </dev/null", "Enable TLS in the server, or correct the port: some listen for TLS from the first byte (smtps://, imaps:// …)."),
        Reason::StarttlsProtocolError => advice("The server does not speak the protocol that the target's scheme names.", "nc HOST PORT", "Correct the scheme or the port of the target."),
        Reason::StarttlsInjection => advice("Bytes came in clear behind the answer that TLS was to follow: someone on the way injects them, or the server is broken.", "openssl s_client -starttls PROTOCOL -connect HOST:PORT -msg </dev/null", "Update the server; look for a middlebox on the way."),
        Reason::ProxyRefused => advice("The proxy does not connect to the target.", "curl -v --proxy PROXY https://HOST:PORT/", "Allow the destination in the proxy's rules."),
        Reason::ProxyAuthFailed => advice("The proxy wants a user and password, or others than it got.", "curl -v --proxy PROXY https://HOST:PORT/", "Put the right ones into proxy of the source; special characters are written %XX."),
        Reason::ProxyProtocolError => advice("The proxy does not speak the protocol that its URL names.", "curl -v --proxy PROXY https://HOST:PORT/", "Correct the scheme (http:// or socks5://) or the port of proxy."),
        Reason::ClientCertificateUnusable => advice("The source's client certificate or its key cannot be read, or they do not belong together; no handshake was tried.", "openssl x509 -in client.pem -noout -pubkey; openssl pkey -in client.key -pubout (both must print the same)", "Repair the pair, or the rights on it; it is read again at the next scan."),
        Reason::HttpNoClientCertificate => advice("The server requires a client certificate and none came (nginx: No required SSL certificate was sent).", "curl -v --cert client.pem --key client.key https://HOST:PORT/", "Configure client_certificate of the source; when there is one, the server names other CAs than its issuer (finding client_ca_not_accepted)."),
        Reason::HttpClientCertificateError => advice("The server does not accept the client certificate (nginx: The SSL certificate error): unknown CA, expired, revoked, or a chain deeper than its verify depth.", "openssl verify -CAfile SERVER-TRUSTED-CA.pem -crl_check -CRLfile crl.pem client.pem", "Look at x509_cert_not_after of the client certificate and at client_ca_not_accepted; then into the server's error log, which names the error's number."),
        Reason::HttpBadRequest => advice("The server answers 400 without a word about certificates.", "curl -v --cert client.pem --key client.key https://HOST:PORT/", "Correct path and method of http; some servers answer so to a server name they do not know."),
        Reason::HttpUnauthorized => advice("The handshake is fine; HTTP asks for other credentials (401).", "curl -v --cert client.pem --key client.key https://HOST:PORT/", "Choose a path in http that needs none, such as a health check."),
        Reason::HttpForbidden => advice("The certificate is accepted, its identity may not enter (403).", "curl -v --cert client.pem --key client.key https://HOST:PORT/; openssl x509 -in client.pem -noout -subject -ext subjectAltName", "Allow this subject or SPIFFE ID in the server's policy."),
        Reason::HttpNotFound => advice("The path of http is not there (404, 410).", "curl -v https://HOST:PORT/PATH", "Correct path of http."),
        Reason::HttpMisdirected => advice("This server name is not served on this connection (421).", S_CLIENT, "Correct server_name of the target, or the server's virtual hosts."),
        Reason::HttpClientError => advice("The server refuses the request with another status from 400 to 499.", "curl -v --cert client.pem --key client.key https://HOST:PORT/PATH", "Correct path and method of http; the detail in /api/v1/targets has the status."),
        Reason::HttpServerError => advice("The server fails (500 to 599).", "curl -v https://HOST:PORT/PATH", "Look into the server's log; TLS is fine."),
        Reason::HttpProtocolError => advice("What answers does not speak HTTP/1.1.", "curl -v --http1.1 https://HOST:PORT/", "Leave http out of the source, or correct the port."),
        Reason::UnknownAlert => advice("An alert that IANA does not name.", WITH_STATE, SERVER_LOG),
    }
}

/// What a finding means.
#[rustfmt::skip]
pub fn of_finding(finding: Finding) -> Advice {
    match finding {
        Finding::Expired => advice("The certificate's validity has ended.", "openssl s_client -connect HOST:PORT -servername NAME </dev/null | openssl x509 -noout -dates; for a file: openssl x509 -in FILE -noout -dates", "Renew it and reload what serves it; when the file is new already, only the reload is missing."),
        Finding::NotYetValid => advice("Its validity has not begun: it was installed too early, or a clock is wrong.", "openssl x509 -in FILE -noout -dates; date -u", "Set the clocks (also of whoever issues), or install the former certificate until then."),
        Finding::WeakKey => advice("The key gives less than 112 bits of security (NIST SP 800-57).", SHOW_LEAF, "Issue it again with P-256 or RSA of 2048 bits and more."),
        Finding::WeakSignature => advice("It is signed with MD5 or SHA-1, which clients refuse.", SHOW_LEAF, "Have it issued again with SHA-256."),
        Finding::Untrusted => advice("There is no path from the leaf to a trust anchor (unable to get local issuer certificate): the root is unknown here, an intermediate is missing, or a signature does not hold.", "openssl s_client -connect HOST:PORT -servername NAME -CAfile ROOTS.pem </dev/null | grep Verif", "With incomplete_chain: send the intermediates, unless the issuer is itself a root. Otherwise put the right CA into roots of the source; both sides of a gateway must use the same root."),
        Finding::SelfSignedLeaf => advice("The leaf is signed by its own key: the default certificate of a fresh installation, or on purpose.", SHOW_LEAF, "Install the right certificate, or name this one in roots of the source."),
        Finding::NameMismatch => advice("None of the certificate's alternative names is the server name (hostname / SAN mismatch; the common name does not count).", "openssl s_client -connect HOST:PORT -servername NAME </dev/null | openssl x509 -noout -ext subjectAltName", "Issue it for this name too, or set server_name of the target: a wrong SNI gets the default server's certificate."),
        Finding::MissingServerAuth => advice("Its extended key usage lacks serverAuth: a client certificate was installed on a server.", "openssl s_client -connect HOST:PORT -servername NAME </dev/null | openssl x509 -noout -ext extendedKeyUsage", "Issue it with extended key usage serverAuth."),
        Finding::MissingClientAuth => advice("The client certificate's extended key usage lacks clientAuth: a server's certificate was configured as client_certificate, or the CA's profile leaves it out.", "openssl x509 -in client.pem -noout -ext extendedKeyUsage", "Issue the client certificate with extended key usage clientAuth."),
        Finding::IncompleteChain => advice("The leaf's issuer was neither sent nor is it among the roots. Either it is an intermediate that the server does not send (browsers may have it cached and hide it), or it is a root that is unknown here and nothing is missing: the handshake does not say which.", SHOW_CHAIN, "When the issuer is an intermediate, serve the full chain: the leaf, then each intermediate (nginx: fullchain.pem in ssl_certificate). When it is a root that is to be trusted, put it into roots of the source."),
        Finding::WrongOrder => advice("The certificates are sent out of order, or some do not belong to the chain; strict clients stop there.", SHOW_CHAIN, "Order the file: leaf, its issuer, and so on; leave the rest out."),
        Finding::SignatureUnchecked => advice("The server proves its key with an algorithm that cannot be checked here.", S_CLIENT, "Nothing is wrong with it; use a common algorithm to have it checked."),
        Finding::OldTlsAccepted => advice("The server accepts TLS 1.0 or 1.1, which RFC 8996 forbids.", "openssl s_client -connect HOST:PORT -servername NAME -tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null", "Set TLS 1.2 as the lowest version (nginx: ssl_protocols TLSv1.2 TLSv1.3)."),
        Finding::ClientCaNotAccepted => advice("The server names the CAs whose client certificates it takes, and ours is of none of them: the wrong CA on one side.", "openssl s_client -connect HOST:PORT -servername NAME </dev/null | sed -n '/Acceptable client/,/^---/p'; openssl x509 -in client.pem -noout -issuer", "Use a client certificate of a CA that is named, or add ours to the server's trust store (nginx: ssl_client_certificate)."),
        Finding::ClientChainTooDeep => advice("The client certificate has more intermediates than client_verify_depth of the source says that the server follows.", "openssl crl2pkcs7 -nocrl -certfile client.pem | openssl pkcs7 -print_certs -noout", "Raise the server's depth (nginx: ssl_verify_depth, 1 by default) and client_verify_depth with it, or use a client certificate of a CA nearer to the root."),
        Finding::MutualTlsNotEnforced => advice("A client without a certificate is let in, although mutual TLS is expected.", "curl -v https://HOST:PORT/", "Require client certificates on the server (nginx: ssl_verify_client on; Envoy: require_client_certificate: true; Istio: PeerAuthentication STRICT)."),
        Finding::MutualTlsNotOptional => advice("A client without a certificate is refused, although both ways are expected to work.", "curl -v https://HOST:PORT/", "Set nginx's ssl_verify_client to optional until the migration is over, or expect = \"mutual_tls\" when it is."),
        Finding::Stale => advice("The next update of the CRL, or of what the responder answers, is overdue: programs that check it may refuse every certificate.", "openssl crl -in FILE -noout -lastupdate -nextupdate", "Fetch the CRL again; repair what renews it."),
        Finding::MustStapleMissing => advice("The certificate demands a stapled OCSP response (must-staple, RFC 7633), and the endpoint staples no valid one: strict browsers refuse it.", "openssl s_client -connect HOST:PORT -servername NAME -status </dev/null", "Turn stapling on (nginx: ssl_stapling on, with a resolver) or repair the server's way to the responder; or issue the certificate without the extension."),
        Finding::RevocationDisagreement => advice("CRL, OCSP and staple have said different things about the certificate for more than a day.", "openssl ocsp -issuer CA.pem -CAfile ROOT.pem -cert FILE -url URL; openssl crl -in CRL -noout -text | grep -A1 SERIAL", "Ask the CA: one of its two publications is not fed."),
        Finding::StapleInvalid => advice("The stapled OCSP response is no valid answer about the leaf: other certificate, bad signature, or a signer who may not answer.", "openssl s_client -connect HOST:PORT -servername NAME -status </dev/null", "Reload the server after a renewal; when the staple is a file, fetch it again."),
        Finding::StapleStale => advice("The stapled OCSP response is past its nextUpdate.", "openssl s_client -connect HOST:PORT -servername NAME -status </dev/null | grep Update", "Repair the server's way to the responder, or whatever renews the staple's file."),
        Finding::Regressed => advice("An older list was served than before: a CDN's edge, a restored backup or a replay. The newer one is kept.", "curl -s URL | openssl crl -inform DER -noout -crlnumber -lastupdate", "Look at what publishes the list; purge the CDN."),
        Finding::Shrunk => advice("The list lost entries of certificates that have not expired: the CA's database was lost or rolled back.", "curl -s URL | openssl crl -inform DER -noout -text | grep -c Serial", "Restore the CA's database and publish a new list."),
        Finding::ScopeMismatch => advice("The list's issuing distribution point has none of the names under which certificates look for it: clients that follow RFC 5280 do not use it.", "curl -s URL | openssl crl -inform DER -noout -text | grep -A3 'Issuing Distribution'", "Publish the right list (shard) at this URL."),
        Finding::SignatureInvalid => advice("The signature does not hold: damaged, forged, or by another key of the same name.", "openssl crl -in FILE -CAfile CA.pem -noout", "Publish it again; after a key rollover make sure that the new CA certificate is known here."),
        Finding::Unauthorized => advice("Who signs the OCSP answers may not: not the issuer, and no delegate of it with extended key usage OCSPSigning that is valid now.", "openssl ocsp -issuer CA.pem -CAfile ROOT.pem -cert FILE -url URL -resp_text", "Renew the responder's certificate at the issuer."),
        Finding::Expiring => advice("The responder's own certificate is near its end; every answer becomes unusable with it.", "openssl ocsp -issuer CA.pem -CAfile ROOT.pem -cert FILE -url URL -resp_text | grep -A2 Validity", "Renew the responder's certificate."),
        Finding::Unreachable => advice("The place does not answer, or not with what belongs there.", "curl -v URL", "Repair the way there, or allow it ([revocation] allow); /api/v1/revocation has the error."),
        Finding::RotationOverdue => advice("Its owner should have renewed it some time ago: a quarter of the time from there to its end has passed.", "openssl x509 -in FILE -noout -dates; kubectl describe certificate NAME", "Find out why the renewal does not come (cert-manager: kubectl describe certificate; certbot: certbot renew --dry-run). When it is renewed later on purpose, set rotate_at of the source."),
        Finding::KeyReused => advice("It was renewed, and the new certificate has the old key: a key that leaked stays in use.", "openssl x509 -in FILE -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum", "Let each renewal make a new key (cert-manager: privateKey.rotationPolicy Always; certbot: without --reuse-key). A key that is pinned on purpose can be waived."),
        Finding::OutlivesIssuer => advice("Every known path from it ends before the certificate itself: from then on clients refuse it although it has not expired.", "openssl x509 -in FILE -noout -issuer -enddate; openssl x509 -in CA.pem -noout -enddate", "Renew the CA first, then issue the certificate again; or let the CA issue for no longer than its own end."),
        Finding::CaUnused => advice("The trust bundle holds a CA that nothing hangs on that is watched here, while other CAs of the bundle are in use: a rollover was not finished, or its leaves are not watched.", "curl http://localhost:9849/api/v1/trust", "When nothing needs it any more, take it out of the bundle. When its leaves are not watched, waive it."),
        Finding::KeyAlgorithmNotAllowed => advice("The policy does not allow keys of this algorithm.", SHOW_LEAF, "Issue it again with an algorithm that the policy names; notafter config check tells the policy in words."),
        Finding::KeySizeNotAllowed => advice("The policy does not allow keys of this size.", SHOW_LEAF, "Issue it again with a key of a size that the policy names."),
        Finding::CurveNotAllowed => advice("The policy does not allow keys on this curve.", SHOW_LEAF, "Issue it again with a key on a curve that the policy names."),
        Finding::SignatureAlgorithmNotAllowed => advice("The policy does not allow this signature algorithm.", SHOW_LEAF, "Have the CA sign with an algorithm that the policy names."),
        Finding::ValidityTooLong => advice("It is valid for longer than the policy allows.", "openssl x509 -in FILE -noout -dates", "Shorten the duration in the CA's profile or in the request, and issue it again."),
        Finding::ValidityTooShort => advice("It is valid for less than the policy asks for.", "openssl x509 -in FILE -noout -dates", "Lengthen the duration in the CA's profile or in the request, and issue it again."),
        Finding::ValidityAboveWanted => advice("It is valid for longer than the policy wants, and not for longer than it allows.", "openssl x509 -in FILE -noout -dates", "Shorten the duration when its renewal is automated."),
        Finding::KeyUsageMissing => advice("It lacks a key usage that the policy requires.", "openssl x509 -in FILE -noout -ext keyUsage", "Correct the CA's profile or the usages of the request, and issue it again."),
        Finding::ExtendedKeyUsageMissing => advice("It lacks an extended key usage that the policy requires.", "openssl x509 -in FILE -noout -ext extendedKeyUsage", "Correct the CA's profile or the usages of the request, and issue it again."),
        Finding::SpiffeIdMissing => advice("The policy requires one SPIFFE ID, and it has none or several.", "openssl x509 -in FILE -noout -ext subjectAltName", "Request it with the URI spiffe://TRUST-DOMAIN/PATH."),
        Finding::TrustDomainNotAllowed => advice("Its SPIFFE ID is of a trust domain that the policy does not name: a certificate of another environment.", "openssl x509 -in FILE -noout -ext subjectAltName", "Install the certificate of this environment, or name the trust domain in the policy."),
        Finding::DnsNameNotAllowed => advice("It has a DNS name that none of the policy's patterns fits, or more names than are looked at.", "openssl x509 -in FILE -noout -ext subjectAltName", "Issue it without the name, or add a pattern to the policy. A name that nobody here asked for is a reason to look at who issued it."),
        Finding::IpNameNotAllowed => advice("It has an IP address among its names, and the policy allows none; or it has more names than are looked at.", "openssl x509 -in FILE -noout -ext subjectAltName", "Issue it for DNS names alone."),
        Finding::IssuerNotAllowed => advice("The policy does not name its issuer: another team's or environment's CA, or one that nobody knows.", "openssl x509 -in FILE -noout -issuer", "Have it issued by a CA that the policy names; find out who issued this one."),
        Finding::PathLengthNotAllowed => advice("More CA certificates may follow below this one than the policy allows.", "openssl x509 -in CA.pem -noout -ext basicConstraints", "Issue the CA again with the path length that the policy asks for."),
        Finding::NameConstraintsMissing => advice("The CA lacks name constraints that the policy requires, or permits more than it may.", "openssl x509 -in CA.pem -noout -ext nameConstraints", "Issue the CA again with these name constraints."),
        Finding::WaiverEnded => advice("Something that was waived until a date is still so, and the date has passed.", "notafter config check", "Mend what was waived; or move the waiver's until, with a reason."),
        Finding::StoredNotServed => advice("The endpoint serves an older certificate than the one that is stored for it: it was renewed, and what serves it was not reloaded.", "openssl s_client -connect HOST:PORT -servername NAME </dev/null | openssl x509 -noout -serial -dates; openssl x509 -in FILE -noout -serial -dates", "Reload it (nginx -s reload; systemctl reload haproxy; kubectl rollout restart), and let the renewal do so from now on (certbot --deploy-hook). When the two do not belong together, set serves of the source that stores it."),
        Finding::ServedUnknown => advice("The endpoint serves a certificate that none of the watched places stores, and must_be_stored is set on its source.", "openssl s_client -connect HOST:PORT -servername NAME </dev/null | openssl x509 -noout -subject -issuer -serial", "Find out where the certificate comes from, and watch that place; or take must_be_stored off."),
        Finding::AddressesDiffer => advice("The addresses behind the name serve different certificates: one of them was not reloaded, or is not the server that it should be.", "for a in $(getent ahosts HOST | awk '{print $1}' | sort -u); do openssl s_client -connect $a:PORT -servername NAME </dev/null 2>/dev/null | openssl x509 -noout -serial; done", "Reload the server that serves the older one. Servers with certificates of their own on purpose: waive it."),
        Finding::BundleLacksIssuer => advice("Leaves are issued by a new key of a CA that the bundle knows by its old key only: who trusts this bundle refuses them.", "openssl crl2pkcs7 -nocrl -certfile BUNDLE.pem | openssl pkcs7 -print_certs -noout", "Put the new CA certificate into the bundle, beside the old one, before leaves are issued by it."),
        Finding::ClientNotTrusted => advice("The client certificate that the source shows does not verify against the client CA bundle of this endpoint's server.", "openssl verify -CAfile SERVER-TRUSTED-CA.pem client.pem", "Put the client certificate's CA into the bundle, or use a client certificate of a CA that is in it."),
        Finding::SubjectNotAllowed => advice("The policy does not know what it is for by this name: a CA that should not exist, or a service certificate that is a CA.", "openssl x509 -in FILE -noout -subject -issuer -ext basicConstraints", "Find out who issued it and for whom; revoke it when nobody knows, or add its name to the policy."),
    }
}

/// A certificate that is revoked.
pub const REVOKED: Advice = advice(
    "The CA has revoked the certificate: clients that check it refuse it, and whoever asked for that had a reason.",
    "curl -s CRL | openssl crl -inform DER -noout -text | grep -A4 SERIAL",
    "Issue a new certificate, with a new key when the reason is keyCompromise, and install it everywhere. A certificateHold can be released by the CA.",
);

const SHOW_POINTERS: &str = "openssl x509 -in FILE -noout -text | grep -A4 -e 'CRL Distribution' -e 'Authority Information'";
const ASK: &str = "openssl ocsp -issuer CA.pem -CAfile ROOT.pem -cert FILE -url URL -resp_text";
const SHOW_LIST: &str = "curl -s URL | openssl crl -inform DER -noout -text";

/// Why nobody can say whether a certificate is revoked, or nobody needs to. `/api/v1/revocation` has the places and their errors.
pub fn of_revocation(reason: RevocationReason) -> Advice {
    match reason {
        RevocationReason::Stale => advice(
            "The newest answer is past its nextUpdate, or older than it may be without one.",
            "curl -s URL | openssl crl -inform DER -noout -lastupdate -nextupdate",
            "Repair what publishes the list or feeds the responder; check the clock of this machine.",
        ),
        RevocationReason::NotYetValid => advice(
            "The answer is dated in the future.",
            "date -u; curl -s URL | openssl crl -inform DER -noout -lastupdate",
            "Set the clock of this machine, or of the CA.",
        ),
        RevocationReason::SignatureInvalid => advice(
            "The signature of the answer does not hold: damaged, forged, or by another key of the same name.",
            "curl -s URL | openssl crl -inform DER -CAfile CA.pem -noout",
            "Publish it again; after a key rollover name the new CA certificate in [revocation] issuers.",
        ),
        RevocationReason::WrongIssuer => advice(
            "The answer is by another CA than the one that issued the certificate.",
            "curl -s URL | openssl crl -inform DER -noout -issuer; openssl x509 -in FILE -noout -issuer",
            "Publish the right list at this URL, or name the right one.",
        ),
        RevocationReason::NotForCertificate => {
            advice("The OCSP answer says nothing about this certificate.", ASK, "Reload what staples it after a renewal, or ask the CA.")
        }
        RevocationReason::ScopeMismatch => advice(
            "The list is for other certificates of the CA: its issuing distribution point says so.",
            "curl -s URL | openssl crl -inform DER -noout -text | grep -A3 'Issuing Distribution'",
            "Publish the right list (shard) at the URL that the certificate names.",
        ),
        RevocationReason::CriticalExtension => advice(
            "The answer has a critical extension that is not understood, so it must not be used (RFC 5280 section 5.2).",
            SHOW_LIST,
            "Ask the CA what it means; report it, if it is in common use.",
        ),
        RevocationReason::ResponderUnauthorized => advice(
            "Who signs the OCSP answers is neither the issuer nor a delegate of it with extended key usage OCSPSigning that is valid now.",
            ASK,
            "Renew the responder's certificate at the issuer.",
        ),
        RevocationReason::UnsupportedAlgorithm => advice(
            "The answer is signed in a way that cannot be checked here (DSA, Ed448, brainpool, MD5).",
            SHOW_LIST,
            "Let the CA sign with RSA or ECDSA over a NIST curve; or leave the method out of the source's revocation.",
        ),
        RevocationReason::NonceMismatch => advice(
            "The OCSP answer carries another nonce than the question: somebody replays answers, or the responder is broken.",
            "openssl ocsp -issuer CA.pem -CAfile ROOT.pem -cert FILE -url URL -nonce",
            "Ask the responder directly, without a cache; set nonce = false where answers are produced beforehand.",
        ),
        RevocationReason::Malformed => advice(
            "What came is no CRL or OCSP answer: an error page, a login page, or damaged.",
            "curl -sv URL | head -c 200",
            "Correct what answers at the URL.",
        ),
        RevocationReason::ResponderStatus => advice(
            "The responder answers with an error: tryLater, unauthorized, internalError …; /api/v1/revocation says which.",
            ASK,
            "unauthorized: it does not know this CA, so the URL or its database is wrong. Otherwise look into the responder's log.",
        ),
        RevocationReason::UnknownToResponder => advice(
            "The responder does not know the certificate: not fed yet, or not issued by this CA.",
            ASK,
            "Feed the responder with all certificates that were issued; look for who else issues in the CA's name.",
        ),
        RevocationReason::ReasonsIncomplete => advice(
            "The list covers some revocation reasons only, and that for the others is missing.",
            SHOW_POINTERS,
            "Make the other list of the CA reachable.",
        ),
        RevocationReason::IssuerUnknown => advice(
            "No certificate of the issuer was found: not sent, not watched, not among the system's roots, nor where the certificate points to.",
            "openssl x509 -in FILE -noout -issuer -ext authorityInfoAccess",
            "Send the intermediates, or name the CA certificate in [revocation] issuers.",
        ),
        RevocationReason::NoSource => advice(
            "The certificate names no CRL and no responder, and none is configured.",
            SHOW_POINTERS,
            "Name the CA's list in [revocation] crls, or set revocation = [] on the source if the CA publishes nothing.",
        ),
        RevocationReason::UnsupportedScheme => advice(
            "The certificate points to LDAP or another scheme that is not fetched from.",
            SHOW_POINTERS,
            "Publish the list over HTTP as well, and name it in [revocation] crls.",
        ),
        RevocationReason::EgressDenied => advice(
            "The URL leads to an address that is not public, and no entry of the configuration allows it.",
            "getent ahosts HOST",
            "If it is your own CA: [revocation] allow = [\"10.0.0.0/8\"]; the error names the entry. If not, find out who wrote the certificate.",
        ),
        RevocationReason::Offline => advice(
            "[revocation] offline is set, and neither the cache nor a file has an answer.",
            "notafter config show",
            "Feed CRLs or OCSP responses as files of a source, or take offline away.",
        ),
        RevocationReason::Unreachable => advice(
            "The place does not resolve, refuses, or does not answer in time.",
            "curl -v URL",
            "Repair the way there; in closed networks use [revocation] mirror.",
        ),
        RevocationReason::HttpError => {
            advice("The place answers with an HTTP error.", "curl -v URL", "Repair the server, or correct the URL in the CA's profile.")
        }
        RevocationReason::TooLarge => advice(
            "The answer is larger than it may be.",
            "curl -sI URL",
            "Raise [revocation] max_crl_size when the list is meant to be so large.",
        ),
        RevocationReason::NotWanted => advice(
            "The source's revocation leaves out the methods that the certificate could be looked up by.",
            SHOW_POINTERS,
            "Add the method to revocation of the source, or leave it as it is on purpose.",
        ),
        RevocationReason::NoRevAvail => advice(
            "The certificate says that its issuer never revokes it (noRevAvail, RFC 9608).",
            "openssl x509 -in FILE -noout -text | grep -A1 -e 'No Revocation' -e '2.5.29.56'",
            "Nothing is wrong; such certificates are short-lived.",
        ),
        RevocationReason::SelfSigned => advice(
            "A trust anchor: nobody stands above it who could revoke it.",
            "openssl x509 -in FILE -noout -subject -issuer",
            "Nothing is wrong; a root is taken back by taking it out of the trust stores.",
        ),
        RevocationReason::ShortLived => advice(
            "The certificate lives so shortly (at most 7 days) that its issuer publishes nothing about it.",
            "openssl x509 -in FILE -noout -dates",
            "Nothing is wrong; see to its renewal.",
        ),
    }
}

/// The runbook: every reason and finding with its line.
#[cfg(test)]
pub fn runbook() -> String {
    let mut page = String::from(
        "# Reasons and findings\n\nGenerated from the table behind `notafter check`; do not edit. `HOST:PORT` and `NAME` stand for the endpoint and its server \
         name, `FILE` for a file.\n\n## Reasons\n\nLabel `reason` of `tls_probe_failure_info`, `tls_handshake_errors_total` and `x509_source_errors_total`.\n\n\
         | reason | cause | confirm | fix |\n|---|---|---|---|\n",
    );
    let cell = |text: &str| text.replace('|', "\\|");
    let mut row = |name: &str, advice: Advice| {
        page += &format!("| `{name}` | {} | {} | {} |\n", cell(advice.cause), cell(advice.confirm), cell(advice.fix));
    };
    Reason::ALL.iter().for_each(|reason| row(reason.as_str(), of_reason(*reason)));
    page += "\n## Reasons at `stage=\"client_auth\"`\n\nThe server judges our client certificate, or our having none.\n\n| reason | cause | confirm | fix |\n|---|---|---|---|\n";
    let mut row = |name: &str, advice: Advice| {
        page += &format!("| `{name}` | {} | {} | {} |\n", cell(advice.cause), cell(advice.confirm), cell(advice.fix));
    };
    Reason::ALL.iter().for_each(|reason| of_client(*reason).into_iter().for_each(|advice| row(reason.as_str(), advice)));
    page += "\n## Why nobody says whether a certificate is revoked\n\nThe reason beside `x509_cert_revocation_status{status=\"unknown\"}` and `status=\"not_applicable\"` in `/api/v1/targets` and `notafter check`, and label `reason` of `x509_revocation_fetches_total`. `URL` stands for the place; `/api/v1/revocation` lists them with their errors.\n\n| reason | cause | confirm | fix |\n|---|---|---|---|\n";
    let mut row = |name: &str, advice: Advice| {
        page += &format!("| `{name}` | {} | {} | {} |\n", cell(advice.cause), cell(advice.confirm), cell(advice.fix));
    };
    row("revoked", REVOKED);
    RevocationReason::ALL.iter().for_each(|reason| row(reason.as_str(), of_revocation(*reason)));
    page += "\n## Findings\n\nLabel `finding` of `x509_cert_finding`, `x509_crl_finding`, `x509_responder_finding` and `tls_target_finding`.\n\n| finding | cause | confirm | fix |\n|---|---|---|---|\n";
    let mut row = |name: &str, advice: Advice| {
        page += &format!("| `{name}` | {} | {} | {} |\n", cell(advice.cause), cell(advice.confirm), cell(advice.fix));
    };
    Finding::ALL.iter().for_each(|finding| row(finding.as_str(), of_finding(*finding)));
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_runbooks_reasons_md_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbooks/reasons.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
            std::fs::write(path, runbook()).unwrap();
        }
        #[expect(clippy::disallowed_methods, reason = "a file of this repository")]
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == runbook(), "run the tests with UPDATE_GOLDEN=1 and commit docs/runbooks/reasons.md");
    }

    #[test]
    fn every_reason_and_finding_has_a_whole_line() {
        let all = Reason::ALL.iter().map(|reason| (reason.as_str(), of_reason(*reason)));
        let all = all.chain(Finding::ALL.iter().map(|finding| (finding.as_str(), of_finding(*finding))));
        let all = all.chain(RevocationReason::ALL.iter().map(|reason| (reason.as_str(), of_revocation(*reason))));
        for (name, Advice { cause, confirm, fix }) in all.chain([("revoked", REVOKED)]) {
            assert!(cause.len() > 15 && cause.ends_with('.'), "{name}: {cause}");
            assert!(confirm.len() > 5 && fix.len() > 15, "{name}: {confirm} {fix}");
            assert!(![cause, confirm, fix].iter().any(|text| text.contains('\n')), "{name}");
        }
    }

    #[test]
    fn the_same_alert_means_our_certificate_once_the_server_asked_for_one() {
        assert!(of_failure(Stage::ClientAuth, Reason::HandshakeFailure).cause.contains("requires a client certificate"));
        assert_ne!(of_failure(Stage::ClientAuth, Reason::UnknownCa), of_failure(Stage::Handshake, Reason::UnknownCa));
        assert_eq!(of_failure(Stage::ClientAuth, Reason::Timeout), of_reason(Reason::Timeout));
    }
}
