//! What a supervisor is asked for by signals.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    End,
    Fewer,
    More,
    Reload,
    Reopen,
    Succeed,
}

#[derive(Debug)]
pub(super) struct Signals(Vec<(Signal, Wish)>);

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let kinds = [
            (SignalKind::terminate(), Wish::End),
            (SignalKind::interrupt(), Wish::End),
            (SignalKind::hangup(), Wish::Reload),
            (SignalKind::user_defined1(), Wish::Reopen),
            (SignalKind::user_defined2(), Wish::Succeed),
            (SignalKind::from_raw(libc::SIGTTIN), Wish::More),
            (SignalKind::from_raw(libc::SIGTTOU), Wish::Fewer),
        ];
        let heard = kinds
            .into_iter()
            .map(|(kind, wish)| Ok((signal(kind)?, wish)));
        heard.collect::<io::Result<_>>().map(Self)
    }

    pub(super) async fn next(&mut self) -> Wish {
        poll_fn(|cx| {
            for (signal, wish) in &mut self.0 {
                if signal.poll_recv(cx).is_ready() {
                    return Poll::Ready(*wish);
                }
            }
            Poll::Pending
        })
        .await
    }
}
