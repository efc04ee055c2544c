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
//! deadline: half a second for an answer, since a cache that is slower than that is none, and a second for a
//! connection. While Redis is away a store has nothing and keeps nothing, which is logged once, and once again when
//! it is back. After three failures in a row it is left alone for two seconds, and then tried by one request, so
//! that no client waits for it in vain but that one. What invalidates asks all the same. That it refuses a command,
//! being full say, is logged as that, once a minute.
//!
//! A Redis that vanishes without a word is noticed after five seconds if something was sent, and after sixteen if
//! nothing was (keepalive), and then connected to anew. It is one server: Redis Cluster is not known.
//!
//! # Security
//!
//! Who can write to the database can answer for the application: it belongs in a network of its own, or behind
//! a password in the URL.

mod away;
mod cache;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, ErrorKind, FromRedisValue, IntoConnectionInfo as _, Pipeline, RedisError};

pub use cache::CacheStore;

use away::Away;

/// For how long an answer is waited for.
const ANSWER: Duration = Duration::from_millis(500);

/// For how long a connection is waited for.
const CONNECTION: Duration = Duration::from_secs(1);

/// After how long what was sent and not acknowledged ends a connection, where the system can tell.
#[cfg(target_os = "linux")]
const UNHEARD: Duration = Duration::from_secs(5);

/// After how long without a word the other side is asked whether it is there, and how long each of three times
/// that it is asked takes.
const IDLE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(2));

/// A connection to Redis, shared by its clones.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    away: Arc<Away>,
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
        let client = url
            .into_connection_info()
            .and_then(|info| Client::open(info.set_tcp_settings(tcp())));
        let connection =
            client.and_then(|client| ConnectionManager::new_lazy_with_config(client, config));
        Ok(Self {
            connection: connection.map_err(|error| OpenError(error.into()))?,
            away: Arc::default(),
        })
    }

    /// A store of responses; the names of all that it writes begin with `prefix`.
    pub fn cache(&self, prefix: &str) -> CacheStore {
        CacheStore::new(self.clone(), prefix)
    }

    /// Asks all at once, unless nothing would come of it.
    async fn ask<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        if !self.away.may_ask() {
            return Err((ErrorKind::Io, "redis is away, and left alone for a while").into());
        }
        self.insist(pipeline).await
    }

    /// Asks all at once, whether it is away or not: it matters that it is done.
    async fn insist<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        let mut connection = self.connection.clone();
        let answer = pipeline.query_async(&mut connection).await;
        match &answer {
            Ok(_) => self.away.answered(),
            Err(error) => self.away.failed(error),
        }
        answer
    }
}

/// Has the kernel notice that the other side has vanished without a word, for which it takes minutes otherwise.
fn tcp() -> TcpSettings {
    let (time, interval) = IDLE;
    let keepalive = TcpKeepalive::new()
        .with_time(time)
        .with_interval(interval)
        .with_retries(3);
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(UNHEARD);
    settings
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("away", &self.away)
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
