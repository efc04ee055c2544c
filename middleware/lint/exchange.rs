//! What a lint remembers of a request until the response's body ends.

use http::{HeaderMap, Method, Request, Uri, Version};

use super::finding::{Finding, Side};
use super::rule::Rule;
use super::{Lint, Mode};

/// A request's head, and who is told of findings.
#[derive(Debug)]
pub(super) struct Exchange {
    lint: Lint,
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    target: Uri,
}

impl Exchange {
    pub(super) fn new<B>(lint: Lint, req: &Request<B>) -> Self {
        Self {
            lint,
            method: req.method().clone(),
            version: req.version(),
            headers: req.headers().clone(),
            target: req.uri().clone(),
        }
    }

    pub(super) fn tell(&self, rule: Rule, side: Side, detail: String) {
        if self.lint.except.has(rule) {
            return;
        }
        let finding = Finding {
            rule,
            side,
            place: self.lint.name.clone(),
            method: self.method.clone(),
            target: self.target.clone(),
            detail,
        };
        match &self.lint.mode {
            Mode::Fail => panic!("{finding}"),
            Mode::Off => {}
            Mode::Tell(tell) => tell(&finding),
        }
    }
}
