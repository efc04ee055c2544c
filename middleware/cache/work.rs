//! What a request does that no stored response answers at once.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use tower_service::Service;

use super::driven::lock;
use super::entry::{Entry, Head};
use super::exchange::{Caller, Errand, First, Landing, Purpose, is_error};
use super::flight::{Confirmed, Flight, Join, Landed, Registration};
use super::key::Key;
use super::reuse::{Asked, Use, Why};
use super::service::Config;
use super::status::{Forward, Handled};
use super::storable::Circumstances;
use super::store::Promise;
use crate::attributes::Panicked;
use crate::body::Body;

/// How often a request waits for another before it goes on by itself.
const WAITS: usize = 8;

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

/// What came of waiting for another request.
enum Followed {
    Answer(Response<Body>),
    /// It is worth another look.
    Again,
    /// It goes on by itself.
    Alone,
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
            if found.is_none() && (no_store || self.is_passed(now)) {
                return self.pass(why).await;
            }
            if no_store {
                // Nothing of it is for others.
                let (flight, registration) = self.alone();
                return self.lead(flight, registration, found, why).await;
            }
            let validated = why == Forward::Request;
            match flights.join(&self.key, self.req.headers(), validated) {
                Join::Lead(flight, registration) => {
                    return self.lead(flight, registration, found, why).await;
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
                        Followed::Again => found = self.look().get().await,
                        Followed::Alone => {
                            let (flight, registration) = self.alone();
                            return self.lead(flight, registration, found, why).await;
                        }
                    }
                }
            }
        }
        let (flight, registration) = self.alone();
        self.lead(flight, registration, found, Forward::Miss).await
    }

    /// Whether it is passed on as it is where nothing is stored.
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

    fn alone(&self) -> (Arc<Flight>, Registration) {
        self.config.shared.flights.alone(&self.key)
    }

    /// Passes the request on as it is and stores nothing.
    async fn pass(self, why: Forward) -> Result<Response<Body>, S::Error> {
        let mut res = self.caller.call(self.req).await?;
        self.config.tell(forwarded(why, false), &mut res);
        Ok(res)
    }

    /// Passes a `HEAD` on, whose answer says whether what is stored is good yet (section 4.3.5).
    async fn head(self, found: Option<Entry>, why: Forward) -> Result<Response<Body>, S::Error> {
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
        // So that what is invalidated meanwhile is not stored again.
        let (_flight, registration) = config.shared.flights.alone(&key);
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
            let headers = head.updated(res.headers());
            let head = Head::to_store(status, &headers, &fields, circumstances, &config.settings);
            let store = &config.shared.store;
            match head.filter(|_| same) {
                Some(head) => {
                    let head = Arc::new(head);
                    let landing = Landing {
                        config: Arc::clone(&config),
                        key,
                        registration,
                    };
                    landing.put(Entry { head, body });
                }
                None if same => {}
                None => store.remove(key.url()).get().await,
            }
        }
        config.tell(forwarded(why, false), &mut res);
        Ok(res)
    }

    /// Asks, for others too if they come.
    async fn lead(
        self,
        flight: Arc<Flight>,
        registration: Registration,
        found: Option<Entry>,
        why: Forward,
    ) -> Result<Response<Body>, S::Error> {
        let (config, asked) = (Arc::clone(&self.config), self.asked.clone());
        let first: First<S::Error> = Arc::default();
        self.start(&flight, registration, found.clone(), Arc::clone(&first));
        let landed = flight.landed().await;
        let own = lock(&first).take();
        let now = config.settings.clock.now();
        let stale =
            |found: Option<Entry>| found.filter(|entry| asked.prefers_to_error(&entry.head, now));
        match (landed, own) {
            (Landed::Nothing { .. }, Some(Err(error))) => match stale(found) {
                Some(entry) => Ok(config.hit(&asked, &entry)),
                None => Err(error),
            },
            (Landed::Nothing { .. }, Some(Ok(res))) if is_error(res.status()) => {
                Ok(match stale(found) {
                    Some(entry) => config.hit(&asked, &entry),
                    None => config.own(&asked, res, forwarded(why, false)),
                })
            }
            (Landed::Nothing { .. }, Some(Ok(res))) => {
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
            (Landed::Streaming(_) | Landed::Nothing { .. }, _) => {
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
    ) {
        let Self {
            config,
            caller,
            mut req,
            key,
            asked,
            shared,
        } = self;
        // What is asked for is the whole, whatever the client has of it; the cache sees to that.
        for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, RANGE, IF_RANGE] {
            req.headers_mut().remove(name);
        }
        let landing = Landing {
            config,
            key,
            registration,
        };
        let stored = stored.filter(|entry| entry.head.has_validator());
        let purpose = Purpose {
            asked,
            shared,
            stored,
            landing,
            first,
        };
        let errand = Errand {
            caller,
            req,
            purpose,
        };
        flight.start(errand.run());
    }

    /// Validates what is stored while it is answered with, unless somebody does.
    fn validate_behind(&self, stored: &Entry) {
        let Join::Lead(flight, registration) =
            self.config
                .shared
                .flights
                .join(&self.key, self.req.headers(), false)
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
        work.start(&flight, registration, Some(stored.clone()), first);
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

impl Config {
    /// Works for what comes of a flight whether anybody waits for it or not.
    fn finish(&self, flight: Arc<Flight>) {
        (self.settings.spawn)(Box::pin(async move {
            if let Landed::Streaming(stream) = flight.landed().await {
                let _entry = stream.stored().await;
            }
        }));
    }

    /// Waits for what another request gets.
    async fn follow(
        &self,
        asked: &Asked,
        fields: &HeaderMap,
        flight: Arc<Flight>,
        found: Option<&Entry>,
        why: Forward,
    ) -> Followed {
        let landed = flight.landed().await;
        let now = self.settings.clock.now();
        let handled = Handled::Collapsed { why };
        let is_good = |head: &Head| match asked.judge_received(head, now) {
            Use::Answer | Use::AnswerAndValidate => true,
            Use::Validate(_) => false,
        };
        let head = match &landed {
            Landed::Stored(entry, _) => &entry.head,
            Landed::Streaming(stream) => &stream.head,
            Landed::Nothing { error } => {
                let stale = found.filter(|entry| asked.prefers_to_error(&entry.head, now));
                return match stale.filter(|_| *error) {
                    Some(entry) => Followed::Answer(self.hit(asked, entry)),
                    None => Followed::Alone,
                };
            }
        };
        if !head.vary.selects(fields) {
            return Followed::Again;
        }
        if !is_good(head) {
            return Followed::Alone;
        }
        let entry = match landed {
            Landed::Streaming(stream) if stream.len.is_none() => stream.stored().await,
            Landed::Streaming(stream) => {
                let res = self.streaming(asked, &stream, flight, handled);
                return Followed::Answer(res);
            }
            Landed::Stored(entry, _) => Some(entry),
            Landed::Nothing { .. } => None,
        };
        match entry {
            Some(entry) => Followed::Answer(self.stored(asked, &entry, handled)),
            None => Followed::Alone,
        }
    }
}
