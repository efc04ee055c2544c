//! Responses in Redis.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderMap;
use redis::{Pipeline, RedisError};

use super::Redis;
use crate::middleware::cache::{Entry, Key, Promise, Purge, Store, StoreError};

/// Responses kept in Redis, shared by all that use the same prefix.
///
/// A look-up takes two round trips, since what is there must be known before the one that a request
/// selects is read. A response stays for as long as it may be of use, and an hour more, in which it can be
/// validated. How much there is in all Redis bounds: set `maxmemory` and `maxmemory-policy allkeys-lru`.
///
/// What one machine invalidates is gone for all, but for what another has on its way at that moment. A
/// failure to invalidate is logged, and what is stored stays for its lifetime.
///
/// | key | what is there |
/// |---|---|
/// | `PREFIX:i:KEY` | a hash: what selects each response, and when it was put |
/// | `PREFIX:b:KEY:SELECTION` | the response |
/// | `PREFIX:u:URL` | a set: the keys of a URI, one for each view |
/// | `PREFIX:t:TAG` | a set: the URIs that carry a tag |
#[derive(Clone)]
pub struct CacheStore {
    redis: Redis,
    prefix: Arc<str>,
}

/// Seconds for which a response is kept that can only be validated.
const TO_VALIDATE: u64 = 60 * 60;

/// Seconds after which everything is forgotten.
const LONGEST: u64 = 30 * 24 * 60 * 60;

impl CacheStore {
    pub(super) fn new(redis: Redis, prefix: &str) -> Self {
        let prefix = prefix.into();
        Self { redis, prefix }
    }

    /// A name of ours: what it is of, and which.
    fn name(&self, kind: &str, of: &[&[u8]]) -> Vec<u8> {
        let mut name = [self.prefix.as_bytes(), kind.as_bytes()].concat();
        for part in of {
            name.push(b':');
            name.extend_from_slice(part);
        }
        name
    }

    async fn find(&self, key: &[u8], fields: &HeaderMap) -> Result<Option<Entry>, RedisError> {
        let mut index = Pipeline::new();
        index.hgetall(self.name("i", &[key]));
        let (index,): (Vec<(Vec<u8>, u64)>,) = self.redis.ask(&index).await?;
        let selected = index
            .iter()
            .filter(|one| Entry::is_selected(&one.0, fields));
        let Some((selection, _)) = selected.max_by_key(|one| one.1) else {
            return Ok(None);
        };
        let mut body = Pipeline::new();
        body.get(self.name("b", &[key, selection]));
        let (body,): (Option<Vec<u8>>,) = self.redis.ask(&body).await?;
        Ok(body.and_then(|body| Entry::decode(Bytes::from(body))))
    }

    async fn keep(&self, url: &[u8], key: &[u8], entry: &Entry) -> Result<(), RedisError> {
        let selection = entry.encode_selection();
        let seconds = entry.useful().saturating_add(TO_VALIDATE).min(LONGEST);
        let longest = i64::try_from(LONGEST).unwrap_or(i64::MAX);
        let index = self.name("i", &[key]);
        let keys = self.name("u", &[url]);
        let mut all = Pipeline::new();
        all.atomic();
        let body = self.name("b", &[key, &selection]);
        all.set_ex(body, entry.encode(), seconds).ignore();
        all.hset(&index, &selection, now()).ignore();
        all.expire(&index, longest).ignore();
        all.sadd(&keys, key).ignore();
        all.expire(&keys, longest).ignore();
        for tag in entry.tags() {
            let tag = self.name("t", &[tag.as_bytes()]);
            all.sadd(&tag, url).ignore();
            all.expire(&tag, longest).ignore();
        }
        self.redis.ask(&all).await
    }

    /// Forgets all of a URI, and says how many responses there were.
    async fn forget(&self, url: &[u8]) -> Result<u64, RedisError> {
        let mut keys = Pipeline::new();
        keys.smembers(self.name("u", &[url]));
        let (keys,): (Vec<Vec<u8>>,) = self.redis.ask(&keys).await?;
        if keys.is_empty() {
            return Ok(0);
        }
        let mut selections = Pipeline::new();
        for key in &keys {
            selections.hkeys(self.name("i", &[key]));
        }
        let selections: Vec<Vec<Vec<u8>>> = self.redis.ask(&selections).await?;
        let mut gone = Pipeline::new();
        gone.atomic();
        let mut count: u64 = 0;
        for (key, selections) in keys.iter().zip(&selections) {
            for selection in selections {
                let body = self.name("b", &[key, selection]);
                gone.cmd("UNLINK").arg(body);
                count = count.saturating_add(1);
            }
            gone.cmd("UNLINK").arg(self.name("i", &[key])).ignore();
            gone.srem(self.name("u", &[url]), key).ignore();
        }
        let there: Vec<u64> = self.redis.ask(&gone).await?;
        Ok(there.iter().sum::<u64>().min(count))
    }

    async fn forget_all(&self, urls: &[Vec<u8>]) -> Result<u64, RedisError> {
        let mut count: u64 = 0;
        for url in urls {
            count = count.saturating_add(self.forget(url).await?);
        }
        Ok(count)
    }

    /// Forgets what has a URI that starts so.
    async fn forget_prefix(&self, prefix: &[u8]) -> Result<u64, RedisError> {
        let start = self.name("u", &[prefix]);
        let before = self.name("u", &[b""]).len();
        let mut cursor: u64 = 0;
        let mut count: u64 = 0;
        loop {
            let mut scan = Pipeline::new();
            scan.cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg([&escaped(&start)[..], b"*"].concat())
                .arg("COUNT")
                .arg(1000);
            let ((next, names),): ((u64, Vec<Vec<u8>>),) = self.redis.ask(&scan).await?;
            let urls = names.iter().filter_map(|name| name.get(before..));
            let urls: Vec<_> = urls.map(<[u8]>::to_vec).collect();
            count = count.saturating_add(self.forget_all(&urls).await?);
            cursor = next;
            if cursor == 0 {
                return Ok(count);
            }
        }
    }

    async fn purge(&self, what: Purge) -> Result<u64, RedisError> {
        match what {
            Purge::Prefix(prefix) => self.forget_prefix(prefix.as_bytes()).await,
            Purge::Url(url) => self.forget(url.as_bytes()).await,
            Purge::Tag(tag) => {
                let name = self.name("t", &[tag.as_bytes()]);
                let mut tagged = Pipeline::new();
                tagged.smembers(&name);
                let (urls,): (Vec<Vec<u8>>,) = self.redis.ask(&tagged).await?;
                let count = self.forget_all(&urls).await?;
                let mut gone = Pipeline::new();
                for url in &urls {
                    gone.srem(&name, url).ignore();
                }
                let () = self.redis.ask(&gone).await?;
                Ok(count)
            }
            // `Purge::All`, and what a later version may add: rather too much than too little.
            _ => self.forget_prefix(b"").await,
        }
    }
}

/// What tells a key from all others.
fn bytes_of(key: &Key) -> Vec<u8> {
    match key.view() {
        // No URI has a NUL in it.
        Some(view) => [key.url().as_bytes(), b"\0", view.as_bytes()].concat(),
        None => key.url().as_bytes().to_vec(),
    }
}

/// `text` as a pattern that matches nothing else.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(text.len());
    for &byte in text {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\') {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern
}

/// Microseconds, to tell which response is the newer.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.unwrap_or_default().as_micros()).unwrap_or(u64::MAX)
}

impl Store for CacheStore {
    fn get(&self, key: &Key, fields: &HeaderMap) -> Promise<Option<Entry>> {
        let (store, key, fields) = (self.clone(), bytes_of(key), fields.clone());
        Promise::later(async move { store.find(&key, &fields).await.unwrap_or_default() })
    }

    fn put(&self, key: &Key, entry: Entry) -> Promise<()> {
        let (store, url) = (self.clone(), key.url().as_bytes().to_vec());
        let key = bytes_of(key);
        // A response that is not kept is asked for again, and that Redis is away was logged.
        Promise::later(async move { drop(store.keep(&url, &key, &entry).await) })
    }

    fn remove(&self, url: &str) -> Promise<()> {
        let (store, url) = (self.clone(), url.to_owned());
        Promise::later(async move {
            if let Err(error) = store.forget(url.as_bytes()).await {
                tracing::warn!(%error, url, "a response was not invalidated");
            }
        })
    }

    fn purge(&self, what: Purge) -> Promise<Result<u64, StoreError>> {
        let store = self.clone();
        Promise::later(async move { Self::purge(&store, what).await.map_err(StoreError::new) })
    }
}

impl fmt::Debug for CacheStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheStore")
            .field("redis", &self.redis)
            .field("prefix", &self.prefix)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_text_alone() {
        assert_eq!(
            escaped(b"http://h/a?b=*[c]\\"),
            b"http://h/a\\?b=\\*\\[c\\]\\\\"
        );
    }

    #[test]
    fn views_of_a_uri_have_keys_of_their_own() {
        let key =
            |view: Option<&str>| bytes_of(&Key::from_parts("http://h/", view.map(Into::into)));
        assert_ne!(key(None), key(Some("")));
        assert_ne!(key(Some("a")), key(Some("b")));
    }
}
