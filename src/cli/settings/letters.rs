//! The settings about letters: where they go, who writes them, how patiently.
//!
//! Invariant: no password is ever shown.

use super::{Error, Values, get, number, parse, quoted};
use crate::{
    actors::herald,
    ports::mail::{Mailbox, Route},
    shop::mail::Options,
};
use std::path::PathBuf;

pub(super) fn read(values: &Values) -> Result<Options, Error> {
    let usual = Options::default();
    let given = |name: &str| values.get(name).map_or("", |(value, _)| value.trim());
    let mut route = "files, smtp://host:port or smtps://host:port".to_owned();
    if let Err(why) = Route::parse(given("mail"))
        && !given("mail").is_empty()
    {
        route = format!("{route}: {why}");
    }
    let optional = |name, expected, read: fn(&str) -> Option<String>| {
        if values.contains_key(name) {
            get(values, name, "", expected, read).map(Some)
        } else {
            Ok(None)
        }
    };
    let ca = optional("mail_ca", "a file", parse)?;
    let at_once = number(values, "mail_at_once", usual.herald.at_once, 1, 256)?;
    let most_attempts = number(values, "mail_attempts", usual.herald.most_attempts, 1, 10_000)?;
    Ok(Options {
        route: get(values, "mail", "files", &route, |text| Route::parse(text).ok())?,
        from: get(
            values,
            "mail_from",
            &usual.from.to_string(),
            "an address such as Shop <shop@example.com>",
            writer,
        )?,
        ca: ca.map(PathBuf::from),
        timeout_ms: number(values, "mail_timeout_ms", usual.timeout_ms, 1, 600_000)?,
        public_url: optional("public_url", "an address such as https://shop.example.com", address)?,
        herald: herald::Settings { at_once, most_attempts, ..usual.herald },
    })
}

/// As [`Mailbox::find`]; a shop that only tries things out may write from its own machine.
fn writer(text: &str) -> Option<Mailbox> {
    let near = text.strip_suffix("@localhost>").or(text.strip_suffix("@localhost"));
    let Some(near) = near else { return Mailbox::find(text) };
    let found = Mailbox::find(&format!("{near}@localhost.localdomain"))?;
    let address = found.address.strip_suffix(".localdomain").unwrap_or_default().to_owned();
    Some(Mailbox { address, ..found })
}

/// `http` or `https` and a host, without a `/` at its end.
fn address(text: &str) -> Option<String> {
    let url = reqwest::Url::parse(text).ok()?;
    let fits = matches!(url.scheme(), "http" | "https") && url.has_host();
    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    (fits && bare).then(|| text.trim_end_matches('/').to_owned())
}

pub(super) fn shown(options: &Options) -> [(&'static str, String); 7] {
    let ca = options.ca.as_ref().map_or(String::new(), |path| path.display().to_string());
    [
        ("mail", quoted(&options.route)),
        ("mail_from", quoted(&options.from)),
        ("mail_ca", quoted(ca)),
        ("mail_timeout_ms", options.timeout_ms.to_string()),
        ("mail_at_once", options.herald.at_once.to_string()),
        ("mail_attempts", options.herald.most_attempts.to_string()),
        ("public_url", quoted(options.public_url.as_deref().unwrap_or_default())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings::Source;

    fn values(given: &[(&'static str, &str)]) -> Values {
        given.iter().map(|(name, value)| (*name, ((*value).to_owned(), Source::Default))).collect()
    }

    fn shown_of(given: &[(&'static str, &str)]) -> String {
        let options = read(&values(given)).unwrap();
        shown(&options).map(|(name, value)| format!("{name} = {value}")).join("\n")
    }

    #[test]
    fn a_password_is_never_shown() {
        let route = "smtp://ana:geheim%21@mail.example.com?tls=required";
        let all = shown_of(&[("mail", route), ("mail_from", "Añá <shop@example.com>")]);
        assert!(!all.contains("geheim"), "{all}");
        assert!(
            all.contains("mail = \"smtp://ana:***@mail.example.com:587?tls=required\""),
            "{all}"
        );
        assert!(all.contains("mail_from = \"Añá <shop@example.com>\""), "{all}");
        let bad = read(&values(&[("mail", "smtp://ana:geheim@host?tls=maybe")])).unwrap_err();
        let bad = bad.to_string();
        assert!(!bad.contains("geheim") && bad.contains("tls is required, opportunistic"), "{bad}");
    }

    #[test]
    fn what_no_letter_could_use_is_refused() {
        for (name, value) in [
            ("mail", ""),
            ("mail", "imap://host"),
            ("mail", "smtp://"),
            ("mail", "smtp://ana@host"),
            ("mail", "smtps://host?tls=none"),
            ("mail", "smtp://host/path"),
            ("mail", "smtp://host?colour=red"),
            ("mail_from", "nobody"),
            ("mail_from", "a@b.co, c@d.co"),
            ("mail_timeout_ms", "0"),
            ("mail_at_once", "0"),
            ("mail_attempts", "0"),
            ("public_url", "shop.example.com"),
            ("public_url", "ftp://shop.example.com"),
            ("public_url", "https://shop.example.com/?a=b"),
        ] {
            let refused = read(&values(&[(name, value)])).map(drop).unwrap_err().to_string();
            assert!(refused.starts_with(name) && refused.contains("must be"), "{refused}");
        }
    }

    #[test]
    fn the_usual_ones_are_files_from_this_machine() {
        let all = shown_of(&[("public_url", "https://shop.example.com/eu/")]);
        assert!(all.contains("mail = \"files\""), "{all}");
        assert!(all.contains("mail_from = \"Doorbuster <shop@localhost>\""), "{all}");
        assert!(all.contains("public_url = \"https://shop.example.com/eu\""), "{all}");
    }
}
