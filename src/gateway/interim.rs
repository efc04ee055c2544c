//! Interim answers on HTTP/1: early hints (RFC 8297).
//!
//! hyper writes final answers, one after the other, and may not have passed on the last one when the application is asked
//! the next. So hints wait here until hyper flushes, which it does with nothing of its own left to write, and go then; and
//! an answer waits for the hints before it. In HTTP/2 only hyper could say something on a stream, and does not.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use http::HeaderMap;
use http::header::{CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};

use super::pulse::Pulse;
use crate::middleware::attributes::{Hints, Unsent};

/// The interim answers of a connection.
#[derive(Debug, Default)]
pub(super) struct Interim {
    /// Twice the number of the request that may have hints, and one more if some wait; 0 if none may.
    ///
    /// Who sends hints and who answers contend for this: hints behind their answer would be in the middle of its body. And
    /// whoever makes up a number has to hit the very one that is not answered yet.
    gate: AtomicU32,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    connection: Option<Waker>,
    /// Whether nothing will be written any more.
    over: bool,
}

/// How many bytes of hints wait here; as many may be on their way to the client.
const MOST: usize = 16 * 1024;

/// How many requests of a connection may have any.
const LAST: u32 = u32::MAX / 2;

/// The number of a request as it is known here, if it may have hints.
fn number(request: usize) -> Option<NonZeroU32> {
    let number = u32::try_from(request).ok().filter(|&n| n <= LAST)?;
    NonZeroU32::new(number)
}

impl Interim {
    /// Whom to wake when there is something to write.
    pub(super) fn wakes(&self, connection: &Waker) {
        self.lock().connection = Some(connection.clone());
    }

    /// Wakes the task of the connection.
    pub(super) fn wake(&self) {
        if let Some(connection) = &self.lock().connection {
            connection.wake_by_ref();
        }
    }

    /// Whether there is something to write when hyper has nothing.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        self.gate.load(Ordering::Acquire) & 1 == 1
    }

    /// What is to be written before anything else.
    #[cold]
    pub(super) fn take(&self) -> Vec<u8> {
        let mut waiting = self.lock();
        self.gate.fetch_and(!1, Ordering::AcqRel);
        // The answer may wait for this.
        if let Some(connection) = &waiting.connection {
            connection.wake_by_ref();
        }
        std::mem::take(&mut waiting.bytes)
    }

    /// The request may have hints from now on; the number that they are sent by.
    #[inline]
    pub(super) fn open(&self, request: usize) -> Option<NonZeroU32> {
        let number = number(request)?;
        // That of before was answered, with no hints left.
        self.gate.store(number.get() * 2, Ordering::Release);
        Some(number)
    }

    /// The request is answered; not yet if hints have to go before.
    #[inline]
    pub(super) fn answer(&self, request: usize) -> bool {
        let Some(number) = number(request) else {
            return true;
        };
        let open = number.get() * 2;
        match self
            .gate
            .compare_exchange(open, 0, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => true,
            Err(found) => found != open + 1,
        }
    }

    /// The connection is closed: nobody will be sent anything.
    pub(super) fn end(&self) {
        let mut waiting = self.lock();
        *waiting = Waiting {
            over: true,
            ..Waiting::default()
        };
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hints for Pulse {
    fn send(&self, request: NonZeroU32, hints: &HeaderMap) -> Result<(), Unsent> {
        if self.is_http2() {
            return Err(Unsent::Unsupported);
        }
        self.interim.send(request, hints)
    }
}

impl Interim {
    fn send(&self, request: NonZeroU32, hints: &HeaderMap) -> Result<(), Unsent> {
        let forbidden = [
            CONNECTION,
            CONTENT_LENGTH,
            TE,
            TRAILER,
            TRANSFER_ENCODING,
            UPGRADE,
        ];
        if forbidden.iter().any(|name| hints.contains_key(name)) {
            return Err(Unsent::Forbidden);
        }
        let bytes = encode(hints);
        let mut waiting = self.lock();
        if waiting.over {
            return Err(Unsent::Gone);
        }
        if waiting.bytes.len() + bytes.len() > MOST {
            return Err(Unsent::Full);
        }
        let open = request.get().checked_mul(2).ok_or(Unsent::Answered)?;
        let waits = |gate| (gate | 1 == open + 1).then_some(open + 1);
        self.gate
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, waits)
            .map_err(|_| Unsent::Answered)?;
        waiting.bytes.extend(bytes);
        if let Some(connection) = &waiting.connection {
            connection.wake_by_ref();
        }
        Ok(())
    }
}

fn encode(hints: &HeaderMap) -> Vec<u8> {
    let mut head = b"HTTP/1.1 103 Early Hints\r\n".to_vec();
    for (name, value) in hints {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend(part);
        }
    }
    head.extend(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::LINK;

    use super::*;

    fn send(interim: &Interim, request: u32) -> Result<(), Unsent> {
        let mut hints = HeaderMap::new();
        hints.insert(LINK, HeaderValue::from_static("</a>"));
        interim.send(NonZeroU32::new(request).unwrap(), &hints)
    }

    #[test]
    fn an_answer_waits_for_the_hints_before_it_and_ends_them() {
        let interim = Interim::default();
        interim.open(1).unwrap();
        assert_eq!(send(&interim, 1), Ok(()));
        assert_eq!(send(&interim, 1), Ok(()));
        assert!(interim.is_waiting());
        assert!(!interim.answer(1));
        let once = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
        assert_eq!(interim.take(), [once.as_slice(), once].concat());
        assert!(interim.answer(1));
        assert_eq!(send(&interim, 1), Err(Unsent::Answered));
        // One that was answered by the gateway need not have been counted.
        interim.open(3).unwrap();
        assert_eq!(send(&interim, 3), Ok(()));
        assert_eq!(send(&interim, 2), Err(Unsent::Answered));
    }

    #[test]
    fn a_number_that_was_made_up_is_that_of_no_request() {
        let interim = Interim::default();
        let made_up = [1, 2, LAST - 1, LAST, LAST + 1, u32::MAX - 1, u32::MAX];
        for number in made_up {
            assert_eq!(send(&interim, number), Err(Unsent::Answered), "{number}");
        }
        interim.open(1).unwrap();
        for number in made_up.into_iter().filter(|&number| number != 1) {
            assert_eq!(send(&interim, number), Err(Unsent::Answered), "{number}");
        }
        assert!(!interim.is_waiting());
        assert!(interim.answer(1));
        // Nor are there requests without end.
        let last = LAST as usize;
        assert!(interim.open(last).is_some());
        assert_eq!(send(&interim, LAST), Ok(()));
        interim.take();
        assert!(interim.answer(last));
        assert!(interim.open(last + 1).is_none());
        assert!(interim.answer(last + 1));
    }

    #[test]
    fn what_waits_has_a_bound() {
        let interim = Interim::default();
        interim.open(1).unwrap();
        let sent = (0..10_000).take_while(|_| send(&interim, 1).is_ok());
        assert!(sent.count() * 39 <= MOST);
        assert_eq!(send(&interim, 1), Err(Unsent::Full));
        interim.take();
        assert_eq!(send(&interim, 1), Ok(()));
    }

    #[test]
    fn nothing_waits_for_a_client_that_is_gone() {
        let interim = Interim::default();
        interim.open(1).unwrap();
        assert_eq!(send(&interim, 1), Ok(()));
        interim.end();
        assert_eq!(interim.take(), b"");
        assert_eq!(send(&interim, 1), Err(Unsent::Gone));
    }

    #[test]
    fn fields_of_the_connection_are_no_hints() {
        let mut hints = HeaderMap::new();
        hints.insert(CONTENT_LENGTH, HeaderValue::from_static("1"));
        let sent = Interim::default().send(NonZeroU32::MIN, &hints);
        assert_eq!(sent, Err(Unsent::Forbidden));
    }
}
