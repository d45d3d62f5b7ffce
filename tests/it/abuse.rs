//! What nobody honest sends: a clear answer, nobody else notices, nothing is left behind.
//!
//! All of it against the program in a process of its own, so that a crash is seen and what it keeps
//! can be counted.

mod crowd;
mod slow;
mod sockets;

use crate::{
    app::ADMIN,
    program::{Program, status},
};
use serde_json::Value;

fn problem(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or(Value::Null)
}

#[test]
fn numbers_beyond_reason_are_refused_by_their_field() {
    let shop = Program::start(&[]);
    let digits = "9".repeat(60_000);
    let small = format!("0.{}1", "0".repeat(50_000));
    let whole = [
        ("1e400", 422),
        ("-1e400", 422),
        ("18446744073709551615", 422),
        ("18446744073709551616", 422),
        ("4294967296", 422),
        ("1000001", 422),
        ("-9223372036854775809", 422),
        ("-1", 422),
        ("-0", 422),
        ("-0.0", 422),
        ("0", 422),
        ("1e-400", 422),
        ("0.5", 422),
        (&small, 422),
        (&digits, 422),
        ("NaN", 415),
        ("Infinity", 415),
        ("0x10", 415),
        ("01", 415),
        ("1_000", 415),
        (".5", 415),
    ];
    for (units, wanted) in whole {
        let body = format!("{{\"sku\": \"TEE-RED-M\", \"units\": {units}}}");
        let (status, said) = shop.ask("POST /api/cart", "", &body);
        assert_eq!(status, wanted, "{units:.20} {said}");
        if wanted == 422 {
            assert_eq!(problem(&said)["field"], "/units", "{units:.20} {said}");
        }
    }
    let admin = format!("Authorization: Bearer {ADMIN}\r\n");
    for (path, body, field) in [
        ("receipts", r#"{"units": 1e300}"#, "/units"),
        ("receipts", r#"{"units": 18446744073709551616}"#, "/units"),
        ("adjustments", r#"{"units": -9223372036854775808, "reason": "x"}"#, ""),
        ("adjustments", r#"{"units": -9223372036854775809, "reason": "x"}"#, "/units"),
        ("sale", r#"{"units_per_buyer": 4294967296}"#, "/units_per_buyer"),
    ] {
        let method = if path == "sale" { "PUT" } else { "POST" };
        let at = format!("{method} /api/inventory/TEE-RED-M/{path}");
        let (status, said) = shop.ask(&at, &admin, body);
        assert!((400..500).contains(&status), "{path} {body} {said}");
        if !field.is_empty() {
            assert_eq!(problem(&said)["field"], field, "{path} {body} {said}");
        }
    }
    for limit in ["-1", "0", "201", "99999999999999999999", "NaN", "1e2", "%00", "%FF"] {
        let (status, said) = shop.ask(&format!("GET /api/products?limit={limit}"), "", "");
        assert_eq!((status, &problem(&said)["code"]), (422, &"invalid".into()), "{limit} {said}");
    }
    for query in ["cursor=%FF%FE", "cursor=AAAA", "min_price=1e400", "sort=%00", "q=%C3%28"] {
        let (status, said) = shop.ask(&format!("GET /api/products?{query}"), "", "");
        assert!(status == 422 || status == 200, "{query} {said}");
    }
    shop.is_well();
}

#[test]
fn nesting_without_end_is_refused_whole_or_broken_off() {
    let shop = Program::start(&[]);
    let deep = |open: &str, close: &str| {
        let levels = 60_000 / (open.len() + close.len());
        [open.repeat(levels), close.repeat(levels)].concat()
    };
    for body in [
        "[".repeat(60_000),
        deep("[", "]"),
        "{\"a\":".repeat(12_000),
        format!("{{\"sku\": \"TEE-RED-M\", \"units\": 1, \"more\": {}}}", deep("[", "]")),
        format!("{{\"sku\": {}, \"units\": 1}}", deep("[", "]")),
    ] {
        let (status, said) = shop.ask("POST /api/cart", "", &body);
        assert!(status == 415 || status == 422, "{body:.30} {said}");
    }
    shop.is_well();
}

#[test]
fn bytes_that_are_no_text_are_refused_wherever_they_stand() {
    let shop = Program::start(&[]);
    let ask = |head: &[u8], body: &[u8]| {
        let rest = format!(
            "Host: shop\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        shop.say(&[head, rest.as_bytes(), body].concat())
    };
    let body = br#"{"sku": "TEE-RED-M", "units": 1}"#;
    for (head, body, wanted) in [
        (&b"POST /api/cart HTTP/1.1\r\n"[..], &b"{\"sku\": \"\xff\xfe\", \"units\": 1}"[..], 415),
        (b"POST /api/cart HTTP/1.1\r\n", b"\xef\xbb\xbf{\"sku\": \"A\", \"units\": 1}", 415),
        (b"POST /api/cart HTTP/1.1\r\n", b"{\"sku\": \"\\ud800\", \"units\": 1}", 415),
        (b"GET /api/products/%FF%FE HTTP/1.1\r\n", b"", 404),
        (b"GET /api/inventory/%C3%28 HTTP/1.1\r\n", b"", 404),
        (b"GET /api/products/\xff HTTP/1.1\r\n", b"", 404),
        (b"POST /api/cart HTTP/1.1\r\nCart-Token: \xff\xfe\r\n", body, 403),
        (b"POST /api/cart HTTP/1.1\r\nCookie: cart_token=\xff\r\n", body, 200),
        (b"POST /api/cart HTTP/1.1\r\nX-Request-Id: \xff\r\n", body, 200),
        (b"POST /api/cart HTTP/1.1\r\nAccept-Language: \xff\r\n", body, 200),
        (b"POST /api/cart/checkout HTTP/1.1\r\nIdempotency-Key: \xff\r\n", body, 422),
        (b"GET /api/cart HTTP/1.1\r\nAuthorization: Bearer \xff\r\n", b"", 401),
        (b"GET /api/orders HTTP/1.1\r\nAuthorization: Bearer \xff\r\n", b"", 403),
    ] {
        let said = ask(head, body);
        let head = String::from_utf8_lossy(head);
        let status = status(&said);
        // A path that is no text may be refused before it is routed, and a string that is none by
        // whoever reads the field.
        let early = (status, wanted) == (400, 404) || (status, wanted) == (422, 415);
        assert!(status == wanted || early, "{status}, not {wanted}: {head} {said}");
    }
    shop.is_well();
}

#[test]
fn what_is_no_request_ends_its_connection() {
    let shop = Program::start(&[]);
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03rest of a hello\r\n\r\n";
    let broken: [&[u8]; 17] = [
        b"\0\0\0\0\r\n\r\n",
        hello,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n: no name\r\n\r\n",
        b"GET / HTTP/1.1\r\nSpace : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: \0\r\n\r\n",
        b"POST /api/cart HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/cart HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /api/cart HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /api/cart HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST /api/cart HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api/cart HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        b"POST /api/cart HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for bytes in broken {
        let said = shop.say(bytes);
        let status = status(&said);
        // What breaks off inside a body can't be told apart from one that is not JSON.
        let clear = status == 0 || (400..500).contains(&status);
        assert!(clear, "{:?} {said}", String::from_utf8_lossy(bytes));
        assert!(!said.contains("HTTP/1.1 2"), "{:?} {said}", String::from_utf8_lossy(bytes));
    }
    // What stood before it on the same connection was a request like any other.
    let said = shop.say(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\0\0garbage\r\n\r\n");
    assert!(said.starts_with("HTTP/1.1 200") && said.contains("HTTP/1.1 400"), "{said}");
    shop.is_well();
}

#[test]
fn a_request_is_never_smuggled_into_the_body_of_another() {
    let shop = Program::start(&[]);
    // Both lengths at once: whatever is made of it, what stands behind is no request of its own.
    let said = shop.say(
        b"POST /api/cart HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
          0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    let answers = said.matches("HTTP/1.1 ").count();
    assert!(!said.contains("alive") || answers == 2, "{said}");
    assert!((400..500).contains(&status(&said)) || status(&said) == 0, "{said}");
    shop.is_well();
}

#[test]
fn heads_and_bodies_have_ends() {
    let many = "X: y\r\n".repeat(3_000);
    let shop = Program::start(&[]);
    let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    assert_eq!(status(&shop.say(head.as_bytes())), 431);
    let path = "x".repeat(70_000);
    let said = shop.say(format!("GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    assert!([414, 431].contains(&status(&said)), "{said}");
    let endless = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &vec![b'x'; 1 << 20]].concat();
    assert_eq!(status(&shop.say(&endless)), 431);
    let said = shop.say(
        b"POST /api/cart HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
          Content-Length: 1000000000000\r\n\r\n{",
    );
    assert_eq!(status(&said), 413, "{said}");
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    let chunked = "POST /api/cart HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                   Transfer-Encoding: chunked\r\n\r\n";
    let said = shop.say([chunked, &chunk.repeat(40)].concat().as_bytes());
    assert_eq!(status(&said), 413, "{said}");
    shop.is_well();
}
