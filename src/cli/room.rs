//! How many connections and sockets fit into the files that this process may have open.
//!
//! Each is a file to the system, and so is what the store reads and writes. Invariant: the door
//! takes no more of both than leaves the store what it needs, so nothing that was accepted meets
//! a system without files.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fmt;

/// Files beside those of the logs: the runtime's, the derived state's, the standard streams, what
/// is read and let go again, and calls to others.
const BESIDE: u64 = 64;

/// Of each log: the segments that stay open to be read (64 at most), those being made, the mark.
const OF_EACH_LOG: u64 = 72;

/// With fewer the door could hardly be called open.
const LEAST: u64 = 16;

/// How many fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Connections, less those that became sockets.
    pub(super) connections: usize,
    /// WebSockets.
    pub(super) sockets: usize,
    /// Files that this process may have open; none where there is no limit.
    files: Option<u64>,
    /// What would be needed for all that the settings allow.
    needed: u64,
}

impl Room {
    /// Raises this process's own limit as far as it may, and shares out what is there.
    pub(super) fn make(connections: usize, sockets: usize, shards: usize) -> Room {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // Where even that is refused, what is read next is what counts.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        Room::within(getrlimit(Resource::Nofile).current, connections, sockets, shards)
    }

    fn within(files: Option<u64>, connections: usize, sockets: usize, shards: usize) -> Room {
        let wanted = connections.saturating_add(sockets) as u64;
        let kept = OF_EACH_LOG.saturating_mul(shards as u64).saturating_add(BESIDE);
        let needed = wanted.saturating_add(kept);
        let free = files.unwrap_or(u64::MAX).saturating_sub(kept).max(LEAST);
        if wanted <= free {
            return Room { connections, sockets, files, needed };
        }
        // Each gives way by the same part, so that watchers never take the place of buyers.
        let part = |of: usize| {
            let part = u128::from(free) * of as u128 / u128::from(wanted);
            usize::try_from(part).unwrap_or(of)
        };
        Room { connections: part(connections).max(1), sockets: part(sockets), files, needed }
    }

    /// What to do about a limit that is too low.
    pub(super) fn warning(&self) -> Option<String> {
        let files = self.files.filter(|files| *files < self.needed)?;
        Some(format!(
            "this process may have {files} files open, and the settings need {}: raise the hard \
             limit (`ulimit -Hn`, `LimitNOFILE=` of a service, `--ulimit nofile=` of a container), \
             or lower --most-connections and --most-sockets",
            self.needed
        ))
    }
}

/// For the announcement.
impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Room { connections, sockets, files, .. } = self;
        write!(f, "up to {} sockets fit", connections.saturating_add(*sockets))?;
        write!(f, ": {connections} connections, and {sockets} WebSockets")?;
        match files {
            Some(files) => write!(f, " ({files} files may be open)"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_files_leave_the_settings_alone() {
        for files in [None, Some(1 << 20), Some(26_384 + BESIDE + OF_EACH_LOG)] {
            let room = Room::within(files, 16_384, 10_000, 1);
            assert_eq!((room.connections, room.sockets, room.warning()), (16_384, 10_000, None));
        }
    }

    #[test]
    fn too_few_are_shared_out_and_said() {
        for (files, shards) in [(256, 1), (1_024, 1), (1_024, 3), (20_000, 64), (26_519, 1)] {
            let room = Room::within(Some(files), 16_384, 10_000, shards);
            let kept = BESIDE + OF_EACH_LOG * shards as u64;
            let taken = (room.connections + room.sockets) as u64;
            assert!(taken + kept <= files && taken + kept + 2 > files, "{room:?}");
            assert!(room.connections > room.sockets && room.sockets > 0, "{room:?}");
            let why = room.warning().unwrap();
            assert!(why.contains(&files.to_string()) && why.contains("LimitNOFILE="), "{why}");
            assert!(room.to_string().starts_with(&format!("up to {taken} sockets")), "{room}");
        }
    }

    #[test]
    fn some_are_taken_under_any_limit() {
        for files in [0, 16, 64] {
            let room = Room::within(Some(files), 1_000_000, 1_000_000, 64);
            assert!(room.connections > 0 && room.warning().is_some(), "{room:?}");
        }
        let room = Room::within(Some(0), 1_000_000, 0, 1);
        assert_eq!((room.connections, room.sockets), (16, 0));
    }
}
