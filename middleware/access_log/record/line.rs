//! The line of a record: each value written where it is known first, and all put together at the end.

use std::time::Duration;

use http::HeaderMap;

use super::Record;
use crate::access_log::Config;
use crate::access_log::directive::{Phase, Unit, Value, needs};
use crate::access_log::escape::Line;
use crate::access_log::outcome::Ended;
use crate::access_log::request;
use crate::attributes::Told;

impl Record {
    pub(super) fn write_line(&mut self, config: &Config, ended: Ended, told: &Told) {
        if self.course.status.is_none() {
            self.write_head(config, &HeaderMap::new());
        }
        let mut text = std::mem::take(&mut self.text);
        let start = text.len();
        let mut line = Line::new(&mut text, config.format.style, config.value_limit);
        let (inward, outward) = self.spans.split_at(self.first_out.min(self.spans.len()));
        let (mut inward, mut outward) = (inward.iter(), outward.iter());
        for segment in &config.format.segments {
            let span = match segment.phase {
                Phase::In => inward.next(),
                Phase::Out => outward.next(),
                Phase::End => None,
            };
            let only = segment.only.as_ref();
            if only.is_some_and(|only| !only.holds(ended.status)) {
                line.none();
            } else if let Some(span) = span {
                line.buf.extend_from_within(span.clone());
            } else {
                segment.write(&mut line, |value, line| {
                    self.write_value(value, config, ended, told, line);
                });
            }
        }
        text.push(b'\n');
        let whole = text.get(start..).unwrap_or_default();
        config.log.push(whole, config.notices());
        self.text = text;
    }

    fn write_value(
        &self,
        value: &Value,
        config: &Config,
        ended: Ended,
        told: &Told,
        line: &mut Line<'_>,
    ) {
        match value {
            Value::BytesOrNone if self.course.bytes == 0 && line.is_apache() => line.none(),
            Value::Bytes | Value::BytesOrNone => line.number(self.course.bytes),
            Value::Elapsed(unit) => line.number(in_units(ended.elapsed, *unit)),
            Value::Ended(format) => match ended.at {
                Some(at) => format.write(config.clock.time_of_day(at), line),
                None => line.none(),
            },
            Value::FirstByte => match self.first_byte {
                Some(at) => line.number(in_units(self.since_start(Some(at)), Unit::Micros)),
                None => line.none(),
            },
            Value::KeepAlive => line.text(match self.keep_alive {
                _ if ended.broke_off => b"X",
                true => b"+",
                false => b"-",
            }),
            Value::Outcome => line.text(ended.outcome.as_str().as_bytes()),
            Value::Received => match self.received.bytes() {
                Some(body) => line.number(self.head_received + body),
                None => line.none(),
            },
            Value::Route => line.text_or_none(told.route.as_ref().map(|r| r.as_str().as_bytes())),
            Value::Sent => line.number(self.head_sent + self.course.bytes),
            Value::Status => match ended.status.as_str().as_bytes().first_chunk::<3>() {
                Some(digits) => line.plain(digits),
                None => line.number(ended.status.as_u16().into()),
            },
            Value::Transferred => match self.received.bytes() {
                Some(body) => {
                    line.number(self.head_received + body + self.head_sent + self.course.bytes);
                }
                None => line.none(),
            },
            Value::User => match told.user.as_deref() {
                // Apache writes an empty name so, lest it be no word.
                Some("") if line.is_apache() => line.buf.extend_from_slice(b"\"\""),
                user => line.text_or_none(user.map(str::as_bytes)),
            },
            _ => line.none(),
        }
    }

    #[inline]
    pub(super) fn write_head(&mut self, config: &Config, headers: &HeaderMap) {
        self.first_out = self.spans.len();
        if config.needs & needs::HEAD != 0 {
            self.write_fields(config, headers);
        }
    }

    fn write_fields(&mut self, config: &Config, headers: &HeaderMap) {
        self.write(config, Phase::Out, |value, line| match value {
            Value::ResponseHeader(field) => {
                request::header(headers, field, &config.redaction, line);
            }
            _ => line.none(),
        });
    }

    /// Writes the segments of a phase, a span each.
    #[inline]
    pub(super) fn write(
        &mut self,
        config: &Config,
        phase: Phase,
        write: impl Fn(&Value, &mut Line<'_>),
    ) {
        for segment in &config.format.segments {
            if segment.phase != phase {
                continue;
            }
            let start = self.text.len();
            let style = config.format.style;
            let mut line = Line::new(&mut self.text, style, config.value_limit);
            segment.write(&mut line, &write);
            self.spans.push(start..self.text.len());
        }
    }
}

fn in_units(time: Duration, unit: Unit) -> u64 {
    let count = match unit {
        Unit::Micros => time.as_micros(),
        Unit::Millis => time.as_millis(),
        Unit::Seconds => time.as_secs().into(),
    };
    u64::try_from(count).unwrap_or(u64::MAX)
}
