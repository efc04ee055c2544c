//! What costs its sender little and us much: section 10.5.
//!
//! `cargo xtask bench attacks` measures what others notice of these.

use crate::exchange::Code::EnhanceYourCalm;
use crate::exchange::Outcome::Refused;
use crate::exchange::Status::TooLarge;
use crate::exchange::{Asked, Client, Outcome, check};
use crate::frames::{
    CONTINUATION, END_STREAM, GET, HEADERS, NEWEST, WHOLE, block, frame, get, headers, integer,
    reset,
};

async fn client() -> (Client, Asked) {
    let asked = Asked::default();
    let client = Client::open(gopuram::serve(asked.app())).await;
    (client, asked)
}

/// Rapid reset, CVE-2023-44487.
#[tokio::test]
async fn streams_that_are_reset_at_once() {
    let (mut client, _) = client().await;
    for stream in (1..2000).step_by(2) {
        client.send(&[get(stream), reset(stream, 8)].concat()).await;
    }
    client.ends_with(EnhanceYourCalm).await;
}

/// The same with the server made to do it, CVE-2025-8671.
#[tokio::test]
async fn streams_that_are_made_to_be_reset() {
    let (mut client, _) = client().await;
    for stream in (1..20_000).step_by(2) {
        client.send(&headers(WHOLE, stream, &GET[..2])).await;
    }
    client.ends_with(EnhanceYourCalm).await;
}

/// CVE-2024-27316: a head that goes on and on ends with its limit.
#[tokio::test]
async fn a_head_that_never_ends() {
    let (mut client, asked) = client().await;
    client
        .send(&frame(HEADERS, END_STREAM, 1, block(&GET)))
        .await;
    let more = block(&[("x", &"y".repeat(1000))]);
    for _ in 0..2000 {
        client.send(&frame(CONTINUATION, 0, 1, &more)).await;
    }
    client.ends_with(EnhanceYourCalm).await;
    assert_eq!(asked.count(), 0);
}

/// The same without a byte in it.
#[tokio::test]
async fn a_head_that_goes_on_with_nothing() {
    let (mut client, asked) = client().await;
    client
        .send(&frame(HEADERS, END_STREAM, 1, block(&GET)))
        .await;
    for _ in 0..2000 {
        client.send(&frame(CONTINUATION, 0, 1, [])).await;
    }
    client.ends_with(EnhanceYourCalm).await;
    assert_eq!(asked.count(), 0);
}

/// A field remembered once and named so often by one byte each.
fn bomb(times: usize) -> Vec<u8> {
    let mut bomb = block(&GET);
    bomb.extend([0x40, 1, b'x']);
    integer(&mut bomb, 0, 7, 3900);
    bomb.extend([b'y'; 3900]);
    bomb.extend(vec![NEWEST; times]);
    frame(HEADERS, WHOLE, 1, bomb)
}

/// It is counted as it is meant, not as it is sent.
#[tokio::test]
async fn a_head_that_is_small_on_the_wire() {
    check(bomb(20), Refused(TooLarge)).await;
}

#[tokio::test]
async fn a_head_that_is_small_on_the_wire_and_very_large() {
    check(bomb(4000), Outcome::Ended(EnhanceYourCalm)).await;
}
