//! What a client may take, and what is told of it.

use std::time::Duration;

use gopuram::gateway::{Deadlines, Limits};
use tokio::io::{AsyncWriteExt as _, DuplexStream};

use crate::frames::{next, opening};
use crate::support::{Counter, ask, connect, echo, http2, read_until};

const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;

#[tokio::test(start_paused = true)]
async fn the_limits_are_told_in_the_settings() {
    let limits = Limits::default()
        .streams(123)
        .head(20_000)
        .window(300_000)
        .connection_window(700_000);
    let mut client = connect(gopuram::serve(echo()).limits(limits));
    client.write_all(&opening()).await.unwrap();
    let (kind, _, settings) = next(&mut client).await;
    assert_eq!(kind, SETTINGS);
    let told = |id: u8, value: u32| {
        let value = value.to_be_bytes();
        settings
            .chunks(6)
            .any(|one| one[1] == id && one[2..] == value)
    };
    assert!(told(3, 123), "streams in {settings:?}");
    assert!(told(4, 300_000), "window in {settings:?}");
    assert!(told(6, 20_000), "head in {settings:?}");

    assert_eq!(connection_window(&mut client).await, 700_000);
}

/// That of a connection is told as the difference to what it begins with.
async fn connection_window(client: &mut DuplexStream) -> u32 {
    loop {
        if let (WINDOW_UPDATE, 0, more) = next(client).await {
            return 65_535 + u32::from_be_bytes(more.try_into().unwrap());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_window_of_a_connection_is_larger_than_that_of_a_stream() {
    let mut client = connect(gopuram::serve(echo()));
    client.write_all(&opening()).await.unwrap();
    assert_eq!(connection_window(&mut client).await, 4 * 1024 * 1024);
}

/// Neither is served with any, but nothing panics and nothing hangs.
#[tokio::test]
async fn limits_out_of_range_are_brought_into_it() {
    let least = Limits::default()
        .connections(0)
        .head(0)
        .fields(0)
        .streams(0)
        .window(0)
        .connection_window(0)
        .send_buffer(0);
    let most = Limits::default()
        .connections(usize::MAX)
        .head(usize::MAX)
        .fields(usize::MAX)
        .streams(u32::MAX)
        .window(u32::MAX)
        .connection_window(u32::MAX)
        .send_buffer(usize::MAX)
        .pending_resets(usize::MAX);
    for limits in [least, most] {
        let mut client = connect(gopuram::serve(Counter::default().app()).limits(limits));
        client
            .write_all(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        read_until(&mut client, "hello").await;

        let mut client = http2(connect(
            gopuram::serve(Counter::default().app()).limits(limits),
        ))
        .await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(res.status(), 200);

        let server = gopuram::serve(echo())
            .bind("127.0.0.1:0")
            .limits(limits)
            .listen()
            .await
            .unwrap();
        let handle = server.handle();
        let running = tokio::spawn(server.run());
        handle.stop();
        running.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn deadlines_out_of_range_are_none() {
    for far in [Duration::MAX, Duration::from_secs(u64::MAX)] {
        let deadlines = Deadlines::default()
            .head(far)
            .idle(far)
            .body(far)
            .write(far)
            .linger(far)
            .ping(far)
            .drain(far);
        let serve = gopuram::serve(echo()).deadlines(deadlines);
        let mut client = http2(connect(serve)).await;
        let res = client.send_request(ask("http://a/")).await.unwrap();
        assert_eq!(res.status(), 200);
    }
}
