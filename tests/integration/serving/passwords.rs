//! Passwords and the rate limit.

use std::process::Command;
use std::time::Instant;

use super::{Site, TLS, scraped};
use crate::support::curl::curl;
use crate::support::exporter::PLENTY;

/// A line of `basic_auth_users`, made by Apache's own program.
fn user(name: &str, password: &str, cost: &str) -> String {
    let output = Command::new("htpasswd").args(["-nbB", "-C", cost, name, password]).output().expect("htpasswd is installed");
    let line = String::from_utf8(output.stdout).unwrap();
    format!("  {}\n", line.trim().replacen(':', ": ", 1))
}

#[test]
fn users_are_let_in_everywhere_and_nobody_else_anywhere() {
    let users = format!("basic_auth_users:\n{}{}", user("prometheus", "s3cret:colon", "5"), user("ops", "other", "4"));
    let site = Site::new("", &format!("{TLS}{users}"));
    let exporter = site.start();
    let paths = ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/sources", "/probe?target=a:1", "/no/such/page"];
    for (credentials, statuses) in [
        ("prometheus:s3cret:colon", [200, 200, 200, 200, 200, 200, 404]),
        ("ops:other", [200, 200, 200, 200, 200, 200, 404]),
        ("prometheus:other", [401; 7]),
        ("nobody:other", [401; 7]),
        ("prometheus:", [401; 7]),
    ] {
        for (path, status) in paths.into_iter().zip(statuses) {
            for version in ["--http1.1", "--http2"] {
                let answer = site.ask(&exporter, path, &["--user", credentials, version]);
                assert_eq!(answer.status, status, "{credentials} {path}: {answer:?}");
            }
        }
    }
    let answer = site.ask(&exporter, "/metrics", &[]);
    assert_eq!(answer.status, 401);
    assert!(answer.head.contains("www-authenticate: basic realm=\"notafter\""), "{}", answer.head);
    assert_eq!(site.ask(&exporter, "/metrics", &["--oauth2-bearer", "x"]).status, 401);
    let counted = scraped(&site.ask(&exporter, "/metrics", &["--user", "ops:other"]));
    assert_eq!(counted.value("notafter_http_refused_total", &[("reason", "credentials")]), Some(3.0 * 14.0 + 2.0));
    let shown = site.folder.run(&["config", "show", "notafter.toml"]).stdout;
    assert!(shown.contains("#   \"ops\": \"[secret]\"") && !shown.contains("$2y$"), "{shown}");
    let said = exporter.terminate();
    assert!(!said.contains("$2y$") && !said.contains("s3cret"), "{said}");
}

/// Many passwords at once are hashed a few at a time; scrapes of those who are known do not wait for them, and new ones only for some.
#[test]
fn a_flood_of_wrong_passwords_starves_no_scrape() {
    let site = Site::new("", &format!("basic_auth_users:\n{}{}", user("prometheus", "right", "10"), user("late", "right", "10")));
    let exporter = site.start();
    let url = |path: &str| format!("http://{}{path}", exporter.address);
    let known = || curl(&["--user", "prometheus:right", &url("/metrics")]);
    assert_eq!(known().status, 200);
    let flood = url("/metrics?[1-400]");
    std::thread::scope(|scope| {
        let flooding = scope.spawn(|| {
            let mut command = Command::new("curl");
            command.args(["--silent", "--noproxy", "*", "--parallel", "--parallel-max", "200", "--interface", "127.0.0.2"]);
            command.args(["--user", "prometheus:wrong", "--output", "/dev/null", "--write-out", "%{http_code}\n", &flood]);
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        });
        let mut scrapes = 0;
        while !flooding.is_finished() {
            let started = Instant::now();
            assert_eq!(known().status, 200);
            assert!(started.elapsed() < PLENTY / 4, "a scrape took {:?}", started.elapsed());
            scrapes += 1;
            if scrapes == 1 {
                // One who was not there before has his turn, too.
                assert_eq!(curl(&["--user", "late:right", &url("/-/healthy")]).status, 200);
            }
        }
        let statuses = flooding.join().unwrap();
        let count = |status: &str| statuses.lines().filter(|line| *line == status).count();
        assert_eq!(count("401") + count("503"), 400, "nobody of them came in: {statuses}");
        assert!(count("503") > 0, "those beyond the places of one address are sent away");
        let counted = scraped(&known());
        let refused = |reason| counted.value("notafter_http_refused_total", &[("reason", reason)]);
        assert_eq!((refused("credentials"), refused("busy")), (Some(count("401") as f64), Some(count("503") as f64)));
    });
}

#[test]
fn requests_beyond_the_rate_are_sent_away() {
    let site = Site::new("", "rate_limit:\n  interval: 1h\n  burst: 3\n");
    let exporter = site.start();
    let statuses: Vec<u16> = (0..5).map(|_| curl(&[format!("http://{}/-/healthy", exporter.address)]).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}
