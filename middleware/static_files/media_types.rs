//! The media type of a file, by its extension.

use http::HeaderValue;

use super::path::extension;

/// Of extensions that are younger than the table or mean something else in it.
const YOUNGER: [(&str, &str); 6] = [
    ("cjs", "text/javascript; charset=utf-8"),
    ("map", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
];

/// The media type of the file at `path`: one of `ours`, else that of a table, else
/// `application/octet-stream`, which says that nothing is known of it (RFC 2046, section 4.5.1).
pub(super) fn media_type(path: &[u8], ours: &[(Box<str>, HeaderValue)]) -> HeaderValue {
    let extension = extension(path).unwrap_or_default();
    let is = |name: &str| name.as_bytes().eq_ignore_ascii_case(extension);
    if let Some((_, ours)) = ours.iter().rev().find(|(name, _)| is(name)) {
        return ours.clone();
    }
    if let Some((_, younger)) = YOUNGER.iter().find(|(name, _)| is(name)) {
        return HeaderValue::from_static(younger);
    }
    let known = std::str::from_utf8(extension)
        .ok()
        .and_then(|extension| mime_guess::from_ext(extension).first_raw());
    match known {
        None => HeaderValue::from_static("application/octet-stream"),
        Some("text/html") => HeaderValue::from_static("text/html; charset=utf-8"),
        Some("text/css") => HeaderValue::from_static("text/css; charset=utf-8"),
        Some("text/javascript") => HeaderValue::from_static("text/javascript; charset=utf-8"),
        Some("text/plain") => HeaderValue::from_static("text/plain; charset=utf-8"),
        Some(known) if has_charset(known) => {
            HeaderValue::try_from(format!("{known}; charset=utf-8"))
                .unwrap_or_else(|_| HeaderValue::from_static(known))
        }
        Some(known) => HeaderValue::from_static(known),
    }
}

/// Whether a type says its charset in a parameter and nowhere better.
///
/// XML, SVG with it, says it in its first line, which the parameter would
/// overrule (RFC 7303, section 3.2); JSON is UTF-8 and has no such parameter (RFC 8259, section 11).
fn has_charset(media_type: &str) -> bool {
    media_type.starts_with("text/") && !media_type.ends_with("xml")
        || media_type == "application/javascript"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> String {
        let value = media_type(path.as_bytes(), &[]);
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn text_says_its_charset() {
        assert_eq!(of("a/index.html"), "text/html; charset=utf-8");
        assert_eq!(of("a.CSS"), "text/css; charset=utf-8");
        assert_eq!(of("a.js"), "text/javascript; charset=utf-8");
        assert_eq!(of("a.mjs"), "text/javascript; charset=utf-8");
        assert_eq!(of("a.txt"), "text/plain; charset=utf-8");
        assert_eq!(of("a.csv"), "text/csv; charset=utf-8");
        assert_eq!(of("a.md"), "text/markdown; charset=utf-8");
    }

    #[test]
    fn what_says_it_elsewhere_has_no_parameter() {
        assert_eq!(of("a.json"), "application/json");
        assert_eq!(of("a.js.map"), "application/json");
        assert_eq!(of("a.svg"), "image/svg+xml");
        assert_eq!(of("a.xml"), "text/xml");
        assert_eq!(of("a.webmanifest"), "application/manifest+json");
    }

    #[test]
    fn binaries_are_what_they_are() {
        assert_eq!(of("a.png"), "image/png");
        assert_eq!(of("a.wasm"), "application/wasm");
        assert_eq!(of("a.woff2"), "font/woff2");
        assert_eq!(of("a.avif"), "image/avif");
        assert_eq!(of("a.tar.gz"), "application/gzip");
    }

    #[test]
    fn the_unknown_is_octets() {
        assert_eq!(of("LICENSE"), "application/octet-stream");
        assert_eq!(of("a.no-such-extension"), "application/octet-stream");
        assert_eq!(of(".profile"), "application/octet-stream");
        assert_eq!(
            media_type(b"a.\xff", &[]).to_str().unwrap(),
            "application/octet-stream"
        );
    }

    #[test]
    fn ours_come_first_and_the_last_of_them_counts() {
        let value = HeaderValue::from_static;
        let ours = [
            ("html".into(), value("text/html")),
            ("".into(), value("text/plain")),
            ("html".into(), value("text/html; charset=iso-8859-1")),
        ];
        assert_eq!(
            media_type(b"a.HTML", &ours),
            "text/html; charset=iso-8859-1"
        );
        assert_eq!(media_type(b"LICENSE", &ours), "text/plain");
    }
}
