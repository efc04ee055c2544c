//! What is served by a file, over sockets.

use std::time::Duration;

use gopuram::config::Config;
use gopuram::gateway::{Deadlines, Limits, Sockets};
use gopuram::middleware::Router;
use tokio::net::UnixStream;

use crate::support::{Directory, app};
use crate::tls::{certificate, hello, hello_over_tls};

const TLS: &str = r#"
    listen = ["unix:plain.sock", { address = "127.0.0.1:0", tls = true }]

    [tls]
    certificate = "site.pem"
    key = "site.key"

    [[layer]]
    name = "compress"
"#;

#[tokio::test]
async fn each_address_is_served_as_the_file_says() {
    let directory = Directory::new();
    let connector = certificate(&directory);
    let config = directory.config(TLS);
    let server = config.serve(app()).listen().await.unwrap();
    let address = server.socket().unwrap();
    let handle = server.handle();
    let serving = tokio::spawn(server.run());
    assert_eq!(hello_over_tls(&connector, address).await, "hello");
    // Relative to the file, as all paths are.
    let io = UnixStream::connect(directory.path().join("plain.sock")).await;
    assert_eq!(hello(io.unwrap()).await, "hello");
    // Another certificate for the same address.
    let connector = certificate(&directory);
    config.reload().unwrap();
    assert_eq!(hello_over_tls(&connector, address).await, "hello");
    // Who has a certificate does not mean to serve without.
    let mistakes = directory.mistakes(&TLS.replace(", tls = true", ""));
    assert!(
        mistakes[0].contains("no address of `listen` says `tls = true`"),
        "{mistakes:?}"
    );
    handle.stop();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn sockets_that_others_bound_are_secured_by_their_address() {
    let directory = Directory::new();
    let connector = certificate(&directory);
    let config = directory.config(TLS);
    let addresses = config.addresses().map(|(address, _)| address.clone());
    let sockets = Sockets::bind(addresses).await.unwrap();
    let sockets = config.secure(sockets).unwrap();
    let serve = gopuram::serve(config.stack().app(app())).on(sockets);
    let server = serve.listen().await.unwrap();
    let address = server.socket().unwrap();
    let handle = server.handle();
    let serving = tokio::spawn(server.run());
    assert_eq!(hello_over_tls(&connector, address).await, "hello");
    let io = UnixStream::connect(directory.path().join("plain.sock")).await;
    assert_eq!(hello(io.unwrap()).await, "hello");
    handle.stop();
    serving.await.unwrap().unwrap();
    // Nobody has bound what is to be secured.
    let other = Sockets::bind(["127.0.0.1:0"]).await.unwrap();
    let plain = directory.config(&TLS.replace("127.0.0.1:0", "127.0.0.1:65001"));
    assert!(
        plain
            .secure(other)
            .unwrap_err()
            .to_string()
            .contains("no socket was bound there")
    );
}

#[test]
fn limits_and_deadlines_are_those_of_the_file() {
    let text = r#"
        [limits]
        connections = 7
        per_client = 3
        head = "16KiB"
        window = "2MiB"
        extended_connect = true

        [deadlines]
        head = "5s"
        body = 2.5
        whole_body = "1h"
        idle = "off"
    "#;
    let config = Config::parse(text, ".").unwrap();
    let limits = Limits::default()
        .connections(7)
        .per_client(3)
        .head(16 * 1024)
        .window(2 << 20)
        .extended_connect();
    assert_eq!(format!("{:?}", config.limits()), format!("{limits:?}"));
    let deadlines = Deadlines::default()
        .head(Duration::from_secs(5))
        .body(Duration::from_millis(2500))
        .whole_body(Duration::from_hours(1))
        .idle(Duration::MAX);
    assert_eq!(
        format!("{:?}", config.deadlines()),
        format!("{deadlines:?}")
    );
}

#[test]
fn without_anything_it_is_served_on_one_address_of_this_machine() {
    let config = Config::parse("", ".").unwrap();
    let addresses: Vec<_> = config.addresses().collect();
    assert_eq!(addresses.len(), 1);
    assert_eq!(addresses[0].0.to_string(), "127.0.0.1:8000");
    assert!(config.stack().is_empty() && config.tls().is_none());
    let serve = config.serve(Router::new());
    assert!(format!("{serve:?}").contains("127.0.0.1:8000"));
}

#[test]
fn what_the_wheel_is_told_is_read() {
    let text = r#"
        [app]
        wsgi = "site:app"
        chdir = "code"
        threads = 8
        queue_timeout = "10s"
        max_spool = "1MiB"

        [workers]
        count = 3
        max_requests = 1000
        max_age = "1d"

        [environ]
        B = "2"
        A = "1"
    "#;
    let config = Config::parse(text, "/srv").unwrap();
    assert_eq!(config.app().wsgi.as_deref(), Some("site:app"));
    assert_eq!(config.app().chdir.as_deref(), Some("/srv/code".as_ref()));
    assert_eq!(
        config.app().threads.map(gopuram::config::Count::get),
        Some(8)
    );
    assert_eq!(config.app().queue_timeout, Some(Duration::from_secs(10)));
    assert_eq!(
        config.app().max_spool.map(gopuram::config::Size::bytes),
        Some(1 << 20)
    );
    assert_eq!(config.app().inline, None);
    assert_eq!(
        config.workers().count.map(gopuram::config::Count::get),
        Some(3)
    );
    assert_eq!(config.workers().max_age, Some(Duration::from_hours(24)));
    let of_the_wheel = config.of_the_wheel();
    assert_eq!(of_the_wheel.first().map(String::as_str), Some("app.wsgi"));
    assert!(of_the_wheel.contains(&"workers.max_age".to_owned()));
    assert!(!of_the_wheel.contains(&"workers.count".to_owned()));
    assert_eq!(
        config.environ().collect::<Vec<_>>(),
        [("B", "2"), ("A", "1")]
    );
}

#[test]
fn what_cannot_change_while_it_runs_is_told() {
    let directory = Directory::new();
    let before = directory.config("listen = \"127.0.0.1:1\"\n[limits]\nhead = 9000\n");
    directory.write(
        "site.toml",
        "listen = \"127.0.0.1:2\"\n[limits]\nhead = 9000\n[[layer]]\nname = \"compress\"\n",
    );
    let after = before.again().unwrap();
    assert_eq!(before.changed(&after).collect::<Vec<_>>(), ["listen"]);
    assert_eq!(after.stack().len(), 1);
    directory.write("site.toml", "listen = 1");
    assert!(before.again().is_err());
}

#[tokio::test]
async fn the_example_is_served() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/site.toml");
    let config = Config::read(file).unwrap();
    let files = config.files().unwrap().clone();
    let client = gopuram::testing::Client::new(config.stack().app(files));
    let res = client.get("/").header("accept-encoding", "br").await;
    res.assert_status(200)
        .assert_header("cache-control", "no-cache")
        .assert_header("content-security-policy", "default-src 'self'");
    assert!(res.header("x-request-id").is_some());
    client.get("/none").await.assert_status(404);
}

/// The fields in which one value differs from another, by their names.
fn differ(one: &impl std::fmt::Debug, other: &impl std::fmt::Debug) -> Vec<String> {
    let fields = |value: &dyn std::fmt::Debug| {
        let text = format!("{value:?}");
        let fields = text.split_once('{').unwrap().1.trim_end_matches('}');
        let fields = fields.split(", ").map(|field| field.trim().to_owned());
        fields.collect::<Vec<_>>()
    };
    let both = fields(one).into_iter().zip(fields(other));
    let differing = both.filter(|(one, other)| one != other);
    let name = |field: String| field.split(':').next().unwrap_or_default().to_owned();
    differing.map(|(one, _)| name(one)).collect()
}

#[test]
fn each_key_sets_what_it_is_called_and_there_is_one_for_each() {
    let (limits, deadlines) = (Limits::default(), Deadlines::default());
    let names = |value: &dyn std::fmt::Debug| {
        let text = format!("{value:?}")
            .replace("Limits {", ",")
            .replace("Deadlines {", ",");
        let fields = text.split(", ").filter_map(|field| field.split_once(':'));
        fields
            .map(|(name, _)| name.trim().to_owned())
            .collect::<Vec<_>>()
    };
    for key in names(&limits) {
        let value = if key == "extended_connect" {
            "true"
        } else {
            "99999"
        };
        let config = Config::parse(&format!("[limits]\n{key} = {value}\n"), ".").unwrap();
        assert_eq!(differ(&config.limits(), &limits), [key.as_str()], "{key}");
    }
    for key in names(&deadlines) {
        let config = Config::parse(&format!("[deadlines]\n{key} = \"77m\"\n"), ".").unwrap();
        assert_eq!(
            differ(&config.deadlines(), &deadlines),
            [key.as_str()],
            "{key}"
        );
    }
    assert_eq!(names(&limits).len() + names(&deadlines).len(), 23);
}
