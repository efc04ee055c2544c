//! Serving, and what is served.

use std::path::Path;

use gopuram::config::{Config, ErasedService, Running};
use gopuram::gateway::Signals;
use gopuram::middleware::StaticFiles;
use gopuram::stack::App;
use tokio::runtime::Runtime;
use tracing::{error, info, warn};

use super::not_found::NotFound;

/// What is around a directory that is served without a file.
const AROUND_FILES: &str = r#"
[[layer]]
name = "access_log"

[[layer]]
name = "compress"
"#;

/// What a file says, read from it.
pub(super) fn of_file(file: &Path, bind: Vec<String>) -> Result<Running, String> {
    let config = Config::read(file).map_err(|error| error.to_string())?;
    let config = listening(config, bind);
    let name = file.display().to_string();
    let unheeded = config.of_the_wheel();
    let running = Running::new(config, move |config| {
        if let Some(app) = &config.app().wsgi {
            return Err(format!(
                "{name}: app: `wsgi = {app:?}` is an application of Python's, which this command does not run; \
                 `pip install gopuram` has a command that does, by the same file: `gopuram serve {name}`",
            ));
        }
        Ok(layers(config))
    })?;
    for key in unheeded {
        warn!("`{key}` is for applications of Python's, and does nothing here");
    }
    Ok(running)
}

/// A directory, without a file.
pub(super) fn of_directory(directory: &Path, bind: Vec<String>) -> Result<Running, String> {
    let files = StaticFiles::new(directory).map_err(|error| error.to_string())?;
    let config = Config::parse(AROUND_FILES, "").map_err(|error| error.to_string())?;
    let config = listening(config, bind);
    Ok(Running::around(config, files.listing()))
}

/// The same, but that it listens there.
fn listening(config: Config, bind: Vec<String>) -> Config {
    if bind.is_empty() {
        config
    } else {
        config.bind(bind)
    }
}

/// Serves to the end.
pub(super) fn run(runtime: Runtime, heard: Signals, running: &Running) -> Result<(), String> {
    info!("serving\n{}", running.app().tower());
    let serve = running.serve().hand_over().heard(heard);
    let served = runtime.block_on(serve.into_future());
    // Who still reads a file is not waited for.
    runtime.shutdown_background();
    if let Err(error) = running.flush() {
        error!(%error, "a log could not be written to its end");
    }
    served.map_err(|error| format!("{error:?}"))
}

/// The layers of a file around what it says.
fn layers(config: &Config) -> App<ErasedService> {
    match config.files() {
        Some(files) => config.stack().app(files.clone()),
        None => config.stack().app(NotFound),
    }
}

/// The layers of a file and what they are around, as a tower.
pub(super) fn tower(config: &Config) -> String {
    match &config.app().wsgi {
        Some(app) => format!("{}\napp │ {app} (Python)", config.stack()),
        None => layers(config).to_string(),
    }
}
