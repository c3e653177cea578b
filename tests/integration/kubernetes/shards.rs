//! Several processes with one configuration, each looking at its part.

use std::collections::BTreeMap;

use super::cluster::{Cluster, source};
use crate::support::ca::Ca;
use crate::support::exporter::Folder;

const SHARDS: usize = 3;

#[test]
fn shards_see_each_thing_exactly_once() {
    let (cluster, ca) = (Cluster::new(), Ca::root("Root"));
    let leaf = ca.leaf(&["same"]).issue();
    let config = source("cluster", "DIR/kubeconfig", "")
        + "[sources.files]\ntype = \"file\"\npaths = [\"DIR/files\"]\n"
        + "[sources.edge]\ntype = \"tls\"\ntargets = [\"127.0.0.1:1\", \"127.0.0.1:2\", \"127.0.0.1:3\", \"127.0.0.1:4\", \"127.0.0.1:5\", \"127.0.0.1:6\"]\n";
    let folder = Folder::new(&config);
    cluster.kubeconfig(&folder.path().join("kubeconfig"), "t");
    for number in 0..40 {
        cluster.secret(
            "shop",
            &format!("s{number}"),
            "Opaque",
            &[("tls.crt", leaf.chain_pem().as_bytes()), ("ca.crt", ca.pem().as_bytes())],
        );
        folder.write(&format!("files/{number}.pem"), leaf.chain_pem());
    }
    let mut seen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for shard in 0..SHARDS {
        let pod = format!("notafter-{shard}");
        let config = folder.at("notafter.toml");
        let mut command =
            folder.command(["run", "--config", &config, "--listen", "127.0.0.1:0", "--shard", "ordinal", "--total-shards", "3"]);
        command.env("POD_NAME", pod).env("XDG_STATE_HOME", folder.at(&format!("state-{shard}")));
        let exporter = crate::support::exporter::Exporter::spawn(command);
        exporter.until_ready();
        let scrape = exporter.scrape();
        for sample in scrape.all("x509_cert_error", &[]).into_iter().chain(scrape.all("tls_probe_success", &[])) {
            seen.entry(sample.series()).or_default().push(shard);
        }
        // All keys of a Secret are together.
        for number in 0..40 {
            let keys = scrape.all("x509_cert_error", &[("secret_name", &format!("s{number}"))]).len();
            assert!(keys == 0 || keys == 2, "s{number}: {keys}");
        }
    }
    assert_eq!(seen.len(), 80 + 40 + 6);
    assert!(seen.values().all(|shards| shards.len() == 1), "{seen:#?}");
    for shard in 0..SHARDS {
        assert!(seen.values().filter(|shards| shards[0] == shard).count() > 20, "shard {shard} has its part");
    }
}

#[test]
fn a_part_that_there_is_not_is_refused() {
    let folder = Folder::new("");
    for (arguments, why) in [
        (&["--shard", "3", "--total-shards", "3"][..], "expected 0 to 2"),
        (&["--shard", "x", "--total-shards", "3"], "ordinal"),
        (&["--shard", "1"], "--total-shards"),
    ] {
        let ran = folder.run(&[&["run", "--config", &folder.at("notafter.toml"), "--listen", "127.0.0.1:0"], arguments].concat());
        assert_eq!(ran.code, Some(64), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{arguments:?}: {}", ran.stderr);
    }
}
