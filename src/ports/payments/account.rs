//! The simulator's rules: what one order's account allows.
//!
//! Pure, like the shop's own machines: `decide` answers from what the books say, `evolve` reads
//! one line of them, so reopening the books gives the very same provider. Invariant: a step that
//! was answered for good keeps that answer.

use super::{Request, Step, books::Record};
use crate::domain::{Currency, Money};
use serde::{Deserialize, Serialize};
use std::fmt;

/// `tok_unavailable` fails this often before it approves.
const FAILURES: u8 = 2;

/// How a simulated card behaves. Only the kind is kept, never the token's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Token {
    /// `tok_approve`
    Approve,
    /// `tok_decline`
    Decline,
    /// `tok_slow`: two seconds.
    Slow,
    /// `tok_unavailable`: fails twice, then approves.
    Unavailable,
    /// `tok_unknown`: the money is authorised but the answer is lost.
    Unknown,
    /// `tok_capture_fails`: authorised, captured never.
    CaptureFails,
    /// Any other text: declined.
    Other,
}

impl Token {
    /// The kind that a token names.
    #[must_use]
    pub fn parse(text: &str) -> Token {
        match text {
            "tok_approve" => Token::Approve,
            "tok_decline" => Token::Decline,
            "tok_slow" => Token::Slow,
            "tok_unavailable" => Token::Unavailable,
            "tok_unknown" => Token::Unknown,
            "tok_capture_fails" => Token::CaptureFails,
            _ => Token::Other,
        }
    }
}

/// What became of one execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The money moved.
    Approved,
    /// A void that found nothing to give up; it still blocks a later authorisation.
    NothingToVoid,
    /// Nothing happened and it may be tried again: the only outcome that is not final.
    Unavailable,
    /// Nothing happened and nothing will.
    Declined(Reason),
}

/// Why the provider declines for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The buyer's bank says no.
    CardDeclined,
    /// No such token.
    UnknownToken,
    /// `tok_capture_fails`.
    CaptureFailed,
    /// Authorise or capture after a void.
    AlreadyVoided,
    /// Capture without an authorisation.
    NotAuthorised,
    /// Void after a capture.
    AlreadyCaptured,
    /// Refund without a capture.
    NotCaptured,
    /// More than was authorised (captured), or in another currency.
    TooMuch,
    /// Less than nothing.
    NegativeAmount,
    /// The key was used with another amount or token.
    OtherContent,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::CardDeclined => "the card was declined",
            Reason::UnknownToken => "no such payment token",
            Reason::CaptureFailed => "the capture failed for good",
            Reason::AlreadyVoided => "already voided",
            Reason::NotAuthorised => "not authorised",
            Reason::AlreadyCaptured => "already captured",
            Reason::NotCaptured => "not captured",
            Reason::TooMuch => "more than there is, or another currency",
            Reason::NegativeAmount => "a negative amount",
            Reason::OtherContent => "this key was used with another amount or token",
        })
    }
}

/// The final outcome of one step. Flat, so that an account stays small.
#[derive(Clone, Copy, Debug)]
struct Entry {
    amount_minor: i64,
    currency: Currency,
    outcome: Outcome,
}

/// What the books say about one order.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    authorise: Option<Entry>,
    capture: Option<Entry>,
    void: Option<Entry>,
    /// In the order in which they came; most accounts have none.
    refunds: Box<[(Step, Entry)]>,
    /// Of the last authorisation that was tried.
    token: Option<Token>,
    /// Authorisations that ended `Unavailable`.
    failures: u8,
}

/// What an execution comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// To be written down before it is said.
    New(Outcome),
    /// Changes nothing: the first answer again, or a refusal of a key's other content.
    Old(Outcome),
}

impl Account {
    /// The step's final outcome.
    pub(super) fn outcome(&self, step: Step) -> Option<Outcome> {
        self.entry(step).map(|entry| entry.outcome)
    }

    /// What `request` comes to; `token` is given for an authorisation.
    pub(super) fn decide(&self, request: &Request, token: Option<Token>) -> Verdict {
        if let Some(entry) = self.entry(request.step) {
            let same_token = request.step != Step::Authorise || token == self.token;
            let first = Money { amount_minor: entry.amount_minor, currency: entry.currency };
            return Verdict::Old(if same_token && first == request.amount {
                entry.outcome
            } else {
                Outcome::Declined(Reason::OtherContent)
            });
        }
        let declined = if request.amount.amount_minor < 0 {
            Some(Reason::NegativeAmount)
        } else {
            self.objection(request.step, request.amount)
        };
        Verdict::New(match (declined, request.step, token) {
            (Some(reason), ..) => Outcome::Declined(reason),
            (None, Step::Authorise, token) => self.charge(token.unwrap_or(Token::Other)),
            (None, Step::Void, _) if self.approved(Step::Authorise).is_none() => {
                Outcome::NothingToVoid
            }
            (None, Step::Capture | Step::Void | Step::Refund | Step::RefundPart(_), _) => {
                Outcome::Approved
            }
        })
    }

    /// Takes over what a line of the books says.
    pub(super) fn evolve(&mut self, record: &Record) {
        if record.step == Step::Authorise {
            self.token = record.token;
        }
        if record.outcome == Outcome::Unavailable {
            self.failures = self.failures.saturating_add(1);
            return;
        }
        let Money { amount_minor, currency } = record.amount;
        let entry = Entry { amount_minor, currency, outcome: record.outcome };
        let slot = match record.step {
            Step::Authorise => &mut self.authorise,
            Step::Capture => &mut self.capture,
            Step::Void => &mut self.void,
            Step::Refund | Step::RefundPart(_) => {
                if self.entry(record.step).is_none() {
                    let known = std::mem::take(&mut self.refunds).into_iter();
                    self.refunds = known.chain([(record.step, entry)]).collect();
                }
                return;
            }
        };
        slot.get_or_insert(entry);
    }

    /// Why the account as it stands does not allow the step.
    fn objection(&self, step: Step, amount: Money) -> Option<Reason> {
        let voided = self.void.is_some_and(|void| !matches!(void.outcome, Outcome::Declined(_)));
        let (limit, missing) = match step {
            Step::Authorise => return voided.then_some(Reason::AlreadyVoided),
            Step::Void => {
                return self.approved(Step::Capture).map(|_| Reason::AlreadyCaptured);
            }
            Step::Capture if voided => return Some(Reason::AlreadyVoided),
            Step::Capture => (self.approved(Step::Authorise), Reason::NotAuthorised),
            Step::Refund | Step::RefundPart(_) => (self.kept(), Reason::NotCaptured),
        };
        let Some(limit) = limit else { return Some(missing) };
        if step == Step::Capture && self.token == Some(Token::CaptureFails) {
            return Some(Reason::CaptureFailed);
        }
        let fits = amount.currency == limit.currency && amount.amount_minor <= limit.amount_minor;
        (!fits).then_some(Reason::TooMuch)
    }

    /// What the buyer's bank says.
    fn charge(&self, token: Token) -> Outcome {
        match token {
            Token::Unavailable if self.failures < FAILURES => Outcome::Unavailable,
            Token::Decline => Outcome::Declined(Reason::CardDeclined),
            Token::Other => Outcome::Declined(Reason::UnknownToken),
            Token::Approve
            | Token::Slow
            | Token::Unavailable
            | Token::Unknown
            | Token::CaptureFails => Outcome::Approved,
        }
    }

    /// How much the step moved.
    fn approved(&self, step: Step) -> Option<Money> {
        let Entry { amount_minor, currency, outcome } = self.entry(step)?;
        (outcome == Outcome::Approved).then_some(Money { amount_minor, currency })
    }

    fn entry(&self, step: Step) -> Option<Entry> {
        match step {
            Step::Authorise => self.authorise,
            Step::Capture => self.capture,
            Step::Void => self.void,
            Step::Refund | Step::RefundPart(_) => {
                let known = self.refunds.iter().find(|(known, _)| *known == step);
                known.map(|(_, entry)| *entry)
            }
        }
    }

    /// What was taken and not given back yet; `None` when nothing was taken.
    fn kept(&self) -> Option<Money> {
        let taken = self.approved(Step::Capture)?;
        let refunds = self.refunds.iter().filter(|(_, entry)| entry.outcome == Outcome::Approved);
        let left = refunds
            .fold(taken.amount_minor, |left, (_, entry)| left.saturating_sub(entry.amount_minor));
        Some(Money { amount_minor: left, ..taken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{OrderId, Time};
    use uuid::Uuid;

    type Line = (Step, i64, &'static str);

    fn request((step, amount_minor, token): Line) -> Request {
        let amount = Money { amount_minor, currency: Currency::parse("USD").unwrap() };
        Request { order: OrderId(Uuid::from_u128(1)), step, amount, token: token.into() }
    }

    fn decided(account: &Account, line: Line) -> Verdict {
        let token = (line.0 == Step::Authorise).then(|| Token::parse(line.2));
        account.decide(&request(line), token)
    }

    /// After the steps of `given`, `when` comes to `then`.
    fn check(given: &[Line], when: Line, then: Verdict) {
        let mut account = Account::default();
        for line in given {
            if let Verdict::New(outcome) = decided(&account, *line) {
                account.evolve(&Record::new(Time(0), &request(*line), outcome));
            }
        }
        assert_eq!(decided(&account, when), then, "{given:?} then {when:?}");
    }

    const AUTHORISE: Line = (Step::Authorise, 500, "tok_approve");
    const CAPTURE: Line = (Step::Capture, 500, "");
    const VOID: Line = (Step::Void, 500, "");
    const REFUND: Line = (Step::Refund, 500, "");

    fn declined(reason: Reason) -> Verdict {
        Verdict::New(Outcome::Declined(reason))
    }

    #[test]
    fn each_token_has_its_way() {
        let with = |token| (Step::Authorise, 500, token);
        for token in ["tok_approve", "tok_slow", "tok_unknown", "tok_capture_fails"] {
            check(&[], with(token), Verdict::New(Outcome::Approved));
        }
        check(&[], with("tok_decline"), declined(Reason::CardDeclined));
        check(&[], with("tok_of_somebody_else"), declined(Reason::UnknownToken));
        check(&[with("tok_capture_fails")], CAPTURE, declined(Reason::CaptureFailed));
    }

    #[test]
    fn the_unavailable_token_fails_twice_and_then_approves() {
        let flaky = (Step::Authorise, 500, "tok_unavailable");
        check(&[], flaky, Verdict::New(Outcome::Unavailable));
        check(&[flaky], flaky, Verdict::New(Outcome::Unavailable));
        check(&[flaky; 2], flaky, Verdict::New(Outcome::Approved));
        check(&[flaky; 3], flaky, Verdict::Old(Outcome::Approved));
    }

    #[test]
    fn what_comes_in_the_wrong_order_is_declined() {
        check(&[], CAPTURE, declined(Reason::NotAuthorised));
        check(&[AUTHORISE], REFUND, declined(Reason::NotCaptured));
        check(&[AUTHORISE, CAPTURE], VOID, declined(Reason::AlreadyCaptured));
        check(&[AUTHORISE, VOID], CAPTURE, declined(Reason::AlreadyVoided));
        check(&[VOID], AUTHORISE, declined(Reason::AlreadyVoided));
    }

    #[test]
    fn a_void_that_was_declined_blocks_nothing() {
        check(&[AUTHORISE, CAPTURE, VOID], REFUND, Verdict::New(Outcome::Approved));
    }

    #[test]
    fn a_failed_capture_leaves_the_authorisation_to_be_voided() {
        let card = (Step::Authorise, 500, "tok_capture_fails");
        check(&[card, CAPTURE], VOID, Verdict::New(Outcome::Approved));
        check(&[card, CAPTURE], REFUND, declined(Reason::NotCaptured));
    }

    #[test]
    fn no_step_moves_more_than_the_one_before() {
        check(&[AUTHORISE], (Step::Capture, 501, ""), declined(Reason::TooMuch));
        let part = (Step::Capture, 300, "");
        check(&[AUTHORISE], part, Verdict::New(Outcome::Approved));
        check(&[AUTHORISE, part], (Step::Refund, 301, ""), declined(Reason::TooMuch));
        check(&[AUTHORISE, part], (Step::Refund, 300, ""), Verdict::New(Outcome::Approved));
        check(&[], (Step::Authorise, -1, "tok_approve"), declined(Reason::NegativeAmount));
    }

    #[test]
    fn refunds_in_parts_never_give_back_more_than_was_taken() {
        let part = |number, amount| (Step::RefundPart(number), amount, "");
        let approved = Verdict::New(Outcome::Approved);
        let paid = [AUTHORISE, CAPTURE, part(1, 200), part(2, 200)];
        check(&paid, part(3, 100), approved);
        check(&paid, part(3, 101), declined(Reason::TooMuch));
        check(&paid, (Step::Refund, 100, ""), approved);
        check(&paid, REFUND, declined(Reason::TooMuch));
        check(&paid, part(2, 200), Verdict::Old(Outcome::Approved));
        check(&paid, part(1, 199), Verdict::Old(Outcome::Declined(Reason::OtherContent)));
        check(&[AUTHORISE], part(1, 1), declined(Reason::NotCaptured));
        check(&[AUTHORISE, CAPTURE, REFUND], part(1, 1), declined(Reason::TooMuch));
    }

    #[test]
    fn a_key_with_other_content_is_declined_and_its_first_answer_stands() {
        let other = Verdict::Old(Outcome::Declined(Reason::OtherContent));
        check(&[AUTHORISE], (Step::Authorise, 501, "tok_approve"), other);
        check(&[AUTHORISE], (Step::Authorise, 500, "tok_slow"), other);
        check(
            &[AUTHORISE, (Step::Authorise, 501, "tok_approve")],
            AUTHORISE,
            Verdict::Old(Outcome::Approved),
        );
    }

    #[test]
    fn an_account_stays_small() {
        assert!(size_of::<Account>() <= 72, "{} bytes an order", size_of::<Account>());
    }
}
