//! How an answer is shown where an assertion fails.

use std::fmt;

use http::HeaderMap;

/// How much is shown of a body.
const BODY: usize = 1024;
/// How much is shown of a field's value.
const VALUE: usize = 80;

/// Bytes, as text if they are that, and how many there are if not all are shown.
pub(super) struct Content<'a>(pub(super) &'a [u8]);

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0, BODY, f)
    }
}

/// Header fields, a value's beginning each.
pub(super) struct Fields<'a>(pub(super) &'a HeaderMap);

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.0.iter();
        let fields = fields.map(|(name, value)| (name, Value(value.as_bytes())));
        f.debug_map().entries(fields).finish()
    }
}

struct Value<'a>(&'a [u8]);

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0, VALUE, f)
    }
}

fn show(bytes: &[u8], limit: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Ok(text) = str::from_utf8(bytes) {
        let shown = text.get(..text.floor_char_boundary(limit));
        write!(f, "{:?}", shown.unwrap_or(text))?;
    } else {
        let shown = bytes.get(..limit).unwrap_or(bytes);
        write!(f, "b\"{}\"", shown.escape_ascii())?;
    }
    if bytes.len() > limit {
        write!(f, " and so on, {} bytes", bytes.len())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_text_and_what_is_long_is_cut() {
        assert_eq!(format!("{:?}", Content("aé\n".as_bytes())), r#""aé\n""#);
        assert_eq!(format!("{:?}", Content(b"a\xff\n")), r#"b"a\xff\n""#);
        let long = format!("{:?}", Content(&[b'x'; 2000]));
        assert_eq!(long.len(), BODY + 2 + " and so on, 2000 bytes".len());
        assert!(long.ends_with("\" and so on, 2000 bytes"), "{long}");
        let many = format!("{:?}", Content("€".repeat(500).as_bytes()));
        assert!(many.ends_with("\" and so on, 1500 bytes"), "{many}");
    }
}
