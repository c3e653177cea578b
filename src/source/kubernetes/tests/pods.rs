//! Pods: what their controllers use, whichever Pods there are.

use super::*;
use crate::source::kubernetes::objects::Subject;
use crate::source::kubernetes::objects::pod::Pods;
use crate::source::kubernetes::surroundings::Used;

/// A Pod of namespace `a` with this metadata beside its name, and this spec.
fn pod(name: &str, metadata: &str, spec: &str) -> String {
    format!(r#"{{"metadata":{{"namespace":"a","name":"{name}"{metadata}}},"spec":{{{spec}}},"status":{{"phase":"Running"}}}}"#)
}

/// Metadata of a Pod of a Deployment's ReplicaSet.
fn of_deployment(name: &str, hash: &str) -> String {
    format!(
        r#","labels":{{"app":"x","pod-template-hash":"{hash}"}},"ownerReferences":[{{"kind":"ReplicaSet","name":"{name}-{hash}","controller":true}}]"#
    )
}

const VOLUME: &str = r#""volumes":[{"name":"v","secret":{"secretName":"s"}}]"#;

fn users(table: &Table, used: &Used) -> Vec<String> {
    table.surroundings.of(used).used_by.iter().map(|one| format!("{} {}{}", one.kind, one.name, one.host)).collect()
}

fn secret_of(name: &str) -> Used {
    Used::Secret(("a".into(), name.into()))
}

fn configmap_of(name: &str) -> Used {
    Used::ConfigMap(("a".into(), name.into()))
}

#[test]
fn the_user_is_what_a_pod_belongs_to() {
    let owner = |kind: &str, name: &str| format!(r#","ownerReferences":[{{"kind":"{kind}","name":"{name}","controller":true}}]"#);
    let rollout =
        r#","labels":{"rollouts-pod-template-hash":"5f"},"ownerReferences":[{"kind":"ReplicaSet","name":"web-5f","controller":true}]"#;
    let second = r#","ownerReferences":[{"kind":"Backup","name":"b"},{"kind":"DaemonSet","name":"agent","controller":true}]"#;
    for (case, metadata, expected) in [
        ("a Deployment", of_deployment("web-front", "5f"), "Deployment a/web-front"),
        ("a ReplicaSet of its own", owner("ReplicaSet", "web-5f"), "ReplicaSet a/web-5f"),
        ("a ReplicaSet whose name is the hash alone", of_deployment("", "5f"), "ReplicaSet a/-5f"),
        ("a Rollout of Argo", rollout.to_owned(), "Rollout a/web"),
        ("a StatefulSet", owner("StatefulSet", "db"), "StatefulSet a/db"),
        ("the controller among several owners", second.to_owned(), "DaemonSet a/agent"),
        ("an owner that is no controller, when there is none", owner("Cluster", "pg").replace("true", "false"), "Cluster a/pg"),
        ("a Job", owner("Job", "migrate-12"), "Job a/migrate-12"),
        ("a Job of a CronJob", owner("Job", "backup-28912345"), "CronJob a/backup"),
        ("an owner of another kind", owner("Cluster", "pg"), "Cluster a/pg"),
        ("one without an owner", String::new(), "Pod a/p"),
        ("null for a list, as Go writes empty ones", r#","labels":null,"ownerReferences":null"#.to_owned(), "Pod a/p"),
    ] {
        let table = Table::new("");
        let pods = Pods::new(Arc::clone(&table.surroundings));
        let number = pods.applied(pod("p", &metadata, VOLUME).as_bytes(), &table.cx);
        assert_eq!(users(&table, &secret_of("s")), [expected], "{case}");
        assert!(number.is_some(), "{case}: kept track of");
    }
}

#[test]
fn what_a_pod_mounts_or_reads_is_used() {
    let projected = r#""volumes":[{"name":"v","projected":{"sources":[{"secret":{"name":"s"}},{"configMap":{"name":"c"}},{"serviceAccountToken":{"path":"t"}}]}}]"#;
    let environment = |containers: &str| {
        format!(
            r#""{containers}":[{{"name":"x","env":[{{"name":"A","value":"a"}},{{"name":"B","valueFrom":{{"secretKeyRef":{{"name":"s","key":"k"}}}}}},{{"name":"C","valueFrom":{{"configMapKeyRef":{{"name":"c","key":"k"}}}}}}]}}]"#
        )
    };
    let whole = r#""containers":[{"name":"x","envFrom":[{"secretRef":{"name":"s"}},{"configMapRef":{"name":"c"}}]}]"#;
    // A projected volume of this name, with these sources beside the token and the namespace.
    let given = |name: &str, sources: &str| {
        format!(
            r#""volumes":[{{"name":"{name}","projected":{{"defaultMode":420,"sources":[{{"serviceAccountToken":{{"expirationSeconds":3607,"path":"token"}}}},{{"downwardAPI":{{"items":[]}}}}{sources}]}}}}]"#
        )
    };
    let root = r#",{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}}"#;
    let openshift = format!(r#"{root},{{"configMap":{{"name":"openshift-service-ca.crt"}}}}"#);
    let with = |more: &str| format!("{root}{more}");
    for (case, spec, expected) in [
        ("a volume of a Secret", VOLUME.to_owned(), (1, 0)),
        ("a volume of a ConfigMap", r#""volumes":[{"name":"v","configMap":{"name":"c","optional":true}}]"#.to_owned(), (0, 1)),
        ("a projected volume", projected.to_owned(), (1, 1)),
        ("variables", environment("containers"), (1, 1)),
        ("variables of an init container", environment("initContainers"), (1, 1)),
        ("all keys as variables", whole.to_owned(), (1, 1)),
        ("variables of a container for debugging", environment("ephemeralContainers"), (1, 1)),
        ("the volume that the API server adds", given("kube-api-access-x7x", root), (0, 0)),
        ("the same on OpenShift", given("kube-api-access-x7x", &openshift), (0, 0)),
        ("its name and a Secret in it", given("kube-api-access-x7x", &with(r#",{"secret":{"name":"s"}}"#)), (1, 0)),
        ("its name and another ConfigMap in it", given("kube-api-access-x7x", &with(r#",{"configMap":{"name":"c"}}"#)), (0, 1)),
        ("its name and only another ConfigMap", given("kube-api-access-x7x", r#",{"configMap":{"name":"c"}}"#), (0, 1)),
        (
            "its name and no token",
            r#""volumes":[{"name":"kube-api-access-x","projected":{"sources":[{"configMap":{"name":"c"}}]}}]"#.to_owned(),
            (0, 1),
        ),
        ("a plain volume of its name", VOLUME.replace("\"v\"", "\"kube-api-access-x7x\""), (1, 0)),
        ("other volumes", r#""volumes":[{"name":"v","emptyDir":{}},{"name":"w","csi":{"driver":"s"}}]"#.to_owned(), (0, 0)),
        ("a name that is none", r#""volumes":[{"name":"v","secret":{"secretName":""}},{"name":"w","configMap":null}]"#.to_owned(), (0, 0)),
        ("nothing", String::new(), (0, 0)),
    ] {
        let table = Table::new("");
        let pods = Pods::new(Arc::clone(&table.surroundings));
        let number = pods.applied(pod("p", "", &spec).as_bytes(), &table.cx);
        assert_eq!((users(&table, &secret_of("s")).len(), users(&table, &configmap_of("c")).len()), expected, "{case}");
        assert_eq!(number.is_some(), expected != (0, 0), "{case}: kept track of only for what it uses");
    }
}

#[test]
fn the_root_ca_is_used_by_who_mounts_it_on_purpose() {
    let sources = |own: &str| format!(r#"{{"configMap":{{"name":"kube-root-ca.crt"}}}}{own}"#);
    let token = r#",{"serviceAccountToken":{"path":"token"}},{"downwardAPI":{"items":[]}}"#;
    for (case, name, own, expected) in [
        ("the API server's volume", "kube-api-access-x7x", token, 0),
        ("the same under another name", "trust", token, 1),
        ("its name, and the root CA alone", "kube-api-access-x7x", "", 1),
    ] {
        let table = Table::new("");
        let spec = format!(r#""volumes":[{{"name":"{name}","projected":{{"sources":[{}]}}}}]"#, sources(own));
        Pods::new(Arc::clone(&table.surroundings)).applied(pod("p", "", &spec).as_bytes(), &table.cx);
        assert_eq!(users(&table, &configmap_of("kube-root-ca.crt")).len(), expected, "{case}");
    }
}

#[test]
fn a_use_lasts_from_the_first_pod_to_the_last() {
    let table = Table::new("");
    let (cx, pods) = (&table.cx, Pods::new(Arc::clone(&table.surroundings)));
    let told = || !table.changes.take().objects.is_empty();
    let apply = |name: &str, hash: &str, spec: &str| pods.applied(pod(name, &of_deployment("web", hash), spec).as_bytes(), cx);
    let first = apply("web-1-a", "1", VOLUME);
    assert!(told(), "the first Pod");
    let second = apply("web-1-b", "1", VOLUME);
    apply("web-1-a", "1", VOLUME);
    apply("web-2-c", "2", VOLUME);
    vanish(&pods, &[first, second], cx);
    assert!(!told(), "a second Pod, a Pod seen again and a rollout are no news");
    assert_eq!(users(&table, &secret_of("s")), ["Deployment a/web"]);
    pods.applied(br#"{"metadata":{"namespace":"a","name":"web-2-c"},"spec":7}"#, cx);
    assert_eq!(users(&table, &secret_of("s")), ["Deployment a/web"], "a version that cannot be read changes nothing");
    assert_eq!(table.sink.errors.lock().unwrap().len(), 1);

    // A rollout to another Secret: each is used while a Pod has it.
    let other = VOLUME.replace("\"s\"", "\"t\"");
    apply("web-3-d", "3", &other);
    assert_eq!([secret_of("s"), secret_of("t")].map(|used| users(&table, &used).len()), [1, 1]);
    pods.deleted(pod("web-2-c", "", "").as_bytes(), cx);
    assert_eq!([secret_of("s"), secret_of("t")].map(|used| users(&table, &used).len()), [0, 1]);
    // One that has run to its end, whatever it mounts.
    let finished = pod("web-3-d", &of_deployment("web", "3"), &other).replace("Running", "Succeeded");
    assert_eq!(pods.applied(finished.as_bytes(), cx), None);
    assert_eq!(users(&table, &secret_of("t")), [""; 0]);
    pods.deleted(finished.as_bytes(), cx);
    assert!(told());
}

#[test]
fn known_secrets_and_configmaps_are_described_again() {
    let table = Table::new("");
    let (cx, pem, pods) = (&table.cx, encoded("x"), Pods::new(Arc::clone(&table.surroundings)));
    table.secrets.applied(secret("x", "", &[("tls.crt", &pem), ("ca.crt", &pem)]).as_bytes(), cx);
    table.configmaps.applied(br#"{"metadata":{"namespace":"a","name":"x"},"data":{"bundle.pem":"y"}}"#, cx);
    let redescribe = || {
        let changed = table.changes.take();
        table.secrets.redescribe(&changed, cx);
        table.configmaps.redescribe(&changed, cx);
        ["tls.crt", "ca.crt", "bundle.pem"].map(|key| table.sink.seen(key).uses.concat())
    };
    let mounts = |volume: &str| pod("p", &of_deployment("web", "1"), &format!(r#""volumes":[{{"name":"v",{volume}}}]"#));
    for (case, json, expected) in [
        ("the Secret", mounts(r#""secret":{"secretName":"x"}"#), ["Deployment a/web ", "Deployment a/web ", ""]),
        ("the ConfigMap of the same name", mounts(r#""configMap":{"name":"x"}"#), ["", "", "Deployment a/web "]),
        ("neither", mounts(r#""emptyDir":{}"#), ["", "", ""]),
    ] {
        pods.applied(json.as_bytes(), cx);
        assert_eq!(redescribe(), expected, "{case}");
    }
    assert_eq!(table.sink.reads(), 3, "no bytes are read again");
}

#[test]
fn what_one_pod_uses_is_bounded_and_always_the_same() {
    let volumes = |kind: &str, name: &str| -> Vec<String> {
        let all = (0..200).map(|number| format!(r#"{{"name":"v{number}","{kind}":{{"{name}":"x{number:03}"}}}}"#));
        all.collect()
    };
    let (secrets, mut configmaps) = (volumes("secret", "secretName"), volumes("configMap", "name"));
    for turned in [false, true] {
        let table = Table::new("");
        let pods = Pods::new(Arc::clone(&table.surroundings));
        if turned {
            configmaps.reverse();
        }
        let spec = format!(r#""volumes":[{},{}]"#, configmaps.join(","), secrets.join(","));
        pods.applied(pod("p", "", &spec).as_bytes(), &table.cx);
        let count = |used: fn(&str) -> Used| (0..200).filter(|number| !users(&table, &used(&format!("x{number:03}"))).is_empty()).count();
        assert_eq!((count(secret_of), count(configmap_of)), (200, 56), "turned: {turned}");
        assert_eq!(users(&table, &configmap_of("x055")).len(), 1, "turned: {turned}");
    }
}
