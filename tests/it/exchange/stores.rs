//! Where products go: a stopped store and a running server take the same.

use super::{COMPLAINTS, Desk, at};
use crate::app::{App, product};
use serde_json::{Value, json};

#[test]
fn a_stopped_store_takes_what_is_good_and_a_second_run_changes_nothing() {
    let desk = Desk::new();
    let dry = desk.run("import products odd.csv --store s --dry-run --json");
    assert_eq!((dry.code, dry.counts()), (Some(1), ([4, 0, 0, 2], 11)), "{}", dry.out);
    assert!(!desk.path().join("s").exists(), "a dry run makes no store");

    let first = desk.run("import products odd.csv --store s");
    assert_eq!(first.code, Some(1));
    for complaint in COMPLAINTS {
        assert!(first.err.contains(complaint), "{complaint} is missing in {}", first.err);
    }
    assert_eq!(
        first.err.lines().filter(|line| !line.ends_with("(a note)")).count(),
        5,
        "{}",
        first.err
    );
    assert!(first.err.contains("odd.csv:1: these columns are not taken over: SEO Title (a note)"));
    assert!(first.err.contains("odd.csv:11:8 (Status): is draft"), "{}", first.err);
    assert!(first.out.contains("4 made, 0 changed, 0 unchanged, 2 skipped"), "{}", first.out);

    let before = desk.events("s");
    assert!(!before.contains("alert(1)"), "no script gets in");
    for flags in ["", "--dry-run"] {
        let again = desk.run(&format!("import products odd.csv --store s --json {flags}"));
        assert_eq!((again.code, again.counts()), (Some(1), ([0, 0, 4, 2], 0)), "{}", again.out);
    }
    assert_eq!(desk.events("s"), before, "a second run leaves no trace");
}

#[test]
fn what_is_exported_makes_the_same_store_again() {
    let desk = Desk::new();
    desk.run("import products odd.csv --store a");
    assert_eq!(desk.run("export products --store a -o one.csv").code, Some(0));
    let again = desk.run("import products one.csv --store b --json");
    assert_eq!(
        (again.code, again.counts().0),
        (Some(0), [4, 0, 0, 0]),
        "{}{}",
        again.out,
        again.err
    );
    let two = desk.run("export products --store b");
    assert_eq!(two.out, desk.read("one.csv"));
    let rows: Vec<&str> = two.out.lines().collect();
    assert!(two.out.contains("gone,Gone,,,,,false,"), "what is archived stays so: {rows:?}");
    assert!(two.out.contains("TEE-S-RED,180,shopify,5,"), "{rows:?}");
    assert!(two.out.contains(",'0123,https://a.example/1.jpg,1,front,"), "{rows:?}");
    assert!(!desk.path().join("one.csv.part").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_takes_the_same_and_nothing_twice_after_sales() {
    let app = App::new().await;
    let desk = Desk::new();
    let import = |file: &str, flags: &str| {
        desk.run(&format!("import products {file} --json {} {flags}", at(&app)))
    };
    let dry = import("odd.csv", "--dry-run");
    assert_eq!((dry.code, dry.counts()), (Some(1), ([4, 0, 0, 2], 11)), "{}", dry.out);
    app.inventory("CAP").await.is_problem(404, "unknown-sku");
    let first = import("odd.csv", "");
    assert_eq!((first.code, first.counts()), (Some(1), ([4, 0, 0, 2], 11)), "{}", first.out);
    assert_eq!(first.json()["errors"].as_array().unwrap().len(), 5);
    assert_eq!(app.counts("TEE-S-RED").await, (5, 0, 0, 5));
    app.add(None, "OLD", 1).await.is_problem(409, "not-for-sale");

    let token = app.guest("TEE-S-RED", 2).await;
    assert_eq!(app.check_out(&token, "k", "tok_approve").await.text("/status"), "confirmed");
    let movements = || app.admin("GET", "/api/inventory/TEE-S-RED/movements", Value::Null);
    let before = movements().await.body();
    let again = import("odd.csv", "");
    assert_eq!((again.code, again.counts()), (Some(1), ([0, 0, 4, 2], 0)), "{}", again.out);
    assert_eq!(movements().await.body(), before, "nothing is received twice");

    let served = desk.run(&format!("export products {}", at(&app)));
    assert!(served.out.contains("TEE-S-RED,180,shopify,3,"), "{}", served.out);
    let folder = app.stop().await;
    let stopped = desk.run(&format!("export products --store {}", folder.path().display()));
    assert_eq!(stopped.out, served.out, "{}", stopped.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_that_differs_is_changed_and_keeps_its_stock() {
    let app = App::new().await;
    let desk = Desk::new();
    let head = "Handle,Title,Published,Option1 Name,Option1 Value,Variant SKU,\
                Variant Inventory Qty,Variant Price";
    let import = |rows: &str| {
        desk.write("a.csv", &format!("{head}\n{rows}"));
        desk.run(&format!("import products a.csv --json {}", at(&app)))
    };
    assert_eq!(import("a,A,true,Size,S,A-S,5,10\n").counts(), ([1, 0, 0, 0], 5));
    // Other units alone are no difference: they have moved on.
    assert_eq!(import("a,A,true,Size,S,A-S,9,10\n").counts(), ([0, 0, 1, 0], 0));
    let changed = import("a,Better,true,Size,S,A-S,9,12\na,,,,M,A-M,4,12\n");
    assert_eq!((changed.code, changed.counts()), (Some(0), ([0, 1, 0, 0], 4)), "{}", changed.err);
    assert_eq!(app.counts("A-S").await, (5, 0, 0, 5));
    assert_eq!(app.counts("A-M").await, (4, 0, 0, 4));
    let off = import("a,Better,false,Size,S,A-S,9,12\na,,,,M,A-M,4,12\n");
    assert_eq!(off.counts(), ([0, 1, 0, 0], 0));
    app.add(None, "A-S", 1).await.is_problem(409, "not-for-sale");
    // What is archived is changed all the same, and stays archived.
    let other = import("a,Best,false,Size,S,A-S,9,12\na,,,,M,A-M,4,12\n");
    assert_eq!(other.counts(), ([0, 1, 0, 0], 0), "{}", other.err);
    app.add(None, "A-S", 1).await.is_problem(409, "not-for-sale");
    assert_eq!(
        import("a,Best,true,Size,S,A-S,9,12\na,,,,M,A-M,4,12\n").counts(),
        ([0, 1, 0, 0], 0)
    );
    app.guest("A-S", 1).await;
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_of_another_product_is_reported_in_a_dry_run_too() {
    let app = App::new().await;
    app.stock_up("CAP", 4).await;
    let desk = Desk::new();
    for flags in ["--dry-run", ""] {
        let said = desk.run(&format!("import products odd.csv --json {} {flags}", at(&app)));
        assert_eq!(said.counts().0, [3, 0, 0, 3], "{}", said.out);
        let errors = said.json()["errors"].to_string();
        assert!(errors.contains("\"line\":7") && errors.contains("CAP"), "{errors}");
    }
    assert_eq!(app.counts("CAP").await, (4, 0, 0, 4));
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_without_a_handle_is_found_by_its_id() {
    let app = App::new().await;
    let desk = Desk::new();
    let mut tee = product(&["TEE-S", "TEE-M"], 5);
    tee["title"] = json!("Plain");
    app.admin("POST", "/api/products", tee).await;
    let server = at(&app);
    assert_eq!(desk.run(&format!("export products {server} -o out.csv")).code, Some(0));
    let back = desk.run(&format!("import products out.csv --json {server}"));
    assert_eq!((back.code, back.counts()), (Some(0), ([0, 0, 1, 0], 0)), "{}", back.err);
    desk.write("out.csv", &desk.read("out.csv").replace("Plain", "Plainer"));
    let back = desk.run(&format!("import products out.csv --json {server}"));
    assert_eq!(back.counts(), ([0, 1, 0, 0], 0), "{}", back.err);
    assert_eq!(app.get("/api/products").await.text("/items/0/title"), "Plainer");
    // Another store gives it a handle, and knows it again.
    for counts in [([1, 0, 0, 0], 10), ([0, 0, 1, 0], 0)] {
        assert_eq!(desk.run("import products out.csv --json --store s").counts(), counts);
    }
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_reached_is_named_with_what_to_do() {
    let app = App::new().await;
    let desk = Desk::new();
    let url = format!("--url {}", app.target());
    let folder = "s";
    for (line, why) in [
        (format!("{url} --store {folder}"), "give it with --admin-token or DOORBUSTER_ADMIN_TOKEN"),
        (
            format!("{url} --admin-token wrong --dry-run"),
            "the server does not take the admin token",
        ),
        (format!("{url} --admin-token wrong"), "the server does not take the admin token"),
        (
            "--url http://127.0.0.1:1 --admin-token wrong".to_owned(),
            "no answer from http://127.0.0.1:1/",
        ),
        ("--url nonsense --admin-token wrong".to_owned(), "write it as http://HOST:PORT"),
    ] {
        let said = desk.run(&format!("import products odd.csv {line}"));
        assert_eq!(said.code, Some(2), "{line}: {}", said.err);
        assert!(said.err.contains(why), "{}", said.err);
    }
    let store = app.folder().display().to_string();
    let commands = [
        "import products odd.csv",
        "import products odd.csv --dry-run",
        "export products",
        "export orders",
    ];
    for command in commands {
        let said = desk.run(&format!("{command} --store {store}"));
        assert_eq!(said.code, Some(2), "{command}: {}", said.err);
        assert!(said.err.contains("a server has the store"), "{}", said.err);
        assert!(said.err.contains("use --url"), "{}", said.err);
    }
    let said = desk.run("export products --store nowhere");
    assert!(said.code == Some(2) && said.err.contains("nowhere holds no store"), "{}", said.err);
    app.close().await;
}
