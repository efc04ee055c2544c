//! What is held to any requests: see [`gateway::fuzzing`](crate::gateway::fuzzing).

use super::super::behind::sent::{Line, MOST, Sent};
use super::FastCgi;
use super::record::{BEGIN_REQUEST, GET_VALUES, KEEP_CONN, PARAMS, STDIN};
use crate::environ::Environ;

/// Between two requests.
const SEPARATOR: u8 = 0x1e;

/// How requests are sent, whatever they are.
struct Way {
    /// How much content a record has at most.
    content: usize,
    /// The bits say whose record is next.
    order: u8,
    /// Of which record on a request is answered, though not all of it has come.
    early: usize,
}

/// Requests, two at once as long as there are two.
pub(in crate::gateway) fn follow(bytes: &[u8]) {
    let Some((&[cut, content, order, early], bytes)) = bytes.split_first_chunk() else {
        return;
    };
    let way = Way {
        content: usize::from(content) + 1,
        order,
        early: early.into(),
    };
    let sent = bytes.split(|&byte| byte == SEPARATOR).take(8);
    let sent = sent.filter_map(Sent::of).enumerate();
    // Some bodies have no length.
    let sent: Vec<_> = sent
        .map(|(at, sent)| match cut >> (at % 8) & 1 {
            0 => sent,
            _ => sent.open(),
        })
        .collect();
    let mut line = Line::new(FastCgi::new(MOST), cut);
    for together in sent.chunks(2) {
        way.send(together, &mut line);
    }
}

impl Way {
    /// Sends requests and has each of them answered once.
    fn send(&self, together: &[Sent<'_>], line: &mut Line<FastCgi>) {
        let ids = || (1..).zip(together);
        let mut left: Vec<_> = ids()
            .map(|(id, sent)| self.records(id, sent).into_iter())
            .collect();
        let mut answered = vec![false; together.len()];
        let mut turn = 0;
        while left.iter().any(|records| records.len() > 0) {
            let whose = usize::from(self.order >> (turn % 8) & 1);
            let next = left.get_mut(whose).and_then(Iterator::next);
            if let Some(record) = next.or_else(|| left.iter_mut().find_map(Iterator::next)) {
                line.send(&record);
            }
            turn += 1;
            if turn >= self.early {
                for ((id, sent), answered) in ids().zip(&mut answered) {
                    *answered |= line.answer(id, sent).is_some();
                }
            }
            if turn % 16 == 1 {
                // Of no request, and of none in particular.
                line.send(&record(STDIN, 9, b"surplus", 3));
                line.send(&record(GET_VALUES, 0, b"", 5));
            }
        }
        for ((id, sent), answered) in ids().zip(answered) {
            let came = line.answer(id, sent);
            assert_eq!(came, (!answered).then_some(true));
        }
    }

    fn records(&self, id: u16, sent: &Sent<'_>) -> Vec<Vec<u8>> {
        let begins = [0, 1, KEEP_CONN, 0, 0, 0, 0, 0];
        let mut records = vec![record(BEGIN_REQUEST, id, &begins, 0)];
        for (kind, stream) in [(PARAMS, &*pairs(&sent.environ)), (STDIN, sent.body)] {
            let pieces = stream.chunks(self.content).enumerate();
            records.extend(pieces.map(|(padding, piece)| record(kind, id, piece, padding)));
            records.push(record(kind, id, b"", 0));
        }
        records
    }
}

/// By the letter of section 3.3, with padding that could be a record's beginning.
fn record(kind: u8, id: u16, content: &[u8], padding: usize) -> Vec<u8> {
    let [id_1, id_0] = id.to_be_bytes();
    let length = u16::try_from(content.len()).unwrap_or_default();
    let [length_1, length_0] = length.to_be_bytes();
    let padding = [1, kind, id_1, id_0, 0, 0, 0]
        .get(..padding % 8)
        .unwrap_or_default()
        .to_vec();
    let padded = u8::try_from(padding.len()).unwrap_or_default();
    let header = [1, kind, id_1, id_0, length_1, length_0, padded, 0];
    [&header, content, &padding].concat()
}

/// By the letter of section 3.4: the lengths of names are long, and those of values short where they can be.
fn pairs(environ: &Environ) -> Vec<u8> {
    let mut pairs = Vec::new();
    for (name, value) in environ.iter() {
        let long =
            |length: usize| (u32::try_from(length).unwrap_or_default() | 1 << 31).to_be_bytes();
        pairs.extend(long(name.len()));
        match u8::try_from(value.len()) {
            Ok(short @ 0..128) => pairs.push(short),
            _ => pairs.extend(long(value.len())),
        }
        pairs.extend(name);
        pairs.extend(value);
    }
    pairs
}
