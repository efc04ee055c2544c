//! Cross-origin rules of the Fetch standard.
//!
//! ```
//! # use gopuram_middleware::Cors;
//! # use http::header::{AUTHORIZATION, CONTENT_TYPE};
//! # use http::Method;
//! # use tower_layer::Layer as _;
//! # fn main() -> Result<(), gopuram_middleware::cors::InvalidOrigin> {
//! # let app = ();
//! let app = Cors::origins(["https://example.com", "https://*.example.com"])?
//!     .credentials()
//!     .methods([Method::PUT, Method::DELETE])
//!     .headers([AUTHORIZATION, CONTENT_TYPE])
//!     .layer(app);
//! # let app = ();
//! let app = Cors::any_origin().any_header().layer(app); // a public API
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! Browsers keep what one site answers from the scripts of another, unless the answer says that
//! they may read it ([Fetch, section 3.3]). This layer says so.
//!
//! - **Every response** says which origin may read it: `*`, or the request's own if it is allowed.
//!   For an origin that is not allowed the fields are lacking, and that is all: the browser
//!   refuses, not the server. *This layer is no guard*, and no defence against forged requests.
//! - **A preflight**, which is `OPTIONS` with `Origin` and `Access-Control-Request-Method`, is answered
//!   204 without asking inner. The answer lists what is allowed, whatever was asked for.
//! - **Any other `OPTIONS`** is inner's to answer.
//!
//! Where the answer depends on the origin, `Vary: origin` is added to inner's, also
//! when no origin was sent and when it was refused, so that caches do not give one origin
//! the answer of another. `Access-Control-Allow-Origin` and `-Allow-Credentials` are this layer's to say:
//! inner's are replaced or removed, since two of them would make browsers refuse. What
//! inner exposes is added to.
//!
//! # Security
//!
//! Credentials and `*` exclude each other: [`credentials`](Cors::credentials) is a method of a layer
//! with known origins only. Answering any origin with itself would be the same hole by
//! another name; [`origins_by`](Cors::origins_by) could be made to, so do not.
//!
//! `Origin: null` is sent by sandboxed documents and local files of anybody. No list or
//! pattern allows it; `*` does, to whom it gives what it gives to all, and
//! [`origins_by`](Cors::origins_by) is asked.
//!
//! # Cost
//!
//! The fields are put together when the layer is made. No allocation, unless the header map must grow.
//!
//! [Fetch, section 3.3]: https://fetch.spec.whatwg.org/#http-cors-protocol

mod origin;
mod rules;

use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use tower_layer::Layer;

use crate::place::{Dress, Placed};
use crate::wrap::{OnRequest, OnResponse, Wrapped};

pub use origin::InvalidOrigin;
use origin::Origins;
use rules::{ANY, Allowed, Rules, list};

/// Cross-origin rules of the Fetch standard.
///
/// See the [module documentation](self) for examples. `O` is [`AnyOrigin`] or [`KnownOrigins`].
#[derive(Clone, Debug)]
pub struct Cors<O = KnownOrigins> {
    rules: Arc<Rules>,
    origins: PhantomData<fn() -> O>,
}

/// Scripts of any origin may read answers, but not with credentials.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AnyOrigin;

/// Scripts of some origins may read answers.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KnownOrigins;

impl Cors<AnyOrigin> {
    /// Lets scripts of any origin read answers: `*`.
    pub fn any_origin() -> Self {
        Self::new(Origins::Any)
    }

    /// Lets scripts read all fields of the response. By default, and with known origins, those that
    /// [need no permission](https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name)
    /// and those [named](Cors::expose).
    #[must_use]
    pub fn expose_all(self) -> Self {
        self.with(|rules| rules.expose = Some(ANY))
    }
}

impl Cors {
    /// Lets scripts of `origins` read answers.
    ///
    /// An origin is a scheme, a host and a port where it is not the scheme's own. A host may start
    /// with `*.` for all hosts below the one named, at any depth, and a port may be `*`:
    /// `https://*.example.com`, `http://localhost:*`. Beware of names under which anybody
    /// can have one, as `*.com`.
    ///
    /// # Errors
    ///
    /// If one is no origin: without a scheme, with a path, in other than ASCII; or is `*` or `null`.
    pub fn origins<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidOrigin> {
        Ok(Self::new(Origins::parse(origins)?))
    }

    /// Lets scripts of the origins for which `allows` is true read answers.
    ///
    /// It is asked for each request with an `Origin`, on the worker, and must answer the same for the same
    /// origin, since answers are cached by it. It may be asked for anything that a client sends, `null`
    /// and nonsense included: compare whole origins, not their beginnings or ends.
    pub fn origins_by(allows: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::new(Origins::by(allows))
    }

    /// Lets the requests of scripts carry credentials, cookies and client certificates, and
    /// scripts read the answers. By default not.
    #[must_use]
    pub fn credentials(self) -> Self {
        self.with(|rules| rules.credentials = true)
    }
}

impl<O> Cors<O> {
    fn new(origins: Origins) -> Self {
        Self {
            rules: Arc::new(Rules::new(origins)),
            origins: PhantomData,
        }
    }

    /// Allows `methods`; by default `GET`, `HEAD` and `POST`, which need no permission.
    #[must_use]
    pub fn methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
        let list = list(methods.into_iter());
        self.with(|rules| rules.methods = list.map_or(Allowed::Nothing, Allowed::List))
    }

    /// Allows any method.
    #[must_use]
    pub fn any_method(self) -> Self {
        self.with(|rules| rules.methods = Allowed::Any)
    }

    /// Allows requests with `names`; by default with the fields that [need no
    /// permission](https://fetch.spec.whatwg.org/#cors-safelisted-request-header).
    ///
    /// A body of JSON needs `Content-Type`.
    #[must_use]
    pub fn headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let list = list(names.into_iter());
        self.with(|rules| rules.headers = list.map_or(Allowed::Nothing, Allowed::List))
    }

    /// Allows requests with any fields, `Authorization` included.
    #[must_use]
    pub fn any_header(self) -> Self {
        self.with(|rules| rules.headers = Allowed::Any)
    }

    /// Lets scripts read the fields `names` of the response, besides those that [need no
    /// permission](https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name).
    #[must_use]
    pub fn expose(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let list = list(names.into_iter());
        self.with(|rules| rules.expose = list)
    }

    /// Says how long browsers may go by a preflight; an hour by default, in which they ask
    /// once. In whole seconds, rounded down; nought is not at all.
    ///
    /// Browsers have limits of their own: two hours in Chromium, a day in Firefox.
    #[must_use]
    pub fn max_age(self, age: Duration) -> Self {
        self.with(|rules| rules.max_age = age.as_secs().into())
    }

    /// Lets scripts of public sites ask a server in a private network, where the browser
    /// [asks for it](https://wicg.github.io/private-network-access/). By default not.
    #[must_use]
    pub fn private_network(self) -> Self {
        self.with(|rules| rules.private_network = true)
    }

    fn with(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }
}

#[diagnostic::do_not_recommend]
impl<O> Placed for Cors<O> {
    type Place = Dress;
    const NAME: &'static str = "cors";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.rules.origins, f)?;
        f.write_str(if self.rules.credentials {
            ", credentials"
        } else {
            ""
        })
    }
}

impl<S, O> Layer<S> for Cors<O> {
    type Service = Wrapped<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        let cors = Self {
            rules: Arc::clone(&self.rules),
            origins: PhantomData,
        };
        Wrapped::new(inner, cors)
    }
}

impl<B, O> OnRequest<B> for Cors<O> {
    type Then = Pending;
    type Reply = Response<()>;

    #[inline]
    fn on_request(&self, req: &mut Request<B>) -> ControlFlow<Response<()>, Pending> {
        let headers = req.headers();
        let is_preflight = req.method() == Method::OPTIONS
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
            && headers.contains_key(ORIGIN);
        if is_preflight {
            return ControlFlow::Break(self.rules.preflight(headers));
        }
        ControlFlow::Continue(Pending {
            allowed: self.rules.origins.allowed(headers.get(ORIGIN)),
            rules: Arc::clone(&self.rules),
        })
    }
}

/// What the response will say of the origin.
#[derive(Debug)]
pub struct Pending {
    allowed: Option<HeaderValue>,
    rules: Arc<Rules>,
}

impl<C> OnResponse<C> for Pending {
    type Body = C;

    #[inline]
    fn on_response(self, mut res: Response<C>) -> Response<C> {
        self.rules.dress(res.headers_mut(), self.allowed);
        res
    }
}
