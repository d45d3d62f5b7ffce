//! What each answer of the provider makes of an order.
//!
//! Invariant: money that may be with the provider is known here, or owed to be asked for, let go
//! or given back.

use super::{News, Payment, State, Status, Step, Stock, evolve::Words};
use crate::domain::cart::Lapsed;

impl State {
    /// The provider has said something: what nobody knew is settled, or said to be unknown anew.
    pub(super) fn heard(&mut self) -> &mut State {
        self.unknown = None;
        self
    }

    pub(super) fn authorised(&mut self, reference: &str) -> Words {
        self.authorisation = Some(reference.to_owned());
        self.payment = Payment::Authorised;
        self.void_owed = self.status != Status::Placed;
        &["authorised"]
    }

    pub(super) fn payment_declined(&mut self) -> Words {
        self.payment = Payment::Declined;
        self.void_owed = false;
        if self.status != Status::Placed {
            return &["payment declined"];
        }
        self.end(Status::Declined, Stock::HandBackOwed);
        self.reopen = Some(Lapsed::These(vec![]));
        &["declined"]
    }

    pub(super) fn payment_unknown(&mut self, step: Step) -> Words {
        self.payment = Payment::Unknown;
        self.unknown = Some(step);
        &["payment unknown"]
    }

    pub(super) fn payment_not_seen(&mut self, step: Step) -> Words {
        self.payment = self.payment_before(step);
        self.void_owed = self.status != Status::Placed;
        &[]
    }

    pub(super) fn captured(&mut self, reference: &str) -> Words {
        self.capture = Some(reference.to_owned());
        self.payment = Payment::Captured;
        self.void_owed = false;
        if self.confirm_when_paid() { &["captured", "confirmed"] } else { &["captured"] }
    }

    pub(super) fn capture_failed(&mut self) -> Words {
        self.payment = Payment::Failed;
        self.void_owed = true;
        if self.status != Status::Placed {
            return &["capture failed"];
        }
        self.end(Status::Declined, Stock::ReturnOwed);
        self.reopen = Some(Lapsed::All);
        &["capture failed", "declined"]
    }

    pub(super) fn voided(&mut self) -> Words {
        self.void_owed = false;
        // Also when nobody knew of the authorisation: only the provider did.
        if self.payment != Payment::Failed {
            self.payment = Payment::Voided;
        }
        self.tell_of_money_back();
        &["voided"]
    }

    pub(super) fn nothing_to_void(&mut self) -> Words {
        self.void_owed = false;
        self.payment = self.payment_before(Step::Authorise);
        &[]
    }

    /// The money was taken after all: the provider will say so when asked.
    pub(super) fn void_refused(&mut self) -> Words {
        self.void_owed = false;
        self.unknown = Some(Step::Capture);
        &[]
    }

    pub(super) fn refunded(&mut self) -> Words {
        self.payment = Payment::Refunded;
        self.tell_of_money_back();
        &["refunded"]
    }

    /// `true` when it is confirmed from now on.
    pub(super) fn confirm_when_paid(&mut self) -> bool {
        let paid = self.payment == Payment::Captured && self.stock == Stock::Committed;
        let confirmed = paid && self.status == Status::Placed;
        if confirmed {
            self.status = Status::Confirmed;
            self.tell(News::Confirmed);
        }
        confirmed
    }

    /// Where the money is when the unknown `step` never reached the provider.
    fn payment_before(&self, step: Step) -> Payment {
        match step {
            _ if self.payment != Payment::Unknown => self.payment,
            Step::Authorise => Payment::None,
            Step::Capture | Step::Void => Payment::Authorised,
            Step::Refund | Step::RefundPart(_) => Payment::Captured,
        }
    }
}
