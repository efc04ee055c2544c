//! The normal form of a path.

/// Which form of a path is the normal one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) slash: Slash,
    pub(super) empty: Empty,
}

/// What is done about a trailing slash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Slash {
    Append,
    Leave,
    Trim,
}

/// What is done about empty segments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Empty {
    Keep,
    Merge,
}

impl Form {
    /// Whether `path` is in normal form: the one scan of each request.
    #[inline]
    pub(super) fn accepts(self, path: &str) -> bool {
        let bytes = path.as_bytes();
        let mut after_slash = false;
        for (at, byte) in bytes.iter().enumerate() {
            if after_slash && matches!(byte, b'/' | b'.' | b'%') {
                let fine = match byte {
                    b'/' => self.empty == Empty::Keep && at > 1,
                    _ => Dots::at_start_of(bytes.get(at..).unwrap_or_default()).is_none(),
                };
                if !fine {
                    return false;
                }
            }
            after_slash = *byte == b'/';
        }
        match self.slash {
            Slash::Append => bytes.ends_with(b"/") || has_extension(path),
            Slash::Leave => true,
            Slash::Trim => bytes.len() <= 1 || !bytes.ends_with(b"/"),
        }
    }

    /// The normal form of `path`, which starts with a slash.
    pub(super) fn normalize(self, path: &str) -> String {
        let (parents, last) = path.rsplit_once('/').unwrap_or_default();
        let mut segments: Vec<&str> = Vec::new();
        for segment in parents.split('/').skip(1) {
            match Dots::at_start_of(segment.as_bytes()) {
                Some(Dots::One) => {}
                Some(Dots::Two) => drop(segments.pop()),
                None => {
                    let kept = self.empty == Empty::Keep && !segments.is_empty();
                    if kept || !segment.is_empty() {
                        segments.push(segment);
                    }
                }
            }
        }
        let dots = Dots::at_start_of(last.as_bytes());
        let directory = last.is_empty() || dots.is_some();
        match dots {
            Some(Dots::One) => {}
            Some(Dots::Two) => drop(segments.pop()),
            None if last.is_empty() => {}
            None => segments.push(last),
        }
        if self.slash == Slash::Trim {
            while segments.last().is_some_and(|segment| segment.is_empty()) {
                segments.pop();
            }
        }
        let mut normal = String::with_capacity(path.len() + 1);
        for segment in segments {
            normal.push('/');
            normal.push_str(segment);
        }
        let slash = match self.slash {
            Slash::Append => directory || !has_extension(&normal),
            Slash::Leave => directory,
            Slash::Trim => false,
        };
        if slash || normal.is_empty() {
            normal.push('/');
        }
        normal
    }
}

/// A segment of dots only, spelled any way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Dots {
    One,
    Two,
}

impl Dots {
    /// The dot segment with which `path` starts, if it does.
    fn at_start_of(path: &[u8]) -> Option<Self> {
        let first = after_dot(path)?;
        if let [] | [b'/', ..] = first {
            return Some(Self::One);
        }
        match after_dot(first)? {
            [] | [b'/', ..] => Some(Self::Two),
            _ => None,
        }
    }
}

/// What is after a dot, which is unreserved and so the same when encoded (RFC 3986, 6.2.2.2).
fn after_dot(path: &[u8]) -> Option<&[u8]> {
    match path {
        [b'.', rest @ ..] | [b'%', b'2', b'E' | b'e', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// Whether the last segment has a dot that is not its first character.
fn has_extension(path: &str) -> bool {
    let segment = path.rsplit('/').next().unwrap_or_default();
    segment.bytes().skip(1).any(|byte| byte == b'.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRIM: Form = merging(Slash::Trim);
    const APPEND: Form = merging(Slash::Append);
    const MERGE: Form = merging(Slash::Leave);

    const fn merging(slash: Slash) -> Form {
        let empty = Empty::Merge;
        Form { slash, empty }
    }

    const fn keeping(form: Form) -> Form {
        let empty = Empty::Keep;
        Form { empty, ..form }
    }

    #[track_caller]
    fn check(form: Form, path: &str, normal: &str) {
        assert_eq!(form.normalize(path), normal, "{path}");
        assert_eq!(form.accepts(path), path == normal, "{path}");
        assert!(form.accepts(normal), "{normal}");
    }

    #[test]
    fn each_mode_has_its_normal_form() {
        for (path, trim, append, merge) in [
            ("/", "/", "/", "/"),
            ("//", "/", "/", "/"),
            ("/a", "/a", "/a/", "/a"),
            ("/a/", "/a", "/a/", "/a/"),
            ("/a//b/", "/a/b", "/a/b/", "/a/b/"),
            ("///a", "/a", "/a/", "/a"),
            ("/a///", "/a", "/a/", "/a/"),
            ("/a/x.css", "/a/x.css", "/a/x.css", "/a/x.css"),
            ("/a/x.css/", "/a/x.css", "/a/x.css/", "/a/x.css/"),
            ("/a.b/c", "/a.b/c", "/a.b/c/", "/a.b/c"),
            ("/.env", "/.env", "/.env/", "/.env"),
            ("/%2F/%61", "/%2F/%61", "/%2F/%61/", "/%2F/%61"),
        ] {
            check(TRIM, path, trim);
            check(APPEND, path, append);
            check(MERGE, path, merge);
        }
    }

    #[test]
    fn dot_segments_are_resolved_and_never_leave_the_root() {
        for (path, normal) in [
            ("/a/./b/../c", "/a/c"),
            ("/a/b/c/./../../g", "/a/g"),
            ("/../../etc", "/etc"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/a//../b", "/b"),
            ("/a/...", "/a/..."),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/..b", "/a/..b"),
            ("/%2eb", "/%2eb"),
        ] {
            check(MERGE, path, normal);
        }
    }

    #[test]
    fn double_slashes_are_kept_on_request_but_not_in_front() {
        let trim = keeping(TRIM);
        check(trim, "/get/http://x", "/get/http://x");
        check(trim, "//a//b//", "/a//b");
        check(trim, "//", "/");
        let merge = keeping(MERGE);
        check(merge, "/a//", "/a//");
        check(merge, "//a/", "/a/");
        check(merge, "/a//../b", "/a/b");
        check(keeping(APPEND), "/a//b", "/a//b/");
    }

    proptest! {
        #[test]
        fn a_normal_form_is_normal(path in "/([/.a\\\\]|%2e){0,12}", keep: bool) {
            for mut form in [TRIM, APPEND, MERGE] {
                if keep {
                    form = keeping(form);
                }
                let normal = form.normalize(&path);
                prop_assert!(form.accepts(&normal), "{normal}");
                prop_assert_eq!(form.normalize(&normal), normal.clone());
                prop_assert_eq!(form.accepts(&path), path == normal);
            }
        }
    }
}
