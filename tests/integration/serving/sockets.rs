//! Sockets with a path, and sockets that a service manager hands over.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::{Site, TLS};
use crate::support::curl::{Curled, curl};
use crate::support::exporter::{Exporter, Folder, until};
use crate::support::running::{Running, free_address};

/// One that has no other address.
fn start(folder: &Folder) -> Running {
    let mut command = folder.command(["--config", "notafter.toml"]);
    Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

fn ask(socket: &str, path: &str) -> Curled {
    curl(&["--unix-socket", socket, &format!("http://localhost{path}")])
}

fn mode(path: &str) -> u32 {
    Path::new(path).metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_socket_with_a_path_has_its_mode_and_goes_with_the_program() {
    let folder = Folder::new("[server]\nlisten = [\"127.0.0.1:0\", \"unix:run/n.sock\"]\n");
    std::fs::create_dir(folder.at("run")).unwrap();
    let socket = folder.at("run/n.sock");
    let exporter = folder.start_with(&[]);
    exporter.until_logged(&format!("unix:{socket}"));
    let answer = ask(&socket, "/metrics");
    assert!(answer.status == 200 && answer.body.contains("notafter_build_info"), "{answer:?}");
    assert_eq!(ask(&socket, "/probe?target=127.0.0.1:1").status, 200, "only this machine reaches it");
    assert_eq!(mode(&socket), 0o660);
    let others = std::fs::read_dir(folder.at("run")).unwrap().count();
    assert_eq!(others, 1, "nothing is left beside it");

    let before = Path::new(&socket).metadata().unwrap().ino();
    folder.config("[server]\nlisten = [\"127.0.0.1:0\", \"unix:run/n.sock\"]\nunix_mode = \"0600\"\n");
    exporter.signal(Signal::HUP);
    until("the other mode", || (mode(&socket) == 0o600).then_some(()));
    assert_eq!(Path::new(&socket).metadata().unwrap().ino(), before, "it is the same socket");
    assert_eq!(ask(&socket, "/-/healthy").status, 200);

    folder.config("[server]\nlisten = [\"127.0.0.1:0\", \"unix:run/other.sock\"]\n");
    exporter.signal(Signal::HUP);
    let other = folder.at("run/other.sock");
    until("the other socket", || (ask(&other, "/-/healthy").status == 200).then_some(()));
    assert!(!Path::new(&socket).exists(), "the former one is gone");
    exporter.terminate();
    assert!(!Path::new(&other).exists(), "and this one with the program");
}

#[test]
fn what_stands_at_the_path_is_replaced_only_where_nobody_answers() {
    let folder = Folder::new("[server]\nlisten = [\"unix:n.sock\"]\n");
    let socket = folder.at("n.sock");
    let refused = |words: &str| {
        let ran = folder.run(&["--config", "notafter.toml"]);
        assert!(ran.code == Some(69) && ran.stderr.contains(words), "{ran:?}");
    };

    std::fs::write(&socket, "somebody's file").unwrap();
    refused("something stands there that is no socket");
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "somebody's file");
    std::fs::remove_file(&socket).unwrap();

    let answering = UnixListener::bind(&socket).unwrap();
    let identity = Path::new(&socket).metadata().unwrap().ino();
    refused("another process answers there");
    assert_eq!(Path::new(&socket).metadata().unwrap().ino(), identity, "it is not touched");

    // The socket stays when its process is gone.
    drop(answering);
    let _running = start(&folder);
    until("the stale one is replaced", || (ask(&socket, "/-/healthy").status == 200).then_some(()));
    assert_ne!(Path::new(&socket).metadata().unwrap().ino(), identity);
    refused("another process answers there");
    assert_eq!(ask(&socket, "/-/healthy").status, 200, "one that did not start has taken nothing away");

    folder.config("[server]\nlisten = [\"unix:no/such/folder/n.sock\"]\n");
    refused("No such file or directory");
}

#[test]
fn one_who_moved_in_meanwhile_is_not_thrown_out_at_the_end() {
    let folder = Folder::new("[server]\nlisten = [\"127.0.0.1:0\", \"unix:n.sock\"]\n");
    let socket = folder.at("n.sock");
    let exporter = folder.start_with(&[]);
    until("it answers", || (ask(&socket, "/-/healthy").status == 200).then_some(()));
    std::fs::remove_file(&socket).unwrap();
    let _other = UnixListener::bind(&socket).unwrap();
    exporter.terminate();
    assert!(Path::new(&socket).exists());
}

#[test]
fn a_socket_with_a_path_speaks_tls_as_the_others_do() {
    let site = Site::new("listen = [\"127.0.0.1:0\", \"unix:n.sock\"]", TLS);
    let exporter = site.folder.start_with(&[]);
    exporter.until_logged("ready: every");
    let (socket, ca) = (site.folder.at("n.sock"), site.folder.at("ca.pem"));
    assert_eq!(ask(&socket, "/-/healthy").status, 0);
    assert_eq!(curl(&["--unix-socket", &socket, "--cacert", &ca, "https://localhost/-/healthy"]).status, 200);
}

/// systemd's own program listens, and starts the exporter at the first connection.
#[test]
fn sockets_of_systemd_are_served_by_their_names() {
    let (public, admin) = (free_address(), free_address());
    let folder = Folder::new("[server]\nlisten = [\"systemd:\"]\nadmin_listen = [\"systemd:admin\"]\n");
    let path = folder.at("u.sock");
    let mut command = Command::new("systemd-socket-activate");
    command.args(["-l", &public.to_string(), "-l", &admin.to_string(), "-l", &path, "--fdname=public:admin:"]);
    command.arg(format!("-EHOME={}", folder.at("home")));
    command.args([env!("CARGO_BIN_EXE_notafter"), "--config", &folder.at("notafter.toml")]);
    let _running = Running::server(&mut command, public);
    let status = |address, path: &str| curl(&[format!("http://{address}{path}")]).status;
    until("it serves", || (status(public, "/-/ready") == 200).then_some(()));
    assert_eq!((status(public, "/metrics"), status(public, "/api/v1/sources")), (200, 404));
    assert_eq!((status(admin, "/metrics"), status(admin, "/api/v1/sources")), (200, 200));
    assert_eq!((ask(&path, "/metrics").status, ask(&path, "/api/v1/sources").status), (200, 404));
}

#[test]
fn sockets_that_were_not_handed_over_cannot_be_served() {
    let folder = Folder::new("[server]\nlisten = [\"systemd:\"]\n");
    let ran = folder.run(&["--config", "notafter.toml"]);
    assert_eq!(ran.code, Some(69));
    assert!(ran.stderr.contains("cannot listen on systemd:: the service manager has handed over no such socket (LISTEN_FDS)"), "{ran:?}");
}

#[test]
fn the_service_manager_is_told_where_the_program_stands() {
    let folder = Folder::new("");
    let path = folder.at("notify");
    let heard = UnixDatagram::bind(&path).unwrap();
    heard.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    let hear = || {
        let mut buffer = [0; 4096];
        let read = heard.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..read].to_vec()).unwrap()
    };
    let config = folder.at("notafter.toml");
    let mut command = folder.command(["--config", &config, "--listen", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", &path);
    let mut exporter = Exporter::spawn(command);
    assert_eq!(hear().trim(), "READY=1");
    exporter.signal(Signal::HUP);
    let reloading = hear();
    assert!(reloading.contains("RELOADING=1") && reloading.contains("MONOTONIC_USEC="), "{reloading}");
    assert_eq!(hear().trim(), "READY=1");
    exporter.signal(Signal::TERM);
    assert_eq!(hear().trim(), "STOPPING=1");
    assert_eq!(exporter.wait().code(), Some(0));
}
