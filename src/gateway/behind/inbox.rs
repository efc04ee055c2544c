//! The body of a request between the connection that it comes over and the application.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

use super::super::pace::Pace;
use super::super::settings::Settings;
use super::codec::Framing;
use super::signal::Signal;

/// What has come of a body and was not read yet.
#[derive(Debug)]
pub(super) struct Inbox {
    arrived: Mutex<Arrived>,
    signal: Arc<Signal>,
}

#[derive(Debug)]
struct Arrived {
    pieces: VecDeque<Bytes>,
    /// How much memory these take.
    held: usize,
    /// How many are to come, if that is known.
    due: Option<u64>,
    end: Option<End>,
    reader: Option<Waker>,
    /// Whether the connection waits for room.
    full: bool,
    /// Whether nobody will read it.
    dropped: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Whole,
    Cut,
}

/// What is shorter is copied: a piece keeps all in memory that it was read with, and a client that sends byte by byte would have
/// each of them cost as much as is read at once.
const SMALL: usize = 4096;

/// What a piece costs besides its bytes.
const PIECE: usize = 64;

impl Inbox {
    /// For a body that is there; the connection is woken by `signal` when there is room again.
    pub(super) fn new(framing: Framing, signal: Arc<Signal>) -> Arc<Self> {
        let due = match framing {
            Framing::Exactly(length) => Some(length),
            Framing::Nothing => Some(0),
            Framing::Open => None,
        };
        Arc::new(Self {
            arrived: Mutex::new(Arrived {
                pieces: VecDeque::new(),
                held: 0,
                due,
                end: None,
                reader: None,
                full: false,
                dropped: false,
            }),
            signal,
        })
    }

    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a piece; what is beyond the length is no part of the body.
    pub(super) fn push(&self, mut piece: Bytes) {
        let mut arrived = self.arrived();
        if arrived.end.is_some() {
            return;
        }
        if let Some(due) = arrived.due {
            piece.truncate(usize::try_from(due).unwrap_or(usize::MAX));
            let left = due.saturating_sub(piece.len() as u64);
            arrived.due = Some(left);
            if left == 0 {
                arrived.end = Some(End::Whole);
            }
        }
        if !piece.is_empty() && !arrived.dropped {
            if piece.len() < SMALL {
                piece = Bytes::copy_from_slice(&piece);
            }
            arrived.held = arrived.held.saturating_add(piece.len() + PIECE);
            arrived.pieces.push_back(piece);
        }
        wake(arrived);
    }

    /// Nothing more comes; that is an end only if nothing is due.
    pub(super) fn end(&self) {
        let mut arrived = self.arrived();
        if arrived.end.is_none() {
            let whole = arrived.due.is_none_or(|due| due == 0);
            arrived.end = Some(if whole { End::Whole } else { End::Cut });
            wake(arrived);
        }
    }

    /// Whether all has come.
    pub(super) fn has_ended(&self) -> bool {
        self.arrived().end.is_some()
    }

    /// How much memory it takes what waits to be read.
    pub(super) fn held(&self) -> usize {
        self.arrived().held
    }

    /// Has the connection woken when some of them were read.
    pub(super) fn wait_for_room(&self) {
        self.arrived().full = true;
    }

    /// Some were read, or nobody will.
    fn made_room(&self, mut arrived: MutexGuard<'_, Arrived>) {
        let wanted = std::mem::take(&mut arrived.full);
        drop(arrived);
        if wanted {
            self.signal.wake_connection();
        }
    }
}

fn wake(mut arrived: MutexGuard<'_, Arrived>) {
    if let Some(reader) = arrived.reader.take() {
        drop(arrived);
        reader.wake();
    }
}

pin_project! {
    /// The application's end of it.
    pub(super) struct Arriving {
        inbox: Option<Arc<Inbox>>,
        // How many bytes are to be read, if that is known.
        left: Option<u64>,
        #[pin]
        pace: Pace,
    }

    impl PinnedDrop for Arriving {
        fn drop(this: Pin<&mut Self>) {
            if let Some(inbox) = &this.inbox {
                let mut arrived = inbox.arrived();
                arrived.dropped = true;
                arrived.pieces.clear();
                arrived.held = 0;
                inbox.made_room(arrived);
            }
        }
    }
}

impl Arriving {
    pub(super) fn new(inbox: Arc<Inbox>, framing: Framing, settings: &Arc<Settings>) -> Self {
        Self {
            inbox: Some(inbox),
            left: match framing {
                Framing::Exactly(length) => Some(length),
                Framing::Nothing => Some(0),
                Framing::Open => None,
            },
            pace: Pace::new(settings),
        }
    }
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let mut me = self.project();
        let Some(inbox) = me.inbox else {
            return Poll::Ready(None);
        };
        let mut arrived = inbox.arrived();
        if let Some(piece) = arrived.pieces.pop_front() {
            arrived.held = arrived.held.saturating_sub(piece.len() + PIECE);
            inbox.made_room(arrived);
            me.pace.as_mut().came();
            if let Some(left) = me.left {
                *left = left.saturating_sub(piece.len() as u64);
            }
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match arrived.end {
            Some(End::Whole) => Poll::Ready(None),
            Some(End::Cut) => {
                drop(arrived);
                *me.inbox = None;
                Poll::Ready(Some(Err(Box::new(Truncated))))
            }
            None => {
                arrived.reader = Some(cx.waker().clone());
                drop(arrived);
                let late = ready!(me.pace.poll_late(cx));
                Poll::Ready(Some(Err(Box::new(late))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match (&self.inbox, self.left) {
            (None, _) | (_, Some(0)) => true,
            (Some(_), Some(_)) => false,
            (Some(inbox), None) => {
                let arrived = inbox.arrived();
                arrived.pieces.is_empty() && arrived.end == Some(End::Whole)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}

/// The front server gave fewer bytes than it had said.
#[derive(Debug)]
struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body ended before its length was reached")
    }
}

impl StdError for Truncated {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_piece_takes_no_more_memory_than_is_counted() {
        let signal = Signal::new(Waker::noop());
        let inbox = Inbox::new(Framing::Open, signal);
        let read = Bytes::from(vec![0; 16 * 1024]);
        for _ in 0..10 {
            inbox.push(read.slice(..1));
        }
        assert!(read.is_unique());
        assert_eq!(inbox.held(), 10 * (1 + PIECE));
    }
}
