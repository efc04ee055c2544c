//! Checks both sides of the interface at run time: what comes in, and what goes out.
//!
//! ```
//! use gopuram_middleware::lint::{Findings, Lint};
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let findings = Findings::new();
//! let app = Lint::collect(&findings).named("below compress").layer(app);
//! # let _ = app;
//! // ... after requests:
//! assert!(findings.is_empty());
//! ```
//!
//! The specification of what a layer may expect and must keep, executable: the [rules](Rule) of
//! bodies and of HTTP messages that can be checked on one exchange. Every layer of the
//! catalogue is tested inside one. A finding names the rule, where it is from, the exchange,
//! the side, and the [name](Lint::named) of the lint, so that a lint above and another below
//! a layer say which of them is to blame.
//!
//! What is done about a finding is one of four: [`Lint::fail`] panics, for tests;
//! [`Lint::warn`] calls a function, which logs it; [`Lint::collect`] keeps it; [`Lint::off`] checks
//! nothing. Messages pass unchanged either way.
//!
//! Not a guard against clients: of requests it checks what a gateway or a layer makes of
//! them, and no field whose meaning is the application's. Not for production at full
//! load either: it copies the header fields of each request once and allocates twice.

mod body;
mod exchange;
mod finding;
mod grammar;
mod request;
mod response;
mod rule;

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::{Request, Response};
use tower_layer::Layer;

use crate::place::{Anywhere, Placed};
use crate::wrap::{OnBody, OnRequest, OnResponse, WrappedBody};

pub use body::Inspected;
pub use finding::{Finding, Findings, Side};
pub use rule::Rule;

use body::Watch;
use exchange::Exchange;
use rule::Rules;

/// Checks both sides of the interface at run time.
///
/// See the [module documentation](self) for an example.
#[derive(Clone)]
pub struct Lint {
    mode: Mode,
    name: Option<Arc<str>>,
    except: Rules,
}

#[derive(Clone)]
enum Mode {
    Fail,
    Off,
    Tell(Arc<dyn Fn(&Finding) + Send + Sync>),
}

impl Lint {
    /// Keeps what it finds, to be read from `findings`.
    pub fn collect(findings: &Findings) -> Self {
        let findings = findings.clone();
        Self::warn(move |finding| findings.add(finding))
    }

    /// Panics at the first finding, for tests.
    ///
    /// The future of the response panics, or the body while it is polled.
    pub const fn fail() -> Self {
        Self::new(Mode::Fail)
    }

    /// Checks nothing.
    pub const fn off() -> Self {
        Self::new(Mode::Off)
    }

    /// Calls `tell` with each finding: `|finding| tracing::warn!("{finding}")`.
    ///
    /// It is called while a message is on its way, so it should not block.
    pub fn warn(tell: impl Fn(&Finding) + Send + Sync + 'static) -> Self {
        Self::new(Mode::Tell(Arc::new(tell)))
    }

    const fn new(mode: Mode) -> Self {
        Self {
            mode,
            name: None,
            except: Rules::none(),
        }
    }

    /// Says where in the stack it is: `below compress`. Findings repeat it.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Leaves `rule` out.
    #[must_use]
    pub const fn except(mut self, rule: Rule) -> Self {
        self.except = self.except.with(rule);
        self
    }
}

impl fmt::Debug for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lint")
            .field("mode", &self.mode.name())
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Mode {
    const fn name(&self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Off => "off",
            Self::Tell(_) => "warn",
        }
    }
}

#[diagnostic::do_not_recommend]
impl Placed for Lint {
    type Place = Anywhere;
    const NAME: &'static str = "lint";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => f.write_str(self.mode.name()),
        }
    }
}

impl<S> Layer<S> for Lint {
    type Service = WrappedBody<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        WrappedBody::new(inner, self.clone())
    }
}

impl<B: http_body::Body> OnRequest<B> for Lint {
    type Then = Pending;
    type Reply = Infallible;

    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Infallible, Pending> {
        let exchange = (!matches!(self.mode, Mode::Off)).then(|| {
            let exchange = Arc::new(Exchange::new(self.clone(), req));
            let mut tell = |rule, detail| exchange.tell(rule, Side::Request, detail);
            request::check(req, &mut tell);
            exchange
        });
        ControlFlow::Continue(Pending {
            exchange,
            promised: request::promised(req.headers()),
        })
    }
}

impl<B: http_body::Body> OnBody<B> for Lint {
    type Body = Inspected<B>;

    fn on_body(&self, body: B, then: &mut Pending) -> Inspected<B> {
        let Some(exchange) = &then.exchange else {
            return Inspected::unwatched(body);
        };
        let watch = Watch::new(exchange, Side::Request, then.promised, None, &body);
        Inspected::watched(watch, body)
    }
}

/// The exchange that waits for its response.
#[derive(Debug)]
pub struct Pending {
    exchange: Option<Arc<Exchange>>,
    /// How long the request's body is said to be.
    promised: Option<u64>,
}

impl<C: http_body::Body> OnResponse<C> for Pending {
    type Body = Inspected<C>;

    fn on_response(self, res: Response<C>) -> Response<Inspected<C>> {
        let Some(exchange) = self.exchange else {
            return res.map(Inspected::unwatched);
        };
        let mut tell = |rule, detail| exchange.tell(rule, Side::Response, detail);
        response::check(&exchange, &res, &mut tell);
        let without = response::without_content(&exchange.method, res.status());
        let promised = response::promised(&exchange.method, &res);
        let watch = |body: &C| Watch::new(&exchange, Side::Response, promised, without, body);
        res.map(|body| Inspected::watched(watch(&body), body))
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::Body;

    /// Sends an exchange through `lint`, with the answer of a bad application.
    fn run(lint: &Lint) {
        let ControlFlow::Continue(then) = lint.on_request(&mut Request::new(Body::empty()));
        let mut res = Response::new(Body::empty());
        *res.status_mut() = StatusCode::UNAUTHORIZED;
        drop(then.on_response(res));
    }

    #[test]
    fn off_finds_nothing_and_except_leaves_out() {
        run(&Lint::off());
        run(&Lint::fail().except(Rule::M6));
    }

    #[test]
    #[should_panic(expected = "M6")]
    fn fail_panics_with_the_rule() {
        run(&Lint::fail());
    }

    #[test]
    fn collect_keeps_and_names() {
        let findings = Findings::new();
        let lint = Lint::collect(&findings).named("below compress");
        run(&lint);
        let found = findings.take();
        assert_eq!(found[0].rule(), Rule::M6);
        assert_eq!(found[0].side(), Side::Response);
        assert_eq!(found[0].place(), Some("below compress"));
        assert!(format!("{lint:?}").contains("below compress"));
    }
}
