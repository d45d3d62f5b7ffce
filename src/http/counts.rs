//! How commands ended, counted by kind, whichever door they came through.

use super::reply::Answer;

/// How often a kind of command went well, and why not.
#[derive(Clone)]
pub(super) struct Counts {
    kind: &'static str,
    done: metrics::Counter,
}

impl Counts {
    pub(super) fn of(kind: &'static str) -> Counts {
        let done =
            metrics::counter!("doorbuster_commands_total", "kind" => kind, "outcome" => "ok");
        Counts { kind, done }
    }

    pub(super) fn count(&self, answer: &Answer) {
        match answer {
            Ok(_) => self.done.increment(1),
            Err(problem) => {
                let (kind, outcome) = (self.kind, problem.code().name());
                metrics::counter!("doorbuster_commands_total", "kind" => kind, "outcome" => outcome)
                    .increment(1);
            }
        }
    }
}
