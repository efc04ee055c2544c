//! Which requests a stored response is for: RFC 9111, section 4.1.

use http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::header::list::members;

/// More names than this in `Vary` are not worth a comparison each time.
const MOST: usize = 16;

/// The fields of a request that selected a response, as they were.
///
/// Two requests select the same if all fields that `Vary` names are the same, normalised as
/// section 4.1 allows: lines of one name are one list. In `Accept`, `Accept-Encoding` and
/// `Accept-Language` white space and empty elements do not count; case does not in the latter two,
/// and order does not in `Accept-Encoding`, which the others' readers do look at.
#[derive(Clone, Debug, Default)]
pub(super) struct Vary(Box<[Selecting]>);

#[derive(Clone, Debug)]
struct Selecting {
    name: HeaderName,
    /// As it was, if it was one line: what most requests say again to the letter.
    line: Option<HeaderValue>,
    normal: Option<Box<[u8]>>,
}

impl PartialEq for Vary {
    fn eq(&self, other: &Self) -> bool {
        let same = |(a, b): (&Selecting, &Selecting)| a.name == b.name && a.normal == b.normal;
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}

impl Vary {
    /// What `response` says that `request` was selected by; none if no other request is the
    /// same (`*`), or if that is not to be understood.
    pub(super) fn of(response: &HeaderMap, request: &HeaderMap) -> Option<Self> {
        let mut names = Vec::new();
        for line in response.get_all(VARY) {
            for member in members(line.as_bytes()) {
                // `*` is a token, and so a name to the parser.
                let name = (member != b"*").then(|| HeaderName::from_bytes(member).ok())??;
                if !names.contains(&name) {
                    names.push(name);
                }
                if names.len() > MOST {
                    return None;
                }
            }
        }
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        Some(Self::by(names.into_iter(), request))
    }

    /// What selects by the same names the response to a request with these fields.
    pub(super) fn of_another(&self, request: &HeaderMap) -> Self {
        Self::by(self.0.iter().map(|one| one.name.clone()), request)
    }

    fn by(names: impl Iterator<Item = HeaderName>, request: &HeaderMap) -> Self {
        let selecting = names.map(|name| Selecting {
            line: only(request, &name).cloned(),
            normal: normal(request, &name),
            name,
        });
        Self(selecting.collect())
    }

    /// Whether a request with these fields selects the response.
    #[inline]
    pub(super) fn selects(&self, request: &HeaderMap) -> bool {
        self.0.iter().all(|one| {
            let line = only(request, &one.name);
            (line.is_some() && line == one.line.as_ref())
                || normal(request, &one.name) == one.normal
        })
    }

    /// Each name with its normalised value.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&HeaderName, Option<&[u8]>)> {
        let selecting = self.0.iter();
        selecting.map(|one| (&one.name, one.normal.as_deref()))
    }

    pub(super) fn from_pairs(pairs: impl Iterator<Item = (HeaderName, Option<Box<[u8]>>)>) -> Self {
        let selecting = pairs.map(|(name, normal)| Selecting {
            line: normal
                .as_deref()
                .and_then(|value| HeaderValue::from_bytes(value).ok()),
            normal,
            name,
        });
        Self(selecting.collect())
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

/// All lines of a field as one, without what does not matter; none if the field is not there.
fn normal(headers: &HeaderMap, name: &HeaderName) -> Option<Box<[u8]>> {
    if !headers.contains_key(name) {
        return None;
    }
    let lines = headers.get_all(name).into_iter();
    let lines = lines.map(HeaderValue::as_bytes);
    if ![ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE].contains(name) {
        // White space may mean something in what is not known (RFC 9110, section 5.3).
        return Some(lines.collect::<Vec<_>>().join(&b", "[..]).into());
    }
    let mut members: Vec<Vec<u8>> = lines.flat_map(members).map(without_space).collect();
    if *name != ACCEPT {
        for member in &mut members {
            member.make_ascii_lowercase();
        }
    }
    if *name == ACCEPT_ENCODING {
        members.sort_unstable();
    }
    Some(members.join(&b","[..]).into())
}

/// Without the white space around semicolons, and no other: `g zip` is not `gzip`, and who sends that must not
/// choose what others get (RFC 9110, sections 5.6.3 and 5.6.6).
fn without_space(member: &[u8]) -> Vec<u8> {
    let parts = member.split(|byte| *byte == b';');
    parts
        .map(<[u8]>::trim_ascii)
        .collect::<Vec<_>>()
        .join(&b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn same(vary: &'static str, first: &HeaderMap, second: &HeaderMap) -> bool {
        let vary = Vary::of(&headers(&[("vary", vary)]), first).unwrap();
        vary.selects(second)
    }

    #[test]
    fn white_space_inside_of_a_word_is_not_nothing() {
        for (name, broken, right) in [
            ("accept-encoding", "g zip, b r", "gzip, br"),
            ("accept-encoding", "gzip;q=0 .5", "gzip;q=0.5"),
            ("accept", "text/ html", "text/html"),
            ("accept-language", "d e", "de"),
        ] {
            let (broken, right) = (headers(&[(name, broken)]), headers(&[(name, right)]));
            assert!(!same(name, &broken, &right), "{name}");
        }
        let spaced = headers(&[("accept-encoding", "gzip ; q=0.5 ,br")]);
        let dense = headers(&[("accept-encoding", "br,gzip;q=0.5")]);
        assert!(same("accept-encoding", &spaced, &dense));
    }

    #[test]
    fn without_vary_any_request_selects() {
        let vary = Vary::of(&HeaderMap::new(), &headers(&[("a", "1")])).unwrap();
        assert!(vary.selects(&HeaderMap::new()));
    }

    #[test]
    fn all_fields_that_are_named_must_be_the_same() {
        let one = headers(&[("a", "1"), ("b", "2")]);
        assert!(same(
            "a, B",
            &one,
            &headers(&[("a", "1"), ("b", "2"), ("c", "3")])
        ));
        assert!(!same("a, b", &one, &headers(&[("a", "1"), ("b", "3")])));
        assert!(!same("a, b", &one, &headers(&[("a", "1")])));
        assert!(!same("c", &one, &headers(&[("c", "")])), "absent and empty");
        assert!(same("c", &one, &one));
    }

    #[test]
    fn star_and_what_is_no_name_select_nothing() {
        for vary in ["*", "a, *", "*, a", "a b"] {
            assert!(Vary::of(&headers(&[("vary", vary)]), &HeaderMap::new()).is_none());
        }
    }

    #[test]
    fn lines_of_one_name_are_one_list() {
        let one = headers(&[("a", "1, 2")]);
        assert!(same("a", &one, &headers(&[("a", "1"), ("a", "2")])));
        for other in ["1,2", "1 , 2", "2, 1"] {
            assert!(!same("a", &one, &headers(&[("a", other)])), "{other}");
        }
    }

    #[test]
    fn what_does_not_matter_in_a_field_that_is_known_does_not() {
        let same =
            |name, one, other| same(name, &headers(&[(name, one)]), &headers(&[(name, other)]));
        assert!(same("accept-encoding", "gzip, Br;q=0.5", "br; q=0.5,,GZIP"));
        assert!(!same("accept-encoding", "gzip, br;q=0.5", "br, gzip"));
        assert!(same("accept-language", "de, EN;q=0.5", "De,en; q=0.5"));
        assert!(
            !same("accept-language", "de, en", "en, de"),
            "some take order for preference"
        );
        assert!(same("accept", "a/b, c/d", "a/b ,c/d"));
        assert!(!same("accept", "a/b, c/d", "c/d, a/b"));
        assert!(!same("cookie", "A", "a"));
    }
}
