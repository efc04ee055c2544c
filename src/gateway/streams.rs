//! The streams of an HTTP/2 connection: answered by its task if that is soon done, else each by a task of its own.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::Instant;

use super::pulse::Tunnel;

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    /// Of the connection that is being driven on this thread, the streams that it began.
    static BEGUN: RefCell<Option<Vec<Stream>>> = const { RefCell::new(None) };

    /// What the stream that is answered on this thread is about to become.
    static ANNOUNCED: RefCell<Option<Tunnel>> = const { RefCell::new(None) };
}

/// How long the task of a connection works on answers before other tasks share them.
///
/// As many small answers as a client asks for at once, each of which would cost half as much again with a task made for it.
/// A large piece of work holds up the other streams of its connection for once, and then there are tasks.
const TURN: Duration = Duration::from_micros(250);

/// How often a connection then makes tasks at once, before it tries to do without again; each time in a row twice as often.
const APART: u16 = 16;

/// How often at most.
const LONGEST: u16 = 1024;

/// The most places for streams that a connection keeps from turn to turn.
const KEPT: usize = 64;

/// Whether a stream that begins now is worked on by the task of its connection.
#[inline]
pub(super) fn are_together() -> bool {
    BEGUN.with_borrow(Option::is_some)
}

/// Says that hyper is about to run a tunnel, which lasts as long as what it runs next.
///
/// It does so before it lets go of the answer's body, with which what is returned has to go: the answer may come too late,
/// and then there is no tunnel.
pub(super) fn announce(tunnel: Tunnel) -> Announced {
    ANNOUNCED.set(Some(tunnel));
    Announced(())
}

/// A tunnel that begins before this is dropped, or does not.
#[derive(Debug)]
pub(super) struct Announced(());

impl Drop for Announced {
    fn drop(&mut self) {
        ANNOUNCED.set(None);
    }
}

/// Takes what hyper would have run: streams until they are [driven](Turns::drive), all else as a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams;

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    #[inline]
    fn execute(&self, fut: F) {
        if let Some(tunnel) = ANNOUNCED.take() {
            tokio::spawn(async move {
                fut.await;
                drop(tunnel);
            });
        } else if are_together() {
            let stream: Stream = Box::pin(fut);
            BEGUN.with_borrow_mut(|begun| begun.get_or_insert_default().push(stream));
        } else {
            tokio::spawn(fut);
        }
    }
}

/// The turns of one connection's task.
#[derive(Default)]
pub(super) struct Turns {
    begun: Vec<Stream>,
    /// For how many turns there are tasks at once.
    apart: u16,
    /// For how many there were the last time, if that was in vain.
    before: u16,
}

impl Turns {
    /// Lets hyper read and write, and then works on the streams that it began.
    ///
    /// Not while it reads, since it writes before it looks for another stream: each answer would be written alone. What the
    /// streams have to send wakes the task.
    pub(super) fn drive<R>(&mut self, mut hyper: impl FnMut() -> Poll<R>) -> Poll<R> {
        if let Some(left) = self.apart.checked_sub(1) {
            self.apart = left;
            let _scope = Scope::enter(None);
            return hyper();
        }
        let mut driven = {
            let _scope = Scope::enter(Some(&mut self.begun));
            hyper()
        };
        if self.begun.is_empty() {
            return driven;
        }
        let waiting = self.run();
        if !waiting.is_empty() && driven.is_pending() {
            // What they have said goes out before they say more: of a body that breaks off next, its beginning.
            let _scope = Scope::enter(None);
            driven = hyper();
        }
        for stream in waiting {
            tokio::spawn(stream);
        }
        driven
    }

    /// Polls each stream once; those that are not done.
    fn run(&mut self) -> Vec<Stream> {
        let until = Instant::now() + TURN;
        let mut cx = Context::from_waker(Waker::noop());
        let count = self.begun.len();
        let (mut is_over, mut waiting) = (false, Vec::new());
        for stream in self.begun.drain(..) {
            if is_over {
                waiting.push(stream);
                continue;
            }
            let mut stream = Some(stream);
            // A panic is that stream's, which is reset when it is dropped; the hook has told of it. What is dropped is the
            // application's, and may panic as well.
            let polled = catch_unwind(AssertUnwindSafe(|| {
                let polled = stream.as_mut().map(|stream| stream.as_mut().poll(&mut cx));
                if polled != Some(Poll::Pending) {
                    stream = None;
                }
            }));
            match stream {
                // Polled again in a task, with the waker that counts.
                Some(stream) if polled.is_ok() => waiting.push(stream),
                stream => drop(catch_unwind(AssertUnwindSafe(|| drop((stream, polled))))),
            }
            is_over = Instant::now() >= until;
        }
        if is_over || waiting.len() * 2 > count {
            self.before = self.before.saturating_mul(2).clamp(APART, LONGEST);
            self.apart = self.before;
        } else {
            self.before = 0;
        }
        self.begun.shrink_to(KEPT);
        waiting
    }
}

/// While it lives, streams that begin on this thread go to one connection, or have tasks.
struct Scope<'a> {
    begun: Option<&'a mut Vec<Stream>>,
    // Of a connection that is driven by another's transport.
    outer: Option<Vec<Stream>>,
}

impl<'a> Scope<'a> {
    fn enter(mut begun: Option<&'a mut Vec<Stream>>) -> Self {
        let outer = BEGUN.replace(begun.as_mut().map(|begun| std::mem::take(*begun)));
        Self { begun, outer }
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let left = BEGUN.replace(self.outer.take());
        if let (Some(begun), Some(left)) = (&mut self.begun, left) {
            **begun = left;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{poll_fn, ready};
    use std::sync::mpsc;

    use super::*;

    /// A stream that says its number when it was polled the last time.
    fn stream(
        number: usize,
        waits: usize,
        said: &mpsc::Sender<usize>,
    ) -> impl Future<Output = ()> + use<> {
        let said = said.clone();
        let mut left = waits;
        poll_fn(move |cx| {
            if let Some(fewer) = left.checked_sub(1) {
                left = fewer;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            said.send(number).unwrap();
            Poll::Ready(())
        })
    }

    /// As hyper's connection is driven when it begins streams.
    fn turn(turns: &mut Turns, mut begin: impl FnMut()) {
        let mut first = true;
        let driven: Poll<()> = turns.drive(|| {
            if std::mem::take(&mut first) {
                begin();
            }
            Poll::Pending
        });
        assert!(driven.is_pending());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_is_answered_in_order_and_what_waits_has_a_task() {
        let (say, said) = mpsc::channel();
        let mut turns = Turns::default();
        turn(&mut turns, || {
            Streams.execute(stream(2, 3, &say));
            Streams.execute(stream(5, 3, &say));
            Streams.execute(stream(1, 0, &say));
            assert!(said.try_recv().is_err(), "not while hyper reads");
        });
        assert_eq!(said.try_iter().collect::<Vec<_>>(), [1]);
        let mut later = Vec::new();
        while later.len() < 2 {
            tokio::task::yield_now().await;
            later.extend(said.try_iter());
        }
        later.sort_unstable();
        assert_eq!(later, [2, 5]);
        // Most waited: for some time it is taken for granted that streams do.
        turn(&mut turns, || Streams.execute(stream(3, 0, &say)));
        assert!(said.try_recv().is_err());
        for _ in 0..APART {
            turn(&mut turns, || {});
        }
        tokio::task::yield_now().await;
        assert_eq!(said.try_recv(), Ok(3));
        turn(&mut turns, || Streams.execute(stream(4, 0, &say)));
        assert_eq!(said.try_recv(), Ok(4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_that_of_its_stream() {
        let (say, said) = mpsc::channel();
        let mut turns = Turns::default();
        turn(&mut turns, || {
            Streams.execute(async { panic!("as it may") });
            Streams.execute(stream(1, 0, &say));
        });
        tokio::task::yield_now().await;
        assert_eq!(said.try_recv(), Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_stream_has_said_goes_out_before_it_says_more() {
        let (say, said) = mpsc::channel();
        let mut turns = Turns::default();
        let mut written = 0;
        let driven: Poll<()> = turns.drive(|| {
            written += 1;
            if written == 1 {
                Streams.execute(stream(1, 1, &say));
            }
            assert!(said.try_recv().is_err());
            Poll::Pending
        });
        assert!(driven.is_pending());
        assert_eq!(written, 2);
        tokio::task::yield_now().await;
        assert_eq!(said.try_recv(), Ok(1));
    }

    /// Panics when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("as it may");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_of_what_a_stream_leaves_is_its_own() {
        let (say, said) = mpsc::channel();
        let mut turns = Turns::default();
        turn(&mut turns, || {
            let mut bomb = Some(Bomb);
            Streams.execute(poll_fn(move |_| {
                assert!(bomb.is_some());
                let _kept = &mut bomb;
                Poll::Ready(())
            }));
            Streams.execute(stream(1, 0, &say));
        });
        tokio::task::yield_now().await;
        assert_eq!(said.try_recv(), Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_takes_long_is_shared() {
        let (say, said) = mpsc::channel();
        let mut turns = Turns::default();
        turn(&mut turns, || {
            Streams.execute(tokio::time::advance(TURN));
            Streams.execute(stream(1, 0, &say));
        });
        assert!(said.try_recv().is_err());
        tokio::task::yield_now().await;
        assert_eq!(said.try_recv(), Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn outside_of_a_turn_all_is_a_task() {
        let mut turns = Turns::default();
        turn(&mut turns, || {});
        assert!(!are_together());
        Streams.execute(ready(()));
        assert!(turns.begun.is_empty());
    }
}
