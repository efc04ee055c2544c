//! What the tests have in common.

use gopuram::environ::{Environ, Mapping, Refused, Template};
use gopuram::middleware::attributes::{Connection, Scheme};
use http::{Request, Version, request};

/// From 192.0.2.1 to us.
pub(crate) fn connection() -> Connection {
    let local = "198.51.100.1:8000".parse().unwrap();
    let peer = "192.0.2.1:5000".parse().unwrap();
    Connection::new(Some(local), Some(peer), Scheme::Http)
}

pub(crate) fn head(method: &str, target: &str, fields: &[(&str, &[u8])]) -> request::Parts {
    let mut req = Request::builder().method(method).uri(target);
    for (name, value) in fields {
        req = req.header(*name, *value);
    }
    req.body(()).unwrap().into_parts().0
}

pub(crate) fn of_version(mut head: request::Parts, version: Version) -> request::Parts {
    head.version = version;
    head
}

pub(crate) fn environ(head: &request::Parts) -> Result<Environ, Refused> {
    environ_by(Mapping::default(), head)
}

pub(crate) fn environ_by(mapping: Mapping, head: &request::Parts) -> Result<Environ, Refused> {
    Template::new(mapping, &connection()).environ(head)
}

/// The variables of a request with these fields.
pub(crate) fn get(target: &str, fields: &[(&str, &[u8])]) -> Environ {
    environ(&head("GET", target, fields)).unwrap()
}

/// A variable as text.
pub(crate) fn var<'a>(environ: &'a Environ, name: &str) -> Option<&'a str> {
    environ
        .get(name)
        .map(|value| std::str::from_utf8(value).expect("text"))
}

/// What a front server says, with what it always says.
pub(crate) fn said(variables: &[(&str, &str)]) -> Environ {
    let mut environ: Environ = variables.iter().copied().collect();
    for (name, value) in [
        ("REQUEST_METHOD", "GET"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("HTTP_HOST", "a"),
    ] {
        if environ.get(name).is_none() {
            environ.push(name, value);
        }
    }
    environ
}

pub(crate) fn back(environ: &Environ) -> Result<request::Parts, Refused> {
    environ.head(&Mapping::default(), &Connection::default())
}
