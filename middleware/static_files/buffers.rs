//! Buffers that files are read into, used again.
//!
//! A buffer must have contents before it can be read into; writing zeros into each would cost nearly as
//! much as copying the file does. Those that were used have contents.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::body::STEP;

/// The length of those that are used again, which is what is asked of a large file at once.
const LEN: usize = STEP;

/// Reads of less are better off with a buffer of their own.
const LEAST: usize = LEN / 4;

/// How many wait to be used at most: 2.5 MiB.
const SPARE: usize = 64;

static POOL: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// A buffer with contents, if not yet those of a file.
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    len: usize,
}

impl Buffer {
    /// One of `len` bytes.
    pub(super) fn new(len: usize) -> Self {
        let pooled = (LEAST..=LEN).contains(&len);
        let spare = pooled.then(|| pool().pop()).flatten();
        let bytes = spare.unwrap_or_else(|| {
            let room = if pooled { LEN } else { len };
            vec![0; room].into_boxed_slice()
        });
        Self { bytes, len }
    }

    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        let len = self.len;
        self.bytes.get_mut(..len).unwrap_or_default()
    }

    /// The first `len` bytes.
    pub(super) fn freeze(mut self, len: usize) -> Bytes {
        self.len = self.len.min(len);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.len() == LEN {
            let mut pool = pool();
            if pool.len() < SPARE {
                pool.push(std::mem::take(&mut self.bytes));
            }
        }
    }
}

fn pool() -> std::sync::MutexGuard<'static, Vec<Box<[u8]>>> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_as_long_as_was_asked_and_read() {
        for len in [0, 1, LEAST - 1, LEAST, LEN, LEN + 1] {
            let mut buffer = Buffer::new(len);
            assert_eq!(buffer.as_mut().len(), len);
            buffer.as_mut().fill(7);
            let read = len / 2;
            assert_eq!(buffer.freeze(read), vec![7; read]);
        }
    }

    #[test]
    fn what_is_not_read_is_not_shown_and_the_pool_is_bounded() {
        let many: Vec<_> = (0..2 * SPARE)
            .map(|_| Buffer::new(LEN).freeze(10))
            .collect();
        assert!(many.iter().all(|bytes| bytes.len() == 10));
        drop(many);
        assert!(pool().len() <= SPARE);
        let kept = Buffer::new(LEN).freeze(LEN);
        let slice = kept.slice(1..2);
        drop(kept);
        let mut other = Buffer::new(LEN);
        other.as_mut().fill(9);
        assert_eq!(slice.len(), 1);
    }
}
