//! A file's products, its complaints, and that what is written is read back.

use super::{
    columns::HEADER,
    parse::{Parsed, Product, parse},
    write::{Held, write},
};
use crate::{
    domain::{
        Currency, Money, ProductId, Sku,
        product::{Spec, Variant},
    },
    exchange::sheet::Sheet,
};
use proptest::prelude::*;
use uuid::Uuid;

fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}

fn read(text: &str) -> Parsed {
    parse(&Sheet::read(text.as_bytes()).unwrap(), usd()).unwrap()
}

/// Rows under a few of the columns, in an order of their own.
fn rows(rows: &str) -> Parsed {
    read(&format!(
        "Title,Handle,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant Price,\
         Variant SKU,Variant Inventory Qty,Image Src,Image Position,Image Alt Text\n{rows}"
    ))
}

fn complaints(parsed: &Parsed) -> Vec<String> {
    parsed.errors.iter().map(ToString::to_string).collect()
}

fn skus(product: &Product) -> Vec<&str> {
    product.spec.variants.iter().map(|variant| variant.sku.as_str()).collect()
}

#[test]
fn a_product_gathers_its_rows_wherever_they_stand() {
    let parsed = rows(
        "Tee,tee,Size,Small,Colour,Red,20,,5,http://a/2,2,back\n\
         Cap,cap,Title,Default Title,,,9.5,CAP,1,,,\n\
         ,tee,,Large,,Red,21.50,TEE-L,7,http://a/1,1,\n\
         ,tee,,,,,,,,http://a/3,,\n",
    );
    assert_eq!(complaints(&parsed), [""; 0]);
    let [tee, cap] = parsed.products.as_slice() else { panic!("{parsed:?}") };
    assert_eq!((tee.spec.title.as_str(), tee.line), ("Tee", 2));
    assert_eq!(tee.spec.options, ["Size", "Colour"]);
    assert_eq!(skus(tee), ["TEE-SMALL-RED", "TEE-L"]);
    assert_eq!(tee.variant_lines, [2, 4]);
    assert_eq!(tee.spec.images, ["http://a/1", "http://a/2", "http://a/3"]);
    assert_eq!(tee.image_lines, [4, 2, 5]);
    assert_eq!(tee.spec.image_alts["http://a/2"], "back");
    let small = &tee.spec.variants[0];
    assert_eq!(
        (small.title.as_str(), small.units, small.price.amount_minor),
        ("Small / Red", 5, 2_000)
    );
    assert_eq!(small.options, ["Small", "Red"]);
    assert_eq!((cap.spec.options.len(), cap.spec.variants[0].title.as_str()), (0, ""));
}

#[test]
fn each_bad_row_is_named_and_the_rest_goes_in() {
    let parsed = rows(
        "Tee,tee,Size,S,,,\"12,x\",,5,,,\n\
         ,tee,,M,,,20,,many,,,\n\
         ,tee,,L,,,20,,-3,,,\n\
         ,tee,,,,,20,TEE-X,1,,,\n\
         ,tee,,XL,,,20,A@B,1,,,\n\
         ,,,S,,,20,,1,,,\n\
         ,nameless,Size,S,,,20,,1,,,\n\
         Bare,bare,,,,,,,,http://a/1,x,\n\
         Odd,odd,Size,S,,Red,20,,1,,,\n",
    );
    assert_eq!(
        complaints(&parsed),
        [
            "2:7 (Variant Price): '12,x' is not a price: write it like 1299.95",
            "3:9 (Variant Inventory Qty): 'many' is not a number of units",
            "4:9 (Variant Inventory Qty): -3 units are on hand: taken as 0",
            "5:4 (Option1 Value): is missing: which Size is it?",
            "6:8 (Variant SKU): 'A@B' is no SKU: at most 64 bytes, without `@` and line breaks",
            "7:2 (Handle): is missing: the row belongs to no product",
            "8:1 (Title): is missing: the product is not taken in",
            "9: no variant that can go in is left: the product is not taken in",
            "9:11 (Image Position): 'x' is not a position: the picture goes to the end",
            "10: no variant that can go in is left: the product is not taken in",
            "10:6 (Option2 Value): is 'Red', but the product names no such option",
        ]
    );
    assert_eq!(parsed.skipped, 3);
    let [tee] = parsed.products.as_slice() else { panic!("{parsed:?}") };
    assert_eq!((skus(tee), tee.spec.variants[0].units), (vec!["TEE-L"], 0));
}

#[test]
fn everything_wrong_with_a_row_is_said_at_once() {
    let parsed = rows("Tee,tee,Size,,,,x,A@B,y,,,\n");
    assert_eq!(parsed.errors.len(), 5, "{:?}", complaints(&parsed));
    assert!(parsed.errors.iter().all(|issue| issue.line == 2));
}

#[test]
fn lines_are_those_of_the_file_behind_quoted_breaks() {
    let text = "Handle,Title,Body (HTML),Variant Price\r\n\
                a,A,\"<p>one\r\ntwo\r\nthree</p>\",1\r\n\
                b,B,x,2,,\r\n\
                c,C,x,oops\r\n\
                d,D,x,3,more\r\n";
    let parsed = read(text);
    assert_eq!(
        complaints(&parsed),
        [
            "6: no variant that can go in is left: the product is not taken in",
            "6:4 (Variant Price): 'oops' is not a price: write it like 1299.95",
            "7: has 5 cells, but there are 4 columns",
        ]
    );
    assert_eq!(parsed.products[0].spec.description, "<p>one\r\ntwo\r\nthree</p>");
}

#[test]
fn a_code_that_comes_twice_is_refused_where_it_comes_again() {
    let parsed = rows(
        "Tee,tee,Size,S,,,20,ONE,1,,,\n\
         Cap,cap,Size,S,,,20,ONE,1,,,\n\
         ,cap,,M,,,20,,1,,,\n\
         ,cap,,M,,,21,,1,,,\n",
    );
    assert_eq!(
        complaints(&parsed),
        [
            "3:8 (Variant SKU): the SKU ONE is that of line 2",
            "5:4 (Option1 Value): the options are those of line 4 (SKU CAP-M)",
        ]
    );
    assert_eq!(skus(&parsed.products[1]), ["CAP-M"]);
}

#[test]
fn codes_that_read_alike_are_told_apart_in_any_order() {
    let (one, other) = ("A,a,S,b c,,,1,,1,,,\n", "AB,a-b,S,c,,,1,,1,,,\n");
    let third = "X,x,S,y,,,1,,1,,,\nZ,z,S,y,,,1,X-Y,1,,,\n";
    let first = rows(&format!("{one}{other}{third}"));
    let again = rows(&format!("{third}{other}{one}"));
    assert_eq!(complaints(&first), [""; 0]);
    let all = |parsed: &Parsed| {
        let mut all: Vec<String> =
            parsed.products.iter().flat_map(skus).map(ToString::to_string).collect();
        all.sort();
        all
    };
    assert_eq!(all(&first), all(&again));
    assert_eq!(all(&first).iter().filter(|sku| sku.starts_with("A-B-C-")).count(), 2);
    assert!(all(&first).contains(&"X-Y".to_owned()), "{:?}", all(&first));
}

#[test]
fn what_is_not_for_sale_is_archived_and_a_draft_left_out() {
    let parsed = read(
        "Handle,Title,Published,Status,Variant Price\n\
         a,A,false,active,1\nb,B,true,archived,1\nc,C,true,draft,1\nd,D,,,1\ne,E,maybe,odd,1\n",
    );
    let archived: Vec<bool> = parsed.products.iter().map(|product| product.archived).collect();
    assert_eq!(archived, [true, true, false]);
    assert_eq!(
        parsed.notices[0].to_string(),
        "4:4 (Status): is draft: the product is not taken in"
    );
    assert_eq!(
        complaints(&parsed),
        [
            "6:3 (Published): 'maybe' is neither true nor false",
            "6:4 (Status): 'odd' is none of active, draft, archived",
        ]
    );
    assert_eq!(parsed.skipped, 2);
}

#[test]
fn the_merchants_own_category_counts_first() {
    let head = "Handle,Title,Variant Price,Type,Product Category,\
                Google Shopping / Google Product Category\n";
    let parsed = read(&format!(
        "{head}a,A,1,Shirts,Apparel > Tops,1604\nb,B,1,,Apparel > Tops,1604\nc,C,1,,,1604\n\
         d,D,1,,,Home > Lamps\n"
    ));
    let found: Vec<&str> = parsed.products.iter().map(|one| one.spec.category.as_str()).collect();
    assert_eq!(found, ["Shirts", "Apparel > Tops", "", "Home > Lamps"]);
}

#[test]
fn columns_that_are_missing_or_unknown_are_named() {
    let sheet = Sheet::read(b"SKU,Name\na,b\n").unwrap();
    let why = parse(&sheet, usd()).unwrap_err().to_string();
    assert!(why.contains("columns Handle, Title, Variant Price should be"), "{why}");
    let parsed = read("handle,TITLE,Price,SEO Title,Colour,Empty\na,A,1,x,red,\n");
    assert_eq!(
        parsed.notices[0].to_string(),
        "1: these columns are not taken over: SEO Title, Colour"
    );
    assert_eq!(parsed.products.len(), 1);
}

#[test]
fn a_quote_that_never_closes_takes_nothing_with_it_unsaid() {
    let parsed = read("Handle,Title,Variant Price\na,A,1\nb,\"B,1\nc,C,1\n");
    assert_eq!(parsed.products.len(), 1);
    assert!(complaints(&parsed)[0].starts_with("3: a quote opens in this row"), "{parsed:?}");
}

#[test]
fn a_zero_decimal_currency_is_read_and_written_in_its_own_units() {
    let sheet = Sheet::read(b"Handle,Title,Variant Price\na,A,1200\nb,B,12.50\n").unwrap();
    let parsed = parse(&sheet, Currency::parse("JPY").unwrap()).unwrap();
    assert!(complaints(&parsed).iter().any(|why| why.contains("'12.50' is finer than JPY")));
    let price = parsed.products[0].spec.variants[0].price;
    assert_eq!(price.to_string(), "1200 JPY");
    let again = read(&written(&mut [held(parsed.products[0].spec.clone())]));
    assert_eq!(again.products[0].spec.variants[0].price, price);
}

fn held(spec: Spec) -> Held {
    Held { id: ProductId(Uuid::from_u128(7)), spec, archived: false }
}

fn written(products: &mut [Held]) -> String {
    let mut out = vec![];
    write(products, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_header_is_the_platforms() {
    let spec = Spec { handle: "a".into(), title: "A".into(), ..Spec::default() };
    let text = written(&mut [held(spec)]);
    assert_eq!(text.lines().next().unwrap(), HEADER.join(","));
}

#[test]
fn a_product_without_a_handle_is_written_under_its_id() {
    let spec = Spec { title: "A".into(), variants: vec![variant("A", &[], "")], ..Spec::default() };
    let parsed = read(&written(&mut [held(spec)]));
    assert_eq!(parsed.products[0].handle, ProductId(Uuid::from_u128(7)).to_string());
}

fn variant(sku: &str, options: &[&str], title: &str) -> Variant {
    let price = Money { amount_minor: 1_999, currency: usd() };
    let options = options.iter().map(ToString::to_string).collect();
    Variant { options, ..Variant::new(Sku::parse(sku).unwrap(), title, price) }
}

/// Texts that files trip over.
fn odd_text() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "a", "B", " ", ",", "\"", "\n", "\r\n", "\r", "'", ";", "=1", "é", "漢", "<p>", "&amp;",
        "\u{feff}", "\t", "Title", "\\", "\u{2028}",
    ]);
    prop::collection::vec(parts, 0..6).prop_map(|parts| parts.concat())
}

/// Not empty, without white space at its ends.
fn tidy_text() -> impl Strategy<Value = String> {
    odd_text().prop_map(|text| format!("x{text}y"))
}

fn odd_variant(currency: Currency) -> impl Strategy<Value = Variant> {
    let money = || (0_i64..1 << 40).prop_map(move |amount_minor| Money { amount_minor, currency });
    let image = prop::option::of((0_u32..9).prop_map(|n| format!("https://a.example/{n}?b=c,d")));
    let numbers = (any::<u32>(), 0_u64..1_000_000);
    let texts = (odd_text(), prop::collection::vec(tidy_text(), 3), odd_text());
    (texts, money(), prop::option::of(money()), image, numbers).prop_map(
        |((title, options, barcode), price, compare_at, image, (weight_g, units))| {
            let sku = Sku::parse("X").unwrap();
            Variant { sku, title, price, compare_at, options, barcode, image, weight_g, units }
        },
    )
}

fn odd_spec() -> impl Strategy<Value = Spec> {
    let code = prop::sample::select(vec!["USD", "EUR", "JPY", "KWD"]);
    let currency = code.prop_map(|code| Currency::parse(code).unwrap());
    let variants = currency.prop_flat_map(|one| prop::collection::vec(odd_variant(one), 1..6));
    let images = prop::collection::vec(0_u32..9, 0..12);
    let alts = prop::collection::vec(tidy_text(), 9);
    let texts = (tidy_text(), odd_text(), odd_text(), odd_text());
    let lists = (prop::collection::vec(odd_text(), 0..4), prop::collection::vec(tidy_text(), 0..4));
    (variants, images, alts, texts, lists, any::<(bool, bool)>()).prop_map(spec_of)
}

type Parts = (
    Vec<Variant>,
    Vec<u32>,
    Vec<String>,
    (String, String, String, String),
    (Vec<String>, Vec<String>),
    (bool, bool),
);

fn spec_of((variants, images, alts, texts, (tags, options), (usual, bare)): Parts) -> Spec {
    let (title, description, vendor, category) = texts;
    let options: Vec<String> = options.into_iter().take(3).collect();
    let mut spec = Spec { title, description, vendor, tags, options, ..Spec::default() };
    spec.category =
        if category.bytes().all(|b| b.is_ascii_digit()) { String::new() } else { category };
    spec.images = images.iter().map(|n| format!("https://a.example/{n}?b=c,d")).collect();
    for (number, mut variant) in variants.into_iter().enumerate() {
        variant.sku = Sku::parse(&format!("S{number}")).unwrap();
        variant.options.truncate(spec.options.len());
        if bare && number == 0 {
            variant.options.clear();
        }
        if usual && !variant.options.is_empty() {
            variant.title = super::title_of(&variant.options);
        }
        spec.variants.push(variant);
    }
    let shown = spec.variants.iter().filter_map(|variant| variant.image.as_ref());
    let shown: Vec<String> = spec.images.iter().chain(shown).cloned().collect();
    spec.image_alts = shown.into_iter().zip(alts).collect();
    spec
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_written_reads_back_the_same(specs in prop::collection::vec(odd_spec(), 1..4)) {
        let specs: Vec<Spec> = specs.into_iter().enumerate().map(|(number, mut spec)| {
            spec.handle = format!("p{number}");
            for variant in &mut spec.variants {
                variant.sku = Sku::parse(&format!("{number}-{}", variant.sku)).unwrap();
            }
            spec
        }).collect();
        let mut products: Vec<Held> = specs.iter().cloned().map(held).collect();
        let text = written(&mut products);
        let parsed = read(&text);
        prop_assert!(parsed.errors.is_empty(), "{:?}", complaints(&parsed));
        let found: Vec<Spec> = parsed.products.iter().map(|one| one.spec.clone()).collect();
        prop_assert_eq!(&found, &specs);
        let mut again: Vec<Held> = found.into_iter().map(held).collect();
        prop_assert_eq!(written(&mut again), text);
    }
}
