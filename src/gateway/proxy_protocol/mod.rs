//! The PROXY protocol, versions 1 and 2: who the client is, said by a proxy before the connection's first byte.
//!
//! By the [specification](https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). No more bytes are ever asked
//! for than the header must still have, so that what comes after it is left for who reads next.

mod header;

use std::pin::pin;

use tokio::io::{AsyncRead, AsyncReadExt as _};

#[cfg(any(fuzzing, test))]
pub(super) use self::header::follow::follow;
use self::header::{Header, LONGEST, Malformed, Progress, parse};
use super::settings::Settings;
use crate::middleware::attributes::Connection;

/// As long as most headers are at most.
const USUAL: usize = 128;

/// Reads the header of a connection and has it say whose that is; false if there is no header in time, which is counted.
pub(super) async fn introduce(
    io: &mut (impl AsyncRead + Unpin),
    connection: &mut Connection,
    settings: &Settings,
) -> bool {
    let counters = &settings.counters;
    let header = tokio::select! {
        header = read(io) => header,
        () = tokio::time::sleep(settings.deadlines.proxy_header) => {
            counters.late_proxy_headers.one();
            return false;
        }
        () = settings.drain.ended() => return false,
    };
    let Some(header) = header else {
        counters.refused_proxy_header.one();
        return false;
    };
    header.apply(connection);
    true
}

/// Reads the header of a connection, and nothing after it; `None` if there is none.
async fn read(io: &mut (impl AsyncRead + Unpin)) -> Option<Header> {
    let mut bytes = Vec::with_capacity(USUAL);
    loop {
        match parse(&bytes) {
            Ok(Progress::More(more)) if bytes.len() + more <= LONGEST => {
                let mut rest = pin!((&mut *io).take(more as u64));
                if rest.read_buf(&mut bytes).await.ok()? == 0 {
                    return None;
                }
            }
            Ok(Progress::Whole(header)) => return Some(*header),
            Ok(Progress::More(_)) | Err(Malformed) => return None,
        }
    }
}
