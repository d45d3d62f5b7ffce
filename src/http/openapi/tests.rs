//! What the document promises about itself: every address, every reference, every example's shape.

use crate::http::{
    problem::Code,
    router::{document, map},
};
use serde_json::Value;
use std::collections::BTreeSet;

fn written() -> Value {
    serde_json::to_value(document()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, one)| (path.clone(), method.clone(), one))
    });
    all.collect()
}

fn each<'a>(value: &'a Value, visit: &mut impl FnMut(&'a str, &'a Value)) {
    let fields = value.as_object().into_iter().flatten();
    let fields = fields.map(|(name, value)| (name.as_str(), value));
    let items = value.as_array().into_iter().flatten().map(|value| ("", value));
    for (name, value) in fields.chain(items) {
        visit(name, value);
        each(value, visit);
    }
}

#[test]
fn every_route_of_the_map_is_in_the_document_and_nothing_else() {
    let method = |one| serde_json::to_value(one).unwrap().as_str().unwrap().to_lowercase();
    let described = map().into_described();
    let described: Vec<(String, String)> =
        described.into_iter().map(|(path, one, _)| (path.to_owned(), method(one))).collect();
    let mapped: BTreeSet<_> = described.iter().cloned().collect();
    assert_eq!(mapped.len(), described.len(), "a route stands on the map once");
    let document = written();
    let told: BTreeSet<_> =
        operations(&document).into_iter().map(|(path, method, _)| (path, method)).collect();
    assert_eq!(told, mapped);
}

#[test]
fn every_operation_is_told_in_full() {
    let document = written();
    let mut ids = BTreeSet::new();
    for (path, method, one) in operations(&document) {
        let place = format!("{method} {path}");
        let id = one["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{place}: {id} comes twice");
        assert!(!one["summary"].as_str().unwrap().is_empty(), "{place} has no summary");
        assert!(one["tags"][0].is_string(), "{place} has no tag");
        let responses = one["responses"].as_object().unwrap();
        let good =
            responses.keys().any(|status| status.starts_with('1') || status.starts_with('2'));
        assert!(good && responses.contains_key("500"), "{place} lacks answers: {responses:?}");
        let named = one["parameters"].as_array().unwrap().iter();
        let named: Vec<&str> = named
            .filter(|one| one["in"] == "path" && one["required"] == true)
            .map(|one| one["name"].as_str().unwrap())
            .collect();
        let wanted: Vec<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(named, wanted, "{place} names other parts of its path");
        if let Some(body) = one.get("requestBody") {
            let content = &body["content"]["application/json"];
            assert!(content["example"].is_object(), "{place} has no example of its body");
        }
    }
}

#[test]
fn every_reference_and_link_leads_somewhere() {
    let document = written();
    let mut count = 0;
    each(&document, &mut |name, value| {
        let Some(reference) = value.as_str().filter(|_| name == "$ref") else { return };
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} is nowhere");
        count += 1;
    });
    assert!(count > 100, "only {count} references were found");
    let all = operations(&document);
    let mut links = 0;
    for (path, _, one) in &all {
        for link in one["responses"].as_object().unwrap().values() {
            for link in link["links"].as_object().into_iter().flatten().map(|(_, link)| link) {
                let target = all.iter().find(|(.., one)| one["operationId"] == link["operationId"]);
                let (.., target) = target.unwrap_or_else(|| panic!("{path}: {link} leads nowhere"));
                for name in link["parameters"].as_object().into_iter().flat_map(|all| all.keys()) {
                    let (place, name) = name.split_once('.').unwrap();
                    // A token is a key, not a parameter.
                    let known = target["parameters"].as_array().unwrap().iter();
                    let mut known = known.map(|one| (one["in"].as_str(), one["name"].as_str()));
                    let token = place == "header" && name.ends_with("-Token");
                    let known = known.any(|known| known == (Some(place), Some(name)));
                    assert!(token || known, "{path}: {link} gives {name}, which nobody takes");
                }
                links += 1;
            }
        }
    }
    assert!(links > 20, "only {links} links were found");
}

#[test]
fn problems_are_told_with_their_codes_and_statuses() {
    let document = written();
    let mut told = BTreeSet::new();
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        let content = &response["content"]["application/problem+json"];
        for (code, example) in content["examples"].as_object().unwrap() {
            let known = Code::ALL.iter().find(|known| known.name() == code).unwrap();
            assert_eq!(example["value"]["status"], known.status().as_u16(), "{name}");
            assert_eq!(example["value"]["code"], *code, "{name}");
            told.insert(known.name());
        }
    }
    // Nobody asks for an address that is not there, or in a way that is not there.
    let left: Vec<&str> =
        Code::ALL.iter().map(|code| code.name()).filter(|name| !told.contains(name)).collect();
    assert_eq!(left, ["method-not-allowed"]);
}

#[test]
fn a_schema_leaves_nothing_open_that_the_server_closes() {
    let document = written();
    let schemas = &document["components"]["schemas"];
    for (_, _, one) in operations(&document) {
        let Some(body) = one.get("requestBody") else { continue };
        let reference = body["content"]["application/json"]["schema"]["$ref"].as_str().unwrap();
        let schema = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        assert_eq!(schema["additionalProperties"], false, "{reference} takes other fields");
    }
    assert_eq!(schemas["Wish"]["properties"]["units"]["$ref"], "#/components/schemas/WantedUnits");
    assert_eq!(schemas["WantedUnits"]["maximum"], crate::shop::cart::MAX_UNITS);
}

/// `cargo test --lib writes_the_document -- --ignored` shows it without a server.
#[test]
#[ignore = "shows the document, for whoever changes it"]
fn writes_the_document() {
    println!("{}", serde_json::to_string_pretty(&document()).unwrap());
}
