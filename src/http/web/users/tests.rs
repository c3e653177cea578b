use std::time::Duration;

use super::*;

/// Of the password `secret`, as cheap as they come.
fn hash(password: &str) -> PasswordHash {
    bcrypt::hash(password, MIN_COST).unwrap().parse().unwrap()
}

fn users(pairs: &[(&str, &str)]) -> Users {
    Users::new(&pairs.iter().map(|(name, password)| ((*name).to_owned(), hash(password))).collect()).unwrap()
}

fn head(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
}

fn basic(pair: &str) -> HeaderMap {
    head(&format!("Basic {}", STANDARD.encode(pair)))
}

#[tokio::test]
async fn users_are_let_in_by_their_own_password_alone() {
    let users = users(&[("alice", "secret"), ("bob", "p:w"), ("empty", ""), ("über", "geheim")]);
    let turns = Turns::new(1);
    let lower = format!("basic {}", STANDARD.encode("alice:secret"));
    let broken = format!("Basic {}", STANDARD.encode("alice"));
    let long = "alice:".to_owned() + &"x".repeat(3000);
    for (behaviour, head, admitted) in [
        ("right", basic("alice:secret"), true),
        ("a colon in the password", basic("bob:p:w"), true),
        ("an empty password that is right", basic("empty:"), true),
        ("a name beyond ASCII", basic("über:geheim"), true),
        ("the scheme in lower case", head(&lower), true),
        ("wrong", basic("alice:Secret"), false),
        ("another user's", basic("bob:secret"), false),
        ("nobody", basic("eve:secret"), false),
        ("an empty password", basic("alice:"), false),
        ("no colon", head(&broken), false),
        ("another scheme", head("Bearer c2VjcmV0"), false),
        ("no base64", head("Basic %%%"), false),
        ("nothing behind the scheme", head("Basic "), false),
        ("only a word", head("Basic"), false),
        ("too long to be looked at", basic(&long), false),
        ("no head at all", HeaderMap::new(), false),
    ] {
        for round in ["first", "again"] {
            assert_eq!(users.admit(&head, None, &turns).await.is_ok(), admitted, "{behaviour}, {round}");
        }
    }
}

#[tokio::test]
async fn a_password_that_was_found_right_is_not_hashed_again() {
    let users = users(&[("alice", "secret")]);
    assert_eq!(users.admit(&basic("alice:secret"), None, &Turns::new(1)).await, Ok(()));
    // Nobody gets a turn here: whoever is hashed waits for ever.
    let none = Turns::new(0);
    assert_eq!(users.admit(&basic("alice:secret"), None, &none).await, Ok(()));
    for other in ["alice:secreT", "alice:", "eve:secret"] {
        let head = basic(other);
        let asked = tokio::time::timeout(Duration::from_millis(50), users.admit(&head, None, &none));
        assert!(asked.await.is_err(), "{other} has to be hashed");
    }
}

#[tokio::test]
async fn what_was_proven_outlives_a_change_of_others() {
    let known = |pairs: &[(&str, PasswordHash)]| {
        Users::new(&pairs.iter().map(|(name, hash)| ((*name).to_owned(), hash.clone())).collect()).unwrap()
    };
    let (alice, bob) = (hash("secret"), hash("other"));
    let former = known(&[("alice", alice.clone()), ("bob", bob.clone())]);
    for pair in ["alice:secret", "bob:other"] {
        assert_eq!(former.admit(&basic(pair), None, &Turns::new(1)).await, Ok(()));
    }
    // Nobody gets a turn here: whoever is hashed waits for ever.
    let none = Turns::new(0);
    let now = known(&[("alice", alice), ("bob", hash("other")), ("carol", bob)]).after(&former);
    assert_eq!(now.admit(&basic("alice:secret"), None, &none).await, Ok(()), "the same hash");
    for other in ["alice:secreT", "bob:other", "carol:other", "eve:secret"] {
        let head = basic(other);
        let asked = tokio::time::timeout(Duration::from_millis(50), now.admit(&head, None, &none));
        assert!(asked.await.is_err(), "{other} has to be hashed");
    }
}

#[tokio::test]
async fn who_waits_is_counted_by_address_and_all_in_all() {
    let users = users(&[("alice", "secret")]);
    let none = Turns::new(0);
    let head = basic("alice:secret");
    let peer = |n: u16| Some(IpAddr::from([192, 0, 2, n as u8]));
    let mut waiting = Vec::new();
    let mut ask = async |peer: Option<IpAddr>| {
        let mut asked = Box::pin(users.admit(&head, peer, &none));
        let answer = tokio::select! { biased; answer = &mut asked => Some(answer), () = tokio::task::yield_now() => None };
        waiting.push(asked);
        answer
    };
    for place in 0..WAITING_OF_ONE {
        assert_eq!(ask(peer(1)).await, None, "place {place}");
    }
    assert_eq!(ask(peer(1)).await, Some(Err(Denied::Busy)), "one address has its places");
    for n in 2..2 + ((WAITING - WAITING_OF_ONE) / WAITING_OF_ONE) as u16 {
        for _ in 0..WAITING_OF_ONE {
            assert_eq!(ask(peer(n)).await, None, "and others theirs");
        }
    }
    assert_eq!(ask(None).await, Some(Err(Denied::Busy)), "but not without end");
    waiting.clear();
    let waiting = none.waiting.lock().unwrap();
    assert!(waiting.all == 0 && waiting.by_peer.is_empty(), "who goes away leaves nothing behind: {waiting:?}");
}

#[test]
fn a_network_of_ipv6_is_one_neighbour() {
    let of = |text: &str| neighbourhood(text.parse().unwrap()).to_string();
    for (address, expected) in [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")] {
        assert_eq!(of(address), expected);
    }
}

#[test]
fn nobody_costs_as_much_as_the_dearest_user_and_hashes_as_well() {
    let dear: PasswordHash = bcrypt::hash("x", 5).unwrap().parse().unwrap();
    let users = Users::new(&[("a".to_owned(), hash("x")), ("b".to_owned(), dear)].into()).unwrap();
    assert_eq!(users.nobody.hash.cost, 5);
    assert_eq!(bcrypt::verify("x", &users.nobody.hash.text).ok(), Some(false), "it is hashed to the end");
}

#[test]
fn only_bcrypt_of_bearable_cost_is_a_hash() {
    let body = "abcdefghijklmnopqrstuu".to_owned() + &"u".repeat(31);
    for (text, words) in [
        ("secret".to_owned(), Some("expected the bcrypt hash")),
        ("".to_owned(), Some("expected the bcrypt hash")),
        (format!("$2y$15${body}"), Some("cost 4 to 14, found cost 15")),
        (format!("$2y$31${body}"), Some("cost 4 to 14, found cost 31")),
        (format!("$2y$03${body}"), Some("cost 4 to 14, found cost 3")),
        (format!("$1$10${body}"), Some("expected the bcrypt hash")),
        (format!("$2y$10${body}u"), Some("expected the bcrypt hash")),
        (format!("$2y$14${body}"), None),
        (format!("$2b$04${body}"), None),
        (format!("$2a$10${body}"), None),
    ] {
        let parsed = text.parse::<PasswordHash>();
        match words {
            Some(words) => assert!(parsed.as_ref().is_err_and(|why| why.contains(words) && !why.contains("abcdef")), "{text}: {parsed:?}"),
            None => assert_eq!(format!("{:?}", parsed.unwrap()), "[secret]"),
        }
    }
}
