use super::*;
use crate::pki::fixtures::tlv;

const CRL: &[u8] = &[0x55, 0x1d, 0x1f];
const ACCESS: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x01\x01";

fn name(cn: &str) -> Vec<u8> {
    let attribute = [tlv(der::OID, &[0x55, 4, 3]), tlv(0x0c, cn.as_bytes())].concat();
    tlv(der::SEQUENCE, &tlv(der::SET, &tlv(der::SEQUENCE, &attribute)))
}

fn uri(text: &str) -> Vec<u8> {
    tlv(URI, text.as_bytes())
}

/// A distribution point with full names.
fn point(names: &[impl AsRef<[u8]>], more: &[u8]) -> Vec<u8> {
    tlv(
        der::SEQUENCE,
        &[tlv(0xa0, &tlv(0xa0, &names.iter().flat_map(|name| name.as_ref().to_vec()).collect::<Vec<_>>())), more.to_vec()].concat(),
    )
}

fn access(method: u8, location: &[u8]) -> Vec<u8> {
    tlv(der::SEQUENCE, &[&[6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, method][..], location].concat())
}

fn read(extensions: &[(&[u8], Vec<u8>)]) -> Pointers {
    let mut raw = Raw::default();
    extensions.iter().for_each(|(id, value)| raw.note(id, value));
    raw.pointers(&name("CA"))
}

fn crls(points: &[Vec<u8>]) -> Pointers {
    read(&[(CRL, tlv(der::SEQUENCE, &points.concat()))])
}

#[test]
fn distribution_points_of_every_form() {
    let directory = tlv(DIRECTORY_NAME, &name("Point"));
    let ldap = uri("ldap://x/cn=y");
    let relative_to = |issuer: &[u8]| {
        let one = tlv(0xa1, &tlv(der::SEQUENCE, &[tlv(der::OID, &[0x55, 4, 11]), tlv(0x0c, b"A")].concat()));
        tlv(der::SEQUENCE, &[tlv(0xa0, &one), issuer.to_vec()].concat())
    };
    let full = |base: &str| {
        let last = tlv(der::SET, &tlv(der::SEQUENCE, &[tlv(der::OID, &[0x55, 4, 11]), tlv(0x0c, b"A")].concat()));
        tlv(DIRECTORY_NAME, &tlv(der::SEQUENCE, &[name(base)[2..].to_vec(), last].concat()))
    };
    let other = tlv(0xa2, &tlv(DIRECTORY_NAME, &name("Other")));
    let http = uri("http://a/b.crl");
    for (what, written, expected) in [
        ("one URL", point(&[&http], &[]), (vec![http.clone()], vec!["http://a/b.crl"], None, None)),
        ("https too, in any case", point(&[uri("HTTPS://a/b")], &[]), (vec![uri("HTTPS://a/b")], vec!["HTTPS://a/b"], None, None)),
        (
            "alternatives",
            point(&[ldap.clone(), http.clone(), directory.clone(), http.clone()], &[]),
            (vec![ldap.clone(), http.clone(), directory.clone(), http.clone()], vec!["http://a/b.crl"], None, None),
        ),
        ("LDAP alone", point(&[&ldap], &[]), (vec![ldap.clone()], vec![], None, None)),
        ("reasons", point(&[&http], &[0x81, 2, 1, 0x66]), (vec![http.clone()], vec!["http://a/b.crl"], Some(0b110_0110), None)),
        ("another issuer", tlv(der::SEQUENCE, &other), (vec![], vec![], None, Some(name("Other")))),
        ("an issuer of no directory", point(&[&http], &tlv(0xa2, &http)), (vec![http.clone()], vec!["http://a/b.crl"], None, Some(vec![]))),
        ("relative to the issuer", relative_to(&[]), (vec![full("CA")], vec![], None, None)),
        ("relative to another issuer", relative_to(&other), (vec![full("Other")], vec![], None, Some(name("Other")))),
        ("a URL with a blank", point(&[uri("http://a/b c")], &[]), (vec![uri("http://a/b c")], vec![], None, None)),
        ("a scheme alone", point(&[uri("http://")], &[]), (vec![uri("http://")], vec![], None, None)),
    ] {
        let found = crls(&[written]).crls;
        let [found] = &*found else { panic!("{what}: {found:?}") };
        let urls: Vec<_> = found.urls.iter().map(|url| &**url).collect();
        let names: Vec<_> = found.names.iter().map(|name| name.to_vec()).collect();
        assert_eq!((names, urls, found.reasons, found.crl_issuer.as_deref().map(<[u8]>::to_vec)), expected, "{what}");
    }
}

#[test]
fn only_web_places_are_places() {
    let ldap = || vec![point(&[uri("ldap://x/y")], &[])];
    let responder = |url: &str| (ACCESS, tlv(der::SEQUENCE, &access(1, &uri(url))));
    for (what, pointers, unsupported) in [
        ("nothing", read(&[]), false),
        ("LDAP alone", crls(&ldap()), true),
        ("LDAP beside a web place", crls(&[ldap().concat(), point(&[uri("http://a/b")], &[])]), false),
        ("a responder beside LDAP", read(&[(CRL, tlv(der::SEQUENCE, &ldap().concat())), responder("http://o")]), false),
        ("a responder by LDAP", read(&[responder("ldap://o")]), true),
        ("the issuer's certificate is no place of revocation", read(&[(ACCESS, tlv(der::SEQUENCE, &access(2, &uri("ldap://o"))))]), false),
        ("a list that cannot be read", read(&[(CRL, vec![0x30, 5, 0])]), false),
    ] {
        assert_eq!(pointers.unsupported, unsupported, "{what}");
    }
}

#[test]
fn responders_and_issuers_are_apart() {
    let written = [
        access(1, &uri("http://o/1")),
        access(2, &uri("http://i/1")),
        access(1, &uri("http://o/1")),
        access(9, &uri("http://x")),
        access(1, &uri("https://o/2")),
        access(2, &tlv(DIRECTORY_NAME, &name("CA"))),
    ];
    let pointers = read(&[(ACCESS, tlv(der::SEQUENCE, &written.concat()))]);
    assert_eq!(pointers.responders.iter().map(|url| &**url).collect::<Vec<_>>(), ["http://o/1", "https://o/2"]);
    assert_eq!(pointers.issuers.iter().map(|url| &**url).collect::<Vec<_>>(), ["http://i/1"]);
}

#[test]
fn hundreds_of_places_are_cut() {
    let numbered = |n: usize| uri(&format!("http://host-{n}.example/list"));
    let apart = crls(&(0..240).map(|n| point(&[numbered(n)], &[])).collect::<Vec<_>>());
    assert_eq!((apart.crls.len(), apart.crls.iter().map(|point| point.urls.len()).sum::<usize>()), (POINTS, URLS));
    let together = crls(&[point(&(0..240).map(numbered).collect::<Vec<_>>(), &[])]);
    assert_eq!((together.crls[0].names.len(), together.crls[0].urls.len()), (240, URLS), "names are kept to compare with");
    let large = crls(&(0..40).map(|n| point(&[uri(&format!("http://{n}/{}", "x".repeat(1000)))], &[])).collect::<Vec<_>>());
    assert!((10..20).contains(&large.crls.len()), "{}", large.crls.len());
    let long = uri(&format!("http://a/{}", "x".repeat(URL_BYTES)));
    assert!(crls(&[point(&[long], &[])]).unsupported, "a URL too long is none");
    let many = (0..240).map(|n| access(1, &numbered(n))).collect::<Vec<_>>();
    assert_eq!(read(&[(ACCESS, tlv(der::SEQUENCE, &many.concat()))]).responders.len(), URLS);
}

#[test]
fn identifiers_and_features() {
    let mut raw = Raw::default();
    assert!(!raw.must_staple() && !raw.no_rev_avail && raw.authority_key().is_none());
    let (authority, subject) = (tlv(der::SEQUENCE, &tlv(0x80, b"key")), tlv(der::OCTET_STRING, b"own"));
    let features = tlv(der::SEQUENCE, &[tlv(der::INTEGER, &[17]), tlv(der::INTEGER, &[5])].concat());
    raw.note(&[0x55, 0x1d, 0x23], &authority);
    raw.note(&[0x55, 0x1d, 0x0e], &subject);
    raw.note(b"\x2b\x06\x01\x05\x05\x07\x01\x18", &features);
    raw.note(&[0x55, 0x1d, 0x38], &[5, 0]);
    assert_eq!((raw.authority_key(), raw.subject_key()), (Some(&b"key"[..]), Some(&b"own"[..])));
    assert!(raw.must_staple() && raw.no_rev_avail);
    let by_serial = tlv(der::SEQUENCE, &tlv(0x82, &[1]));
    let mut raw = Raw::default();
    raw.note(&[0x55, 0x1d, 0x23], &by_serial);
    assert_eq!(raw.authority_key(), None, "by issuer and serial only");
}

#[test]
fn serials_lose_redundant_leading_bytes_only() {
    for (contents, kept) in [
        (&[0, 0, 0x7f][..], &[0x7f][..]),
        (&[0, 0x80], &[0, 0x80]),
        (&[0, 0, 0x80], &[0, 0x80]),
        (&[0xff, 0xff, 0x80], &[0x80]),
        (&[0xff, 0x7f], &[0xff, 0x7f]),
        (&[0xff], &[0xff]),
        (&[0], &[0]),
        (&[0, 0], &[0]),
        (&[], &[]),
    ] {
        assert_eq!(serial(contents), kept, "{contents:x?}");
    }
}
