use super::*;

fn denied(address: &str) -> Option<&'static str> {
    match Egress::default().address(address.parse().unwrap()) {
        Err(Denied::Address { what, .. }) => Some(what),
        Err(other) => panic!("{address}: {other}"),
        Ok(()) => None,
    }
}

#[test]
fn addresses_that_not_everybody_reaches_are_denied() {
    for (address, what) in [
        ("0.0.0.0", "an unspecified address"),
        ("0.255.255.255", "an unspecified address"),
        ("10.0.0.1", "a private address"),
        ("100.64.0.1", "a carrier's internal address"),
        ("100.100.100.200", "a carrier's internal address"),
        ("127.0.0.1", "a loopback address"),
        ("127.255.255.254", "a loopback address"),
        ("169.254.169.254", "a link-local address"),
        ("168.63.129.16", "a cloud's internal address"),
        ("172.16.0.1", "a private address"),
        ("172.31.255.255", "a private address"),
        ("192.0.0.1", "an address of a protocol"),
        ("192.0.2.1", "an address for documentation"),
        ("192.88.99.1", "an address of 6to4 relays"),
        ("192.168.1.1", "a private address"),
        ("198.18.0.1", "an address for benchmarks"),
        ("198.51.100.1", "an address for documentation"),
        ("203.0.113.1", "an address for documentation"),
        ("224.0.0.1", "a multicast address"),
        ("239.255.255.255", "a multicast address"),
        ("240.0.0.1", "a reserved address"),
        ("255.255.255.255", "the broadcast address"),
        ("::", "an unspecified address"),
        ("::1", "a loopback address"),
        ("::127.0.0.1", "an IPv4-compatible address"),
        ("::8.8.8.8", "an IPv4-compatible address"),
        ("::ffff:127.0.0.1", "a loopback address"),
        ("::ffff:a9fe:a9fe", "a link-local address"),
        ("::ffff:0:127.0.0.1", "not a global unicast address"),
        ("64:ff9b::10.0.0.1", "an address that leads to one of IPv4 which is closed"),
        ("64:ff9b::169.254.169.254", "an address that leads to one of IPv4 which is closed"),
        ("64:ff9b:1::8.8.8.8", "an address of a local NAT64"),
        ("100::1", "not a global unicast address"),
        ("2001:0:7f00:1::", "an address that leads to one of IPv4 which is closed"),
        ("2001:0:808:808:0:0:80ff:fffe", "a Teredo address that leads to one of IPv4 which is closed"),
        ("2001:2::1", "an address for benchmarks"),
        ("2001:10::1", "an address of a protocol"),
        ("2001:db8::1", "an address for documentation"),
        ("2002:a00:1::1", "an address that leads to one of IPv4 which is closed"),
        ("2002:7f00:1::", "an address that leads to one of IPv4 which is closed"),
        ("3fff::1", "an address for documentation"),
        ("4000::1", "not a global unicast address"),
        ("5f00::1", "not a global unicast address"),
        ("fc00::1", "a private address"),
        ("fd00:ec2::254", "a private address"),
        ("fe80::1", "a link-local address"),
        ("fec0::1", "a site-local address"),
        ("ff02::1", "a multicast address"),
    ] {
        assert_eq!(denied(address), Some(what), "{address}");
    }
}

#[test]
fn addresses_that_everybody_reaches_are_open_up_to_the_edges() {
    for address in [
        "1.0.0.0",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2001:200::1",
        "2001:0:808:808:0:0:f7f7:f7f7",
        "2002:808:808::1",
        "2606:4700::1111",
        "2a00::1",
    ] {
        assert_eq!(denied(address), None, "{address}");
    }
}

#[test]
fn odd_spellings_of_an_address_in_a_url_are_the_address() {
    for url in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.1/",
        "http://127.0.1/",
        "http://127.0.0.1./",
        "http://１２７.０.０.１/",
        "http://127。0。0。1/",
        "http://%31%32%37.0.0.1/",
        "http:\\\\127.0.0.1\\",
        "http:127.0.0.1",
        "HTTP://127.0.0.1:80/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]:8443/",
        "http://[0:0:0:0:0:FFFF:127.0.0.1]/",
    ] {
        let denied = Egress::default().url(&Url::parse(url).unwrap());
        assert_eq!(denied, Err(Denied::Address { address: Ipv4Addr::LOCALHOST.into(), what: "a loopback address" }), "{url}");
    }
    for url in ["http://0/", "http://[::1]/", "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://10.1/"] {
        assert!(matches!(Egress::default().url(&Url::parse(url).unwrap()), Err(Denied::Address { .. })), "{url}");
    }
}

#[test]
fn names_pass_here_since_what_they_resolve_to_is_checked() {
    for url in ["http://crl.example/a.crl", "https://localhost:1/", "http://8.8.8.8/", "http://[2606:4700::1111]/", "http://a.example:22/"]
    {
        assert_eq!(Egress::default().url(&Url::parse(url).unwrap()), Ok(()), "{url}");
    }
}

#[test]
fn other_schemes_and_user_information_are_denied() {
    for (url, expected) in [
        ("ldap://ldap.example/cn=ca", Denied::Scheme("ldap".to_owned())),
        ("file:///etc/passwd", Denied::Scheme("file".to_owned())),
        ("ftp://a.example/", Denied::Scheme("ftp".to_owned())),
        ("data:,x", Denied::Scheme("data".to_owned())),
        ("http://user@a.example/", Denied::UserInformation),
        ("http://:secret@a.example/", Denied::UserInformation),
        ("http://a.example@127.0.0.1/", Denied::UserInformation),
    ] {
        assert_eq!(Egress::default().url(&Url::parse(url).unwrap()), Err(expected), "{url}");
    }
}

#[test]
fn allow_opens_exactly_its_networks_and_the_refusal_names_the_entry() {
    let egress = |entries: &[&str]| Egress::new(entries.iter().map(|entry| entry.parse().unwrap()).collect::<Vec<Network>>());
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let twenty = egress(&["10.20.0.0/16", "fd00:1::/32", "169.254.169.254"]);
    for (open, is_open) in [
        ("10.20.0.1", true),
        ("10.20.255.255", true),
        ("10.21.0.0", false),
        ("::ffff:10.20.0.1", true),
        // The gateway decides where that leads, so an entry of IPv4 does not open it.
        ("64:ff9b::10.20.0.1", false),
        ("fd00:1::1", true),
        ("fd00:2::1", false),
        ("169.254.169.254", true),
        ("169.254.169.253", false),
    ] {
        assert_eq!(twenty.address(address(open)).is_ok(), is_open, "{open}");
    }
    assert!(egress(&["64:ff9b::/96"]).address(address("64:ff9b::10.20.0.1")).is_ok());
    assert!(egress(&["0.0.0.0/0", "::/0"]).address(address("127.0.0.1")).is_ok());

    for closed in ["10.21.0.0", "::1", "::ffff:127.0.0.1", "64:ff9b::a00:1"] {
        let words = twenty.address(address(closed)).unwrap_err().to_string();
        let entry = words.split('"').nth(1).unwrap();
        assert!(egress(&[entry]).address(address(closed)).is_ok(), "following {words:?} does not open {closed}");
    }
    let words = Egress::default().address(address("127.0.0.1")).unwrap_err().to_string();
    assert_eq!(words, r#"127.0.0.1 is a loopback address; `allow = ["127.0.0.1"]` in [revocation] would open it"#);
}

#[test]
fn networks_are_read_strictly() {
    for (text, expected) in [
        ("10.0.0.0/8", Ok("10.0.0.0/8")),
        ("10.1.2.3", Ok("10.1.2.3")),
        ("10.1.2.3/32", Ok("10.1.2.3")),
        ("0.0.0.0/0", Ok("0.0.0.0/0")),
        ("::/0", Ok("::/0")),
        ("fd00::/8", Ok("fd00::/8")),
        ("::1", Ok("::1")),
        ("10.0.0.1/8", Err("; did you mean \"10.0.0.0/8\"?")),
        ("fd00::1/8", Err("; did you mean \"fd00::/8\"?")),
        ("10.0.0.0/33", Err("; its prefix is at most 32")),
        ("::/129", Err("; its prefix is at most 128")),
        ("::/1000", Err("; its prefix is at most 128")),
        ("::ffff:10.0.0.1", Err("; write the IPv4 address itself")),
        ("10.0.0.0/+8", Err("")),
        ("10.0.0.0/", Err("")),
        ("10.0.0", Err("")),
        ("crl.example", Err("")),
        ("", Err("")),
    ] {
        let read = text.parse::<Network>().map(|network| network.to_string()).map_err(|error| error.to_string());
        match expected {
            Ok(shown) => assert_eq!(read, Ok(shown.to_owned()), "{text}"),
            Err(hint) => assert!(read.as_ref().is_err_and(|words| words.ends_with(&format!("found {text:?}{hint}"))), "{text}: {read:?}"),
        }
    }
}
