//! The batch coordinator of Apus: the ledger that decides offsets, the journal before it, snapshots behind it.
//!
//! Everything here is a function of what it is told: no clock, no chance, no I/O.
//!
//! | module | noun |
//! | --- | --- |
//! | [`machine`] | the coordinator: events in, effects out; what it does while it leads |
//! | [`boot`] | the start: store and disk become a ledger, or a reason not to go on |
//! | [`ledger`] | the state, and the one function that changes it |
//! | [`command`] | what the journal holds: decisions, in frozen layouts |
//! | [`groups`] | consumer groups: members, generations, who is told what |
//! | [`journal`] | groups, segments, recovery |
//! | [`snapshot`] | the state in parts |
//! | [`owner`] | whose a store is |
//! | [`spill`] | inline bytes on their way out of the journal |
//! | [`consumers`], [`streams`] | groups of the newer protocols: the coordinator assigns |
//! | [`reaper`] | what goes: old records, old offsets, dead objects, orphans |

pub mod boot;
pub mod command;
pub mod consumers;
pub mod groups;
pub mod journal;
pub mod ledger;
pub mod machine;
pub mod owner;
pub mod reaper;
pub(crate) mod shares;
pub mod snapshot;
pub mod spill;
pub mod streams;
