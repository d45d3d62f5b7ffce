//! What becomes of files: good ones, bad ones, and the platform's own.

use super::{Desk, shared};
use std::fs;

const HEAD: &str = "Handle,Title,Body (HTML),Variant SKU,Variant Inventory Qty,Variant Price";

#[test]
fn a_file_that_is_none_is_refused_in_a_sentence() {
    let desk = Desk::new();
    desk.write("names.csv", "SKU,Name\na,b\n");
    fs::write(desk.path().join("latin.csv"), b"Handle,Title,Variant Price\na,caf\xe9,1\n").unwrap();
    for (file, why) in [
        ("missing.csv", "missing.csv: No such file"),
        ("names.csv", "the columns Handle, Title, Variant Price should be on its first line"),
        ("latin.csv", "line 2, byte 6: 0xE9 is not UTF-8; save the file as CSV in UTF-8"),
    ] {
        let said = desk.run(&format!("import products {file} --store s"));
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{}", said.err);
        assert!(said.err.contains(why), "{}", said.err);
        assert!(!desk.path().join("s").exists(), "{file} made a store");
    }
    let said = desk.run("import products odd.csv --currency XXQ");
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("must be an ISO 4217 code such as USD"), "{}", said.err);
}

#[test]
fn a_product_beyond_the_limits_is_reported_and_the_rest_goes_in() {
    let desk = Desk::new();
    let (long, wide) = ("x".repeat(70_000), "y".repeat(501));
    desk.write("big.csv", &format!("{HEAD}\na,A,{long},A,1,1\nb,{wide},,B,1,1\nc,C,,C,1,1\n"));
    let said = desk.run("import products big.csv --store s");
    assert_eq!(said.code, Some(1), "{}", said.err);
    let complaints: Vec<&str> = said.err.lines().collect();
    assert_eq!(
        complaints,
        [
            "big.csv:2: the product has 69 KiB as JSON, a server takes 64: shorten it",
            "big.csv:3:2 (Title): must have 1 to 500 characters",
        ]
    );
    assert_eq!(
        said.out,
        "big.csv: 3 rows, 3 products: 1 made, 0 changed, 0 unchanged, 2 skipped\n\
         1 variants, 1 units received, 1 errors\n"
            .replace("1 errors", "2 errors")
    );
}

#[test]
fn prices_are_of_the_currency_that_is_named_and_come_back_in_it() {
    let desk = Desk::new();
    desk.write("yen.csv", &format!("{HEAD}\na,A,,A,1,1200\nb,B,,B,1,12.50\n"));
    let said = desk.run("import products yen.csv --store s --currency jpy");
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("yen.csv:3:6 (Variant Price): '12.50' is finer than JPY"),
        "{}",
        said.err
    );
    desk.run("export products --store s -o out.csv");
    assert!(desk.read("out.csv").lines().next().unwrap().ends_with(",Currency"));
    let again = desk.run("import products out.csv --store s --json");
    assert_eq!((again.code, again.counts()), (Some(0), ([0, 0, 1, 0], 0)), "{}", again.err);
}

#[test]
fn the_platforms_own_files_go_in_as_they_are_and_round() {
    let Some(files) = shared() else { return };
    let desk = Desk::new();
    let import = |file: &str, store: &str| {
        let said = desk.run(&format!("import products {file} --store {store} --json"));
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        said
    };
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let made: u64 = files.iter().map(|file| import(file, "a").counts().0[0]).sum();
    assert_eq!(made, 60);
    let before = desk.events("a");
    for file in &files {
        assert_eq!(import(file, "a").counts(), ([0, 0, 20, 0], 0), "{file}");
    }
    assert_eq!(desk.events("a"), before, "a second run leaves no trace");
    assert_eq!(desk.run("export products --store a -o one.csv").code, Some(0));
    assert_eq!(import("one.csv", "b").counts().0, [60, 0, 0, 0]);
    assert_eq!(desk.run("export products --store b -o two.csv").code, Some(0));
    assert_eq!(desk.read("one.csv"), desk.read("two.csv"));
    assert_eq!(desk.run("verify --store b").code, Some(0));
}
