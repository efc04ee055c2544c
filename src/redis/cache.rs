//! Responses in Redis.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderMap;
use redis::{Pipeline, RedisError, Value};

use super::Redis;
use crate::middleware::cache::{Entry, Key, Promise, Purge, Store, StoreError};

/// Responses kept in Redis, shared by all that use the same prefix.
///
/// A look-up takes two round trips, since what is there must be known before the one that a request
/// selects is read. A response stays for as long as it may be of use, and an hour more, in which it can be
/// validated. How much there is in all Redis bounds: set `maxmemory` and `maxmemory-policy allkeys-lru`.
/// Of one URI and view at most 32 responses are found, the newest.
///
/// What one machine invalidates is gone for all, but for what another has on its way at that moment. A
/// failure to invalidate is logged, and what is stored stays for its lifetime.
///
/// How old a response is goes by the clocks of the machines: one that is ahead takes what another stored for
/// older than it is, one that is behind for fresher, by as much as they differ. Let them be kept together, by NTP say.
///
/// It is for one Redis, or one with replicas behind a name. Redis Cluster is not for it: keys that are used
/// together are on several of its nodes, which answer with errors, so that nothing is stored.
///
/// | key | what is there |
/// |---|---|
/// | `PREFIX:i:KEY` | a hash: what selects each response; when it was put, until when it is there, and its tags |
/// | `PREFIX:b:KEY:SELECTION` | the response |
/// | `PREFIX:u:URL` | a sorted set: the keys of a URI, one for each view, by when the last response of each goes |
/// | `PREFIX:t:TAG` | the same: the keys under which there is a response with a tag |
///
/// All of them expire with the longest response that they list, and what has gone is taken out of the sets whenever
/// something is put in, so that a tag that all pages have is no longer than what there is. To invalidate and to purge is to go by the sets, and Redis may drop any of them to make room. So what
/// they do not list is not found, which is asked in the same round trips, and does not come back when it is
/// listed again. A purge by the beginning of URIs looks at the names of all keys of the database.
///
/// To put is a script (`EVAL`), so that no two machines do it half each; all keys that it uses are declared.
#[derive(Clone)]
pub struct CacheStore {
    redis: Redis,
    prefix: Arc<str>,
}

/// Seconds for which a response is kept that can only be validated.
const TO_VALIDATE: u64 = 60 * 60;

/// Seconds after which a response is forgotten, however long it may be of use.
const LONGEST: u64 = 30 * 24 * 60 * 60;

/// How many responses of one key are found.
const VARIANTS: usize = 32;

/// How many keys are asked for or forgotten at once: few enough to be done within the deadline, and for
/// Redis to answer others between.
const BATCH: usize = 128;

/// Keeps a response and makes room for it; answers with the selections of those that are gone.
const PUT: &str = include_str!("cache_put.lua");

/// What the index says of a response.
struct Listed<'a> {
    selection: &'a [u8],
    put: u64,
    tags: Vec<&'a [u8]>,
}

impl<'a> Listed<'a> {
    /// Reads a field of an index; none if it is not ours, or of the past.
    fn read(selection: &'a [u8], said: &'a [u8], now: u64) -> Option<Self> {
        // No tag has a NUL in it.
        let mut parts = said.split(|byte| *byte == 0);
        let times = std::str::from_utf8(parts.next()?).ok()?;
        let (put, until) = times.split_once(' ')?;
        let (put, until): (u64, u64) = (put.parse().ok()?, until.parse().ok()?);
        let tags = parts.filter(|tag| !tag.is_empty()).collect();
        (now < until).then_some(Self {
            selection,
            put,
            tags,
        })
    }
}

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
        index.zscore(self.name("u", &[url_of(key)]), key);
        let (index, listed): (Vec<(Vec<u8>, Vec<u8>)>, Option<f64>) =
            self.redis.ask(&index).await?;
        if listed.is_none() {
            return Ok(None);
        }
        let now = now();
        let listed = index
            .iter()
            .filter(|(selection, _)| Entry::is_selected(selection, fields))
            .filter_map(|(selection, said)| Listed::read(selection, said, now));
        let Some(listed) = listed.max_by_key(|one| one.put) else {
            return Ok(None);
        };
        let mut body = Pipeline::new();
        body.get(self.name("b", &[key, listed.selection]));
        for tag in &listed.tags {
            body.zscore(self.name("t", &[tag]), key);
        }
        let answers: Vec<Value> = self.redis.ask(&body).await?;
        let mut answers = answers.into_iter();
        let Some(Value::BulkString(body)) = answers.next() else {
            return Ok(None);
        };
        let is_listed = answers.all(|answer| answer != Value::Nil);
        Ok(is_listed
            .then(|| Entry::decode(Bytes::from(body)))
            .flatten())
    }

    async fn keep(&self, key: &[u8], entry: &Entry) -> Result<(), RedisError> {
        let selection = entry.encode_selection();
        let seconds = entry.useful().saturating_add(TO_VALIDATE).min(LONGEST);
        let now = now();
        let until = now.saturating_add(seconds.saturating_mul(1_000_000));
        let mut said = format!("{now} {until}").into_bytes();
        for tag in entry.tags().map(str::as_bytes).chain([b"".as_slice()]) {
            said.push(0);
            said.extend_from_slice(tag);
        }
        let mut put = Pipeline::new();
        let tags = entry.tags().count();
        let command = put.cmd("EVAL").arg(PUT).arg(3 + tags);
        command
            .arg(self.name("b", &[key, &selection]))
            .arg(self.name("i", &[key]))
            .arg(self.name("u", &[url_of(key)]));
        for tag in entry.tags() {
            command.arg(self.name("t", &[tag.as_bytes()]));
        }
        command
            .arg(key)
            .arg(&selection)
            .arg(entry.encode())
            .arg(seconds)
            .arg(now)
            .arg(until)
            .arg(said)
            .arg(VARIANTS);
        for tag in entry.tags() {
            command.arg(tag);
        }
        let (gone,): (Vec<Vec<u8>>,) = self.redis.ask(&put).await?;
        if gone.is_empty() {
            return Ok(());
        }
        let mut bodies = Pipeline::new();
        let names = gone.iter().map(|gone| self.name("b", &[key, gone]));
        bodies.unlink(names.collect::<Vec<_>>()).ignore();
        self.redis.ask(&bodies).await
    }

    /// Forgets all of some URIs, and says how many responses there were.
    async fn forget(&self, urls: &[&[u8]]) -> Result<u64, RedisError> {
        let mut count: u64 = 0;
        for urls in urls.chunks(BATCH) {
            let mut keys = Pipeline::new();
            for url in urls {
                keys.zrange(self.name("u", &[url]), 0, -1);
            }
            let keys: Vec<Vec<Vec<u8>>> = self.redis.insist(&keys).await?;
            count = count.saturating_add(self.forget_keys(&keys.concat()).await?);
        }
        Ok(count)
    }

    /// Forgets all that there is under some keys.
    async fn forget_keys(&self, keys: &[Vec<u8>]) -> Result<u64, RedisError> {
        let mut count: u64 = 0;
        for keys in keys.chunks(BATCH) {
            let mut selections = Pipeline::new();
            for key in keys {
                selections.hkeys(self.name("i", &[key]));
            }
            let selections: Vec<Vec<Vec<u8>>> = self.redis.insist(&selections).await?;
            let mut gone = Pipeline::new();
            gone.atomic();
            for (key, selections) in keys.iter().zip(&selections) {
                let bodies = selections.iter().map(|one| self.name("b", &[key, one]));
                let bodies: Vec<_> = bodies.collect();
                if !bodies.is_empty() {
                    gone.unlink(bodies);
                }
                gone.unlink(self.name("i", &[key])).ignore();
                gone.zrem(self.name("u", &[url_of(key)]), key).ignore();
            }
            let there: Vec<u64> = self.redis.insist(&gone).await?;
            count = there
                .iter()
                .fold(count, |sum, one| sum.saturating_add(*one));
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
            let ((next, names),): ((u64, Vec<Vec<u8>>),) = self.redis.insist(&scan).await?;
            let urls = names.iter().filter_map(|name| name.get(before..));
            let urls: Vec<_> = urls.collect();
            count = count.saturating_add(self.forget(&urls).await?);
            cursor = next;
            if cursor == 0 {
                return Ok(count);
            }
        }
    }

    async fn forget_tag(&self, tag: &str) -> Result<u64, RedisError> {
        let name = self.name("t", &[tag.as_bytes()]);
        let mut tagged = Pipeline::new();
        tagged.zrange(&name, 0, -1);
        let (keys,): (Vec<Vec<u8>>,) = self.redis.insist(&tagged).await?;
        let count = self.forget_keys(&keys).await?;
        for keys in keys.chunks(BATCH) {
            let mut gone = Pipeline::new();
            gone.zrem(&name, keys).ignore();
            let () = self.redis.insist(&gone).await?;
        }
        Ok(count)
    }

    async fn purge(&self, what: Purge) -> Result<u64, RedisError> {
        match what {
            Purge::Prefix(prefix) => self.forget_prefix(prefix.as_bytes()).await,
            Purge::Url(url) => self.forget(&[url.as_bytes()]).await,
            Purge::Tag(tag) => self.forget_tag(&tag).await,
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

/// The URI of what [`bytes_of`] made.
fn url_of(key: &[u8]) -> &[u8] {
    key.split(|byte| *byte == 0).next().unwrap_or_default()
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
        let (store, key) = (self.clone(), bytes_of(key));
        // A response that is not kept is asked for again, and that Redis is away was logged.
        Promise::later(async move { drop(store.keep(&key, &entry).await) })
    }

    fn remove(&self, url: &str) -> Promise<()> {
        let (store, url) = (self.clone(), url.to_owned());
        Promise::later(async move {
            if let Err(error) = store.forget(&[url.as_bytes()]).await {
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
        for view in [None, Some(""), Some("a\0b")] {
            assert_eq!(url_of(&key(view)), b"http://h/");
        }
    }

    #[test]
    fn an_index_is_read_or_what_it_says_is_nothing() {
        let read = |said: &'static [u8]| Listed::read(b"s", said, 5).map(|one| (one.put, one.tags));
        assert_eq!(read(b"3 9\0"), Some((3, vec![])));
        assert_eq!(read(b"3 9\0a\0b\0"), Some((3, vec![&b"a"[..], b"b"])));
        for said in [&b"3 5\0"[..], b"3", b"", b"x 9\0", b"3 9x\0a\0", b"\xff 9"] {
            assert_eq!(read(said), None, "{said:?}");
        }
    }
}
