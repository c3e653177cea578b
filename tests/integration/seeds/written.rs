//! Seeds that are the same every time: what peers say, documents, configurations, and what the program writes itself.

use std::borrow::Cow;

use notafter::assess::{Look, TargetEvent, carry};
use notafter::engine::state_file;
use notafter::model::revocation::NoRevocations;
use notafter::model::{Failure, Limits, Material, Place, Reason, SourceHeader, SourceId, SourceKind, SourceOptions, Stage, UnixTime};
use notafter::net::{Starttls, Validators};
use notafter::revocation::cache::log;

use super::Seed;

/// All of them.
pub fn seeds() -> Vec<Seed> {
    let mut all: Vec<Seed> = vec![("cache", "log".to_owned(), cache_log()), ("raw", "hello".to_owned(), hello())];
    all.push(("state", "records".to_owned(), records()));
    let mut texts = |folder: &'static str, texts: &[(&str, &str)]| {
        all.extend(texts.iter().map(|(name, text)| (folder, (*name).to_owned(), text.as_bytes().to_vec())));
    };
    texts("api", API);
    texts("config", CONFIG);
    texts("discovery", DISCOVERY);
    texts("envoy", ENVOY);
    texts("fetched", FETCHED);
    texts("http", HTTP);
    texts("kubeconfig", &[("kubeconfig.yaml", KUBECONFIG)]);
    texts("nginx", NGINX);
    texts("patterns", PATTERNS);
    texts("web", &[("web.yml", WEB)]);
    texts("words", WORDS);
    all.extend(SCHEDULES.iter().enumerate().map(|(number, text)| {
        let time = [0x80, 0x0f, 0x4a, 0x6b, 5, 0, 0, 0];
        ("schedule", format!("{number:02}"), [&time[..], text.as_bytes()].concat())
    }));
    all.extend(KUBERNETES.iter().map(|(name, choice, text)| ("kubernetes", (*name).to_owned(), [&[*choice], text.as_bytes()].concat())));
    all.extend(PROXY.iter().map(|(name, choice, says)| ("proxy", (*name).to_owned(), [&[*choice][..], says].concat())));
    for (name, says) in STARTTLS {
        let choice = Starttls::ALL.iter().position(|protocol| protocol.as_str() == *name).unwrap();
        all.push(("starttls", (*name).to_owned(), [&[u8::try_from(choice).unwrap()][..], says].concat()));
    }
    all
}

/// A TLS 1.2 server's words in clear, in records of 13 bytes.
fn hello() -> Vec<u8> {
    let message = |kind: u8, body: &[u8]| [&[kind, 0, 0, u8::try_from(body.len()).unwrap()][..], body].concat();
    let messages = [
        message(2, &[&[3, 3][..], &[7; 32], &[4, 1, 2, 3, 4], &[0xc0, 0x30, 0], &[0, 5, 0xff, 1, 0, 1, 0]].concat()),
        message(11, b"\0\0\x0a\0\0\x03one\0\0\x01\x02"),
        message(22, b"\x01\0\0\x03ocs"),
        message(12, b"\x03\0\x19\x01\x04\0\0"),
        message(13, b"\x01\x01\0\x04\x04\x03\x08\x07\0\x07\0\x02CA\0\x01B"),
        message(14, b""),
    ];
    messages.concat().chunks(13).flat_map(|part| [&[22, 3, 3, 0, u8::try_from(part.len()).unwrap()][..], part].concat()).collect()
}

/// A cache's log with a record of every kind.
fn cache_log() -> Vec<u8> {
    let validators = Validators { etag: Some("\"x\"".into()), last_modified: Some("Sat, 01 Jan 2022 00:00:00 GMT".into()) };
    let (url, fetched_at) = (Cow::Borrowed("http://crl.example/"), UnixTime::from_secs(1_700_000_000));
    let list = log::CrlRecord { url: url.clone(), id: 7, size: 9, crc: 1, validators: validators.clone(), fetched_at, fresh_until: None };
    let body = Cow::Borrowed(&b"response"[..]);
    let document =
        log::Document { kind: log::DocumentKind::Ocsp, key: [5; 32], url: url.clone(), validators, fetched_at, fresh_until: None, body };
    let mut bytes = log::HEADER.to_vec();
    for record in [log::Record::Crl(list), log::Record::Document(document), log::Record::DocumentGone([5; 32]), log::Record::CrlGone(url)] {
        log::append(&record, &mut bytes).unwrap();
    }
    bytes
}

/// The state file's records: a source with a certificate that cannot be read any more, and an endpoint that never could be.
fn records() -> Vec<u8> {
    let now = UnixTime::from_secs(1_800_000_000);
    let header = |kind, name: &str| SourceHeader { id: SourceId { kind, name: name.into() }, options: SourceOptions::default() };
    let (file, tls) = (header(SourceKind::File, "files"), header(SourceKind::Tls, "edge"));
    let look = |place, facts, failure| {
        TargetEvent::Looked(Box::new(Look { place, labels: None, circumstances: None, facts, failure, stamp: None, counted: None }))
    };
    let bytes = include_bytes!("../../../fuzz/seeds/pki/verdict.der").to_vec();
    let facts = notafter::pki::decode(&Material::Blob { bytes, passphrases: [].into() }, &Limits::default(), now);
    let none = NoRevocations::default();
    let read = carry(None, look(Place::file("/a.pem"), Some(facts), None), &none, &file, now).unwrap();
    let failure = || Some(Failure::new(Stage::Read, Reason::PermissionDenied, "not allowed"));
    let kept = carry(Some(&read), look(Place::file("/a.pem"), None, failure()), &none, &file, now).unwrap();
    let place = Place::Endpoint { target: "shop.example:443".into(), server_name: "shop.example".into(), address: None };
    let never = carry(None, look(place, None, failure()), &none, &tls, now).unwrap();
    state_file::records([(&file.id, &[kept][..]), (&tls.id, &[never][..])]).unwrap()
}

const API: &[(&str, &str)] = &[
    ("targets", "/api/v1/targets?source=a&limit=1&unowned=true"),
    ("after", "/api/v1/targets?after=eyJzb3VyY2UiOnsia2luZCI6ImZpbGUiLCJuYW1lIjoiYSJ9LCJwbGFjZSI6eyJGaWxlIjp7InBhdGgiOiIvYS5wZW0ifX19"),
    ("certificates", "/api/v1/certificates?limit=2&fingerprint=00&subject=x&after=00"),
    ("dependants", "/api/v1/trust/dependants?fingerprint=0000000000000000000000000000000000000000000000000000000000000000"),
    ("verify", "/api/v1/trust/verify?certificate=00&source=a&place=%2Fa.pem"),
    ("revocation", "/api/v1/revocation?limit=5&after=x"),
    ("probe", "/probe?target=shop.example%3A443&module=internal&hostname=shop.example&debug=true"),
    ("page", "/?source=a&q=%22%3Cb%3E"),
    ("metrics", "/metrics"),
];

const CONFIG: &[(&str, &str)] = &[
    (
        "sources.toml",
        "[server]\nlisten = [\"127.0.0.1:9849\", \"[::1]:0\"]\n[defaults]\nschedule = \"*/5 * * * *\"\ntimeout = \"10s\"\n[sources.files]\ntype = \"file\"\n\
         paths = [\"/etc/ssl/**/*.{pem,crt}\"]\nexclude = [\"/etc/ssl/private/**\"]\nlabels = { team = \"a\" }\nretain = \"7d\"\n[sources.edge]\ntype = \"tls\"\n\
         targets = [\"shop.example:443\", { target = \"smtp://mail.example\", server_name = \"m.example\", labels = { app = \"m\" } }]\nroots = [\"system\", \"/ca.pem\"]\n\
         client_certificate = { cert = \"/c.pem\", key = \"/c.key\" }\nexpect = \"mutual_tls\"\nhttp = { path = \"/healthz\" }\nproxy = \"socks5://p.example:1080\"\n\
         tls_versions = [\"1.3\"]\nip = \"prefer_ipv6\"\nchain = \"leaf\"\nmax_series = 500\ndeadline = \"2m\"\n",
    ),
    (
        "rules.toml",
        "[revocation]\nallow = [\"10.20.0.0/16\"]\nmirror = { \"http://crl.example/\" = \"http://mirror.example/crl/\" }\nmax_crl_size = \"64MiB\"\nrefresh = \"1h\"\n\
         [ownership]\nlabels = [\"team\"]\n[policy.leaves]\nmatch = { roles = [\"leaf\"], places = [\"*\"] }\nmax_validity = \"398d\"\nmin_rsa_bits = 2048\n[[waiver]]\n\
         finding = \"weak_signature\"\nwhy = \"old device\"\nowner = \"a\"\nuntil = \"2090-01-01\"\nmatch = { places = [\"/etc/old/*\"] }\n[probe]\nallow = [\"*.example.com:443\"]\n\
         [probe.modules.internal]\nroots = [\"/ca.pem\"]\n[storage]\nstate_dir = \"/var/lib/notafter\"\n[metrics]\ncompatibility = [\"enix\"]\n",
    ),
    (
        "others.toml",
        "[sources.c]\ntype = \"kubernetes\"\nkinds = [\"secret\", \"configmap\", \"ingress\"]\nexclude_namespaces = [\"kube-system\"]\nlabel_selector = \"app in (a, b), !c\"\n\
         secret_keys = [\"*.crt\"]\nlabels_from = { team = [\"label:team\", \"namespace_label:owner\"] }\n[sources.k]\ntype = \"kubeconfig\"\npaths = [\"~/.kube/config\"]\n[sources.n]\n\
         type = \"nginx\"\n[sources.e]\ntype = \"envoy-config\"\nschedule = \"@every 90s\"\nserves = [\"shop.example:443\"]\nrotate_at = 0.6\n",
    ),
    (
        "wrong.toml",
        "[sources.edge]\ntype = \"tsl\"\ntargets = [1, {}]\n[server]\nlistn = [\"x\"]\n[defaults]\nschedule = \"61 * * * *\"\ntimeout = 10\n",
    ),
];

const DISCOVERY: &[(&str, &str)] = &[
    (
        "groups.json",
        "[{\"targets\": [\"a.example:443\", \"smtp://b.example\"], \"labels\": {\"team\": \"a\", \"__server_name\": \"c.example\", \"job\": \"x\"}}, {}]",
    ),
    ("groups.yml", "- targets: [a.example:443, '[::1]:8443']\n  labels: {team: a}\n- targets:\n  - &t imaps://b.example\n  - *t\n"),
];

const ENVOY: &[(&str, &str)] = &[
    (
        "bootstrap.yaml",
        "static_resources:\n  listeners:\n  - &l\n    name: a\n    address: {socket_address: {address: '::', port_value: 443}}\n    filter_chains:\n    - filter_chain_match: {server_names: [a.x]}\n\
        \x20     transport_socket: {typed_config: {'@type': x.DownstreamTlsContext, common_tls_context: {tls_certificates: [{certificate_chain: {filename: a}}]}}}\n  - *l\n",
    ),
    (
        "resources.json",
        "{\"resources\": [{\"@type\": \"x.Secret\", \"name\": \"s\", \"validationContext\": {\"trustedCa\": {\"filename\": \"c\"}}}, {\"@type\": \"x.Cluster\", \"t\": {\"common_tls_context\": \
         {\"validation_context_sds_secret_config\": {\"name\": \"s\", \"sds_config\": {\"path\": \"p\"}}}}}]}",
    ),
];

const FETCHED: &[(&str, &str)] = &[
    (
        "ages",
        "Cache-Control: public, max-age=\"600\", no-cache\r\nAge: 200\r\nExpires: Sat, 01 Jan 2022 01:00:00 GMT\r\nDate: Sat, 01 Jan 2022 00:00:00 GMT\r\nRetry-After: 120",
    ),
    (
        "validators",
        "ETag: W/\"x\"\nLast-Modified: Sat, 01 Jan 2022 00:00:00 GMT\nContent-Type: application/pkix-crl\nContent-Encoding: gzip\nRetry-After: Sat, 01 Jan 2022 00:05:00 GMT",
    ),
    ("page", "\u{feff}\n <html>"),
];

const HTTP: &[(&str, &str)] = &[
    ("ok", "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:60 GMT\r\nContent-Length: 4\r\n\r\nbody"),
    ("early", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.0 404 No\nX: y\n\n"),
    ("nginx", "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n<center>No required SSL certificate was sent</center>"),
    ("wrong", "SSH-2.0-OpenSSH_9.2\r\n"),
];

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: a\n  cluster:\n    server: https://k.example:6443\n    certificate-authority-data: LS0tLS1C\n\
    - name: b\n  cluster: {certificate-authority: /ca.pem}\nusers:\n- name: u\n  user:\n    client-certificate-data: |\n      MIIB\n      AQID\n    client-key-data: AAAA\n    token: &t secret\n\
    - name: v\n  user: {client-certificate: c.pem, token: *t}\ncontexts: []\n";

/// How it is cut (an even number: a list), and the body.
const KUBERNETES: &[(&str, u8, &str)] = &[
    (
        "secrets",
        40,
        "{\"kind\":\"SecretList\",\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"\"},\"items\":[{\"metadata\":{\"name\":\"s\",\"namespace\":\"a\",\"labels\":{\"app\":\"x\"}},\
         \"data\":{\"tls.crt\":\"LS0tLS1C\",\"tls.key\":\"AAAA\",\"ca.crt\":null}}, {\"metadata\":{\"name\":\"t\",\"namespace\":\"a\"},\"data\":{\"b.pem\":\"-\"}}]}",
    ),
    (
        "clusterwide",
        254,
        "{\"items\":[{\"metadata\":{\"name\":\"w\",\"annotations\":{\"cert-manager.io/inject-ca-from\":\"a/c\"}},\"webhooks\":[{\"name\":\"w.x\",\"clientConfig\":{\"caBundle\":\"MIIB\",\
         \"service\":{\"name\":\"s\",\"namespace\":\"a\"}}}],\"spec\":{\"caBundle\":\"MIIB\",\"conversion\":{\"webhook\":{\"clientConfig\":{\"caBundle\":\"MIIB\"}}},\
         \"request\":\"MIIB\",\"signerName\":\"x/y\",\"usages\":[]},\"status\":{\"certificate\":\"MIIB\",\"conditions\":[{\"type\":\"Approved\",\"status\":\"True\"}]}}],\"metadata\":{}}",
    ),
    (
        "namespaced",
        62,
        "{\"items\":[{\"metadata\":{\"name\":\"i\",\"namespace\":\"a\",\"annotations\":{\"nginx.ingress.kubernetes.io/auth-tls-secret\":\"a/s\"}},\"spec\":{\"tls\":[{\"hosts\":[\"h.x\"],\
         \"secretName\":\"s\"}],\"rules\":[{\"host\":\"h.x\"}],\"listeners\":[{\"hostname\":\"g.x\",\"port\":443,\"protocol\":\"HTTPS\",\"tls\":{\"certificateRefs\":[{\"name\":\"s\"}]}}],\
         \"servers\":[{\"hosts\":[\"a/b.x\"],\"port\":{\"number\":443},\"tls\":{\"credentialName\":\"s\"}}]}},{\"metadata\":{\"name\":\"p-1\",\"namespace\":\"a\",\"ownerReferences\":\
         [{\"kind\":\"ReplicaSet\",\"name\":\"p\",\"controller\":true}]},\"spec\":{\"volumes\":[{\"secret\":{\"secretName\":\"s\"}},{\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"c\"}}]}}],\
         \"containers\":[{\"env\":[{\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\"}}}],\"envFrom\":[{\"configMapRef\":{\"name\":\"c\"}}]}]}}]}",
    ),
    (
        "certmanager",
        20,
        "{\"items\":[{\"metadata\":{\"name\":\"c\",\"namespace\":\"a\"},\"spec\":{\"secretName\":\"s\",\"issuerRef\":{\"name\":\"i\"}},\"status\":{\"revision\":1,\"renewalTime\":\"2026-01-02T03:04:05Z\",\
         \"failedIssuanceAttempts\":2,\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"x\",\"message\":\"y\"}]}},{\"metadata\":{\"name\":\"c-1\",\"namespace\":\"a\",\
         \"annotations\":{\"cert-manager.io/certificate-name\":\"c\",\"cert-manager.io/certificate-revision\":\"1\"}},\"status\":{\"certificate\":\"MIIB\"}}]}",
    ),
    (
        "watch",
        31,
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"s\",\"namespace\":\"a\",\"resourceVersion\":\"8\"},\"data\":{\"a.crt\":\"MIIB\"}}}\n\n\
         { \"type\": \"MODIFIED\", \"object\": {\"metadata\": {\"name\": \"s\", \"namespace\": \"a\"}} }\n{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\",\
         \"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"s\",\"namespace\":\"a\"}}}\n\
         {\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"too old\",\"details\":{\"retryAfterSeconds\":1}}}\n",
    ),
];

const NGINX: &[(&str, &str)] = &[
    (
        "http.conf",
        "# a\nhttp { ssl_crl 'l';\nserver { listen 443 ssl; listen [::]:8443 quic; server_name .a.x ~^(?<n>b)$ \"c\\\"\"; ssl_certificate ${n}.pem;\n\
         ssl_certificate a.pem; location / { if ($a = \"b\") { proxy_pass https://b.x:1/; } proxy_ssl_certificate c.pem; } } include x/*; }",
    ),
    (
        "stream.conf",
        "http { server { access_by_lua_block { if a { [[}]] } -- }\n '}' } listen unix:/a ssl; ssl_certificate d.pem; } } stream { server { listen 1-2 ssl; proxy_ssl on; proxy_pass [::1]:2; } }",
    ),
    ("mail.conf", "mail { starttls only; ssl_certificate data:x; ssl_certificate e.pem; server { listen 25; } }"),
];

const PATTERNS: &[(&str, &str)] = &[
    ("globs", "/etc/**/*.{pem,crt}\n/a/b\n!/etc/ssl/private/**\n!/a/*\n/etc/ssl/x/c.pem"),
    ("braces", "/{a/b,c{d,.e}}/[x-z]?\\*\nrelative/{,.}y\n/a/b/xq*"),
    ("folder", "/etc/letsencrypt/live\n/etc/letsencrypt/live/shop.example/cert.pem"),
];

/// Which proxy and host, and what it answers.
const PROXY: &[(&str, u8, &[u8])] = &[
    ("connect", 0, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n\x16\x03\x01"),
    ("unauthorized", 1, b"HTTP/1.0 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"),
    ("socks", 2, b"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38\x16\x03"),
    ("socks_name", 7, b"\x05\x02\x01\x00\x05\x00\x00\x03\x03a.x\x01\xbb"),
    ("socks_refused", 10, b"\x05\x00\x05\x05\x00\x01"),
];

const SCHEDULES: &[&str] = &[
    "*/5 * * * *",
    "30 0-23/2 1,15 jan-mar,dec *",
    "0 0 29 2 *",
    "0 12 * * mon-fri",
    "*/30 * * * * *",
    "59 59 23 31 12 *",
    "0 0 * * 7",
    "@every 1h",
    "@every 7ms",
    "@weekly",
    "@yearly",
];

const STARTTLS: &[(&str, &[u8])] = &[
    ("smtp", b"220 mail.example.com ESMTP\r\n250-mail.example.com\r\n250-PIPELINING\r\n250 STARTTLS\r\n220 2.0.0 go ahead\r\n"),
    ("imap", b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n* CAPABILITY IMAP4rev1 STARTTLS\r\na OK\r\n"),
    ("pop3", b"+OK ready\r\n+OK begin TLS\r\n"),
    ("ftp", b"220 ftp\r\n234 AUTH TLS OK\r\n"),
    ("sieve", b"\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK \"ready\"\r\nOK \"begin TLS\"\r\n"),
    ("nntp", b"200 news\r\n382 go\r\n"),
    ("ldap", b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"),
    ("xmpp", b"<?xml version='1.0'?><stream:stream id='1'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features><proceed/>"),
    ("irc", b":irc 670 * :STARTTLS successful\r\n"),
    ("postgres", b"S"),
    ("mysql", b"\x2d\0\0\0\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xff\x08\x02\0\xff\xc1\x15\0\0\0\0\0\0\0\0\0\0abcdefgh\0"),
];

const WEB: &str = "tls_server_config:\n  cert_file: a.pem\n  key: |\n    -----BEGIN PRIVATE KEY-----\n    AAAA\n    -----END PRIVATE KEY-----\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n\
    \x20 client_allowed_sans: [shop.example]\n  min_version: TLS12\n  curve_preferences: [X25519, CurveP256]\nhttp_server_config:\n  http2: true\n  headers:\n    X-Frame-Options: deny\n    Strict-Transport-Security: max-age=9\n\
    basic_auth_users:\n  a: &h $2y$10$Tm0Kyy3kx5vsLct358wAVe4uJ3y5jLIL8wgwYORsFBL3fE.pOCsxK\n  b: *h\nrate_limit: {interval: 1m30s, burst: 5}\n";

const WORDS: &[(&str, &str)] = &[
    ("pattern", "/etc/*/tls/*.pem\n/etc/a/b/tls/c.pem"),
    ("name", "web-*.**.prod.internal\nweb-1.a.b.prod.internal"),
    ("subtree", "URI:.example.com\n10.0.0.0/8"),
    ("network", "2001:db8::/32\n2001:db8::7"),
    ("duration", "90m\n"),
    ("size", "64MiB\n"),
    ("mirror", "http://crl.example/a\nhttp://crl.example/a/b?c"),
    ("proxy", "http://user:p%40ss@proxy.example:3128\n"),
    ("mail", "smtp://u@[fe80::1%25eth0]:25\n"),
    ("selector", "app in (a, b), !c, example.com/d notin (e), f!=g\n"),
];
