//! The supervisor of one kind: hears of each actor's end and tells the directory.
//!
//! Overrides ractor's default, which would stop the supervisor with its first dead child.

use super::{
    System,
    directory::{Directory, Id as _},
    shell::{Rebuilt, Role},
    system::Knows,
};
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use std::{collections::HashMap, marker::PhantomData, sync::Arc};

/// Failures within this time count towards the next pause.
const MEMORY_MS: u64 = 60_000;

/// Supervises the actors of one role.
pub struct Supervisor<R>(PhantomData<fn() -> R>);

impl<R> Default for Supervisor<R> {
    fn default() -> Self {
        Supervisor(PhantomData)
    }
}

/// What a supervisor remembers: who failed lately, how often and when last.
pub struct Failures<R: Role> {
    system: Arc<System>,
    recent: HashMap<R::Id, (u32, crate::domain::Time)>,
}

/// A supervisor is told nothing but supervision events.
pub enum Nothing {}

impl<R: Role> Actor for Supervisor<R>
where
    System: Knows<R>,
{
    type Msg = Nothing;
    type State = Failures<R>;
    type Arguments = Arc<System>;

    async fn pre_start(
        &self,
        _: ActorRef<Nothing>,
        system: Arc<System>,
    ) -> Result<Failures<R>, ActorProcessingErr> {
        Ok(Failures { system, recent: HashMap::new() })
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Nothing>,
        event: SupervisionEvent,
        failures: &mut Failures<R>,
    ) -> Result<(), ActorProcessingErr> {
        let system = failures.system.clone();
        let directory: &Directory<R> = system.directory();
        match event {
            SupervisionEvent::ActorTerminated(actor, state, _) => {
                let actor = actor.get_id();
                let live = state.and_then(|mut state| state.take::<Rebuilt<R>>().ok()?.ok());
                let id = live.map(|live| live.id().clone()).or_else(|| directory.name_of(actor));
                if let Some(id) = id {
                    directory.ended(&system, id, actor, None);
                }
            }
            SupervisionEvent::ActorFailed(actor, error) => {
                let actor = actor.get_id();
                let Some(id) = directory.name_of(actor) else { return Ok(()) };
                let count = failures.count(&id);
                tracing::error!(entity = %id.entity(), %error, count, "an actor failed");
                metrics::counter!("doorbuster_actor_failures_total").increment(1);
                directory.ended(&system, id, actor, Some(count));
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl<R: Role> Failures<R> {
    fn count(&mut self, id: &R::Id) -> u32 {
        let now = self.system.now();
        self.recent.retain(|_, (_, at)| now.ms_since(*at) < MEMORY_MS);
        let entry = self.recent.entry(id.clone()).or_insert((0, now));
        *entry = (entry.0.saturating_add(1), now);
        entry.0
    }
}
