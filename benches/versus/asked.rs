//! What is asked of the figures: ratios within the run, each with the least that will do.

use super::{figures::Figures, rows::Row, support::count};

/// One thing that is asked.
pub struct Asked {
    /// Of what.
    pub what: String,
    /// `None` where it was not measured.
    pub figure: Option<f64>,
    /// What will do.
    pub least: f64,
    /// Writes either of them.
    pub unit: fn(f64) -> String,
}

impl Asked {
    /// As the other benches say it.
    pub fn verdict(&self) -> String {
        let reached = |figure| if figure >= self.least { "yes" } else { "NO" };
        let verdict = self.figure.map_or("not measured", reached);
        format!("at least {}: {verdict}", (self.unit)(self.least))
    }

    /// The figure in words.
    pub fn said(&self) -> String {
        self.figure.map_or_else(|| "-".to_owned(), self.unit)
    }
}

/// Connections of the ratios over HTTP.
const CONNECTIONS: usize = 256;

/// What `TigerBeetle` did at so many in flight, at its best.
const TIGERBEETLE: [(usize, f64); 2] = [(64, 72_000.0), (1_024, 171_000.0)];

/// Complete checkouts that are asked for where the bare loop makes so many.
const CHECKOUTS: (f64, f64) = (50_000.0, 580_000.0);

/// All of it.
pub fn all(figures: &Figures) -> Vec<Asked> {
    let times = |figure: f64| format!("{figure:.2}x");
    let per_second = |figure: f64| format!("{}/s", count(figure));
    let mut asked = vec![];
    for clients in [64, 512] {
        asked.push(Asked {
            what: format!("reservation in process / Redis, {clients} clients"),
            figure: figures.ratio(Row::Shop, Row::Redis, clients),
            least: 2.0,
            unit: times,
        });
    }
    for (clients, least) in TIGERBEETLE {
        asked.push(Asked {
            what: format!("reservation in process, {clients} clients: above TigerBeetle's"),
            figure: figures.rate(Row::Shop, clients),
            least,
            unit: per_second,
        });
    }
    for (row, of, least) in [
        (Row::DoorReserves, Row::DoorOverRedis, 1.15),
        (Row::DoorAdds, Row::DoorOverRedis, 0.9),
        (Row::DoorReserves, Row::DoorOverPostgres, 15.0),
        (Row::DoorReserves, Row::Noop, 0.65),
        (Row::DoorAdds, Row::Noop, 0.55),
        (Row::DoorBuys, Row::Noop, 0.17),
    ] {
        let short = |row: Row| row.name().trim_start_matches("HTTP: ");
        asked.push(Asked {
            what: format!("{} / {}, {CONNECTIONS} clients", short(row), short(of)),
            figure: figures.ratio(row, of, CONNECTIONS),
            least,
            unit: times,
        });
    }
    for (row, clients) in [(Row::Shop, 512), (Row::DoorReserves, 512)] {
        asked.push(Asked {
            what: format!("entries of the log per sync: {}, {clients} clients", row.name()),
            figure: figures.entries_per_sync(row, clients),
            least: 100.0,
            unit: |figure| format!("{figure:.0}"),
        });
    }
    let (least, bare) = CHECKOUTS;
    asked.push(Asked {
        what: format!(
            "complete checkouts in process, 512 clients ({} where the bare loop makes {} with 1,024)",
            per_second(least),
            per_second(bare)
        ),
        figure: figures.rate(Row::ShopBuys, 512),
        least: figures.rate(Row::Raw, 1_024).map_or(least, |raw| least * raw / bare),
        unit: per_second,
    });
    asked
}
