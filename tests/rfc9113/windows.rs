//! Flow control: sections 5.2 and 6.9.

use crate::exchange::Code::{FlowControl, Protocol};
use crate::exchange::Outcome::{Connection, Ignored, Stream};
use crate::exchange::{Asked, Client, MISSIZED, cases};
use crate::frames::{DATA, HEADERS, WINDOW_UPDATE, data, frame, get, post, setting, window};
use gopuram::gateway::Limits;

cases! {
section_6_9 {
    a_window_of_the_connection: [window(0, 1)] => Ignored;
    a_window_of_a_stream: [post(1), window(1, 1)] => Ignored;
    nothing_more_for_the_connection: [window(0, 0)] => Connection(Protocol);
    /// Of the stream, which may be taken for one of the connection (section 5.4.1).
    nothing_more_for_a_stream: [post(1), window(1, 0)] => Connection(Protocol);
    of_three_bytes: [frame(WINDOW_UPDATE, 0, 0, [0; 3])] => MISSIZED;
    of_five_bytes: [frame(WINDOW_UPDATE, 0, 0, [0; 5])] => MISSIZED;
    the_reserved_bit: [window(0, 0x8000_0001)] => Ignored;
}
section_6_9_1 {
    as_much_as_there_is_for_the_connection: [window(0, 0x7fff_ffff - 65_535)] => Ignored;
    more_than_there_is_for_the_connection: [window(0, 0x7fff_ffff)] => Connection(FlowControl);
    more_than_there_is_for_a_stream: [post(1), window(1, 0x7fff_ffff)] => Stream(1, FlowControl);
}
section_6_9_2 {
    settings_that_lead_beyond: [post(1), window(1, 0x7fff_0000), setting(4, 0x7fff_ffff)] => Connection(FlowControl);
}
}

/// How many bytes of the answer come before this frame of another kind.
async fn answered(client: &mut Client, bytes: usize) {
    let mut read = 0;
    while read < bytes {
        read += client.next_of(DATA, 1).await.payload.len();
    }
    assert_eq!(read, bytes);
}

/// The answer has five bytes.
#[tokio::test]
async fn section_6_9_1_no_more_is_sent_than_there_is_room_for() {
    let mut client = Client::open(gopuram::serve(Asked::default().app())).await;
    client.send(&[setting(4, 1), get(1)].concat()).await;
    client.next_of(HEADERS, 1).await;
    answered(&mut client, 1).await;
    // Were there more of it, it would come before what is asked for now.
    client.goes_on().await;
    client.send(&window(1, 4)).await;
    answered(&mut client, 4).await;
}

/// Section 6.9.2: a window can be less than nothing.
#[tokio::test]
async fn section_6_9_2_settings_take_back_what_was_given() {
    let mut client = Client::open(gopuram::serve(Asked::default().app())).await;
    client.send(&[setting(4, 3), get(1)].concat()).await;
    client.next_of(HEADERS, 1).await;
    answered(&mut client, 3).await;
    client.send(&[setting(4, 1), window(1, 2)].concat()).await;
    client.goes_on().await;
    client.send(&window(1, 2)).await;
    answered(&mut client, 2).await;
}

/// Who sends more than a window has room for is not believed any more.
#[tokio::test]
async fn section_6_9_1_a_client_that_sends_beyond_the_window() {
    let limits = Limits::default().window(65_535).connection_window(65_535);
    let app = tower::service_fn(async |_: http::Request<gopuram::Body>| {
        // It reads nothing, so that the window stays as it is.
        std::future::pending::<Result<http::Response<gopuram::Body>, std::convert::Infallible>>()
            .await
    });
    let mut client = Client::open(gopuram::serve(app).limits(limits)).await;
    client.send(&post(1)).await;
    client.send(&data(0, 1, &[0; 16_384]).repeat(5)).await;
    client.ends_with(FlowControl).await;
}
