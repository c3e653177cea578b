//! Admin addresses, and the reload that can be asked for over HTTP.

use rustix::process::Signal;

use super::until_status;
use crate::support::curl::{Curled, curl};
use crate::support::exporter::{Exporter, Folder, until};
use crate::support::running::free_address;
use crate::support::scrape::Scrape;

const RELOAD: &str = "/-/reload";

fn reload(exporter: &Exporter, more: &[&str]) -> Curled {
    let url = format!("http://{}{RELOAD}", exporter.address);
    curl(&[&["--request", "POST", url.as_str()], more].concat())
}

#[test]
fn an_admin_address_takes_its_routes_from_the_others() {
    let admin = free_address();
    let with_admin = format!("[server]\nadmin_listen = [\"{admin}\"]\nreload = true\n");
    let folder = Folder::new(&with_admin);
    let exporter = folder.ready();
    let status = |address, path: &str| curl(&[format!("http://{address}{path}")]).status;
    let reload_at = |address| curl(&["--request", "POST", &format!("http://{address}{RELOAD}")]).status;
    let everywhere = ["/", "/metrics", "/-/healthy", "/-/ready"];
    let kept_apart = ["/probe?target=127.0.0.1:1", "/api/v1/sources", "/api/v1/targets", "/api/v1/certificates", "/api/v1/trust"];
    for path in everywhere {
        assert_eq!((status(exporter.address, path), status(admin, path)), (200, 200), "{path}");
    }
    for path in kept_apart {
        assert_eq!((status(exporter.address, path), status(admin, path)), (404, 200), "{path}");
    }
    assert_eq!((reload_at(exporter.address), reload_at(admin)), (404, 200));

    // The address that stays changes what it serves, without being bound anew.
    folder.config("");
    assert_eq!(reload_at(admin), 200, "the answer is out before the address is given up");
    until("the admin address is given up", || (status(admin, "/-/healthy") == 0).then_some(()));
    for path in kept_apart {
        assert_eq!(status(exporter.address, path), 200, "{path}");
    }
    folder.config(&with_admin);
    exporter.signal(Signal::HUP);
    until_status("apart again", 404, || curl(&[format!("http://{}/api/v1/sources", exporter.address)]));
}

#[test]
fn a_reload_is_done_for_whom_it_is_allowed() {
    let folder = Folder::new("");
    let exporter = folder.ready();
    let answer = reload(&exporter, &[]);
    assert!(answer.status == 403 && answer.body.contains("[server] reload = true"), "{answer:?}");

    folder.config("[server]\nreload = true\n");
    exporter.signal(Signal::HUP);
    until_status("it is allowed", 200, || reload(&exporter, &[]));
    let url = format!("http://{}{RELOAD}", exporter.address);
    assert_eq!(curl(&[&url]).status, 405, "looking at it is not asking for it");
    for (behaviour, header) in [("another site", "Sec-Fetch-Site: cross-site"), ("an older browser", "Origin: http://evil.example")] {
        assert_eq!(reload(&exporter, &["--header", header]).status, 403, "{behaviour}");
    }

    folder.config("[server]\nreload = true\n[sources.new]\ntype = \"file\"\npath = [\"/x\"]\n");
    let answer = reload(&exporter, &[]);
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("notafter.toml:5:1: [sources.new] path: unknown key, did you mean \"paths\"?"), "{answer:?}");
    let failed = |value: f64| {
        let text = exporter.get("/metrics").text();
        assert_eq!(Scrape::parse(&text).value("notafter_config_last_reload_successful", &[]), Some(value));
    };
    failed(0.0);

    folder.config("[server]\nreload = true\n[sources.new]\ntype = \"file\"\npaths = [\"DIR/*.pem\"]\n");
    assert_eq!(reload(&exporter, &[]).status, 200);
    failed(1.0);
    assert!(exporter.get("/api/v1/sources").text().contains("\"new\""), "it is in force when the answer comes");
}

#[test]
fn a_storm_of_reloads_is_answered_and_bounded() {
    let folder = Folder::new("[server]\nreload = true\n[sources.a]\ntype = \"file\"\npaths = [\"DIR/*.pem\"]\n");
    let exporter = folder.ready();
    let url = format!("http://{}{RELOAD}?[1-200]", exporter.address);
    let mut command = std::process::Command::new("curl");
    command.args(["--silent", "--noproxy", "*", "--parallel", "--parallel-max", "100", "--request", "POST", &url]);
    command.args(["--output", "/dev/null", "--write-out", "%{http_code}\n"]);
    let statuses = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let count = |status: &str| statuses.lines().filter(|line| *line == status).count();
    assert_eq!(count("200") + count("503"), 200, "{statuses}");
    assert!(count("200") > 0);
    assert_eq!(exporter.get("/-/ready").status, 200);
}
