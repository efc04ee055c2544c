//! A shared cache by RFC 9111: what may be answered again is, without asking the application.
//!
//! ```
//! use std::time::Duration;
//!
//! use gopuram_middleware::Cache;
//! # use tower_layer::Layer as _;
//! # let app = ();
//!
//! let cache = Cache::in_memory(64 << 20).stale_if_error(Duration::from_secs(600));
//! let handle = cache.handle(); // for `handle.purge_tag("product-17").await`
//! let app = cache.layer(app);
//! # let _ = (app, handle);
//! ```
//!
//! It is for answers that cost something and are the same for many: pages, API reads, what a proxy
//! fetches. It stores what says that it may be stored, so an application that says nothing is
//! not cached, but for what has `Last-Modified` ([heuristics](Cache::heuristic)). It is no help for
//! [files](crate::StaticFiles), which are fast already and are left alone: a region of a file stays one.
//!
//! It stands inside whatever decides who may, and around `compress`, so that coded answers are stored
//! and not coded again, and around `range` and `conditional`, whose work it does itself for what it
//! has stored. `HEAD` is best made `GET` by `head` around it.
//!
//! # What it does
//!
//! | a request | gets |
//! |---|---|
//! | `GET` or `HEAD` of what is stored and fresh | that: 200, 206, 304 or 416, with `Age` ([4], [4.2.3], [4.3.2]) |
//! | of what is stale | what its validation gives: 304 updates what is stored ([4.3.4]), 200 replaces it |
//! | of what is stale, in `stale-while-revalidate` | what is stored, validated meanwhile ([RFC 5861]) |
//! | the same, in `stale-if-error`, if the application fails or says 500, 502, 503 or 504 | what is stored |
//! | `GET` of what is not stored | inner's answer, stored if it may be ([3]) |
//! | the same, while another waits for it | what the other gets, as it comes |
//! | `only-if-cached`, if nothing stored will do | 504 ([5.2.1.7]) |
//! | an unsafe method | inner's answer; if it is no error, all that is stored of its URI, and of its `Location` and `Content-Location` on the same origin, is forgotten ([4.4]) |
//!
//! A response is stored under the URI that the client asked for, whatever the method and before
//! layers rewrote it, and told from others by the fields that `Vary` names, normalised ([4.1]).
//! How long it is fresh `s-maxage` says, else `max-age`, `Expires` or a tenth of the time since
//! `Last-Modified`, up to [a day](Cache::heuristic) ([4.2.1], [4.2.2]).
//!
//! All directives count. Of responses: `no-store`, `private` and `no-cache` (also of single
//! fields, which then are not stored), `must-revalidate`, `proxy-revalidate`, `public`,
//! `must-understand`, `s-maxage`. `s-maxage` forbids to answer with what is stale ([5.2.2.10]), but not for as long
//! as the same response allows in `stale-while-revalidate` or `stale-if-error`: that
//! is the more exact word. `immutable` and `no-transform` ask for nothing
//! that is not so: what is fresh is not validated unasked, and nothing is transformed. Of requests: `no-cache` (and
//! `Pragma`), `no-store`, `max-age`, `min-fresh`, `max-stale`, `only-if-cached`, `stale-if-error`,
//! unless they are [ignored](Cache::ignore_requests).
//!
//! What was done is in `Cache-Status` ([RFC 9211]): `gopuram; hit; ttl=30`, `gopuram; fwd=miss; stored`, and
//! `gopuram; fwd=stale; fwd-status=503` where what is stale is answered in place of an error.
//!
//! # What is never stored
//!
//! - What the rules forbid: `no-store` on either side, `private`, an answer to `Authorization` without
//!   `public`, `must-revalidate` or `s-maxage` ([3.5]), `Vary: *`.
//! - What [sets a cookie](Cache::cookies), unless told otherwise.
//! - Answers to other methods than `GET`; 1xx, 206, 304, 416; parts. A `Range` of what is not stored is passed
//!   on as it is, or [without it](Cache::fetch_whole) if that is chosen; what is then answered is stored if it is whole.
//! - A body that broke off, is not as long as was said, or was not read to its end by anybody; one with
//!   trailers; a stream of events; one longer than [1 MiB](Cache::entry).
//! - What nobody could use: neither fresh nor with a validator.
//!
//! Passed on as they came, and never answered from what is stored, are a `GET` or `HEAD` with content, with `Upgrade`,
//! `If-Match` or `If-Unmodified-Since` ([RFC 9110, section 13.2.1]), and any request of which it is not certain what
//! it asks for: with two `Host`s, with one that is no name or address with or without a port (userinfo, say), or
//! with one that is not the target's. Since its URI is not known, the last invalidates nothing even if its method is
//! unsafe; a gateway refuses it, as the one of `gopuram` does. Every other unsafe method invalidates, with content
//! or without.
//!
//! # Many at once
//!
//! Of all that ask for the same at once one request is passed on. The others get its response if it
//! is for them, too: the body as it comes if its length is known, else when it is whole. All of them wait for the
//! application, and none for another client: whoever waits drives the request on, and what each reads is in
//! memory, so that a client that is slow or stuck holds up nobody. If the client goes
//! whose request it was, the others go on; if all go, it is dropped. Who says `no-cache` follows nobody that asked
//! before. While a response is being stored where that takes time, others get it from who asked.
//!
//! Which variant a response is of is known when it is there. If it is of another, a request has waited for
//! nothing, once: it then waits for its own variant alone, or asks for it, beside all others. So a `Vary` that splits a
//! URI into many variants costs those who ask at once a wait more. What may be used for nobody unvalidated (`no-cache`,
//! `max-age=0`) is validated for each who asks, all at once.
//!
//! If it turns out that the response is not to be stored, all go on by themselves, and for [10 seconds](Cache::pass)
//! nobody waits: each request of this URI that finds nothing goes alone and as it came, conditions and `Range`
//! included, so that an application that says 304 to its own clients goes on doing so. That is no rule that nothing be
//! stored: the first whole response that may be is, and from then on requests wait for each other again. So
//! one answer for one user keeps nobody else's out, whatever variant it was of.
//!
//! # What outer layers see
//!
//! Nothing that inner would tell them of a request (a [`Report`](crate::attributes::Report), extensions of the
//! response) if it was not asked: a hit has no matched route.
//!
//! # Security
//!
//! Who makes the application answer others with what he asked for has poisoned the cache. The key is
//! scheme, host, path and query, and the fields that `Vary` names: **whatever else an answer
//! depends on must be in `Vary`, or the answer must not be stored**. `X-Forwarded-Host`,
//! `X-Original-URL` and the like must be removed further out, by a layer that decides whom to trust; `Host` is in the key, in
//! lower case and without a default port, and should be checked further out against those that exist, so that nobody fills the
//! store with others. So should a path be normalised that has many spellings.
//!
//! Answers for one user are `private` or `no-store`, or are cached [for each](Cache::private_for). A
//! layer that decides who may stands outside: what is stored is answered with before anything inside is asked.
//!
//! A request that others wait for may be worked on in the tasks of those others, and one that validates in a task of its own. So
//! nothing inside may rely on what a layer outside keeps for the task, as `tokio::task_local!` does: what belongs to a
//! request goes along in its extensions, or the layer stands inside.
//!
//! A client can make the application work by `no-cache`, as it could without a cache; ignore it where
//! that hurts.
//!
//! # Limits and cost
//!
//! Bytes in all and bytes of one body are bounded, and so are variants of one URI (32), responses on
//! their way until they are stored (fields and bodies, as many bytes as are stored, or 64 MiB around another
//! [store](Store)) and what is remembered of responses that are not to be stored (a hash each of 4096 URIs).
//!
//! A purge by tag or by the beginning of URIs looks at all that is stored, one response after the other, while requests
//! go on. What is on its way then is stored nevertheless if it has not the tag or the beginning.
//!
//! Ages are by the clock of the machine, in whole seconds ([4.2.3]): where several share a store, what one stored is
//! older or younger for another by as much as their clocks differ.
//!
//! A hit from memory is answered in the call, without a future of its own: it allocates the key, a copy of the
//! fields, `Age` and `Cache-Status`, and copies no body. What is passed on costs a box for
//! the work and one for inner's future, and a copy of the request's fields. A request with another method costs nothing but
//! the key that it invalidates.
//!
//! # Panics
//!
//! Work behind an answer (a validation, a store that must be waited for) is spawned on the tokio runtime
//! that answers, whose time driver must be enabled, or [elsewhere](Cache::spawner). It ends after a minute, since no
//! client's deadline ends it. Without a runtime it is not done, which does not panic. What an unsafe method invalidates is
//! waited for by its answer, and done though its client goes then; a client that goes before inner has answered
//! leaves all as it was.
//!
//! [3]: https://www.rfc-editor.org/rfc/rfc9111#section-3
//! [3.5]: https://www.rfc-editor.org/rfc/rfc9111#section-3.5
//! [4]: https://www.rfc-editor.org/rfc/rfc9111#section-4
//! [4.1]: https://www.rfc-editor.org/rfc/rfc9111#section-4.1
//! [4.2.1]: https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1
//! [4.2.2]: https://www.rfc-editor.org/rfc/rfc9111#section-4.2.2
//! [4.2.3]: https://www.rfc-editor.org/rfc/rfc9111#section-4.2.3
//! [4.3.2]: https://www.rfc-editor.org/rfc/rfc9111#section-4.3.2
//! [4.3.4]: https://www.rfc-editor.org/rfc/rfc9111#section-4.3.4
//! [4.4]: https://www.rfc-editor.org/rfc/rfc9111#section-4.4
//! [5.2.1.7]: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.7
//! [5.2.2.10]: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.10
//! [RFC 9110, section 13.2.1]: https://www.rfc-editor.org/rfc/rfc9110#section-13.2.1
//! [RFC 5861]: https://www.rfc-editor.org/rfc/rfc5861
//! [RFC 9211]: https://www.rfc-editor.org/rfc/rfc9211

mod answer;
mod clock;
mod driven;
mod entry;
mod exchange;
mod flight;
mod follow;
mod freshness;
mod handle;
mod key;
mod memory;
mod reuse;
mod service;
mod settings;
mod status;
mod storable;
mod store;
mod stream;
mod targeted;
mod vary;
mod wire;
mod work;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, request};
use tower_layer::Layer;

use crate::place::{self, Placed};

pub use clock::Clock;
pub use entry::Entry;
pub use handle::Handle;
pub use key::Key;
pub use memory::Memory;
pub use service::{CacheFuture, CacheService};
pub use settings::{SetCookie, Task};
pub use store::{Promise, Purge, Store, StoreError};

use flight::Flights;
use service::Shared;
use settings::Settings;
use stream::Budget;

/// A shared cache by RFC 9111.
///
/// See the [module documentation](self) for an example. Clones share what is stored. Inner may be polled in the tasks
/// of other clients than the one that asked: see what the [module](self#security) says of task-locals.
#[derive(Clone)]
pub struct Cache {
    shared: Shared,
    settings: Settings,
}

impl Cache {
    /// Stores up to `bytes` in memory, fields and bookkeeping included; see [`Memory`] for what stays.
    pub fn in_memory(bytes: u64) -> Self {
        Self::around(Arc::new(Memory::new(bytes)), bytes)
    }

    /// Stores in `store`, which may be shared with other machines. Up to 64 MiB are on their way into it at once; what
    /// comes while there are more is passed on, and not stored.
    pub fn in_store(store: impl Store) -> Self {
        Self::around(Arc::new(store), 64 << 20)
    }

    fn around(store: Arc<dyn Store>, on_their_way: u64) -> Self {
        let shared = Shared {
            store,
            flights: Flights::new(),
            budget: Budget::new(on_their_way),
        };
        let settings = Settings::default();
        Self { shared, settings }
    }

    /// What makes this cache forget.
    pub fn handle(&self) -> Handle {
        Handle::new(self.shared.clone())
    }

    /// Stores bodies of up to `bytes`; 1 MiB by default, so that no few push out all others. A longer one is passed
    /// on as it comes.
    ///
    /// Of one URI no more is stored than the [memory](Memory) has for it.
    #[must_use]
    pub const fn entry(mut self, bytes: u64) -> Self {
        self.settings.entry = bytes;
        self
    }

    /// What is done with responses that set cookies; they are not stored by default.
    #[must_use]
    pub const fn cookies(mut self, cookies: SetCookie) -> Self {
        self.settings.cookies = cookies;
        self
    }

    /// Takes a response for fresh that says nothing of it for a tenth of the time since its
    /// `Last-Modified`, and no longer than `most`, in whole seconds; a day by default, as is usual (RFC 9111, section
    /// 4.2.2).
    ///
    /// `Duration::ZERO` for what says so itself only.
    #[must_use]
    pub const fn heuristic(mut self, most: Duration) -> Self {
        self.settings.heuristic = most.as_secs();
        self
    }

    /// Answers with what is stale for up to `after` longer if the application fails and the
    /// response says nothing of it, in whole seconds; by default only as long as it says (RFC 5861, section 4), since
    /// whether an error is better than what is old only the application knows.
    ///
    /// Not where the response forbids it: `must-revalidate`, `proxy-revalidate`, `no-cache`,
    /// `s-maxage`.
    #[must_use]
    pub const fn stale_if_error(mut self, after: Duration) -> Self {
        self.settings.stale_if_error = after.as_secs();
        self
    }

    /// For how long requests of what was not to be stored do not wait for each other, in whole seconds; 10 by
    /// default: long enough that few wait for nothing, and short enough that what can be stored again is asked for
    /// once soon. It ends when something is stored.
    #[must_use]
    pub const fn pass(mut self, after: Duration) -> Self {
        self.settings.pass = after.as_secs();
        self
    }

    /// Fetches the whole for a client that wants a part of what is not stored, and stores it.
    ///
    /// By default such a request is passed on as it is, since the whole may be much longer than the part.
    #[must_use]
    pub const fn fetch_whole(mut self) -> Self {
        self.settings.fetch_whole = true;
        self
    }

    /// Lets no client decide what is fresh enough: of the directives of requests only
    /// `only-if-cached` and `no-store` count.
    ///
    /// By default all do, as RFC 9111 has it. A cache in front of an application that is told what
    /// changes need not let clients make it work: no client can then ask for more than is fresh.
    #[must_use]
    pub const fn ignore_requests(mut self) -> Self {
        self.settings.ignore_requests = true;
        self
    }

    /// Stores for one user what is asked for by a request of which `user` says whose it is.
    ///
    /// The name must be one that the user has proved, and that nobody can choose; a response is then
    /// found by it alone. The default is nobody: all is for all, or not stored. For such requests this is no shared cache but a private one:
    /// `private` responses and answers to `Authorization` are stored, and `s-maxage` means nothing. Where `user` says
    /// nothing, the response is for all.
    ///
    /// A user's own page under a URI is one of the views of that URI: an unsafe method on it makes all of
    /// them go, for which the memory is searched as a whole.
    #[must_use]
    pub fn private_for<F>(mut self, user: F) -> Self
    where
        F: Fn(&request::Parts) -> Option<String> + Send + Sync + 'static,
    {
        self.settings.user = Some(Arc::new(user));
        self
    }

    /// Obeys the first of the fields `names` that a response has in place of its `Cache-Control` and `Expires`: the
    /// target list of RFC 9213, section 2.1, `["cdn-cache-control"]` say. By default it is empty, since whose cache this
    /// is only its operator knows.
    ///
    /// Such a field is a dictionary of structured fields, stricter than `Cache-Control`: names in lower case, of two the
    /// last counts. One that is empty or malformed is as if it were not there (section 2.2). All are passed
    /// on, for caches further out.
    #[must_use]
    pub fn targeted(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        self.settings.targeted = names.into_iter().collect();
        self
    }

    /// Is called `name` in `Cache-Status` (RFC 9211, section 2); `gopuram` by default.
    ///
    /// # Panics
    ///
    /// If it is not a letter followed by letters, digits and any of `-._:/`.
    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        assert!(status::is_name(name), "not a name for `Cache-Status`");
        self.settings.name = Some(name);
        self
    }

    /// Says nothing in `Cache-Status`, for who does not want clients to know.
    #[must_use]
    pub const fn unnamed(mut self) -> Self {
        self.settings.name = None;
        self
    }

    /// Takes the time from `clock`, which is for tests; the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// Has work done by `spawn` that goes on after an answer; by default by the tokio runtime that
    /// answers, for up to a minute.
    ///
    /// No deadline of a client ends such work: `spawn` should drop what takes too long.
    #[must_use]
    pub fn spawner(mut self, spawn: impl Fn(Task) + Send + Sync + 'static) -> Self {
        self.settings.spawn = Arc::new(spawn);
        self
    }
}

/// Up to 64 MiB in memory.
impl Default for Cache {
    fn default() -> Self {
        Self::in_memory(64 << 20)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("store", &self.shared.store)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl Placed for Cache {
    type Place = place::Cache;
    const NAME: &'static str = "cache";

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.settings.entry;
        write!(f, "{} KiB each", bytes >> 10)
    }
}

impl<S> Layer<S> for Cache {
    type Service = CacheService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CacheService::new(inner, self.shared.clone(), self.settings.clone())
    }
}
