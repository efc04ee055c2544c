//! What the fields say, and the answer to a preflight.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::origin::Origins;

const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");
const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");

pub(super) const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");
const BY_PREFLIGHT: HeaderValue = HeaderValue::from_static(
    "origin, access-control-request-method, access-control-request-headers, \
     access-control-request-private-network",
);

/// What is said to whom.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) origins: Origins,
    pub(super) credentials: bool,
    pub(super) methods: Allowed,
    pub(super) headers: Allowed,
    pub(super) expose: Option<HeaderValue>,
    pub(super) max_age: HeaderValue,
    pub(super) private_network: bool,
}

/// What a preflight allows besides what needs no permission.
#[derive(Clone, Debug)]
pub(super) enum Allowed {
    Any,
    List(HeaderValue),
    Nothing,
}

impl Rules {
    /// What needs no permission is allowed to `origins`, and nothing else.
    pub(super) fn new(origins: Origins) -> Self {
        Self {
            origins,
            credentials: false,
            methods: Allowed::Nothing,
            headers: Allowed::Nothing,
            expose: None,
            max_age: HeaderValue::from_static("3600"),
            private_network: false,
        }
    }

    /// Says to `allowed`, if there is one, that it may read the response with these fields.
    #[inline]
    pub(super) fn dress(&self, headers: &mut HeaderMap, allowed: Option<HeaderValue>) {
        if let Some(names) = &self.expose
            && allowed.is_some()
        {
            headers.append(ACCESS_CONTROL_EXPOSE_HEADERS, names.clone());
        }
        self.say_origin(headers, allowed);
        if !matches!(self.origins, Origins::Any) {
            vary_by_origin(headers);
        }
    }

    /// Says who may read the response, in place of what inner said.
    #[inline]
    fn say_origin(&self, headers: &mut HeaderMap, allowed: Option<HeaderValue>) {
        let credentials = self.credentials && allowed.is_some();
        match allowed {
            Some(origin) => headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin),
            None => headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN),
        };
        if credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        } else {
            headers.remove(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        }
    }

    /// The answer to a preflight with these fields.
    #[cold]
    pub(super) fn preflight(&self, asked: &HeaderMap) -> Response<()> {
        let mut res = Response::new(());
        *res.status_mut() = StatusCode::NO_CONTENT;
        *res.headers_mut() = HeaderMap::with_capacity(7);
        let headers = res.headers_mut();
        headers.insert(VARY, BY_PREFLIGHT);
        let Some(origin) = self.origins.allowed(asked.get(ORIGIN)) else {
            return res;
        };
        self.say_origin(headers, Some(origin));
        let methods = self.say(
            &self.methods,
            || asked.get(ACCESS_CONTROL_REQUEST_METHOD).cloned(),
            ANY,
        );
        if let Some(methods) = methods {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        // `*` does not cover `Authorization` (Fetch, section 3.3.4).
        let any = HeaderValue::from_static("*, authorization");
        let names = self.say(
            &self.headers,
            || all(asked, &ACCESS_CONTROL_REQUEST_HEADERS),
            any,
        );
        if let Some(names) = names {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        if self.private_network
            && asked
                .get(REQUEST_PRIVATE_NETWORK)
                .is_some_and(|v| v == TRUE)
        {
            headers.insert(ALLOW_PRIVATE_NETWORK, TRUE);
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
        res
    }

    /// What is said to be allowed, where `asked` was asked for.
    fn say(
        &self,
        allowed: &Allowed,
        asked: impl FnOnce() -> Option<HeaderValue>,
        any: HeaderValue,
    ) -> Option<HeaderValue> {
        match allowed {
            // With credentials a `*` is no more than a name (Fetch, section 3.3.4).
            Allowed::Any if self.credentials => asked(),
            Allowed::Any => Some(any),
            Allowed::List(list) => Some(list.clone()),
            Allowed::Nothing => None,
        }
    }
}

/// All lines of a list as one (RFC 9110, section 5.3): proxies may have split it.
fn all(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Some(first.clone());
    }
    let mut joined = first.as_bytes().to_vec();
    for line in lines {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(line.as_bytes());
    }
    HeaderValue::try_from(joined).ok()
}

/// Adds the origin to what the response varies by, if it is not there.
#[inline]
fn vary_by_origin(headers: &mut HeaderMap) {
    let known = headers.get_all(VARY).iter().any(|line| {
        let mut names = line.as_bytes().split(|byte| *byte == b',');
        names.any(|name| {
            let name = name.trim_ascii();
            name == b"*" || name.eq_ignore_ascii_case(b"origin")
        })
    });
    if !known {
        headers.append(VARY, BY_ORIGIN);
    }
}

/// `items` with commas between; nothing if there are none.
#[expect(clippy::expect_used, reason = "methods and field names are tokens")]
pub(super) fn list<T: AsRef<str>>(items: impl Iterator<Item = T>) -> Option<HeaderValue> {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(item.as_ref());
    }
    let value = || HeaderValue::try_from(text.as_str()).expect("tokens make a field value");
    (!text.is_empty()).then(value)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn vary(lines: &[&'static str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(VARY, HeaderValue::from_static(line));
        }
        vary_by_origin(&mut headers);
        let lines = headers.get_all(VARY).iter();
        lines
            .map(|line| line.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn vary_is_added_to_once() {
        assert_eq!(vary(&[]), ["origin"]);
        assert_eq!(vary(&["accept-encoding"]), ["accept-encoding", "origin"]);
        assert_eq!(vary(&["accept , Origin"]), ["accept , Origin"]);
        assert_eq!(vary(&["accept", "*"]), ["accept", "*"]);
        assert_eq!(vary(&["x-origin"]), ["x-origin", "origin"]);
    }

    #[test]
    fn lists_have_commas_between() {
        assert_eq!(
            list([Method::PUT, Method::DELETE].iter()).unwrap(),
            "PUT, DELETE"
        );
        assert_eq!(list(std::iter::empty::<Method>()), None);
    }
}
