//! What a request does that no stored response answers at once.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{Method, Request, Response, StatusCode};
use tower_service::Service;

use super::driven::lock;
use super::entry::{Entry, Head};
use super::exchange::{Caller, Errand, First, Form, Landing, Purpose, is_error};
use super::flight::{Confirmed, Flight, Join, Landed, Registration};
use super::follow::Followed;
use super::key::Key;
use super::reuse::{Asked, Use, Why};
use super::service::Config;
use super::status::{Forward, Handled};
use super::storable::Circumstances;
use super::store::Promise;
use crate::attributes::Panicked;
use crate::body::Body;

/// How often a request waits for another before it goes on by itself: once for one of which it is not known yet
/// which variant it gets, once for one that gets the same, and once more if `Vary` changes meanwhile.
const WAITS: usize = 3;

/// A request that no stored response answers at once.
pub(super) struct Work<S> {
    pub(super) config: Arc<Config>,
    pub(super) caller: Caller<S>,
    pub(super) req: Request<Body>,
    pub(super) key: Key,
    pub(super) asked: Asked,
    /// The response is not for one user.
    pub(super) shared: bool,
}

impl<S, C> Work<S>
where
    S: Service<Request<Body>, Response = Response<C>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    C: http_body::Body<Data = Bytes> + Send + 'static,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Answers, by itself or not; `found` is what the store said.
    pub(super) async fn run(
        mut self,
        mut found: Option<Entry>,
    ) -> Result<Response<Body>, S::Error> {
        // What selects the response, once another's has said which fields do.
        let mut selecting = None;
        for _ in 0..WAITS {
            let now = self.config.settings.clock.now();
            let why = match &found {
                None => Forward::Miss,
                Some(entry) => match self.asked.judge(&entry.head, now) {
                    Use::Answer => return Ok(self.config.hit(&self.asked, entry)),
                    Use::AnswerAndValidate => {
                        self.validate_behind(entry);
                        return Ok(self.config.hit(&self.asked, entry));
                    }
                    Use::Validate(Why::Stale) => Forward::Stale,
                    Use::Validate(Why::Request) => Forward::Request,
                },
            };
            if self.asked.directives.only_if_cached {
                return Ok(self.config.gateway_timeout());
            }
            if self.asked.head {
                return self.head(found, why).await;
            }
            let flights = &self.config.shared.flights;
            let no_store = self.asked.directives.no_store;
            if found.is_none() && no_store {
                return self.pass(why).await;
            }
            if found.is_none() && self.is_passed(now) {
                return self.alone(found, why, Form::AsIs).await;
            }
            if no_store {
                // Nothing of it is for others.
                return self.alone(found, why, Form::Whole).await;
            }
            if self.asked.directives.no_cache {
                // What is on its way may have been made before this client asked.
                let afresh = flights.afresh(&self.key);
                return self.lead(afresh, found, why, Form::Whole).await;
            }
            let is_for_one = |entry: &Entry| entry.head.terms.is_for_one();
            if found.as_ref().is_some_and(is_for_one) {
                // What comes of it is validated again for each who asks: nobody gains by waiting.
                return self.alone(found, why, Form::Whole).await;
            }
            match flights.join(&self.key, self.req.headers(), selecting.as_ref()) {
                Join::Lead(flight, registration) => {
                    let lead = (flight, registration);
                    return self.lead(lead, found, why, Form::Whole).await;
                }
                Join::Follow(flight) => {
                    // Another may have what this one holds while it waits.
                    self.caller = self.caller.another();
                    let Self { config, asked, .. } = &self;
                    let fields = self.req.headers();
                    match config
                        .follow(asked, fields, flight, found.as_ref(), why)
                        .await
                    {
                        Followed::Answer(res) => return Ok(res),
                        Followed::Again(vary) => {
                            selecting = Some(vary);
                            found = self.look().get().await;
                        }
                        Followed::Alone => {
                            return self.alone(found, why, Form::Whole).await;
                        }
                    }
                }
            }
        }
        self.alone(found, Forward::Miss, Form::Whole).await
    }

    /// Whether it goes alone and as it is where nothing is stored: it wants a part, or the last response
    /// was not to be stored. The next one may be, so that this one's is, if it is whole.
    fn is_passed(&self, now: u64) -> bool {
        let authorized = Circumstances::is_authorized(self.req.headers());
        let is_part = self.asked.wanted.is_some() && !self.config.settings.fetch_whole;
        let flights = &self.config.shared.flights;
        is_part || flights.is_passed(&self.key, authorized, now)
    }

    fn look(&self) -> Promise<Option<Entry>> {
        let store = &self.config.shared.store;
        store.get(&self.key, self.req.headers())
    }

    /// Passes the request on as it is and stores nothing.
    async fn pass(self, why: Forward) -> Result<Response<Body>, S::Error> {
        let mut res = self.caller.call(self.req).await?;
        self.config.tell(forwarded(why, false), &mut res);
        Ok(res)
    }

    /// Passes a `HEAD` on, whose answer says whether what is stored is good yet (section 4.3.5).
    async fn head(self, found: Option<Entry>, why: Forward) -> Result<Response<Body>, S::Error> {
        // So that what is invalidated meanwhile is not stored again; what was found before may have been.
        let (_flight, registration) = self.config.shared.flights.alone(&self.key);
        let found = match found {
            Some(_) => self.look().get().await,
            None => None,
        };
        let Self {
            config,
            caller,
            req,
            key,
            asked,
            shared,
        } = self;
        let fields = req.headers().clone();
        let requested = config.settings.clock.now();
        let mut res = caller.call(req).await?;
        let status = res.status();
        if let Some(Entry { head, body }) = found
            && status == head.status
            && status == StatusCode::OK
        {
            let circumstances = Circumstances {
                shared,
                authorized: Circumstances::is_authorized(&fields),
                no_store: asked.directives.no_store,
                requested,
                received: config.settings.clock.now(),
            };
            let same = head.is_confirmed_by_head(res.headers(), body.len());
            let is_named = head.is_named_by_head(res.headers());
            let headers = head.updated(res.headers());
            let head = Head::to_store(status, &headers, &fields, circumstances, &config.settings);
            let store = &config.shared.store;
            match head.filter(|_| same && is_named) {
                Some(head) => {
                    let head = Arc::new(head);
                    let landing = Landing {
                        config: Arc::clone(&config),
                        key,
                        registration,
                        authorized: circumstances.authorized,
                    };
                    let bytes = head.weight().saturating_add(body.len() as u64);
                    let room = config.shared.budget.room(bytes);
                    if let Some(room) = room {
                        landing.put(Entry { head, body }, room);
                    }
                }
                None if same => {}
                None => {
                    // Nor is what is on its way and older stored.
                    config.shared.flights.forget(Some(key.url()));
                    if let Promise::Later(removed) = store.remove(key.url()) {
                        config.settings.behind(removed).await;
                    }
                }
            }
        }
        config.tell(forwarded(why, false), &mut res);
        Ok(res)
    }

    /// Asks for itself alone.
    async fn alone(
        self,
        found: Option<Entry>,
        why: Forward,
        form: Form,
    ) -> Result<Response<Body>, S::Error> {
        let alone = self.config.shared.flights.alone(&self.key);
        self.lead(alone, found, why, form).await
    }

    /// Asks, for others too if they come.
    async fn lead(
        self,
        (flight, registration): (Arc<Flight>, Registration),
        found: Option<Entry>,
        why: Forward,
        form: Form,
    ) -> Result<Response<Body>, S::Error> {
        let (config, mut asked) = (Arc::clone(&self.config), self.asked.clone());
        if form == Form::AsIs {
            // Inner has seen to these.
            (asked.conditions, asked.wanted) = (None, None);
        }
        let first: First<S::Error> = Arc::default();
        let stored = found.clone();
        self.start(&flight, registration, stored, Arc::clone(&first), form);
        let landed = flight.landed().await;
        let own = lock(&first).take();
        let now = config.settings.clock.now();
        let stale =
            |found: Option<Entry>| found.filter(|entry| asked.prefers_to_error(&entry.head, now));
        match (landed, own) {
            (Landed::Nothing(_), Some(Err(error))) => match stale(found) {
                Some(entry) => Ok(config.stored(&asked, &entry, forwarded(why, false))),
                None => Err(error),
            },
            (Landed::Nothing(_), Some(Ok(res))) if is_error(res.status()) => {
                Ok(match stale(found) {
                    Some(entry) => {
                        let handled = Handled::Forwarded {
                            why,
                            status: Some(res.status().as_u16()),
                            stored: false,
                        };
                        config.stored(&asked, &entry, handled)
                    }
                    None => config.own(&asked, res, forwarded(why, false)),
                })
            }
            (Landed::Nothing(_), Some(Ok(res))) => {
                Ok(config.own(&asked, res, forwarded(why, false)))
            }
            (Landed::Stored(..), Some(Ok(res))) => {
                Ok(config.own(&asked, res, forwarded(why, true)))
            }
            (Landed::Streaming(stream), Some(Ok(res))) => {
                let whole = res.map(|_| stream.read(Arc::clone(&flight)));
                let status = whole.status();
                let res = config.own(&asked, whole, forwarded(why, true));
                if res.status() != status {
                    // This client has it, or wants a part; the others want all of it.
                    config.finish(flight);
                }
                Ok(res)
            }
            (Landed::Stored(entry, Confirmed::Yes), _) => {
                let handled = Handled::Forwarded {
                    why,
                    status: Some(304),
                    stored: true,
                };
                Ok(config.stored(&asked, &entry, handled))
            }
            (Landed::Stored(entry, Confirmed::No), _) => Ok(config.hit(&asked, &entry)),
            // Whoever drove the flight has its panic.
            (Landed::Streaming(_) | Landed::Nothing(_), _) => {
                let mut res = Response::new(Body::empty());
                *res.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                res.extensions_mut().insert(Panicked::default());
                Ok(res)
            }
        }
    }

    fn start(
        self,
        flight: &Flight,
        registration: Registration,
        stored: Option<Entry>,
        first: First<S::Error>,
        form: Form,
    ) {
        let Self {
            config,
            caller,
            mut req,
            key,
            asked,
            shared,
        } = self;
        if form == Form::Whole {
            // Whatever the client has of it: the cache sees to that.
            for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, RANGE, IF_RANGE] {
                req.headers_mut().remove(name);
            }
        }
        let landing = Landing {
            config,
            key,
            registration,
            authorized: Circumstances::is_authorized(req.headers()),
        };
        let replaces = stored.is_some();
        let stored = stored.filter(|entry| entry.head.has_validator());
        let purpose = Purpose {
            asked,
            shared,
            stored,
            replaces,
            landing,
            first,
        };
        let errand = Errand {
            caller,
            req,
            purpose,
            form,
        };
        flight.start(errand.run());
    }

    /// Validates what is stored while it is answered with, unless somebody does.
    fn validate_behind(&self, stored: &Entry) {
        let Join::Lead(flight, registration) =
            self.config
                .shared
                .flights
                .join(&self.key, self.req.headers(), None)
        else {
            return;
        };
        let mut req = Request::new(Body::empty());
        *req.method_mut() = Method::GET;
        req.uri_mut().clone_from(self.req.uri());
        *req.version_mut() = self.req.version();
        req.headers_mut().clone_from(self.req.headers());
        req.extensions_mut().clone_from(self.req.extensions());
        let mut asked = self.asked.clone();
        asked.head = false;
        let work = Self {
            config: Arc::clone(&self.config),
            caller: self.caller.another(),
            req,
            key: self.key.clone(),
            asked,
            shared: self.shared,
        };
        let first: First<S::Error> = Arc::new(Mutex::default());
        let stored = Some(stored.clone());
        work.start(&flight, registration, stored, first, Form::Whole);
        self.config.finish(flight);
    }
}

const fn forwarded(why: Forward, stored: bool) -> Handled {
    Handled::Forwarded {
        why,
        status: None,
        stored,
    }
}
