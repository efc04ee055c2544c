//! What is answered to a probe.

use std::fmt::{self, Write as _};

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use super::checks::Finding;
use crate::body::Body;
use crate::header::accept;

const JSON: &str = "application/json";
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What the client wants to have.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that is asked"
)]
pub(super) struct Wanted {
    is_head: bool,
    json: bool,
    verbose: bool,
    errors: bool,
}

impl Wanted {
    pub(super) fn of<B>(req: &Request<B>, errors: bool) -> Self {
        let query = req.uri().query().unwrap_or_default();
        let json = accept::quality(req.headers(), JSON);
        Self {
            is_head: *req.method() == Method::HEAD,
            json: json > accept::quality(req.headers(), "text/plain"),
            verbose: query
                .split('&')
                .any(|pair| pair == "verbose" || pair.starts_with("verbose=")),
            errors,
        }
    }

    /// The answer.
    pub(super) fn page(self, state: &str, status: StatusCode, found: &[Finding]) -> Response<Body> {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let (written, media_type) = if self.json {
            (self.json(&mut text, state, found), JSON)
        } else {
            (
                self.text(&mut text, state, found),
                "text/plain; charset=utf-8",
            )
        };
        written.ok();
        let mut res = Response::new(Body::empty());
        *res.status_mut() = status;
        let headers = res.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(CACHE_CONTROL, NO_STORE);
        if self.is_head {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
        } else {
            *res.body_mut() = Body::from(text);
        }
        res
    }

    fn reason(self, found: &Finding) -> Option<String> {
        let fault = found.fault.as_ref()?;
        if self.errors {
            Some(fault.to_string())
        } else {
            fault.public()
        }
    }

    /// As the API server of Kubernetes writes it.
    fn text(self, text: &mut String, state: &str, found: &[Finding]) -> fmt::Result {
        for one in found {
            match (&one.fault, self.reason(one)) {
                (None, _) if self.verbose => writeln!(text, "[+]{} ok", one.name)?,
                (None, _) => {}
                (Some(_), None) => writeln!(text, "[-]{} failed", one.name)?,
                (Some(_), Some(why)) => writeln!(text, "[-]{} failed: {why}", one.name)?,
            }
        }
        writeln!(text, "{state}")
    }

    fn json(self, text: &mut String, state: &str, found: &[Finding]) -> fmt::Result {
        write!(text, "{{\"status\":\"{state}\",\"checks\":[")?;
        for (n, one) in found.iter().enumerate() {
            text.write_str(if n == 0 { "" } else { "," })?;
            let state = if one.fault.is_none() { "ok" } else { "failed" };
            write!(
                text,
                "{{\"name\":{},\"status\":\"{state}\"",
                Quoted(&one.name)
            )?;
            if let Some(why) = self.reason(one) {
                write!(text, ",\"reason\":{}", Quoted(&why))?;
            }
            text.write_str("}")?;
        }
        text.write_str("]}\n")
    }
}

/// What is answered to a method that is not for reading.
pub(super) fn other_method(is_options: bool) -> Response<Body> {
    let mut res = Response::new(Body::empty());
    *res.status_mut() = if is_options {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::METHOD_NOT_ALLOWED
    };
    let allowed = HeaderValue::from_static("GET, HEAD, OPTIONS");
    res.headers_mut().insert(ALLOW, allowed);
    res.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    res
}

/// A string of JSON (RFC 8259, section 7).
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\0'..='\x1f' => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_of_json_has_nothing_that_ends_it() {
        let text = Quoted("a\"b\\c\n\u{1}é").to_string();
        assert_eq!(text, "\"a\\\"b\\\\c\\u000a\\u0001é\"");
    }

    #[test]
    fn the_query_is_read_by_its_keys() {
        let verbose = |query: &str| {
            let req = Request::get(format!("/readyz?{query}")).body(()).unwrap();
            Wanted::of(&req, false).verbose
        };
        assert!(verbose("verbose") && verbose("a=1&verbose=1"));
        assert!(!verbose("") && !verbose("verbosely") && !verbose("a=verbose"));
    }
}
