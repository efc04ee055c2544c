//! Fields by which an application has the server in front send a file in place of its answer's content.

#[cfg(feature = "digest")]
use http::HeaderMap;
use http::HeaderName;

/// nginx's field.
pub(crate) const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");

/// Apache's field (`mod_xsendfile`), and lighttpd's.
pub(crate) const X_SENDFILE: HeaderName = HeaderName::from_static("x-sendfile");

/// All that some front takes.
pub(crate) const FIELDS: [HeaderName; 4] = [
    X_ACCEL_REDIRECT,
    X_SENDFILE,
    HeaderName::from_static("x-sendfile2"),
    HeaderName::from_static("x-lighttpd-send-file"),
];

/// Whether the content is a file that is not here.
#[cfg(feature = "digest")]
pub(crate) fn is_elsewhere(headers: &HeaderMap) -> bool {
    FIELDS.iter().any(|field| headers.contains_key(field))
}
