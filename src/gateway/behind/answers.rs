//! From the application to bytes.

use std::task::{Context, Poll};

use super::codec::Codec;
use super::connection::{Gone, Served};
use super::exchange::Step;
use crate::Application;

impl<T, P: Codec, S: Application> Served<T, P, S> {
    /// Asks those for more to send that something has happened to; whether there was any.
    pub(super) fn ask(&mut self, cx: &mut Context<'_>) -> Result<bool, Gone> {
        let mut moved = false;
        for _ in 0..self.exchanges.len() {
            if self.out.is_full() {
                break;
            }
            let at = self.turn.checked_rem(self.exchanges.len()).unwrap_or(0);
            let Some(exchange) = self.exchanges.get_mut(at) else {
                break;
            };
            // Who works on this thread would keep waiting what the front server takes next.
            if exchange.has_begun() && self.out.waits().is_some() {
                self.turn = at.wrapping_add(1);
                continue;
            }
            exchange.signal().follow(cx.waker());
            let goes_on = if exchange.signal().lower() {
                let mut failed = false;
                let step = exchange.as_mut().poll_step(&mut failed);
                if failed {
                    // A service that fails to become ready is done for; another connection has another.
                    self.app.give_up();
                    self.closing = self.closing.soon();
                }
                match step {
                    Poll::Ready(step) => {
                        moved = true;
                        self.send(at, step)?
                    }
                    Poll::Pending => true,
                }
            } else {
                true
            };
            if goes_on {
                self.turn = at.wrapping_add(1);
            }
        }
        Ok(moved)
    }

    /// Has a step of an answer sent; whether the exchange goes on.
    fn send(&mut self, at: usize, step: Step) -> Result<bool, Gone> {
        let Some(exchange) = self.exchanges.get_mut(at) else {
            return Ok(false);
        };
        let id = exchange.id();
        match step {
            Step::Head(head) => {
                self.codec.head(id, &head, &mut self.out.bytes);
                exchange.signal().raise();
                Ok(true)
            }
            Step::Data(data) => {
                self.codec.data(id, &data, &mut self.out.bytes);
                exchange.signal().raise();
                Ok(true)
            }
            Step::End => {
                let more = self.codec.end(id, &mut self.out.bytes);
                self.remove(at, more);
                Ok(false)
            }
            // What else is under way ends first, and what of it waits is written.
            Step::Broken if exchange.has_begun() => {
                self.remove(at, false);
                self.broken = true;
                Ok(false)
            }
            Step::Broken => {
                let more = self.codec.fail(id, &mut self.out.bytes).ok_or(Gone)?;
                self.remove(at, more);
                Ok(false)
            }
        }
    }

    fn remove(&mut self, at: usize, more: bool) {
        let exchange = self.exchanges.swap_remove(at);
        self.settings.counters.answered.one();
        self.unread |= exchange.inbox().is_some_and(|inbox| !inbox.has_ended())
            || !self.input.is_empty()
            || self.codec.is_within();
        self.ended(more);
    }

    /// A request has ended.
    pub(super) fn ended(&mut self, more: bool) {
        if !more {
            self.closing = self.closing.soon();
        }
    }
}
