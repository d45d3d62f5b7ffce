//! How the shop's own words look in JSON: ids, money, times, and the texts that are bounded.
//!
//! The domain does not know that it is described, so the descriptions stand here. Each list of
//! words comes from the type itself. Invariant: what fits a schema here is what the server takes,
//! no more and no less, as far as a schema can say it.

use crate::{
    domain::{
        CartId, Currency, Money, OrderId, ProductId, ReservationId, Sku, Time,
        order::{Milestone, Payment, Status},
        sku::{MAX_UNITS, Sale},
    },
    http::{
        problem::Code,
        text::{MAX_LOCATION, MAX_TEXT},
    },
    journal::{Position, backup::Cut},
    shop::{
        cart,
        catalogue::{self, MAX_AMOUNT_MINOR},
        lists::{Category, Sort},
        orders::{Address, Contact, Details, Gift, Payment as Means},
        reservations,
    },
    views::ledger::Movement,
};
use serde_json::{Value, json};
use std::{borrow::Cow, sync::LazyLock};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat,
        schema::{
            AdditionalProperties, AnyOfBuilder, ArrayBuilder, OneOfBuilder, SchemaType, Type,
        },
    },
};

/// Schemas by name, as a document collects them.
pub(in crate::http) type Schemas = Vec<(String, RefOr<Schema>)>;

/// What Unicode calls white space, as a class of a regular expression, since `\s` is not the same
/// to everybody.
macro_rules! blank {
    () => {
        "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
    };
}

macro_rules! control {
    () => {
        "\\x00-\\x1f\\x7f-\\x9f"
    };
}

/// Something in it is no white space.
const NOT_BLANK: &str = concat!("[^", blank!(), "]");

/// On one line, and something in it is no white space.
const ONE_LINE: &str =
    concat!("^[^", control!(), "]*[^", blank!(), control!(), "][^", control!(), "]*$");

const SKU: &str = concat!(
    "^[^@",
    blank!(),
    control!(),
    "]",
    "([^@",
    control!(),
    "]*[^@",
    blank!(),
    control!(),
    "])?$",
);

const EMAIL: &str = concat!(
    "^[^@",
    blank!(),
    control!(),
    "]+@",
    "[^@",
    blank!(),
    control!(),
    "]+\\.[^@",
    blank!(),
    control!(),
    "]+$",
);

/// An address of the web as it is mostly written; the server also reads odder ones.
const ADDRESS: &str =
    "^https?://([A-Za-z0-9-]+\\.)*[A-Za-z][A-Za-z0-9-]*(:[0-9]{1,4})?([/?#][!-~]*)?$";

/// Says how a type looks, under which name, and what it refers to.
macro_rules! schemas {
    ($($type:ty, $name:expr $(, uses [$($inner:ty),+])? => $schema:expr;)*) => {$(
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                RefOr::from(Schema::from($schema))
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                $name.into()
            }

            fn schemas(schemas: &mut Schemas) {
                let _ = &schemas;
                $($(with::<$inner>(schemas);)+)?
            }
        }
    )*};
}

/// Types that are nothing but a schema, for fields whose type says too little.
macro_rules! shapes {
    ($($name:ident => $schema:expr;)*) => {
        $(pub(in crate::http) struct $name;)*
        schemas! { $($name, stringify!($name) => $schema;)* }
    };
}

/// All words of an enum without contents. A new one does not compile until it is named here.
macro_rules! words {
    ($enum:ident: $($word:ident)*) => {{
        let _ = |one: $enum| match one { $($enum::$word => ()),* };
        [$($enum::$word),*].iter().map(|one| serde_json::to_value(one).unwrap_or_default())
    }};
}

/// Adds a type's schema and those it refers to.
pub(in crate::http) fn with<T: ToSchema>(schemas: &mut Schemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn bounded(least: usize, most: usize, pattern: &str) -> ObjectBuilder {
    text().min_length(Some(least)).max_length(Some(most)).pattern(Some(pattern))
}

fn id(prefix: &str, what: &str) -> ObjectBuilder {
    text().pattern(Some(format!("^{prefix}[0-9a-f]{{32}}$"))).description(Some(what))
}

fn whole(least: i64, most: u64) -> ObjectBuilder {
    let least = isize::try_from(least).unwrap_or(isize::MIN);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let int64 = SchemaFormat::KnownFormat(KnownFormat::Int64);
    let whole = ObjectBuilder::new().schema_type(Type::Integer).format(Some(int64));
    whole.minimum(Some(least)).maximum(Some(most))
}

/// A reference, or nothing.
fn maybe<T: ToSchema>() -> OneOfBuilder {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new().item(null).item(named::<T>())
}

fn named<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

fn maybe_text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Array(vec![Type::String, Type::Null]))
}

/// An object that takes no other fields.
fn closed() -> ObjectBuilder {
    ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

trait Fields {
    /// A field that has to be there.
    fn has(self, name: &str, schema: impl Into<RefOr<Schema>>) -> Self;
}

impl Fields for ObjectBuilder {
    fn has(self, name: &str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.property(name, schema).required(name)
    }
}

/// Every currency that the shop knows.
static CURRENCIES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let letters = || 'A'..='Z';
    let codes = letters().flat_map(move |one| {
        letters()
            .flat_map(move |two| letters().map(move |three| String::from_iter([one, two, three])))
    });
    codes.filter_map(|code| Currency::parse(&code)).map(|code| code.code().into()).collect()
});

schemas! {
    Sku, "Sku" => bounded(1, Sku::MAX_BYTES, SKU)
        .description(Some("A code of 1 to 64 bytes in UTF-8, without `@` and control characters."));
    CartId, "CartId" => id("cart_", "A cart. It opens nothing; the Cart-Token does.");
    OrderId, "OrderId" => id("ord_", "An order.");
    ProductId, "ProductId" => id("prod_", "A product.");
    ReservationId, "ReservationId" => id("res_", "A reservation, named by whoever made it.");
    Time, "Time" => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("RFC 3339, answered in UTC."));
    Position, "Position" => whole(0, i64::MAX.unsigned_abs())
        .description(Some("Where the state stands in the log; grows with each change."));
    Currency, "Currency" => text().enum_values(Some(CURRENCIES.iter().cloned()))
        .description(Some("ISO 4217."));
    Money, "Money", uses [Currency] => closed()
        .has("amount_minor", whole(0, MAX_AMOUNT_MINOR.unsigned_abs()))
        .has("currency", named::<Currency>())
        .description(Some("A price in minor units: 1999 with USD is 19.99 US dollars."));
    Amount, "Amount", uses [Currency] => closed()
        .has("amount_minor", whole(0, i64::MAX.unsigned_abs()))
        .has("currency", named::<Currency>())
        .description(Some("A total in minor units."));
    Code, "Code" => text().enum_values(Some(Code::ALL.iter().map(|code| code.name())))
        .description(Some("Why not. Programs decide by it."));
    Payment, "PaymentStatus" => text().enum_values(Some(words!(Payment:
        None Authorised Captured Voided Refunded Declined Failed Unknown)));
    Standing, "OrderStatus" => text()
        .enum_values(Some(
            words!(Status: Placed Confirmed Declined Expired Cancelled Returned).chain([json!("quarantined")]),
        ))
        .description(Some("`quarantined` in lists only: it can't be read at the moment."));
    Milestone, "Milestone", uses [Time] => ObjectBuilder::new()
        .has("at", named::<Time>())
        .has("what", text());
    Sale, "Sale", uses [Time, Money] => ObjectBuilder::new()
        .has("opens_at", named::<Time>())
        .has("closes_at", named::<Time>())
        .has("price", named::<Money>())
        .property("units_per_buyer", OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Null)).item(whole(1, u32::MAX.into())));
    Movement, "Movement", uses [Position, Time] => ObjectBuilder::new()
        .has("position", named::<Position>())
        .has("at", named::<Time>())
        .has("by", text().description(Some("`admin`, `shop`, or an id.")))
        .has("kind", text().description(Some("`receipt`, `reservation`, `sale` and so on.")))
        .property("units", whole(i64::MIN, i64::MAX.unsigned_abs()))
        .property("location", text())
        .property("to", text())
        .property("holder", text().description(Some("The cart, order or product it is about.")))
        .property("reason", text());
    Address, "Address" => closed()
        .has("name", bounded(1, Details::MAX_TEXT, NOT_BLANK))
        .has("line1", bounded(1, Details::MAX_TEXT, NOT_BLANK))
        .property("line2", maybe_text().max_length(Some(Details::MAX_TEXT)))
        .has("city", bounded(1, Details::MAX_TEXT, NOT_BLANK))
        .property("region", maybe_text().max_length(Some(Details::MAX_TEXT)))
        .has("postal_code", bounded(1, Details::MAX_TEXT, NOT_BLANK))
        .has("country", text().pattern(Some("^[A-Z]{2}$")).description(Some("ISO 3166 alpha-2.")));
    Contact, "Contact", uses [Address] => ObjectBuilder::new()
        .has("email", text())
        .has("address", named::<Address>());
    Category, "Category" => ObjectBuilder::new()
        .has("path", text().description(Some("From the root: `Apparel > Shirts`.")))
        .has("name", text())
        .has("products", whole(0, i64::MAX.unsigned_abs()))
        .has("children", ArrayBuilder::new().items(named::<Category>()));
    Cut, "Cut", uses [Time, Position] => ObjectBuilder::new()
        .has("id", text())
        .has("at", named::<Time>())
        .has("shards", ArrayBuilder::new().items(ObjectBuilder::new()
            .has("position", named::<Position>())
            .has("epoch", whole(0, i64::MAX.unsigned_abs()))
            .has("hash", text().pattern(Some("^[0-9a-f]{64}$")))))
        .has("books", ArrayBuilder::new().items(ObjectBuilder::new()
            .has("name", text())
            .has("bytes", whole(0, i64::MAX.unsigned_abs()))));
    Gift, "Gift" => closed()
        .has("to", text().max_length(Some(Details::MAX_TEXT)))
        .has("message", text().max_length(Some(Details::MAX_TEXT)));
    Means, "Payment" => closed()
        .has("method", text().enum_values(Some(["card"])))
        .has("token", bounded(1, Details::MAX_TEXT, NOT_BLANK)
            .description(Some("The payment provider's token for the card.")));
    Details, "Checkout", uses [Address, Gift, Means] => closed()
        .has("email", bounded(5, Details::MAX_TEXT, EMAIL))
        .has("address", named::<Address>())
        .property("gift", maybe::<Gift>())
        .has("payment", named::<Means>());
    reservations::Wish, "ReservationWish" => closed()
        .has("units", whole(1, cart::MAX_UNITS.into()))
        .property("buyer", OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .item(bounded(1, reservations::MAX_TEXT, ONE_LINE)))
        .property("ttl_ms", OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .item(whole(1, reservations::MAX_TTL_MS)));
    reservations::Sale, "ReservationSale" => closed()
        .has("reference", bounded(1, reservations::MAX_TEXT, ONE_LINE));
}

/// A total: unlike a price it may be larger than what one unit may cost.
pub(in crate::http) struct Amount;

/// Where an order stands, or that nobody can tell.
pub(in crate::http) struct Standing;

shapes! {
    WantedUnits => whole(1, cart::MAX_UNITS.into());
    LineUnits => whole(0, cart::MAX_UNITS.into());
    MovedUnits => whole(1, MAX_UNITS);
    CountedUnits => whole(0, MAX_UNITS);
    SignedUnits => {
        let most = i64::try_from(MAX_UNITS).unwrap_or(i64::MAX);
        AnyOfBuilder::new().item(whole(1, MAX_UNITS)).item(whole(-most, 0).maximum(Some(-1)))
    };
    ReservationStatus => text().enum_values(Some(["reserved", "sold"]));
    Whole32 => whole(0, u32::MAX.into());
    BuyerLimit => whole(1, u32::MAX.into());
    ReasonText => bounded(1, MAX_TEXT, ONE_LINE);
    LocationName => bounded(1, MAX_LOCATION, ONE_LINE);
    ProductTitle => bounded(1, catalogue::MAX_TITLE, NOT_BLANK);
    VariantTitle => text().max_length(Some(catalogue::MAX_VARIANT_TITLE));
    Handle => text().max_length(Some(255)).description(Some(
        "Digits, `-`, `_` and letters that are not upper case: names the product for ever.",
    ));
    IdOrHandle => text().min_length(Some(1));
    Label => text().max_length(Some(catalogue::MAX_NAME));
    Name => bounded(1, catalogue::MAX_NAME, NOT_BLANK);
    CategoryPath => text().pattern(Some(format!(
        "^[^>]{{0,{most}}}(>[^>]{{0,{most}}}){{0,{deeper}}}$",
        most = catalogue::MAX_CATEGORY,
        deeper = catalogue::MAX_LEVELS - 1,
    ))).description(Some("A path such as `Apparel > Shirts`."));
    Picture => bounded(1, 2_048, ADDRESS).description(Some("An http or https address."));
    Alt => text().max_length(Some(catalogue::MAX_ALT));
    Amounts => whole(0, i64::MAX.unsigned_abs());
    Flag => ObjectBuilder::new().schema_type(Type::Boolean);
    Order => text()
        .enum_values(Some(Sort::ALL.iter().map(|(name, _)| *name)))
        .default(Some(json!("newest")));
    Revision => text().pattern(Some("^(\\*|(W/)?\"[0-9]{1,19}-[0-9A-Za-z]*\")$"));
    IdempotencyKey => text().min_length(Some(1)).max_length(Some(crate::shop::Key::MAX_BYTES));
    PageLimit => whole(1, 200).default(Some(json!(50)));
    Text => text();
}
