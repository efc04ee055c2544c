//! What the command is told, and what it says.

mod not_found;
mod serve;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use gopuram::config::{Config, explain, overview};
use gopuram::gateway::{Signals, Sockets};
use tokio::runtime::Runtime;
use tracing::Level;

/// Serves what a file says: where to listen, layers, and files or nothing behind them.
///
/// A file is TOML; `gopuram explain` lists what can be written. Python's applications are served by the command of the same name
/// that comes with `pip install gopuram`, by the same files.
#[derive(Debug, Parser)]
#[command(name = "gopuram", version, after_long_help = EXAMPLE)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

/// A file to begin with.
const EXAMPLE: &str = r#"A file to begin with, site.toml:

    listen = ["127.0.0.1:8000"]

    [app]
    files = "public"

    [[layer]]
    name = "access_log"

    [[layer]]
    name = "compress"

Then `gopuram check site.toml`, and `gopuram serve site.toml`."#;

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Serve),
    /// Says what is wrong with a file, or how it would be served.
    ///
    /// All is opened that it names: certificates, directories; of logs it is seen whether they could be, and of addresses what shows
    /// without listening there. Nothing is bound or made. Exits with 1 if something is wrong.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Prints the layers of a file as a tower, or what can be written in one.
    Explain {
        /// A file, or the name of a layer or of another table of files; without it, all names there are.
        #[arg(value_name = "FILE | NAME")]
        what: Option<String>,
    },
}

/// Serves what a file says, or a directory.
///
/// SIGTERM and SIGINT end it when requests have finished, a second one at once. SIGHUP reads the file and its certificates again: new
/// connections get the new layers, and a file that is wrong changes nothing. SIGUSR1 opens logs anew. SIGUSR2 starts a new version
/// of the program on the same sockets.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).args(["file", "files"])))]
struct Serve {
    /// The file.
    file: Option<PathBuf>,
    /// Serve a directory, without a file: with an access log, compressed, directories listed.
    #[arg(long, value_name = "DIRECTORY")]
    files: Option<PathBuf>,
    /// Listen there, without TLS, and not where the file says; as often as wanted [default: 127.0.0.1:8000].
    #[arg(short, long, value_name = "ADDRESS")]
    bind: Vec<String>,
    /// What is written to the standard error: this and what is worse.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LogLevel,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// Does what the command line says.
pub(super) fn main() -> ExitCode {
    // Before there are threads: it changes the environment.
    Sockets::inherit();
    let done = match Options::parse().command {
        Command::Serve(options) => serve(options),
        Command::Check { file } => check(&file),
        Command::Explain { what } => tell(what.as_deref()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Who has closed the standard error does not want to know.
            writeln!(io::stderr(), "{why}").ok();
            ExitCode::FAILURE
        }
    }
}

/// Writes what is logged to the standard error, from this level on.
fn log(level: Level) -> Result<(), String> {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(io::stderr)
        .finish();
    tracing::subscriber::set_global_default(subscriber).map_err(|error| error.to_string())
}

fn serve(options: Serve) -> Result<(), String> {
    log(options.log_level.into())?;
    let runtime = Runtime::new().map_err(|error| format!("cannot start a runtime: {error}"))?;
    // Before a file is read, which may take its time.
    let heard = {
        let _entered = runtime.enter();
        Signals::hear().map_err(|error| error.to_string())?
    };
    let running = match (&options.file, &options.files) {
        (Some(file), _) => serve::of_file(file, options.bind)?,
        (None, Some(directory)) => serve::of_directory(directory, options.bind)?,
        // The command line has one of them.
        (None, None) => return Err("there is nothing to serve".to_owned()),
    };
    serve::run(runtime, heard, &running)
}

fn check(file: &Path) -> Result<(), String> {
    // That a certificate has expired is no mistake, and has to be told.
    log(Level::WARN)?;
    let config = Config::check(file).map_err(|error| error.to_string())?;
    config.bindable()?;
    print(describe(&config, file))
}

/// How a file would be served.
fn describe(config: &Config, file: &Path) -> String {
    let listens = config.addresses().map(|(address, tls)| {
        let secured = if tls { " with TLS" } else { "" };
        format!("listens on {address}{secured}\n")
    });
    let listens: String = listens.collect();
    let tower = serve::tower(config);
    format!("{}: nothing is wrong\n\n{listens}\n{tower}", file.display())
}

fn tell(what: Option<&str>) -> Result<(), String> {
    let Some(what) = what else {
        return print(overview());
    };
    let file = Path::new(what);
    let is_name = explain(what).is_ok();
    if !is_name && (file.extension().is_some() || file.exists()) {
        let config = Config::check(file).map_err(|error| error.to_string())?;
        return print(serve::tower(&config));
    }
    print(explain(what)?)
}

fn print(text: impl Display) -> Result<(), String> {
    let text = text.to_string();
    writeln!(io::stdout(), "{}", text.trim_end()).map_err(|error| error.to_string())
}
