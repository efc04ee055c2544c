//! The server that changes.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use gopuram::Body;
use gopuram::gateway::Tls;
use http::{Request, Response};

/// How many bytes each answer has: more than a socket takes at once.
pub(super) const LENGTH: usize = 300_000;

/// What each answer is.
pub(super) fn answer() -> Bytes {
    (0..LENGTH)
        .map(|at| u8::try_from(at % 251).unwrap_or(0))
        .collect()
}

/// Serves with the certificate in a directory until it is ended.
pub(super) async fn serve(dir: &str, plain: &str, secure: &str) -> io::Result<()> {
    let dir = Path::new(dir);
    let tls =
        Tls::pem_files(dir.join("cert.pem"), dir.join("key.pem")).map_err(io::Error::other)?;
    let answer = answer();
    let app = tower::service_fn(move |_: Request<Body>| {
        let answer = answer.clone();
        async move {
            // Some requests are always under way.
            tokio::time::sleep(Duration::from_millis(2)).await;
            Ok::<_, Infallible>(Response::new(Body::from(answer)))
        }
    });
    let again = tls.clone();
    gopuram::serve(app)
        .bind(plain)
        .tls(secure, tls)
        .on_reload(move || {
            let read = again.reload();
            async move { drop(read) }
        })
        .hand_over()
        .await
        .map_err(io::Error::other)
}
