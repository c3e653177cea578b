//! However it came about, the same state is judged the same.

use super::*;

/// A small generator, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// What a place may hold.
struct Material {
    leaves: Vec<CertificateFacts>,
    cas: Vec<CertificateFacts>,
}

fn material() -> Material {
    let root = || {
        let mut params = ca_params("Root");
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (day(-100), day(30));
        crate::pki::fixtures::self_signed(params)
    };
    let roots = [root(), root()];
    let issuing: Vec<Issued> = roots.iter().map(|root| root.intermediate("Issuing")).collect();
    let hosts = ["a.example", "b.example"];
    let issuers = [&roots[0], &roots[1], &issuing[0], &issuing[1]];
    let leaves = issuers.iter().flat_map(|ca| hosts.iter().flat_map(|host| [leaf(ca, host, -20, 40), leaf(ca, host, -5, 90)]));
    Material { leaves: leaves.collect(), cas: roots.iter().chain(&issuing).map(facts).collect() }
}

fn random(dice: &mut Dice, from: &Material, n: usize) -> Option<TargetState> {
    let place = match n % 5 {
        0 => {
            Place::Endpoint { target: "a.example:443".into(), server_name: "a.example".into(), address: Some([127, 0, 0, n as u8].into()) }
        }
        1 => Place::Endpoint { target: format!("b.example:{}", 443 + n).into(), server_name: "b.example".into(), address: None },
        _ => Place::file(format!("/{n}")),
    };
    let mut certificates = Vec::new();
    if n % 5 < 4 && dice.roll(5) > 0 {
        certificates.push(from.leaves[dice.roll(from.leaves.len())].clone());
    }
    for _ in 0..dice.roll(3) {
        let ca = from.cas[dice.roll(from.cas.len())].clone();
        if !certificates.contains(&ca) {
            certificates.push(ca);
        }
    }
    let state = changed(target(place, certificates), NOW - 40 * DAY + dice.roll(3) as i64);
    let state = if dice.roll(4) == 0 { used_by(state, "Ingress", "b.example") } else { state };
    (dice.roll(6) > 0).then_some(state)
}

#[test]
fn a_state_reached_step_by_step_is_judged_like_one_seen_at_once() {
    let from = material();
    let mut found = 0;
    for seed in 1..30 {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut places: Vec<Option<TargetState>> = (0..15).map(|n| random(&mut dice, &from, n)).collect();
        let (mut relate, mut told) = (Relate::default(), Said::default());
        for step in 0..12 {
            for _ in 0..=dice.roll(3) {
                let n = dice.roll(places.len());
                places[n] = random(&mut dice, &from, n);
            }
            let split = |wanted: bool| {
                let of_kind = places.iter().flatten().filter(move |state| matches!(state.place, Place::Endpoint { .. }) == wanted);
                // What was told is kept with the target.
                let told = &told;
                of_kind.cloned().map(move |state| {
                    let key = format!("{} {}", if wanted { "edge" } else { "files" }, state.place);
                    TargetState { related: told.0.get(&key).cloned().map(Arc::new), ..state }
                })
            };
            let options = SourceOptions { must_be_stored: true, ..SourceOptions::default() };
            let sources = [source(SourceKind::File, "files", split(false)), with(SourceKind::Tls, "edge", options, split(true))];
            let outcome = relate.pass(view(&sources), at(NOW));
            let still_there: Vec<String> = sources
                .iter()
                .flat_map(|held| held.targets.iter().map(|target| format!("{} {}", held.header.id.name, target.place)))
                .collect();
            told.0.retain(|place, _| still_there.contains(place));
            told.hear(&outcome);

            let bare = sources.clone().map(|held| Held {
                targets: Arc::new(
                    held.targets.iter().map(|target| Arc::new(TargetState { related: None, ..TargetState::clone(target) })).collect(),
                ),
                ..held
            });
            // Which key was seen to follow which, and what was stored a moment ago, is remembered and not seen at once.
            let (successions, unstored) = (relate.successions.clone(), relate.unstored.clone());
            let mut seen_at_once = Relate { successions, unstored, ..Relate::default() };
            let mut at_once = Said::default();
            let fresh = seen_at_once.pass(view(&bare), at(NOW));
            at_once.hear(&fresh);
            let findings = |said: &Said| {
                said.0.iter().map(|(place, related)| (place.clone(), related.target, related.certificates.clone())).collect::<Vec<_>>()
            };
            assert_eq!(findings(&told), findings(&at_once), "seed {seed}, step {step}");
            if let (Some(now), Some(fresh)) = (&outcome.relations, &fresh.relations) {
                let mut rows = [now, fresh].map(|relations| relations.authorities.clone());
                rows.iter_mut().for_each(|rows| rows.sort_by_key(|row| row.fingerprint));
                assert_eq!(rows[0], rows[1], "seed {seed}, step {step}");
            }
            found += at_once.0.len();
        }
    }
    assert!(found > 300, "the places say something about each other: {found}");
}
