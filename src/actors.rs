//! The shop as a tree of actors: each cart, order, product and SKU owns its state in one.
//!
//! Reading order: [`baton`] carries an answer through a conversation; [`shell`] runs any machine;
//! [`directory`] finds or wakes an actor and [`supervisor`] hears of its end; the roles [`sku`],
//! [`cart`], [`order`] and [`product`] hold the conversations; [`timekeeper`] and [`cashier`] act
//! when time or money does; [`system`] is the tree. Invariant: actors only tell, they never await
//! each other.

pub mod baton;
pub mod cart;
pub mod cashier;
pub mod directory;
pub mod gather;
pub mod order;
pub mod outbox;
pub mod product;
pub mod shell;
pub mod sku;
pub mod supervisor;
pub mod system;
pub mod timekeeper;

pub use baton::{Baton, Fault};
pub use outbox::Outbox;
pub use system::{Settings, System};
