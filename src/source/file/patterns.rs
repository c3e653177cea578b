//! Path patterns, compiled to one automaton over path components.
//!
//! All patterns of a source, and its excludes, are walked together: a folder is entered with the set of states that are alive in
//! it, so nothing is listed that cannot match, and a path that two patterns match is met once. Touches no file system.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use globset::{Candidate, Glob, GlobBuilder, GlobMatcher};

/// The most patterns that the braces of one may unfold to.
const MOST_UNFOLDED: usize = 256;
/// The most components of one pattern.
const MOST_STEPS: usize = 1_000;

/// What a path written without wildcards takes when it is a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folders {
    /// Everything below that is named like a certificate.
    Certificates,
    /// Nothing: it is an error.
    Refused,
}

const CERTIFICATE_NAMES: &str = "*.{pem,crt,cer,cert,crl,der,p7b,p7c,p12,pfx,jks,keystore,truststore}";

/// The patterns of one source.
#[derive(Debug)]
pub struct Patterns {
    list: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    steps: Vec<Step>,
    /// Written without wildcards: how many steps the path itself has.
    literal: Option<usize>,
    exclude: bool,
    absolute: bool,
}

/// One component of a path.
#[derive(Debug)]
enum Step {
    Literal(CString),
    Glob {
        matcher: GlobMatcher,
        dot: bool,
    },
    /// `**`: any number of folders, none too.
    AnyDepth,
    /// A path written without wildcards ends here; what follows applies when it is a folder. Takes no component.
    End,
}

/// A pattern and how many of its steps have been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    pattern: u32,
    step: u32,
}

/// A set of states, sorted.
pub type States = Vec<State>;

impl Patterns {
    /// Compiles patterns. Relative ones start at `base`.
    ///
    /// # Errors
    /// Which of the two lists is wrong (`paths`, `exclude`), and how.
    pub fn new(base: &Path, paths: &[String], exclude: &[String], folders: Folders) -> Result<Self, (&'static str, String)> {
        let mut list = Vec::new();
        for (key, texts) in [("paths", paths), ("exclude", exclude)] {
            for text in texts {
                let unfolded =
                    unfold(text).ok_or_else(|| (key, format!("`{text}`: its braces unfold to more than {MOST_UNFOLDED} patterns")))?;
                // One brace unfolded to plain paths is still a glob: it says "those of these that exist".
                let literal = key == "paths" && !has_wildcard(text);
                for one in unfolded {
                    let pattern = Pattern::new(base, &one, key == "exclude", literal.then_some(folders));
                    list.push(pattern.map_err(|message| (key, format!("`{text}`: {message}")))?);
                }
            }
        }
        Ok(Self { list })
    }

    /// The states in which a walk starts: at `/`, or in the working folder.
    pub fn start(&self, absolute: bool) -> States {
        let mut states = States::new();
        for (index, pattern) in (0u32..).zip(&self.list) {
            if pattern.absolute == absolute {
                self.push(&mut states, State { pattern: index, step: 0 });
            }
        }
        states.sort_unstable();
        states
    }

    /// The states after one more component, into `next`.
    pub fn advance(&self, states: &[State], name: &CStr, next: &mut States) {
        next.clear();
        let bytes = name.to_bytes();
        let dotted = bytes.first() == Some(&b'.');
        let mut candidate = None;
        for state in states {
            let pattern = &self.list[state.pattern as usize];
            let further = State { step: state.step + 1, ..*state };
            match self.step(*state) {
                Some(Step::Literal(literal)) if **literal == *name => self.push(next, further),
                Some(Step::Glob { matcher, dot })
                    if (!dotted || *dot || pattern.exclude)
                        && matcher.is_match_candidate(candidate.get_or_insert_with(|| Candidate::from_bytes(bytes))) =>
                {
                    self.push(next, further);
                }
                Some(Step::AnyDepth) if !dotted || pattern.exclude => self.push(next, *state),
                _ => {}
            }
        }
        next.sort_unstable();
        next.dedup();
    }

    /// Adds a state, and those that are reached from it without a component.
    fn push(&self, states: &mut States, mut state: State) {
        states.push(state);
        while let Some(Step::AnyDepth | Step::End) = self.step(state) {
            state.step += 1;
            states.push(state);
        }
    }

    /// Names that are reached without listing the folder.
    pub fn literals<'a>(&'a self, states: &[State]) -> Vec<&'a CStr> {
        let mut names: Vec<&CStr> = states
            .iter()
            .filter(|state| !self.list[state.pattern as usize].exclude)
            .filter_map(|state| match self.step(*state) {
                Some(Step::Literal(name)) => Some(name.as_c_str()),
                _ => None,
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether the folder must be listed.
    pub fn need_listing(&self, states: &[State]) -> bool {
        states.iter().any(|state| {
            !self.list[state.pattern as usize].exclude && matches!(self.step(*state), Some(Step::Glob { .. } | Step::AnyDepth))
        })
    }

    /// Whether anything below can match: the path is worth entering when it is a folder.
    pub fn lead_on(&self, states: &[State]) -> bool {
        states.iter().any(|state| !self.list[state.pattern as usize].exclude && self.step(*state).is_some())
    }

    /// Whether something below can match that no literal path spells out.
    pub fn lead_on_by_wildcards(&self, states: &[State]) -> bool {
        states.iter().any(|state| {
            let pattern = &self.list[state.pattern as usize];
            !pattern.exclude && pattern.literal.is_none_or(|end| state.step as usize >= end) && self.step(*state).is_some()
        })
    }

    /// Whether the path is taken out again, with all below it.
    pub fn exclude(&self, states: &[State]) -> bool {
        states.iter().any(|state| self.list[state.pattern as usize].exclude && self.step(*state).is_none())
    }

    /// Whether the path is matched when it is a file.
    pub fn accept(&self, states: &[State]) -> bool {
        states.iter().any(|state| {
            let pattern = &self.list[state.pattern as usize];
            !pattern.exclude && (self.step(*state).is_none() || pattern.literal == Some(state.step as usize))
        })
    }

    /// Whether the path was written literally.
    pub fn accept_literally(&self, states: &[State]) -> bool {
        states.iter().any(|state| self.list[state.pattern as usize].literal == Some(state.step as usize))
    }

    /// What remains of literal paths from here: for when nothing below can be reached.
    pub fn literal_rests(&self, states: &[State]) -> Vec<Vec<&CStr>> {
        let mut rests = Vec::new();
        for state in states {
            let pattern = &self.list[state.pattern as usize];
            let steps = pattern.literal.and_then(|end| pattern.steps.get(state.step as usize..end));
            if let Some(steps) = steps.filter(|steps| !steps.is_empty()) {
                rests.push(
                    steps.iter().filter_map(|step| if let Step::Literal(name) = step { Some(name.as_c_str()) } else { None }).collect(),
                );
            }
        }
        rests
    }

    fn step(&self, state: State) -> Option<&Step> {
        self.list[state.pattern as usize].steps.get(state.step as usize)
    }
}

impl Pattern {
    fn new(base: &Path, text: &str, exclude: bool, folders: Option<Folders>) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty path".to_owned());
        }
        let mut steps = Vec::new();
        let mut absolute = text.starts_with('/');
        if !absolute {
            absolute = base.has_root();
            for component in base.components() {
                match component {
                    Component::Normal(name) => steps.push(Step::Literal(c_string(name.as_bytes())?)),
                    Component::ParentDir => steps.push(Step::Literal(c"..".to_owned())),
                    Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
                }
            }
        }
        for component in text.split('/').filter(|component| !matches!(*component, "" | ".")) {
            match component {
                "**" if matches!(steps.last(), Some(Step::AnyDepth)) => {}
                "**" => steps.push(Step::AnyDepth),
                _ if has_wildcard(component) => {
                    let dot = component.starts_with('.') || component.starts_with("\\.");
                    steps.push(Step::Glob { matcher: glob(component, false)?.compile_matcher(), dot });
                }
                _ => steps.push(Step::Literal(c_string(unescape(component)?.as_bytes())?)),
            }
        }
        if let Some(Step::AnyDepth) = steps.last() {
            steps.push(Step::Glob { matcher: glob("*", false)?.compile_matcher(), dot: false });
        }
        let literal = folders.is_some().then_some(steps.len());
        if folders == Some(Folders::Certificates) {
            steps.extend([Step::End, Step::AnyDepth]);
            steps.push(Step::Glob { matcher: glob(CERTIFICATE_NAMES, true)?.compile_matcher(), dot: false });
        }
        if steps.len() > MOST_STEPS { Err("too many folders".to_owned()) } else { Ok(Self { steps, literal, exclude, absolute }) }
    }
}

fn glob(component: &str, ignore_case: bool) -> Result<Glob, String> {
    GlobBuilder::new(component)
        .literal_separator(true)
        .backslash_escape(true)
        .empty_alternates(true)
        .case_insensitive(ignore_case)
        .build()
        .map_err(|error| error.kind().to_string())
}

fn c_string(bytes: &[u8]) -> Result<CString, String> {
    CString::new(bytes).map_err(|_| "a path cannot hold a zero byte".to_owned())
}

/// Whether anything in it stands for more than itself.
fn has_wildcard(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => _ = bytes.next(),
            b'*' | b'?' | b'[' | b'{' => return true,
            _ => {}
        }
    }
    false
}

fn unescape(component: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(component.len());
    let mut chars = component.chars();
    while let Some(char) = chars.next() {
        plain.push(if char == '\\' { chars.next().ok_or("a backslash with nothing behind it")? } else { char });
    }
    Ok(plain)
}

/// Whether these patterns alone mean this absolute path: nothing is read, so that links and folders that stand for themselves do not count.
///
/// # Errors
/// What was expected of the patterns.
pub fn fits(paths: &[String], exclude: &[String], path: &str) -> Result<bool, String> {
    let patterns =
        Patterns::new(Path::new("/"), paths, exclude, Folders::Certificates).map_err(|(key, words)| format!("{key}: {words}"))?;
    let (mut states, mut next) = (patterns.start(true), States::new());
    for name in path.split('/').filter(|name| !name.is_empty()) {
        if patterns.exclude(&states) || !patterns.lead_on(&states) {
            return Ok(false);
        }
        patterns.advance(&states, &c_string(name.as_bytes())?, &mut next);
        std::mem::swap(&mut states, &mut next);
    }
    Ok(patterns.accept(&states) && !patterns.exclude(&states))
}

/// Writes a path so that it stands for itself alone.
pub fn escape(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for char in path.chars() {
        if matches!(char, '*' | '?' | '[' | ']' | '{' | '}' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}

/// Unfolds the braces that a match by component cannot see: those with a separator or a leading dot inside. `None`: too many.
fn unfold(text: &str) -> Option<Vec<String>> {
    let mut open = vec![text.to_owned()];
    let mut done = Vec::new();
    while let Some(text) = open.pop() {
        match first_brace(&text) {
            None => done.push(text),
            Some((start, end, alternatives)) => {
                open.extend(alternatives.iter().rev().map(|one| format!("{}{}{}", &text[..start], &text[one.clone()], &text[end..])));
            }
        }
        if open.len() + done.len() > MOST_UNFOLDED {
            return None;
        }
    }
    Some(done)
}

/// The first outermost brace to unfold: its ends, and its alternatives.
fn first_brace(text: &str) -> Option<(usize, usize, Vec<std::ops::Range<usize>>)> {
    let (mut depth, mut start, mut from, mut class) = (0usize, 0, 0, false);
    let mut alternatives = Vec::new();
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => _ = bytes.next(),
            b'[' => class = true,
            b']' => class = false,
            _ if class => {}
            b'{' => {
                if depth == 0 {
                    (start, from) = (at, at + 1);
                    alternatives.clear();
                }
                depth += 1;
            }
            b',' if depth == 1 => {
                alternatives.push(from..at);
                from = at + 1;
            }
            b'}' if depth == 1 => {
                alternatives.push(from..at);
                let inside = &text[start + 1..at];
                if inside.contains('/') || inside.starts_with(['.', '{']) || inside.contains(",.") || inside.contains("{.") {
                    return Some((start, at + 1, alternatives));
                }
                depth = 0;
            }
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
