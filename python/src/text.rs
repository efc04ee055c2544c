//! Strings of Python whose characters are bytes, as WSGI has them.

use std::ffi::c_char;
use std::hash::BuildHasherDefault;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use rustc_hash::FxHasher;

/// The names of the variables that most requests have.
const USUAL: [&str; 58] = [
    "AUTH_TYPE",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "HTTPS",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_CHARSET",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
    "HTTP_AUTHORIZATION",
    "HTTP_CACHE_CONTROL",
    "HTTP_CONNECTION",
    "HTTP_COOKIE",
    "HTTP_DNT",
    "HTTP_EXPECT",
    "HTTP_FORWARDED",
    "HTTP_HOST",
    "HTTP_IF_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_RANGE",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_KEEP_ALIVE",
    "HTTP_ORIGIN",
    "HTTP_PRAGMA",
    "HTTP_PRIORITY",
    "HTTP_RANGE",
    "HTTP_REFERER",
    "HTTP_SEC_CH_UA",
    "HTTP_SEC_CH_UA_MOBILE",
    "HTTP_SEC_CH_UA_PLATFORM",
    "HTTP_SEC_FETCH_DEST",
    "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_SITE",
    "HTTP_SEC_FETCH_USER",
    "HTTP_TE",
    "HTTP_TRACEPARENT",
    "HTTP_TRACESTATE",
    "HTTP_UPGRADE_INSECURE_REQUESTS",
    "HTTP_USER_AGENT",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_X_REQUESTED_WITH",
    "HTTP_X_REQUEST_ID",
    "PATH_INFO",
    "QUERY_STRING",
    "RAW_URI",
    "REMOTE_USER",
    "REQUEST_METHOD",
    "REQUEST_URI",
    "SCRIPT_NAME",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
];

type Names = std::collections::HashMap<&'static [u8], Py<PyString>, BuildHasherDefault<FxHasher>>;

static NAMES: PyOnceLock<Names> = PyOnceLock::new();

/// The name of a variable: made once and interned, if it is a usual one.
pub(crate) fn name<'py>(py: Python<'py>, name: &[u8]) -> PyResult<Bound<'py, PyString>> {
    let names = NAMES.get_or_init(py, || {
        let intern = |name: &'static str| (name.as_bytes(), PyString::intern(py, name).unbind());
        USUAL.into_iter().map(intern).collect()
    });
    match names.get(name) {
        Some(known) => Ok(known.bind(py).clone()),
        None => latin1(py, name),
    }
}

/// Bytes as a string, each a character.
pub(crate) fn latin1<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    #[expect(
        clippy::cast_possible_wrap,
        reason = "a slice has no more bytes than isize::MAX"
    )]
    let len = bytes.len() as isize;
    #[expect(
        unsafe_code,
        reason = "PyO3 makes strings of UTF-8 only, for which bytes would be copied and looked through twice"
    )]
    // SAFETY: the thread is attached, as `py` says, and the bytes are there for the call, which copies them. What it returns is a
    // reference that is ours, to a string, or null if there is no memory.
    let object = unsafe {
        let string = pyo3::ffi::PyUnicode_DecodeLatin1(
            bytes.as_ptr().cast::<c_char>(),
            len,
            std::ptr::null(),
        );
        Bound::from_owned_ptr_or_err(py, string)?
    };
    // It decodes to nothing but strings.
    Ok(object.cast_into()?)
}
