//! Checks, of which at most one run is on its way.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, timeout_at};

/// A check on its way: what went wrong, if anything did.
pub(super) type Running = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// How long a check may take if nothing else is said.
const DEADLINE: Duration = Duration::from_millis(900);

/// How long an answer is kept if nothing else is said.
const KEEP: Duration = Duration::from_secs(1);

/// All checks, and what came of them last.
#[derive(Clone)]
pub(super) struct Checks {
    checks: Vec<Check>,
    keep: Duration,
    report: Option<Arc<dyn Fn(&Failure<'_>) + Send + Sync>>,
    state: Arc<Mutex<State>>,
}

#[derive(Clone)]
struct Check {
    name: Cow<'static, str>,
    deadline: Duration,
    start: Arc<dyn Fn() -> Running + Send + Sync>,
    /// The last run of it, which may still block its thread.
    last: Arc<Mutex<Option<AbortHandle>>>,
}

#[derive(Default)]
struct State {
    kept: Option<(Instant, Findings)>,
    running: Option<watch::Receiver<Option<Findings>>>,
}

/// What came of a run.
pub(super) type Findings = Arc<[Finding]>;

/// What came of a check.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) name: Cow<'static, str>,
    pub(super) fault: Option<Fault>,
}

/// Why a check failed.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// It is still at it since an earlier run.
    Blocked,
    Elapsed(Duration),
    Failed(String),
    NoRuntime,
    Panicked,
}

impl Fault {
    /// What went wrong, if that tells nothing of how things are set up.
    pub(super) fn public(&self) -> Option<String> {
        match self {
            Self::Failed(_) | Self::NoRuntime => None,
            other => Some(other.to_string()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked => f.write_str("it has not ended since it was run before"),
            Self::Elapsed(deadline) => write!(f, "it took longer than {deadline:?}"),
            Self::Failed(error) => f.write_str(error),
            Self::NoRuntime => f.write_str("there is no runtime of tokio to run it in"),
            Self::Panicked => f.write_str("it panicked"),
        }
    }
}

/// A check that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    name: &'a str,
    fault: &'a Fault,
}

impl Failure<'_> {
    /// The name of the check.
    pub const fn name(&self) -> &str {
        self.name
    }

    /// Whether it was given up since it took too long.
    pub const fn is_elapsed(&self) -> bool {
        matches!(self.fault, Fault::Elapsed(_) | Fault::Blocked)
    }
}

/// What went wrong.
impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            checks: Vec::new(),
            keep: KEEP,
            report: None,
            state: Arc::default(),
        }
    }
}

impl Checks {
    pub(super) fn add(
        &mut self,
        name: Cow<'static, str>,
        start: Arc<dyn Fn() -> Running + Send + Sync>,
    ) {
        // What was found before is of other checks.
        self.state = Arc::default();
        self.checks.push(Check {
            name,
            deadline: DEADLINE,
            start,
            last: Arc::default(),
        });
    }

    pub(super) fn set_deadline(&mut self, deadline: Duration) {
        if let Some(check) = self.checks.last_mut() {
            check.deadline = deadline;
        }
    }

    pub(super) const fn set_keep(&mut self, keep: Duration) {
        self.keep = keep;
    }

    pub(super) fn set_report(&mut self, report: Arc<dyn Fn(&Failure<'_>) + Send + Sync>) {
        self.report = Some(report);
    }

    /// What comes of the run that is on its way, or came of one a moment ago, or comes of a new one.
    pub(super) async fn ask(&self) -> Findings {
        if self.checks.is_empty() {
            return Findings::default();
        }
        let Ok(runtime) = Handle::try_current() else {
            return self.all(&Fault::NoRuntime);
        };
        let (mut running, tell) = {
            let mut state = lock(&self.state);
            if let Some((at, found)) = &state.kept
                && at.elapsed() < self.keep
            {
                return Arc::clone(found);
            }
            if let Some(running) = &state.running {
                (running.clone(), None)
            } else {
                let (tell, running) = watch::channel(None);
                (state.running.insert(running).clone(), Some(tell))
            }
        };
        if let Some(tell) = tell {
            self.start(&runtime, tell);
        }
        let found = running.wait_for(Option::is_some).await;
        let found = found.ok().and_then(|found| found.clone());
        // Its runtime has ended.
        found.unwrap_or_else(|| self.all(&Fault::NoRuntime))
    }

    /// Starts a run, which goes on whoever waits for it.
    ///
    /// Not under the lock: a runtime that is ending drops the run here and now.
    fn start(&self, runtime: &Handle, tell: watch::Sender<Option<Findings>>) {
        let checks = self.clone();
        // Dropped with its runtime, or by a panic of who is told: the next to ask is to find none on its way.
        let over = Over(Arc::clone(&self.state));
        runtime.spawn(async move {
            let found = checks.run().await;
            let kept = (Instant::now(), Arc::clone(&found));
            lock(&checks.state).kept = Some(kept);
            drop(over);
            tell.send_replace(Some(Arc::clone(&found)));
            checks.tell(&found);
        });
    }

    async fn run(&self) -> Findings {
        let now = Instant::now();
        let begun: Vec<_> = self.checks.iter().map(Check::begin).collect();
        let mut found = Vec::with_capacity(begun.len());
        for (check, begun) in self.checks.iter().zip(begun) {
            let fault = match begun {
                None => Some(Fault::Blocked),
                Some(task) => check.end(task, now).await,
            };
            let name = check.name.clone();
            found.push(Finding { name, fault });
        }
        found.into()
    }

    fn all(&self, fault: &Fault) -> Findings {
        let finding = |check: &Check| Finding {
            name: check.name.clone(),
            fault: Some(fault.clone()),
        };
        self.checks.iter().map(finding).collect()
    }

    fn tell(&self, found: &[Finding]) {
        let Some(report) = &self.report else { return };
        for Finding { name, fault } in found {
            if let Some(fault) = fault {
                report(&Failure { name, fault });
            }
        }
    }
}

impl Check {
    /// Begins it, unless it is still at it.
    fn begin(&self) -> Option<JoinHandle<Result<(), String>>> {
        let mut last = lock(&self.last);
        if last.as_ref().is_some_and(|last| !last.is_finished()) {
            return None;
        }
        let start = Arc::clone(&self.start);
        let task = tokio::spawn(async move { start().await });
        *last = Some(task.abort_handle());
        Some(task)
    }

    async fn end(&self, mut task: JoinHandle<Result<(), String>>, now: Instant) -> Option<Fault> {
        match timeout_at(now + self.deadline, &mut task).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => Some(Fault::Failed(error)),
            Ok(Err(_)) => Some(Fault::Panicked),
            Err(_) => {
                task.abort();
                Some(Fault::Elapsed(self.deadline))
            }
        }
    }
}

/// A run that is on its way until this is dropped.
struct Over(Arc<Mutex<State>>);

impl Drop for Over {
    fn drop(&mut self) {
        lock(&self.0).running = None;
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.checks.iter().map(|check| &check.name);
        f.debug_list().entries(names).finish()
    }
}

/// What an error says, and those that it comes from.
pub(super) fn message(error: &(dyn StdError + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // Writing to a `String` does not fail.
        write!(text, ": {error}").ok();
        source = error.source();
    }
    text
}

/// What no panic leaves half done needs no poison.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
