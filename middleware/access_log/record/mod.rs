//! What is noted of one request until its line is written, once, when the record is dropped.

mod line;

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, Request, Response, Uri, Version};

use super::Config;
use super::directive::{Phase, Value, needs};
use super::outcome::{Ended, Entry};
use super::request::{self, Asked, connection_says};
use crate::attributes::{Attributes, Reports};
use crate::body::Received;
use crate::outcome::{Course, Outcome};

/// What is noted of one request.
///
/// Its text has first what was written on the way in and out, in spans, and at the end the line.
#[derive(Default)]
pub(super) struct Record {
    config: Option<Arc<Config>>,
    text: Vec<u8>,
    spans: Vec<Range<usize>>,
    started: Option<Instant>,
    first_byte: Option<Instant>,
    pub(super) course: Course,
    keep_alive: bool,
    received: Received,
    head_received: u64,
    head_sent: u64,
    entry: Option<(Method, Uri)>,
    reports: Reports,
    /// The first span of those that were written on the way out.
    first_out: usize,
}

/// How many records a thread keeps for the next requests, and how much text in each.
const MAX_SPARE: usize = 256;
const MAX_TEXT: usize = 4096;

thread_local! {
    #[expect(clippy::vec_box, reason = "a record moves with its response as one word")]
    static SPARE: RefCell<Vec<Box<Record>>> = const { RefCell::new(Vec::new()) };
}

impl Record {
    /// Notes a request.
    pub(super) fn open<B: 'static>(config: &Arc<Config>, req: &mut Request<B>) -> Box<Self> {
        let spare = SPARE.try_with(|spare| spare.borrow_mut().pop());
        let mut record = spare.ok().flatten().unwrap_or_default();
        let needs = |bits| config.needs & bits != 0;
        if needs(needs::RECEIVED) {
            record.received = received(req);
        }
        // Held apart from the request meanwhile: one look-up is enough then, to change and to read.
        let mut extensions = std::mem::take(req.extensions_mut());
        let attributes = if needs(needs::REPORT) {
            let attributes = extensions.get_or_insert_default::<Attributes>();
            record.reports.ask(attributes);
            Some(&*attributes)
        } else {
            extensions.get()
        };
        record.begin(config, &Asked::new(req, attributes));
        *req.extensions_mut() = extensions;
        record.config = Some(Arc::clone(config));
        record
    }

    fn begin(&mut self, config: &Config, asked: &Asked<'_>) {
        let needs = |bits| config.needs & bits != 0;
        if needs(needs::STARTED) {
            self.started = Some(config.clock.now());
        }
        self.course = Course::of(asked.method);
        if needs(needs::RECEIVED) {
            self.head_received = asked.head_len();
        }
        if needs(needs::KEEP_ALIVE) {
            self.keep_alive = asked.keeps_alive();
        }
        if !config.skip.is_empty() {
            self.entry = Some((asked.method.clone(), asked.uri.clone()));
        }
        let started = self.started;
        self.write(config, Phase::In, |value, line| match (value, started) {
            (Value::Started(format), Some(started)) => {
                format.write(config.clock.time_of_day(started), line);
            }
            _ => asked.write(value, &config.redaction, line),
        });
    }

    /// Notes the head of the response.
    pub(super) fn answer<C: http_body::Body>(&mut self, res: &Response<C>) {
        self.course.answer(res);
        let Some(config) = self.config.take() else {
            return;
        };
        if config.needs & needs::FIRST_BYTE != 0 {
            self.first_byte = Some(config.clock.now());
        }
        if config.needs & needs::SENT != 0 {
            self.head_sent = request::head_len(res);
        }
        if self.keep_alive {
            self.keep_alive = !connection_says(res.headers(), "close");
        }
        self.write_head(&config, res.headers());
        self.config = Some(config);
    }

    /// Writes the line and keeps the record for another request.
    pub(super) fn close(mut self: Box<Self>, outcome: Option<Outcome>) {
        let Some(config) = self.config.take() else {
            return;
        };
        let (outcome, broke_off) = self.course.end(outcome);
        let status = self.course.status.unwrap_or_else(|| outcome.status());
        let at = (config.needs & needs::ENDED != 0).then(|| config.clock.now());
        let elapsed = self.since_start(at);
        let ended = Ended {
            outcome,
            status,
            broke_off,
            at,
            elapsed,
        };
        let told = self.reports.told();
        if !self.is_skipped(&config, ended) {
            self.write_line(&config, ended, &told);
        }
        self.keep();
    }

    fn is_skipped(&self, config: &Config, ended: Ended) -> bool {
        let Some((method, uri)) = &self.entry else {
            return false;
        };
        let entry = Entry::new(method, uri, ended, self.course.bytes);
        // A rule that panics skips nothing: a record may be dropped by another panic.
        let skipped = || config.skip.iter().any(|skip| skip(&entry));
        catch_unwind(AssertUnwindSafe(skipped)).unwrap_or(false)
    }

    fn since_start(&self, at: Option<Instant>) -> Duration {
        match (self.started, at) {
            (Some(started), Some(at)) => at.saturating_duration_since(started),
            _ => Duration::ZERO,
        }
    }

    /// Keeps the record, with the room that it has, for another request on this thread.
    fn keep(mut self: Box<Self>) {
        let Self {
            config,
            text,
            spans,
            started,
            first_byte,
            course,
            keep_alive,
            received,
            head_received,
            head_sent,
            entry,
            // Made ready when it was read.
            reports: _,
            first_out,
        } = &mut *self;
        text.clear();
        if text.capacity() > MAX_TEXT {
            text.shrink_to(MAX_TEXT);
        }
        spans.clear();
        (*config, *entry, *received) = (None, None, Received::Unknown);
        (*started, *first_byte, *course) = (None, None, Course::default());
        *keep_alive = false;
        (*head_received, *head_sent, *first_out) = (0, 0, 0);
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < MAX_SPARE {
                spare.push(self);
            }
        });
    }
}

/// Not what is noted: it may hold what the line leaves out.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("course", &self.course)
            .finish_non_exhaustive()
    }
}

/// What is read of a [`Body`](crate::Body); of any other the declared length must do.
fn received<B: 'static>(req: &mut Request<B>) -> Received {
    Received::counted(req).unwrap_or_else(|| declared(req))
}

fn declared<B>(req: &Request<B>) -> Received {
    if let Some(len) = req.headers().get(CONTENT_LENGTH) {
        let len = len.to_str().ok().and_then(|len| len.parse().ok());
        return len.map_or(Received::Unknown, Received::Known);
    }
    // What is not declared is not there, or comes in chunks (RFC 9112, section 6.3).
    let chunked = req.headers().contains_key(TRANSFER_ENCODING);
    if chunked || (req.version() > Version::HTTP_11 && !req.method().is_safe()) {
        Received::Unknown
    } else {
        Received::Known(0)
    }
}
