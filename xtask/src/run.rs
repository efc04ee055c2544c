//! Running other programs.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// What went wrong, in words.
pub(crate) type Failed = String;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// Where built programs are.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A command in the root of the workspace.
pub(crate) fn command(program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// Cargo, the same one that runs this.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    command(cargo, args)
}

/// Runs a command to its end, showing what it prints.
pub(crate) fn run(mut command: Command) -> Result<(), Failed> {
    let shown = shown(&command);
    println!("+ {shown}");
    let status = command.status().map_err(|e| format!("{shown}: {e}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{shown}: {status}"))
    }
}

/// Runs a command to its end and gives what it printed.
pub(crate) fn output(mut command: Command) -> Result<String, Failed> {
    let shown = shown(&command);
    let output = command.output().map_err(|e| format!("{shown}: {e}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(format!("{shown}: {}\n{said}", output.status))
    }
}

/// Whether a program can be run at all.
pub(crate) fn has(program: &str, version: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(version).stdin(Stdio::null());
    command.output().is_ok_and(|output| output.status.success())
}

/// A program in the background, ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Background(Child);

impl Background {
    /// Starts it.
    pub(crate) fn start(mut command: Command) -> Result<Self, Failed> {
        let shown = shown(&command);
        command.stdin(Stdio::null());
        let child = command.spawn().map_err(|e| format!("{shown}: {e}"))?;
        Ok(Self(child))
    }

    /// Its process; `taskset` becomes what it starts.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it so that it ends its own processes as well; after five seconds it is killed alone.
    pub(crate) fn terminate(mut self) {
        if output(command("kill", &["-TERM", &self.id().to_string()])).is_err() {
            return;
        }
        for _ in 0..250 {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing left to end.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
