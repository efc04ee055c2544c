//! What several machines share, kept in Redis.
//!
//! ```no_run
//! use gopuram::middleware::Cache;
//! use gopuram::redis::Redis;
//!
//! # async fn stack() -> Result<(), gopuram::redis::OpenError> {
//! let redis = Redis::open("redis://127.0.0.1/")?;
//! let cache = Cache::in_store(redis.cache("shop:"));
//! # let _ = cache;
//! # Ok(())
//! # }
//! ```
//!
//! One connection is shared by all, made when it is first needed and again when it is lost. Each wait has a
//! deadline: half a second for an answer, a second for a connection. While Redis is away a store has
//! nothing and keeps nothing, which is logged once, and once again when it is back.
//!
//! # Security
//!
//! Who can write to the database can answer for the application: it belongs in a network of its own, or behind
//! a password in the URL.

mod cache;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, Pipeline, RedisError};

pub use cache::CacheStore;

/// For how long an answer is waited for.
const ANSWER: Duration = Duration::from_millis(500);

/// For how long a connection is waited for.
const CONNECTION: Duration = Duration::from_secs(1);

/// A connection to Redis, shared by its clones.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    is_away: Arc<AtomicBool>,
}

impl Redis {
    /// The database of `url`: `redis://user:password@host:6379/0`, or `unix:///run/redis.sock`.
    ///
    /// It is not connected to before it is needed, so that a server starts without it, too.
    ///
    /// # Errors
    ///
    /// If `url` is not one, or if there is no tokio runtime here.
    pub fn open(url: &str) -> Result<Self, OpenError> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(OpenError("there is no tokio runtime here".into()));
        }
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(ANSWER)
            .set_response_timeout(Some(ANSWER))
            .set_connection_timeout(Some(CONNECTION));
        let client = Client::open(url);
        let connection =
            client.and_then(|client| ConnectionManager::new_lazy_with_config(client, config));
        Ok(Self {
            connection: connection.map_err(|error| OpenError(error.into()))?,
            is_away: Arc::default(),
        })
    }

    /// A store of responses; the names of all that it writes begin with `prefix`.
    pub fn cache(&self, prefix: &str) -> CacheStore {
        CacheStore::new(self.clone(), prefix)
    }

    /// Asks all at once.
    async fn ask<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        let mut connection = self.connection.clone();
        let answer = pipeline.query_async(&mut connection).await;
        match &answer {
            Ok(_) if self.is_away.swap(false, Ordering::Relaxed) => {
                tracing::info!("redis is back");
            }
            Err(error) if !self.is_away.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%error, "redis is away: what it keeps is not there");
            }
            _ => {}
        }
        answer
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("is_away", &self.is_away)
            .finish_non_exhaustive()
    }
}

/// Why there is no connection to Redis.
#[derive(Debug)]
pub struct OpenError(Box<dyn StdError + Send + Sync>);

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redis cannot be used: {}", self.0)
    }
}

impl StdError for OpenError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}
