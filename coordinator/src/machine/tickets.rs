//! The coordinator's tickets: bit 63 is set, so that the node knows whose answer it holds.

use apus_core::ids::Ticket;

const COORDINATOR: u64 = 1 << 63;

/// Draws tickets; none is drawn twice in a run.
#[derive(Debug, Default)]
pub struct Tickets {
    drawn: u64,
}

impl Tickets {
    /// The next one.
    pub fn draw(&mut self) -> Ticket {
        let Ticket(number) = Ticket::draw(&mut self.drawn);
        assert!(number < COORDINATOR);
        Ticket(COORDINATOR | number)
    }

    /// True for the tickets of a coordinator.
    #[must_use]
    pub fn owns(ticket: Ticket) -> bool {
        ticket.0 & COORDINATOR != 0
    }
}
