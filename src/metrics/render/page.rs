//! The lines of one rendering, by family, and the labels that they share.

use crate::model::{Fragment, SourceHeader, TargetState};

use crate::metrics::deflate::Deflater;
use crate::metrics::table::{FAMILIES, Id};
use crate::metrics::text::{Value, first_label, label};

/// The lines of every family.
pub struct Page {
    families: Vec<Lines>,
}

#[derive(Clone, Default)]
struct Lines {
    text: Vec<u8>,
    count: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self { families: vec![Lines::default(); FAMILIES.len()] }
    }
}

impl Page {
    /// Adds `name{labels} value`.
    pub fn line(&mut self, id: Id, labels: &[&[u8]], value: impl Value) {
        let lines = &mut self.families[usize::from(id.index())];
        lines.text.extend_from_slice(id.family().name.as_bytes());
        lines.text.push(b'{');
        for part in labels {
            lines.text.extend_from_slice(part);
        }
        lines.text.extend_from_slice(b"} ");
        value.write(&mut lines.text);
        lines.text.push(b'\n');
        lines.count += 1;
    }

    /// Deflates the families that have lines, and empties the page.
    pub fn take_fragments(&mut self, deflater: &mut Deflater) -> Box<[Fragment]> {
        let with_lines = (0_u16..).zip(&mut self.families).filter(|(_, lines)| lines.count > 0);
        let fragments = with_lines.map(|(family, lines)| {
            let fragment = deflater.fragment(family, lines.count, &lines.text);
            lines.text.clear();
            lines.count = 0;
            fragment
        });
        fragments.collect()
    }

    /// Bytes held by its buffers.
    pub fn capacity(&self) -> usize {
        self.families.iter().map(|lines| lines.text.capacity()).sum()
    }
}

/// The labels of the target at hand and of its certificates or CRLs.
#[derive(Default)]
pub struct Labels {
    /// Without a comma before the first.
    place: Vec<u8>,
    /// Of all members of the target, one after the other, each label after a comma.
    which: Vec<u8>,
    members: Vec<Member>,
    /// For what the caller adds.
    more: Vec<u8>,
}

struct Member {
    start: usize,
    end: usize,
    /// Its index in the target's content.
    index: usize,
    fingerprint: [u8; 32],
}

impl Labels {
    /// Writes where the target is.
    pub fn of_target(&mut self, source: &SourceHeader, target: &TargetState) {
        self.start(source);
        let place = &mut self.place;
        target.place.each_label(|name, value| label(place, name, value));
        let own = target.labels.as_deref().map_or(&[][..], |labels| &labels.0);
        let shared = source.options.labels.0.iter().filter(|(name, _)| own.iter().all(|(own, _)| own != name));
        for (name, value) in shared.chain(own) {
            label(place, name, value);
        }
    }

    /// Writes which source it is.
    pub fn of_source(&mut self, source: &SourceHeader) {
        self.start(source);
        for (name, value) in &source.options.labels.0 {
            label(&mut self.place, name, value);
        }
    }

    /// Writes where on the network it is, when no source found it.
    pub fn of_url(&mut self, url: &str) {
        self.place.clear();
        first_label(&mut self.place, "url", url);
    }

    /// Where it is.
    pub fn place(&self) -> &[u8] {
        &self.place
    }

    /// Forgets the members of the target before.
    pub fn clear_members(&mut self) {
        self.which.clear();
        self.members.clear();
    }

    /// Adds a certificate or CRL of the target by the labels that say which one it is.
    pub fn add_member(&mut self, index: usize, fingerprint: [u8; 32], labels: &[(&str, &str)]) {
        let start = self.which.len();
        for (name, value) in labels {
            label(&mut self.which, name, value);
        }
        self.members.push(Member { start, end: self.which.len(), index, fingerprint });
    }

    /// Calls `write` for each member in the order of the content with its index, its labels with the discriminator that it may
    /// need, and an empty buffer. Returns how many members only the discriminator tells apart from another.
    pub fn each_member(&mut self, mut write: impl FnMut(&[u8], usize, &[u8], &mut Vec<u8>)) -> u64 {
        let Self { place, which, members, more } = self;
        let mut clashes = 0;
        let mut discriminators = Vec::new();
        if members.len() > 1 {
            // Decided on what is written, so that no escaping or cutting can make two lines equal.
            let text = |member: &Member| &which[member.start..member.end];
            members.sort_unstable_by(|a, b| (text(a), a.fingerprint).cmp(&(text(b), b.fingerprint)));
            for equal in members.chunk_by(|a, b| text(a) == text(b)).filter(|equal| equal.len() > 1) {
                clashes += equal.len() as u64 - 1;
                let bytes = prefix(equal);
                discriminators.extend(equal.iter().map(|member| (member.index, member.fingerprint, bytes)));
            }
            members.sort_unstable_by_key(|member| member.index);
            discriminators.sort_unstable_by_key(|(index, ..)| *index);
        }
        let mut discriminators = discriminators.into_iter().peekable();
        let mut labels = Vec::new();
        for member in &*members {
            more.clear();
            let mut own = &which[member.start..member.end];
            if let Some((_, fingerprint, bytes)) = discriminators.next_if(|(index, ..)| *index == member.index) {
                labels.clear();
                labels.extend_from_slice(own);
                labels.extend_from_slice(b",discriminator=\"");
                crate::metrics::text::hex(&mut labels, &fingerprint[..bytes]);
                labels.push(b'"');
                own = &labels;
            }
            write(place, member.index, own, more);
        }
        clashes
    }

    fn start(&mut self, source: &SourceHeader) {
        self.place.clear();
        first_label(&mut self.place, "source_kind", source.id.kind.as_str());
        label(&mut self.place, "source_name", &source.id.name);
    }
}

/// How many bytes of their fingerprints tell these apart, which are sorted by them: 4, 8, or all.
fn prefix(equal: &[Member]) -> usize {
    let differ = |bytes: &usize| equal.windows(2).all(|pair| pair[0].fingerprint[..*bytes] != pair[1].fingerprint[..*bytes]);
    [4, 8].into_iter().find(differ).unwrap_or(32)
}
