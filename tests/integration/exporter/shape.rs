//! Which series a configuration makes, and how many.

use std::collections::BTreeSet;

use crate::support::ca::Ca;
use crate::support::exporter::{Folder, promtool_accepts};
use crate::support::servers::Servers;

#[test]
fn a_trust_store_is_folded_into_one_series() {
    let folder = Folder::new("[sources.trust]\ntype = \"file\"\npaths = [\"DIR/bundle.pem\"]\ntrust_store = true\n");
    let roots: Vec<Ca> = (0..20).map(|root| Ca::root(&format!("Root {root}"))).collect();
    folder.write("bundle.pem", roots.iter().map(Ca::pem).collect::<String>());
    let scrape = folder.ready().scrape();
    assert_eq!(scrape.with("filename", "bundle.pem").len(), 1);
    assert_eq!(scrape.all("x509_cert_not_after", &[("filename", "bundle.pem"), ("cert_role", "root")]).len(), 1);
}

#[test]
fn leaves_alone_are_kept_where_asked() {
    let folder = Folder::new("[sources.a]\ntype = \"file\"\nchain = \"leaf\"\npaths = [\"DIR/chain.pem\"]\n");
    let root = Ca::root("Root");
    let leaf = root.intermediate("Issuing").leaf(&["www"]).issue();
    folder.write("chain.pem", leaf.chain_pem() + &root.pem());
    let scrape = folder.ready().scrape();
    let roles: BTreeSet<&str> = scrape.samples.iter().map(|sample| sample.label("cert_role")).collect();
    assert_eq!(roles, BTreeSet::from(["", "leaf"]));
}

#[test]
fn the_cap_of_a_source_cuts_it_alone_and_counts_what_it_cuts() {
    let source = |name: &str, more: &str| format!("[sources.{name}]\ntype = \"file\"\npaths = [\"DIR/files/*\"]\n{more}\n");
    let folder = Folder::new(&(source("capped", "max_series = 12") + &source("free", "")));
    let leaf = Ca::root("Root").leaf(&["www"]).issue();
    (0..20).for_each(|file| drop(folder.write(&format!("files/{file}.pem"), leaf.chain_pem())));
    let exporter = folder.ready();
    let scrape = exporter.scrape();
    let shown = |source: &str| scrape.with("source_name", source).iter().filter(|sample| !sample.label("filename").is_empty()).count();
    // Six series for each: room for two of them.
    assert_eq!((shown("capped"), shown("free")), (12, 120));
    let dropped = |source: &str| scrape.value("notafter_series_dropped_total", &[("source_name", source)]);
    assert_eq!((dropped("capped"), dropped("free")), (Some(108.0), Some(0.0)));
}

#[test]
fn a_users_own_labels_stand_on_every_series_of_source_and_target() {
    let (ca, mut servers) = (Ca::root("Root"), Servers::new());
    let one = servers.tls(&ca.leaf(&["127.0.0.1"]).issue());
    let two = servers.tls(&ca.leaf(&["127.0.0.1"]).issue());
    let folder = Folder::new(&format!(
        "[sources.edge]\ntype = \"tls\"\nroots = [\"DIR/ca.pem\"]\nlabels = {{ team = \"web\", tier = \"a\\\"b\\\\c\" }}\n\
         targets = [{{ target = \"{one}\", labels = {{ team = \"core\", page = \"ja ✓\" }} }}, \"{two}\"]\n"
    ));
    folder.write("ca.pem", ca.pem());
    let scrape = folder.ready().scrape();
    promtool_accepts(&scrape.text);
    for (target, team, page) in [(one, "core", "ja ✓"), (two, "web", "")] {
        let found = scrape.with("target", &target.to_string());
        assert!(found.len() > 8, "{found:#?}");
        for sample in found {
            assert!(sample.has(&[("team", team), ("page", page), ("tier", "a\"b\\c")]), "{sample:?}");
        }
    }
    assert_eq!(scrape.all("x509_source_up", &[("team", "web"), ("page", "")]).len(), 1);
}

#[test]
fn series_keep_to_their_budget_and_at_most_four_change_at_a_renewal() {
    let folder = Folder::new("[sources.a]\ntype = \"file\"\nschedule = \"@every 1s\"\npaths = [\"DIR/chain.pem\"]\n");
    let root = Ca::root("Root");
    let issuing = root.intermediate("Issuing");
    let now = time::OffsetDateTime::now_utc();
    let chain = |days: i64| {
        let leaf = issuing.leaf(&["www.example.com", "example.com"]);
        leaf.valid(now - time::Duration::HOUR, now + time::Duration::days(days)).issue().chain_pem() + &root.pem()
    };
    folder.write("chain.pem", chain(90));
    let exporter = folder.ready();
    let before = exporter.scrape();
    for (role, budget) in [("leaf", 7), ("intermediate", 2), ("root", 2)] {
        let found = before.with("cert_role", role);
        assert!((1..=budget).contains(&found.len()), "{role}: {found:#?}");
    }
    let series = |scrape: &crate::support::scrape::Scrape| -> BTreeSet<String> {
        scrape.with("filename", "chain.pem").iter().map(|sample| sample.series()).collect()
    };
    folder.write("chain.pem", chain(91));
    let after = exporter.scrape_until("renewed", |scrape| (series(scrape) != series(&before)).then(|| scrape.clone()));
    let (before, after_series) = (series(&before), series(&after));
    let new: Vec<_> = after_series.difference(&before).collect();
    assert!((1..=4).contains(&new.len()), "{new:#?}");
    assert_eq!(before.len(), after_series.len());
    // The renewal itself is seen: it came with nearly all of the lifetime left.
    let margin = exporter.scrape_until("the renewal is counted", |scrape| {
        (scrape.value("x509_renewal_margin_ratio_count", &[])? == 1.0).then(|| scrape.value("x509_renewal_margin_ratio_sum", &[]).unwrap())
    });
    assert!((0.99..=1.0).contains(&margin), "{margin}");
}

#[test]
fn compatibility_adds_the_peers_families_and_labels() {
    let config = |more: &str| format!("{more}[sources.a]\ntype = \"file\"\npaths = [\"DIR/*.pem\"]\n");
    let folder = Folder::new(&config("[metrics]\ncompatibility = [\"enix\"]\n"));
    let ca = Ca::root("Root");
    let mut leaf = ca.leaf(&["www"]).expired();
    leaf.params.distinguished_name.push(rcgen::DnType::OrganizationName, "Example");
    folder.write("old.pem", leaf.issue().chain_pem());
    let exporter = folder.ready();
    let scrape = exporter.scrape();
    promtool_accepts(&scrape.text);
    assert_eq!(scrape.value("x509_cert_expired", &[("subject_O", "Example")]), Some(1.0));
    assert_eq!(scrape.all("x509_cert_not_after", &[("subject_O", "Example"), ("issuer_CN", "Root")]).len(), 1);

    // A reload takes it away again, from every series.
    folder.config(&config(""));
    exporter.signal(rustix::process::Signal::HUP);
    exporter.scrape_until("rendered anew", |scrape| {
        let plain = scrape.all("x509_cert_expired", &[]).is_empty() && scrape.with("subject_O", "Example").is_empty();
        (plain && scrape.all("x509_cert_not_after", &[]).len() == 1).then_some(())
    });
}
