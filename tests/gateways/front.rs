//! A front server, as far as the wire goes.

use gopuram::gateway::Protocol;

/// All protocols that front servers speak.
pub(crate) const ALL: [Protocol; 3] = [Protocol::FastCgi, Protocol::Scgi, Protocol::Uwsgi];

/// What a front server says of a request.
#[derive(Clone, Debug)]
pub(crate) struct Said(pub(crate) Vec<(String, String)>);

impl Said {
    pub(crate) fn of(method: &str, target: &str) -> Self {
        let variables = [
            ("REQUEST_METHOD", method),
            ("REQUEST_URI", target),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("HTTP_HOST", "a"),
        ];
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(owned.to_vec())
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::of("GET", target)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The bytes of the request with a body of which that length is told.
    pub(crate) fn told(&self, protocol: Protocol, length: usize, body: &[u8]) -> Vec<u8> {
        let length = length.to_string();
        match protocol {
            Protocol::FastCgi => {
                let said = self.clone().with("CONTENT_LENGTH", &length);
                let mut bytes = begin(1, 1, 0);
                bytes.extend(params(1, &said));
                bytes.extend(stdin(1, body));
                bytes
            }
            Protocol::Scgi => {
                let mut said = Self(vec![
                    ("CONTENT_LENGTH".to_owned(), length),
                    ("SCGI".to_owned(), "1".to_owned()),
                ]);
                said.0.extend(self.0.iter().cloned());
                netstring(&said, body)
            }
            _ => packet(&self.clone().with("CONTENT_LENGTH", &length), body),
        }
    }

    /// The bytes of the request with a body.
    pub(crate) fn send(&self, protocol: Protocol, body: &[u8]) -> Vec<u8> {
        self.told(protocol, body.len(), body)
    }
}

pub(crate) fn netstring(said: &Said, body: &[u8]) -> Vec<u8> {
    let mut variables = Vec::new();
    for (name, value) in &said.0 {
        for text in [name, value] {
            variables.extend(text.as_bytes());
            variables.push(0);
        }
    }
    let mut bytes = format!("{}:", variables.len()).into_bytes();
    bytes.extend(variables);
    bytes.push(b',');
    bytes.extend(body);
    bytes
}

pub(crate) fn packet(said: &Said, body: &[u8]) -> Vec<u8> {
    let mut variables = Vec::new();
    for (name, value) in &said.0 {
        for text in [name, value] {
            variables.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
            variables.extend(text.as_bytes());
        }
    }
    let size = u16::try_from(variables.len()).unwrap().to_le_bytes();
    [&[0, size[0], size[1], 0], &*variables, body].concat()
}

pub(crate) const BEGIN: u8 = 1;
pub(crate) const ABORT: u8 = 2;
pub(crate) const END: u8 = 3;
pub(crate) const PARAMS: u8 = 4;
pub(crate) const STDIN: u8 = 5;
pub(crate) const STDOUT: u8 = 6;
pub(crate) const DATA: u8 = 8;
pub(crate) const GET_VALUES: u8 = 9;
pub(crate) const GET_VALUES_RESULT: u8 = 10;
pub(crate) const UNKNOWN_TYPE: u8 = 11;

/// A record of FastCGI.
pub(crate) fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let id = id.to_be_bytes();
    // A byte of padding, which means nothing.
    let header = [1, kind, id[0], id[1], length[0], length[1], 1, 0];
    [&header[..], content, b"?"].concat()
}

pub(crate) fn begin(id: u16, role: u16, flags: u8) -> Vec<u8> {
    let role = role.to_be_bytes();
    record(BEGIN, id, &[role[0], role[1], flags, 0, 0, 0, 0, 0])
}

pub(crate) fn pairs(said: &Said) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in &said.0 {
        for text in [name, value] {
            if let Ok(short @ 0..128) = u8::try_from(text.len()) {
                bytes.push(short);
            } else {
                let long = u32::try_from(text.len()).unwrap() | 1 << 31;
                bytes.extend(long.to_be_bytes());
            }
        }
        bytes.extend(name.as_bytes());
        bytes.extend(value.as_bytes());
    }
    bytes
}

pub(crate) fn params(id: u16, said: &Said) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pairs(said).chunks(0xffff) {
        bytes.extend(record(PARAMS, id, piece));
    }
    bytes.extend(record(PARAMS, id, b""));
    bytes
}

pub(crate) fn stdin(id: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in body.chunks(0xffff) {
        bytes.extend(record(STDIN, id, piece));
    }
    bytes.extend(record(STDIN, id, b""));
    bytes
}

/// A record that came: its type, its request and its content.
pub(crate) type Record = (u8, u16, Vec<u8>);

/// All whole records in some bytes, and what is behind.
pub(crate) fn records(mut bytes: &[u8]) -> (Vec<Record>, Vec<u8>) {
    let mut records = Vec::new();
    while let [
        1,
        kind,
        id_1,
        id_0,
        length_1,
        length_0,
        padding,
        0,
        rest @ ..,
    ] = bytes
    {
        let length = usize::from(u16::from_be_bytes([*length_1, *length_0]));
        let Some(behind) = rest.get(length + usize::from(*padding)..) else {
            break;
        };
        let id = u16::from_be_bytes([*id_1, *id_0]);
        records.push((*kind, id, rest[..length].to_vec()));
        bytes = behind;
    }
    (records, bytes.to_vec())
}

/// An answer as the front server has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    /// What would have gone to the client.
    pub(crate) text: String,
    /// Whether it looks complete.
    pub(crate) whole: bool,
}

impl Answer {
    /// What some bytes say, of one request.
    pub(crate) fn of(protocol: Protocol, bytes: &[u8], cut: bool) -> Self {
        if protocol != Protocol::FastCgi {
            let text = String::from_utf8_lossy(bytes);
            return Self {
                // uwsgi's first line says it another way.
                text: match text.strip_prefix("HTTP/1.1 ") {
                    Some(rest) => format!("Status: {rest}"),
                    None => text.into_owned(),
                },
                whole: !cut,
            };
        }
        let (records, rest) = records(bytes);
        assert!(rest.is_empty(), "{rest:?}");
        let stdout: Vec<u8> = records
            .iter()
            .filter(|(kind, ..)| *kind == STDOUT)
            .flat_map(|(.., content)| content.clone())
            .collect();
        let ended = records
            .iter()
            .any(|(kind, _, content)| *kind == END && content == &[0; 8]);
        Self {
            text: String::from_utf8_lossy(&stdout).into_owned(),
            whole: ended,
        }
    }

    pub(crate) fn status(&self) -> u16 {
        let status = self
            .text
            .strip_prefix("Status: ")
            .unwrap_or_else(|| panic!("{self:?}"));
        status.get(..3).unwrap().parse().unwrap()
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.text.split_once("\r\n\r\n").unwrap();
        head.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}
