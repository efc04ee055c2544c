//! Another process that takes over the sockets: a new version of the program, started without a client noticing.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Channel;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt as _, FdMapping};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tracing::{error, info};

use super::listen::Listener;
use super::listen::inherited::{CHANNEL, FIRST, Heir, channel, close_the_rest};
use super::notify;

/// How long a successor may take to be ready.
pub(super) const DEADLINE: Duration = Duration::from_mins(1);

/// How this process was started, which is how its successor will be.
#[derive(Debug)]
pub(super) struct Program {
    path: OsString,
    args: Vec<OsString>,
}

impl Program {
    /// To be called early: a relative path is relative to where the process was started.
    ///
    /// Not what the kernel says the program is: a file that was replaced by a new version has no name any more.
    pub(super) fn of_this_process() -> Option<Self> {
        let mut args = std::env::args_os();
        let path = args.next()?;
        let is_path = Path::new(&path).components().count() > 1;
        let path = if is_path {
            std::path::absolute(&path).map_or(path, PathBuf::into_os_string)
        } else {
            path
        };
        Some(Self {
            path,
            args: args.collect(),
        })
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.args);
        command
    }
}

/// Starts a successor and waits until it serves on these sockets; whether it does.
pub(super) async fn succeed(
    program: Command,
    listeners: &[Arc<Listener>],
    deadline: Duration,
) -> bool {
    let (child, channel) = match start(program, listeners) {
        Ok(started) => started,
        Err(error) => {
            let error: &(dyn std::error::Error + 'static) = &error;
            error!(error, "cannot start a successor; going on");
            return false;
        }
    };
    let pid = child.id();
    info!(pid, "started a successor");
    let mut child = Starting(Some(child));
    if tokio::time::timeout(deadline, is_ready(channel)).await == Ok(true) {
        info!(pid, "the successor is ready");
        notify::tell(&format!("MAINPID={pid}"));
        child.0 = None;
        return true;
    }
    error!(pid, "the successor did not become ready; going on");
    false
}

fn start(mut program: Command, listeners: &[Arc<Listener>]) -> io::Result<(Child, Channel)> {
    let (ours, theirs) = Channel::pair()?;
    let mut passed = vec![(CHANNEL.to_owned(), OwnedFd::from(theirs))];
    for listener in listeners {
        passed.push(listener.share(Heir::Successor)?);
    }
    pass(&mut program, passed)?;
    Ok((program.spawn()?, ours))
}

/// Passes descriptors, each by a name, to a program that is to be started.
pub(super) fn pass(program: &mut Command, passed: Vec<(String, OwnedFd)>) -> io::Result<()> {
    let (names, fds): (Vec<_>, Vec<_>) = passed.into_iter().unzip();
    let mappings = (FIRST.cast_signed()..).zip(fds);
    let mappings = mappings.map(|(child_fd, parent_fd)| FdMapping {
        parent_fd,
        child_fd,
    });
    program
        .env("LISTEN_FDS", names.len().to_string())
        .env("LISTEN_FDNAMES", names.join(":"))
        // Its number is not known before it is there.
        .env_remove("LISTEN_PID")
        .env_remove("WATCHDOG_PID")
        .fd_mappings(mappings.collect())
        .map_err(io::Error::other)?;
    Ok(())
}

/// A successor that is not ready yet: it is ended if it is not waited for any more, since this process ends or goes on.
struct Starting(Option<Child>);

/// How long it has to end, in which it may finish requests that it has accepted already.
const GRACE: Duration = Duration::from_secs(35);

impl Drop for Starting {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else {
            return;
        };
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        kill_process(Pid::from_child(&child), Signal::TERM).ok();
        // If this process ends before, the successor has been told.
        let ending = thread::Builder::new().name("successor".to_owned());
        drop(ending.spawn(move || end(child)));
    }
}

/// Waits for a child to end, and kills it when that takes too long.
fn end(mut child: Child) {
    let deadline = Instant::now() + GRACE;
    while let Ok(None) = child.try_wait() {
        if Instant::now() >= deadline {
            // It may be gone, and then there is nothing to kill.
            child.kill().ok();
            child.wait().ok();
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Whether the successor says so before it is gone.
async fn is_ready(channel: Channel) -> bool {
    let ready = async {
        channel.set_nonblocking(true)?;
        UnixStream::from_std(channel)?.read_u8().await
    };
    ready.await.is_ok()
}

/// Tells the predecessor, if there is one, that this process serves, and closes what it does not take over.
pub(super) fn ready() {
    if let Some(mut channel) = channel() {
        // One that is gone need not be told.
        io::Write::write_all(&mut channel, &[1]).ok();
    }
    close_the_rest();
}
