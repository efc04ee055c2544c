//! What a request does that waits for another.

use std::sync::Arc;

use http::{HeaderMap, Response};

use super::entry::{Entry, Head};
use super::flight::{Flight, Landed};
use super::reuse::{Asked, Use};
use super::service::Config;
use super::status::{Forward, Handled};
use super::vary::Vary;
use crate::body::Body;

/// What came of waiting for another request.
pub(super) enum Followed {
    Answer(Response<Body>),
    /// It is worth another look: the other's response is of another variant. This is what selects one for this
    /// request.
    Again(Vary),
    /// It goes on by itself.
    Alone,
}

impl Config {
    /// Works for what comes of a flight whether anybody waits for it or not.
    pub(super) fn finish(&self, flight: Arc<Flight>) {
        (self.settings.spawn)(Box::pin(async move {
            if let Landed::Streaming(stream) = flight.landed().await {
                let _entry = stream.stored().await;
            }
        }));
    }

    /// Waits for what another request gets.
    pub(super) async fn follow(
        &self,
        asked: &Asked,
        fields: &HeaderMap,
        flight: Arc<Flight>,
        found: Option<&Entry>,
        why: Forward,
    ) -> Followed {
        let landed = flight.landed().await;
        let now = self.settings.clock.now();
        let handled = Handled::Collapsed { why, status: None };
        let is_good = |head: &Head| match asked.judge(head, now) {
            Use::Answer | Use::AnswerAndValidate => true,
            Use::Validate(_) => false,
        };
        let head = match &landed {
            Landed::Stored(entry, _) => &entry.head,
            Landed::Streaming(stream) => &stream.head,
            Landed::Nothing(failure) => {
                let stale = found.filter(|entry| asked.prefers_to_error(&entry.head, now));
                let (Some(entry), Some(failure)) = (stale, failure) else {
                    return Followed::Alone;
                };
                let status = failure.status();
                let handled = Handled::Collapsed { why, status };
                return Followed::Answer(self.stored(asked, entry, handled));
            }
        };
        if !head.vary.selects(fields) {
            return Followed::Again(head.vary.of_another(fields));
        }
        if !is_good(head) {
            return Followed::Alone;
        }
        let entry = match landed {
            Landed::Streaming(stream) if stream.len.is_none() => stream.stored().await,
            Landed::Streaming(stream) => {
                let res = self.streaming(asked, &stream, flight, handled);
                return Followed::Answer(res);
            }
            Landed::Stored(entry, _) => Some(entry),
            Landed::Nothing(_) => None,
        };
        match entry {
            Some(entry) => Followed::Answer(self.stored(asked, &entry, handled)),
            None => Followed::Alone,
        }
    }
}
