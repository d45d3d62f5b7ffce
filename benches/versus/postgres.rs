//! `PostgreSQL` with one hot row: one prepared statement takes the units and notes the reservation,
//! synced at commit. Started in a temporary folder, over a Unix socket.

use super::{
    SKU, STOCK,
    process::{self, Process},
    reservation_id,
};
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use doorbuster::{
    load::{Outcome, Script, Tally, Turn},
    ports::clock::pause,
};
use rustix::process::Signal;
use std::{
    fs::File,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls, Statement};

/// One reservation. Its id is the primary key, so a second one is refused as a whole.
pub const RESERVE: &str = "\
WITH taken AS (UPDATE stock SET free = free - $3 WHERE sku = $2 AND free >= $3 RETURNING free)
INSERT INTO reservations (id, sku, units) SELECT $1::uuid, $2, $3 FROM taken
RETURNING (SELECT free FROM taken)";

const TABLES: &str = "\
CREATE TABLE stock (sku text PRIMARY KEY, free bigint NOT NULL);
CREATE TABLE reservations (id uuid PRIMARY KEY, sku text NOT NULL, units bigint NOT NULL)";

/// Room for everybody's own connection, and a few.
const MOST_CONNECTIONS: usize = 540;

/// A running server of its own, on the disk of all others.
pub struct Postgres {
    // Before the folder, so that it has ended when that goes.
    _process: Process,
    folder: TempDir,
}

/// Where it is installed.
pub fn installed() -> Option<PathBuf> {
    // Debian keeps the programs of each version apart.
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    let server = process::find("postgres", &folders)?.canonicalize().ok()?;
    let beside = server.parent()?.to_owned();
    process::find("initdb", &[beside]).map(|_| server)
}

impl Postgres {
    /// Makes a cluster and starts it. `None` where it can't be run as another user than root.
    pub async fn start(program: &Path) -> Option<Postgres> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if process::is_root() {
            let nobody = Some(process::NOBODY);
            chown(folder.path(), nobody, nobody).expect("another owner");
        }
        let data = folder.path().join("data");
        let mut initdb = as_its_user(&program.with_file_name("initdb"))?;
        initdb.args(["--auth", "trust", "--username", "postgres", "--no-sync", "--locale", "C"]);
        let made = initdb.arg("--pgdata").arg(&data).output().expect("initdb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut command = as_its_user(program)?;
        command.arg("-D").arg(&data).arg("-k").arg(folder.path());
        for setting in [
            "listen_addresses=",
            &format!("max_connections={MOST_CONNECTIONS}"),
            "fsync=on",
            "synchronous_commit=on",
            // Nothing that a single server on a warm machine would not have.
            "shared_buffers=256MB",
            "wal_level=minimal",
            "max_wal_senders=0",
            "max_wal_size=4GB",
            "checkpoint_timeout=1h",
        ] {
            command.arg("-c").arg(setting);
        }
        let log = folder.path().join("log");
        let file = File::create(&log).expect("a log");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file")).stderr(file);
        let mut process = Process::start(&mut command, Signal::QUIT);
        let client = loop {
            if let Ok(client) = connect(folder.path()).await {
                break client;
            }
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            assert_eq!(process.over(), None, "{said}");
            pause(Duration::from_millis(20)).await;
        };
        client.batch_execute(TABLES).await.expect("tables");
        Some(Postgres { _process: process, folder })
    }

    /// As if nothing had been reserved yet.
    pub async fn empty(&self) {
        let client = connect(self.folder.path()).await.expect("a connection");
        let fresh =
            format!("TRUNCATE reservations, stock; INSERT INTO stock VALUES ('{SKU}', {STOCK});");
        client.batch_execute(&fresh).await.expect("fresh tables");
        client.batch_execute("CHECKPOINT").await.expect("a checkpoint");
    }

    /// What a door needs to reach it.
    pub fn address(&self) -> Vec<String> {
        vec![self.folder.path().display().to_string()]
    }

    /// A client's work without a door.
    pub fn script(&self) -> Direct {
        Direct { folder: self.folder.path().to_owned() }
    }

    /// Units that are gone and reservations that are noted.
    pub async fn books(&self) -> (u64, u64) {
        let client = connect(self.folder.path()).await.expect("a connection");
        let ask = "SELECT free, (SELECT count(*) FROM reservations) FROM stock";
        let row = client.query_one(ask, &[]).await.expect("books");
        let count = |column| u64::try_from(row.get::<_, i64>(column)).expect("a count");
        (STOCK - count(0), count(1))
    }
}

/// It refuses to be run by root, and gets SIGQUIT when the bench is killed.
fn as_its_user(program: &Path) -> Option<Command> {
    process::command(program, process::is_root(), "QUIT")
}

fn config(folder: &Path) -> Config {
    let mut config = Config::new();
    config.host_path(folder).user("postgres").dbname("postgres");
    config
}

async fn connect(folder: &Path) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config(folder).connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Connections that a door shares.
pub fn pool(folder: &Path, connections: usize) -> Pool {
    let fast = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config(folder), NoTls, fast);
    Pool::builder(manager).max_size(connections).build().expect("a pool")
}

/// Clients with a connection each.
pub struct Direct {
    folder: PathBuf,
}

impl Script for Direct {
    type Worker = (Client, Statement);

    async fn worker(&self) -> (Client, Statement) {
        let client = connect(&self.folder).await.expect("a connection");
        let statement = client.prepare(RESERVE).await.expect("a statement");
        (client, statement)
    }

    async fn perform(
        &self,
        (client, statement): &mut (Client, Statement),
        turn: Turn,
        _: &mut Tally,
    ) -> Outcome {
        let id = reservation_id(turn.index);
        match client.query_opt(&*statement, &[&id, &SKU, &1_i64]).await {
            Ok(Some(_)) => Outcome::Ok,
            Ok(None) => Outcome::Refused("sold out".into()),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}
