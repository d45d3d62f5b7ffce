//! What has to be done for one product: make it, change it, or leave it.
//!
//! Invariant: what the store holds as the file says it is left alone; units never tell them apart,
//! since they move on.

use crate::{
    domain::{
        ProductId,
        product::{Spec, Variant},
    },
    exchange::{
        api::Failed,
        shelf::{Held, Look, Shelf},
    },
};

/// What has to be done for one product.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plan {
    /// It is not there.
    Make {
        /// Not for sale.
        archived: bool,
        /// What its SKUs receive.
        units: u64,
    },
    /// It is there, and says something else.
    Change {
        /// As it is there.
        held: Box<Held>,
        /// Whether its text or variants change.
        differs: bool,
        /// Not for sale from now on.
        archived: bool,
        /// What new SKUs receive.
        units: u64,
    },
    /// It is there as the file says it.
    Leave,
}

/// Under which handle a product goes in, and what is there already. Where the file has the id of
/// a product without a handle, that product is meant; a store that does not have it gives it one.
pub(super) async fn named<L: Look>(
    look: &L,
    handle: &str,
) -> Result<(String, Option<Held>), Failed> {
    let Some(id) = ProductId::parse(handle) else {
        return Ok((handle.to_owned(), look.find(ProductId::of_handle(handle)).await?));
    };
    if let Some(held) = look.find(id).await? {
        return Ok((held.spec.handle.clone(), Some(held)));
    }
    let handle = format!("product-{}", id.0.simple());
    let held = look.find(ProductId::of_handle(&handle)).await?;
    Ok((handle, held))
}

impl Plan {
    /// Compares what is wanted with what is there. In a dry run nobody else will say that a SKU is
    /// taken.
    ///
    /// # Errors
    /// A SKU is taken, or no answer.
    pub(super) async fn of<L: Look>(
        look: &L,
        spec: &Spec,
        held: Option<Held>,
        archived: bool,
        dry: bool,
    ) -> Result<Plan, Failed> {
        let Some(held) = held else {
            for variant in spec.variants.iter().filter(|_| dry) {
                if look.knows(&variant.sku).await? {
                    let why = format!("{} belongs to another product", variant.sku);
                    return Err(Failed::Refused(Some("/variants/0/sku".to_owned()), why));
                }
            }
            let units = spec.variants.iter().map(|variant| variant.units).sum();
            return Ok(Plan::Make { archived, units });
        };
        let differs = spec.after(&held.spec) != held.spec;
        if !differs && held.archived == archived {
            return Ok(Plan::Leave);
        }
        let known = |one: &Variant| held.spec.variants.iter().any(|other| other.sku == one.sku);
        let mut units = 0;
        for variant in spec.variants.iter().filter(|one| !known(one)) {
            if !look.knows(&variant.sku).await? {
                units += variant.units;
            }
        }
        Ok(Plan::Change { held: Box::new(held), differs, archived, units })
    }

    /// What SKUs receive.
    pub(super) fn units(&self) -> u64 {
        match self {
            Plan::Make { units, .. } | Plan::Change { units, .. } => *units,
            Plan::Leave => 0,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// Refused, or no answer.
    pub(super) async fn carry_out<S: Shelf>(&self, shelf: &S, spec: &Spec) -> Result<(), Failed> {
        match self {
            Plan::Leave => Ok(()),
            Plan::Make { archived, .. } => {
                shelf.make(spec).await?;
                if *archived {
                    shelf.set_archived(ProductId::of_handle(&spec.handle), true).await?;
                }
                Ok(())
            }
            Plan::Change { held, differs, archived, .. } => {
                // What is archived takes no changes.
                if held.archived {
                    shelf.set_archived(held.id, false).await?;
                }
                let changed = match differs {
                    true => shelf.change(held.id, spec).await,
                    false => Ok(()),
                };
                // A change that was refused leaves it where it was.
                let off_sale = if changed.is_ok() { *archived } else { held.archived };
                if off_sale {
                    shelf.set_archived(held.id, true).await?;
                }
                changed
            }
        }
    }
}
