//! `Accept`: which media types the client wants ([RFC 9110, section 12.5.1]).
//!
//! Parameters but the weight are not compared: what is offered here has none that
//! matter. A weight that breaks the grammar refuses its range.
//!
//! [RFC 9110, section 12.5.1]: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1

use http::HeaderMap;
use http::header::ACCEPT;

use super::list::members;

/// How much a range says of a media type, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    Anything,
    Type,
    Exact,
}

/// How gladly the client takes `media_type`, in thousandths.
///
/// The most precise range decides, the highest weight among equals; without the field
/// anything is welcome.
pub(crate) fn quality(headers: &HeaderMap, media_type: &str) -> u16 {
    if !headers.contains_key(ACCEPT) {
        return 1000;
    }
    best(headers, media_type).map_or(0, |(_, weight)| weight)
}

/// Whether the client names `media_type` itself and takes it, as browsers do with
/// `text/html` when a person navigates and not when a script fetches.
#[cfg(feature = "files")]
pub(crate) fn names(headers: &HeaderMap, media_type: &str) -> bool {
    best(headers, media_type)
        .is_some_and(|(precision, weight)| precision == Precision::Exact && weight > 0)
}

fn best(headers: &HeaderMap, media_type: &str) -> Option<(Precision, u16)> {
    headers
        .get_all(ACCEPT)
        .iter()
        .flat_map(|line| members(line.as_bytes()))
        .filter_map(|element| {
            let mut parts = split(element, b';');
            let precision = precision(parts.next()?.trim_ascii(), media_type)?;
            Some((precision, weight(parts)))
        })
        .max()
}

fn precision(range: &[u8], media_type: &str) -> Option<Precision> {
    let slash = media_type.find('/')?;
    let (kind, _) = media_type.as_bytes().split_at_checked(slash + 1)?;
    if range == b"*/*" {
        Some(Precision::Anything)
    } else if range.eq_ignore_ascii_case(media_type.as_bytes()) {
        Some(Precision::Exact)
    } else {
        let named = range.strip_suffix(b"*")?;
        named.eq_ignore_ascii_case(kind).then_some(Precision::Type)
    }
}

/// The `q` among `parameters` (section 12.4.2); 1 if there is none.
fn weight<'a>(parameters: impl Iterator<Item = &'a [u8]>) -> u16 {
    let mut parameters = parameters.map(<[u8]>::trim_ascii);
    let value = parameters.find_map(|parameter| match parameter {
        [b'q' | b'Q', b'=', value @ ..] => Some(value),
        _ => None,
    });
    let (whole, fraction) = match value {
        None => return 1000,
        Some([whole @ (b'0' | b'1')]) => (whole, &[][..]),
        Some([whole @ (b'0' | b'1'), b'.', fraction @ ..]) => (whole, fraction),
        Some(_) => return 0,
    };
    if fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    let digits = fraction.iter().chain(b"000").take(3);
    let thousandths = digits.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, thousandths) {
        (b'0', thousandths) => thousandths,
        (_, 0) => 1000,
        _ => 0,
    }
}

fn split(text: &[u8], by: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.filter(|text| !text.is_empty())?;
        let (part, after) = cut(text, by);
        rest = Some(after);
        Some(part)
    })
}

/// What stands before and after the first `by` that is not quoted.
fn cut(text: &[u8], by: u8) -> (&[u8], &[u8]) {
    let (mut quoted, mut escaped) = (false, false);
    let at = text.iter().position(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            byte => return *byte == by && !quoted,
        }
        false
    });
    let at = at.unwrap_or(text.len());
    let (before, after) = text.split_at(at);
    (before, after.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn accept(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            headers.append(ACCEPT, line);
        }
        headers
    }

    #[test]
    fn the_most_precise_range_decides() {
        let headers = accept(&["text/*;q=0.3, text/html;q=0.7, */*;q=0.5"]);
        assert_eq!(quality(&headers, "text/html"), 700);
        assert_eq!(quality(&headers, "text/plain"), 300);
        assert_eq!(quality(&headers, "application/json"), 500);
        assert_eq!(quality(&accept(&["text/html;q=0, */*"]), "text/html"), 0);
    }

    #[test]
    fn no_field_welcomes_all_and_an_empty_one_nothing() {
        assert_eq!(quality(&HeaderMap::new(), "text/html"), 1000);
        assert_eq!(quality(&accept(&[""]), "text/html"), 0);
        assert!(!names(&HeaderMap::new(), "text/html"));
    }

    #[test]
    fn a_navigation_names_html_and_a_fetch_does_not() {
        let navigation = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(names(&accept(&[navigation]), "text/html"));
        assert!(!names(&accept(&["*/*"]), "text/html"));
        assert!(!names(&accept(&["text/*"]), "text/html"));
        assert!(!names(&accept(&["text/html;q=0.0"]), "text/html"));
        assert!(names(
            &accept(&["image/png", "Text/HTML ; level=1; Q=0.5"]),
            "text/html"
        ));
    }

    #[test]
    fn quoted_parameters_divide_nothing() {
        let headers = accept(&[r#"text/html;a="b,c;q=0\"";q=0.5, application/json;q=0.1"#]);
        assert_eq!(quality(&headers, "text/html"), 500);
        assert_eq!(quality(&headers, "application/json"), 100);
    }

    #[test]
    fn a_malformed_weight_refuses() {
        for bad in ["2", "1.1", "0.1234", "", "x", ".5", "-1"] {
            assert_eq!(
                quality(&accept(&[&format!("a/b;q={bad}")]), "a/b"),
                0,
                "{bad}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(weight in 0_u16..=1000) {
            let line = format!("x/y, a/b ; v=1 ; q={}.{:03}", weight / 1000, weight % 1000);
            prop_assert_eq!(quality(&accept(&[&line]), "a/b"), weight);
        }

        #[test]
        fn nothing_panics(line in "[ -~\t]{0,60}") {
            let headers = accept(&[&line]);
            prop_assert!(quality(&headers, "text/html") <= 1000);
            let _ = names(&headers, "text/html");
        }
    }
}
