//! Who is measured, with how many clients, and how.

use super::{
    SKU, Sample,
    doors::{self, Door},
    drive,
    postgres::{self, Postgres},
    redis::{self, Redis},
    shop::{self, Ask},
    support::{raw, server::ADMIN, sku, smoke},
};
use bytes::Bytes;
use doorbuster::load::scripts::{Post, Reserve};
use std::{path::PathBuf, time::Duration};

/// One of the contenders, or a limit of the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// Appends of 30 bytes to a file, many to one sync.
    Raw,
    /// Reservations without a door.
    Shop,
    Redis,
    Postgres,
    /// Complete checkouts without a door.
    ShopBuys,
    /// A door that does nothing.
    Noop,
    /// Reservations behind the shop's door.
    DoorReserves,
    DoorAdds,
    DoorBuys,
    /// Reservations behind plain doors.
    DoorOverRedis,
    DoorOverPostgres,
}

/// What one reservation takes in a bare log.
const RAW_BYTES: usize = 30;

/// How many clients there may be, the fewest first.
pub fn levels() -> Vec<usize> {
    // A smoke run shows that each row runs.
    if smoke() { vec![SMOKE_CLIENTS] } else { vec![1, 64, 256, 512, 1_024] }
}

const SMOKE_CLIENTS: usize = 8;

impl Row {
    /// In the order of the table.
    pub const ALL: [Row; 11] = [
        Row::Raw,
        Row::Shop,
        Row::Redis,
        Row::Postgres,
        Row::ShopBuys,
        Row::Noop,
        Row::DoorReserves,
        Row::DoorAdds,
        Row::DoorBuys,
        Row::DoorOverRedis,
        Row::DoorOverPostgres,
    ];

    /// In the table.
    pub fn name(self) -> &'static str {
        match self {
            Row::Raw => "bare loop: append, one fdatasync for all who wait",
            Row::Shop => "Doorbuster in process: reservation",
            Row::Redis => "Redis: reservation script, always synced",
            Row::Postgres => "PostgreSQL: update and insert, one hot row",
            Row::ShopBuys => "Doorbuster in process: complete checkout",
            Row::Noop => "HTTP: plain axum door that does nothing",
            Row::DoorReserves => "HTTP: Doorbuster, reservation",
            Row::DoorAdds => "HTTP: Doorbuster, add to a new guest's cart",
            Row::DoorBuys => "HTTP: Doorbuster, complete checkout",
            Row::DoorOverRedis => "HTTP: plain axum door over Redis",
            Row::DoorOverPostgres => "HTTP: plain axum door over PostgreSQL",
        }
    }

    /// Whether it is measured with so many.
    pub fn has(self, clients: usize) -> bool {
        let levels: &[usize] = match self {
            Row::Raw | Row::Shop => &[1, 64, 512, 1_024],
            Row::Redis | Row::Postgres => &[1, 64, 512],
            Row::ShopBuys => &[64, 512],
            Row::Noop
            | Row::DoorReserves
            | Row::DoorAdds
            | Row::DoorBuys
            | Row::DoorOverRedis
            | Row::DoorOverPostgres => &[1, 64, 256, 512],
        };
        levels.contains(&clients) || clients == SMOKE_CLIENTS
    }
}

/// Those that are installed here.
pub struct Rivals {
    redis: Option<PathBuf>,
    postgres: Option<Postgres>,
}

impl Rivals {
    /// Says by name who is missing.
    pub async fn start() -> Rivals {
        let redis = redis::installed();
        if redis.is_none() {
            println!("skipped: Redis, since there is no redis-server here");
        }
        let postgres = match postgres::installed() {
            None => {
                println!("skipped: PostgreSQL, since there are no postgres and initdb here");
                None
            }
            Some(program) => {
                let running = Postgres::start(&program).await;
                if running.is_none() {
                    println!("skipped: PostgreSQL, which root can't run without setpriv");
                }
                running
            }
        };
        Rivals { redis, postgres }
    }

    /// One row for so long, on a fresh store; `None` for who is skipped.
    pub async fn measure(&self, row: Row, clients: usize, time: Duration) -> Option<Sample> {
        let sample = match row {
            Row::Raw => Sample::rate(raw::group_commit(clients, RAW_BYTES, time).await),
            Row::Shop => shop::reserve(clients, time).await,
            Row::ShopBuys => shop::buy(clients, time).await,
            Row::Redis | Row::DoorOverRedis => {
                let redis = Redis::start(self.redis.as_ref()?).await;
                let (per_second, done) = if row == Row::Redis {
                    drive(redis.script(), clients, time).await
                } else {
                    let door = Door::start("redis", &redis.address());
                    drive(Reserve::new(&door.target, ADMIN, sku(SKU)), clients, time).await
                };
                assert_eq!(redis.books().await, (done, done), "reserved and noted, and told so");
                Sample::rate(per_second)
            }
            Row::Postgres | Row::DoorOverPostgres => {
                let postgres = self.postgres.as_ref()?;
                postgres.empty().await;
                let (per_second, done) = if row == Row::Postgres {
                    drive(postgres.script(), clients, time).await
                } else {
                    let door = Door::start("postgres", &postgres.address());
                    drive(Reserve::new(&door.target, ADMIN, sku(SKU)), clients, time).await
                };
                assert_eq!(postgres.books().await, (done, done), "reserved and noted, told so");
                Sample::rate(per_second)
            }
            Row::Noop => {
                let door = Door::start("noop", &[]);
                let body = Bytes::from_static(b"{\"sku\":\"SKU-0\",\"units\":1}");
                let post = Post::new(&door.target, doors::NOOP, body);
                Sample::rate(drive(post, clients, time).await.0)
            }
            Row::DoorReserves => shop::over_http(Ask::Reserve, clients, time).await,
            Row::DoorAdds => shop::over_http(Ask::Add, clients, time).await,
            Row::DoorBuys => shop::over_http(Ask::Buy, clients, time).await,
        };
        Some(sample)
    }
}
