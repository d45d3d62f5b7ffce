//! WebSocket frames that no client sends: the socket says what is wrong or ends, and others live.

use crate::program::Program;
use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
};

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const FIN: u8 = 0x80;

/// A socket of our own making, so that every bit of it can be wrong.
fn watch(shop: &Program) -> TcpStream {
    let mut stream = shop.connect();
    let upgrade = "GET /ws/stock HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).unwrap();
    let mut answer = vec![];
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    stream
}

/// A client's frame, masked by zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let head = match u16::try_from(length) {
        Ok(short) if length < 126 => vec![first, 0x80 | u8::try_from(short).unwrap()],
        Ok(short) => [&[first, 0xFE], &short.to_be_bytes()[..]].concat(),
        Err(_) => [&[first, 0xFF], &(length as u64).to_be_bytes()[..]].concat(),
    };
    [&head, &[0; 4][..], payload].concat()
}

/// The next frame of the server: its kind and its text; `None` once it has ended.
fn next(stream: &mut TcpStream) -> Option<(u8, String)> {
    let mut read = |bytes: &mut [u8]| match stream.read_exact(bytes) {
        Ok(()) => Some(()),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("neither an answer nor an end")
        }
        Err(_) => None,
    };
    let (mut head, mut long) = ([0; 2], [0; 2]);
    read(&mut head)?;
    let mut length = usize::from(head[1]);
    if length == 126 {
        read(&mut long)?;
        length = usize::from(u16::from_be_bytes(long));
    }
    let mut text = vec![0; length];
    read(&mut text)?;
    Some((head[0] & 0x0F, String::from_utf8_lossy(&text).into_owned()))
}

#[test]
fn a_frame_that_breaks_the_rules_ends_its_socket_and_no_other() {
    let shop = Program::start(&[]);
    let mut witness = watch(&shop);
    let before = shop.files();
    let long = vec![b' '; (16 << 10) + 1];
    let endless = [FIN | TEXT, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];
    let parts = [frame(TEXT, &long[..9_000]), frame(0, &long[..9_000])].concat();
    let broken: Vec<Vec<u8>> = vec![
        frame(FIN | TEXT, &long),
        endless.to_vec(),
        parts,
        frame(FIN, b"a rest without a beginning"),
        [frame(TEXT, b"a"), frame(FIN | TEXT, b"b")].concat(),
        frame(FIN | TEXT, b"\xff\xfe"),
        frame(FIN | 0x40 | TEXT, b"a reserved bit"),
        frame(FIN | 3, b"a reserved kind"),
        frame(FIN | PING, &[0; 126]),
        frame(PING, b"a ping in parts"),
        frame(FIN | CLOSE, &[3]),
        frame(FIN | CLOSE, &[0xFF, 0xFF]),
        vec![FIN | TEXT, 2, b'{', b'}'],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    for bytes in broken {
        let mut socket = watch(&shop);
        // It may be cut off before all is said.
        let _ = socket.write_all(&bytes);
        while let Some((kind, text)) = next(&mut socket) {
            assert_eq!(kind, CLOSE, "{text} for {:?}", &bytes[..bytes.len().min(20)]);
        }
    }
    shop.wait_for_files(before);
    let known = br#"{"type": "watch", "sku": ["TEE-RED-M"]}"#;
    witness.write_all(&frame(FIN | TEXT, known)).unwrap();
    assert!(next(&mut witness).unwrap().1.contains("\"stock\""));
    shop.is_well();
}

#[test]
fn a_message_that_means_nothing_is_answered_and_the_socket_lives() {
    let shop = Program::start(&[]);
    let mut socket = watch(&shop);
    let deep = "[".repeat(16_000);
    let many = format!("{{\"type\": \"watch\", \"sku\": [{}\"A\"]}}", "\"NOBODY\",".repeat(150));
    for text in ["", "null", "{", "7", "[]", "{\"type\":\"watch\"}", "\u{0}", "{\"type\":1}", &deep]
    {
        socket.write_all(&frame(FIN | TEXT, text.as_bytes())).unwrap();
        let (kind, said) = next(&mut socket).unwrap();
        assert!(kind == TEXT && said.contains("\"invalid\""), "{text:.20} {said}");
    }
    socket.write_all(&frame(FIN | BINARY, &[0xFF; 100])).unwrap();
    assert!(next(&mut socket).unwrap().1.contains("\"invalid\""));
    socket.write_all(&frame(FIN | TEXT, many.as_bytes())).unwrap();
    for _ in 0..=150 {
        assert!(next(&mut socket).unwrap().1.contains("\"unknown-sku\""));
    }
    for odd in
        ["TEE-RED-M@", "TEE-RED-M@-1", "TEE-RED-M@99999999999999999999", "@", "@7", "\u{1F600}"]
    {
        let text = serde_json::json!({"type": "watch", "sku": [odd]}).to_string();
        socket.write_all(&frame(FIN | TEXT, text.as_bytes())).unwrap();
        assert!(next(&mut socket).unwrap().1.contains("\"error\""), "{odd}");
    }
    socket.write_all(&frame(FIN | PING, b"still there?")).unwrap();
    assert_eq!(next(&mut socket).unwrap(), (10, "still there?".to_owned()));
    shop.is_well();
}
