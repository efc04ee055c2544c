//! From the path of a request to the path of a file: decoded once, then checked.

use std::borrow::Cow;

use http::StatusCode;
use percent_encoding::percent_decode;

use super::config::Dotfiles;

/// The path of a file, relative to the root, of plain components only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilePath<'a> {
    /// Without slashes at its ends; empty for the root itself.
    name: Cow<'a, [u8]>,
    /// The request's path ended in a slash: a directory is meant.
    directory: bool,
}

impl<'a> FilePath<'a> {
    /// Decodes and checks the path of a request.
    ///
    /// The status is 400 for what no client should have sent, bad percent-encodings
    /// and NUL, and 404 for what is well-formed and names nothing here.
    pub(super) fn parse(path: &'a str, dotfiles: Dotfiles) -> Result<Self, StatusCode> {
        let path = path.strip_prefix('/').ok_or(StatusCode::BAD_REQUEST)?;
        let name = decode(path)?;
        if name.contains(&0) {
            return Err(StatusCode::BAD_REQUEST);
        }
        // An encoded slash is data, not a separator (RFC 3986, section 2.2), and no
        // file name has one; a backslash is a separator to some clients and tools.
        let slashes = |bytes: &[u8]| bytes.split(|b| *b == b'/').count();
        if name.contains(&b'\\') || slashes(&name) != slashes(path.as_bytes()) {
            return Err(StatusCode::NOT_FOUND);
        }
        let (name, directory) = match name {
            Cow::Borrowed(name) => match name.strip_suffix(b"/") {
                Some(name) => (Cow::Borrowed(name), true),
                None => (Cow::Borrowed(name), name.is_empty()),
            },
            Cow::Owned(mut name) => {
                let directory = name.last() == Some(&b'/');
                name.truncate(name.len().saturating_sub(usize::from(directory)));
                (Cow::Owned(name), directory)
            }
        };
        let plain = (name.is_empty() && path.is_empty())
            || name
                .split(|b| *b == b'/')
                .enumerate()
                .all(|(depth, component)| allowed(component, depth, dotfiles));
        if !plain {
            return Err(StatusCode::NOT_FOUND);
        }
        Ok(Self { name, directory })
    }

    /// The path of a page named by the configuration.
    pub(super) fn of_page(page: &'a str) -> Self {
        Self {
            name: Cow::Borrowed(page.trim_start_matches('/').as_bytes()),
            directory: false,
        }
    }

    /// The path relative to the root; empty for the root itself.
    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether only a directory may answer.
    pub(super) const fn is_directory(&self) -> bool {
        self.directory
    }

    /// The path of `child` in this directory.
    pub(super) fn join(&self, child: &[u8]) -> Vec<u8> {
        join(&self.name, child)
    }

    /// The path as a request has it that encodes nothing.
    pub(super) fn key(&self) -> Vec<u8> {
        let is_below = self.directory && !self.name.is_empty();
        let slash: &[u8] = if is_below { b"/" } else { b"" };
        [b"/", &*self.name, slash].concat()
    }

    /// How many directories it is beneath the root.
    pub(super) fn depth(&self) -> usize {
        match &*self.name {
            [] => 0,
            name => name.split(|b| *b == b'/').count(),
        }
    }
}

/// What the path of a request names, for the fuzzer.
#[cfg(any(fuzzing, test))]
pub(crate) fn file_path(path: &str) -> Option<Vec<u8>> {
    let path = FilePath::parse(path, Dotfiles::default()).ok()?;
    Some(path.name().to_owned())
}

/// Whether the path of a request may be a view of a single page: its last component has no
/// extension, as files have, and none is a dotfile that is not served.
///
/// Where no file is meant, an encoded slash is as good as any other character.
pub(super) fn is_view(path: &str, dotfiles: Dotfiles) -> bool {
    let Ok(name) = decode(path.strip_prefix('/').unwrap_or(path)) else {
        return false;
    };
    let name = name.strip_suffix(b"/").unwrap_or(&name);
    extension(name).is_none()
        && name
            .split(|b| matches!(b, b'/' | b'\\'))
            .enumerate()
            .all(|(depth, component)| {
                !component.starts_with(b".") || allowed(component, depth, dotfiles)
            })
}

/// `directory/child`, or `child` in the root.
pub(super) fn join(directory: &[u8], child: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len().saturating_add(1 + child.len()));
    path.extend_from_slice(directory);
    if !directory.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(child);
    path
}

/// The last component of a path.
pub(super) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// What follows the last dot of a path's file name; a leading dot starts no extension.
pub(super) fn extension(path: &[u8]) -> Option<&[u8]> {
    let name = file_name(path);
    let dot = name.iter().rposition(|b| *b == b'.').filter(|at| *at > 0)?;
    name.get(dot + 1..)
}

/// Percent-decodes once; a `%` must begin an encoding (RFC 3986, section 2.1).
fn decode(path: &str) -> Result<Cow<'_, [u8]>, StatusCode> {
    let mut rest = path.as_bytes();
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => {
                rest = rest.get(at + 3..).unwrap_or_default();
            }
            _ => return Err(StatusCode::BAD_REQUEST),
        }
    }
    Ok(percent_decode(path.as_bytes()).into())
}

/// Whether a component may be looked up: never an empty one, `.` or `..`.
fn allowed(component: &[u8], depth: usize, dotfiles: Dotfiles) -> bool {
    match component {
        b"" | b"." | b".." => false,
        [b'.', ..] => match dotfiles {
            Dotfiles::Refuse => false,
            Dotfiles::WellKnown => depth == 0 && component == b".well-known",
            Dotfiles::Serve => true,
        },
        _ => true,
    }
}

/// Whether `name` may be shown in a listing of a directory at `depth`.
pub(super) fn is_listed(name: &[u8], depth: usize, dotfiles: Dotfiles) -> bool {
    allowed(name, depth, dotfiles) && !name.contains(&b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(path: &str) -> Result<String, u16> {
        FilePath::parse(path, Dotfiles::WellKnown)
            .map(|p| String::from_utf8_lossy(p.name()).into_owned())
            .map_err(|status| status.as_u16())
    }

    #[test]
    fn plain_paths_lose_their_outer_slashes() {
        assert_eq!(name("/a/b.css").unwrap(), "a/b.css");
        assert_eq!(name("/a/").unwrap(), "a");
        assert_eq!(name("/").unwrap(), "");
        assert!(
            FilePath::parse("/", Dotfiles::Refuse)
                .unwrap()
                .is_directory()
        );
        assert!(
            !FilePath::parse("/a", Dotfiles::Refuse)
                .unwrap()
                .is_directory()
        );
    }

    #[test]
    fn a_path_is_decoded_once() {
        assert_eq!(name("/a%20b").unwrap(), "a b");
        assert_eq!(name("/a%2541").unwrap(), "a%41");
        assert_eq!(name("/%C3%A9").unwrap(), "é");
        let bytes = FilePath::parse("/%ff%FE", Dotfiles::Refuse).unwrap();
        assert_eq!(bytes.name(), b"\xff\xfe");
    }

    #[test]
    fn views_are_neither_files_nor_hidden() {
        let is_view = |path| is_view(path, Dotfiles::WellKnown);
        for path in ["/", "/a", "/a/", "/AC%2FDC", "/a//b", "/a%5cb", "/v1.2/a"] {
            assert!(is_view(path), "{path}");
        }
        for path in [
            "/a.js",
            "/a%2eJS",
            "/a%2fb.js",
            "/.env",
            "/.git/x",
            "/..%2fa",
            "/..%5ca",
            "/%",
        ] {
            assert!(!is_view(path), "{path}");
        }
    }

    #[test]
    fn malformed_paths_are_bad_requests() {
        for path in [
            "",
            "*",
            "a",
            "/%",
            "/%4",
            "/%zz",
            "/a%2",
            "/%00",
            "/a%00.png",
        ] {
            assert_eq!(name(path), Err(400), "{path}");
        }
    }

    #[test]
    fn paths_that_climb_or_hide_are_not_found() {
        for path in [
            "//",
            "//evil",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/./a",
            "/a/../b",
            "/%2e%2e/b",
            "/..%2fb",
            "/a%2Fb",
            "/a\\b",
            "/a%5cb",
            "/..\\b",
            "/.git/config",
            "/.env",
            "/a/.htaccess",
            "/a/.well-known/b",
            "/.well-knowns",
        ] {
            assert_eq!(name(path), Err(404), "{path}");
        }
    }

    #[test]
    fn dotfiles_are_as_configured() {
        assert!(FilePath::parse("/.well-known/acme", Dotfiles::WellKnown).is_ok());
        assert!(FilePath::parse("/.well-known/acme", Dotfiles::Refuse).is_err());
        assert!(FilePath::parse("/.env", Dotfiles::Serve).is_ok());
        assert!(FilePath::parse("/..", Dotfiles::Serve).is_err());
        assert_eq!(name("/a..b").unwrap(), "a..b");
    }

    #[test]
    fn an_extension_follows_the_last_dot() {
        assert_eq!(extension(b"a.b/c.tar.gz"), Some(&b"gz"[..]));
        assert_eq!(extension(b"a.b/c"), None);
        assert_eq!(extension(b".profile"), None);
        assert_eq!(extension(b"a."), Some(&b""[..]));
    }

    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("/".to_owned()),
            Just("..".to_owned()),
            Just(".".to_owned()),
            Just("%2e".to_owned()),
            Just("%2F".to_owned()),
            Just("%5c".to_owned()),
            Just("%00".to_owned()),
            Just("%25".to_owned()),
            Just("%".to_owned()),
            "[a-z\\\\%.]{0,3}",
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
    }

    proptest! {
        #[test]
        fn no_decoded_path_escapes(path in hostile()) {
            if let Ok(parsed) = FilePath::parse(&path, Dotfiles::Serve) {
                let name = parsed.name();
                prop_assert!(!name.starts_with(b"/") && !name.ends_with(b"/"));
                prop_assert!(!name.contains(&0) && !name.contains(&b'\\'));
                if !name.is_empty() {
                    for component in name.split(|b| *b == b'/') {
                        prop_assert!(!matches!(component, b"" | b"." | b".."));
                    }
                }
            }
        }

        #[test]
        fn any_text_is_parsed_or_refused(path in ".*") {
            drop(FilePath::parse(&path, Dotfiles::Refuse));
        }

        #[test]
        fn an_encoded_name_comes_back(bytes in proptest::collection::vec(1u8.., 1..20)) {
            let plain = bytes.iter().all(|b| !matches!(b, b'/' | b'\\')) && bytes[0] != b'.';
            prop_assume!(plain);
            let path = bytes.iter().fold("/".to_owned(), |path, b| format!("{path}%{b:02x}"));
            let parsed = FilePath::parse(&path, Dotfiles::Refuse).unwrap();
            prop_assert_eq!(parsed.name(), &bytes[..]);
        }
    }
}
