//! How orders are written, and which days they are of.

use super::{Format, Lines, from, order, order::Order, until};
use crate::domain::Time;
use serde_json::json;

fn order(name: &str, title: &str) -> Order {
    let usd = |amount_minor: i64| json!({"amount_minor": amount_minor, "currency": "USD"});
    let served = json!({
        "id": "ord_00000000000000000000000000000007", "status": "confirmed",
        "payment_status": "captured", "needs_review": false, "total": usd(4_197),
        "items": [
            {"sku": "A", "title": title, "units": 2, "price": usd(1_999), "total": usd(3_998)},
            {"sku": "B", "title": "b", "units": 1, "price": usd(199), "total": usd(199)},
        ],
        "gift": {"to": "Bo", "message": "for you"}, "access_token": null, "later": 1,
        "timeline": [{"at": "2026-11-27T09:00:00.000Z", "what": "placed"}],
        "contact": {"email": "ana@example.com", "address": {
            "name": name, "line1": "1 High St", "city": "Leeds", "postal_code": "LS1", "country": "GB",
        }},
    });
    serde_json::from_value::<order::Served>(served).unwrap().into()
}

fn written(format: Format, order: &Order) -> String {
    let mut out = vec![];
    let mut lines = Lines::new(format, &mut out).unwrap();
    lines.write(order).unwrap();
    lines.end().unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_table_has_a_line_per_item() {
    assert_eq!(
        written(Format::Csv, &order("Ana", "tee, red")),
        "order_id,placed_at,status,payment_status,email,name,address,sku,title,units,price,\
         line_total,order_total,currency,gift\n\
         ord_00000000000000000000000000000007,2026-11-27T09:00:00.000Z,confirmed,captured,\
         ana@example.com,Ana,\"1 High St, Leeds, LS1, GB\",A,\"tee, red\",2,19.99,39.98,41.97,USD,true\n\
         ord_00000000000000000000000000000007,2026-11-27T09:00:00.000Z,confirmed,captured,\
         ana@example.com,Ana,\"1 High St, Leeds, LS1, GB\",B,b,1,1.99,1.99,41.97,USD,true\n"
    );
}

#[test]
fn no_cell_of_a_table_is_a_formula() {
    for odd in ["=1+1", "+1", "-1", "@a", "\ta", "\ra"] {
        let text = written(Format::Csv, &order(odd, odd));
        let mut table = csv::Reader::from_reader(text.as_bytes());
        let row = table.records().next().unwrap().unwrap();
        assert_eq!((&row[5], &row[8]), (&*format!("'{odd}"), &*format!("'{odd}")), "{text}");
    }
}

#[test]
fn a_json_line_is_all_of_an_order() {
    let text = written(Format::Jsonl, &order("=Ana", "tee"));
    assert_eq!(text.lines().count(), 1);
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["address"]["name"], "=Ana");
    assert_eq!(
        (&line["placed_at"], &line["email"]),
        (&json!("2026-11-27T09:00:00.000Z"), &json!("ana@example.com"))
    );
    assert_eq!(line["items"][0]["total"]["amount_minor"], 3_998);
}

#[test]
fn days_are_whole_and_instants_exact() {
    let at = |text: &str| Ok(Time::parse(text).unwrap());
    assert_eq!(from("2026-11-27"), at("2026-11-27T00:00:00Z"));
    assert_eq!(until("2026-11-27"), at("2026-11-28T00:00:00Z"));
    assert_eq!(until("2026-11-27T10:00:00+01:00"), at("2026-11-27T09:00:00Z"));
    assert!(from("yesterday").unwrap_err().contains("must be a date"));
}
