//! What an application tells its cache: to forget.

use super::key;
use super::service::Shared;
use super::store::{Purge, StoreError};

/// Makes a cache forget, by URI, by the beginning of URIs or by tag.
///
/// Of what is on its way while it is told that is not stored either which is named, in this process.
///
/// ```
/// use gopuram_middleware::Cache;
///
/// # async fn purge() -> Result<(), gopuram_middleware::cache::StoreError> {
/// let cache = Cache::in_memory(64 << 20);
/// let handle = cache.handle();
/// handle.purge_url("https://example.com/news?page=1").await?;
/// handle.purge_prefix("https://example.com/images/").await?;
/// handle.purge_tag("product-17").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Handle(Shared);

impl Handle {
    pub(super) const fn new(shared: Shared) -> Self {
        Self(shared)
    }

    /// Forgets everything, and says how many responses there were.
    ///
    /// # Errors
    ///
    /// If the store cannot be asked.
    pub async fn purge_all(&self) -> Result<u64, StoreError> {
        self.purge(Purge::All).await
    }

    /// Forgets what has a URI that starts with `prefix`: `https://example.com/images/`. All that is stored is looked at.
    ///
    /// Scheme and host are to be in lower case, without a default port.
    ///
    /// # Errors
    ///
    /// If the store cannot be asked.
    pub async fn purge_prefix(&self, prefix: &str) -> Result<u64, StoreError> {
        self.purge(Purge::Prefix(prefix.to_owned())).await
    }

    /// Forgets what carries `tag` in `Surrogate-Key` or `Cache-Tag`. In memory all that is stored is looked at.
    ///
    /// # Errors
    ///
    /// If the store cannot be asked.
    pub async fn purge_tag(&self, tag: &str) -> Result<u64, StoreError> {
        self.purge(Purge::Tag(tag.to_owned())).await
    }

    /// Forgets all responses of a URI, variants and users included.
    ///
    /// # Errors
    ///
    /// If the store cannot be asked.
    pub async fn purge_url(&self, url: &str) -> Result<u64, StoreError> {
        let url = key::normal(url).map_or_else(|| url.to_owned(), String::from);
        self.purge(Purge::Url(url)).await
    }

    async fn purge(&self, what: Purge) -> Result<u64, StoreError> {
        match &what {
            Purge::Url(url) => self.0.flights.forget(Some(url)),
            Purge::Prefix(prefix) => self.0.flights.forget_prefix(prefix),
            Purge::Tag(tag) => self.0.flights.forget_tag(tag),
            Purge::All => self.0.flights.forget(None),
        }
        self.0.store.purge(what).get().await
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Handle").field(&self.0.store).finish()
    }
}
