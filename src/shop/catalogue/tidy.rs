//! A spec as the shop keeps it: without white space at its edges, without HTML that does
//! something.
//!
//! Invariant: what is tidy stays as it is, so writing what was read is no change.

use super::Error;
use crate::domain::product::{Spec, category};

/// After so many rounds, HTML that still changes is not worth keeping.
const MOST_ROUNDS: u32 = 32;

/// # Errors
/// The description is HTML that can't be made harmless.
pub(super) fn tidy(spec: Spec) -> Result<Spec, Error> {
    let mut spec = spec;
    spec.description = html(spec.description)?;
    spec.category = category::tidy(&spec.category);
    let mut tags: Vec<String> = vec![];
    for tag in spec.tags {
        let tag = tag.trim();
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    spec.tags = tags;
    trim(&mut spec.title);
    trim(&mut spec.vendor);
    spec.options.iter_mut().for_each(trim);
    for variant in &mut spec.variants {
        trim(&mut variant.title);
        variant.options.iter_mut().for_each(trim);
        trim(&mut variant.barcode);
    }
    Ok(spec)
}

fn trim(text: &mut String) {
    if text.trim().len() < text.len() {
        *text = text.trim().to_owned();
    }
}

/// Cleaned until cleaning changes nothing: what a parser reads is not always what it was given.
fn html(text: String) -> Result<String, Error> {
    let mut text = text;
    for _ in 0..MOST_ROUNDS {
        let clean = ammonia::clean(&text);
        if clean == text {
            return Ok(text);
        }
        text = clean;
    }
    Err(Error::invalid("/description", "must be HTML that stays the same when it is read again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(text: &str) -> String {
        html(text.to_owned()).unwrap()
    }

    #[test]
    fn nothing_that_runs_is_kept() {
        for (dirty, left) in [
            ("<p>a<script>alert(1)</script>b</p>", "<p>ab</p>"),
            ("<img src=\"x.png\" onerror=\"alert(1)\">", "<img src=\"x.png\">"),
            ("<style>p{}</style>", ""),
            ("<p style=\"color:red\" onclick=\"x()\">a</p>", "<p>a</p>"),
            ("<svg><script>alert(1)</script></svg>", ""),
            ("<iframe src=\"https://example.com\"></iframe>", ""),
            ("<form action=\"/x\"><input name=\"a\"></form>", ""),
            ("<scr<script>ipt>alert(1)</script>", "ipt&gt;alert(1)"),
        ] {
            assert_eq!(clean(dirty), left, "{dirty}");
        }
        for scheme in ["javascript:alert(1)", " JaVaScRiPt:alert(1)", "java\nscript:a", "data:,a"] {
            let link = clean(&format!("<a href=\"{scheme}\">a</a>"));
            assert!(!link.contains("href"), "{link}");
        }
    }

    #[test]
    fn what_is_written_well_stays_as_it_is() {
        for text in [
            "",
            "Heavy cotton, cut straight.\n\nSecond paragraph; it's fine - \"quoted\".",
            "<p>Heavy <strong>cotton</strong><br>cut straight.</p><ul><li>one</li></ul>",
            "größer als 茶",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn text_with_signs_of_markup_becomes_html() {
        assert_eq!(clean("a < b & c"), "a &lt; b &amp; c");
        assert_eq!(clean("a &lt; b &amp; c"), "a &lt; b &amp; c");
    }

    #[test]
    fn a_spec_is_tidied_at_its_edges() {
        let tags = [" red", "red", "new "].map(str::to_owned).to_vec();
        let vendor = " North ".to_owned();
        let title = " Tee\u{a0}".to_owned();
        let spec = Spec { title, vendor, tags, category: "A>B".into(), ..Spec::default() };
        let tidied = tidy(spec).unwrap();
        assert_eq!(tidied.title, "Tee");
        assert_eq!((tidied.vendor.as_str(), tidied.category.as_str()), ("North", "A > B"));
        assert_eq!(tidied.tags, ["red", "new"]);
        assert_eq!(tidy(tidied.clone()).unwrap(), tidied);
    }

    proptest! {
        #[test]
        fn cleaning_again_changes_nothing(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "<p>", "</p>", "<b>", "</b>", "<i>", "</i>", "<a href=\"https://a.b/?x=1&y\">",
                    "</a>", "<pre>", "</pre>", "\n", "\r\n", "<table>", "<tr>", "<td>", "</table>",
                    "<svg>", "<math>", "<script>", "</script>", "<!--", "-->", "&", "&lt;", "&amp",
                    "<", ">", "\"", "'", "text", "\u{a0}", "<li>", "<ul>", "<div>", "</div>", "<h1>",
                    "<textarea>", "<noscript>", "<template>", "\0", "<img src=x>", "<br/>",
                ]),
                0..24,
            )
        ) {
            // Refusing is allowed, changing its mind is not.
            if let Ok(once) = html(parts.concat()) {
                prop_assert_eq!(ammonia::clean(&once), once.clone());
                prop_assert!(!once.contains("<script"));
            }
        }
    }
}
