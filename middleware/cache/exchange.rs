//! What a request does that asks for others too: it is passed on, and its response stored.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body as _;
use tower_service::Service;

use super::driven::lock;
use super::entry::{Entry, Head};
use super::flight::{Confirmed, Failure, Landed, Registration};
use super::key::Key;
use super::reuse::{Asked, Use};
use super::service::{Config, Shared};
use super::storable::Circumstances;
use super::store::Promise;
use super::stream::{Keeping, Room, Streaming};
use crate::body::Body;

/// The inner service, ready or to be asked first.
pub(super) struct Caller<S> {
    service: S,
    is_ready: bool,
}

impl<S: Clone> Caller<S> {
    pub(super) const fn ready(service: S) -> Self {
        Self {
            service,
            is_ready: true,
        }
    }

    pub(super) const fn new(service: S) -> Self {
        Self {
            service,
            is_ready: false,
        }
    }

    /// Another, to be asked whether it is ready.
    pub(super) fn another(&self) -> Self {
        Self::new(self.service.clone())
    }

    pub(super) async fn call<C>(mut self, req: Request<Body>) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<C>>,
        C: http_body::Body<Data = Bytes> + Send + 'static,
        C::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        if !self.is_ready {
            poll_fn(|cx| self.service.poll_ready(cx)).await?;
        }
        let res = self.service.call(req).await?;
        Ok(res.map(Body::new))
    }
}

/// What the client gets that asked: inner's own head, or its error.
pub(super) type First<E> = Arc<Mutex<Option<Result<Response<Body>, E>>>>;

/// Where a response is stored, as long as it is welcome there.
pub(super) struct Landing {
    pub(super) config: Arc<Config>,
    pub(super) key: Key,
    pub(super) registration: Registration,
    /// The request has `Authorization`.
    pub(super) authorized: bool,
}

impl Landing {
    /// Removes what is stored: it was asked for anew, and what came may not be stored.
    fn forget(&self) {
        let Shared { store, flights, .. } = &self.config.shared;
        // Nor is what is on its way and older stored.
        flights.forget(Some(self.key.url()));
        if let Promise::Later(removed) = store.remove(self.key.url()) {
            (self.config.settings.spawn)(removed);
        }
    }

    /// Stores `entry`, which takes `room` until it is stored.
    pub(super) fn put(self, entry: Entry, room: Room) {
        let Shared { store, flights, .. } = &self.config.shared;
        flights.unpass(&self.key, self.authorized);
        let head = Arc::clone(&entry.head);
        let put = || store.put(&self.key, entry);
        if let Some(Promise::Later(stored)) = self.registration.if_welcome(&head, put) {
            let config = Arc::clone(&self.config);
            // Until it is stored others get it from the flight, which nobody else may have any more.
            let flight = self.registration.flight();
            (config.settings.spawn)(Box::pin(async move {
                stored.await;
                // It was invalidated while the store was at work, which may not have found it yet.
                if self.registration.if_welcome(&head, || ()).is_none() {
                    let store = &self.config.shared.store;
                    store.remove(self.key.url()).get().await;
                }
                drop((self, room, flight));
            }));
        }
    }
}

/// A request that is passed on, and what is done with its response.
pub(super) struct Errand<S: Service<Request<Body>>> {
    pub(super) caller: Caller<S>,
    pub(super) req: Request<Body>,
    pub(super) purpose: Purpose<S::Error>,
    pub(super) form: Form,
}

/// In which form a request is passed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// As it came: its response is for the client, and for others if it is whole.
    AsIs,
    /// As one for the whole, of which the cache answers what each client wants.
    Whole,
}

/// What the response of an [`Errand`] is for.
pub(super) struct Purpose<E> {
    pub(super) asked: Asked,
    /// The response is not for one user.
    pub(super) shared: bool,
    /// What is validated.
    pub(super) stored: Option<Entry>,
    /// Something is stored, which the response is in place of; it need not be what could be validated.
    pub(super) replaces: bool,
    pub(super) landing: Landing,
    pub(super) first: First<E>,
}

impl<S, C> Errand<S>
where
    S: Service<Request<Body>, Response = Response<C>> + Clone,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    pub(super) async fn run(self) -> Landed {
        let Self {
            caller,
            mut req,
            mut purpose,
            form,
        } = self;
        if form == Form::Whole
            && let Some(entry) = purpose.stored_meanwhile(req.headers()).await
        {
            return Landed::Stored(entry, Confirmed::No);
        }
        let fields = req.headers().clone();
        let mut requested = purpose.now();
        let again = purpose.stored.as_ref().map(|stored| {
            let again = (caller.another(), head_of(&req));
            stored.head.ask(req.headers_mut());
            again
        });
        let mut result = caller.call(req).await;
        let is_of_another = result.as_ref().is_ok_and(|res| {
            let stored = purpose.stored.as_ref();
            res.status() == StatusCode::NOT_MODIFIED
                && stored.is_some_and(|stored| !stored.head.is_confirmed_by(res.headers()))
        });
        if is_of_another && let Some((caller, mut req)) = again {
            // Of another response than the one that is stored, which so is none (section 4.3.3).
            purpose.stored = None;
            req.headers_mut().remove(IF_NONE_MATCH);
            req.headers_mut().remove(IF_MODIFIED_SINCE);
            requested = purpose.now();
            result = caller.call(req).await;
        }
        match result {
            Ok(res) => purpose.land(res, &fields, requested),
            Err(error) => purpose.nothing(Err(error), true),
        }
    }
}

/// A request with the same head.
fn head_of(req: &Request<Body>) -> Request<Body> {
    let mut head = Request::new(Body::empty());
    head.method_mut().clone_from(req.method());
    head.uri_mut().clone_from(req.uri());
    *head.version_mut() = req.version();
    head.headers_mut().clone_from(req.headers());
    head.extensions_mut().clone_from(req.extensions());
    head
}

impl<E> Purpose<E> {
    fn now(&self) -> u64 {
        self.landing.config.settings.clock.now()
    }

    /// What another request got and stored between the look-up and now.
    async fn stored_meanwhile(&self, fields: &HeaderMap) -> Option<Entry> {
        let Landing { config, key, .. } = &self.landing;
        let entry = config.shared.store.get(key, fields).get().await?;
        let judged = self.asked.judge(&entry.head, self.now());
        (judged == Use::Answer).then_some(entry)
    }

    /// Stores what may be stored.
    fn land(mut self, mut res: Response<Body>, fields: &HeaderMap, requested: u64) -> Landed {
        let config = Arc::clone(&self.landing.config);
        let circumstances = Circumstances {
            shared: self.shared,
            authorized: Circumstances::is_authorized(fields),
            no_store: self.asked.directives.no_store,
            requested,
            received: self.now(),
        };
        let validated = self.stored.take();
        let is_confirmed = validated.is_some() && res.status() == StatusCode::NOT_MODIFIED;
        match validated {
            Some(stored) if is_confirmed => {
                *res.status_mut() = stored.head.status;
                *res.headers_mut() = stored.head.updated(res.headers());
                *res.body_mut() = Body::from(stored.body);
            }
            Some(stored)
                if is_error(res.status())
                    && self
                        .asked
                        .prefers_to_error(&stored.head, circumstances.received) =>
            {
                return self.nothing(Ok(res), true);
            }
            _ => {}
        }
        let (status, headers) = (res.status(), res.headers());
        let settings = &config.settings;
        let head = Head::to_store(status, headers, fields, circumstances, settings);
        let (Some(head), Ok(len)) = (head, length(&res)) else {
            let is_error = status.is_server_error();
            if !is_error && is_of_whole(status) {
                // That this client has nothing stored says nothing of what is stored already.
                let no_store = circumstances.no_store;
                let for_others = Circumstances {
                    no_store: false,
                    ..circumstances
                };
                let is_for_others =
                    || Head::to_store(status, headers, fields, for_others, settings).is_some();
                if !no_store {
                    self.pass(circumstances);
                }
                if self.replaces && !(no_store && is_for_others()) {
                    self.landing.forget();
                }
            }
            return self.nothing(Ok(res), is_error);
        };
        if res.body().as_file().is_some() {
            return self.nothing(Ok(res), false);
        }
        let head = Arc::new(head);
        // The fields take room, too, and may be all that there is.
        let weight = head.weight();
        let (parts, body) = res.into_parts();
        let is_short = |len: u64| len <= settings.entry;
        match body.try_into_bytes() {
            Ok(body) => {
                let len = body.len() as u64;
                let room =
                    is_short(len).then(|| config.shared.budget.room(weight.saturating_add(len)));
                let Some(room) = room.flatten() else {
                    self.pass(circumstances);
                    let res = Response::from_parts(parts, Body::from(body));
                    return self.nothing(Ok(res), false);
                };
                let whole = Body::from(body.clone());
                // Copied: it may share the buffer of all that a client has read, which would stay.
                let body = Bytes::copy_from_slice(&body);
                let entry = Entry { head, body };
                self.landing.put(entry.clone(), room);
                if is_confirmed {
                    return Landed::Stored(entry, Confirmed::Yes);
                }
                *lock(&self.first) = Some(Ok(Response::from_parts(parts, whole)));
                Landed::Stored(entry, Confirmed::No)
            }
            Err(body) => {
                let room = len.is_none_or(is_short);
                let bytes = weight.saturating_add(len.unwrap_or(0));
                let room = room.then(|| config.shared.budget.room(bytes));
                let Some(room) = room.flatten() else {
                    self.pass(circumstances);
                    return self.nothing(Ok(Response::from_parts(parts, body)), false);
                };
                let landing = self.landing;
                let keeping = Keeping { landing, room };
                let streaming = Streaming::new(head, body, len, settings.entry, keeping);
                *lock(&self.first) = Some(Ok(Response::from_parts(parts, Body::empty())));
                Landed::Streaming(streaming)
            }
        }
    }

    /// Remembers that responses to such requests are not stored.
    fn pass(&self, circumstances: Circumstances) {
        let Landing { config, key, .. } = &self.landing;
        let until = circumstances.received.saturating_add(config.settings.pass);
        let flights = &config.shared.flights;
        flights.pass(key, circumstances.authorized, until);
    }

    /// Nothing for others, but that it failed.
    fn nothing(self, result: Result<Response<Body>, E>, error: bool) -> Landed {
        let failure = error.then(|| match &result {
            Ok(res) => Failure::Answered(res.status()),
            Err(_) => Failure::Unanswered,
        });
        *lock(&self.first) = Some(result);
        Landed::Nothing(failure)
    }
}

/// Whether a response says by not being stored that the whole is not: not one to a condition or a range.
fn is_of_whole(status: StatusCode) -> bool {
    !matches!(status.as_u16(), 206 | 304 | 416)
}

/// What a stored response is better than (RFC 5861, section 4).
pub(super) fn is_error(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

/// How long the body is, if that is known; an error if it and the fields say different things.
fn length(res: &Response<Body>) -> Result<Option<u64>, ()> {
    let exact = res.body().size_hint().exact();
    let mut said = res.headers().get_all(CONTENT_LENGTH).iter();
    let Some(first) = said.next() else {
        return Ok(exact);
    };
    let first = first.to_str().ok().and_then(|text| text.parse().ok());
    let first: u64 = first.filter(|_| said.next().is_none()).ok_or(())?;
    if exact.is_some_and(|exact| exact != first) {
        return Err(());
    }
    Ok(Some(first))
}
