//! A cache on a clock that stands still, an origin that answers as it is told, and what asks them.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use gopuram::middleware::cache::{
    Cache, Clock, Entry, Key, Memory, Promise, Purge, Store, StoreError,
};
use gopuram::middleware::{Body, Lint};
use gopuram::testing::{Client, Received};
use gopuram::{Application, Stack};
use http::{HeaderMap, Method, Request, Response};
use tokio::sync::Semaphore;
use tower::service_fn;

/// The second in which all tests begin: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) const START: u64 = 784_111_777;

/// A date some seconds after the start.
pub(crate) fn date(after: i64) -> String {
    let second = START.checked_add_signed(after).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    let mut headers = HeaderMap::new();
    gopuram::middleware::conditional::Validators::default()
        .modified(time)
        .write(&mut headers);
    headers
        .get("last-modified")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// An application that answers with what it is given, the last again and again, and keeps what it was
/// asked.
#[derive(Clone, Default)]
pub(crate) struct Origin {
    answers: Arc<Mutex<Vec<Response<&'static str>>>>,
    asked: Arc<Mutex<Vec<(Method, String, HeaderMap)>>>,
}

/// An answer of 200 with fields, written `name: value`.
pub(crate) fn ok(fields: &[&str], body: &'static str) -> Response<&'static str> {
    answer(200, fields, body)
}

pub(crate) fn answer(status: u16, fields: &[&str], body: &'static str) -> Response<&'static str> {
    let mut res = Response::builder().status(status);
    for field in fields {
        let (name, value) = field.split_once(": ").unwrap();
        res = res.header(name, value);
    }
    res.body(body).unwrap()
}

impl Origin {
    /// Answers with these, one after the other.
    pub(crate) fn of(answers: impl IntoIterator<Item = Response<&'static str>>) -> Self {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        Self {
            answers: Arc::new(Mutex::new(answers)),
            asked: Arc::default(),
        }
    }

    /// How often it was asked.
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// The field of the last request.
    pub(crate) fn last(&self, name: &str) -> Option<String> {
        let asked = self.asked.lock().unwrap();
        let (_, _, headers) = asked.last()?;
        Some(headers.get(name)?.to_str().unwrap().to_owned())
    }

    /// Answers, and keeps what it was asked.
    pub(crate) fn answer(&self, req: Request<Body>) -> Response<Body> {
        let (head, _) = req.into_parts();
        let is_head = head.method == Method::HEAD;
        let asked = (head.method, head.uri.to_string(), head.headers);
        self.asked.lock().unwrap().push(asked);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.pop().unwrap()
        } else {
            answers.last().unwrap().clone()
        };
        answer.map(|body| if is_head { Body::empty() } else { body.into() })
    }
}

/// A cache in front of an origin, and a client of it.
pub(crate) struct Rig<A> {
    pub(crate) client: Client<A>,
    pub(crate) origin: Origin,
    clock: Clock,
}

/// A clock that stands still.
pub(crate) fn clock() -> Clock {
    Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(START))
}

/// With the cache as it comes, and an origin that may say what makes no sense.
pub(crate) fn wild_rig(
    answers: impl IntoIterator<Item = Response<&'static str>>,
) -> Rig<impl Application> {
    lined_rig(Cache::in_memory(1 << 20), Lint::off, answers)
}

/// With the cache as it comes.
pub(crate) fn rig(
    answers: impl IntoIterator<Item = Response<&'static str>>,
) -> Rig<impl Application> {
    rig_with(Cache::in_memory(1 << 20), answers)
}

/// With a cache that is set otherwise.
pub(crate) fn rig_with(
    cache: Cache,
    answers: impl IntoIterator<Item = Response<&'static str>>,
) -> Rig<impl Application> {
    lined_rig(cache, Lint::fail, answers)
}

fn lined_rig(
    cache: Cache,
    lint: fn() -> Lint,
    answers: impl IntoIterator<Item = Response<&'static str>>,
) -> Rig<impl Application> {
    let origin = Origin::of(answers);
    let clock = clock();
    let inner = origin.clone();
    let app = Stack::new()
        .with(lint().named("outside"))
        .with(cache.clock(clock.clone()))
        .with(lint().named("inside"))
        .app(service_fn(move |req: Request<_>| {
            let res = inner.answer(req.map(Body::new));
            async move { Ok::<_, Infallible>(res) }
        }));
    Rig {
        client: Client::without_lint(app),
        origin,
        clock,
    }
}

impl<A: Application> Rig<A> {
    /// A `GET` of `/` with fields.
    pub(crate) async fn get(&self, fields: &[&str]) -> Received {
        self.ask(Method::GET, "/", fields).await
    }

    pub(crate) async fn ask(&self, method: Method, target: &str, fields: &[&str]) -> Received {
        let mut req = self.client.request(method, target);
        for field in fields {
            let (name, value) = field.split_once(": ").unwrap();
            req = req.header(name, value);
        }
        req.await
    }

    /// Lets seconds pass.
    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Asserts how often the origin was asked so far.
    #[track_caller]
    pub(crate) fn assert_asked(&self, count: usize) -> &Self {
        assert_eq!(
            self.origin.count(),
            count,
            "times that the origin was asked"
        );
        self
    }
}

/// Asks twice, some seconds apart, and says whether the second was a hit.
pub(crate) async fn is_reused(response: Response<&'static str>, apart: u64) -> bool {
    is_reused_for(&[], response, apart, &[]).await
}

/// The same, of a response that may make no sense.
pub(crate) async fn is_wild_reused(response: Response<&'static str>, apart: u64) -> bool {
    let rig = wild_rig([response]);
    rig.get(&[]).await;
    rig.wait(apart);
    rig.get(&[]).await;
    rig.origin.count() == 1
}

/// Lets all work be done that was spawned.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// The same, with fields of both requests.
pub(crate) async fn is_reused_for(
    first: &[&str],
    response: Response<&'static str>,
    apart: u64,
    second: &[&str],
) -> bool {
    let rig = rig([response]);
    rig.get(first).await;
    rig.wait(apart);
    rig.get(second).await;
    rig.origin.count() == 1
}

/// Counts.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A store that takes its time: what is put or removed waits for a permit.
#[derive(Clone, Debug)]
pub(crate) struct Slow {
    memory: Arc<Memory>,
    pub(crate) puts: Arc<Semaphore>,
    pub(crate) removes: Arc<Semaphore>,
}

impl Slow {
    pub(crate) fn new() -> Self {
        Self {
            memory: Arc::new(Memory::new(256 << 20)),
            puts: Arc::new(Semaphore::new(0)),
            removes: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Store for Slow {
    fn get(&self, key: &Key, fields: &HeaderMap) -> Promise<Option<Entry>> {
        self.memory.get(key, fields)
    }

    fn put(&self, key: &Key, entry: Entry) -> Promise<()> {
        let (own, key) = (self.clone(), key.clone());
        Promise::later(async move {
            own.puts.acquire().await.unwrap().forget();
            own.memory.put(&key, entry).get().await;
        })
    }

    fn remove(&self, url: &str) -> Promise<()> {
        let (own, url) = (self.clone(), url.to_owned());
        Promise::later(async move {
            own.removes.acquire().await.unwrap().forget();
            own.memory.remove(&url).get().await;
        })
    }

    fn purge(&self, what: Purge) -> Promise<Result<u64, StoreError>> {
        self.memory.purge(what)
    }
}
