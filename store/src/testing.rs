//! For tests: an S3 server in this process whose faults are drawn from a seed, and a plane that is asked and waited
//! for.

mod answer;
mod objects;
mod server;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apus_core::ids::{CoreId, Ticket};
use apus_core::world::{StoreReply, StoreRequest};

pub use server::{ACCESS_KEY, BUCKET, Fault, S3Server, Storm};

use crate::plane::{Plane, PlaneConfig, PlaneHandle};

/// A plane whose replies are waited for: the store of [`crate::contract`].
pub struct Asker {
    plane: Plane,
    handle: PlaneHandle,
    replies: Receiver<(Ticket, StoreReply)>,
    tickets: u64,
}

/// How long a reply may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(120);

impl Asker {
    /// Starts a plane.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(config: PlaneConfig) -> Asker {
        let (sender, replies) = channel();
        let sender = Mutex::new(sender);
        let sink = Arc::new(move |_: CoreId, ticket: Ticket, reply: StoreReply| {
            let _ = sender.lock().expect("nobody panics with it").send((ticket, reply));
        });
        let plane = Plane::start(config, sink).unwrap_or_else(|why| panic!("{why}"));
        Asker { handle: plane.handle(), plane, replies, tickets: 0 }
    }

    /// The plane itself.
    #[must_use]
    pub fn plane(&self) -> &Plane {
        &self.plane
    }

    /// Submits all of them at once; their replies in the same order.
    ///
    /// # Panics
    /// Where a reply does not come.
    pub fn ask(&mut self, requests: Vec<StoreRequest>) -> Vec<StoreReply> {
        let first = self.tickets;
        for request in requests {
            let submitted = self.handle.submit(CoreId(0), Ticket(self.tickets), request);
            submitted.unwrap_or_else(|request| panic!("no room for {request:?}"));
            self.tickets += 1;
        }
        let mut replies = BTreeMap::new();
        for _ in first..self.tickets {
            let (ticket, reply) = self.replies.recv_timeout(PATIENCE).expect("every ticket ends");
            assert!(replies.insert(ticket, reply).is_none(), "{ticket:?} ended twice");
        }
        replies.into_values().collect()
    }
}
