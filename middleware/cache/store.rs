//! Where responses are kept: the interface of stores.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;

use http::HeaderMap;

use super::entry::Entry;
use super::key::Key;

/// Where responses are kept.
///
/// The cache decides what is stored and what is still good; a store keeps and finds, and may
/// forget whatever it likes. One that cannot be asked has nothing and keeps nothing: only where
/// somebody waits for the result of a [purge](Self::purge) is a failure told.
///
/// It is used as `Arc<dyn Store>`: one virtual call for each look-up is nothing beside the look-up, and
/// neither layers nor stacks get another type for it. An answer that is there at once costs no
/// allocation; see [`Promise`].
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The response kept under `key` that the fields of a request [select](Entry::selects), the
    /// one that was put last if there are more.
    fn get(&self, key: &Key, fields: &HeaderMap) -> Promise<Option<Entry>>;

    /// Keeps a response, in place of one that it [replaces](Entry::replaces).
    ///
    /// It is called under a lock, so that nothing is kept that was invalidated meanwhile: it must not block,
    /// nor use the cache. What takes time is done in the answer.
    fn put(&self, key: &Key, entry: Entry) -> Promise<()>;

    /// Forgets all responses of a URI, in whatever [view](Key::view).
    fn remove(&self, url: &str) -> Promise<()>;

    /// Forgets all responses that `what` names, and says how many there were.
    fn purge(&self, what: Purge) -> Promise<Result<u64, StoreError>>;
}

/// What a store is told to forget.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Purge {
    /// Everything.
    All,
    /// What has a URI that starts so, scheme and authority included.
    Prefix(String),
    /// What carries this tag.
    Tag(String),
    /// What has this URI.
    Url(String),
}

/// What a store says: at once, or later.
#[non_exhaustive]
pub enum Promise<T> {
    /// There it is.
    Now(T),
    /// It must be waited for.
    Later(Pin<Box<dyn Future<Output = T> + Send>>),
}

impl<T> Promise<T> {
    /// An answer to wait for.
    pub fn later(answer: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Later(Box::pin(answer))
    }

    /// Waits for the answer, if it is not there.
    pub async fn get(self) -> T {
        match self {
            Self::Now(answer) => answer,
            Self::Later(answer) => answer.await,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(answer) => f.debug_tuple("Now").field(answer).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// Why a store could not do as it was told.
#[derive(Debug)]
pub struct StoreError(Box<dyn StdError + Send + Sync>);

impl StoreError {
    /// Wraps the store's own error.
    pub fn new(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store of the cache failed")
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}
