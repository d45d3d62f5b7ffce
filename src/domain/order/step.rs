//! The steps that move an order's money, and what can become of each.
//!
//! Invariant: a step's name is its text in the log, in the provider's books and in its idempotency
//! key, so it means the same step wherever it is read, and for ever.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// A call to the payment provider. Each happens at most once per order: order and step are the
/// provider's idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Set the money aside.
    Authorise,
    /// Take what was set aside.
    Capture,
    /// Let go what was set aside. A provider that has nothing set aside says so, and declines a
    /// later `Authorise` of this order; one that has captured declines.
    Void,
    /// Give back what was taken, but for what returns have given back before.
    Refund,
    /// Give back what the units of this return cost.
    RefundPart(u32),
}

impl Step {
    /// All but the refunds of returns, in the order in which an order can meet them.
    pub const ALL: [Step; 4] = [Step::Authorise, Step::Capture, Step::Void, Step::Refund];

    /// The lower-case name of its kind.
    pub fn name(self) -> &'static str {
        match self {
            Step::Authorise => "authorise",
            Step::Capture => "capture",
            Step::Void => "void",
            Step::Refund | Step::RefundPart(_) => "refund",
        }
    }

    /// Reads what `Display` writes, and nothing else.
    pub fn parse(text: &str) -> Option<Step> {
        if let Some(step) = Step::ALL.into_iter().find(|step| step.name() == text) {
            return Some(step);
        }
        let digits = text.strip_prefix("refund-")?;
        let number: u32 = digits.parse().ok()?;
        Some(Step::RefundPart(number)).filter(|step| step.to_string() == text)
    }

    /// Whether it gives taken money back.
    pub fn is_refund(self) -> bool {
        matches!(self, Step::Refund | Step::RefundPart(_))
    }
}

/// `authorise`, `capture`, `void`, `refund`, and `refund-3` for the third return.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Step::RefundPart(number) => write!(f, "-{number}"),
            Step::Authorise | Step::Capture | Step::Void | Step::Refund => Ok(()),
        }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Step::RefundPart(_) => serializer.collect_str(self),
            Step::Authorise | Step::Capture | Step::Void | Step::Refund => {
                serializer.serialize_str(self.name())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Step, D::Error> {
        struct Name;
        impl de::Visitor<'_> for Name {
            type Value = Step;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a payment step")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Step, E> {
                let unknown = || E::invalid_value(de::Unexpected::Str(text), &self);
                Step::parse(text).ok_or_else(unknown)
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Done, under the provider's reference.
    Approved { reference: String },
    /// A `Void` that found nothing set aside.
    NothingToVoid,
    /// Refused for good.
    Declined { reason: String },
    /// No answer came; the provider must be asked before anything else.
    Unknown,
    /// The provider was asked and never saw the step.
    NotSeen,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_reads_as_it_is_written_and_no_other_way() {
        for step in Step::ALL.into_iter().chain([1, 42, u32::MAX].map(Step::RefundPart)) {
            assert_eq!(Step::parse(&step.to_string()), Some(step));
            let json = serde_json::to_string(&step).unwrap();
            assert_eq!(json, format!("\"{step}\""));
            assert_eq!(serde_json::from_str::<Step>(&json).unwrap(), step);
            let packed = rmp_serde::to_vec_named(&step).unwrap();
            assert_eq!(rmp_serde::from_slice::<Step>(&packed).unwrap(), step);
        }
        for text in ["", "Refund", "refund-", "refund-01", "refund-+1", "refund-4294967296"] {
            assert_eq!(Step::parse(text), None, "{text}");
        }
    }
}
