//! Commands of [`advice`](super::advice) made out for one place, ready to be pasted into a shell: whatever a place is called, it is one word there.

use super::place::Place;
use super::revocation::Lookup;

/// The command for this place. `authority` is the host and port of an endpoint, where they are known.
pub fn command(place: &Place, command: &str, authority: Option<&str>) -> String {
    match place {
        Place::Endpoint { target, server_name, address } => {
            let authority = authority.unwrap_or(target);
            let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "443"));
            let (host, authority) = match address {
                Some(address) => {
                    let at = std::net::SocketAddr::new(*address, port.parse().unwrap_or(443)).to_string();
                    (at.rsplit_once(':').map_or(at.clone(), |(host, _)| host.to_owned()), at)
                }
                None => (host.to_owned(), authority.to_owned()),
            };
            command
                .replace("HOST:PORT", &word(&authority))
                .replace("HOST PORT", &format!("{} {}", word(&host), word(port)))
                .replace("NAME", &word(server_name))
        }
        Place::Request { name } | Place::Certificate { name, .. } => command.replace("NAME", &word(name)),
        Place::Secret { namespace, name, key } => kubectl("secret", namespace, name, key),
        Place::ConfigMap { namespace, name, key } => kubectl("configmap", namespace, name, key),
        Place::CaBundle { kind, name, .. } => format!("kubectl get {kind} {} -o yaml", word(name)),
        Place::File { path } | Place::Embedded { path, .. } => command.replace("FILE", &quoted(path)),
    }
}

/// The command that looks for a certificate in the CRL that it names; `None` of other commands, and where it names none.
pub fn in_list(command: &str, lookup: &Lookup) -> Option<String> {
    const FETCHED: &str = "curl -s CRL ";
    let url = lookup.pointers.crls.iter().flat_map(|point| &point.urls).next()?;
    let (before, after) = command.split_once(FETCHED)?;
    Some(format!("{before}curl -s {} {}", word(url), after.replace("SERIAL", &serial_hex(&lookup.serial))))
}

/// A serial number as openssl writes it: two digits for each byte, without the zero that only says that it is positive.
pub fn serial_hex(serial: &[u8]) -> String {
    let bytes = if let [0, rest @ ..] = serial
        && !rest.is_empty()
    {
        rest
    } else {
        serial
    };
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Shows the certificate in a key of an object.
fn kubectl(kind: &str, namespace: &str, name: &str, key: &str) -> String {
    let key = quoted(&format!("{{.data.{}}}", key.replace('.', "\\.")));
    let decode = if kind == "secret" { " | base64 -d" } else { "" };
    format!("kubectl get {kind} -n {} {} -o jsonpath={key}{decode} | openssl x509 -noout -text", word(namespace), word(name))
}

/// As it is where a shell takes it for one word, else in quotes.
fn word(text: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "._:/@%+,-[]".contains(char);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) { text.to_owned() } else { quoted(text) }
}

/// In quotes within which nothing is special; what would move a cursor is replaced.
fn quoted(text: &str) -> String {
    let shown: String = text.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect();
    format!("'{}'", shown.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::revocation::{DistributionPoint, Pointers};

    #[test]
    fn commands_are_about_the_place_itself() {
        let place = |target: &str, address: Option<&str>| Place::Endpoint {
            target: target.into(),
            server_name: "a.example".into(),
            address: address.map(|address| address.parse().unwrap()),
        };
        let text = "openssl s_client -connect HOST:PORT -servername NAME; nc HOST PORT";
        for (place, authority, expected) in [
            (place("b.example:8443", None), None, "openssl s_client -connect b.example:8443 -servername a.example; nc b.example 8443"),
            (
                place("https://b.example", None),
                Some("b.example:443"),
                "openssl s_client -connect b.example:443 -servername a.example; nc b.example 443",
            ),
            (place("b.example:1", Some("::1")), None, "openssl s_client -connect [::1]:1 -servername a.example; nc [::1] 1"),
        ] {
            assert_eq!(command(&place, text, authority), expected);
        }
        assert_eq!(command(&Place::file("/a b.pem"), "openssl x509 -in FILE", None), "openssl x509 -in '/a b.pem'");
    }

    #[test]
    fn a_certificate_is_looked_for_in_the_list_that_it_names() {
        const QUOTED: &str = r"curl -s 'http://a/;SERIAL'\''' | openssl crl -noout -text | grep -A4 B0";
        let text = "curl -s CRL | openssl crl -noout -text | grep -A4 SERIAL";
        for (serial, url, text, expected) in [
            (&[0x0a, 0xff][..], Some("http://a/b.crl"), text, Some("curl -s http://a/b.crl | openssl crl -noout -text | grep -A4 0AFF")),
            (&[0, 0xb0], Some("http://a/;SERIAL'"), text, Some(QUOTED)),
            (&[0], Some("http://a/"), text, Some("curl -s http://a/ | openssl crl -noout -text | grep -A4 00")),
            (&[1], None, text, None),
            (&[1], Some("http://a/b.crl"), "openssl x509 -in FILE", None),
        ] {
            let urls = url.map(Box::from).into_iter().collect();
            let crls = [DistributionPoint { urls, ..DistributionPoint::default() }].into();
            let pointers = Arc::new(Pointers { crls, ..Pointers::default() });
            let (serial, issuer) = (serial.into(), Arc::from(&[][..]));
            let lookup = Lookup { serial, issuer, pointers, signed: None, must_staple: false, no_rev_avail: false, is_ca: false };
            assert_eq!(in_list(text, &lookup).as_deref(), expected);
        }
    }

    #[test]
    fn nothing_that_a_place_is_called_is_run() {
        let secret = Place::Secret { namespace: "a b".into(), name: "$(reboot)".into(), key: "tls.crt';reboot;'".into() };
        let endpoint = Place::Endpoint { target: "x:1".into(), server_name: "-rf;reboot".into(), address: None };
        for (place, text, expected) in [
            (Place::file("/a'; reboot; '.pem"), "cat FILE", "cat '/a'\\''; reboot; '\\''.pem'"),
            (Place::file("/a\n.pem"), "cat FILE", "cat '/a\u{fffd}.pem'"),
            (endpoint, "s_client NAME", "s_client '-rf;reboot'"),
            (
                secret,
                "",
                "kubectl get secret -n 'a b' '$(reboot)' -o jsonpath='{.data.tls\\.crt'\\'';reboot;'\\''}' | base64 -d | openssl x509 -noout -text",
            ),
        ] {
            assert_eq!(command(&place, text, None), expected);
        }
    }
}
