//! nginx's grammar: words, quotes, comments, directives and blocks. Pure and bounded.
//!
//! It reads as `ngx_conf_file.c` does, so that what nginx takes is taken. Only what can lead to a certificate is kept; the rest is
//! read for its syntax and dropped at once. nginx knows how many words each directive has; here a forgotten semicolon is seen
//! by what it would hide, since a certificate that seems to be named no more would be dropped.

use std::borrow::Cow;

/// The longest word. nginx's own limit is 4,096, less than what some of its builds take.
const LONGEST_WORD: usize = 64 << 10;
/// The most words of one directive.
const MOST_WORDS: usize = 100_000;
/// The most blocks inside one another in one file.
const MOST_NESTED: usize = 64;

/// Blocks that servers and their certificates stand in.
const BLOCKS: &[&str] = &["http", "stream", "mail", "server", "location", "if", "limit_except"];

/// Blocks of nginx's own that hold no server. What they are called is free, so it may look like another block.
const OTHER_BLOCKS: &[&str] = &["events", "upstream", "map", "geo", "types", "split_clients", "charset_map", "match"];

/// What tells of certificates, and of who uses them, in one word; beside those that name files, which have one word too.
const WITH_ONE_WORD: &[&str] = &[
    "include",
    "ssl",
    "starttls",
    "proxy_ssl",
    "proxy_pass",
    "proxy_ssl_name",
    "grpc_pass",
    "grpc_ssl_name",
    "uwsgi_pass",
    "uwsgi_ssl_name",
];

/// The same in any number of words.
const WITH_WORDS: &[&str] = &["listen", "server_name"];

/// A directive with its words as they are meant: unquoted, escapes resolved.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Directive {
    /// The first word.
    pub name: Box<str>,
    /// The other words.
    pub words: Box<[Box<[u8]>]>,
    /// Where it begins, counted from 1.
    pub line: u32,
    /// What stands between its braces.
    pub block: Option<Vec<Directive>>,
    /// What an `include` includes, filled by whoever loads it: numbers of files.
    pub included: Vec<usize>,
}

/// What nginx would refuse, or is too much.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct SyntaxError {
    /// Where, counted from 1.
    pub line: u32,
    /// What is wrong there; quotes no more of the file than a directive's name.
    pub message: String,
    /// Whether it is only too much.
    pub is_too_large: bool,
}

/// Reads one file; at most `most` directives of it are kept.
///
/// # Errors
/// The first thing in it that nginx would refuse, or that is over a limit.
pub fn parse(bytes: &[u8], most: usize) -> Result<Vec<Directive>, SyntaxError> {
    let mut reader = Reader { rest: bytes, line: 1 };
    let mut open: Vec<Block> = vec![Block { kept: true, ..Block::default() }];
    let mut words: Vec<Box<[u8]>> = Vec::new();
    let (mut count, mut left, mut line) = (0_usize, most, 1);
    let mut hides_block = false;
    loop {
        let token = reader.token(count > 0)?;
        let kept = open.last().is_some_and(|block| block.kept);
        match token {
            Token::Word(word) | Token::Quoted(word) if count == 0 => {
                (line, count, hides_block) = (reader.line, 1, false);
                words.push(word.into_owned().into());
            }
            Token::Word(word) if kept && names_file(&word) => {
                let name = String::from_utf8_lossy(&word);
                return Err(reader.wrong(&format!("\"{name}\" inside another directive: a \";\" is missing before it")));
            }
            Token::Word(word) | Token::Quoted(word) => {
                count += 1;
                if count > MOST_WORDS {
                    return Err(reader.too_large(format!("more than {MOST_WORDS} words in one directive")));
                }
                hides_block |= is_one_of(BLOCKS, &word);
                // Only the name of a directive that nobody asks for is looked at.
                if kept && words.first().is_some_and(|name| is_wanted(name)) {
                    words.push(word.into_owned().into());
                }
            }
            Token::Semicolon | Token::Open if count == 0 => {
                return Err(reader.wrong(if matches!(token, Token::Open) { "unexpected \"{\"" } else { "unexpected \";\"" }));
            }
            Token::Semicolon => {
                let words = std::mem::take(&mut words);
                let name = words.first().map_or(&[][..], |name| name);
                if kept && is_wanted(name) {
                    if count < 2 || count > 2 && !is_one_of(WITH_WORDS, name) {
                        let name = String::from_utf8_lossy(name);
                        return Err(reader.wrong(&format!("invalid number of arguments in \"{name}\"")));
                    }
                    left = left.checked_sub(1).ok_or_else(|| reader.too_large(format!("more than {most} directives")))?;
                    if let Some(block) = open.last_mut() {
                        block.directives.push(Directive::new(words, line, None));
                    }
                }
                count = 0;
            }
            Token::Open => {
                let head = std::mem::take(&mut words);
                count = 0;
                let name = head.first().map_or(&[][..], |name| name);
                if name.ends_with(b"_by_lua_block") {
                    reader.skip_lua()?;
                    continue;
                }
                let is_block = is_one_of(BLOCKS, name) || is_one_of(OTHER_BLOCKS, name);
                if kept && (is_wanted(name) || hides_block && !is_block) {
                    let name = String::from_utf8_lossy(name);
                    return Err(reader.wrong(&format!("directive \"{name}\" is not terminated by \";\"")));
                }
                if open.len() > MOST_NESTED {
                    return Err(reader.too_large(format!("more than {MOST_NESTED} blocks inside one another")));
                }
                let kept = kept && is_one_of(BLOCKS, name);
                // What a block is given beside its name (a location's path) leads to no certificate.
                open.push(Block {
                    name: if kept { Some(head.into_iter().take(1).collect()) } else { None },
                    line,
                    kept,
                    directives: Vec::new(),
                });
            }
            Token::Close => {
                let closed = open.pop();
                let Some(outer) = open.last_mut() else { return Err(reader.wrong("unexpected \"}\"")) };
                if let Some(Block { name: Some(name), line, directives, .. }) = closed {
                    left = left.checked_sub(1).ok_or_else(|| reader.too_large(format!("more than {most} directives")))?;
                    outer.directives.push(Directive::new(name, line, Some(directives)));
                }
            }
            Token::End if open.len() > 1 => {
                return Err(reader.wrong("unexpected end of file, expecting \"}\""));
            }
            Token::End => return Ok(open.pop().map_or_else(Vec::new, |file| file.directives)),
        }
    }
}

/// A block that is not closed yet; the first one is the file.
#[derive(Default)]
struct Block {
    /// `None`: nobody asks for it.
    name: Option<Vec<Box<[u8]>>>,
    line: u32,
    kept: bool,
    directives: Vec<Directive>,
}

impl Directive {
    fn new(words: Vec<Box<[u8]>>, line: u32, block: Option<Vec<Self>>) -> Self {
        let mut words = words.into_iter();
        let name = words.next().map_or_else(String::new, |name| String::from_utf8_lossy(&name).into_owned());
        Self { name: name.into(), words: words.collect(), line, block, included: Vec::new() }
    }
}

fn is_wanted(name: &[u8]) -> bool {
    is_one_of(WITH_ONE_WORD, name) || is_one_of(WITH_WORDS, name) || names_file(name)
}

fn names_file(name: &[u8]) -> bool {
    super::servers::FILES.iter().any(|file| file.directive.as_bytes() == name)
}

fn is_one_of(names: &[&str], name: &[u8]) -> bool {
    names.iter().any(|known| known.as_bytes() == name)
}

enum Token<'a> {
    Word(Cow<'a, [u8]>),
    /// A word in quotes.
    Quoted(Cow<'a, [u8]>),
    Semicolon,
    Open,
    Close,
    End,
}

/// What has not been read yet, and the line that it begins in.
struct Reader<'a> {
    rest: &'a [u8],
    line: u32,
}

impl<'a> Reader<'a> {
    /// The next token; `within`: some words of a directive have been read.
    fn token(&mut self, within: bool) -> Result<Token<'a>, SyntaxError> {
        loop {
            let Some(byte) = self.rest.first() else {
                return if within { Err(self.wrong("unexpected end of file, expecting \";\" or \"}\"")) } else { Ok(Token::End) };
            };
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.take(1),
                b'#' => {
                    let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
                    self.take(end)
                }
                b';' => {
                    self.take(1);
                    return Ok(Token::Semicolon);
                }
                b'{' => {
                    self.take(1);
                    return Ok(Token::Open);
                }
                b'}' if within => return Err(self.wrong("unexpected \"}\"")),
                b'}' => {
                    self.take(1);
                    return Ok(Token::Close);
                }
                b'"' | b'\'' => return self.quoted(*byte),
                _ => return self.bare(),
            };
        }
    }

    /// Up to whitespace, `;` or `{`, where neither is escaped nor belongs to `${…}`.
    fn bare(&mut self) -> Result<Token<'a>, SyntaxError> {
        let (mut at, mut after_dollar) = (0, false);
        while let Some(byte) = self.rest.get(at) {
            match byte {
                b'{' if after_dollar => after_dollar = false,
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => break,
                // What follows belongs to the word, whatever it is.
                b'\\' => {
                    after_dollar = false;
                    at += 1;
                }
                byte => after_dollar = *byte == b'$',
            }
            at += 1;
        }
        if at >= self.rest.len() {
            return Err(self.wrong("unexpected end of file, expecting \";\" or \"}\""));
        }
        let word = self.take_word(at)?;
        Ok(Token::Word(word))
    }

    fn quoted(&mut self, quote: u8) -> Result<Token<'a>, SyntaxError> {
        let inside = &self.rest[1..];
        let mut at = 0;
        loop {
            match inside.get(at) {
                None => return Err(self.wrong("a quote is not closed before the end of the file")),
                Some(b'\\') => at += 2,
                Some(byte) if *byte == quote => break,
                Some(_) => at += 1,
            }
        }
        self.take(1);
        let word = self.take_word(at)?;
        self.take(1);
        match self.rest.first() {
            None | Some(b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' | b')') => Ok(Token::Quoted(word)),
            Some(byte) => Err(self.wrong(&format!("unexpected \"{}\" after a closing quote", byte.escape_ascii()))),
        }
    }

    fn take_word(&mut self, length: usize) -> Result<Cow<'a, [u8]>, SyntaxError> {
        if length > LONGEST_WORD {
            return Err(self.too_large(format!("a word of more than {LONGEST_WORD} bytes; a quote may not be closed")));
        }
        let word = unescape(&self.rest[..length]);
        self.take(length);
        Ok(word)
    }

    /// Passes over Lua up to the brace that closes the block.
    fn skip_lua(&mut self) -> Result<(), SyntaxError> {
        let mut depth = 1_usize;
        loop {
            let length = match self.rest {
                [] => return Err(self.wrong("unexpected end of file in a block of Lua")),
                [b'{', ..] => {
                    depth += 1;
                    1
                }
                [b'}', ..] => {
                    depth -= 1;
                    1
                }
                [quote @ (b'"' | b'\''), inside @ ..] => 1 + lua_string(*quote, inside),
                [b'-', b'-', comment @ ..] => 2 + lua_bracket(comment).unwrap_or_else(|| line_length(comment)),
                [b'[', ..] => lua_bracket(self.rest).unwrap_or(1),
                [_, ..] => 1,
            };
            self.take(length);
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn take(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        let lines = memchr::memchr_iter(b'\n', taken).count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.rest = rest;
    }

    fn wrong(&self, message: &str) -> SyntaxError {
        SyntaxError { line: self.line, message: message.to_owned(), is_too_large: false }
    }

    fn too_large(&self, message: String) -> SyntaxError {
        SyntaxError { line: self.line, message, is_too_large: true }
    }
}

/// Takes the meaning of a backslash out; one before any other byte stands for itself.
fn unescape(word: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', word).is_none() {
        return Cow::Borrowed(word);
    }
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    loop {
        let (byte, length) = match rest {
            [] => return Cow::Owned(plain),
            [b'\\', byte @ (b'"' | b'\'' | b'\\'), ..] => (*byte, 2),
            [b'\\', b't', ..] => (b'\t', 2),
            [b'\\', b'r', ..] => (b'\r', 2),
            [b'\\', b'n', ..] => (b'\n', 2),
            [byte, ..] => (*byte, 1),
        };
        plain.push(byte);
        rest = &rest[length..];
    }
}

/// How long the rest of a Lua string is, with its closing quote.
fn lua_string(quote: u8, inside: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = inside.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    inside.len()
}

/// How long a long bracket (`[[…]]`, `[=[…]=]`) is, where one begins.
fn lua_bracket(text: &[u8]) -> Option<usize> {
    let inside = text.strip_prefix(b"[")?;
    let level = inside.iter().take_while(|byte| **byte == b'=').count();
    let inside = inside[level..].strip_prefix(b"[")?;
    let end = [&b"]"[..], &vec![b'='; level], b"]"].concat();
    let length = memchr::memmem::find(inside, &end).map_or(inside.len(), |at| at + end.len());
    Some(2 + level + length)
}

fn line_length(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).unwrap_or(text.len())
}

#[cfg(test)]
mod tests;
