//! Every rule broken once, and kept once where that is not plain.

use super::*;

/// Where the complaints are, and a word of each.
fn check(complaints: &[String], expected: &[&str]) {
    assert_eq!(complaints.len(), expected.len(), "{complaints:#?}");
    for (complaint, expected) in complaints.iter().zip(expected) {
        assert!(complaint.contains(expected), "{complaint} has no {expected}");
    }
}

#[test]
fn a_file_without_a_first_word_is_refused() {
    check(&opening("src/a.rs", "//! Says it.\n"), &[]);
    check(&opening("src/a.rs", "use x;\n//! Too late.\n"), &["src/a.rs:1:"]);
    check(&opening("src/a.rs", ""), &["src/a.rs:1:"]);
}

#[test]
fn a_long_file_is_refused_and_so_is_a_stale_exception() {
    check(&length(&[("a.rs", 400), ("b.rs", 401)], &[]), &["b.rs:400: 401 lines"]);
    check(&length(&[("a.rs", 450)], &[("a.rs", 450)]), &[]);
    check(&length(&[("a.rs", 451)], &[("a.rs", 450)]), &["a.rs:450:"]);
    check(&length(&[("a.rs", 400)], &[("a.rs", 450)]), &["short enough"]);
    check(&length(&[], &[("a.rs", 450)]), &["gone"]);
}

#[test]
fn an_import_against_the_stream_is_refused_however_it_is_spelled() {
    let complain = |path: &str, text: &str| layers(path, text);
    check(&complain("src/actors/sku.rs", "use crate::{journal::Position, views::board};"), &[]);
    check(
        &complain("src/journal/log.rs", "\nuse crate::{domain, actors::Baton};"),
        &["src/journal/log.rs:2: `journal` imports `actors`"],
    );
    check(&complain("src/journal.rs", "fn f() { crate::http::serve() }"), &["`http`"]);
    check(&complain("src/journal/log.rs", "use super::super::shop::Shop;"), &["`shop`"]);
    check(&complain("src/load/rush.rs", "use crate::journal::Hash;"), &["may import domain"]);
    check(&complain("src/domain/sku.rs", "use crate::ports::Clock;"), &["may import nothing"]);
    check(&complain("src/verify.rs", "use crate::actors::System;"), &["`actors`"]);
    check(&complain("src/strange.rs", ""), &["say in `LAYERS`"]);
    check(&complain("src/main.rs", "use crate::anything;"), &[]);
    check(&complain("src/journal.rs", "// crate::http\nlet x = \"crate::http\";"), &[]);
}

#[test]
fn a_circle_within_a_layer_is_refused() {
    let complain = |files: &[(&str, &str)]| circles("http", files);
    let router = ("src/http/router.rs", "use super::{Door, docs, openapi as say};");
    let openapi = ("src/http/openapi/cart.rs", "use crate::http::cart::Wish;");
    let docs = ("src/http/docs.rs", "use super::{Door, openapi};");
    let root = ("src/http.rs", "use self::router::router;");
    check(&complain(&[root, router, openapi, docs, ("src/http/cart.rs", "")]), &[]);
    let back = ("src/http/openapi.rs", "\nuse super::router::map;");
    let complaints = complain(&[root, router, back, docs]);
    check(
        &complaints,
        &[
            "src/http/docs.rs:1: `docs` imports `openapi`",
            "src/http/openapi.rs:2: `openapi` imports `router`",
            "src/http/router.rs:1: `router` imports `docs`",
            "src/http/router.rs:1: `router` imports `openapi`",
        ],
    );
    let test = ("src/http/openapi.rs", "#[cfg(test)]\nmod tests { use crate::http::router::map; }");
    check(&complain(&[router, test, docs]), &[]);
    check(&circles("shop", &[root, router, back, docs]), &[]);
}

#[test]
fn an_impure_domain_is_refused() {
    let crates = ["serde", "tokio", "serde_json"].map(str::to_owned).into();
    let complain = |text: &str| purity("src/domain/sku.rs", text, &crates);
    check(&complain("use serde::Serialize;\nuse std::collections::BTreeMap;"), &[]);
    check(&complain("use tokio::sync::mpsc;"), &["src/domain/sku.rs:1:"]);
    check(&complain("use std::sync::{Arc, Mutex};"), &["Mutex"]);
    check(&complain("\nfn f() { std::time::Instant::now(); }"), &["sku.rs:2:"]);
    check(&complain("use std::collections::{BTreeMap, HashMap};"), &["HashMap"]);
    check(&complain("#[cfg(test)]\nmod tests { use serde_json::json; }"), &[]);
}

#[test]
fn what_is_half_done_is_refused_in_code_and_prose() {
    let unfinished = concat!("fn f() { to", "do!() }");
    check(&leftovers("src/a.rs", unfinished), &["src/a.rs:1: finish"]);
    check(&leftovers("src/a.rs", concat!("\n// FIX", "ME later")), &["src/a.rs:2: mend"]);
    check(&leftovers("a.md", concat!("XX", "X")), &["a.md:1:"]);
    check(&leftovers("src/a.rs", concat!("let none = \"XX", "X\";")), &[]);
}

#[test]
fn registries_and_homes_are_refused() {
    check(&places("a.md", concat!("\nhttps://crates", ".io/x")), &["a.md:2: leave"]);
    check(&places("a.toml", concat!("path = \"/ho", "me/ana\"")), &["a.toml:1:"]);
    check(&places("a.md", "https://example.com/x"), &[]);
}

#[test]
fn a_script_without_its_run_bits_is_refused() {
    let modes = [("test", Some(0o100_755)), (".ci/run", Some(0o100_644)), ("gone", None)];
    check(&run_bits(&modes), &["chmod +x .ci/run", "gone:1:"]);
}

#[test]
fn a_decision_is_numbered_whole_and_linked() {
    let text = format!("# 0001: Bytes\n{}\n", SECTIONS.join("\n"));
    let index = "[0001](docs/decisions/0001-bytes.md)";
    check(&decisions(&[("0001-bytes.md", &text)], index), &[]);
    check(&decisions(&[], index), &["no records"]);
    check(&decisions(&[("0001-bytes.md", &text)], ""), &["link it"]);
    check(&decisions(&[("0002-bytes.md", &text)], "(docs/decisions/0002-bytes.md)"), &["0001-"]);
    check(&decisions(&[("0001-bytes.md", "# 0001: Bytes")], index), &["sections"]);
    let long = format!("{text}{}", "\n".repeat(60));
    check(&decisions(&[("0001-bytes.md", &long)], index), &["longer than a page"]);
    let untitled = text.replace("0001", "0007");
    check(&decisions(&[("0001-bytes.md", &untitled)], index), &["begin with"]);
}

#[test]
fn a_dead_link_is_refused() {
    let exists = |path: &str| matches!(path, "src/lib.rs" | "docs/x.md");
    check(&links("README.md", "[a](docs/x.md) `src/lib.rs` [b](https://b)", &exists), &[]);
    check(&links("docs/y.md", "[a](x.md)", &exists), &[]);
    check(
        &links("README.md", "\n[a](gone.md) `src/gone.rs`", &exists),
        &["README.md:2: there is no gone.md", "there is no src/gone.rs"],
    );
    check(&links("CHANGELOG.md", "`src/gone.rs` once", &exists), &[]);
}
