//! The directives of a format: which there are, what they ask for, and when it is known.

use std::str::FromStr;

use http::HeaderName;
use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION};

use super::format::Reason;
use super::time::TimeFormat;

/// One value of a line.
#[derive(Clone, Debug)]
pub(super) enum Value {
    // Known on the way in.
    Client,
    Cookie(Box<str>),
    Local,
    Method,
    Path,
    Peer,
    Port(End),
    Protocol,
    Query,
    Request,
    RequestHeader(Field),
    RequestId,
    Scheme,
    ServerName,
    Started(TimeFormat),
    Target,
    // Known on the way out.
    ResponseHeader(Field),
    // Known at the end.
    Bytes,
    BytesOrNone,
    Elapsed(Unit),
    Ended(TimeFormat),
    FirstByte,
    KeepAlive,
    Outcome,
    Received,
    Route,
    Sent,
    Status,
    Transferred,
    User,
}

/// When a value is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    In,
    Out,
    End,
}

/// A header field, or that its value is nobody's business.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: HeaderName,
    pub(super) hidden: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Canonical,
    Local,
    Remote,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Micros,
    Millis,
    Seconds,
}

/// What a directive turns into: a value, or a text that is the same in every line.
#[derive(Debug)]
pub(super) enum Directive {
    Text(Vec<u8>),
    Value(Value),
    /// A text that is not there.
    Nothing,
}

/// What a format needs to be noted, as bits.
pub(super) mod needs {
    pub(in super::super) const STARTED: u8 = 1;
    pub(in super::super) const FIRST_BYTE: u8 = 2;
    pub(in super::super) const ENDED: u8 = 4;
    pub(in super::super) const REPORT: u8 = 8;
    pub(in super::super) const RECEIVED: u8 = 16;
    pub(in super::super) const SENT: u8 = 32;
    pub(in super::super) const KEEP_ALIVE: u8 = 64;
    pub(in super::super) const HEAD: u8 = 128;
}

impl Value {
    pub(super) const fn phase(&self) -> Phase {
        match self {
            Self::Client
            | Self::Cookie(_)
            | Self::Local
            | Self::Method
            | Self::Path
            | Self::Peer
            | Self::Port(_)
            | Self::Protocol
            | Self::Query
            | Self::Request
            | Self::RequestHeader(_)
            | Self::RequestId
            | Self::Scheme
            | Self::ServerName
            | Self::Started(_)
            | Self::Target => Phase::In,
            Self::ResponseHeader(_) => Phase::Out,
            Self::Bytes
            | Self::BytesOrNone
            | Self::Elapsed(_)
            | Self::Ended(_)
            | Self::FirstByte
            | Self::KeepAlive
            | Self::Outcome
            | Self::Received
            | Self::Route
            | Self::Sent
            | Self::Status
            | Self::Transferred
            | Self::User => Phase::End,
        }
    }

    pub(super) const fn needs(&self) -> u8 {
        match self {
            Self::Started(_) => needs::STARTED,
            Self::Ended(_) => needs::ENDED,
            Self::Elapsed(_) => needs::STARTED | needs::ENDED,
            Self::FirstByte => needs::STARTED | needs::FIRST_BYTE,
            Self::Route | Self::User => needs::REPORT,
            Self::Received => needs::RECEIVED,
            Self::Sent => needs::SENT,
            Self::Transferred => needs::RECEIVED | needs::SENT,
            Self::KeepAlive => needs::KEEP_ALIVE,
            Self::ResponseHeader(_) => needs::HEAD,
            _ => 0,
        }
    }

    pub(super) fn field_mut(&mut self) -> Option<&mut Field> {
        match self {
            Self::RequestHeader(field) | Self::ResponseHeader(field) => Some(field),
            _ => None,
        }
    }

    pub(super) fn time_mut(&mut self) -> Option<&mut TimeFormat> {
        match self {
            Self::Started(time) | Self::Ended(time) => Some(time),
            _ => None,
        }
    }
}

impl Directive {
    /// The directive with this letter and, if there were braces, what stood in them.
    pub(super) fn new(letter: char, argument: Option<&str>) -> Result<Self, Reason> {
        let value = match (letter, argument) {
            ('%', None) => return Ok(Self::Text(b"%".to_vec())),
            ('l', None) => return Ok(Self::Nothing),
            ('P', None | Some("pid")) => {
                return Ok(Self::Text(std::process::id().to_string().into_bytes()));
            }
            ('e', Some(name)) => {
                return Ok(match std::env::var_os(name) {
                    Some(value) => Self::Text(value.into_encoded_bytes()),
                    None => Self::Nothing,
                });
            }
            ('a' | 'h', None) => Value::Client,
            ('a', Some("c")) => Value::Peer,
            ('A', None) => Value::Local,
            ('b', None) => Value::BytesOrNone,
            ('B', None) => Value::Bytes,
            ('C', Some(name)) => Value::Cookie(name.into()),
            ('D', None) | ('T', Some("us")) => Value::Elapsed(Unit::Micros),
            ('T', Some("ms")) => Value::Elapsed(Unit::Millis),
            ('T', None | Some("s")) => Value::Elapsed(Unit::Seconds),
            ('H', None) => Value::Protocol,
            ('i', Some(name)) => Value::RequestHeader(field(name)?),
            ('o', Some(name)) => Value::ResponseHeader(field(name)?),
            ('I', None) => Value::Received,
            ('m', None) => Value::Method,
            ('O', None) => Value::Sent,
            ('p', None | Some("canonical")) => Value::Port(End::Canonical),
            ('p', Some("local")) => Value::Port(End::Local),
            ('p', Some("remote")) => Value::Port(End::Remote),
            ('q', None) => Value::Query,
            ('r', None) => Value::Request,
            ('s', None) => Value::Status,
            ('S', None) => Value::Transferred,
            ('t', format) => time(format.unwrap_or_default())?,
            ('u', None) => Value::User,
            ('U', None) => Value::Path,
            ('v' | 'V', None) => Value::ServerName,
            ('X', None) => Value::KeepAlive,
            ('x', Some("id")) => Value::RequestId,
            ('x', Some("outcome")) => Value::Outcome,
            ('x', Some("route")) => Value::Route,
            ('x', Some("scheme")) => Value::Scheme,
            ('x', Some("target")) => Value::Target,
            ('x', Some("ttfb")) => Value::FirstByte,
            ('C' | 'e' | 'i' | 'o' | 'x', None) => return Err(Reason::ArgumentMissing),
            ('a' | 'p' | 'P' | 'T' | 'x', Some(_)) => return Err(Reason::BadArgument),
            (letter, Some(_)) if "%AbBDhHIlmOqrsSuUvVX".contains(letter) => {
                return Err(Reason::BadArgument);
            }
            _ => return Err(Reason::Unknown),
        };
        Ok(Self::Value(value))
    }
}

/// Credentials are never logged: nobody needs them there.
fn field(name: &str) -> Result<Field, Reason> {
    let name = HeaderName::from_str(name).map_err(|_| Reason::BadArgument)?;
    let hidden = name == AUTHORIZATION || name == PROXY_AUTHORIZATION;
    Ok(Field { name, hidden })
}

fn time(format: &str) -> Result<Value, Reason> {
    let (ended, format) = match format.strip_prefix("end:") {
        Some(format) => (true, format),
        None => (false, format.strip_prefix("begin:").unwrap_or(format)),
    };
    let time = TimeFormat::parse(format).ok_or(Reason::BadArgument)?;
    Ok(if ended {
        Value::Ended(time)
    } else {
        Value::Started(time)
    })
}
