//! What is served by a file while the file may change.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::latest::Latest;
use super::service::ErasedService;
use super::{Config, Error};
use crate::Application;
use crate::gateway::Serve;
use crate::stack::App;

/// What is served by a file that may be read again meanwhile: from then on connections get what it says at their first request.
///
/// [`serve`](Self::serve) serves it by itself, as [`Config::serve`] does. Who serves otherwise, and hears signals in
/// another way, takes it apart:
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use gopuram::config::{Config, Running};
/// use gopuram::gateway::Sockets;
/// use gopuram::middleware::Router;
///
/// let config = Config::read("site.toml")?;
/// let addresses = config.addresses().map(|(address, _)| address.clone());
/// let sockets = config.secure(Sockets::bind(addresses).await?)?;
/// let (limits, deadlines) = (config.limits(), config.deadlines());
/// let running = Running::around(config, Router::new().get("/", async |_| "hello"));
/// let again = running.clone();
/// gopuram::serve(running.app())
///     .limits(limits)
///     .deadlines(deadlines)
///     .on(sockets)
///     .on_reload(move || again.reload_aside()) // what is wrong is logged
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Running {
    latest: Latest,
    /// Never locked for long: who hears signals locks it.
    config: Arc<Mutex<Config>>,
    /// How many times logs were reopened.
    reopened: Arc<AtomicU64>,
    /// Locked by who reads the file again, one after the other.
    make: Arc<Mutex<Make>>,
}

/// Puts the layers of a file around what it says, or says why that cannot be.
type Make = Box<dyn FnMut(&Config) -> Result<App<ErasedService>, String> + Send>;

impl Running {
    /// The layers of a file around an application.
    pub fn around(config: Config, app: impl Application) -> Self {
        let first = config.stack().app(app.clone());
        let make = move |config: &Config| Ok(config.stack().app(app.clone()));
        Self::of(config, first, Box::new(make))
    }

    /// What `make` makes of a file, and makes again when that is read again.
    ///
    /// # Errors
    ///
    /// Why it cannot be made.
    pub fn new(
        config: Config,
        mut make: impl FnMut(&Config) -> Result<App<ErasedService>, String> + Send + 'static,
    ) -> Result<Self, String> {
        let first = make(&config)?;
        Ok(Self::of(config, first, Box::new(make)))
    }

    fn of(config: Config, first: App<ErasedService>, make: Make) -> Self {
        Self {
            latest: Latest::new(first),
            config: Arc::new(Mutex::new(config)),
            reopened: Arc::default(),
            make: Arc::new(Mutex::new(make)),
        }
    }

    /// What is to be served.
    pub fn app(&self) -> Latest {
        self.latest.clone()
    }

    /// Serves it where and as the file says: `SIGHUP` [reloads](Self::reload), `SIGUSR1` [reopens](Self::reopen).
    pub fn serve(&self) -> Serve<Latest> {
        let (reloaded, reopened) = (self.clone(), self.clone());
        let config = self.config();
        let serve = config.serve_as_it_is(self.app());
        let serve = match config.workers().count {
            Some(count) => serve.cores(count.get()),
            None => serve,
        };
        serve
            .on_reopen(move || reopened.reopen())
            .on_reload(move || reloaded.reload_aside())
    }

    /// Opens the files of logs anew, which were moved away.
    ///
    /// While the file is [read again](Self::reload), those too that it opens.
    pub fn reopen(&self) {
        // Before the lock: who changes what is there looks at it after that.
        self.reopened.fetch_add(1, Ordering::Relaxed);
        self.config().reopen();
    }

    /// Waits until what was logged is written; it blocks.
    ///
    /// # Errors
    ///
    /// The first that a log could not do.
    pub fn flush(&self) -> std::io::Result<()> {
        self.config().flush()
    }

    /// Reads the file and its certificates again: connections that have had no request yet get its layers, and the others keep theirs.
    ///
    /// All of it that can change, or nothing, if anything is wrong; either is logged, and so are the tables that take effect
    /// only when the server is started anew. `[tls]` may name other files, and other settings. The files are read while it is
    /// called, which is short where disks answer; a server does so [aside](Self::reload_aside).
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn reload(&self) -> Result<(), String> {
        let done = self.read_again();
        match &done {
            Ok(()) => info!("the file was read again; new connections are served by it"),
            Err(wrong) => error!("the file is wrong, and nothing changes:\n{wrong}"),
        }
        done
    }

    /// [Reloads](Self::reload) on a thread of its own, within the runtime that this is called in, and is ready when that is done.
    ///
    /// That begins at once. A disk that does not answer holds up neither who is told to end meanwhile, nor the runtime that ends.
    pub fn reload_aside(&self) -> impl Future<Output = ()> + Send + use<> {
        let (done, is_done) = oneshot::channel::<()>();
        let (running, runtime) = (self.clone(), Handle::try_current().ok());
        // A runtime waits for its own threads.
        let begun = thread::Builder::new()
            .name("reload".to_owned())
            .spawn(move || {
                let _within = runtime.as_ref().map(Handle::enter);
                // What is wrong is logged.
                running.reload().ok();
                drop(done);
            });
        if let Err(error) = begun {
            error!("the file cannot be read again: {error}");
        }
        async {
            is_done.await.ok();
        }
    }

    fn read_again(&self) -> Result<(), String> {
        let mut make = self.make.lock().unwrap_or_else(PoisonError::into_inner);
        let reopened = self.reopened.load(Ordering::Relaxed);
        let config = self.config();
        let fresh = config.again().map_err(|wrong: Error| wrong.to_string())?;
        let certificates = config.begin_reload(&fresh);
        let certificates = certificates.map_err(|error| error.to_string())?;
        let app = make(&fresh)?;
        // Nothing is wrong.
        if let Some(take_on) = certificates {
            take_on();
        }
        for table in config.changed(&fresh) {
            warn!("`{table}` has changed, which takes effect when the server is started anew");
        }
        *self.lock() = config.followed_by(fresh);
        // Who did so meanwhile knew nothing of the logs that are new.
        if self.reopened.load(Ordering::Relaxed) != reopened {
            self.config().reopen();
        }
        self.latest.replace(app);
        Ok(())
    }

    fn config(&self) -> Config {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Config> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("latest", &self.latest)
            .finish_non_exhaustive()
    }
}
