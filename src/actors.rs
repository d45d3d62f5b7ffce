//! The shop as a tree of actors: each cart, order, product and SKU owns its state in one.
//!
//! Reading order: [`admission`] says how many commands may be under way; [`baton`] carries an answer
//! through a conversation; [`shell`] runs any machine;
//! [`directory`] finds or wakes an actor and [`supervisor`] hears of its end; the roles [`sku`],
//! [`cart`], [`order`], [`product`] and [`post`] hold the conversations; [`timekeeper`],
//! [`cashier`] and [`herald`] act when time, money or news does; [`system`] is the tree. Invariant: actors only tell, they never await
//! each other.

pub mod admission;
pub mod baton;
pub mod cart;
pub mod cashier;
pub mod directory;
pub mod gather;
pub mod herald;
pub mod order;
pub mod outbox;
pub mod post;
pub mod product;
pub mod shell;
pub mod sku;
pub mod supervisor;
pub mod system;
pub mod timekeeper;

pub use baton::{Baton, Fault};
pub use outbox::Outbox;
pub use system::{Settings, System};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_actor_hears_takes_no_room_of_its_own() {
        fn room<R: shell::Role>() -> [usize; 2] {
            [size_of::<shell::Heard<R::Message>>(), size_of::<R::Message>()]
        }
        let kinds = [
            room::<sku::Actor>(),
            room::<cart::Actor>(),
            room::<order::Actor>(),
            room::<product::Actor>(),
            room::<post::Actor>(),
        ];
        for [heard, told] in kinds {
            assert_eq!(heard, told, "{kinds:?}");
        }
    }
}
