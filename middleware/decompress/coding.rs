//! Codings as they are offered, and the push decoders that undo them.

use std::fmt;

use bytes::Bytes;

/// One or several codings to decode.
///
/// `Gzip`, `Deflate`, `Brotli`, `Zstd`, and tuples of up to four of them. Sealed: what
/// a coding is called is the RFCs' to say.
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

/// The bytes are not what their coding says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt;

/// A push decoder: bytes in, whatever comes out of it appended to a buffer, as far as that has room.
pub(super) trait Decoder: Send + Sync {
    /// Takes some of `input`, and says how much. All of it, unless there is no room left in `out`.
    ///
    /// What stands in the decoder for want of room comes at the next call, which may be without input.
    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Corrupt>;

    /// Whether what it has taken is whole, so that it may end here.
    fn is_whole(&self) -> bool;
}

/// A coding that is decoded.
#[expect(unnameable_types, reason = "only the sealed trait names it")]
#[derive(Clone, Copy)]
pub struct Offer {
    pub(super) name: &'static str,
    /// An old name of the same (RFC 9110, section 8.4.1.3).
    pub(super) old_name: Option<&'static str>,
    pub(super) make: fn() -> Box<dyn Decoder>,
}

impl Offer {
    pub(super) fn is_called(&self, name: &[u8]) -> bool {
        let is = |one: &str| name.eq_ignore_ascii_case(one.as_bytes());
        is(self.name) || self.old_name.is_some_and(is)
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a body may decode to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) size: u64,
    pub(super) ratio: u32,
}

/// Up to this much comes of any body, whatever its ratio: the first bytes of a stream may stand for
/// all of a short one.
const FREE: u64 = 64 * 1024;

/// How much is decoded at once.
const ROOM: usize = 16 * 1024;

/// Why a stage gives no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Corrupt,
    TooLong,
}

/// One coding of a body: its decoder, and what is still to be put in.
pub(super) struct Stage {
    decoder: Box<dyn Decoder>,
    input: Bytes,
    out: Vec<u8>,
    /// Whether there may be something in the decoder that there was no room for.
    full: bool,
    taken: u64,
    given: u64,
    limits: Limits,
}

impl Stage {
    pub(super) fn new(offer: &Offer, limits: Limits) -> Self {
        Self {
            decoder: (offer.make)(),
            input: Bytes::new(),
            out: Vec::new(),
            full: false,
            taken: 0,
            given: 0,
            limits,
        }
    }

    /// How much may still come of it.
    pub(super) fn left(&self) -> u64 {
        self.limits.size.saturating_sub(self.given)
    }

    /// What comes of what was put in, some of it; none if it needs more.
    fn next(&mut self) -> Result<Option<Bytes>, Stop> {
        while self.full || !self.input.is_empty() {
            self.out.reserve_exact(ROOM);
            let taken = self.decoder.decode(&self.input, &mut self.out);
            let taken = taken.map_err(|Corrupt| Stop::Corrupt)?;
            let left = self.input.len().checked_sub(taken).ok_or(Stop::Corrupt)?;
            // A decoder that does nothing though there is room cannot go on.
            if taken == 0 && self.out.is_empty() && !self.input.is_empty() {
                return Err(Stop::Corrupt);
            }
            self.input = self.input.split_off(self.input.len() - left);
            self.full = self.out.len() >= ROOM;
            self.taken = self.taken.saturating_add(taken as u64);
            self.given = self.given.saturating_add(self.out.len() as u64);
            let fair = self.taken.saturating_mul(u64::from(self.limits.ratio));
            if self.given > self.limits.size || self.given > fair.max(FREE) {
                return Err(Stop::TooLong);
            }
            if !self.out.is_empty() {
                let bytes = Bytes::copy_from_slice(&self.out);
                self.out.clear();
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage")
            .field("taken", &self.taken)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

/// Puts in what was received; all that was put in before has been taken.
pub(super) fn feed(stages: &mut [Stage], input: Bytes) {
    if let Some(first) = stages.first_mut() {
        first.input = input;
    }
}

/// What comes of the last stage.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A piece.
    Bytes(Bytes),
    /// Nothing before the first stage gets more.
    More,
    /// Nothing yet: others get the thread first.
    Turn,
}

/// The next piece of what the last stage gives. What each stage gives is taken from `turn`, since
/// much may come of one that makes nothing of the next.
pub(super) fn next(stages: &mut [Stage], turn: &mut usize) -> Result<Next, Stop> {
    let Some((last, before)) = stages.split_last_mut() else {
        return Ok(Next::More);
    };
    loop {
        if *turn == 0 {
            return Ok(Next::Turn);
        }
        if let Some(bytes) = last.next()? {
            *turn = turn.saturating_sub(bytes.len());
            return Ok(Next::Bytes(bytes));
        }
        match next(before, turn)? {
            Next::Bytes(bytes) => last.input = bytes,
            other => return Ok(other),
        }
    }
}

/// Whether all that was put in is whole, in each of the codings.
pub(super) fn is_whole(stages: &[Stage]) -> bool {
    stages.iter().all(|stage| stage.decoder.is_whole())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What `offer` makes of pieces of bytes, and whether it may end there.
    pub(in crate::decompress) fn decode(
        offer: &Offer,
        pieces: &[&[u8]],
    ) -> Result<(Vec<u8>, bool), Stop> {
        let limits = Limits {
            size: u64::MAX,
            ratio: u32::MAX,
        };
        let mut stages = [Stage::new(offer, limits)];
        let mut plain = Vec::new();
        for piece in pieces {
            feed(&mut stages, Bytes::copy_from_slice(piece));
            let mut turn = usize::MAX;
            while let Next::Bytes(bytes) = next(&mut stages, &mut turn)? {
                assert!(bytes.len() <= ROOM * 2, "more than there is room for");
                plain.extend_from_slice(&bytes);
            }
        }
        Ok((plain, is_whole(&stages)))
    }

    /// The codings of a configuration.
    pub(in crate::decompress) fn offer(codings: impl Codings) -> Offer {
        let mut list = Vec::new();
        codings.offers(&mut list);
        list.remove(0)
    }

    /// Each byte is given four times.
    struct Fourfold(Option<u8>, u8);

    impl Decoder for Fourfold {
        fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Corrupt> {
            let mut taken = 0;
            while out.len() < out.capacity() {
                if self.1 == 0 {
                    let Some(byte) = input.get(taken) else { break };
                    taken += 1;
                    *self = Self(Some(*byte), 4);
                }
                out.extend(self.0);
                self.1 -= 1;
            }
            Ok(taken)
        }

        fn is_whole(&self) -> bool {
            self.1 == 0
        }
    }

    const FOURFOLD: Offer = Offer {
        name: "fourfold",
        old_name: None,
        make: || Box::new(Fourfold(None, 0)),
    };

    #[test]
    fn what_has_no_room_comes_at_the_next_call() {
        let (plain, whole) = decode(&FOURFOLD, &[&[7; 10_000], b"", &[8]]).unwrap();
        assert_eq!(plain.len(), 40_004);
        assert!(plain.ends_with(&[7, 8, 8, 8, 8]) && whole);
    }

    fn twice(size: u64, ratio: u32) -> Result<u64, Stop> {
        let limits = Limits { size, ratio };
        let mut stages = [Stage::new(&FOURFOLD, limits), Stage::new(&FOURFOLD, limits)];
        feed(&mut stages, Bytes::from(vec![1; 100_000]));
        let mut given = 0;
        let mut turn = usize::MAX;
        while let Next::Bytes(bytes) = next(&mut stages, &mut turn)? {
            given += bytes.len() as u64;
        }
        Ok(given)
    }

    /// Nothing comes of it.
    struct Nothing;

    impl Decoder for Nothing {
        fn decode(&mut self, input: &[u8], _: &mut Vec<u8>) -> Result<usize, Corrupt> {
            Ok(input.len())
        }

        fn is_whole(&self) -> bool {
            true
        }
    }

    const NOTHING: Offer = Offer {
        name: "nothing",
        old_name: None,
        make: || Box::new(Nothing),
    };

    #[test]
    fn what_comes_to_nothing_in_the_end_takes_turns_too() {
        let limits = Limits {
            size: u64::MAX,
            ratio: u32::MAX,
        };
        let mut stages = [FOURFOLD, FOURFOLD, NOTHING].map(|offer| Stage::new(&offer, limits));
        feed(&mut stages, Bytes::from(vec![1; 100_000]));
        let mut turns = 0;
        loop {
            let mut turn = 64 * 1024;
            match next(&mut stages, &mut turn).unwrap() {
                Next::Turn => turns += 1,
                Next::More => break,
                Next::Bytes(_) => panic!("nothing comes of it"),
            }
        }
        // Of four times as much, and of sixteen times as much.
        let bytes = 100_000 * (4 + 16);
        let least = bytes / (64 * 1024 + 2 * ROOM);
        assert!(turns >= least, "{turns} of {least}");
    }

    #[test]
    fn each_stage_is_held_to_the_limits() {
        assert_eq!(twice(1_600_000, 4), Ok(1_600_000));
        assert_eq!(twice(1_599_999, 4), Err(Stop::TooLong));
        assert_eq!(twice(u64::MAX, 3), Err(Stop::TooLong));
    }
}
