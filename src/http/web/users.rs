//! Basic authentication (RFC 7617) over bcrypt hashes: dear to guess, cheap to repeat, bounded in what strangers can make this machine compute.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

/// The dearest hash that is taken: about a second.
pub const MAX_COST: u32 = 14;
/// The cheapest hash that there is.
const MIN_COST: u32 = 4;
/// The longest `Authorization` that is looked at.
const LONGEST: usize = 2048;
/// So many passwords may wait to be hashed.
const WAITING: usize = 64;
/// So many of one address.
const WAITING_OF_ONE: usize = 16;

/// The bcrypt hash of a password. It stands in no message and no listing.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: Box<str>,
    cost: u32,
}

impl FromStr for PasswordHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: bcrypt::HashParts =
            text.parse().map_err(|_| "expected the bcrypt hash of a password, as `htpasswd -nB` makes it".to_owned())?;
        let cost = parts.get_cost();
        if !(MIN_COST..=MAX_COST).contains(&cost) {
            return Err(format!("expected a bcrypt hash of cost {MIN_COST} to {MAX_COST}, found cost {cost}"));
        }
        Ok(Self { text: text.into(), cost })
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nobody, or nobody whom his password proves.
    Unknown,
    /// Too many passwords wait to be hashed, all in all or of this address.
    Busy,
}

/// Those who are let in.
#[derive(Debug)]
pub struct Users {
    users: HashMap<Box<str>, Arc<User>>,
    /// What a password is held against whose user does not exist: that takes as long.
    nobody: Arc<User>,
    key: hmac::Key,
}

#[derive(Debug)]
struct User {
    hash: PasswordHash,
    /// What a password leaves behind that was found right: it is not hashed again.
    proven: Mutex<Option<hmac::Tag>>,
}

impl Users {
    /// These users.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn new(users: &BTreeMap<String, PasswordHash>) -> Result<Self, String> {
        let mut secret = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *secret).map_err(|_| "the operating system gives no random numbers".to_owned())?;
        let cost = users.values().map(|hash| hash.cost).max().unwrap_or(MIN_COST);
        // Salt and digest of nothing in particular; what they say is never listened to.
        let nobody = PasswordHash { text: format!("$2b${cost:02}${}", "abcdefghijklmnopqrstuu".to_owned() + &"u".repeat(31)).into(), cost };
        let user = |hash: &PasswordHash| Arc::new(User { hash: hash.clone(), proven: Mutex::new(None) });
        Ok(Self {
            users: users.iter().map(|(name, hash)| (name.as_str().into(), user(hash))).collect(),
            nobody: user(&nobody),
            key: hmac::Key::new(hmac::HMAC_SHA256, &*secret),
        })
    }

    /// The same, remembering what was proven to the former ones: whose hash is the same need not be hashed again.
    pub fn after(mut self, former: &Self) -> Self {
        self.key = former.key.clone();
        for (name, user) in &mut self.users {
            if let Some(known) = former.users.get(name).filter(|known| known.hash == user.hash) {
                *user = Arc::clone(known);
            }
        }
        self
    }

    /// Lets in whom his `Authorization` proves. Cancel safe; a hash that is being computed ends on its own, and holds its turn until then.
    ///
    /// # Errors
    /// It proves nobody.
    pub async fn admit(&self, headers: &HeaderMap, peer: Option<IpAddr>, turns: &Turns) -> Result<(), Denied> {
        let (name, password) = credentials(headers).ok_or(Denied::Unknown)?;
        let known = self.users.get(name.as_str());
        if known.is_some_and(|user| user.has_proven(&self.key, &password)) {
            return Ok(());
        }
        let user = Arc::clone(known.unwrap_or(&self.nobody));
        let turn = turns.turn(peer).await.ok_or(Denied::Busy)?;
        if known.is_some_and(|user| user.has_proven(&self.key, &password)) {
            return Ok(());
        }
        let proof = hmac::sign(&self.key, &password);
        let asked = Arc::clone(&user);
        let running = turn.running;
        let hashed = tokio::task::spawn_blocking(move || {
            let is_right = bcrypt::verify(&*password, &asked.hash.text).unwrap_or(false);
            drop(running);
            is_right
        });
        if hashed.await.map_err(|_| Denied::Busy)? && known.is_some() {
            *user.proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(proof);
            return Ok(());
        }
        Err(Denied::Unknown)
    }
}

impl User {
    fn has_proven(&self, key: &hmac::Key, password: &[u8]) -> bool {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.is_some_and(|tag| hmac::verify(key, password, tag.as_ref()).is_ok())
    }
}

/// User and password of a request; the password is wiped when dropped.
fn credentials(headers: &HeaderMap) -> Option<(Zeroizing<String>, Zeroizing<Vec<u8>>)> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(value.iter().position(|byte| *byte == b' ')?)?;
    if value.len() > LONGEST || !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = Zeroizing::new(STANDARD.decode(token.trim_ascii()).ok()?);
    let colon = pair.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(pair.get(..colon)?).ok()?;
    Some((Zeroizing::new(name.to_owned()), Zeroizing::new(pair.get(colon + 1..)?.to_vec())))
}

/// The turns that passwords wait for: hashing is the dearest thing that a stranger can ask for.
#[derive(Debug)]
pub struct Turns {
    running: Arc<Semaphore>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    all: usize,
    by_peer: HashMap<Option<IpAddr>, usize>,
}

impl Turns {
    /// So many hashes at once.
    pub fn new(at_once: usize) -> Self {
        Self { running: Arc::new(Semaphore::new(at_once)), waiting: Mutex::default() }
    }

    /// Half of this machine's cores, so that scrapes and scans have the other half.
    pub fn of_this_machine() -> Self {
        Self::new((std::thread::available_parallelism().map_or(1, usize::from) / 2).clamp(1, 4))
    }

    /// Waits for a turn; none where too many wait already.
    async fn turn(&self, peer: Option<IpAddr>) -> Option<Turn<'_>> {
        let place = Place::take(self, peer.map(neighbourhood))?;
        let running = Arc::clone(&self.running).acquire_owned().await.ok()?;
        Some(Turn { running, _place: place })
    }
}

/// A turn, and the place that was waited at.
struct Turn<'t> {
    running: OwnedSemaphorePermit,
    _place: Place<'t>,
}

/// One who is let a whole IPv6 network is one.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => std::net::Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

/// A place among those who wait or are having their turn.
struct Place<'t> {
    turns: &'t Turns,
    peer: Option<IpAddr>,
}

impl<'t> Place<'t> {
    fn take(turns: &'t Turns, peer: Option<IpAddr>) -> Option<Self> {
        let mut waiting = turns.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = waiting.by_peer.get(&peer).copied().unwrap_or(0);
        if waiting.all >= WAITING || of_peer >= WAITING_OF_ONE {
            return None;
        }
        waiting.all += 1;
        waiting.by_peer.insert(peer, of_peer + 1);
        Some(Self { turns, peer })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.turns.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.all -= 1;
        if let Some(of_peer) = waiting.by_peer.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                waiting.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests;
