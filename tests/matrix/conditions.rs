//! What is asked besides the plain representation, and the section that says what follows.

use super::sources::{AFTER, BEFORE, MODIFIED};

/// A request's conditions and ranges.
#[derive(Clone, Copy)]
pub(crate) struct Condition {
    pub(crate) name: &'static str,
    /// Fields of the request, made of the tag that the plain answer had.
    pub(crate) fields: &'static [(&'static str, Value)],
    /// What follows, by section.
    pub(crate) then: Then,
}

/// The value of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// This text, with `TAG` for the tag of the plain answer and `WEAK` for its weak form.
    Text(&'static str),
    /// As `Text`; the field is left out where the plain answer has no tag.
    Tagged(&'static str),
}

/// What follows, where the representation has the validators and ranges that it takes.
///
/// Sections are of RFC 9110.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Then {
    /// 200, everything.
    All,
    /// 412 whatever the representation is.
    Failed,
    /// 412, but 200 where the representation has no date to compare (13.1.4).
    FailedByDate,
    /// 304 whatever the representation is.
    NotModified,
    /// 304, but 200 where there is no date to compare (13.1.3).
    NotModifiedByDate,
    /// 304, but 200 where there is no tag to match.
    NotModifiedByTag,
    /// The bytes from the first to the last, where ranges can be cut.
    Part(Range),
    /// As `Part`, if the tag that was given is that of what ranges are cut from.
    PartByTag(Range),
    /// As `Part`, if a date says which representation it is.
    PartByDate(Range),
    /// Several parts.
    Parts(&'static [Range]),
    /// 416.
    Unsatisfiable,
}

/// A range that was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Range {
    FromTo(usize, usize),
    Last(usize),
}

use Range::{FromTo, Last};
use Value::{Tagged, Text};

const TEN: (&str, Value) = ("range", Text("bytes=0-9"));

pub(crate) const ALL: &[Condition] = &[
    Condition {
        name: "plain",
        fields: &[],
        then: Then::All,
    },
    // 13.1.2: the weak comparison of If-None-Match, for GET and HEAD.
    Condition {
        name: "If-None-Match, the tag",
        fields: &[("if-none-match", Tagged("TAG"))],
        then: Then::NotModifiedByTag,
    },
    Condition {
        name: "If-None-Match, its weak form",
        fields: &[("if-none-match", Tagged("WEAK"))],
        then: Then::NotModifiedByTag,
    },
    Condition {
        name: "If-None-Match, another",
        fields: &[("if-none-match", Text("\"other\""))],
        then: Then::All,
    },
    Condition {
        name: "If-None-Match, a list with it",
        fields: &[("if-none-match", Tagged("\"a\", W/\"b,c\", TAG"))],
        then: Then::NotModifiedByTag,
    },
    Condition {
        name: "If-None-Match, a list without it",
        fields: &[("if-none-match", Text("\"a\", W/\"b,c\""))],
        then: Then::All,
    },
    Condition {
        name: "If-None-Match, any",
        fields: &[("if-none-match", Text("*"))],
        then: Then::NotModified,
    },
    // 13.1.1: the strong comparison of If-Match.
    Condition {
        name: "If-Match, the tag",
        fields: &[("if-match", Tagged("TAG"))],
        then: Then::All,
    },
    Condition {
        name: "If-Match, its weak form",
        fields: &[("if-match", Tagged("WEAK"))],
        then: Then::Failed,
    },
    Condition {
        name: "If-Match, another",
        fields: &[("if-match", Text("\"other\""))],
        then: Then::Failed,
    },
    Condition {
        name: "If-Match, a list with it",
        fields: &[("if-match", Tagged("\"a\", TAG"))],
        then: Then::All,
    },
    Condition {
        name: "If-Match, any",
        fields: &[("if-match", Text("*"))],
        then: Then::All,
    },
    // 13.1.3 and 13.1.4.
    Condition {
        name: "If-Modified-Since, then",
        fields: &[("if-modified-since", Text(MODIFIED))],
        then: Then::NotModifiedByDate,
    },
    Condition {
        name: "If-Modified-Since, later",
        fields: &[("if-modified-since", Text(AFTER))],
        then: Then::NotModifiedByDate,
    },
    Condition {
        name: "If-Modified-Since, before",
        fields: &[("if-modified-since", Text(BEFORE))],
        then: Then::All,
    },
    Condition {
        name: "If-Modified-Since, no date",
        fields: &[("if-modified-since", Text("yesterday"))],
        then: Then::All,
    },
    Condition {
        name: "If-Unmodified-Since, then",
        fields: &[("if-unmodified-since", Text(MODIFIED))],
        then: Then::All,
    },
    Condition {
        name: "If-Unmodified-Since, before",
        fields: &[("if-unmodified-since", Text(BEFORE))],
        then: Then::FailedByDate,
    },
    Condition {
        name: "If-Unmodified-Since, no date",
        fields: &[("if-unmodified-since", Text("yesterday"))],
        then: Then::All,
    },
    // 13.2.2: tags come before dates.
    Condition {
        name: "If-None-Match over If-Modified-Since",
        fields: &[
            ("if-none-match", Text("\"other\"")),
            ("if-modified-since", Text(MODIFIED)),
        ],
        then: Then::All,
    },
    Condition {
        name: "If-Match over If-Unmodified-Since",
        fields: &[
            ("if-match", Tagged("TAG")),
            ("if-unmodified-since", Text(BEFORE)),
        ],
        then: Then::FailedByDate,
    },
    Condition {
        name: "If-Match before If-None-Match",
        fields: &[
            ("if-match", Text("\"other\"")),
            ("if-none-match", Text("*")),
        ],
        then: Then::Failed,
    },
    // 14.1.2, 14.2, 14.4, 15.5.17.
    Condition {
        name: "Range, the first ten",
        fields: &[TEN],
        then: Then::Part(FromTo(0, 9)),
    },
    Condition {
        name: "Range, past the end",
        fields: &[("range", Text("bytes=100-999999"))],
        then: Then::Part(FromTo(100, usize::MAX)),
    },
    Condition {
        name: "Range, the last five",
        fields: &[("range", Text("bytes=-5"))],
        then: Then::Part(Last(5)),
    },
    // Far enough from each other not to be one (15.3.7.2).
    Condition {
        name: "Range, two",
        fields: &[("range", Text("bytes=0-4, 1000-1004"))],
        then: Then::Parts(&[FromTo(0, 4), FromTo(1000, 1004)]),
    },
    Condition {
        name: "Range, none there",
        fields: &[("range", Text("bytes=999999-"))],
        then: Then::Unsatisfiable,
    },
    Condition {
        name: "Range, another unit",
        fields: &[("range", Text("lines=0-9"))],
        then: Then::All,
    },
    Condition {
        name: "Range, malformed",
        fields: &[("range", Text("bytes=9-0"))],
        then: Then::All,
    },
    // 13.2.2: conditions come before ranges.
    Condition {
        name: "Range and If-None-Match, any",
        fields: &[TEN, ("if-none-match", Text("*"))],
        then: Then::NotModified,
    },
    Condition {
        name: "Range and If-Match, another",
        fields: &[TEN, ("if-match", Text("\"other\""))],
        then: Then::Failed,
    },
    // 13.1.5: the strong comparison of If-Range, and an exact date.
    Condition {
        name: "If-Range, the tag",
        fields: &[TEN, ("if-range", Tagged("TAG"))],
        then: Then::PartByTag(FromTo(0, 9)),
    },
    Condition {
        name: "If-Range, its weak form",
        fields: &[TEN, ("if-range", Tagged("WEAK"))],
        then: Then::All,
    },
    Condition {
        name: "If-Range, another",
        fields: &[TEN, ("if-range", Text("\"other\""))],
        then: Then::All,
    },
    Condition {
        name: "If-Range, the date",
        fields: &[TEN, ("if-range", Text(MODIFIED))],
        then: Then::PartByDate(FromTo(0, 9)),
    },
    Condition {
        name: "If-Range, a later date",
        fields: &[TEN, ("if-range", Text(AFTER))],
        then: Then::All,
    },
    // 14.2: without Range it means nothing.
    Condition {
        name: "If-Range alone",
        fields: &[("if-range", Text("\"other\""))],
        then: Then::All,
    },
];
