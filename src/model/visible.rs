//! Text from outside as a person may see it: characters that a terminal or browser would obey or hide are written out, what may be a secret is masked.
//!
//! May touch: nothing.

/// Whether it is obeyed or hidden instead of shown: control characters, and what changes the direction of text or has no width.
pub fn is_hidden(char: char) -> bool {
    match char {
        '\u{20}'..='\u{7e}' => false,
        char if char.is_control() => true,
        // Soft hyphen, Arabic letter mark, Mongolian vowel separator, zero widths and marks, separators, embeddings, isolates, invisible
        // operators, fillers, byte order mark, annotations, tags.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// With every such character written out, a line's end as `\n`, others as `\u{1b}`: one line stays one line.
///
/// # Errors
/// Those of `to`.
pub fn write_on_one_line(to: &mut dyn std::fmt::Write, text: &str) -> std::fmt::Result {
    for char in text.chars() {
        match char {
            '\n' => to.write_str("\\n")?,
            char if is_hidden(char) => write!(to, "{}", char.escape_unicode())?,
            char => to.write_char(char)?,
        }
    }
    Ok(())
}

/// The URL with the names of its parameters, and `[secret]` for each value. A parameter without a value may be a token itself.
pub fn without_values(url: &str) -> String {
    let Some((before, query)) = url.split_once('?') else { return url.to_owned() };
    let hidden = |parameter: &str| parameter.split_once('=').map_or_else(|| "[secret]".to_owned(), |(name, _)| format!("{name}=[secret]"));
    let query: Vec<String> = query.split('&').map(hidden).collect();
    format!("{before}?{}", query.join("&"))
}
