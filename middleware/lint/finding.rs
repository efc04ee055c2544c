//! What was found, and who is told.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Uri};

use super::rule::Rule;

/// A rule that was broken in an exchange.
#[derive(Clone, Debug)]
pub struct Finding {
    pub(super) rule: Rule,
    pub(super) side: Side,
    pub(super) place: Option<Arc<str>>,
    pub(super) method: Method,
    pub(super) target: Uri,
    pub(super) detail: String,
}

/// Which message of an exchange broke a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an exchange has these two")]
pub enum Side {
    /// The request, which came from outside.
    Request,
    /// The response, which came from inside.
    Response,
}

impl Finding {
    /// The rule.
    pub const fn rule(&self) -> Rule {
        self.rule
    }

    /// Which message broke it.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Where in the stack, as [`Lint::named`](super::Lint::named) said.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// How it was broken.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// One line: where, what, which exchange, which rule.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Request => "request from outside",
            Side::Response => "response from inside",
        };
        f.write_str(side)?;
        if let Some(place) = &self.place {
            write!(f, ", {place}")?;
        }
        let Self { detail, rule, .. } = self;
        write!(f, ": {detail} [{} {}] {rule}", self.method, self.target)
    }
}

/// Where findings are collected; clones share them.
///
/// It keeps the first thousand and counts the others, so that it never grows without bound.
#[derive(Clone, Debug, Default)]
pub struct Findings(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    findings: Vec<Finding>,
    lost: usize,
}

/// How many findings are kept.
const KEPT: usize = 1000;

impl Findings {
    /// Nothing found yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was found so far, in order.
    pub fn take(&self) -> Vec<Finding> {
        std::mem::take(&mut self.lock().findings)
    }

    /// The rules that were broken so far, in order of being found.
    pub fn rules(&self) -> Vec<Rule> {
        self.lock().findings.iter().map(Finding::rule).collect()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.lock().findings.is_empty()
    }

    /// How many findings were counted but not kept.
    pub fn lost(&self) -> usize {
        self.lock().lost
    }

    pub(super) fn add(&self, finding: &Finding) {
        let mut kept = self.lock();
        if kept.findings.len() < KEPT {
            kept.findings.push(finding.clone());
        } else {
            kept.lost += 1;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_that_says_all() {
        let finding = Finding {
            rule: Rule::M6,
            side: Side::Response,
            place: Some("below compress".into()),
            method: Method::GET,
            target: Uri::from_static("/x"),
            detail: "401 without WWW-Authenticate".to_owned(),
        };
        let line = "response from inside, below compress: 401 without WWW-Authenticate [GET /x] \
            M6: A status comes with the fields it requires (RFC 9110, 15)";
        assert_eq!(finding.to_string(), line);
        let findings = Findings::new();
        for _ in 0..=KEPT {
            findings.add(&finding);
        }
        assert_eq!((findings.rules().len(), findings.lost()), (KEPT, 1));
        assert_eq!(findings.take().len(), KEPT);
        assert!(findings.is_empty());
    }
}
