//! Which files a rule is for.

use std::fmt;
use std::sync::Arc;

use super::path::file_name;
use crate::pattern::is_like;

/// The fewest hexadecimal digits that make a fingerprint: webpack, esbuild and
/// Django write eight or more, and a date has eight too but is a digit's only.
const DIGITS: usize = 8;

/// Which files a rule of [`StaticFiles`](super::StaticFiles) is for.
///
/// Made of a text, it is a pattern: `*` stands for any characters but `/`, `**` for any at all, `?`
/// for one that is not `/`. A pattern without `/` is compared with the name of the file that is
/// sent (`index.html` for its directory), one with `/` with its whole path from the root:
/// `/index.html` is that of the root alone.
///
/// ```
/// use gopuram_middleware::static_files::Paths;
///
/// let fonts: Paths = "*.woff2".into();
/// let downloads: Paths = "downloads/**".into();
/// # let _ = (fonts, downloads);
/// ```
#[derive(Clone)]
pub struct Paths(Which);

#[derive(Clone)]
enum Which {
    All,
    Fingerprinted,
    Like(Arc<str>),
    Where(Arc<dyn Fn(&[u8]) -> bool + Send + Sync>),
}

impl Paths {
    /// All files.
    pub const fn all() -> Self {
        Self(Which::All)
    }

    /// Files with a fingerprint of their content in their name, as bundlers make them:
    /// `name.3f9a1c2b.css`, `name-3f9a1c2b5d6e.js`.
    ///
    /// A fingerprint stands between `.`, `-` or `_` and the extension's dot, and is eight or more
    /// hexadecimal digits, a letter and a digit among them: neither a word nor a date is
    /// taken for one. Of fingerprints of eight digits one in forty has no letter and is missed:
    /// where all of a directory is fingerprinted, or in another alphabet, its pattern says
    /// more, `assets/**`.
    pub const fn fingerprinted() -> Self {
        Self(Which::Fingerprinted)
    }

    /// Files for whose path, decoded and from the root without a leading slash, `f` holds.
    ///
    /// It is asked once each time a file is loaded, not for each request of a cached one.
    pub fn matching(f: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        Self(Which::Where(Arc::new(f)))
    }

    pub(super) fn contains(&self, path: &[u8]) -> bool {
        match &self.0 {
            Which::All => true,
            Which::Fingerprinted => is_fingerprinted(file_name(path)),
            Which::Like(pattern) => is_like(pattern, path),
            Which::Where(f) => f(path),
        }
    }
}

impl From<&str> for Paths {
    fn from(pattern: &str) -> Self {
        Self(Which::Like(pattern.into()))
    }
}

impl fmt::Debug for Paths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Which::All => f.write_str("all"),
            Which::Fingerprinted => f.write_str("fingerprinted"),
            Which::Like(pattern) => fmt::Debug::fmt(pattern, f),
            Which::Where(_) => f.write_str("matching(..)"),
        }
    }
}

fn is_fingerprinted(name: &[u8]) -> bool {
    let Some(dot) = name.iter().rposition(|b| *b == b'.') else {
        return false;
    };
    // The first part is the name and not a fingerprint of it.
    let parts = name.get(..dot).unwrap_or_default();
    parts
        .split(|b| matches!(b, b'.' | b'-' | b'_'))
        .skip(1)
        .any(|part| {
            part.len() >= DIGITS
                && part.iter().all(u8::is_ascii_hexdigit)
                && part.iter().any(u8::is_ascii_digit)
                && part.iter().any(u8::is_ascii_alphabetic)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Paths::from(pattern).contains(path.as_bytes())
    }

    #[test]
    fn a_pattern_without_slash_is_of_names() {
        assert!(matches("*.css", "a/b/c.css"));
        assert!(matches("index.html", "index.html"));
        assert!(!matches("*.css", "a.css/b"));
        assert!(matches("a?c", "x/abc"));
        assert!(!matches("a?c", "x/ac"));
    }

    #[test]
    fn a_pattern_with_slash_is_of_paths() {
        assert!(matches("assets/**", "assets/a/b.js"));
        assert!(matches("/assets/*", "assets/b.js"));
        assert!(matches("/a.html", "a.html") && !matches("/a.html", "b/a.html"));
        assert!(!matches("assets/*", "assets/a/b.js"));
        assert!(matches("**/img/*.png", "a/b/img/c.png"));
        assert!(!matches("**/img/*.png", "a/img/c/d.png"));
        assert!(matches("a/**/*.js", "a/b/c/d.js"));
        assert!(!matches("assets/**", "other/assets/a"));
    }

    #[test]
    fn fingerprints_are_hexadecimal_and_no_words() {
        let is = |name: &str| Paths::fingerprinted().contains(name.as_bytes());
        assert!(is("css/name.3f9a1c2b.css"));
        assert!(is("name-3F9a1c2b5d6e.min.js"));
        assert!(!is("name.css"));
        assert!(!is("3f9a1c2b.css"));
        assert!(!is("report-20261123.pdf"));
        assert!(!is("name.deadbeef.css"));
        assert!(!is("name.3f9a1c2.css"));
        assert!(!is("name.3f9a1c2b"));
    }

    #[test]
    fn a_function_may_decide() {
        let long = Paths::matching(|path| path.len() > 3);
        assert!(long.contains(b"abcd") && !long.contains(b"abc"));
        assert!(Paths::all().contains(b""));
    }
}
