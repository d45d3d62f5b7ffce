//! Why a request was not done: the only map from errors to statuses.
//!
//! RFC 9457 `application/problem+json`, with a machine-readable `code` and what helps next. The
//! codes are part of the contract: clients decide by them, never by the words.

use crate::{
    actors::Fault,
    domain::{Sku, Time, cart, order, product, sku},
    shop::{Error, RETRY_AFTER_MS},
};
use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::borrow::Cow;
use utoipa::ToSchema;

/// When to try again while the first command with a key is on its way: a few syncs.
const IN_PROGRESS_MS: u64 = 50;

macro_rules! codes {
    ($($name:ident $status:ident $code:literal $title:literal;)*) => {
        /// Every machine-readable reason.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each has its title below")]
        pub enum Code { $($name),* }

        impl Code {
            /// All of them.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// As clients read it.
            pub fn name(self) -> &'static str {
                match self { $(Code::$name => $code),* }
            }

            /// What it says to people.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title),* }
            }

            /// How HTTP says it.
            pub fn status(self) -> StatusCode {
                match self { $(Code::$name => StatusCode::$status),* }
            }
        }
    };
}

codes! {
    KeyRequired BAD_REQUEST "idempotency-key-required" "An Idempotency-Key is required";
    TokenRequired UNAUTHORIZED "token-required" "A token is required";
    Forbidden FORBIDDEN "forbidden" "The token opens something else";
    NotFound NOT_FOUND "not-found" "There is no such thing";
    UnknownSku NOT_FOUND "unknown-sku" "No product has this SKU";
    MethodNotAllowed METHOD_NOT_ALLOWED "method-not-allowed" "The method is not for this address";
    TooSlow REQUEST_TIMEOUT "too-slow" "The body took too long";
    SoldOut CONFLICT "sold-out" "Not enough units are free";
    SaleNotOpen CONFLICT "sale-not-open" "The sale has not begun";
    SaleClosed CONFLICT "sale-closed" "The sale is over";
    LimitPerBuyer CONFLICT "limit-per-buyer" "More than one buyer may have";
    ReservationLapsed CONFLICT "reservation-lapsed" "The reservation is over";
    ReservationDiffers CONFLICT "reservation-differs" "The id names another reservation";
    AlreadySold CONFLICT "already-sold" "The reservation was committed";
    CartEmpty CONFLICT "cart-empty" "The cart is empty";
    CartClosed CONFLICT "cart-closed" "The cart is checked out";
    MixedCurrencies CONFLICT "mixed-currencies" "The currencies differ";
    TooMuch CONFLICT "too-much" "More than the shop can hold";
    SkuTaken CONFLICT "sku-taken" "The SKU belongs to another product";
    HandleTaken CONFLICT "handle-taken" "The handle names another product";
    WouldGoNegative CONFLICT "would-go-negative" "Fewer units are there than should go";
    NotForSale CONFLICT "not-for-sale" "It is archived";
    NotReturnable CONFLICT "not-returnable" "The order has fewer units than should come back";
    TooLate CONFLICT "too-late" "The order has left the house";
    InProgress CONFLICT "in-progress" "The first command is still on its way";
    PreconditionFailed PRECONDITION_FAILED "precondition-failed" "It has changed since it was read";
    TooLarge PAYLOAD_TOO_LARGE "too-large" "The body is too large";
    NotJson UNSUPPORTED_MEDIA_TYPE "not-json" "The body is not JSON";
    Invalid UNPROCESSABLE_ENTITY "invalid" "A value is not what it must be";
    KeyMismatch UNPROCESSABLE_ENTITY "idempotency-mismatch" "The key came with another body";
    UpgradeRequired UPGRADE_REQUIRED "upgrade-required" "This address speaks WebSocket";
    Internal INTERNAL_SERVER_ERROR "internal" "A rule failed; nothing changed";
    Overloaded SERVICE_UNAVAILABLE "overloaded" "The shop is overloaded";
    Unavailable SERVICE_UNAVAILABLE "unavailable" "The outcome is unknown";
    Quarantined SERVICE_UNAVAILABLE "quarantined" "Shut out until an admin releases it";
}

/// What helps next.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
struct Hints {
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    free: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opens_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// An answer that says why not.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    hints: Box<Hints>,
}

/// RFC 9457: why something was not done.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Body<'a> {
    r#type: &'a str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[schema(value_type = Code)]
    code: &'static str,
    #[serde(flatten)]
    #[schema(inline)]
    hints: &'a Hints,
}

impl Problem {
    /// A problem and what to say about this case of it.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Problem {
        let later = code.status() == StatusCode::SERVICE_UNAVAILABLE;
        let soon = (code == Code::InProgress).then_some(IN_PROGRESS_MS);
        let retry_after_ms = later.then_some(RETRY_AFTER_MS).or(soon);
        let hints = Box::new(Hints { retry_after_ms, ..Hints::default() });
        Problem { code, detail: detail.into(), hints }
    }

    /// A value that is not what it must be; `field` is its JSON pointer or its parameter's name.
    pub fn invalid(field: impl Into<String>, why: impl Into<Cow<'static, str>>) -> Problem {
        let mut problem = Problem::new(Code::Invalid, why);
        problem.hints.field = Some(field.into());
        problem
    }

    /// Which kind of problem.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What is said about this case.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    #[cfg(test)]
    pub(super) fn field(&self) -> Option<&str> {
        self.hints.field.as_deref()
    }

    /// Says which SKU it is about, where that helps.
    #[must_use]
    pub fn about(mut self, sku: &Sku) -> Problem {
        if self.code == Code::UnknownSku {
            self.hints.sku = Some(sku.to_string());
        }
        self
    }

    /// What a client may read of this kind.
    pub(super) fn example(code: Code) -> serde_json::Value {
        let problem = Problem::new(code, code.title());
        problem.write(|body| serde_json::to_value(&body)).unwrap_or_default()
    }

    fn write<T>(&self, write: impl FnOnce(Body<'_>) -> T) -> T {
        write(Body {
            r#type: &format!("/problems/{}", self.code.name()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            code: self.code.name(),
            hints: &self.hints,
        })
    }

    fn with(mut self, hint: impl FnOnce(&mut Hints)) -> Problem {
        hint(&mut self.hints);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.write(|body| serde_json::to_vec(&body)).unwrap_or_default();
        let Problem { code, hints, .. } = self;
        let mut response = Response::new(body.into());
        *response.status_mut() = code.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(ms) = hints.retry_after_ms.filter(|_| code.status().is_server_error()) {
            headers.insert(RETRY_AFTER, ms.div_ceil(1_000).into());
        }
        if code == Code::UpgradeRequired {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        if code == Code::TokenRequired {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(code);
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        match error {
            Error::Sku(refusal) => refusal.into(),
            Error::Cart(refusal) => refusal.into(),
            Error::Order(order::Refusal::UnknownOrder) => not_found("order"),
            Error::Order(order::Refusal::TooLate) => {
                Problem::new(Code::TooLate, "it was shipped; send it back instead")
            }
            Error::Order(order::Refusal::NotConfirmed) => {
                Problem::new(Code::NotReturnable, "only what was paid for and sold can come back")
            }
            Error::Order(order::Refusal::NotReturnable { sku, left }) => {
                let detail = format!("its buyer has {left} units of {sku} left");
                Problem::new(Code::NotReturnable, detail).with(|hints| {
                    hints.sku = Some(sku.to_string());
                    hints.left = Some(left);
                })
            }
            Error::Product(refusal) => refusal.into(),
            Error::HandleTaken(id) => {
                let problem = Problem::new(Code::HandleTaken, format!("{id} has this handle"));
                problem.with(|hints| hints.id = Some(id.to_string()))
            }
            Error::SkuTaken(sku) => {
                let problem = Problem::new(Code::SkuTaken, format!("{sku} is taken"));
                problem.with(|hints| hints.sku = Some(sku))
            }
            Error::NotFound(what) => not_found(what),
            Error::Fault(fault) => fault.into(),
            Error::Overloaded => {
                Problem::new(Code::Overloaded, "too much is under way; retry later")
            }
            Error::Invalid { field, why } => Problem::invalid(field, why),
            Error::Store(why) => {
                tracing::error!(%why, "the store failed under a request");
                Problem::new(Code::Unavailable, "the store failed; repeat with the same key")
            }
        }
    }
}

impl From<product::Refusal> for Problem {
    fn from(refusal: product::Refusal) -> Problem {
        use product::Refusal;
        match refusal {
            Refusal::UnknownProduct => not_found("product"),
            Refusal::Taken => Problem::new(Code::HandleTaken, "another product has this handle"),
            Refusal::OtherHandle => {
                Problem::invalid("/handle", "must be the one it has, or left out: it stays")
            }
            Refusal::Stale => {
                Problem::new(Code::PreconditionFailed, "read it again and change what you find")
            }
            Refusal::Archived => archived(),
            Refusal::Busy => Fault::InProgress.into(),
            Refusal::OutOfRange => out_of_range(),
        }
    }
}

impl From<sku::Refusal> for Problem {
    fn from(refusal: sku::Refusal) -> Problem {
        use sku::Refusal;
        match refusal {
            Refusal::UnknownSku => Problem::new(Code::UnknownSku, "no product has this SKU"),
            Refusal::NotForSale => archived(),
            Refusal::SkuTaken => Problem::new(Code::SkuTaken, "it belongs to another product"),
            Refusal::SoldOut { free } => {
                let problem = Problem::new(Code::SoldOut, "fewer units are free than wanted");
                problem.with(|hints| hints.free = Some(free))
            }
            Refusal::SaleNotOpen { opens_at } => {
                let problem = Problem::new(Code::SaleNotOpen, "come back when it opens");
                problem.with(|hints| hints.opens_at = Some(opens_at))
            }
            Refusal::SaleClosed => Problem::new(Code::SaleClosed, "the sale is over"),
            Refusal::LimitPerBuyer { limit } => {
                let problem = Problem::new(Code::LimitPerBuyer, "the sale limits units per buyer");
                problem.with(|hints| hints.limit = Some(limit))
            }
            Refusal::ReservationLapsed => lapsed(),
            Refusal::OtherReservation => {
                let detail = "this id came before with another body; choose a new one";
                Problem::new(Code::ReservationDiffers, detail)
            }
            Refusal::AlreadySold => {
                Problem::new(Code::AlreadySold, "what was sold comes back as a receipt")
            }
            Refusal::MixedCurrencies => mixed(),
            Refusal::WouldGoNegative { free } => {
                let problem = Problem::new(Code::WouldGoNegative, "fewer units are there, or free");
                problem.with(|hints| hints.free = Some(free))
            }
            Refusal::OutOfRange => out_of_range(),
        }
    }
}

impl From<cart::Refusal> for Problem {
    fn from(refusal: cart::Refusal) -> Problem {
        use cart::Refusal;
        match refusal {
            Refusal::CartClosed => Problem::new(Code::CartClosed, "an order has its lines"),
            Refusal::CartEmpty => Problem::new(Code::CartEmpty, "add something first"),
            Refusal::ReservationLapsed { sku } => {
                lapsed().with(|hints| hints.sku = Some(sku.to_string()))
            }
            Refusal::MixedCurrencies => mixed(),
            Refusal::OutOfRange => out_of_range(),
            Refusal::KeyMismatch => Fault::KeyMismatch.into(),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        let code = match fault {
            Fault::Unavailable => Code::Unavailable,
            Fault::Quarantined(_) => Code::Quarantined,
            Fault::Internal => Code::Internal,
            Fault::InProgress => Code::InProgress,
            Fault::KeyMismatch => Code::KeyMismatch,
        };
        Problem::new(code, fault.to_string())
    }
}

pub(super) fn key_required() -> Problem {
    let detail = "send a fresh Idempotency-Key, and the same one with each repeat";
    Problem::new(Code::KeyRequired, detail)
}

fn not_found(what: &str) -> Problem {
    Problem::new(Code::NotFound, format!("there is no such {what}"))
}

fn archived() -> Problem {
    Problem::new(Code::NotForSale, "its product is archived")
}

fn lapsed() -> Problem {
    Problem::new(Code::ReservationLapsed, "set the line's units to reserve them again")
}

fn mixed() -> Problem {
    Problem::new(Code::MixedCurrencies, "a cart, and a sale, has one currency")
}

fn out_of_range() -> Problem {
    Problem::new(Code::TooMuch, "takes a count or a total beyond what the shop can hold")
}
