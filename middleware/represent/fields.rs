//! Which fields stay when a representation does not.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, LAST_MODIFIED, TRAILER,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName};

/// Digests of the content as it is sent, of which a part has another (RFC 9530, section 2).
pub(super) static CONTENT_DIGESTS: [HeaderName; 2] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
];

/// What describes content that is not sent.
static CONTENT: [HeaderName; 10] = [
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    TRAILER,
    TRANSFER_ENCODING,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("repr-digest"),
];

/// What describes the representation, or lets a cache keep it, in an answer that has none.
static REPRESENTATION: [HeaderName; 6] = [
    CACHE_CONTROL,
    CONTENT_DISPOSITION,
    CONTENT_LOCATION,
    ETAG,
    EXPIRES,
    LAST_MODIFIED,
];

/// Makes the fields of a 200 those of its 304 (RFC 9110, section 15.4.5).
///
/// `Cache-Control`, `Content-Location`, `Date`, `ETag`, `Expires` and `Vary` stay, and so does
/// all that is not about the representation. `Last-Modified` stays where it
/// is the only validator, since it then guides the update of a cache.
pub(crate) fn not_modified(headers: &mut HeaderMap) {
    remove(headers, &CONTENT);
    if headers.contains_key(ETAG) {
        headers.remove(LAST_MODIFIED);
    }
}

/// Makes the fields of a 200 those of a refusal in its stead: 412 or 416.
///
/// How long the representation may be kept does not hold for the refusal: a cache that has
/// permission to store it would answer others with it.
pub(crate) fn failed(headers: &mut HeaderMap) {
    remove(headers, &CONTENT);
    remove(headers, &REPRESENTATION);
}

pub(super) fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn left(strip: fn(&mut HeaderMap), names: &[&'static str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for name in names {
            headers.append(*name, HeaderValue::from_static("1"));
            headers.append(*name, HeaderValue::from_static("2"));
        }
        strip(&mut headers);
        let mut left: Vec<_> = headers.keys().map(ToString::to_string).collect();
        left.sort();
        left
    }

    const ALL: [&str; 15] = [
        "cache-control",
        "content-digest",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-type",
        "date",
        "etag",
        "expires",
        "last-modified",
        "repr-digest",
        "set-cookie",
        "vary",
        "x-own",
    ];

    #[test]
    fn a_304_keeps_what_it_must_and_drops_what_describes_content() {
        assert_eq!(
            left(not_modified, &ALL),
            [
                "cache-control",
                "content-location",
                "date",
                "etag",
                "expires",
                "set-cookie",
                "vary",
                "x-own"
            ]
        );
        assert_eq!(left(not_modified, &["last-modified"]), ["last-modified"]);
    }

    #[test]
    fn a_refusal_keeps_nothing_of_the_representation() {
        assert_eq!(left(failed, &ALL), ["date", "set-cookie", "vary", "x-own"]);
    }
}
