//! What an operator may set: by flag, else by environment, else by file, else a default.
//!
//! Every value keeps where it came from, so that an error names the place to mend it. Secrets are
//! never printed.

mod letters;

use crate::{
    http::cors::{self, Origins},
    journal::layout::MAX_SHARDS,
    shop::mail,
};
use std::{
    collections::BTreeMap,
    env, fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

/// What `--help` says about all of them.
pub const HELP: &str = "\
Each setting is taken from its flag, else from DOORBUSTER_ and its name in capitals, else from
the file of --config (or doorbuster.toml, if it is there), else it is the default.";

/// The file that is read when none is named.
const USUAL_FILE: &str = "doorbuster.toml";

macro_rules! flags {
    ($($name:ident = $value:literal, $help:literal, $default:literal;)*) => {
        /// The flags of a server; all texts here, so that each is read the same wherever it is.
        #[derive(Clone, Debug, Default, clap::Args)]
        pub struct Flags {
            $(#[arg(long, value_name = $value, help = concat!($help, " [default: ", $default, "]"))]
            $name: Option<String>,)*
        }

        impl Flags {
            fn given(&self) -> BTreeMap<&'static str, String> {
                let all = [$((stringify!($name), &self.$name)),*];
                all.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
            }

            /// Only the store, and only if it is given.
            pub fn of_store(store: Option<String>) -> Flags {
                Flags { store, ..Flags::default() }
            }

            /// Whether none is given.
            pub fn is_empty(&self) -> bool {
                self.given().is_empty()
            }
        }

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

flags! {
    listen = "HOST:PORT", "Address to listen on", "127.0.0.1:8080";
    store = "DIR", "Folder of the store, made on a first start", "data/store";
    admin_token = "TOKEN", "Opens what only an admin may do", "made, and written to the store's folder";
    reservation_ttl_ms = "MS", "How long a cart holds its units", "600000";
    payment_ttl_ms = "MS", "How long an order may take to be paid", "600000";
    abandon_after_ms = "MS", "A cart without activity for so long is abandoned", "86400000";
    shards = "N", "Shards of a store that is made now; an existing one keeps its own", "1";
    most_commands = "N", "Commands that may be under way at once; more are told to come again", "4096";
    most_connections = "N", "Connections that may be open at once", "16384";
    most_per_address = "N", "Connections that one address may have open; 0 is all but a sixteenth", "0";
    most_sockets = "N", "WebSockets that may be open at once", "10000";
    mail = "URL", "Where letters go: files, smtp://user:password@host:port?tls=required, opportunistic or none, or smtps://", "files, .eml files in the store's folder mail";
    mail_from = "ADDRESS", "Who writes the letters, as `Shop <shop@example.com>`", "Doorbuster <shop@localhost>";
    mail_ca = "FILE", "One more CA that mail servers may be vouched for by, as PEM", "none";
    mail_timeout_ms = "MS", "How long a mail server may take to let us in, and to take one letter", "30000";
    mail_at_once = "N", "Letters under way at once", "8";
    mail_attempts = "N", "Failures of its own after which a letter is dead", "30";
    public_url = "URL", "Where buyers reach the door; letters link there", "none, letters have no link";
    idle_ms = "MS", "An actor without work for so long goes to rest", "10000";
    allow_future = "BOOL", "Open a store whose last entry is over a minute ahead of the clock: true or false", "false";
    cors_origins = "ORIGINS", "Web pages that may call from a browser, such as https://shop.example, with commas between, or *", "none";
    cookie_secure = "BOOL", "Cookies only over TLS: for a shop behind a proxy that ends it", "false";
    demo = "BOOL", "Bring the demo catalogue into a new store", "true";
    log = "FILTER", "What is logged, as in `RUST_LOG`", "info";
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Flag(&'static str),
    Environment(String),
    File(PathBuf),
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(name) => write!(f, "--{}", name.replace('_', "-")),
            Source::Environment(name) => f.write_str(name),
            Source::File(path) => path.display().fmt(f),
            Source::Default => f.write_str("default"),
        }
    }
}

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value is not what it must be.
    #[error("{name} = `{value}` ({source_is}): must be {expected}")]
    Value {
        /// Which setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// Where.
        source_is: String,
        /// What would be right.
        expected: String,
    },
    /// The file can't be read.
    #[error("{0}")]
    File(#[from] config::ConfigError),
    /// The file sets something that there is not.
    #[error("{path}: there is no setting `{name}`; see `doorbuster config`")]
    Unknown {
        /// Which file.
        path: PathBuf,
        /// What it sets.
        name: String,
    },
}

/// The effective settings.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is described where its flag is")]
pub struct Settings {
    pub listen: SocketAddr,
    pub store: PathBuf,
    pub admin_token: Option<String>,
    pub reservation_ttl_ms: u64,
    pub payment_ttl_ms: u64,
    pub abandon_after_ms: u64,
    pub shards: usize,
    pub most_commands: usize,
    pub most_connections: usize,
    pub most_per_address: usize,
    pub most_sockets: usize,
    pub mail: mail::Options,
    pub idle_ms: u64,
    pub allow_future: bool,
    pub cors_origins: Origins,
    pub cookie_secure: bool,
    pub demo: bool,
    pub log: String,
    sources: BTreeMap<&'static str, Source>,
}

type Values = BTreeMap<&'static str, (String, Source)>;

impl Settings {
    /// Gathers them from flags, environment and file: the one that is named, else the usual one.
    ///
    /// # Errors
    /// A value is not what it must be: says which, from where, and what would be right.
    pub fn gather(named: Option<&Path>, flags: &Flags) -> Result<Settings, Error> {
        let usual = Path::new(USUAL_FILE);
        let file = named.or_else(|| usual.exists().then_some(usual));
        let environment = |name: &str| env::var(name).ok();
        Settings::read(values(flags, environment, file)?)
    }

    fn read(values: Values) -> Result<Settings, Error> {
        const DAY_MS: u64 = 86_400_000;
        let address = "an address such as 127.0.0.1:8080";
        let boolean = "true or false";
        let filter = |text: &str| tracing_subscriber::EnvFilter::try_new(text).ok();
        Ok(Settings {
            listen: get(&values, "listen", "127.0.0.1:8080", address, parse)?,
            store: get(&values, "store", "data/store", "a folder", parse)?,
            admin_token: if values.contains_key("admin_token") {
                let expected = "at least 16 visible ASCII characters";
                Some(get(&values, "admin_token", "", expected, token)?)
            } else {
                None
            },
            reservation_ttl_ms: number(&values, "reservation_ttl_ms", 600_000, 1, 30 * DAY_MS)?,
            payment_ttl_ms: number(&values, "payment_ttl_ms", 600_000, 1, 30 * DAY_MS)?,
            abandon_after_ms: number(&values, "abandon_after_ms", DAY_MS, 1, 365 * DAY_MS)?,
            shards: number(&values, "shards", 1, 1, MAX_SHARDS)?,
            most_commands: number(&values, "most_commands", 4_096, 1, 1_000_000)?,
            most_connections: number(&values, "most_connections", 16_384, 1, 1_000_000)?,
            most_per_address: number(&values, "most_per_address", 0, 0, 1_000_000)?,
            most_sockets: number(&values, "most_sockets", 10_000, 0, 1_000_000)?,
            mail: letters::read(&values)?,
            idle_ms: number(&values, "idle_ms", 10_000, 1, DAY_MS)?,
            allow_future: get(&values, "allow_future", "false", boolean, parse)?,
            cors_origins: get(&values, "cors_origins", "", cors::EXPECTED, Origins::parse)?,
            cookie_secure: get(&values, "cookie_secure", "false", boolean, parse)?,
            demo: get(&values, "demo", "true", boolean, parse)?,
            log: get(&values, "log", "info", "a filter such as info,doorbuster=debug", |text| {
                filter(text).map(|_| text.to_owned())
            })?,
            sources: values.into_iter().map(|(name, (_, source))| (name, source)).collect(),
        })
    }

    fn shown(&self) -> Vec<(&'static str, String)> {
        let token = self.admin_token.as_ref().map_or("(in the store)", |_| "(hidden)");
        let mut shown = vec![
            ("listen", quoted(self.listen)),
            ("store", quoted(self.store.display())),
            ("admin_token", quoted(token)),
            ("reservation_ttl_ms", self.reservation_ttl_ms.to_string()),
            ("payment_ttl_ms", self.payment_ttl_ms.to_string()),
            ("abandon_after_ms", self.abandon_after_ms.to_string()),
            ("shards", self.shards.to_string()),
            ("most_commands", self.most_commands.to_string()),
            ("most_connections", self.most_connections.to_string()),
            ("most_per_address", self.most_per_address.to_string()),
            ("most_sockets", self.most_sockets.to_string()),
            ("idle_ms", self.idle_ms.to_string()),
            ("allow_future", self.allow_future.to_string()),
            ("cors_origins", quoted(&self.cors_origins)),
            ("cookie_secure", self.cookie_secure.to_string()),
            ("demo", self.demo.to_string()),
            ("log", quoted(&self.log)),
        ];
        shown.extend(letters::shown(&self.mail));
        shown
    }
}

/// The settings as a file would set them, each with where it came from.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.shown() {
            let source = self.sources.get(name).unwrap_or(&Source::Default);
            writeln!(f, "{:<40} # {source}", format!("{name} = {value}"))?;
        }
        Ok(())
    }
}

/// An admin token, if it is one that can be sent and is not guessed.
pub(super) fn token(text: &str) -> Option<String> {
    let plain = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| text.to_owned())
}

fn quoted(value: impl fmt::Display) -> String {
    format!("{:?}", value.to_string())
}

/// A value of a file as a flag would give it; a list has commas there.
fn text(value: config::Value) -> Result<String, config::ConfigError> {
    let config::ValueKind::Array(all) = &value.kind else { return value.into_string() };
    let all = all.iter().map(|one| one.clone().into_string());
    Ok(all.collect::<Result<Vec<_>, _>>()?.join(","))
}

/// What is given, from wherever it counts most.
fn values(
    flags: &Flags,
    environment: impl Fn(&str) -> Option<String>,
    file: Option<&Path>,
) -> Result<Values, Error> {
    let mut values = Values::new();
    if let Some(path) = file {
        let file = config::File::from(path).format(config::FileFormat::Toml);
        let read = config::Config::builder().add_source(file).build()?;
        let table: BTreeMap<String, config::Value> = read.try_deserialize()?;
        for (given, value) in table {
            let name = NAMES.iter().find(|name| **name == given);
            let unknown = || Error::Unknown { path: path.to_owned(), name: given.clone() };
            let name = name.ok_or_else(unknown)?;
            values.insert(name, (text(value)?, Source::File(path.to_owned())));
        }
    }
    for name in NAMES {
        let variable = format!("DOORBUSTER_{}", name.to_uppercase());
        if let Some(value) = environment(&variable) {
            values.insert(name, (value, Source::Environment(variable)));
        }
    }
    let given = flags.given().into_iter();
    values.extend(given.map(|(name, value)| (name, (value, Source::Flag(name)))));
    Ok(values)
}

fn get<T>(
    values: &Values,
    name: &'static str,
    default: &str,
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, Error> {
    let given = values.get(name);
    let value = given.map_or(default, |(value, _)| value.as_str());
    read(value.trim()).ok_or_else(|| {
        // Both may be secrets; a bad one is not known to be none.
        let shown = if matches!(name, "admin_token" | "mail") { "(hidden)" } else { value };
        Error::Value {
            name,
            value: shown.to_owned(),
            source_is: given.map_or(Source::Default, |(_, source)| source.clone()).to_string(),
            expected: expected.to_owned(),
        }
    })
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    if text.is_empty() { None } else { text.parse().ok() }
}

fn number<T: FromStr + PartialOrd + fmt::Display + Copy>(
    values: &Values,
    name: &'static str,
    default: T,
    least: T,
    most: T,
) -> Result<T, Error> {
    let expected = format!("a whole number from {least} to {most}");
    let fits = |number: &T| (least..=most).contains(number);
    get(values, name, &default.to_string(), &expected, |text| parse(text).filter(fits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        flags: Flags,
    }

    fn gather(flags: &str, environment: &[(&str, &str)], file: &str) -> Result<Settings, String> {
        let words = std::iter::once("serve").chain(flags.split_whitespace());
        let flags = Cli::try_parse_from(words).unwrap().flags;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.toml");
        std::fs::write(&path, file).unwrap();
        let environment = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let values = values(&flags, environment, Some(&path));
        values.and_then(Settings::read).map_err(|error| error.to_string())
    }

    #[test]
    fn a_flag_counts_before_the_environment_before_the_file() {
        let file = "idle_ms = 1\nshards = 2\nmost_commands = 3\ndemo = false";
        let environment = [("DOORBUSTER_IDLE_MS", "11"), ("DOORBUSTER_SHARDS", "12")];
        let settings = gather("--idle-ms 21", &environment, file).unwrap();
        assert_eq!((settings.idle_ms, settings.shards, settings.most_commands), (21, 12, 3));
        assert!(!settings.demo);
        let shown = settings.to_string();
        assert!(shown.contains("idle_ms = 21") && shown.contains("# --idle-ms"), "{shown}");
        assert!(shown.contains("# DOORBUSTER_SHARDS"), "{shown}");
        assert!(shown.contains("shop.toml") && shown.contains("# default"), "{shown}");
    }

    #[test]
    fn a_list_in_a_file_is_a_list_with_commas_elsewhere() {
        let file = "cors_origins = [\"https://a\", \"https://b:8443\"]";
        let listed = gather("", &[], file).unwrap();
        let given = gather("--cors-origins https://a,https://b:8443", &[], "").unwrap();
        assert_eq!(listed.cors_origins, given.cors_origins);
        assert!(listed.to_string().contains("\"https://a, https://b:8443\""), "{listed}");
    }

    #[test]
    fn a_bad_value_is_named_with_its_place() {
        for (flags, environment, file, expected) in [
            ("--listen nowhere", None, "", "listen = `nowhere` (--listen): must be an address"),
            ("", Some("0"), "", "shards = `0` (DOORBUSTER_SHARDS): must be a whole number"),
            ("", Some(""), "", "shards = `` (DOORBUSTER_SHARDS)"),
            ("", None, "demo = \"maybe\"", "shop.toml): must be true or false"),
            ("", None, "colour = 1", "there is no setting `colour`"),
            ("", None, "cors_origins = [\"*\", \"x\"]", "cors_origins = `*,x`"),
            ("--cors-origins https://a/", None, "", "(--cors-origins): must be origins as"),
            ("--log a=b=c", None, "", "log = `a=b=c` (--log)"),
        ] {
            let environment = environment.map(|value| ("DOORBUSTER_SHARDS", value));
            let error = gather(flags, environment.as_slice(), file).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_admin_token_is_never_shown() {
        let settings = gather("--admin-token 0123456789abcdef", &[], "").unwrap();
        assert!(!settings.to_string().contains("0123456789abcdef"));
        let error = gather("--admin-token short", &[], "").unwrap_err();
        assert!(error.contains("admin_token") && !error.contains("short"), "{error}");
    }
}
