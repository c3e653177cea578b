//! Lines of the text exposition 0.0.4: labels and values, whatever bytes a certificate holds.

use std::io::Write;

use aws_lc_rs::digest::{SHA256, digest};

/// The longest label value in bytes, before escaping.
const VALUE_BYTES: usize = 512;

/// What a cut value ends in: the ellipsis and 8 hexadecimal digits of the whole value's SHA-256.
const CUT_BYTES: usize = "…".len() + 8;

/// Writes `,name="value"`; nothing when the value is empty, which is the same to Prometheus.
pub fn label(out: &mut Vec<u8>, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    out.push(b',');
    first_label(out, name, value);
}

/// Writes `name="value"`.
pub fn first_label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    if value.len() > VALUE_BYTES {
        let end = value.floor_char_boundary(VALUE_BYTES - CUT_BYTES);
        escaped(out, &value[..end]);
        // Two long values that begin alike stay apart.
        out.extend_from_slice("…".as_bytes());
        hex(out, &digest(&SHA256, value.as_bytes()).as_ref()[..4]);
    } else {
        escaped(out, value);
    }
    out.push(b'"');
}

/// Writes lower case hexadecimal.
pub fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// A sample's value.
pub trait Value {
    /// Writes it as the exposition wants it.
    fn write(self, out: &mut Vec<u8>);
}

impl Value for i64 {
    fn write(self, out: &mut Vec<u8>) {
        let _ = write!(out, "{self}");
    }
}

impl Value for u64 {
    fn write(self, out: &mut Vec<u8>) {
        let _ = write!(out, "{self}");
    }
}

impl Value for bool {
    fn write(self, out: &mut Vec<u8>) {
        out.push(b'0' + u8::from(self));
    }
}

impl Value for f64 {
    fn write(self, out: &mut Vec<u8>) {
        let _ = match self {
            f64::INFINITY => out.write_all(b"+Inf"),
            f64::NEG_INFINITY => out.write_all(b"-Inf"),
            whole_or_not => write!(out, "{whole_or_not}"),
        };
    }
}

fn escaped(out: &mut Vec<u8>, value: &str) {
    if !value.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        return out.extend_from_slice(value.as_bytes());
    }
    for byte in value.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> String {
        let mut out = Vec::new();
        label(&mut out, "l", value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn label_values_are_escaped_and_absent_when_empty() {
        for (behaviour, value, line) in [
            ("plain text is copied", "CN=a b", r#",l="CN=a b""#),
            ("empty is absent", "", ""),
            ("backslash, quote and newline are escaped", "a\\b\"c\nd", r#",l="a\\b\"c\nd""#),
            ("other control characters stay", "\t\r\0\u{7f}", ",l=\"\t\r\0\u{7f}\""),
            ("UTF-8 stays", "Zürich", ",l=\"Zürich\""),
        ] {
            assert_eq!(written(value), line, "{behaviour}");
        }
    }

    #[test]
    fn long_values_are_cut_at_512_bytes_and_stay_apart() {
        let long = "ü".repeat(400);
        let cut = written(&long);
        let value = cut.trim_start_matches(",l=\"").trim_end_matches('"');
        assert!(value.len() <= 512 && value.len() > 505, "{}", value.len());
        assert!(value.starts_with("üüü") && value[..value.len() - 8].ends_with('…'));
        assert_ne!(written(&format!("{long}a")), written(&format!("{long}b")));
        assert_eq!(written(&"a".repeat(512)).len(), 512 + ",l=\"\"".len(), "512 bytes fit");
    }

    #[test]
    fn values_are_written_whole_where_they_are() {
        fn text(value: impl Value) -> String {
            let mut out = Vec::new();
            value.write(&mut out);
            String::from_utf8(out).unwrap()
        }
        assert_eq!(text(-62_135_596_800_i64), "-62135596800");
        assert_eq!(text(true), "1");
        assert_eq!(text(1.5), "1.5");
        assert_eq!(text(1e21), "1000000000000000000000");
        assert_eq!(text(f64::NAN), "NaN");
        assert_eq!(text(f64::INFINITY), "+Inf");
    }
}
