//! The shop through its door: one binary, one module per resource.
//!
//! Each test serves a shop of its own, from a folder of its own, on a free port of the loopback.

mod app;
mod cart;
mod checkout;
mod inventory;
mod live;
mod manners;
mod operate;
mod orders;
mod products;
