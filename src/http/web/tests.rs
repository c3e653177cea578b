use axum::http::header;
use rcgen::{CertificateParams, KeyPair};

use super::settings::{Header, Pem, RateSettings, TlsSettings, TlsVersion};
use super::*;

pub(in crate::http) fn tls(client_auth: ClientAuth, sans: &[&str]) -> WebSettings {
    let nothing = Pem::File(std::path::PathBuf::new());
    let tls = TlsSettings {
        certificate: nothing.clone(),
        key: nothing,
        client_auth,
        client_ca: None,
        client_allowed_sans: sans.iter().map(|name| (*name).to_owned()).collect(),
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        cipher_suites: Vec::new(),
        curve_preferences: Vec::new(),
        prefer_server_cipher_suites: true,
    };
    WebSettings { tls: Some(tls), ..WebSettings::default() }
}

fn with_user(settings: WebSettings) -> WebSettings {
    let hash = bcrypt::hash("x", 4).unwrap().parse().unwrap();
    WebSettings { users: [("a".to_owned(), hash)].into(), ..settings }
}

fn material() -> Material {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap().pem().into_bytes();
    Material { client_ca: certificate.clone(), certificate, key: zeroize::Zeroizing::new(key.serialize_pem().into_bytes()) }
}

#[test]
fn what_clients_no_longer_need_is_given_up() {
    use ClientAuth::{No, RequireAndVerify, RequireAny, VerifyIfGiven};
    let plain = WebSettings::default;
    for (behaviour, before, after, expected) in [
        ("nothing changes", with_user(tls(RequireAndVerify, &["a"])), with_user(tls(RequireAndVerify, &["a"])), None),
        ("TLS", tls(No, &[]), plain(), Some("TLS")),
        ("passwords", with_user(plain()), plain(), Some("passwords")),
        ("certificates", tls(RequireAndVerify, &[]), tls(RequireAny, &[]), Some("verified client certificates")),
        ("certificates of some", tls(RequireAndVerify, &[]), tls(VerifyIfGiven, &[]), Some("verified client certificates")),
        ("names", tls(RequireAndVerify, &["a"]), tls(RequireAndVerify, &[]), Some("allowed names of client certificates")),
        ("other names", tls(RequireAndVerify, &["a"]), tls(RequireAndVerify, &["b"]), None),
        ("more is asked", plain(), with_user(tls(RequireAndVerify, &["a"])), None),
    ] {
        assert_eq!(after.gives_up(&before), expected, "{behaviour}");
    }
}

#[test]
fn a_new_certificate_changes_no_terms_and_new_cas_do() {
    let verifying = tls(ClientAuth::RequireAndVerify, &[]);
    let (one, other) = (material(), material());
    let terms = |settings: &WebSettings, own: &Material, ca: &Material| {
        let material = Material { certificate: own.certificate.clone(), key: own.key.clone(), client_ca: ca.client_ca.clone() };
        Web::new(settings, &material).unwrap().terms().clone()
    };
    let before = terms(&verifying, &one, &one);
    assert_eq!(terms(&verifying, &other, &one), before, "rotated");
    assert_ne!(terms(&verifying, &one, &other), before, "other CAs");
    assert_ne!(terms(&tls(ClientAuth::RequireAndVerify, &["a"]), &one, &one), before, "other names");
    assert_ne!(terms(&tls(ClientAuth::No, &[]), &one, &one), before, "no client certificates");
    assert_ne!(*Web::open().terms(), before, "no TLS");
}

#[tokio::test]
async fn requests_are_limited_before_anybody_is_asked_who_he_is() {
    let rate = Some(RateSettings { interval: Duration::from_secs(10), burst: 2 });
    let web = Web::new(&with_user(WebSettings { rate, ..WebSettings::default() }), &Material::default()).unwrap();
    let turns = Turns::new(1);
    let mut statuses = Vec::new();
    for second in [0, 0, 0, 10] {
        let (reason, answer) = web.admit(&HeaderMap::new(), None, &turns, Duration::from_secs(second)).await.unwrap_err();
        let challenged = answer.headers().contains_key(header::WWW_AUTHENTICATE);
        assert_eq!(challenged, answer.status() == 401);
        statuses.push((answer.status().as_u16(), reason.as_str()));
    }
    assert_eq!(statuses, [(401, "credentials"), (401, "credentials"), (429, "rate_limit"), (401, "credentials")]);
}

#[test]
fn configured_headers_replace_an_answers_own() {
    let headers = vec![(Header::FrameOptions, "deny".to_owned()), (Header::ContentTypeOptions, "nosniff".to_owned())];
    let web = Web::new(&WebSettings { headers, ..WebSettings::default() }, &Material::default()).unwrap();
    let mut answer = ([(header::X_FRAME_OPTIONS, "sameorigin")], "x").into_response();
    web.dress(&mut answer);
    let values: Vec<_> = answer.headers().get_all(header::X_FRAME_OPTIONS).iter().collect();
    assert_eq!(values, ["deny"]);
    assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
}
