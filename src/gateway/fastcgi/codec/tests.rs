use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const MOST: Most = Most {
    bytes: 1000,
    variables: 20,
    requests: 3,
    connections: 1,
};

/// A record as it may be written: any type, few ids, any content and padding.
fn record() -> impl Strategy<Value = Vec<u8>> {
    let begin = prop_oneof![
        Just(vec![0, 1, 1, 0, 0, 0, 0, 0]),
        Just(vec![0, 2, 0, 0, 0, 0, 0, 0])
    ];
    let pair = Just(b"\x01\x01ab".to_vec());
    let content = prop_oneof![begin, pair, Just(Vec::new()), vec(any::<u8>(), 0..20)];
    (0..13_u8, 0..5_u8, content, 0..4_u8).prop_map(|(kind, id, content, padding)| {
        let mut bytes = vec![
            1,
            kind,
            0,
            id,
            0,
            u8::try_from(content.len()).unwrap(),
            padding,
            0,
        ];
        bytes.extend(content);
        bytes.extend(vec![b'?'; padding.into()]);
        bytes
    })
}

/// What the events of some bytes say, those of one body together, and what is answered.
fn said(bytes: &[u8], cut: usize) -> (Vec<String>, Vec<u8>, bool) {
    let mut codec = FastCgi::new(MOST);
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    let mut said: Vec<String> = Vec::new();
    for piece in bytes.chunks(cut) {
        input.extend_from_slice(piece);
        loop {
            match codec.decode(&mut input, &mut out) {
                Ok(None) => break,
                Ok(Some(Event::Data { id, data })) => {
                    let begins = format!("{id} has ");
                    let data = data.escape_ascii();
                    match said.last_mut().filter(|last| last.starts_with(&begins)) {
                        Some(last) => last.extend(data.map(char::from)),
                        None => said.push(format!("{begins}{data}")),
                    }
                }
                Ok(Some(event)) => said.push(format!("{event:?}")),
                Err(_) => return (said, out.to_vec(), true),
            }
            assert!(codec.requests.len() <= MOST.requests);
            let Heads { begun, done } = codec.heads();
            assert!(done <= begun);
        }
    }
    (said, out.to_vec(), false)
}

proptest! {
    #[test]
    fn records_mean_the_same_however_they_are_cut(records in vec(record(), 0..30), cut in 1..50_usize) {
        let bytes = records.concat();
        prop_assert_eq!(said(&bytes, cut), said(&bytes, bytes.len().max(1)));
    }

    #[test]
    fn any_bytes_are_records_or_not(bytes in vec(any::<u8>(), 0..300), cut in 1..50_usize) {
        said(&bytes, cut);
    }

    #[test]
    fn no_more_is_kept_than_is_allowed(records in vec(vec(any::<u8>(), 0..200), 0..30)) {
        let mut codec = FastCgi::new(MOST);
        let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
        input.extend_from_slice(&[1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
        assert!(matches!(codec.decode(&mut input, &mut out), Ok(None)));
        for content in records {
            input.extend_from_slice(&[1, 4, 0, 1, 0, u8::try_from(content.len()).unwrap(), 0, 0]);
            input.extend_from_slice(&content);
            while let Ok(Some(_)) = codec.decode(&mut input, &mut out) {}
        }
        prop_assert!(input.len() < HEADER);
    }
}
