//! How a cache is set.

use std::fmt;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use http::HeaderName;

use super::clock::Clock;
use super::driven::Driven;
use super::key::User;

/// Work that goes on after a response was sent, or though its client has gone: a stale response is
/// validated, one is stored, or forgotten.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is done with responses that set cookies, which are somebody's own more often than not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SetCookie {
    /// They are not stored, whatever else they say.
    #[default]
    Refuse,
    /// They are stored without `Set-Cookie`: only the client whose request was passed on gets it.
    Strip,
    /// They are stored as they are: **all clients get the same cookie**. RFC 9111, section 7.3
    /// leaves it to the application to say `Cache-Control` with its cookies.
    Keep,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) clock: Clock,
    pub(super) cookies: SetCookie,
    /// Bytes of the longest body that is stored.
    pub(super) entry: u64,
    pub(super) fetch_whole: bool,
    /// Seconds that a response without a word on its freshness is fresh for at most.
    pub(super) heuristic: u64,
    pub(super) ignore_requests: bool,
    pub(super) name: Option<&'static str>,
    /// Seconds for which requests of what was not to be stored do not wait for each other.
    pub(super) pass: u64,
    pub(super) spawn: Arc<dyn Fn(Task) + Send + Sync>,
    pub(super) stale_if_error: u64,
    pub(super) targeted: Arc<[HeaderName]>,
    pub(super) user: Option<Arc<User>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            cookies: SetCookie::default(),
            entry: 1 << 20,
            fetch_whole: false,
            heuristic: 24 * 60 * 60,
            ignore_requests: false,
            name: Some("gopuram"),
            pass: 10,
            spawn: Arc::new(spawn),
            stale_if_error: 0,
            targeted: Arc::default(),
            user: None,
        }
    }
}

impl Settings {
    /// Has work done whether who waits for it goes or not. What comes back waits for its end, and
    /// works for it too, so that it needs nobody else.
    pub(super) fn behind(&self, task: Task) -> Task {
        let task = Arc::new(Driven::new(Some(task)));
        (self.spawn)(driven(Arc::clone(&task)));
        driven(task)
    }
}

fn driven(task: Arc<Driven<Task>>) -> Task {
    Box::pin(async move {
        let seat = task.seat();
        let end =
            |task: &mut Task, cx: &mut Context<'_>| task.as_mut().poll(cx).map(ControlFlow::Break);
        poll_fn(|cx| task.poll(&seat, cx, end)).await;
    })
}

/// How long such work may take: no client waits for it, and so no deadline of a client ends it.
const BEHIND: Duration = Duration::from_mins(1);

/// On the runtime of tokio that the request is answered on; without one nothing is done.
fn spawn(task: Task) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        drop(runtime.spawn(tokio::time::timeout(BEHIND, task)));
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("cookies", &self.cookies)
            .field("entry", &self.entry)
            .field("fetch_whole", &self.fetch_whole)
            .field("heuristic", &self.heuristic)
            .field("ignore_requests", &self.ignore_requests)
            .field("name", &self.name)
            .field("pass", &self.pass)
            .field("stale_if_error", &self.stale_if_error)
            .field("targeted", &self.targeted)
            .finish_non_exhaustive()
    }
}
