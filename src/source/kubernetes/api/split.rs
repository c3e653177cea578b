//! Cuts the objects out of a list while it arrives: nothing is parsed, and nothing is kept of them here.

/// What the cutter gives out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// The next bytes of an object.
    Part(&'a [u8]),
    /// The object is whole.
    End,
}

/// Why a list cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the list is no JSON object")]
    NotAnObject,
    #[error("an item of the list is no object")]
    NotAnItem,
    #[error("brackets of the list do not match")]
    Brackets,
    #[error("the list has more around its items than a list has")]
    TooMuchAround,
    #[error("the list ends before its end")]
    Cut,
}

/// The most that is kept of what stands around the items.
const MOST_AROUND: usize = 256 << 10;

/// Cuts one list, `{"kind": …, "metadata": {…}, "items": [{…}, …]}`, its keys in any order.
#[derive(Default)]
pub(super) struct ListSplitter {
    /// How many brackets are open.
    depth: usize,
    text: Text,
    /// The array that is open is the list's `items`.
    in_items: bool,
    /// In an item: how many brackets are open around it, itself included.
    in_item: bool,
    is_whole: bool,
    /// All but the items, still a JSON document.
    around: Vec<u8>,
    /// Where the latest string of the outermost object begins in `around`.
    key_at: usize,
    key_end: usize,
    /// A colon has been seen since: the string is a key whose value comes.
    after_colon: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Text {
    #[default]
    Outside,
    Inside,
    Escape,
}

impl ListSplitter {
    /// Cuts the next bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut give: impl FnMut(Piece<'_>)) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            let (taken, is_end) = if self.in_item { self.item(bytes)? } else { (self.outside(bytes)?, false) };
            if taken > 0 && (self.in_item || is_end) {
                give(Piece::Part(&bytes[..taken]));
            }
            if is_end {
                give(Piece::End);
            }
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// What stood around the items, once the list is whole.
    pub(super) fn finish(self) -> Result<Vec<u8>, Malformed> {
        if self.is_whole { Ok(self.around) } else { Err(Malformed::Cut) }
    }

    /// Bytes of an item: how many of these, and whether it ends with them.
    fn item(&mut self, bytes: &[u8]) -> Result<(usize, bool), Malformed> {
        let mut at = 0;
        while at < bytes.len() {
            match self.text {
                Text::Escape => {
                    self.text = Text::Inside;
                    at += 1;
                }
                Text::Inside => match memchr::memchr2(b'"', b'\\', &bytes[at..]) {
                    None => return Ok((bytes.len(), false)),
                    Some(found) => {
                        self.text = if bytes[at + found] == b'"' { Text::Outside } else { Text::Escape };
                        at += found + 1;
                    }
                },
                Text::Outside => {
                    let byte = bytes[at];
                    at += 1;
                    match byte {
                        b'"' => self.text = Text::Inside,
                        b'{' | b'[' => self.depth += 1,
                        b'}' | b']' => {
                            self.depth -= 1;
                            if self.depth == 2 {
                                self.in_item = false;
                                return Ok((at, true));
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok((at, false))
    }

    /// Bytes around the items, up to the next item, which is left to be taken; at least one is taken, or an item begins.
    fn outside(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        for (at, byte) in bytes.iter().copied().enumerate() {
            if self.in_items && self.text == Text::Outside && self.depth == 2 && byte != b']' {
                match byte {
                    // The item is taken by the next call, without what stands before it.
                    b'{' => {
                        self.in_item = at == 0;
                        return Ok(at);
                    }
                    b',' | b' ' | b'\n' | b'\r' | b'\t' => continue,
                    _ => return Err(Malformed::NotAnItem),
                }
            }
            self.around_byte(byte)?;
        }
        Ok(bytes.len())
    }

    fn around_byte(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.around.len() >= MOST_AROUND {
            return Err(Malformed::TooMuchAround);
        }
        match self.text {
            Text::Escape => self.text = Text::Inside,
            Text::Inside => match byte {
                b'"' => {
                    self.text = Text::Outside;
                    self.key_end = self.around.len();
                }
                b'\\' => self.text = Text::Escape,
                _ => {}
            },
            Text::Outside => match byte {
                b'"' if self.depth == 0 => return Err(Malformed::NotAnObject),
                b'"' => {
                    self.text = Text::Inside;
                    if self.depth == 1 && !self.after_colon {
                        self.key_at = self.around.len() + 1;
                    }
                }
                b':' if self.depth == 1 => self.after_colon = true,
                b',' if self.depth == 1 => self.after_colon = false,
                b'{' | b'[' => {
                    if self.depth == 0 && (byte == b'[' || self.is_whole) {
                        return Err(Malformed::NotAnObject);
                    }
                    if byte == b'[' && self.depth == 1 && self.after_colon {
                        self.in_items = self.around.get(self.key_at..self.key_end) == Some(b"items".as_slice());
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1).ok_or(Malformed::Brackets)?;
                    self.in_items &= self.depth > 1;
                    self.is_whole = self.depth == 0;
                }
                b' ' | b'\n' | b'\r' | b'\t' => {}
                _ if self.depth == 0 => return Err(Malformed::NotAnObject),
                _ => {}
            },
        }
        self.around.push(byte);
        Ok(())
    }
}
