//! Codings as they are offered, and the push encoders that make them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::header::accept_encoding::Coding;

/// One or several codings to offer, most preferred first.
///
/// `Gzip`, `Deflate`, `Brotli`, `Zstd`, and tuples of up to four of them, or `()` for none. Sealed: what
/// a coding is called and how a client asks for it is the RFCs' to say.
pub trait Codings: sealed::Codings {}

impl<T: sealed::Codings> Codings for T {}

pub(super) mod sealed {
    use super::Offer;

    #[expect(unnameable_types, reason = "that is what seals")]
    pub trait Codings {
        fn offers(self, list: &mut Vec<Offer>);
    }
}

/// None, to begin with.
impl sealed::Codings for () {
    fn offers(self, _: &mut Vec<Offer>) {}
}

macro_rules! tuples {
    ($(($($name:ident)+))*) => {
        $(
            impl<$($name: sealed::Codings),+> sealed::Codings for ($($name,)+) {
                #[expect(non_snake_case, reason = "the types name the values")]
                fn offers(self, list: &mut Vec<Offer>) {
                    let ($($name,)+) = self;
                    $($name.offers(list);)+
                }
            }
        )*
    };
}

tuples! { (A) (A B) (A B C) (A B C D) }

/// The coder gave up. The low-level libraries say no more, and it has not been seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken;

/// What follows the input that an encoder was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Then {
    /// Nothing: this is the end of the stream.
    End,
    /// More of it.
    More,
    /// Nothing yet: the decoder needs all that was taken so far.
    Pause,
}

/// A push encoder: bytes in, whatever comes out of it appended to `out`.
pub(super) trait Encoder: Send + Sync {
    /// Takes all of `input`, and gives out what its decoder must have before what follows.
    fn push(&mut self, input: &[u8], out: &mut Vec<u8>, then: Then) -> Result<(), Broken>;

    /// Makes the encoder as new, whatever happened to it.
    fn reset(&mut self);

    /// A whole stream of `input` and nothing else: who sees all of it at once may size its tables
    /// by that.
    fn whole(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        self.push(input, out, Then::End)
    }
}

/// A coding that is offered, and the encoders of it that have nothing to do.
#[expect(unnameable_types, reason = "only the sealed trait names it")]
pub struct Offer {
    pub(super) coding: Coding,
    make: Box<dyn Fn() -> Box<dyn Encoder> + Send + Sync>,
    idle: Mutex<Vec<Machine>>,
    /// How many may idle.
    places: usize,
}

/// An encoder and the buffer it writes to, both worth keeping.
struct Machine {
    encoder: Box<dyn Encoder>,
    out: Vec<u8>,
}

impl Offer {
    /// Offers `coding`, with encoders from `make`.
    ///
    /// A gzip encoder is some 300 KiB. Making one takes 4 to 40 microseconds, by whether
    /// the allocator has the memory at hand, making it as new 2; coding 1 KiB takes 20.
    /// So encoders are kept, at most one for each thread that the machine runs at once,
    /// which is how many can be coding whole bodies.
    pub(super) fn new<E, F>(coding: Coding, make: F) -> Self
    where
        E: Encoder + 'static,
        F: Fn() -> E + Send + Sync + 'static,
    {
        Self {
            coding,
            make: Box::new(move || Box::new(make())),
            idle: Mutex::default(),
            places: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// Codes `bytes` as a whole.
    pub(super) fn whole(self: &Arc<Self>, bytes: &[u8]) -> Result<Bytes, Broken> {
        let mut coder = Coder::of(self);
        let machine = coder.machine()?;
        machine.encoder.whole(bytes, &mut machine.out)?;
        Ok(coder.take())
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.coding.name())
    }
}

/// An encoder at work; dropped, it goes back to the idle ones.
pub(super) struct Coder {
    offer: Arc<Offer>,
    /// There is one until this is dropped.
    machine: Option<Machine>,
}

impl Coder {
    pub(super) fn of(offer: &Arc<Offer>) -> Self {
        let idle = lock(&offer.idle).pop();
        Self {
            offer: Arc::clone(offer),
            machine: Some(idle.unwrap_or_else(|| Machine {
                encoder: (offer.make)(),
                out: Vec::new(),
            })),
        }
    }

    /// Codes `input`, of which more comes out if nothing follows it for now.
    pub(super) fn push(&mut self, input: &[u8], then: Then) -> Result<(), Broken> {
        let machine = self.machine()?;
        machine.encoder.push(input, &mut machine.out, then)
    }

    /// How much there is to take.
    pub(super) fn ready(&self) -> usize {
        self.machine.as_ref().map_or(0, |machine| machine.out.len())
    }

    /// What came out so far, in an allocation of just its size.
    pub(super) fn take(&mut self) -> Bytes {
        self.machine.as_mut().map_or_else(Bytes::new, |machine| {
            let bytes = Bytes::copy_from_slice(&machine.out);
            machine.out.clear();
            bytes
        })
    }

    fn machine(&mut self) -> Result<&mut Machine, Broken> {
        self.machine.as_mut().ok_or(Broken)
    }
}

impl Drop for Coder {
    fn drop(&mut self) {
        if let Some(mut machine) = self.machine.take()
            && lock(&self.offer.idle).len() < self.offer.places
        {
            machine.encoder.reset();
            machine.out.clear();
            let mut idle = lock(&self.offer.idle);
            if idle.len() < self.offer.places {
                idle.push(machine);
            }
        }
    }
}

/// Nothing that holds these locks can panic halfway.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Doubles what it is given, for lack of a coding without dependencies.
    struct Twice;

    impl Encoder for Twice {
        fn push(&mut self, input: &[u8], out: &mut Vec<u8>, then: Then) -> Result<(), Broken> {
            out.extend(input.iter().flat_map(|byte| [*byte; 2]));
            out.extend((then == Then::End).then_some(b'.'));
            Ok(())
        }
        fn reset(&mut self) {}
    }

    #[test]
    fn an_encoder_is_used_again_and_starts_clean() {
        let offer = Arc::new(Offer::new(Coding::Gzip, || Twice));
        let mut coder = Coder::of(&offer);
        coder.push(b"left behind", Then::More).unwrap();
        drop(coder);
        assert_eq!(lock(&offer.idle).len(), 1);
        assert_eq!(offer.whole(b"ab").unwrap(), "aabb.");
        assert_eq!(lock(&offer.idle).len(), 1);
    }

    #[test]
    fn no_more_encoders_idle_than_there_are_places() {
        let offer = Arc::new(Offer::new(Coding::Gzip, || Twice));
        let coders: Vec<_> = (0..offer.places + 3).map(|_| Coder::of(&offer)).collect();
        drop(coders);
        assert_eq!(lock(&offer.idle).len(), offer.places);
    }
}
