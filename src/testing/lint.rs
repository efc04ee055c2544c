//! The lint that a client puts around an application.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use tower_layer::Layer;
use tower_service::Service;

use crate::middleware::Body;
use crate::middleware::body::Error;
use crate::middleware::lint::{Finding, Findings, Inspected, Lint, Rule};
use crate::middleware::wrap::WrappedBody;

/// What the lint of one exchange finds.
#[derive(Clone, Debug)]
pub(super) struct Linted {
    findings: Findings,
    on: bool,
    made: &'static Location<'static>,
}

impl Linted {
    /// Of a request that was made there.
    pub(super) fn new(on: bool, made: &'static Location<'static>) -> Self {
        let findings = Findings::new();
        Self { findings, on, made }
    }

    /// Puts the lint around `app`, or one that is off.
    pub(super) fn around<S>(&self, app: S, req: &Request<Body>) -> WrappedBody<Unwatched<S>, Lint> {
        let lint = if self.on {
            // A gateway drops the content of an answer to HEAD, and an application may
            // leave that to it.
            Lint::collect(&self.findings).except(Rule::M22)
        } else {
            Lint::off()
        };
        lint.layer(Unwatched {
            app,
            ended: req.body().is_end_stream(),
        })
    }

    /// Panics if something was found.
    pub(super) fn assert(&self) {
        let found = self.findings.take();
        let lines: Vec<_> = found.iter().map(Finding::to_string).collect();
        let (lines, made) = (lines.join("\nlint: "), self.made);
        assert!(
            found.is_empty(),
            "lint: {lines}\nthe request was made at {made}"
        );
    }
}

/// An application below the lint.
///
/// A request body that has ended is handed over as it was; there is nothing to watch in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unwatched<S> {
    app: S,
    ended: bool,
}

impl<S, C> Service<Request<Inspected<Body>>> for Unwatched<S>
where
    S: Service<Request<Body>, Response = Response<C>>,
{
    type Response = Response<C>;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.app.poll_ready(cx)
    }

    fn call(&mut self, req: Request<Inspected<Body>>) -> S::Future {
        let ended = self.ended;
        self.app.call(req.map(|body| {
            if ended {
                body.into_inner()
            } else {
                Body::new(body)
            }
        }))
    }
}

/// A response body that panics when the lint has found something.
#[derive(Debug)]
pub(super) struct Checked {
    body: Body,
    linted: Linted,
}

impl Checked {
    pub(super) fn around(body: Body, linted: Linted) -> Body {
        if linted.on {
            Body::new(Self { body, linted })
        } else {
            body
        }
    }
}

impl http_body::Body for Checked {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let next = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.linted.assert();
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
