//! A format: text with directives, compiled once into what is written on the way in, on the way out and
//! at the end.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use super::directive::{Directive, Phase, Value};
use super::escape::{Line, Style};
use super::literal::Literal;

/// A compiled format.
#[derive(Clone, Debug)]
pub(super) struct Format {
    pub(super) style: Style,
    pub(super) segments: Vec<Segment>,
}

/// A part of the line that is written in one go.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) phase: Phase,
    before: Literal,
    pieces: Vec<Piece>,
    /// Of one value only: `-` stands for it if the status is another.
    pub(super) only: Option<Only>,
}

/// A value and the text up to the next one.
#[derive(Clone, Debug)]
struct Piece {
    value: Value,
    after: Literal,
}

/// The statuses for which a value is written.
#[derive(Clone, Debug)]
pub(super) struct Only {
    statuses: Vec<u16>,
    negated: bool,
}

impl Segment {
    /// Writes all of it, the values by `write`.
    #[inline]
    pub(super) fn write(&self, line: &mut Line<'_>, write: impl Fn(&Value, &mut Line<'_>)) {
        self.before.write(line.buf);
        for piece in &self.pieces {
            write(&piece.value, line);
            piece.after.write(line.buf);
        }
    }
}

impl Only {
    pub(super) fn holds(&self, status: StatusCode) -> bool {
        self.statuses.contains(&status.as_u16()) != self.negated
    }
}

impl Format {
    /// Compiles a line of Apache's `LogFormat`.
    pub(super) fn apache(format: &str) -> Result<Self, FormatError> {
        let mut compiled = Self::empty(Style::Apache);
        let mut rest = format;
        while let Some(at) = rest.find(['%', '\\']) {
            let (text, found) = rest.split_at(at);
            compiled.text(text.as_bytes());
            let position = format.len() - found.len();
            rest = match found.strip_prefix('\\') {
                Some(escaped) => compiled.escape(escaped),
                None => compiled.directive(found, position)?,
            };
        }
        compiled.text(rest.as_bytes());
        Ok(compiled)
    }

    /// Compiles an object of one directive for each key.
    pub(super) fn json<'a>(
        members: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, FormatError> {
        let mut compiled = Self::empty(Style::Json);
        let mut before = "{";
        for (key, directive) in members {
            let mut text = before.as_bytes().to_vec();
            let mut line = Line::new(&mut text, Style::Json, usize::MAX);
            line.text(key.as_bytes());
            text.push(b':');
            compiled.text(&text);
            let rest = compiled.directive(directive, 0)?;
            if !rest.is_empty() {
                let position = directive.len() - rest.len();
                return Err(FormatError::new(
                    directive,
                    position,
                    Reason::NotOneDirective,
                ));
            }
            before = ",";
        }
        compiled.text(if before == "{" { b"{}" } else { b"}" });
        Ok(compiled)
    }

    /// The bits of what must be noted for this format.
    pub(super) fn needs(&self) -> u8 {
        self.values().fold(0, |needs, value| needs | value.needs())
    }

    fn values(&self) -> impl Iterator<Item = &Value> {
        let pieces = self.segments.iter().flat_map(|segment| &segment.pieces);
        pieces.map(|piece| &piece.value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let segments = self.segments.iter_mut();
        let pieces = segments.flat_map(|segment| &mut segment.pieces);
        pieces.map(|piece| &mut piece.value)
    }

    const fn empty(style: Style) -> Self {
        Self {
            style,
            segments: Vec::new(),
        }
    }

    /// Adds what is the same in every line.
    fn text(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        if let Some(segment) = self.segments.last_mut().filter(|last| last.only.is_none()) {
            let last = match segment.pieces.last_mut() {
                Some(piece) => &mut piece.after,
                None => &mut segment.before,
            };
            *last = last.followed_by(text);
            return;
        }
        self.segments.push(Segment {
            phase: Phase::In,
            before: Literal::new(text),
            pieces: Vec::new(),
            only: None,
        });
    }

    fn value(&mut self, value: Value, only: Option<Only>) {
        let phase = value.phase();
        let piece = Piece {
            value,
            after: Literal::default(),
        };
        let same =
            |last: &&mut Segment| last.phase == phase && last.only.is_none() && only.is_none();
        if let Some(segment) = self.segments.last_mut().filter(same) {
            segment.pieces.push(piece);
            return;
        }
        self.segments.push(Segment {
            phase,
            before: Literal::default(),
            pieces: vec![piece],
            only,
        });
    }

    /// Reads what stands after a backslash; gives what is left.
    fn escape<'a>(&mut self, escaped: &'a str) -> &'a str {
        for (letter, text) in [("n", "\n"), ("t", "\t"), ("\"", "\""), ("\\", "\\")] {
            if let Some(rest) = escaped.strip_prefix(letter) {
                self.text(text.as_bytes());
                return rest;
            }
        }
        self.text(b"\\");
        escaped
    }

    /// Reads a directive, with its modifiers; gives what is left.
    fn directive<'a>(&mut self, found: &'a str, position: usize) -> Result<&'a str, FormatError> {
        let fail = |len: usize, reason| {
            Err(FormatError::new(
                found.get(..len).unwrap_or(found),
                position,
                reason,
            ))
        };
        let Some(mut rest) = found.strip_prefix('%') else {
            return fail(found.len(), Reason::NotOneDirective);
        };
        let (mut statuses, mut negated, mut argument) = (Vec::new(), false, None);
        let letter = loop {
            let mut chars = rest.chars();
            let Some(next) = chars.next() else {
                return fail(found.len(), Reason::Unfinished);
            };
            rest = match next {
                // The request as it was or as it became: here they are the same.
                '<' | '>' => chars.as_str(),
                ',' if !statuses.is_empty() => chars.as_str(),
                '!' => {
                    negated = true;
                    chars.as_str()
                }
                '0'..='9' => {
                    let status = rest.get(..3).and_then(|code| code.parse().ok());
                    let Some(status) = status.filter(|s| (100..=999).contains(s)) else {
                        return fail(found.len() - rest.len() + 1, Reason::BadStatus);
                    };
                    statuses.push(status);
                    rest.get(3..).unwrap_or_default()
                }
                '{' => {
                    let Some((inside, after)) = chars.as_str().split_once('}') else {
                        return fail(found.len(), Reason::Unfinished);
                    };
                    argument = Some(inside);
                    after
                }
                letter => {
                    rest = chars.as_str();
                    break letter;
                }
            };
        };
        let len = found.len() - rest.len();
        if negated && statuses.is_empty() {
            return fail(len, Reason::BadStatus);
        }
        let only = (!statuses.is_empty()).then_some(Only { statuses, negated });
        match Directive::new(letter, argument) {
            Ok(Directive::Value(value)) => self.value(value, only),
            Ok(Directive::Nothing) => self.constant(None),
            Ok(Directive::Text(text)) => self.constant(Some(&text)),
            Err(reason) => return fail(len, reason),
        }
        Ok(rest)
    }

    fn constant(&mut self, value: Option<&[u8]>) {
        let mut text = Vec::new();
        let mut line = Line::new(&mut text, self.style, usize::MAX);
        line.text_or_none(value);
        self.text(&text);
    }
}

/// A format that is not one: which directive is wrong, where and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FormatError {
    directive: Box<str>,
    position: usize,
    reason: Reason,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reason {
    ArgumentMissing,
    BadArgument,
    BadStatus,
    NotOneDirective,
    Unfinished,
    Unknown,
}

impl FormatError {
    fn new(directive: &str, position: usize, reason: Reason) -> Self {
        Self {
            directive: directive.into(),
            position,
            reason,
        }
    }

    /// The directive, as it was written.
    pub const fn directive(&self) -> &str {
        &self.directive
    }

    /// Where it begins, in bytes from the start of the format.
    pub const fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            Reason::ArgumentMissing => "needs an argument in braces",
            Reason::BadArgument => "does not know this argument",
            Reason::BadStatus => "needs statuses of three digits",
            Reason::NotOneDirective => "is not one directive",
            Reason::Unfinished => "is not finished",
            Reason::Unknown => "is no directive",
        };
        write!(f, "`{}` at byte {} {reason}", self.directive, self.position)
    }
}

impl StdError for FormatError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(format: &str) -> String {
        Format::apache(format).unwrap_err().to_string()
    }

    #[test]
    fn what_is_known_at_the_same_time_is_one_segment() {
        let format = Format::apache("%h %l %u %t \"%r\" %>s %b").unwrap();
        let phases: Vec<_> = format.segments.iter().map(|s| s.phase).collect();
        assert_eq!(phases, [Phase::In, Phase::End, Phase::In, Phase::End]);
    }

    #[test]
    fn an_error_names_the_directive_and_its_position() {
        assert_eq!(refused("%h %y"), "`%y` at byte 3 is no directive");
        assert_eq!(
            refused("a %{x}x"),
            "`%{x}x` at byte 2 does not know this argument"
        );
        assert_eq!(
            refused("%{a b}i"),
            "`%{a b}i` at byte 0 does not know this argument"
        );
        assert_eq!(refused("%i"), "`%i` at byte 0 needs an argument in braces");
        assert_eq!(
            refused("%{h}b"),
            "`%{h}b` at byte 0 does not know this argument"
        );
        assert_eq!(
            refused("%{Referer"),
            "`%{Referer` at byte 0 is not finished"
        );
        assert_eq!(refused("100%"), "`%` at byte 3 is not finished");
        assert_eq!(
            refused("%20s"),
            "`%2` at byte 0 needs statuses of three digits"
        );
        assert_eq!(
            refused("%!s"),
            "`%!s` at byte 0 needs statuses of three digits"
        );
        assert_eq!(
            refused("%{%!}t"),
            "`%{%!}t` at byte 0 does not know this argument"
        );
        let error = Format::apache("\u{e9} %y").unwrap_err();
        assert_eq!((error.directive(), error.position()), ("%y", 3));
    }

    #[test]
    fn a_member_of_an_object_is_one_directive() {
        for bad in ["", "x", "%h ", "%h%l"] {
            assert!(Format::json([("key", bad)]).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_format_is_compiled_or_refused(format: String) {
            drop(Format::apache(&format));
        }

        #[test]
        fn any_directive_is_compiled_or_refused(format in "%[!0-9,<>]{0,4}(\\{[a-z%]{0,3}\\}?)?[a-zA-Z%\\\\]?") {
            drop(Format::apache(&format));
        }
    }
}
