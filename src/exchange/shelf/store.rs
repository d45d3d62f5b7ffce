//! A store that no server has, opened as a server would.

use super::{Held, Look, Shelf};
use crate::{
    domain::{ProductId, Sku, product::Spec},
    exchange::{Error, api::Failed},
    journal, ports,
    shop::{self, Opened, Options, Shop, catalogue::Product, open},
};
use std::{path::Path, sync::Arc};

/// An open shop.
#[derive(Clone)]
pub struct Store(Shop);

impl Store {
    /// Opens the store in `folder`, made if it is missing; close what comes with it.
    ///
    /// # Errors
    /// A server has it, or it does not open.
    pub async fn open(folder: &Path, options: Options) -> Result<(Store, Opened), Error> {
        let clock = Arc::new(ports::clock::System::new());
        let opened = open::open_with(folder, options, clock, Arc::new(fatal)).await;
        let opened = opened.map_err(|error| unopened(folder, &error))?;
        Ok((Store(opened.shop.clone()), opened))
    }
}

fn unopened(folder: &Path, error: &open::Error) -> Error {
    let locked = matches!(
        error,
        open::Error::Keys(journal::keyring::Error::Locked(_))
            | open::Error::Log(journal::Error::Locked(_))
    );
    if locked { in_use(folder) } else { Error(error.to_string()) }
}

/// What to do about a store that a server has.
pub fn in_use(folder: &Path) -> Error {
    let folder = folder.display();
    Error(format!("a server has the store {folder}: use --url http://HOST:PORT, or stop it first"))
}

/// Memory is ahead of the disk: what was not said to be done may not be.
fn fatal(error: &journal::Error) {
    eprintln!("doorbuster: the log can't be written: {error}; mend the disk and run this again");
    std::process::exit(open::FATAL);
}

impl Look for Store {
    async fn find(&self, id: ProductId) -> Result<Option<Held>, Failed> {
        match self.0.product(id).await {
            Ok(Product { id, state, .. }) => {
                let held =
                    |spec: &Spec| Held { id, spec: spec.clone(), archived: state.archived() };
                Ok(state.spec().map(held))
            }
            Err(shop::Error::NotFound(_)) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn knows(&self, sku: &Sku) -> Result<bool, Failed> {
        Ok(self.0.slot(sku.as_str()).is_some())
    }
}

impl Shelf for Store {
    async fn make(&self, spec: &Spec) -> Result<(), Failed> {
        self.0.create_product(spec.clone(), None).await.map(drop).map_err(failed)
    }

    async fn change(&self, id: ProductId, spec: &Spec) -> Result<(), Failed> {
        self.0.update_product(id, spec.clone(), None, None).await.map(drop).map_err(failed)
    }

    async fn set_archived(&self, id: ProductId, archived: bool) -> Result<(), Failed> {
        let done = if archived {
            self.0.archive_product(id, None).await
        } else {
            self.0.restore_product(id, None, None).await
        };
        done.map(drop).map_err(failed)
    }
}

fn failed(error: shop::Error) -> Failed {
    match error {
        shop::Error::Invalid { field, why } => Failed::Refused(Some(field), why),
        shop::Error::Fault(_) | shop::Error::Overloaded | shop::Error::Store(_) => {
            Failed::Stopped(Error(format!("the store does not answer: {error}")))
        }
        shop::Error::Sku(_)
        | shop::Error::Cart(_)
        | shop::Error::Order(_)
        | shop::Error::Product(_)
        | shop::Error::SkuTaken(_)
        | shop::Error::HandleTaken(_)
        | shop::Error::NotFound(_) => Failed::Refused(None, error.to_string()),
    }
}
