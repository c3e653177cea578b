//! Trust bundles, and client certificates against them.

use super::*;

/// A new root of the same name.
fn rollover() -> (Issued, Issued) {
    let root = || {
        let mut params = ca_params("Mesh Root");
        params.use_authority_key_identifier_extension = true;
        crate::pki::fixtures::self_signed(params)
    };
    (root(), root())
}

#[test]
fn a_bundle_that_lacks_the_new_key_of_its_ca_is_found_once_leaves_use_it() {
    let (old, new) = rollover();
    let bundle = |path: &str, cas: &[&Issued]| file(path, cas.iter().map(|ca| facts(ca)));
    let of_new = || file("/leaf", [leaf(&new, "a.example", -1, 90)]);
    let found = |targets: Vec<TargetState>| said(&[source(SourceKind::File, "mesh", targets)]).0;
    let both = || bundle("/done", &[&old, &new]);
    let lacking = found(vec![bundle("/bundle", &[&old]), both(), of_new()]);
    assert_eq!(lacking.at("mesh /bundle"), [Finding::BundleLacksIssuer], "another bundle holds both keys");
    let evidence = &lacking.0["mesh /bundle"].evidence[0];
    assert_eq!(&*evidence.place, "/done");
    assert!(evidence.detail.starts_with("1 leaf hangs on CN=Mesh Root"), "{}", evidence.detail);
    assert_eq!(lacking.at("mesh /done"), [Finding::CaUnused], "the old one may go there");
    assert_eq!(found(vec![bundle("/bundle", &[&old]), both()]).at("mesh /bundle"), [], "nothing uses the new one yet");
    assert_eq!(
        found(vec![bundle("/bundle", &[&old]), bundle("/ca", &[&new]), of_new()]).at("mesh /bundle"),
        [],
        "a namesake, for all that is known"
    );
}

#[test]
fn a_key_that_takes_the_place_of_another_is_the_same_ca() {
    let (old, new) = rollover();
    let bundle = || file("/bundle", [facts(&old)]);
    let mut relate = Relate::default();
    let mut said = Said::default();
    let mut step = |ca: &Issued| {
        let of_ca = file("/istio/ca-cert.pem", [facts(ca)]);
        let told = said.0.get("mesh /bundle").cloned().map(Arc::new);
        let targets = [TargetState { related: told, ..bundle() }, of_ca, file("/leaf", [leaf(ca, "a.example", -1, 90)])];
        said.hear(&relate.pass(view(&[source(SourceKind::File, "mesh", targets)]), at(NOW)));
        said.at("mesh /bundle")
    };
    assert_eq!(step(&old), []);
    assert_eq!(step(&new), [Finding::BundleLacksIssuer]);
    assert_eq!(step(&old), [], "and back");
}

#[test]
fn somebody_elses_ca_of_the_same_name_is_not_lacking() {
    let (here, there) = rollover();
    let cluster = |name: &str, ca: &Issued| {
        source(SourceKind::File, name, [file("/bundle", [facts(ca)]), file("/leaf", [leaf(ca, "a.example", -1, 90)])])
    };
    assert_eq!(said(&[cluster("one", &here), cluster("two", &there)]).0.0.len(), 0);
}

#[test]
fn a_ca_that_nothing_hangs_on_is_found_beside_one_that_is_used() {
    let (old, new) = rollover();
    let bundle = file("/bundle", [facts(&old), facts(&new)]);
    let with = |ca: &Issued| [source(SourceKind::File, "mesh", [bundle.clone(), file("/leaf", [leaf(ca, "a.example", -1, 90)])])];
    let (found, _) = said(&with(&new));
    assert_eq!(found.at("mesh /bundle"), [Finding::CaUnused]);
    assert_eq!(found.0["mesh /bundle"].certificates[0].0, facts(&old).fingerprint);
    let (none, _) = said(&[source(SourceKind::File, "mesh", [bundle.clone()])]);
    assert_eq!(none.at("mesh /bundle"), [], "where nothing is watched that hangs on any, nothing is known");
    let fresh = [source(SourceKind::File, "mesh", [changed(bundle.clone(), NOW), file("/leaf", [leaf(&new, "a.example", -1, 90)])])];
    assert_eq!(said(&fresh).0.0.len(), 0, "a bundle that has just changed has time");
    let anchor = facts(&old);
    let anchors = vec![(anchor.subject.clone(), anchor.authority.clone().unwrap())];
    let outcome = Relate::new(anchors).pass(view(&with(&new)), at(NOW));
    assert_eq!(outcome.told.len(), 0, "public CAs are there for others");
}

#[test]
fn a_client_certificate_is_held_against_the_bundle_of_the_endpoints_server() {
    let (ours, theirs) = rollover();
    let mut client = leaf(&ours, "client", -1, 90);
    client.shown_to_servers = true;
    let edge =
        source(SourceKind::Tls, "edge", [file("/client.pem", [client]), served("api.example", [leaf(&theirs, "api.example", -1, 90)])]);
    let nginx = |ca: &Issued, host: &str| {
        source(
            SourceKind::File,
            "nginx",
            [used_by(file("/clients.pem", [facts(ca)]), "nginx_client_ca", host), file("/ours", [facts(&ours)])],
        )
    };
    let found = |ca: &Issued, host: &str| said(&[edge.clone(), nginx(ca, host)]).0.at("edge api.example:443");
    assert_eq!(found(&theirs, "api.example"), [Finding::ClientNotTrusted]);
    assert_eq!(found(&ours, "api.example"), []);
    assert_eq!(found(&theirs, "other.example"), [], "another server's bundle");
}
