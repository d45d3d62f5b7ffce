//! Who asks: the admin's bearer token, a cart's token, an order's token.
//!
//! A token is the only key: an id alone opens nothing, and a wrong token says nothing about
//! whether what it was tried on exists. Missing is 401, wrong is 403.

use super::{
    Door,
    problem::{Code, Problem},
};
use crate::{
    domain::{CartId, OrderId},
    shop::Access,
};
use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, COOKIE, SET_COOKIE},
};
use subtle::ConstantTimeEq as _;

/// The key to a guest's cart.
pub const CART_TOKEN: HeaderName = HeaderName::from_static("cart-token");

/// The key to an order.
pub const ORDER_TOKEN: HeaderName = HeaderName::from_static("order-token");

const CART_COOKIE: &str = "cart_token=";

impl Door {
    /// Lets only the admin pass.
    ///
    /// # Errors
    /// No bearer token, or another one.
    pub fn admin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(token) = headers.get(AUTHORIZATION).and_then(bearer) else {
            let detail = "say `Authorization: Bearer` and the admin token";
            return Err(Problem::new(Code::TokenRequired, detail));
        };
        if token.ct_eq(self.settings().admin_token.as_bytes()).into() {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, "this is not the admin token"))
    }

    /// Whose cart the caller has, if any. The header counts before the cookie; a cookie that opens
    /// nothing (the store is another one) is passed over, since no script can take it away.
    ///
    /// # Errors
    /// The header holds no token of this shop.
    pub fn cart_if_any(&self, headers: &HeaderMap) -> Result<Option<CartId>, Problem> {
        let Some(token) = headers.get(CART_TOKEN) else {
            return Ok(cookie(headers).and_then(|token| self.shop().cart_of(token)));
        };
        let cart = token.to_str().ok().and_then(|token| self.shop().cart_of(token));
        match cart {
            Some(cart) => Ok(Some(cart)),
            None => Err(Problem::new(Code::Forbidden, "this Cart-Token opens no cart here")),
        }
    }

    /// Whose cart the caller has.
    ///
    /// # Errors
    /// No token, or one that opens nothing.
    pub fn cart(&self, headers: &HeaderMap) -> Result<CartId, Problem> {
        self.cart_if_any(headers)?.ok_or_else(|| {
            let detail = "send the Cart-Token that the first add answered with";
            Problem::new(Code::TokenRequired, detail)
        })
    }

    /// What lets the caller see `order`: its own token, here or as `token` from elsewhere, or the
    /// admin's.
    ///
    /// # Errors
    /// No token, or one that opens something else.
    pub fn order_access(
        &self,
        order: OrderId,
        headers: &HeaderMap,
        token: Option<&str>,
    ) -> Result<Access, Problem> {
        let header = headers.get(ORDER_TOKEN);
        let token = header.map_or(token, |value| Some(value.to_str().unwrap_or_default()));
        match token {
            Some(token) if self.shop().order_of(token) == Some(order) => Ok(Access::Order(order)),
            Some(_) => Err(Problem::new(Code::Forbidden, "this token does not open this order")),
            None if headers.contains_key(AUTHORIZATION) => {
                self.admin(headers).map(|()| Access::Admin)
            }
            None => {
                let detail = "send the order's access_token as Order-Token, or the admin token";
                Err(Problem::new(Code::TokenRequired, detail))
            }
        }
    }

    /// Hands out the key to a cart, as header and as cookie.
    pub fn give_cart_token(&self, cart: CartId, headers: &mut HeaderMap) {
        let token = self.shop().cart_token(cart);
        let secure = if self.settings().cookie_secure { "; Secure" } else { "" };
        let cookie = [CART_COOKIE, &token, "; Path=/; HttpOnly; SameSite=Lax", secure].concat();
        let cookie = HeaderValue::from_maybe_shared(bytes::Bytes::from(cookie));
        let token = HeaderValue::from_maybe_shared(bytes::Bytes::from(token));
        if let (Ok(token), Ok(cookie)) = (token, cookie) {
            headers.insert(CART_TOKEN, token);
            headers.insert(SET_COOKIE, cookie);
        }
    }
}

fn bearer(value: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|one| one.trim().strip_prefix(CART_COOKIE))
}
