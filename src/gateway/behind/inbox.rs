//! The body of a request between the connection that it comes over and the application.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;

use super::super::pace::Pace;
use super::super::settings::Settings;
use super::codec::Framing;
use super::signal::Signal;

/// Below this a piece is copied to those before it. One that is not keeps all that was read with it, 16 KiB for a byte if
/// that came alone: a client that sends so could have a body within its bounds take thousands of times their memory.
const SMALL: usize = 4 * 1024;

/// What has come of a body and was not read yet.
#[derive(Debug)]
pub(super) struct Inbox {
    arrived: Mutex<Arrived>,
    signal: Arc<Signal>,
}

#[derive(Debug)]
struct Arrived {
    pieces: VecDeque<Bytes>,
    /// What came behind them in pieces that are small, in memory of its own.
    small: BytesMut,
    /// How many bytes these are together.
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

impl Arrived {
    /// Adds a piece behind the others.
    fn keep(&mut self, piece: Bytes) {
        if piece.len() < SMALL {
            self.small.extend_from_slice(&piece);
        }
        if self.small.len() >= SMALL || piece.len() >= SMALL {
            let small = self.take_small();
            self.pieces.extend(small);
        }
        if piece.len() >= SMALL {
            self.pieces.push_back(piece);
        }
    }

    /// The first that is to be read.
    fn next(&mut self) -> Option<Bytes> {
        let piece = self.pieces.pop_front().or_else(|| self.take_small())?;
        self.held = self.held.saturating_sub(piece.len());
        Some(piece)
    }

    /// What is small, with its memory: what comes next has other.
    fn take_small(&mut self) -> Option<Bytes> {
        let small = std::mem::take(&mut self.small);
        (!small.is_empty()).then(|| small.freeze())
    }
}

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
                small: BytesMut::new(),
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
            arrived.held = arrived.held.saturating_add(piece.len());
            arrived.keep(piece);
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

    /// The request is over: who still waits for more of its body, in another task or thread, hears of it.
    pub(super) fn cut(&self) {
        let mut arrived = self.arrived();
        if arrived.end.is_none() {
            arrived.end = Some(End::Cut);
            wake(arrived);
        }
    }

    /// Whether all has come.
    pub(super) fn has_ended(&self) -> bool {
        self.arrived().end.is_some()
    }

    /// How many bytes wait to be read.
    pub(super) fn held(&self) -> usize {
        self.arrived().held
    }

    /// All that waits, for the fuzzer.
    #[cfg(any(fuzzing, test))]
    pub(super) fn read(&self) -> Vec<u8> {
        let mut arrived = self.arrived();
        std::iter::from_fn(|| arrived.next()).flatten().collect()
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
                arrived.pieces = VecDeque::new();
                arrived.small = BytesMut::new();
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
        if let Some(piece) = arrived.next() {
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
                arrived.held == 0 && arrived.end == Some(End::Whole)
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

/// The front server gave fewer bytes than it had said, or the request is over.
#[derive(Debug)]
struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body ended before all of it had come")
    }
}

impl StdError for Truncated {}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived() -> Arrived {
        Arrived {
            pieces: VecDeque::new(),
            small: BytesMut::new(),
            held: 0,
            due: None,
            end: None,
            reader: None,
            full: false,
            dropped: false,
        }
    }

    /// A piece of a larger buffer, as it comes from a connection.
    fn piece(length: usize) -> Bytes {
        Bytes::from(vec![b'x'; 16 * 1024]).split_to(length)
    }

    #[test]
    fn small_pieces_do_not_keep_what_they_were_read_with() {
        let mut arrived = arrived();
        let whole = piece(1);
        arrived.keep(whole.clone());
        assert!(whole.is_unique());
        for _ in 1..3 * SMALL {
            arrived.keep(piece(1));
        }
        assert_eq!(arrived.pieces.len(), 3);
        assert!(arrived.small.is_empty());
        let large = piece(SMALL);
        arrived.keep(large.clone());
        assert!(!large.is_unique());
    }

    #[test]
    fn pieces_of_any_size_stay_in_order() {
        let mut arrived = arrived();
        let mut sent = Vec::new();
        for (length, byte) in [1, SMALL - 1, 7, SMALL, 2, 3 * SMALL, 5]
            .into_iter()
            .zip(b'a'..)
        {
            let piece = vec![byte; length];
            sent.extend_from_slice(&piece);
            arrived.held += length;
            arrived.keep(piece.into());
        }
        let mut read = Vec::new();
        while let Some(piece) = arrived.next() {
            read.extend_from_slice(&piece);
        }
        assert_eq!(read, sent);
        assert_eq!(arrived.held, 0);
    }
}
