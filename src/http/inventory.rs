//! Stock of a SKU: everybody reads it, the admin moves it and sets its sale.

use super::{
    Door, coding,
    extract::Call,
    problem::Problem,
    reply::{Answer, Page, Wanted, bytes, json, mark_replayed},
    schemas::{BuyerLimit, CountedUnits, LocationName, MovedUnits, ReasonText, SignedUnits},
    text::{MAX_LOCATION, MAX_TEXT, check_text},
};
use crate::{
    domain::{
        Money, Sku, Time,
        sku::{Command, MAIN_LOCATION, MAX_UNITS, Sale},
    },
    journal::Position,
    shop::{Shop, catalogue::MAX_AMOUNT_MINOR, stock::Stock},
    views::board::{Posted, Slot},
};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::sync::Arc;
use utoipa::ToSchema;

/// Stock of a SKU as everybody reads it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stock)]
pub(super) struct InventoryBody<'a> {
    sku: &'a Sku,
    on_hand: u64,
    reserved: u64,
    sold: u64,
    free: u64,
    low_stock_at: u64,
    #[schema(value_type = Option<Sale>, required)]
    sale: Option<&'a Sale>,
    locations: Vec<LocationBody<'a>>,
    position: Position,
}

/// Units in one place.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StockLocation)]
struct LocationBody<'a> {
    location: &'a str,
    on_hand: u64,
}

/// What the board showed of a SKU before its stock was asked for.
struct Before(Option<(Arc<Slot>, Position)>);

impl Before {
    fn of(shop: &Shop, sku: &Sku) -> Before {
        Before(shop.slot(sku.as_str()).map(|slot| {
            let position = slot.posted().position;
            (slot, position)
        }))
    }

    /// A position that is never newer than the counts: who goes on from it misses no change.
    fn position(self, stock: &Stock) -> Position {
        let Some((slot, before)) = self.0 else { return Position::default() };
        let Posted { level, position } = slot.posted();
        let same =
            (level.free, level.reserved, level.sold) == (stock.free, stock.reserved, stock.sold);
        if same { position } else { before }
    }
}

fn inventory_body(before: Before, stock: &Stock) -> InventoryBody<'_> {
    let locations = stock.locations.iter();
    InventoryBody {
        sku: &stock.sku,
        on_hand: stock.on_hand,
        reserved: stock.reserved,
        sold: stock.sold,
        free: stock.free,
        low_stock_at: stock.low_stock_at,
        sale: stock.sale.as_ref(),
        locations: locations
            .map(|(location, on_hand)| LocationBody { location, on_hand: *on_hand })
            .collect(),
        position: before.position(stock),
    }
}

/// `GET /api/inventory/{sku}`
pub async fn read(door: Door, mut call: Call) -> Answer {
    let sku: Sku = call.id().await?;
    let before = Before::of(door.shop(), &sku);
    let stock = door.shop().stock(&sku).await.map_err(|error| Problem::from(error).about(&sku))?;
    Ok(json(StatusCode::OK, &inventory_body(before, &stock)))
}

/// `GET /api/inventory/{sku}/movements`, newest first.
pub async fn movements(door: Door, mut call: Call) -> Answer {
    let sku: Sku = call.id().await?;
    door.admin(call.headers())?;
    let wanted = Wanted::of(call.uri())?;
    let page = door.shop().movements(&sku, wanted.cursor.as_deref(), wanted.limit).await;
    let page = page.map_err(|error| Problem::from(error).about(&sku))?;
    let page = Page { items: page.items, next: page.next };
    Ok(coding::once(call.headers(), bytes(&page)))
}

/// What an admin writes becomes a command.
trait Written: DeserializeOwned {
    fn command(self) -> Result<Command, Problem>;
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Receipt {
    #[schema(value_type = MovedUnits)]
    units: u64,
    #[schema(value_type = Option<LocationName>)]
    location: Option<String>,
    #[schema(value_type = Option<ReasonText>)]
    reference: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adjustment {
    #[schema(value_type = SignedUnits)]
    units: i64,
    #[schema(value_type = ReasonText)]
    reason: String,
    #[schema(value_type = Option<LocationName>)]
    location: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Transfer {
    #[schema(value_type = MovedUnits)]
    units: u64,
    #[schema(value_type = LocationName)]
    from: String,
    #[schema(value_type = LocationName)]
    to: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteOff {
    #[schema(value_type = MovedUnits)]
    units: u64,
    #[schema(value_type = ReasonText)]
    reason: String,
    #[schema(value_type = Option<LocationName>)]
    location: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LowStock {
    #[schema(value_type = CountedUnits)]
    units: u64,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SaleTerms {
    opens_at: Time,
    closes_at: Time,
    price: Money,
    #[schema(value_type = Option<BuyerLimit>)]
    units_per_buyer: Option<u32>,
}

impl Written for Receipt {
    fn command(self) -> Result<Command, Problem> {
        let Receipt { units, location, reference } = self;
        check_units(units, 1)?;
        if let Some(reference) = &reference {
            check_text("/reference", reference, MAX_TEXT)?;
        }
        Ok(Command::Receive { units, location: place(location)?, reference })
    }
}

impl Written for Adjustment {
    fn command(self) -> Result<Command, Problem> {
        let Adjustment { units, reason, location } = self;
        check_units(units.unsigned_abs(), 1)?;
        check_text("/reason", &reason, MAX_TEXT)?;
        Ok(Command::Adjust { delta: units, location: place(location)?, reason })
    }
}

impl Written for Transfer {
    fn command(self) -> Result<Command, Problem> {
        let Transfer { units, from, to } = self;
        check_units(units, 1)?;
        check_text("/from", &from, MAX_LOCATION)?;
        check_text("/to", &to, MAX_LOCATION)?;
        if from == to {
            return Err(Problem::invalid("/to", "must be another location than `from`"));
        }
        Ok(Command::Transfer { units, from, to })
    }
}

impl Written for WriteOff {
    fn command(self) -> Result<Command, Problem> {
        let WriteOff { units, reason, location } = self;
        check_units(units, 1)?;
        check_text("/reason", &reason, MAX_TEXT)?;
        Ok(Command::WriteOff { units, location: place(location)?, reason })
    }
}

impl Written for LowStock {
    fn command(self) -> Result<Command, Problem> {
        check_units(self.units, 0)?;
        Ok(Command::SetLowStock { units: self.units })
    }
}

impl Written for SaleTerms {
    fn command(self) -> Result<Command, Problem> {
        let SaleTerms { opens_at, closes_at, price, units_per_buyer } = self;
        if closes_at <= opens_at {
            return Err(Problem::invalid("/closes_at", "must be later than `opens_at`"));
        }
        if !(0..=MAX_AMOUNT_MINOR).contains(&price.amount_minor) {
            let why = format!("must be 0 to {MAX_AMOUNT_MINOR} minor units, such as cents");
            return Err(Problem::invalid("/price/amount_minor", why));
        }
        if units_per_buyer == Some(0) {
            return Err(Problem::invalid("/units_per_buyer", "must be at least 1, or left out"));
        }
        Ok(Command::SetSale(Sale { opens_at, closes_at, price, units_per_buyer }))
    }
}

fn check_units(units: u64, least: u64) -> Result<(), Problem> {
    if (least..=MAX_UNITS).contains(&units) {
        return Ok(());
    }
    Err(Problem::invalid("/units", format!("must be a whole number from {least} to {MAX_UNITS}")))
}

fn place(location: Option<String>) -> Result<String, Problem> {
    let Some(location) = location else { return Ok(MAIN_LOCATION.to_owned()) };
    check_text("/location", &location, MAX_LOCATION)?;
    Ok(location)
}

async fn manage<T: Written>(door: Door, mut call: Call, status: StatusCode) -> Answer {
    let sku: Sku = call.id().await?;
    door.admin(call.headers())?;
    let command = call.json::<T>()?.command()?;
    let key = if status == StatusCode::CREATED { call.key()? } else { None };
    let before = Before::of(door.shop(), &sku);
    let managed = door.shop().manage_stock(&sku, command, key).await;
    let managed = managed.map_err(|error| Problem::from(error).about(&sku))?;
    let mut response = json(status, &inventory_body(before, &managed.stock));
    mark_replayed(&mut response, managed.replayed);
    Ok(response)
}

/// `POST /api/inventory/{sku}/receipts`
pub async fn receive(door: Door, call: Call) -> Answer {
    manage::<Receipt>(door, call, StatusCode::CREATED).await
}

/// `POST /api/inventory/{sku}/adjustments`
pub async fn adjust(door: Door, call: Call) -> Answer {
    manage::<Adjustment>(door, call, StatusCode::CREATED).await
}

/// `POST /api/inventory/{sku}/transfers`
pub async fn transfer(door: Door, call: Call) -> Answer {
    manage::<Transfer>(door, call, StatusCode::CREATED).await
}

/// `POST /api/inventory/{sku}/write-offs`
pub async fn write_off(door: Door, call: Call) -> Answer {
    manage::<WriteOff>(door, call, StatusCode::CREATED).await
}

/// `PUT /api/inventory/{sku}/low-stock`
pub async fn set_low_stock(door: Door, call: Call) -> Answer {
    manage::<LowStock>(door, call, StatusCode::OK).await
}

/// `PUT /api/inventory/{sku}/sale`
pub async fn set_sale(door: Door, call: Call) -> Answer {
    manage::<SaleTerms>(door, call, StatusCode::OK).await
}

/// `DELETE /api/inventory/{sku}/sale`
pub async fn end_sale(door: Door, mut call: Call) -> Answer {
    let sku: Sku = call.id().await?;
    door.admin(call.headers())?;
    let before = Before::of(door.shop(), &sku);
    let managed = door.shop().manage_stock(&sku, Command::EndSale, None).await;
    let managed = managed.map_err(|error| Problem::from(error).about(&sku))?;
    Ok(json(StatusCode::OK, &inventory_body(before, &managed.stock)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::board::{Board, Level};

    #[test]
    fn a_position_is_never_newer_than_the_counts_beside_it() {
        let sku = Sku::parse("TEE").unwrap();
        let slot = Board::default().slot(&sku);
        let post = |free, at| {
            slot.publish(Level { free, known: true, ..Level::default() }, Position(at));
        };
        let asked = |free| {
            let before = Before(Some((slot.clone(), Position(5))));
            let (product, title, price, sale) = (None, String::new(), None, None);
            let (on_hand, reserved, sold, low_stock_at) = (9, 0, 0, 0);
            let (sku, locations) = (sku.clone(), std::collections::BTreeMap::new());
            let stock = Stock {
                sku,
                product,
                title,
                price,
                on_hand,
                reserved,
                sold,
                free,
                low_stock_at,
                sale,
                locations,
            };
            inventory_body(before, &stock).position
        };
        post(9, 5);
        assert_eq!(asked(9), Position(5));
        post(8, 7);
        assert_eq!(asked(9), Position(5), "it changed after the counts were taken");
        assert_eq!(asked(8), Position(7), "the change is in the counts");
    }
}
