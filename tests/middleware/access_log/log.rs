//! The writer: bounded, never in the way, and honest of what it lost.

use std::convert::Infallible;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gopuram::middleware::access_log::Log;
use gopuram::middleware::{AccessLog, Body};
use gopuram::testing::Client;
use http::{Request, Response};
use tower::service_fn;
use tower_layer::Layer;

use super::Written;

/// Logs a request for each target, by its path.
async fn log_paths(log: &Log, targets: &[&str]) {
    let layer = AccessLog::format("%U", log.clone()).unwrap();
    log_with(&layer, targets).await;
}

async fn log_with(layer: &AccessLog, targets: &[&str]) {
    let app =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::empty())));
    // Over a socket a server would hold the log for longer than the test does.
    let client = Client::in_process(layer.layer(app));
    for target in targets {
        client.get(target).await;
    }
}

/// A place for a file, removed when it is dropped.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("gopuram-access-log-{}-{name}", std::process::id());
        let place = Self(std::env::temp_dir().join(name));
        place.remove();
        place
    }

    fn remove(&self) {
        drop(fs::remove_file(&self.0));
        drop(fs::remove_dir(&self.0));
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A sink that says when it is written to, and then waits to be told what to do.
struct Stuck {
    began: Sender<()>,
    go_on: Mutex<Receiver<io::Result<usize>>>,
    written: Written,
}

impl Stuck {
    fn log() -> (Log, Receiver<()>, Sender<io::Result<usize>>, Written) {
        let (began, begins) = channel();
        let (goes_on, go_on) = channel();
        let written = Written::default();
        let sink = Self {
            began,
            go_on: Mutex::new(go_on),
            written: written.clone(),
        };
        (
            Log::to(sink).linger(Duration::ZERO),
            begins,
            goes_on,
            written,
        )
    }
}

impl Write for Stuck {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let _ = self.began.send(());
        // Nobody there to say how much: all of it.
        let len = self
            .go_on
            .get_mut()
            .unwrap()
            .recv()
            .unwrap_or(Ok(usize::MAX))?;
        self.written.write(buf.get(..len).unwrap_or(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_stuck_sink_stops_nobody_and_what_is_lost_is_counted_and_said() {
    let (log, begins, goes_on, written) = Stuck::log();
    let log = log.capacity(9);
    log_paths(&log, &["/1"]).await;
    begins.recv().unwrap();
    // The first line is being written: there is room for three of these.
    log_paths(&log, &["/2", "/3", "/4", "/5", "/6"]).await;
    assert_eq!(log.dropped(), 2);
    drop(goes_on);
    log.flush().unwrap();
    assert_eq!(written.text(), "/1\n/2\n/3\n/4\n# 2 lines dropped\n");
    log_paths(&log, &["/7"]).await;
    log.flush().unwrap();
    assert!(written.text().ends_with("dropped\n/7\n"));
    assert_eq!((log.dropped(), log.errors()), (2, 0));
}

#[tokio::test]
async fn a_line_that_never_fits_is_said_to_be_lost_in_the_log_s_own_language() {
    let written = Written::default();
    let log = Log::to(written.clone()).capacity(4);
    let layer = AccessLog::json_members([("path", "%U")], log.clone()).unwrap();
    log_with(&layer, &["/long"]).await;
    log.flush().unwrap();
    assert_eq!(written.text(), "{\"dropped\":1}\n");
}

#[tokio::test]
async fn many_lines_are_written_at_once_and_none_is_torn() {
    let (log, begins, goes_on, written) = Stuck::log();
    log_paths(&log, &["/1"]).await;
    begins.recv().unwrap();
    log_paths(&log, &["/2", "/3", "/4"]).await;
    goes_on.send(Ok(usize::MAX)).unwrap();
    begins.recv().unwrap();
    drop(goes_on);
    log.flush().unwrap();
    // Two writes for four lines.
    assert!(begins.try_recv().is_err());
    assert_eq!(written.text(), "/1\n/2\n/3\n/4\n");
}

#[tokio::test]
async fn a_write_that_fails_is_counted_and_goes_on_where_it_broke_off() {
    let (log, begins, goes_on, written) = Stuck::log();
    log_paths(&log, &["/one"]).await;
    begins.recv().unwrap();
    // Two bytes, an interruption, and then the disk is full.
    goes_on.send(Ok(2)).unwrap();
    goes_on
        .send(Err(io::ErrorKind::Interrupted.into()))
        .unwrap();
    // It is full once more for a flush that comes after the first failure.
    goes_on
        .send(Err(io::ErrorKind::StorageFull.into()))
        .unwrap();
    goes_on
        .send(Err(io::ErrorKind::StorageFull.into()))
        .unwrap();
    let error = log.flush().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(written.text(), "/o");
    drop(goes_on);
    while log.flush().is_err() {}
    assert_eq!((log.errors(), written.text().as_str()), (2, "/one\n"));
}

#[tokio::test]
async fn a_sink_that_panics_leaves_nobody_waiting() {
    struct Panics;
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("a sink that panics, on purpose")
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = Log::to(Panics);
    log_paths(&log, &["/1"]).await;
    assert_eq!(log.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    log_paths(&log, &["/2"]).await;
    assert_eq!(log.dropped(), 1);
}

#[tokio::test]
async fn a_file_is_appended_to_and_reopened_by_its_name() {
    let (file, moved) = (Place::new("file"), Place::new("moved"));
    fs::write(&file.0, "old\n").unwrap();
    let log = Log::file(&file.0).unwrap();
    log_paths(&log, &["/1"]).await;
    log.flush().unwrap();
    assert_eq!(file.text(), "old\n/1\n");
    fs::rename(&file.0, &moved.0).unwrap();
    log_paths(&log, &["/2"]).await;
    log.flush().unwrap();
    assert_eq!(moved.text(), "old\n/1\n/2\n");
    log.reopen();
    log_paths(&log, &["/3"]).await;
    log.flush().unwrap();
    assert_eq!(
        (moved.text().as_str(), file.text().as_str()),
        ("old\n/1\n/2\n", "/3\n")
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_reopened_is_written_on_and_says_so() {
    let (file, moved) = (Place::new("closed"), Place::new("closed-moved"));
    let log = Log::file(&file.0).unwrap();
    log_paths(&log, &["/1"]).await;
    log.flush().unwrap();
    fs::rename(&file.0, &moved.0).unwrap();
    fs::create_dir(&file.0).unwrap();
    log.reopen();
    drop(log.flush());
    log_paths(&log, &["/2"]).await;
    log.flush().unwrap();
    let text = moved.text();
    assert!(
        text.starts_with("/1\n# not reopened: ") && text.ends_with("\n/2\n"),
        "{text}"
    );
    assert_eq!(log.errors(), 1);
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error() {
    let nowhere = Place::new("nowhere").0.join("access.log");
    assert_eq!(
        Log::file(nowhere).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
}

#[tokio::test]
async fn the_last_to_drop_a_log_writes_what_is_left() {
    let written = Written::default();
    let log = Log::to(written.clone()).linger(Duration::from_hours(1));
    log_paths(&log, &["/1", "/2"]).await;
    drop(log);
    assert_eq!(written.text(), "/1\n/2\n");
}

#[tokio::test]
async fn a_full_batch_is_not_kept_waiting() {
    struct Announce(Sender<usize>);
    impl Write for Announce {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(buf.len());
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (wrote, writes) = channel();
    let log = Log::to(Announce(wrote))
        .linger(Duration::from_hours(1))
        .capacity(12);
    log_paths(&log, &["/1", "/2"]).await;
    assert_eq!(writes.recv().unwrap(), 6);
}

#[tokio::test]
async fn lines_of_many_threads_are_whole() {
    let written = Written::default();
    let log = Log::to(written.clone());
    let line = format!("/{}", "x".repeat(100));
    let targets = Arc::new(line.clone());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (log, target) = (log.clone(), Arc::clone(&targets));
            tokio::spawn(async move {
                for _ in 0..250 {
                    log_paths(&log, &[&target]).await;
                }
            })
        })
        .collect();
    for thread in threads {
        thread.await.unwrap();
    }
    log.flush().unwrap();
    assert_eq!(written.text(), format!("{line}\n").repeat(1000));
}

#[cfg(unix)]
#[tokio::test]
async fn the_system_log_gets_a_message_for_each_line() {
    use std::os::unix::net::UnixDatagram;

    use gopuram::middleware::access_log::Syslog;

    let place = Place::new("syslog");
    let daemon = UnixDatagram::bind(&place.0).unwrap();
    let sink = Syslog::at(&place.0, "go pu[ram]:").unwrap().facility(16);
    let log = Log::to(sink);
    log_paths(&log, &["/1", "/2"]).await;
    log.flush().unwrap();
    let receive = |daemon: &UnixDatagram| {
        let mut message = [0; 256];
        let len = daemon.recv(&mut message).unwrap();
        String::from_utf8(message[..len].to_vec()).unwrap()
    };
    let header_ends = format!(" gopuram[{}]: ", std::process::id());
    for path in ["/1", "/2"] {
        let message = receive(&daemon);
        let (header, line) = message.split_once(&header_ends).unwrap();
        assert_eq!((line, header.get(..5)), (path, Some("<134>")), "{message}");
        assert_eq!(header.len(), "<134>Nov 23 19:39:46".len(), "{message}");
    }
    // The daemon is started again.
    drop(daemon);
    place.remove();
    let daemon = UnixDatagram::bind(&place.0).unwrap();
    log_paths(&log, &["/3"]).await;
    log.flush().unwrap();
    assert!(receive(&daemon).ends_with("/3"));
}
