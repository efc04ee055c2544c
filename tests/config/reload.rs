//! What is served by a file that is read again.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::Duration;

use gopuram::config::{Config, Latest, Running};
use gopuram::gateway::Server;
use gopuram::testing::Client;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::support::{Directory, app};
use crate::tls::{certificate, hello, hello_over_tls};

#[tokio::test]
async fn a_cache_keeps_what_it_has_while_the_file_is_read_again() {
    let status = async |config: &Config| {
        let client = Client::new(config.stack().app(app()));
        let res = client.get("/fresh").await;
        res.header("cache-status").unwrap_or_default()
    };
    let directory = Directory::new();
    let cache = "[[layer]]\nname = \"cache\"\nmemory = \"1MiB\"\n";
    let before = directory.config(cache);
    assert!(status(&before).await.contains("fwd=miss"));
    directory.write(
        "site.toml",
        format!("{cache}[[layer]]\nname = \"head\"\nout_of_place = true\n"),
    );
    let again = before.again().unwrap();
    assert!(status(&again).await.contains("hit"));
    // One more of the same is another.
    directory.write("site.toml", cache.repeat(2));
    let twice = again.again().unwrap();
    assert!(status(&twice).await.contains("hit"));
    directory.write("site.toml", cache.replace("1MiB", "2MiB"));
    let other = twice.again().unwrap();
    assert!(status(&other).await.contains("fwd=miss"));
}
