//! A server, and the layers around what it serves, in a file.
//!
//! ```no_run
//! use gopuram::config::Config;
//! use gopuram::middleware::Router;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::read("site.toml")?;
//! config.serve(Router::new().get("/", async |_| "hello")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The file is [TOML](https://toml.io):
//!
//! ```
//! # let text = r#"
//! listen = ["127.0.0.1:8000", "unix:site.sock?mode=660"]
//!
//! [deadlines]
//! drain = "10s"
//!
//! [[layer]]
//! name = "access_log"
//! to = "stderr"
//!
//! [[layer]]
//! name = "compress"
//! codings = ["br", "gzip"]
//! when = { path = "/api/**" }
//! # "#;
//! # let config = gopuram::config::Config::parse(text, ".").unwrap();
//! # assert_eq!(config.stack().len(), 2);
//! # assert_eq!(config.addresses().count(), 2);
//! ```
//!
//! Layers are written outermost first, as in code, and by the names of the [catalogue](crate::middleware). Their order is checked while
//! the file is read, by the same [places](crate::middleware::place): a wrong one is refused, unless the layer says
//! `out_of_place = true`. [`Config::stack`] prints them as a tower, as [`crate::Stack`] does.
//!
//! A size is a number of bytes or a text with a unit, `"64KiB"` or `"10MB"`; a time is a number of seconds or a text, `"500ms"`, `"30s"`,
//! `"2m"`, `"1h"` or `"7d"`. Where a list is taken, one of it will do without brackets. Paths that are relative are
//! meant from the directory of the file.
//!
//! # What is wrong with it
//!
//! All that is wrong is told at once, each with its place and with what to write instead:
//!
//! ```text
//! site.toml:12:1: layer "compress": unknown key `lvl`; there are `name`, `out_of_place`, `when`, `codings`, ...
//! site.toml:15:8: no layer is called `acces_log`; did you mean `access_log`? there are access_log, body_limit, ...
//! site.toml:21:15: tls: `certificate`: cannot read `/etc/site/site.pem`: there is no such file
//! ```
//!
//! Of very many the first hundred are told. What can be opened is opened while reading: logs, directories, certificates;
//! [`Config::check`] says of logs whether they could be. Addresses are bound by [`Serve::listen`](crate::gateway::Serve::listen). No
//! text makes it panic, and nothing that is named makes it wait: a configuration (1 MiB at most), a certificate and a key have to be
//! regular files, no pipes as `<(...)` of a shell makes them, and a log on a FIFO has to be read by somebody.
//!
//! # What it costs
//!
//! The types of these layers are gone: each costs a request a box for its future, one more if it wraps the body, and a connection a box
//! for its clone; one with `when`, where it is chosen, two clones of all that is inside it. A [`crate::Stack`] in code costs none of them.
//!
//! # What is not in files
//!
//! Functions: rules by closures, callbacks, users of a private cache. A cache in Redis, which has to be connected to before. Of the
//! catalogue `cascade`, `mount` and `router`, which are made of applications; `when` is the key of each layer.
#![doc = include_str!("reference.md")]

mod app;
mod bindable;
mod counted;
mod destination;
mod explain;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod gateway;
mod kept;
mod keys;
mod latest;
mod layers;
mod measure;
mod mistakes;
mod read;
mod running;
mod service;
mod stack;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;
mod tls_table;
mod value;
mod when;
mod writable;

use std::path::{Path, PathBuf};

use crate::gateway::{Address, Deadlines, Limits, Serve, Sockets};
use crate::middleware::StaticFiles;
use crate::{Application, Error as ServeError};

pub use app::{AppTable, Workers};
pub use counted::Counted;
pub use explain::{Explained, explain, overview, tables};
pub use latest::Latest;
pub use layers::names;
pub use measure::{Count, Size};
pub use mistakes::Error;
pub use running::Running;
pub use service::{Answer, ErasedService, Failure};
pub use stack::Layers;
pub use writable::writable;

use destination::Destination;
use gateway::Listen;
use kept::Kept;
use keys::Settings as _;

/// What a file says, made into what is served by.
///
/// See the [module documentation](self) for an example and for all that can be written.
#[derive(Clone, Debug)]
pub struct Config {
    /// As it was named, and where it is.
    file: Option<(PathBuf, PathBuf)>,
    listen: Vec<Listen>,
    tls: Option<tls::Tls>,
    /// What the file said of it; nothing where that was said otherwise.
    said_of_tls: Option<String>,
    limits: Limits,
    deadlines: Deadlines,
    app: AppTable,
    files: Option<StaticFiles>,
    workers: Workers,
    environ: Vec<(String, String)>,
    stack: Layers,
    kept: Kept,
    /// What cannot change while a server runs, as the file said it.
    fixed: Vec<(&'static str, String)>,
}

impl Config {
    /// Reads a file, and opens what it names: logs, directories, certificates.
    ///
    /// It is a regular file, as are certificates and keys: a pipe, as `<(...)` of a shell makes one, is refused, as it could not be read again.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, as far as one reading finds it.
    pub fn read(file: impl AsRef<Path>) -> Result<Self, Error> {
        let file = file.as_ref();
        Self::read_file(file, &absolute(file), &Kept::default())
    }

    /// Reads a file as [`read`](Self::read) does, all of it, but neither makes nor opens a log: it is told all the same which cannot be,
    /// but for a FIFO that nobody reads: who opens and closes one to see ends who waits there for the log.
    ///
    /// For who asks what is wrong with it, or does not serve by it: what its layers log goes nowhere. [`again`](Self::again) opens the logs.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn check(file: impl AsRef<Path>) -> Result<Self, Error> {
        let file = file.as_ref();
        Self::read_file(file, &absolute(file), &Kept::checking())
    }

    /// Reads a text, whose relative paths are relative to `base`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, as far as one reading finds it.
    pub fn parse(text: &str, base: impl AsRef<Path>) -> Result<Self, Error> {
        read::config(text, &absolute(base.as_ref()), None, &Kept::default())
    }

    /// Reads the file again, for who serves by it already: logs that it names again stay open, and are [reopened](Self::reopen) for
    /// those too that were there before, and a cache that is set as before keeps what it has. What came of a text stays as it is.
    ///
    /// Nothing changes of what is served by: how those logs are set is heeded once this one is [followed by](Self::followed_by) the other.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); then this one is as good as before.
    pub fn again(&self) -> Result<Self, Error> {
        match &self.file {
            Some((name, file)) => Self::read_file(name, file, &self.kept),
            None => Ok(self.clone()),
        }
    }

    fn read_file(name: &Path, file: &Path, before: &Kept) -> Result<Self, Error> {
        let text = read::text(file).map_err(|error| Error::unreadable(name, error))?;
        let base = file.parent().unwrap_or(Path::new("/"));
        let config = read::config(&text, base, Some(name), before)?;
        Ok(Self {
            file: Some((name.to_owned(), file.to_owned())),
            ..config
        })
    }

    /// Where to listen, and whether over TLS.
    pub fn addresses(&self) -> impl Iterator<Item = (&Address, bool)> {
        self.listen
            .iter()
            .map(|listen| (&listen.address, listen.tls))
    }

    /// Listens at these addresses instead, without TLS.
    #[must_use]
    pub fn bind(mut self, addresses: impl IntoIterator<Item = impl Into<Address>>) -> Self {
        let addresses = addresses.into_iter().map(Into::into);
        self.listen = addresses.map(Listen::plain).collect();
        self
    }

    /// Secures connections at all addresses where clients are, with this in place of what the file says.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn secured(mut self, tls: crate::gateway::Tls) -> Self {
        for listen in &mut self.listen {
            listen.tls = listen.address.is_http();
        }
        self.tls = Some(tls);
        self.said_of_tls = None;
        self
    }

    /// What connections are secured with, where they are.
    #[cfg(feature = "tls")]
    pub const fn tls(&self) -> Option<&crate::gateway::Tls> {
        self.tls.as_ref()
    }

    /// How much a client may take.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// How long the gateway waits for a client.
    pub const fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// How long requests may take to finish at the end; [`Deadlines::drain`].
    pub const fn drain(&self) -> std::time::Duration {
        self.deadlines.drain
    }

    /// What the layers are around.
    pub const fn app(&self) -> &AppTable {
        &self.app
    }

    /// The directory that they are around, if it is one.
    pub const fn files(&self) -> Option<&StaticFiles> {
        self.files.as_ref()
    }

    /// By whom it is served.
    pub const fn workers(&self) -> &Workers {
        &self.workers
    }

    /// Variables for every environ.
    pub fn environ(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.environ.iter();
        all.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What the file says that the wheel heeds, and nobody else: `app.threads`, `environ`.
    pub fn of_the_wheel(&self) -> Vec<String> {
        let app = self.app.said().into_iter().filter(|key| *key != "files");
        let workers = self
            .workers
            .said()
            .into_iter()
            .filter(|key| *key != "count");
        let keys = app.map(|key| format!("app.{key}"));
        let keys = keys.chain(workers.map(|key| format!("workers.{key}")));
        let environ = (!self.environ.is_empty()).then(|| "environ".to_owned());
        keys.chain(environ).collect()
    }

    /// The layers.
    pub const fn stack(&self) -> &Layers {
        &self.stack
    }

    /// Serves an application, with the layers around it, where and as the file says.
    ///
    /// At `SIGHUP` the file and its certificates are read again, and new connections are served by what it says then; at `SIGUSR1` logs
    /// are reopened: see [`Running`]. Where the file says how many workers there are, there are as many runtimes, as by
    /// [`Serve::cores`].
    pub fn serve(&self, app: impl Application) -> Serve<Latest> {
        Running::around(self.clone(), app).serve()
    }

    /// Serves an application without the layers, where and as the file says, in this runtime; signals are not heeded.
    pub fn serve_as_it_is<S: Application>(&self, app: S) -> Serve<S> {
        let serve = crate::serve(app)
            .limits(self.limits)
            .deadlines(self.deadlines);
        let listen = self.listen.iter();
        listen.fold(serve, |serve, listen| {
            tls::bind(serve, listen, self.tls.as_ref())
        })
    }

    /// Sockets that were bound at these [addresses](Self::addresses) by others, with TLS where the file says so.
    ///
    /// # Errors
    ///
    /// If none is of an address that is to be secured.
    pub fn secure(&self, sockets: Sockets) -> Result<Sockets, ServeError> {
        let mut listen = self.listen.iter();
        listen.try_fold(sockets, |sockets, listen| {
            tls::secure(sockets, listen, self.tls.as_ref())
        })
    }

    /// What the layer `metrics` has counted, if there is one.
    pub const fn counted(&self) -> Option<&Counted> {
        self.kept.counted.as_ref()
    }

    /// Whether a layer writes a log that can be [reopened](Self::reopen).
    pub fn has_logs(&self) -> bool {
        self.kept.logs().next().is_some()
    }

    /// The files that layers write logs to.
    pub fn log_files(&self) -> impl Iterator<Item = &Path> {
        self.kept.destinations().filter_map(Destination::file)
    }

    /// Whether a layer writes a log to the standard output.
    pub fn logs_to_stdout(&self) -> bool {
        let mut all = self.kept.destinations();
        all.any(|to| *to == Destination::Stdout)
    }

    /// Opens the files of logs anew, which were moved away.
    pub fn reopen(&self) {
        for log in self.kept.logs() {
            log.reopen();
        }
    }

    /// Waits until what was logged is written; it blocks.
    ///
    /// # Errors
    ///
    /// The first that a log could not do.
    pub fn flush(&self) -> std::io::Result<()> {
        let mut all = Ok(());
        for log in self.kept.logs() {
            all = all.and(log.flush());
        }
        all
    }

    /// Reads certificates anew.
    ///
    /// # Errors
    ///
    /// If one cannot be used; then all stay as they were.
    pub fn reload(&self) -> Result<(), ServeError> {
        self.tls.as_ref().map_or(Ok(()), tls::reload)
    }

    /// Reads certificates anew, of the files that another reading names where that names others; what it returns takes them on.
    fn begin_reload(&self, other: &Self) -> Result<Option<impl FnOnce() + use<'_>>, ServeError> {
        let Some(tls) = &self.tls else {
            return Ok(None);
        };
        let others = match &self.said_of_tls {
            // As long as those were there that the file names no more, its `listen` said so as well.
            Some(_) if other.tls.is_none() => return Ok(None),
            Some(said) if other.said_of_tls.as_ref() != Some(said) => other.tls.as_ref(),
            _ => None,
        };
        tls::begin_reload(tls, others).map(Some)
    }

    /// What a server is set by that goes on by this one: the layers and logs of another reading, and of this one what cannot change
    /// while it runs, which [`changed`](Self::changed) compares.
    #[must_use]
    pub fn followed_by(&self, other: Self) -> Self {
        other.kept.take_effect();
        Self {
            app: other.app,
            files: other.files,
            environ: other.environ,
            stack: other.stack,
            kept: other.kept,
            said_of_tls: match self.said_of_tls {
                Some(_) if other.tls.is_some() => other.said_of_tls,
                _ => self.said_of_tls.clone(),
            },
            ..self.clone()
        }
    }

    /// Which tables of another reading of the file take effect only when the server is started anew.
    pub fn changed<'c>(&'c self, other: &'c Self) -> impl Iterator<Item = &'static str> + 'c {
        let both = self.fixed.iter().zip(&other.fixed);
        both.filter(|(one, other)| one != other)
            .map(|((name, _), _)| *name)
    }
}

/// Where a path is, wherever the process goes.
fn absolute(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
