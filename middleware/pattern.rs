//! Patterns of paths, as they are written in rules.
//!
//! `*` stands for any characters but `/`, `**` for any at all, `?` for one that is not `/`. A
//! pattern without `/` is compared with the last segment of a path, one with `/` with all of
//! it. There is no escape: what stands for itself cannot be any of the three.

/// Whether a path can be like `pattern`: those of requests are visible ASCII, without `#`.
pub(crate) fn is_pattern(pattern: &str) -> bool {
    let right = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    !pattern.is_empty() && pattern.bytes().all(right) && !pattern.contains("***")
}

/// Whether `path`, from the root without its leading slash, is like `pattern`.
pub(crate) fn is_like(pattern: &str, path: &[u8]) -> bool {
    if pattern.contains('/') {
        let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
        return like(pattern.as_bytes(), path);
    }
    let name = path.rsplit(|byte| *byte == b'/').next();
    like(pattern.as_bytes(), name.unwrap_or_default())
}

/// Whether `text` is like `pattern`, by remembering the last star of each kind: in steps of the
/// order of one length times the other at worst, whatever the path.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    search(pattern, text, || {})
}

/// The same, counting its steps.
fn search(pattern: &[u8], text: &[u8], mut step: impl FnMut()) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on after each kind of star: in the pattern, and in the text.
    let (mut single, mut double) = (None::<(usize, usize)>, None::<(usize, usize)>);
    // Where the first single star after the double one began: as above.
    let mut first = None::<(usize, usize)>;
    loop {
        step();
        let rest = pattern.get(p..).unwrap_or_default();
        match (rest, text.get(t)) {
            ([], None) => return true,
            ([b'*', b'*', ..], _) => {
                p += 2;
                (first, single, double) = (None, None, Some((p, t)));
                continue;
            }
            ([b'*', ..], _) => {
                first = first.or(Some((p, t)));
                p += 1;
                single = Some((p, t));
                continue;
            }
            ([b'?', ..], Some(c)) if *c != b'/' => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            ([want, ..], Some(c)) if want == c && *want != b'?' => {
                (p, t) = (p + 1, t + 1);
                continue;
            }
            _ => {}
        }
        // A star takes one more character and all after it is tried again.
        let taken = single.map(|(after, taken)| (after, taken, text.get(taken)));
        if let Some((after, taken, Some(c))) = taken
            && *c != b'/'
        {
            (p, t) = (after, taken + 1);
            single = Some((p, t));
        } else if let Some((_, _, None)) = taken {
            // It has had all there is: the one before it leaves it no more than a part of that.
            return false;
        } else if let Some((after, taken)) = double
            && taken < text.len()
        {
            (p, t) = (after, taken + 1);
            if let Some((star, began)) = first.take() {
                // What that star can take ends at the next slash, and is less from each start that has it
                // begin before: only one that has it begin behind the slash gives more.
                let ahead = text.get(began..).unwrap_or_default();
                let slash = ahead.iter().position(|byte| *byte == b'/');
                let slash = began + slash.unwrap_or(ahead.len());
                t = t.max((slash + 1).saturating_sub(star - after));
            }
            (single, double) = (None, Some((p, t)));
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_slash_it_is_of_the_last_segment() {
        assert!(is_like("*.css", b"a/b.css") && !is_like("*.css", b"a.css/b"));
        assert!(is_like("/*.css", b"b.css") && !is_like("/*.css", b"a/b.css"));
        assert!(is_like("a/**", b"a/b/c") && !is_like("a/**", b"b/a/c"));
        assert!(is_like("**", b"") && !is_like("", b"a"));
    }

    /// The obvious definition, exponential but right.
    fn model(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', b'*', rest @ ..], _) => (0..=text.len()).any(|n| model(rest, &text[n..])),
            ([b'*', rest @ ..], _) => (0..=text.len())
                .take_while(|n| !text[..*n].contains(&b'/'))
                .any(|n| model(rest, &text[n..])),
            ([b'?', p @ ..], [c, t @ ..]) => *c != b'/' && model(p, t),
            ([a, p @ ..], [b, t @ ..]) => a == b && model(p, t),
            _ => false,
        }
    }

    fn steps(pattern: &str, text: &str) -> usize {
        let mut steps = 0;
        let found = search(pattern.as_bytes(), text.as_bytes(), || steps += 1);
        assert!(!found);
        steps
    }

    #[test]
    fn steps_are_as_many_as_the_path_has_characters() {
        let long = 4096;
        for (pattern, unit) in [
            // The star has all there is, and no other start leaves it more.
            ("**a*b", "a"),
            ("**/a*b", "/a"),
            ("**a*b", "aaaaaaaaaaaaaaa/"),
            ("**a*/*b", "a/"),
            ("**/*/*/*.b", "/a"),
            ("**a*a/*b*c", "aaaa/aab/"),
        ] {
            let text = unit.repeat(long / unit.len());
            let most = pattern.len() * text.len();
            let steps = steps(pattern, &text);
            assert!(steps <= most, "{pattern} {unit}: {steps}");
            let steps = self::steps(pattern, &[&text, "/"].concat());
            assert!(steps <= most, "{pattern} {unit}, slash: {steps}");
        }
    }

    proptest! {
        #[test]
        fn the_matcher_agrees_with_its_definition(pattern in "[ab/*?]{0,8}", text in "[ab/]{0,10}") {
            prop_assert_eq!(
                like(pattern.as_bytes(), text.as_bytes()),
                model(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
