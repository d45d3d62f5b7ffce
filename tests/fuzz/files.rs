//! The small files of a store, product files, and recorded sales.

use crate::harness::{attack, golden};
use doorbuster::{
    domain::{Currency, Sealed},
    exchange::{products::parse::parse, sheet::Sheet},
    journal::{Checkpoint, Layout, keyring::Opener},
    load::trace,
};
use std::fs;

#[test]
fn the_small_files_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout(folder.path().to_owned());
    let about = fs::read(golden().join("store.json")).unwrap();
    attack("store.json", 20, &[about], |bytes| {
        fs::write(layout.about(), bytes).unwrap();
        let _ = layout.read();
    });
    let point = br#"{"format":1,"shards":[{"position":4096,"hash":"00"}]}"#.to_vec();
    attack("checkpoint", 20, &[point, vec![7; 96]], |bytes| {
        fs::write(layout.checkpoint(), bytes).unwrap();
        let _ = Checkpoint::in_file(&layout.checkpoint());
    });
    let keys = fs::read(golden().join("keys")).unwrap();
    attack("keys", 20, &[keys], |bytes| {
        fs::write(layout.keys(), bytes).unwrap();
        let opener = Opener::open(&layout.keys()).unwrap();
        for key in [0, 1, bytes.len() as u64, u64::MAX] {
            let sealed = Sealed { key, field: 1, bytes: bytes.iter().copied().take(64).collect() };
            assert!(opener.unseal(&sealed).is_err(), "nothing sealed this");
        }
    });
}

const PRODUCTS: &str = "\
Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,\
Variant Grams,Variant Inventory Qty,Variant Price,Image Src,Status
tee,\"Tee, red\",<p>Soft</p>,Maker,Shirts,\"red, cotton\",TRUE,Size,S,TEE-S,200,10,19.99,https://example.com/a.jpg,active
tee,,,,,,,,M,TEE-M,200,5,19.99,,
mug,Mug,\"<p>Two
lines</p>\",Maker,Kitchen,,TRUE,Title,Default Title,,350,-1,9.50,,draft
";

#[test]
fn product_files() {
    let currency = Currency::parse("USD").unwrap();
    let good = parse(&Sheet::read(PRODUCTS.as_bytes()).unwrap(), currency);
    assert!(good.is_ok(), "what begins well is read");
    let marked = ["\u{feff}", PRODUCTS].concat().into_bytes();
    let lines = PRODUCTS.replace('\n', "\r\n").into_bytes();
    attack("products", 1, &[PRODUCTS.as_bytes().to_vec(), marked, lines], |bytes| {
        if let Ok(sheet) = Sheet::read(bytes) {
            let _ = parse(&sheet, currency);
        }
    });
}

#[test]
fn recorded_sales() {
    let rows = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
                536365,85123A,\"HOLDER, RED\",6,12/1/2010 8:26,2.55,17850,United Kingdom\n\
                C536379,D,Discount,-1,12/1/2010 9:41,27.50,14527,United Kingdom\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sales.csv");
    attack("sales", 20, &[rows.as_bytes().to_vec()], |bytes| {
        fs::write(&path, bytes).unwrap();
        if let Ok(rows) = trace::rows(&path) {
            for row in rows.take(10_000).flatten() {
                let _ = (row.price_cents(), row.is_cancellation());
            }
        }
    });
}
