//! Any bytes of a front server: the first says by which protocol and in how large pieces.

#![no_main]

use std::convert::Infallible;
use std::time::Duration;

use gopuram::gateway::{Deadlines, Protocol};
use gopuram::middleware::Router;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, bytes)) = bytes.split_first() else {
        return;
    };
    let protocols = [Protocol::FastCgi, Protocol::Scgi, Protocol::Uwsgi];
    let protocol = protocols[usize::from(first) % protocols.len()];
    let piece = usize::from(first / 3) + 1;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let app = Router::new().fallback(async |req: http::Request<gopuram::Body>| {
            let body = req.into_body().into_bytes(1 << 20).await;
            Ok::<_, Infallible>(body.map_or(0, |body| body.len()).to_string())
        });
        let deadlines = Deadlines::default().idle(Duration::from_secs(1));
        let (front, io) = tokio::io::duplex(1 << 16);
        let serve = gopuram::serve(app).deadlines(deadlines);
        let (mut read, mut write) = tokio::io::split(front);
        let asks = async {
            for piece in bytes.chunks(piece) {
                if write.write_all(piece).await.is_err() {
                    break;
                }
            }
        };
        let reads = async {
            let mut answer = Vec::new();
            read.read_to_end(&mut answer).await.ok();
        };
        // It ends, whatever was said.
        tokio::join!(serve.speak(protocol, io), asks, reads);
    });
});
