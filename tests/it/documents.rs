//! The document of the door and the page that shows it, as a client fetches them.

use crate::app::App;
use serde_json::Value;
use std::collections::BTreeSet;

/// What stands between `before` and the next quote, as often as it comes.
fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn the_document_is_served_and_known_by_its_etag() {
    let app = App::new().await;
    let document = app.get("/openapi.json").await;
    assert_eq!(document.status(), 200);
    assert_eq!(document.header("content-type"), "application/json");
    assert_eq!(document.text("/openapi"), "3.1.0");
    assert_eq!(document.text("/info/version"), env!("CARGO_PKG_VERSION"));
    let etag = document.header("etag").to_owned();
    for known in [etag.as_str(), &format!("\"other\", W/{etag}"), "*"] {
        let headers = [("If-None-Match", known)];
        let again = app.call("GET", "/openapi.json", &headers, Value::Null).await;
        assert_eq!((again.status(), again.0.body.len()), (304, 0), "{known}");
        assert_eq!(again.header("etag"), etag);
    }
    let other = app.call("GET", "/openapi.json", &[("If-None-Match", "\"x\"")], Value::Null).await;
    assert_eq!(other.status(), 200);
    app.close().await;
}

#[tokio::test]
async fn each_address_of_the_document_takes_the_methods_it_tells_and_no_others() {
    let app = App::new().await;
    let document = app.get("/openapi.json").await.body();
    for (path, item) in document["paths"].as_object().unwrap() {
        let told: BTreeSet<String> =
            item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        let place = path.replace(['{', '}'], "");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let answer = app.call(method, &place, &[], Value::Null).await;
            if told.contains(method) {
                assert_ne!(answer.status(), 405, "{method} {path}: {answer}");
                let nothing = "there is nothing at this address";
                assert_ne!(answer.text("/detail"), nothing, "{method} {path}");
                let statuses = &item[method.to_lowercase()]["responses"];
                assert!(statuses.get(answer.status().to_string()).is_some(), "{method} {path}");
            } else {
                answer.is_problem(405, "method-not-allowed");
                let allowed = answer.header("allow").split(',').map(|one| one.trim().to_owned());
                let allowed: BTreeSet<String> = allowed.filter(|one| one != "HEAD").collect();
                assert_eq!(allowed, told, "{path}");
            }
        }
    }
    app.close().await;
}

#[tokio::test]
async fn the_page_has_all_it_loads_from_this_server() {
    let app = App::new().await;
    let page = app.get("/docs").await;
    assert_eq!(page.status(), 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let html = String::from_utf8(page.0.body.to_vec()).unwrap();
    let mut loaded = quoted(&html, "src=\"");
    loaded.extend(quoted(&html, "href=\""));
    assert!(loaded.len() >= 7, "{loaded:?}");
    for place in loaded {
        assert!(!place.contains(':') && !place.starts_with('/'), "{place} may lead elsewhere");
        let file = app.get(&format!("/{place}")).await;
        assert_eq!(file.status(), 200, "{place}");
        let media = file.header("content-type").to_owned();
        let text = String::from_utf8_lossy(&file.0.body).into_owned();
        let kind = place.rsplit('.').next().unwrap();
        let wanted = match kind {
            "css" => "text/css",
            "js" => "text/javascript",
            "png" => "image/png",
            other => panic!("{place}: what is {other}?"),
        };
        assert_eq!(media, wanted, "{place}");
        if kind == "css" {
            for inside in text.split("url(").skip(1) {
                let inside = inside.trim_start_matches(['"', '\'']);
                assert!(inside.starts_with("data:"), "{place} loads {inside:.40}");
            }
        }
        if place.ends_with("swagger-initializer.js") {
            // The code of the page holds addresses that only these settings would make it load.
            assert!(!text.contains("http"), "{text}");
            assert!(text.contains(r#""validatorUrl": "none""#), "{text}");
            assert_eq!(quoted(&text, "\"url\": \""), ["openapi.json"]);
        }
    }
    app.get("/docs/nothing.js").await.is_problem(404, "not-found");
    app.get("/docs/..%2Fopenapi.json").await.is_problem(404, "not-found");
    app.close().await;
}
