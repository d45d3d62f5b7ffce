//! Letters that could not be sent, for admins: which they are, and trying again.

use super::{Error, Key, Shop, lists::Page, open};
use crate::{
    actors::{
        herald::{self, Herald, Link, Office},
        post,
    },
    domain::{
        By, OrderId, PostId, Time,
        post::{Kept, Letter, Refusal, State, Subject},
    },
    journal::{self, Layout},
    ports::{
        Mail,
        mail::{Folder, Mailbox, Route, Smtp},
    },
};
use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

/// Where letters go, and in whose name.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to.
    pub route: Route,
    /// Who writes.
    pub from: Mailbox,
    /// A file with one more CA that mail servers may be vouched for by.
    pub ca: Option<PathBuf>,
    /// How long a mail server may take to let us in, and to take one letter.
    pub timeout_ms: u64,
    /// The address at which buyers reach the door, without a `/` at its end.
    pub public_url: Option<String>,
    /// How letters are tried.
    pub herald: herald::Settings,
}

impl Default for Options {
    fn default() -> Self {
        let from =
            Mailbox { name: Some("Doorbuster".to_owned()), address: "shop@localhost".to_owned() };
        Options {
            route: Route::Files,
            from,
            ca: None,
            timeout_ms: 30_000,
            public_url: None,
            herald: herald::Settings::default(),
        }
    }
}

/// Names a letter among all shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LetterId {
    shard: usize,
    letter: Letter,
}

impl LetterId {
    const PREFIX: &'static str = "mail_";

    /// Reads the text form.
    #[must_use]
    pub fn parse(text: &str) -> Option<LetterId> {
        let mut parts = text.strip_prefix(Self::PREFIX)?.split('-');
        let (shard, position) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let subject = Subject::parse(parts.next()?)?;
        let id = LetterId { shard, letter: Letter { position, subject } };
        // One way to write it: a cursor is compared as what it means.
        (parts.next().is_none() && id.to_string() == text).then_some(id)
    }

    /// What it is about.
    #[must_use]
    pub fn subject(self) -> Subject {
        self.letter.subject
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Letter { position, subject } = self.letter;
        write!(f, "{}{}-{position}-{}", Self::PREFIX, self.shard, subject.name())
    }
}

/// A letter that was given up.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Which.
    pub id: LetterId,
    /// Whose event it tells of.
    pub order: OrderId,
    /// Whom it is for; `None` for nobody, or after the person was erased.
    pub to: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// What was said the last time.
    pub why: String,
    /// Since when it is dead.
    pub at: Time,
}

/// What has become of a letter that somebody wants to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// On its way.
    Resending,
    /// Dead again.
    Dead,
    /// Sent, or it came to nothing.
    Done,
}

impl Shop {
    /// Letters that were given up, shard by shard in the order of their events.
    ///
    /// # Errors
    /// The cursor is another list's, or a post does not answer.
    pub async fn dead_letters(
        &self,
        cursor: Option<String>,
        limit: usize,
    ) -> Result<Page<DeadLetter>, Error> {
        let after = match cursor {
            Some(text) => Some(LetterId::parse(&text).ok_or_else(foreign_cursor)?),
            None => None,
        };
        let mut dead: Vec<(LetterId, Kept)> = vec![];
        let first = after.map_or(0, |after| after.shard);
        for shard in first..self.system().shards.len() {
            let state = self.post(shard).await?;
            let all = state.dead().iter();
            let all = all.map(|(letter, kept)| (LetterId { shard, letter: *letter }, kept));
            let rest = all.filter(|(id, _)| after.is_none_or(|after| *id > after));
            dead.extend(rest.take(limit + 1).map(|(id, kept)| (id, kept.clone())));
            if dead.len() > limit {
                break;
            }
        }
        let more = dead.len() > limit;
        dead.truncate(limit);
        let next = dead.last().filter(|_| more).map(|(id, _)| id.to_string());
        let mut items = Vec::with_capacity(dead.len());
        for (id, Kept { trouble, at }) in dead {
            let to = herald::recipient(self.system(), trouble.order, id.subject()).await;
            let (order, attempts, why) = (trouble.order, trouble.attempts, trouble.why);
            items.push(DeadLetter {
                id,
                order,
                to: to.map(|to| to.to_string()),
                attempts,
                why,
                at,
            });
        }
        Ok(Page { items, next, current: true })
    }

    /// Tries a dead letter again; whether the command came before stands beside what became of it.
    ///
    /// # Errors
    /// No such letter is dead, or the key came before with another body.
    pub async fn resend(
        &self,
        id: LetterId,
        key: Option<Key<'_>>,
    ) -> Result<(Standing, bool), Error> {
        let post = self.post_of(id.shard).ok_or(Error::NotFound("dead letter"))?;
        let (letter, context) = (id.letter, self.context(By::Admin, key.as_ref()));
        let message = |baton| post::Message::Resend { letter, context, baton };
        match self.ask::<post::Actor, _>(post, message).await? {
            Ok(post::Resend { state, replayed }) => Ok((standing(&state, &letter), replayed)),
            Err(Refusal::UnknownLetter | Refusal::NotBegun | Refusal::Full) => {
                Err(Error::NotFound("dead letter"))
            }
        }
    }

    fn post_of(&self, shard: usize) -> Option<PostId> {
        let shards = self.system().shards.len();
        (shard < shards).then(|| journal::post_of(shard, shards))
    }

    async fn post(&self, shard: usize) -> Result<State, Error> {
        let post = self.post_of(shard).ok_or(Error::NotFound("post"))?;
        self.ask::<post::Actor, _>(post, post::Message::Read).await
    }
}

fn standing(state: &State, letter: &Letter) -> Standing {
    if state.waiting().contains_key(letter) {
        Standing::Resending
    } else if state.dead().contains_key(letter) {
        Standing::Dead
    } else {
        Standing::Done
    }
}

fn foreign_cursor() -> Error {
    Error::invalid("cursor", "must be the `next` of an earlier page of this list")
}

/// Whoever takes the letters of a shop in this folder.
pub(super) fn route(layout: &Layout, options: &Options) -> Result<Arc<dyn Mail>, open::Error> {
    let from = options.from.clone();
    Ok(match &options.route {
        Route::Files => {
            let path = layout.mail();
            let folder = Folder::open(&path, from);
            Arc::new(folder.map_err(|source| open::Error::Io { path, source })?)
        }
        Route::Smtp(server) => {
            let deadline = Duration::from_millis(options.timeout_ms);
            let (ca, at_once) = (options.ca.as_deref(), options.herald.at_once);
            Arc::new(Smtp::new(server.clone(), from, ca, deadline, at_once)?)
        }
    })
}

/// Starts the herald of a shop.
pub(super) async fn write(
    shop: &Shop,
    mail: Arc<dyn Mail>,
    options: &Options,
) -> std::io::Result<Herald> {
    // An attempt has two deadlines of its own; this one is for whatever has none.
    let deadline_ms = options.timeout_ms.saturating_mul(3).max(options.herald.deadline_ms);
    let settings = herald::Settings { deadline_ms, ..options.herald.clone() };
    let link = options.public_url.clone().map(|url| {
        let shop = shop.clone();
        let link = move |order: OrderId| {
            format!("{url}/api/orders/{order}?token={}", shop.order_token(order))
        };
        Box::new(link) as Link
    });
    Herald::start(shop.system().clone(), Office { mail, settings, link }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_named_in_one_way() {
        let text = "mail_1-4096-gift";
        assert_eq!(LetterId::parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        for foreign in ["", "mail_", "mail_1-2", "mail_1-02-gift", "mail_1-2-gift-", "1-2-gift"] {
            assert_eq!(LetterId::parse(foreign), None, "{foreign}");
        }
    }
}
