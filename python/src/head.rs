//! The status and the headers of an application, checked when it tells them.

use gopuram::Body;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::ext::ReasonPhrase;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

/// What `start_response` was told.
#[derive(Debug)]
pub(crate) struct Head {
    status: StatusCode,
    reason: Option<ReasonPhrase>,
    headers: HeaderMap,
    /// `Content-Length`.
    pub(crate) length: Option<u64>,
}

/// Fields about the connection, which is the server's (PEP 3333, "Other HTTP Features"); `wsgiref.util` has the same, but for
/// `trailer`, which RFC 2616, section 13.5.1 spells otherwise.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// More headers than anybody has, and so few that there is room for those of layers and of the server.
const MOST: usize = 16 * 1024;

impl Head {
    /// Of the arguments of `start_response`; what is wrong with them is raised there.
    pub(crate) fn of(status: &Bound<'_, PyAny>, headers: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (status, reason) = self::status(status)?;
        let Ok(list) = headers.cast_exact::<PyList>() else {
            return Err(wrong_type("headers must be a list", headers));
        };
        let room = list.len().saturating_add(2);
        let headers = HeaderMap::try_with_capacity(room);
        let (Ok(headers), true) = (headers, room <= MOST) else {
            return Err(too_many());
        };
        let mut head = Self {
            status,
            reason,
            headers,
            length: None,
        };
        for pair in list {
            head.add(&pair)?;
        }
        Ok(head)
    }

    fn add(&mut self, pair: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(pair) = pair.cast_exact::<PyTuple>() else {
            return Err(wrong_type("a header must be a tuple", pair));
        };
        if pair.len() != 2 {
            return Err(PyValueError::new_err("a header must be a name and a value"));
        }
        let (name, value) = (pair.get_borrowed_item(0)?, pair.get_borrowed_item(1)?);
        let name = text(&name, "the name of a header must be a str")?;
        let value = text(&value, "the value of a header must be a str")?;
        let parsed = HeaderName::from_bytes(name.as_str()?.as_bytes());
        let Ok(parsed) = parsed else {
            return Err(wrong_value("not the name of a header", name.0));
        };
        if HOP_BY_HOP.contains(&parsed.as_str()) {
            return Err(wrong_value(
                "a header about the connection, which is the server's",
                name.0,
            ));
        }
        let bytes = value.latin1()?;
        // A tab is allowed in HTTP, and not in PEP 3333.
        if bytes.iter().any(u8::is_ascii_control) {
            return Err(wrong_value(
                "a control character in the value of a header",
                value.0,
            ));
        }
        // Spaces around a value are no part of it (RFC 9110, section 5.5), and in HTTP/2 make it malformed (RFC 9113, section 8.2.1).
        let bytes = bytes.trim_ascii();
        let Ok(field) = HeaderValue::from_bytes(bytes) else {
            return Err(wrong_value("not the value of a header", value.0));
        };
        if parsed == header::CONTENT_LENGTH {
            let digits = bytes.iter().all(u8::is_ascii_digit);
            let length = digits.then(|| field.to_str().ok()?.parse().ok()).flatten();
            if length.is_none() {
                return Err(wrong_value("not a Content-Length", value.0));
            }
            if self.length.is_some() {
                return Err(PyValueError::new_err("Content-Length twice"));
            }
            self.length = length;
        }
        match self.headers.try_append(parsed, field) {
            Ok(_) => Ok(()),
            Err(_) => Err(too_many()),
        }
    }

    /// Whether a response of this status has content (RFC 9110, section 6.4.1); a 205 has none either (15.3.6).
    pub(crate) fn has_content(&self) -> bool {
        !matches!(self.status.as_u16(), 204 | 205 | 304)
    }

    /// Tells the length, which the application did not.
    pub(crate) fn tell_length(&mut self, length: u64) {
        self.length = Some(length);
        self.headers.insert(header::CONTENT_LENGTH, length.into());
    }

    /// The response, of which all is known but the body.
    pub(crate) fn response(self) -> Response<()> {
        let mut res = Response::new(());
        *res.status_mut() = self.status;
        *res.headers_mut() = self.headers;
        if let Some(reason) = self.reason {
            res.extensions_mut().insert(reason);
        }
        res
    }

    /// The response, with all of its body.
    pub(crate) fn with(self, body: Body) -> Response<Body> {
        self.response().map(|()| body)
    }
}

/// `999 Reason`: three digits, one space and no control characters.
fn status(status: &Bound<'_, PyAny>) -> PyResult<(StatusCode, Option<ReasonPhrase>)> {
    let status = text(status, "the status must be a str")?;
    let line = status.latin1()?;
    let parsed = match line.split_at_checked(3) {
        Some((code, [b' ', reason @ ..])) => StatusCode::from_bytes(code)
            .ok()
            .filter(|_| reason.first().is_some_and(|first| *first != b' '))
            .zip(Some(reason)),
        _ => None,
    };
    let Some((code, reason)) = parsed else {
        return Err(wrong_value("a status is `999 Reason`, not", status.0));
    };
    if code.is_informational() {
        return Err(wrong_value("an interim status is no answer", status.0));
    }
    if code
        .canonical_reason()
        .is_some_and(|usual| usual.as_bytes() == reason)
    {
        return Ok((code, None));
    }
    if reason.iter().any(u8::is_ascii_control) {
        return Err(wrong_value("a control character in the status", status.0));
    }
    match ReasonPhrase::try_from(reason) {
        Ok(reason) => Ok((code, Some(reason))),
        Err(_) => Err(wrong_value("a status is `999 Reason`, not", status.0)),
    }
}

/// A string of the application: its characters are bytes (PEP 3333, "Unicode Issues").
struct Text<'a, 'py>(&'a Bound<'py, PyString>);

fn text<'a, 'py>(object: &'a Bound<'py, PyAny>, problem: &str) -> PyResult<Text<'a, 'py>> {
    match object.cast::<PyString>() {
        Ok(string) => Ok(Text(string)),
        Err(_) => Err(wrong_type(problem, object)),
    }
}

impl Text<'_, '_> {
    fn as_str(&self) -> PyResult<&str> {
        self.0
            .to_str()
            .map_err(|_| wrong_value("a character that is not of Latin-1", self.0))
    }

    fn latin1(&self) -> PyResult<std::borrow::Cow<'_, [u8]>> {
        let text = self.as_str()?;
        if text.is_ascii() {
            return Ok(text.as_bytes().into());
        }
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        match bytes {
            Ok(bytes) => Ok(bytes.into()),
            Err(_) => Err(wrong_value("a character that is not of Latin-1", self.0)),
        }
    }
}

fn too_many() -> PyErr {
    PyValueError::new_err(format!("more than {MOST} headers"))
}

fn wrong_type(problem: &str, object: &Bound<'_, PyAny>) -> PyErr {
    let name = object.get_type();
    match name.qualname() {
        Ok(name) => PyTypeError::new_err(format!("{problem}, not {name}")),
        Err(error) => error,
    }
}

fn wrong_value(problem: &str, text: &Bound<'_, PyString>) -> PyErr {
    match text.repr() {
        Ok(repr) => PyValueError::new_err(format!("{problem}: {}", repr.to_string_lossy())),
        Err(error) => error,
    }
}
