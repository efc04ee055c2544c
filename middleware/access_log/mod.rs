//! One line per request when its body ends.
//!
//! ```
//! use gopuram_middleware::AccessLog;
//! use gopuram_middleware::access_log::Log;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! # let path = std::env::temp_dir().join("gopuram-access-log-example");
//! let log = Log::file(path)?;
//! let app = AccessLog::combined(log.clone())
//!     .redact_query(["token"])
//!     .skip(|entry| entry.path() == "/healthz" && entry.status().is_success())
//!     .layer(app);
//! log.reopen(); // on SIGHUP
//! # let _ = app;
//! # Ok::<_, std::io::Error>(())
//! ```
//!
//! The line is written when the body of the response has ended or is dropped, or when
//! there will be none: once for each request, whatever happens to it. The number of
//! bytes is what was really handed to the server, and the [`Outcome`] tells a whole response from one that
//! broke off. Where there was no response, the status is 499 if the client was gone, as
//! nginx has it, and else the 500 that the server answers.
//!
//! # Directives
//!
//! A [format](AccessLog::format) is text with the directives of Apache's `mod_log_config`. What is not known
//! is a `-`, and in JSON `null`.
//!
//! | directive | stands for |
//! |---|---|
//! | `%%` | a percent sign |
//! | `%a`, `%h` | the client's address: what a trust layer said, else the peer's; names are not looked up |
//! | `%{c}a` | the address of the connection's peer |
//! | `%A` | our address of the connection |
//! | `%B`, `%b` | bytes of the body that were sent; `%b` has `-` for none |
//! | `%{name}C` | the value of a cookie |
//! | `%D` | the time to the end of the response, in microseconds |
//! | `%{name}e` | a variable of the environment, when the layer is made |
//! | `%H` | the protocol: `HTTP/1.1` |
//! | `%{name}i` | a field of the request, its lines joined by commas |
//! | `%I` | bytes received, the head as HTTP/1.1 writes it; the body is counted if it is a [`Body`](crate::Body), else as declared |
//! | `%l` | nothing: nobody serves RFC 1413 |
//! | `%m` | the method |
//! | `%{name}o` | a field of the response |
//! | `%O` | bytes sent, the head as HTTP/1.1 writes it |
//! | `%p` | the port asked for, else the port of the connection, else the scheme's |
//! | `%{local}p`, `%{remote}p` | the connection's port; the client's port |
//! | `%P` | the process |
//! | `%q` | the query with its question mark, or nothing |
//! | `%r` | the request line as it came, also if a layer outside has rewritten it |
//! | `%s`, `%>s` | the status |
//! | `%S` | bytes received and sent: `%I` and `%O` |
//! | `%t` | when the request came, in local time: `[10/Oct/2000:13:55:36 -0700]` |
//! | `%{format}t` | the same by `strftime`, or `sec`, `msec`, `usec`, `msec_frac`, `usec_frac`, and ours, `rfc3339` in UTC; after `begin:` (the default) or `end:` |
//! | `%T` | the time to the end of the response, in seconds |
//! | `%{unit}T` | the same in `s`, `ms` or `us` |
//! | `%u` | who the client proved to be, as a layer inside told in the [attributes](crate::attributes) |
//! | `%U` | the path as it came, mount and all, without the query |
//! | `%v`, `%V` | the host asked for, without the port |
//! | `%X` | `X` if the response broke off, `+` if the connection may be used again, `-` if not |
//! | `%{id}x` | the [id](crate::RequestId) of the request |
//! | `%{outcome}x` | the [`Outcome`]: `complete`, `client_gone`, `error`, `panic`, `timeout` |
//! | `%{route}x` | the pattern of the route that matched |
//! | `%{scheme}x` | `http` or `https` |
//! | `%{target}x` | the target of the request, as in `%r` |
//! | `%{ttfb}x` | the time to the head of the response, in microseconds |
//!
//! `%400,501{User-agent}i` is written for these statuses only and `%!200{Referer}i` for all but them,
//! and `-` stands for it else. `<` and `>` are read and change nothing. `\n`, `\t`, `\"` and `\\` are what they
//! are in C.
//!
//! # Security
//!
//! What comes from outside cannot end a line or a quoted part of it: quotes, backslashes, control characters and
//! all that is not ASCII are escaped as Apache does (`\"`, `\\`, `\n`, `\xhh`), and in JSON by its
//! rules, with U+FFFD for what is not UTF-8. As with Apache a space is not escaped: put in quotes what may
//! have one. The credentials of `Authorization` and `Proxy-Authorization`, values marked sensitive
//! and the password of a URL are never written.
//!
//! # Limits
//!
//! Of each value the first 8 KiB are written, or what [`value_limit`](AccessLog::value_limit) says, and how much is
//! not.
//!
//! A layer sees what it hands to the server, not what a client reads: the last bytes of a complete response
//! may still be lost on the way. Field lines that a server adds, the framing of chunks and of HTTP/2, and TLS are not
//! in `%I` and `%O`.
//!
//! A request that no layer has seen has no line: one that the server refused, and one whose application did not become
//! ready, be it that its client left, or that the server answered 500, or 503 when it had waited long enough. The
//! server says so in its own log, but of the client that left.
//!
//! Deadlines and panics are told by the marks on a response, [`TimedOut`](crate::attributes::TimedOut)
//! and [`Panicked`](crate::attributes::Panicked), and by the [`Cause`](crate::body::Cause) of a body's
//! error; a layer that hides them makes them look like any other answer or error. For
//! that the error of a body becomes a [`body::Error`](crate::body::Error), inner's being
//! its source.
//!
//! # Cost
//!
//! What is known of the request is written when it comes, to memory that is kept for the next ones: nothing of it is
//! cloned or held, and in steady state nothing is allocated. Exceptions: `%u` and `%{route}x` need a
//! [`Report`](crate::attributes::Report), which is used again, and attributes, which are made where the server made none;
//! `%I` boxes a streaming body. The time is asked for only if the format shows it. Lines go to the [`Log`]'s buffer,
//! and its thread writes them.

mod address;
mod body;
mod clock;
mod directive;
mod escape;
mod format;
mod literal;
mod log;
mod outcome;
mod record;
mod redact;
mod request;
mod sink;
#[cfg(unix)]
mod syslog;
mod time;
mod writer;

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::{HeaderName, Request};
use jiff::tz::TimeZone;
use tower_layer::Layer;

use crate::place::{Observe, Placed};
use crate::wrap::{OnRequest, Wrapped};

use directive::needs;
use format::Format;
use log::Notices;
use record::Record;
use redact::{Mask, Redaction};
use time::Zone;

pub use crate::outcome::Outcome;
pub use body::{LogBody, Pending};
pub use clock::Clock;
pub use format::FormatError;
pub use log::Log;
pub use outcome::Entry;
#[cfg(unix)]
pub use syslog::Syslog;

/// How many bytes of a value are written at most by default.
const VALUE_LIMIT: usize = 8 << 10;

const COMMON: &str = r#"%h %l %u %t "%r" %>s %b"#;
const COMBINED: &str = r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i""#;
const JSON: [(&str, &str); 16] = [
    ("time", "%{rfc3339}t"),
    ("client", "%h"),
    ("user", "%u"),
    ("method", "%m"),
    ("target", "%{target}x"),
    ("protocol", "%H"),
    ("host", "%v"),
    ("status", "%s"),
    ("bytes", "%B"),
    ("outcome", "%{outcome}x"),
    ("ttfb_us", "%{ttfb}x"),
    ("total_us", "%D"),
    ("referer", "%{Referer}i"),
    ("user_agent", "%{User-agent}i"),
    ("id", "%{id}x"),
    ("route", "%{route}x"),
];

/// One line per request when its body ends.
///
/// See the [module documentation](self) for an example and for the directives.
#[derive(Clone, Debug)]
pub struct AccessLog(Arc<Config>);

#[derive(Clone)]
struct Config {
    format: Format,
    /// What the format and the rules need to be noted.
    needs: u8,
    redaction: Redaction,
    skip: Vec<Arc<dyn Fn(&Entry<'_>) -> bool + Send + Sync>>,
    clock: Clock,
    log: Log,
    value_limit: usize,
    name: &'static str,
}

impl Config {
    /// How its log says what happened to itself.
    const fn notices(&self) -> Notices {
        match self.format.style {
            escape::Style::Json => Notices::Json,
            escape::Style::Apache => Notices::Comment,
        }
    }
}

impl AccessLog {
    /// Writes the Common Log Format: `%h %l %u %t "%r" %>s %b`.
    pub fn common(log: impl Into<Log>) -> Self {
        Self::preset("common", Format::apache(COMMON), log.into())
    }

    /// Writes the Combined Log Format: the common one, `"%{Referer}i"` and `"%{User-agent}i"`.
    pub fn combined(log: impl Into<Log>) -> Self {
        Self::preset("combined", Format::apache(COMBINED), log.into())
    }

    /// Writes an object of JSON in each line, with the keys `time`, `client`, `user`, `method`, `target`,
    /// `protocol`, `host`, `status`, `bytes`, `outcome`, `ttfb_us`, `total_us`, `referer`, `user_agent`,
    /// `id` and `route`.
    ///
    /// Numbers are numbers, what is not known is `null`, and the time is in UTC.
    pub fn json(log: impl Into<Log>) -> Self {
        Self::preset("json", Format::json(JSON), log.into())
    }

    /// Writes a format of your own, in the [directives](self#directives) of Apache.
    ///
    /// # Errors
    ///
    /// If a directive is not known: the error names it and its position.
    pub fn format(format: &str, log: impl Into<Log>) -> Result<Self, FormatError> {
        Ok(Self::new("custom", Format::apache(format)?, log.into()))
    }

    /// Writes an object of JSON with keys of your own, one directive each: `("status", "%s")`.
    ///
    /// # Errors
    ///
    /// If a directive is not known or is not just one.
    pub fn json_members<'a>(
        members: impl IntoIterator<Item = (&'a str, &'a str)>,
        log: impl Into<Log>,
    ) -> Result<Self, FormatError> {
        Ok(Self::new("json", Format::json(members)?, log.into()))
    }

    #[expect(clippy::expect_used, reason = "a test reads every preset")]
    fn preset(name: &'static str, format: Result<Format, FormatError>, log: Log) -> Self {
        Self::new(name, format.expect("a preset is a format"), log)
    }

    fn new(name: &'static str, format: Format, log: Log) -> Self {
        Self(Arc::new(Config {
            needs: format.needs(),
            format,
            redaction: Redaction::default(),
            skip: Vec::new(),
            clock: Clock::system(),
            log,
            value_limit: VALUE_LIMIT,
            name,
        }))
    }

    /// Does not log requests for which `rule` holds at their end; any of several rules is enough.
    #[must_use]
    pub fn skip(mut self, rule: impl Fn(&Entry<'_>) -> bool + Send + Sync + 'static) -> Self {
        let config = Arc::make_mut(&mut self.0);
        config.skip.push(Arc::new(rule));
        config.needs |= needs::STARTED | needs::ENDED;
        self
    }

    /// Leaves out the values of these keys of queries: `token=[redacted]`.
    ///
    /// In the request's target, and where URLs are found in fields: `Referer`, `Location` and
    /// `Content-Location`. Case and percent-encoding of a key do not matter.
    /// A user and password in the URLs of these fields are never written, with or without keys.
    #[must_use]
    pub fn redact_query<'a>(mut self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        let redaction = &mut Arc::make_mut(&mut self.0).redaction;
        redaction.query_keys.extend(keys.into_iter().map(Box::from));
        self
    }

    /// Leaves out the values of these cookies, in `Cookie`, `Set-Cookie` and `%{name}C`.
    #[must_use]
    pub fn redact_cookies<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let redaction = &mut Arc::make_mut(&mut self.0).redaction;
        redaction.cookies.extend(names.into_iter().map(Box::from));
        self
    }

    /// Leaves out the whole value of a field, of requests and of responses.
    ///
    /// `Authorization` and `Proxy-Authorization` always are.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a name is a constant, or made for this"
    )]
    pub fn redact_header(mut self, name: HeaderName) -> Self {
        let values = Arc::make_mut(&mut self.0).format.values_mut();
        for field in values.filter_map(directive::Value::field_mut) {
            field.hidden |= field.name == name;
        }
        self
    }

    /// Keeps the first `v4` bits of IPv4 addresses and the first `v6` of others: 24 and 48 are usual.
    ///
    /// In `%h`, `%a` and `%{c}a`, of the client whom [`Forwarded`](crate::Forwarded) believes and of the peer; fields such as `X-Forwarded-For` stay as they are.
    #[must_use]
    pub fn mask_clients(mut self, v4: u8, v6: u8) -> Self {
        Arc::make_mut(&mut self.0).redaction.mask = Some(Mask { v4, v6 });
        self
    }

    /// Writes times in UTC; in local time by default, as Apache does.
    #[must_use]
    pub fn utc(mut self) -> Self {
        let values = Arc::make_mut(&mut self.0).format.values_mut();
        for time in values.filter_map(directive::Value::time_mut) {
            time.set_zone(Zone::Fixed(TimeZone::UTC));
        }
        self
    }

    /// Writes at most the first `bytes` bytes of each value, and `[cut:N]` for the N that follow.
    ///
    /// 8 KiB by default, as long as targets and fields of well-meaning clients are: others could fill a disk
    /// with what the server reads of a head. Bytes are counted as they came, before they are escaped, which makes
    /// four of one at worst, in JSON six. In `%r` method and target count each for itself.
    #[must_use]
    pub fn value_limit(mut self, bytes: usize) -> Self {
        Arc::make_mut(&mut self.0).value_limit = bytes;
        self
    }

    /// Takes the time from another clock, for tests; from the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        Arc::make_mut(&mut self.0).clock = clock;
        self
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("format", &self.format)
            .field("redaction", &self.redaction)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl Placed for AccessLog {
    type Place = Observe;
    const NAME: &'static str = "access_log";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl<S> Layer<S> for AccessLog {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        // Not when it is made: it may never be used.
        self.0.log.notices(self.0.notices());
        Wrapped::new(inner, self.clone())
    }
}

impl<B: 'static> OnRequest<B> for AccessLog {
    type Then = Pending;
    type Reply = Infallible;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Pending> {
        ControlFlow::Continue(Pending::new(Record::open(&self.0, req)))
    }
}
