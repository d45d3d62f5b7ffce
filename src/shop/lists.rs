//! What is read from the views: lists and histories beyond one entity.
//!
//! A view may lag; a list first waits a moment for it, so that who wrote something finds it, and
//! then answers with what is there. A list of products waits only for changes of products.

use super::{Error, Shop, orders::Order};
use crate::{
    actors::Fault,
    domain::{EntityId, OrderId, Sku, Time},
    journal::{Position, StateStore},
    views::{self, Follower, catalogue, ledger, orders, orders::Placed},
};
use std::{sync::Arc, time::Duration};

pub use crate::views::{
    catalogue::{Category, Product as Listed, Query, Sort},
    ledger::Movement,
};

/// The longest a list waits for its view.
const CATCH_UP: Duration = Duration::from_millis(250);

/// One page of a list, and the cursor of the next.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// None on the last page.
    pub next: Option<String>,
    /// The view had come as far as it had to; else it is what was there.
    pub current: bool,
}

/// One line of a list of orders.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// Which order.
    pub id: OrderId,
    /// When it was placed.
    pub at: Time,
    /// All of it; `None` while it is quarantined.
    pub order: Option<Order>,
}

impl Shop {
    /// Products as `query` wants them.
    ///
    /// # Errors
    /// The cursor is another query's, or the store failed.
    pub async fn products(
        &self,
        query: Query,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Listed>, Error> {
        let after = match cursor {
            Some(text) => Some(query.key_in(text).ok_or_else(foreign_cursor)?),
            None => None,
        };
        let system = self.system().clone();
        let read = move |store: &dyn StateStore| {
            let has_stock = |sku: &Sku| system.board.has_free(sku.as_str());
            let after = after.as_deref();
            let (ids, next) = system.catalogue.page(&query, after, limit, &has_stock);
            Ok((catalogue::products(store, &ids)?, next))
        };
        let needed = self.system().catalogue.needed();
        let ((items, next), current) = self.read_view(catalogue::NAME, Some(needed), read).await?;
        Ok(Page { items, next, current })
    }

    /// The tree of categories that have products for sale, and whether it is today's.
    ///
    /// # Errors
    /// Too much is under way.
    pub async fn categories(&self) -> Result<Page<Category>, Error> {
        let system = self.system().clone();
        let needed = system.catalogue.needed();
        let read = move |_: &dyn StateStore| Ok(system.catalogue.categories());
        let (items, current) = self.read_view(catalogue::NAME, Some(needed), read).await?;
        Ok(Page { items, next: None, current })
    }

    /// A SKU's ledger, newest first.
    ///
    /// # Errors
    /// No product has the SKU, or the store failed.
    pub async fn movements(
        &self,
        sku: &Sku,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Movement>, Error> {
        self.known(sku)?;
        let cursor = match cursor {
            Some(text) => Some(ledger::Cursor::parse(text).ok_or_else(foreign_cursor)?),
            None => None,
        };
        let shard = self.system().shard_of(&EntityId::Sku(sku.clone()));
        let log = self.system().shards.get(shard).map(|shard| shard.log.clone());
        let (sku, recent) = (sku.clone(), self.system().ledger.clone());
        let read = move |store: &dyn StateStore| match log {
            Some(log) => ledger::page(store, &recent, &*log, &sku, cursor.as_ref(), limit),
            None => Ok((vec![], None)),
        };
        let ((items, next), current) = self.read_view("ledger", None, read).await?;
        Ok(Page { items, next: next.map(|cursor| cursor.to_string()), current })
    }

    /// Orders, newest first; of one buyer when an e-mail is given.
    ///
    /// # Errors
    /// The cursor is another list's, or the store failed.
    pub async fn orders(
        &self,
        email: Option<&str>,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Page<Ordered>, Error> {
        let buyer = email.map(|email| self.buyer_of(email));
        let cursor = match cursor {
            Some(text) => Some(orders::Cursor::parse(&text, buyer).ok_or_else(foreign_cursor)?),
            None => None,
        };
        let read = move |store: &dyn StateStore| orders::page(store, buyer, cursor.as_ref(), limit);
        let ((placed, next), current) = self.read_view("orders", None, read).await?;
        let mut items = Vec::with_capacity(placed.len());
        for Placed { order: id, at } in placed {
            let order = match self.order_by_id(id).await {
                Ok(order) => Some(order),
                // Shut out alone: that is no reason to keep the others back.
                Err(Error::Fault(Fault::Quarantined(_))) => None,
                Err(error) => return Err(error),
            };
            items.push(Ordered { id, at, order });
        }
        Ok(Page { items, next, current })
    }

    /// How far every view is behind.
    pub fn lag(&self) -> Vec<views::follower::Lag> {
        self.0.views.lag()
    }

    /// Reads off the runtime's threads: a view may have to be waited for, and sled reads files.
    /// Where it is known what the view must have to show all that was answered, nothing else is
    /// waited for. Also says whether that has come in time.
    async fn read_view<T: Send + 'static>(
        &self,
        view: &'static str,
        needed: Option<Vec<Position>>,
        read: impl FnOnce(&dyn StateStore) -> Result<T, views::Error> + Send + 'static,
    ) -> Result<(T, bool), Error> {
        let permit = self.permit()?;
        let (store, views) = (self.system().store.clone(), Arc::clone(&self.0.views));
        let read = move || {
            // The permit stays as long as the reading lasts, also when nobody waits for it.
            let _permit = permit;
            let current = match needed {
                Some(ends) => views.reach(view, &ends, CATCH_UP),
                None => views.catch_up(view, CATCH_UP),
            };
            read(&*store).map(|page| (page, current))
        };
        let done = tokio::task::spawn_blocking(read).await;
        let done = done.map_err(|error| Error::Store(error.to_string()))?;
        done.map_err(|error| Error::Store(error.to_string()))
    }
}

fn foreign_cursor() -> Error {
    Error::invalid("cursor", "must be the `next` of an earlier page of this list")
}

/// Starts the views of a system.
///
/// # Errors
/// The store failed, or the thread could not be started.
pub(super) fn follow(
    system: &crate::actors::System,
) -> Result<(Arc<Follower>, std::thread::JoinHandle<()>), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Store(error.to_string());
    let logs = system.shards.iter().map(|shard| shard.log.clone()).collect();
    let views = views::keeping(system.catalogue.clone(), system.ledger.clone());
    let follower = Follower::open(system.store.clone(), logs, views);
    let follower = follower.map_err(|error| failed(&error))?;
    system.catalogue.load(&*system.store).map_err(|error| failed(&error))?;
    let thread = follower.spawn().map_err(|error| failed(&error))?;
    Ok((follower, thread))
}
