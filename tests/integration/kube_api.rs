//! Lists and watches of an API server that does what real ones do.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use notafter::model::clock::Clock;
use notafter::model::{ApiEvent, BoxFuture, Failure, KubeResource, Listing, Observation, Place, Reason, ScanContext, Sink, Stamp};
use notafter::source::kubernetes::api::{Api, ApiSettings, Feed, Feeds, Handler, Scope};
use serde_json::{Value, json};

use crate::support::api_server::{KubeServer, Order, Streaming};
use crate::support::ca::Ca;

/// A clock on which everything takes a twentieth of the time.
struct Hurried(Instant);

impl Hurried {
    const TIMES: u32 = 20;
}

impl Clock for Hurried {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed() * Self::TIMES
    }

    fn sleep_until(&self, at: SystemTime) -> BoxFuture<'_, ()> {
        let left = at.duration_since(self.now()).unwrap_or_default();
        Box::pin(tokio::time::sleep(left / Self::TIMES))
    }
}

/// What a source tells the engine.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn tell(&self, words: String) {
        self.0.lock().unwrap().push(words);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Sink for Told {
    fn observed(&self, _: Observation) {}
    fn source_error(&self, failure: Failure) {
        self.tell(format!("error {}", failure.reason));
    }
    fn is_unchanged(&self, _: &Place, _: Stamp) -> bool {
        false
    }
    fn each_known(&self, _: &mut dyn FnMut(&Place)) {}
    fn lost(&self, failure: Failure) {
        self.tell(format!("lost {}", failure.reason));
    }
    fn regained(&self) {
        self.tell("regained".to_owned());
    }
    fn api_event(&self, event: ApiEvent) {
        self.tell(match event {
            ApiEvent::Resync(resource) => format!("resync {resource}"),
            ApiEvent::Error(resource, reason) => format!("{resource} {reason}"),
        });
    }
    fn is_over(&self) -> bool {
        false
    }
}

/// Objects as they are known by what was handed over: `namespace/name` and the value of `data.v`.
#[derive(Default)]
struct Known {
    objects: Mutex<BTreeMap<String, String>>,
    calls: Mutex<usize>,
}

impl Known {
    fn key(json: &[u8]) -> (String, Value) {
        let object: Value = serde_json::from_slice(json).unwrap();
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        (format!("{}/{}", text("namespace"), text("name")), object)
    }

    fn number(key: &str) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(key)
    }

    fn all(&self) -> String {
        let objects = self.objects.lock().unwrap();
        objects.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }
}

impl Handler for Known {
    fn applied(&self, json: &[u8], _: &ScanContext) -> Option<u64> {
        let (key, object) = Self::key(json);
        *self.calls.lock().unwrap() += 1;
        let number = Self::number(&key);
        self.objects.lock().unwrap().insert(key, object["data"]["v"].as_str().unwrap_or_default().to_owned());
        Some(number)
    }

    fn deleted(&self, json: &[u8], _: &ScanContext) -> Option<u64> {
        let (key, _) = Self::key(json);
        self.objects.lock().unwrap().remove(&key);
        Some(Self::number(&key))
    }

    fn vanished(&self, gone: &HashSet<u64>, _: &ScanContext) {
        assert!(!gone.is_empty());
        self.objects.lock().unwrap().retain(|key, _| !gone.contains(&Self::number(key)));
    }
}

/// A server, and a source that watches Secrets there.
struct Cluster {
    server: KubeServer,
    folder: tempfile::TempDir,
    known: Arc<Known>,
    told: Arc<Told>,
    cx: ScanContext,
    feeds: Arc<Feeds>,
}

impl Cluster {
    async fn new(namespaces: &[&str], streaming_list: bool) -> Self {
        Self::of(KubeServer::start().await, KubeResource::Secrets, namespaces, streaming_list)
    }

    fn of(server: KubeServer, resource: KubeResource, namespaces: &[&str], streaming_list: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = ApiSettings {
            kubeconfig: Some(server.kubeconfig(folder.path())),
            context: None,
            requests_per_second: 1_000,
            page_size: 3,
            streaming_list,
        };
        let (api, known) = (Arc::new(Api::new(settings)), Arc::new(Known::default()));
        let scopes: Vec<Option<Arc<str>>> =
            if namespaces.is_empty() { vec![None] } else { namespaces.iter().map(|name| Some(Arc::from(*name))).collect() };
        let feeds = scopes.into_iter().map(|namespace| {
            let scope = Scope { resource, namespace, field_selector: Some("type!=helm.sh/release.v1".to_owned()), label_selector: None };
            Feed::new(Arc::clone(&api), scope, known.clone())
        });
        let feeds = Arc::new(Feeds::new(feeds.collect()));
        let told = Arc::new(Told::default());
        let clock = Arc::new(Hurried(Instant::now()));
        let cx = ScanContext { sink: told.clone(), started_at: clock.now(), clock, timeout: Duration::from_secs(60) };
        Self { server, folder, known, told, cx, feeds }
    }

    fn put(&self, name: &str, value: &str) -> u64 {
        let (namespace, name) = name.split_once('/').unwrap();
        let object = json!({"metadata": {"namespace": namespace, "name": name}, "type": "Opaque", "data": {"v": value}});
        self.server.put("secrets", object)
    }

    fn delete(&self, name: &str) {
        let (namespace, name) = name.split_once('/').unwrap();
        self.server.delete("secrets", namespace, name);
    }

    async fn scan(&self) -> Result<Listing, Failure> {
        self.feeds.scan(&self.cx).await
    }

    /// Follows until the test ends.
    fn follow(&self) -> Following {
        let (feeds, cx) = (Arc::clone(&self.feeds), self.cx.clone());
        Following(tokio::spawn(async move { feeds.follow(&cx).await }))
    }

    /// Waits until this is known, and nothing else.
    async fn knows(&self, wanted: &str) {
        until(|| self.known.all() == wanted, || format!("{:?}, not {wanted:?}; {:?}", self.known.all(), self.told.all())).await;
    }

    async fn tells(&self, wanted: &[&str]) {
        until(|| self.told.all() == wanted, || format!("{:?}, not {wanted:?}", self.told.all())).await;
    }

    async fn has_watches(&self, count: usize) {
        until(|| self.server.watches("secrets") >= count, || format!("{:?}; {:?}", self.server.asked(), self.told.all())).await;
    }

    fn lists(&self) -> usize {
        self.server.asked().iter().filter(|asked| !asked.is_watch() && asked.value("continue").is_none()).count()
    }
}

struct Following(tokio::task::JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn until(is_so: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", otherwise());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn pages_hand_over_each_object_once_and_only_what_the_server_selects() {
    let cluster = Cluster::new(&[], false).await;
    for name in ["a/1", "a/2", "a/3", "b/1", "b/2", "c/1", "c/2"] {
        cluster.put(name, "x");
    }
    let helm = json!({"metadata": {"namespace": "a", "name": "helm"}, "type": "helm.sh/release.v1"});
    cluster.server.put("secrets", helm);
    assert_eq!(cluster.scan().await.unwrap(), Listing::Complete);
    cluster.knows("a/1=x a/2=x a/3=x b/1=x b/2=x c/1=x c/2=x").await;
    assert_eq!(*cluster.known.calls.lock().unwrap(), 7);
    assert_eq!(cluster.server.asked().len(), 3, "{:?}", cluster.server.asked());
    assert!(cluster.told.all().is_empty());
}

#[tokio::test]
async fn a_list_is_streamed_where_the_server_can_and_paged_for_good_where_it_cannot() {
    for (streaming, requests) in [
        (Streaming::Supported, "stream stream"),
        (Streaming::Refused, "stream page page page page"),
        (Streaming::Broken, "stream page page page page"),
        (Streaming::Ignored, "stream page page page page"),
    ] {
        let cluster = Cluster::new(&[], true).await;
        cluster.server.switch(|switches| switches.streaming = streaming);
        for name in ["a/1", "a/2", "a/3", "b/1"] {
            cluster.put(name, "x");
        }
        for _ in 0..2 {
            assert_eq!(cluster.scan().await.unwrap(), Listing::Complete, "{streaming:?}");
        }
        cluster.knows("a/1=x a/2=x a/3=x b/1=x").await;
        let asked: Vec<_> = cluster.server.asked().iter().map(|asked| if asked.streams_list() { "stream" } else { "page" }).collect();
        assert_eq!(asked.join(" "), requests, "{streaming:?}");
        assert!(cluster.told.all().is_empty(), "{streaming:?}: {:?}", cluster.told.all());
    }
}

#[tokio::test]
async fn a_list_begins_anew_when_its_middle_is_forgotten_but_not_for_ever() {
    let cluster = Cluster::new(&[], false).await;
    for name in ["a/1", "a/2", "a/3", "b/1"] {
        cluster.put(name, "x");
    }
    cluster.server.switch(|switches| switches.expired_continues = 2);
    cluster.scan().await.unwrap();
    cluster.tells(&["resync secrets", "resync secrets"]).await;
    cluster.server.switch(|switches| switches.expired_continues = 9);
    let failure = cluster.scan().await.unwrap_err();
    assert_eq!(failure.reason, Reason::ApiError);
    assert!(failure.to_string().contains("410"), "{failure}");
    assert_eq!(cluster.told.all().len(), 5, "{:?}", cluster.told.all());
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again_as_it_says_a_few_times() {
    let cluster = Cluster::new(&[], false).await;
    cluster.put("a/1", "x");
    cluster.server.switch(|switches| switches.failures = vec![(429, Some(8)), (503, None)]);
    let begun = cluster.cx.clock.monotonic();
    cluster.scan().await.unwrap();
    assert!(cluster.cx.clock.monotonic() - begun >= Duration::from_secs(8));
    cluster.tells(&["secrets rate_limited", "secrets api_error"]).await;
    cluster.server.switch(|switches| switches.failures = vec![(429, None); 9]);
    assert_eq!(cluster.scan().await.unwrap_err().reason, Reason::RateLimited);
    cluster.server.switch(|switches| assert_eq!(switches.failures.len(), 5));
    cluster.knows("a/1=x").await;
}

#[tokio::test]
async fn a_namespace_that_is_forbidden_is_named_and_the_others_go_on() {
    let cluster = Cluster::new(&["blog", "shop"], true).await;
    cluster.put("blog/1", "x");
    cluster.put("shop/1", "x");
    cluster.server.deny("*", "secrets", "shop");
    let failure = cluster.scan().await.unwrap_err();
    assert_eq!(failure.reason, Reason::PermissionDenied);
    let wanted = "1 of 2 scopes failed: forbidden: needs the verbs list and watch on secrets in namespace \"shop\": status 403";
    assert!(failure.to_string().contains(wanted), "{failure}");
    cluster.knows("blog/1=x").await;
    let _following = cluster.follow();
    cluster.has_watches(1).await;
    cluster.put("blog/1", "y");
    cluster.knows("blog/1=y").await;
    cluster.tells(&["secrets permission_denied"]).await;
    let shop = cluster.server.asked().iter().filter(|asked| asked.namespace == "shop").count();
    assert_eq!(shop, 1, "nobody asks again before the next scan");
}

#[tokio::test]
async fn a_resource_of_other_software_that_is_missing_is_an_empty_list() {
    for (resource, name, is_fine) in [
        (KubeResource::IstioGateways, "gateways.networking.istio.io", true),
        (KubeResource::Certificates, "certificates.cert-manager.io", true),
        (KubeResource::Ingresses, "ingresses.networking.k8s.io", false),
    ] {
        let cluster = Cluster::of(KubeServer::start().await, resource, &[], true);
        cluster.server.switch(|switches| switches.missing.push(name.to_owned()));
        let scanned = cluster.scan().await;
        assert_eq!(scanned.is_ok(), is_fine, "{name}: {scanned:?}");
        assert_eq!(cluster.told.all().is_empty(), is_fine, "{name}: {:?}", cluster.told.all());
    }
}

#[tokio::test]
async fn a_rotated_token_is_read_again() {
    let cluster = Cluster::new(&[], true).await;
    cluster.put("a/1", "x");
    cluster.scan().await.unwrap();
    cluster.server.switch(|switches| switches.token = Some("first".to_owned()));
    let failure = cluster.scan().await.unwrap_err();
    assert_eq!(failure.reason, Reason::Unauthorized, "{failure}");
    for token in ["first", "second"] {
        cluster.server.switch(|switches| switches.token = Some(token.to_owned()));
        cluster.server.kubeconfig(cluster.folder.path());
        cluster.scan().await.unwrap();
    }
    cluster.tells(&["secrets unauthorized"]).await;
}

#[tokio::test]
async fn changes_are_seen_without_listing_again() {
    let cluster = Cluster::new(&[], false).await;
    cluster.put("a/1", "x");
    cluster.put("a/2", "x");
    cluster.scan().await.unwrap();
    let _following = cluster.follow();
    cluster.has_watches(1).await;
    cluster.put("a/1", "y");
    cluster.put("b/1", "z");
    cluster.delete("a/2");
    cluster.knows("a/1=y b/1=z").await;
    assert_eq!(cluster.lists(), 1);
    assert!(cluster.told.all().is_empty());
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_where_it_was() {
    for (order, told) in [(Order::End, &[][..]), (Order::Cut, &["secrets closed"][..]), (Order::Error(500), &["secrets api_error"][..])] {
        let cluster = Cluster::new(&[], false).await;
        cluster.put("a/1", "x");
        cluster.scan().await.unwrap();
        let _following = cluster.follow();
        cluster.has_watches(1).await;
        cluster.put("a/1", "y");
        let version = cluster.put("a/2", "y");
        cluster.knows("a/1=y a/2=y").await;
        // Older than the least that a watch is.
        tokio::time::sleep(Duration::from_millis(100)).await;
        cluster.server.order(order);
        cluster.has_watches(2).await;
        cluster.put("a/3", "z");
        cluster.knows("a/1=y a/2=y a/3=z").await;
        let from = cluster.server.asked().last().unwrap().value("resourceVersion").map(str::to_owned);
        assert_eq!(from, Some(version.to_string()), "{order:?}");
        assert_eq!(cluster.lists(), 1, "{order:?}");
        assert_eq!(cluster.told.all(), told, "{order:?}");
    }
}

#[tokio::test]
async fn a_bookmark_moves_the_watch_on() {
    let cluster = Cluster::new(&["a"], false).await;
    cluster.put("a/1", "x");
    cluster.scan().await.unwrap();
    let _following = cluster.follow();
    cluster.has_watches(1).await;
    let version = cluster.put("elsewhere/1", "x");
    cluster.server.order(Order::Bookmark);
    tokio::time::sleep(Duration::from_millis(100)).await;
    cluster.server.order(Order::End);
    cluster.has_watches(2).await;
    let from = cluster.server.asked().last().unwrap().value("resourceVersion").map(str::to_owned);
    assert_eq!(from, Some(version.to_string()));
}

#[tokio::test]
async fn a_forgotten_watch_lists_its_scope_again_and_finds_what_has_gone() {
    for (gone_by_http, streaming_list) in [(true, false), (false, false), (false, true)] {
        let cluster = Cluster::new(&["a", "b"], streaming_list).await;
        cluster.server.switch(|switches| switches.gone_by_http = gone_by_http);
        cluster.put("a/1", "x");
        cluster.put("a/2", "x");
        cluster.put("b/1", "x");
        cluster.scan().await.unwrap();
        cluster.delete("a/1");
        cluster.put("a/2", "y");
        cluster.server.forget_history();
        let version = cluster.put("b/1", "y");
        let following = cluster.follow();
        cluster.knows("a/2=y b/1=y").await;
        cluster.tells(&["resync secrets", "resync secrets"]).await;
        cluster.has_watches(4).await;
        cluster.delete("b/1");
        cluster.knows("a/2=y").await;
        drop(following);
        assert!(version > 0);
    }
}

#[tokio::test]
async fn a_forgotten_watch_in_its_middle_lists_again() {
    let cluster = Cluster::new(&[], false).await;
    cluster.put("a/1", "x");
    cluster.scan().await.unwrap();
    let _following = cluster.follow();
    cluster.has_watches(1).await;
    cluster.server.order(Order::Error(410));
    cluster.has_watches(2).await;
    cluster.put("a/2", "y");
    cluster.knows("a/1=x a/2=y").await;
    cluster.tells(&["resync secrets"]).await;
    assert_eq!(cluster.lists(), 2);
}

#[tokio::test]
async fn an_outage_is_told_once_loses_nothing_and_lists_nothing_again() {
    let mut cluster = Cluster::new(&["a", "b"], false).await;
    cluster.put("a/1", "x");
    cluster.put("b/1", "x");
    cluster.scan().await.unwrap();
    let _following = cluster.follow();
    cluster.has_watches(2).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    cluster.server.go_away().await;
    let told = |words: &str| cluster.told.all().iter().filter(|told| *told == words).count();
    until(|| told("secrets refused") >= 4, || format!("{:?}", cluster.told.all())).await;
    cluster.put("a/1", "y");
    cluster.delete("b/1");
    assert_eq!((told("lost refused"), told("regained")), (1, 0), "{:?}", cluster.told.all());
    cluster.server.come_back().await;
    cluster.knows("a/1=y").await;
    let told = |words: &str| cluster.told.all().iter().filter(|told| *told == words).count();
    until(|| told("regained") == 1, || format!("{:?}", cluster.told.all())).await;
    assert_eq!((told("lost refused"), cluster.lists()), (1, 2), "{:?}", cluster.told.all());
}

#[tokio::test]
async fn what_could_not_be_listed_is_listed_when_the_server_is_there() {
    let mut cluster = Cluster::new(&[], true).await;
    cluster.put("a/1", "x");
    cluster.server.go_away().await;
    let failure = cluster.scan().await.unwrap_err();
    assert_eq!(failure.reason, Reason::Refused, "{failure}");
    let _following = cluster.follow();
    cluster.server.come_back().await;
    cluster.knows("a/1=x").await;
    until(|| cluster.told.all().last().is_some_and(|told| told == "regained"), || format!("{:?}", cluster.told.all())).await;
    assert!(!cluster.told.all().iter().any(|told| told.starts_with("lost")), "the scan has told it: {:?}", cluster.told.all());
}

#[tokio::test]
async fn slow_and_cut_answers_are_read_to_their_end() {
    for streaming_list in [false, true] {
        let cluster = Cluster::new(&[], streaming_list).await;
        for name in ["a/1", "a/2", "a/3", "b/1"] {
            cluster.put(name, "brackets } ] \" \\ and {\"items\":[");
        }
        cluster.server.switch(|switches| {
            switches.slow = Some((17, Duration::from_millis(1)));
            switches.cut_lists = vec![100];
        });
        cluster.scan().await.unwrap();
        assert_eq!(cluster.known.objects.lock().unwrap().len(), 4);
        assert_eq!(cluster.told.all().len(), usize::from(!streaming_list), "{:?}", cluster.told.all());
    }
}

#[tokio::test]
async fn tls_with_a_token_works_and_only_with_the_right_authority() {
    let ca = Ca::root("cluster");
    let issued = ca.leaf(&["127.0.0.1"]).issue();
    let server = KubeServer::start_tls(&ca, &issued).await;
    server.switch(|switches| switches.token = Some("secret".to_owned()));
    let cluster = Cluster::of(server, KubeResource::Secrets, &[], true);
    cluster.put("a/1", "x");
    cluster.scan().await.unwrap();
    cluster.knows("a/1=x").await;
    let server = KubeServer::start_tls(&Ca::root("another"), &issued).await;
    let cluster = Cluster::of(server, KubeResource::Secrets, &[], true);
    let failure = cluster.scan().await.unwrap_err();
    assert_eq!(failure.reason, Reason::ServerUntrusted, "{failure}");
}

#[tokio::test]
async fn requests_are_spaced_behind_a_second_s_worth() {
    let server = KubeServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let settings = ApiSettings {
        kubeconfig: Some(server.kubeconfig(folder.path())),
        context: Some("test".to_owned()),
        requests_per_second: 2,
        page_size: 1,
        streaming_list: false,
    };
    let scope = Scope {
        resource: KubeResource::Namespaces,
        namespace: None,
        field_selector: None,
        label_selector: Some("team in (a,b),!old".to_owned()),
    };
    for (name, labels) in
        [("1", json!({"team": "a"})), ("2", json!({"team": "b"})), ("3", json!({"team": "a", "old": ""})), ("4", json!({}))]
    {
        server.put("namespaces", json!({"metadata": {"name": name, "labels": labels}}));
    }
    let (api, clock) = (Api::new(settings), Arc::new(Hurried(Instant::now())));
    let cx =
        ScanContext { sink: Arc::new(Told::default()), started_at: clock.now(), clock: clock.clone(), timeout: Duration::from_secs(60) };
    let mut names = Vec::new();
    let begun = clock.monotonic();
    for _ in 0..3 {
        api.each(&scope, &cx, &mut |json| names.push(Known::key(json).0)).await.unwrap();
    }
    assert_eq!(names.join(" "), "/1 /2 /1 /2 /1 /2");
    // Six requests: two at once, the others half a second apart.
    assert!(clock.monotonic() - begun >= Duration::from_secs(2));
}

#[tokio::test]
async fn ten_thousand_objects_come_through() {
    for streaming_list in [false, true] {
        let server = KubeServer::start().await;
        let cluster = Cluster::of(server, KubeResource::Secrets, &[], streaming_list);
        for number in 0..10_000 {
            cluster.put(&format!("n{}/{number}", number % 7), "x");
        }
        let cluster = Cluster { feeds: with_pages_of(&cluster, 500, streaming_list), ..cluster };
        cluster.scan().await.unwrap();
        assert_eq!(cluster.known.objects.lock().unwrap().len(), 10_000);
        assert_eq!(cluster.server.asked().len(), if streaming_list { 1 } else { 20 });
    }
}

fn with_pages_of(cluster: &Cluster, page_size: u32, streaming_list: bool) -> Arc<Feeds> {
    let settings = ApiSettings {
        kubeconfig: Some(cluster.server.kubeconfig(cluster.folder.path())),
        context: None,
        requests_per_second: 1_000,
        page_size,
        streaming_list,
    };
    let scope = Scope { resource: KubeResource::Secrets, namespace: None, field_selector: None, label_selector: None };
    Arc::new(Feeds::new(vec![Feed::new(Arc::new(Api::new(settings)), scope, cluster.known.clone())]))
}
