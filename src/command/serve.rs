//! Serving, and what signals change of it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use gopuram::config::{Config, Service};
use gopuram::middleware::StaticFiles;
use gopuram::stack::App;
use tracing::{error, info, warn};

use super::latest::Latest;
use super::not_found::NotFound;

/// What is around a directory that is served without a file.
const AROUND_FILES: &str = r#"
[[layer]]
name = "access_log"

[[layer]]
name = "compress"
"#;

/// What is served.
#[derive(Debug)]
pub(super) struct Serving {
    config: Config,
    /// The directory, where no file says what is served.
    files: Option<StaticFiles>,
}

impl Serving {
    pub(super) fn of_file(file: &Path) -> Result<Self, String> {
        let config = Config::read(file).map_err(|error| error.to_string())?;
        if let Some(app) = &config.app().wsgi {
            return Err(format!(
                "{}: app: `wsgi = {app:?}` is an application of Python's, which this command does not run; \
                 `pip install gopuram` has a command that does, by the same file: `gopuram serve {0}`",
                file.display()
            ));
        }
        Ok(Self {
            config,
            files: None,
        })
    }

    pub(super) fn of_directory(directory: &Path) -> Result<Self, String> {
        let files = StaticFiles::new(directory).map_err(|error| error.to_string())?;
        let config = Config::parse(AROUND_FILES, "").map_err(|error| error.to_string())?;
        Ok(Self {
            config,
            files: Some(files.listing()),
        })
    }

    /// Listens there, and not where the file says.
    pub(super) fn bind(self, addresses: Vec<String>) -> Self {
        Self {
            config: self.config.bind(addresses),
            ..self
        }
    }

    /// Serves to the end.
    pub(super) fn run(self) -> Result<(), String> {
        let runtime = tokio::runtime::Runtime::new();
        let runtime = runtime.map_err(|error| format!("cannot start a runtime: {error}"))?;
        let config = self.config.clone();
        let served = runtime.block_on(self.serve());
        // Who still reads a file is not waited for.
        runtime.shutdown_background();
        if let Err(error) = config.flush() {
            error!(%error, "a log could not be written to its end");
        }
        served.map_err(|error| format!("{error:?}"))
    }

    async fn serve(self) -> Result<(), gopuram::Error> {
        let app = layers(&self.config, self.files.as_ref());
        info!("serving\n{app}");
        for key in self.config.of_the_wheel() {
            warn!("`{key}` is for applications of Python's, and does nothing here");
        }
        let latest = Latest::new(app);
        let mut serve = self.config.serve_as_it_is(latest.clone()).hand_over();
        if let Some(count) = self.config.workers().count {
            serve = serve.cores(count.get());
        }
        let current = Arc::new(Mutex::new(self.config));
        let reading = Arc::clone(&current);
        let files = self.files;
        serve
            .on_reopen(move || lock(&current).reopen())
            .on_reload(move || {
                reload(&reading, &latest, files.as_ref());
                std::future::ready(())
            })
            .await
    }
}

fn lock(config: &Mutex<Config>) -> std::sync::MutexGuard<'_, Config> {
    config.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the file again: all of it takes effect that can, or nothing.
fn reload(current: &Mutex<Config>, latest: &Latest, files: Option<&StaticFiles>) {
    let mut current = lock(current);
    let fresh = match current.again() {
        Ok(fresh) => fresh,
        Err(error) => {
            error!("the file is wrong, and nothing changes:\n{error}");
            return;
        }
    };
    if fresh.app().wsgi.is_some() {
        error!("the file has an application of Python's now, and nothing changes");
        return;
    }
    for table in current.changed(&fresh) {
        warn!("`{table}` has changed, which takes effect when the server is started anew");
    }
    // Those that are listened with, which were read for `fresh` as well and so are good; that they failed since is logged.
    current.reload().ok();
    latest.replace(layers(&fresh, files));
    info!("the file was read again; new connections are served by it");
    *current = current.followed_by(fresh);
}

/// The layers around what they are around.
fn layers(config: &Config, files: Option<&StaticFiles>) -> App<Service> {
    match files.or(config.files()) {
        Some(files) => config.stack().app(files.clone()),
        None => config.stack().app(NotFound),
    }
}

/// The layers of a file and what they are around, as a tower.
pub(super) fn tower(config: &Config) -> String {
    match &config.app().wsgi {
        Some(app) => format!("{}\napp │ {app} (Python)", config.stack()),
        None => layers(config, None).to_string(),
    }
}
