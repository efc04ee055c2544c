//! What is held to any bytes, by the fuzzer and by property tests: nothing here is part of a build for use.
//!
//! Each function takes what somebody outside could send, and asserts more than that nothing panics: what is
//! read is written and read again the same, what is made normal stays as it is, what must not come out does not.

#![expect(
    clippy::unwrap_used,
    reason = "a fuzz target panics where something is wrong"
)]

mod fields;
mod paths;
mod stored;

pub use fields::{
    accept, accept_encoding, base64, byte_range, cache_control, date, entity_tags, forwarded, list,
    media_type, structured,
};
pub use paths::{glob, host_name, normalize_path, path_encoding, router, static_path};
pub use stored::{access_log, cache_wire};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The lines of a field, and their text in lower case.
fn lines(name: &HeaderName, bytes: &[u8]) -> (HeaderMap, HeaderMap) {
    let (mut sent, mut lower) = (HeaderMap::new(), HeaderMap::new());
    for line in bytes.split(|byte| *byte == b'\n').take(16) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            sent.append(name, value);
            let value = HeaderValue::from_bytes(&line.to_ascii_lowercase());
            lower.append(name, value.unwrap());
        }
    }
    (sent, lower)
}

/// Two texts, divided at the first line end.
fn pair(bytes: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(bytes).ok()?.split_once('\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    const ALL: [fn(&[u8]); 19] = [
        super::accept,
        super::accept_encoding,
        super::access_log,
        super::base64,
        super::byte_range,
        super::cache_control,
        super::cache_wire,
        super::date,
        super::entity_tags,
        super::forwarded,
        super::glob,
        super::host_name,
        super::list,
        super::media_type,
        super::normalize_path,
        super::path_encoding,
        super::router,
        super::static_path,
        super::structured,
    ];

    proptest! {
        #[test]
        fn each_is_held_to_any_bytes(bytes: Vec<u8>, text in "[ -~\n]{0,60}", path in "/[a-c/.%{}*?#~\n-]{0,30}") {
            for held in ALL {
                held(&bytes);
                held(text.as_bytes());
                held(path.as_bytes());
            }
        }
    }
}
