//! Rules: which messages they are for, what they do, and what can be wrong with them.

use std::fmt;
use std::ops::{Bound, RangeBounds};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::header::change::Change;
use crate::header::media_type::{MediaPattern, MediaType};
use crate::pattern::{is_like, is_pattern};

/// How many rules for responses there can be: a bit each.
pub(super) const MOST: usize = 64;

/// A rule for requests; what it is for and what it does comes next.
pub const fn requests() -> Rule {
    Rule::new(Direction::In)
}

/// A rule for responses; what it is for and what it does comes next.
pub const fn responses() -> Rule {
    Rule::new(Direction::Out)
}

/// Which messages are meant, and what is done to their fields.
///
/// Made by [`requests`] and [`responses`]. What is wrong with it is told by
/// [`HeaderRules::new`](super::HeaderRules::new).
#[derive(Clone, Debug)]
#[must_use = "a rule is for `HeaderRules::new`"]
pub struct Rule {
    pub(super) direction: Direction,
    paths: Vec<Box<str>>,
    statuses: Vec<(u16, u16)>,
    media_types: Vec<MediaPattern>,
    pub(super) changes: Vec<(HeaderName, Change)>,
    pub(super) error: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
}

impl Rule {
    const fn new(direction: Direction) -> Self {
        Self {
            direction,
            paths: Vec::new(),
            statuses: Vec::new(),
            media_types: Vec::new(),
            changes: Vec::new(),
            error: None,
        }
    }

    /// For paths like `pattern`.
    ///
    /// `*` stands for any characters but `/`, `**` for any at all, `?` for one that is not `/`. A pattern
    /// without `/` is compared with the last segment (`*.css`), one with `/` with the whole path.
    pub fn path(mut self, pattern: &str) -> Self {
        if !is_pattern(pattern) {
            return self.wrong(Error::Path(pattern.into()));
        }
        self.paths.push(pattern.into());
        self
    }

    /// For responses with a status in `statuses`: `404..=404`, `200..300`, `400..`.
    pub fn status(mut self, statuses: impl RangeBounds<u16>) -> Self {
        let first = match statuses.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 100,
        };
        let last = match statuses.end_bound() {
            Bound::Included(last) => *last,
            Bound::Excluded(after) => after.saturating_sub(1),
            Bound::Unbounded => 999,
        };
        if self.direction == Direction::In {
            return self.wrong(Error::StatusOfRequest);
        }
        if first < 100 || last > 999 || first > last {
            return self.wrong(Error::Statuses(first, last));
        }
        self.statuses.push((first, last));
        self
    }

    /// For content of the media types like `pattern`: `text/html`, `text/*`, `application/*+json`.
    pub fn media_type(mut self, pattern: &str) -> Self {
        match MediaPattern::parse(pattern) {
            Some(pattern) => self.media_types.push(pattern),
            None => return self.wrong(Error::MediaType(pattern.into())),
        }
        self
    }

    /// Sets the field `name` to `value`, in place of whatever it was.
    pub fn set(self, name: HeaderName, value: &str) -> Self {
        self.with(name, value, Change::Set)
    }

    /// Adds a line with `value` to those of the field `name`.
    pub fn append(self, name: HeaderName, value: &str) -> Self {
        self.with(name, value, Change::Append)
    }

    /// Sets the field `name` to `value` where there is none.
    pub fn if_absent(self, name: HeaderName, value: &str) -> Self {
        self.with(name, value, Change::IfAbsent)
    }

    /// Removes the field `name`, all its lines.
    pub fn remove(mut self, name: HeaderName) -> Self {
        self.changes.push((name, Change::Remove));
        self
    }

    fn with(mut self, name: HeaderName, value: &str, change: fn(HeaderValue) -> Change) -> Self {
        // How long a body is, is the body's to say: a message that lies about it is cut or refused.
        if matches!(name, CONTENT_LENGTH | TRANSFER_ENCODING) {
            return self.wrong(Error::Framing(name));
        }
        match HeaderValue::from_str(value) {
            Ok(value) => self.changes.push((name, change(value))),
            Err(_) => return self.wrong(Error::Value(value.into())),
        }
        self
    }

    fn wrong(mut self, error: Error) -> Self {
        self.error.get_or_insert(error);
        self
    }

    pub(super) fn is_for_path(&self, path: &str) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path).as_bytes();
        self.paths.is_empty() || self.paths.iter().any(|pattern| is_like(pattern, path))
    }

    pub(super) fn is_for_status(&self, status: u16) -> bool {
        let within = |(first, last): &(u16, u16)| (*first..=*last).contains(&status);
        self.statuses.is_empty() || self.statuses.iter().any(within)
    }

    pub(super) fn is_for_content(&self, headers: &HeaderMap) -> bool {
        let contains = |it: MediaType<'_>| {
            let mut patterns = self.media_types.iter();
            patterns.any(|pattern| pattern.contains(it.essence))
        };
        self.media_types.is_empty() || MediaType::of(headers, &CONTENT_TYPE).is_some_and(contains)
    }

    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        for (name, change) in &self.changes {
            change.apply(name, headers);
        }
    }
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The field says how a body is framed, which its body does.
    Framing(HeaderName),
    /// The rule does nothing.
    Idle,
    /// The pattern is none of media types.
    MediaType(Box<str>),
    /// The pattern is none of paths.
    Path(Box<str>),
    /// A request has no status.
    StatusOfRequest,
    /// There is no status from the first to the last.
    Statuses(u16, u16),
    /// More than 64 rules are for responses.
    TooMany,
    /// No field can have this value.
    Value(Box<str>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Framing(name) => write!(f, "`{name}` is for the body to say"),
            Self::Idle => f.write_str("a rule that does nothing"),
            Self::MediaType(pattern) => write!(f, "`{pattern}` is no pattern of media types"),
            Self::Path(pattern) => write!(f, "`{pattern}` is no pattern of paths"),
            Self::StatusOfRequest => f.write_str("a status in a rule for requests"),
            Self::Statuses(first, last) => write!(f, "no status is from {first} to {last}"),
            Self::TooMany => write!(f, "more than {MOST} rules for responses"),
            Self::Value(value) => write!(f, "`{}` is no value of a field", value.escape_debug()),
        }
    }
}

impl std::error::Error for Error {}
