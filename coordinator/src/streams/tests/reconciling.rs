//! Reconciliation: nobody runs what another one runs or may be running, and everyone gets there.

use proptest::prelude::*;

use super::super::reconcile::{Held, Owned, reconcile};
use super::*;

/// A member, and what its client runs and keeps.
#[derive(Clone, Debug)]
struct Client {
    stored: StoredStreamer,
    runs: Tasks,
}

fn owned(tasks: &Tasks) -> Owned {
    Owned { tasks: tasks.clone(), unknown: false }
}

/// One member beats; it does at once as it is told, or drags its feet.
fn beat(clients: &mut [Client], at: usize, target_epoch: i32, says: bool) {
    let others: Vec<Arc<StoredStreamer>> = clients
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != at)
        .map(|(_, one)| Arc::new(one.stored.clone()))
        .collect();
    let others: Vec<&Arc<StoredStreamer>> = others.iter().collect();
    let client = &mut clients[at];
    let held = Held::of(&client.stored.process_id, &others);
    let said = says.then(|| owned(&client.runs));
    reconcile(&mut client.stored, target_epoch, said.as_ref(), &held);
    client.runs = client.stored.assigned.clone();
}

fn check(clients: &[Client]) {
    let mut run = BTreeSet::new();
    for client in clients {
        assert!(client.runs.active.keys().all(|task| run.insert(*task)), "two run one task");
    }
    let mut kept = BTreeSet::new();
    for client in clients {
        for task in client.runs.active.keys().chain(&client.runs.standby) {
            let process = Arc::clone(&client.stored.process_id);
            assert!(kept.insert((process, *task)), "two of a process hold the state of {task:?}");
        }
    }
}

fn settle(clients: &mut [Client], target_epoch: i32) {
    for _ in 0..20 {
        if clients.iter().all(|client| client.stored.is_settled(target_epoch)) {
            return;
        }
        for at in 0..clients.len() {
            beat(clients, at, target_epoch, true);
            check(clients);
        }
    }
    panic!("they never settle: {clients:#?}");
}

fn retarget(clients: &mut [Client], counts: &[u32], stateful: &[bool], replicas: u32) {
    let members: Vec<&StoredStreamer> = clients.iter().map(|client| &client.stored).collect();
    let wanted = Wanted { counts, stateful, replicas, offsets: &BTreeMap::new() };
    let shares = assign(&members, &wanted);
    clients.iter_mut().zip(shares).for_each(|(client, target)| client.stored.target = target);
}

#[test]
fn a_task_is_given_only_once_its_runner_has_given_it_back() {
    let mut clients: Vec<Client> =
        processes(&[1, 1]).into_iter().map(|stored| Client { stored, runs: Tasks::default() }).collect();
    clients[0].stored.target.active.insert(task(0, 0), 0);
    settle(&mut clients, 1);
    assert_eq!(clients[0].stored.assigned.active, BTreeMap::from([(task(0, 0), 1)]));
    // It is to move, and its state is to stay.
    clients[0].stored.target = Tasks { active: BTreeMap::new(), standby: BTreeSet::from([task(0, 0)]) };
    clients[1].stored.target.active.insert(task(0, 0), 0);
    beat(&mut clients, 1, 2, true);
    assert!(clients[1].stored.assigned.is_empty(), "the other one runs it");
    assert_eq!(clients[1].stored.epoch, 2, "it has nothing to give back");
    let runs = clients[0].runs.clone();
    beat(&mut clients, 0, 2, true);
    assert_eq!((clients[0].stored.epoch, clients[0].stored.revoking.active.len()), (1, 1));
    assert!(clients[0].stored.assigned.standby.contains(&task(0, 0)), "it keeps the state at once");
    // It has not given back yet, whatever it was told.
    clients[0].runs = runs;
    for says in [true, false] {
        let held = clients[0].runs.clone();
        beat(&mut clients, 0, 2, says);
        clients[0].runs = held;
        beat(&mut clients, 1, 2, true);
        assert!(clients[1].stored.assigned.is_empty());
    }
    clients[0].runs = clients[0].stored.assigned.clone();
    settle(&mut clients, 2);
    assert_eq!(clients[1].stored.assigned.active, BTreeMap::from([(task(0, 0), 2)]));
}

#[test]
fn a_replica_becomes_the_task_without_being_given_back() {
    let mut clients: Vec<Client> =
        processes(&[1, 1]).into_iter().map(|stored| Client { stored, runs: Tasks::default() }).collect();
    clients[0].stored.target.active.insert(task(0, 0), 0);
    clients[1].stored.target.standby.insert(task(0, 0));
    settle(&mut clients, 1);
    clients[0].stored.target = Tasks::default();
    clients[1].stored.target = Tasks { active: BTreeMap::from([(task(0, 0), 0)]), standby: BTreeSet::new() };
    beat(&mut clients, 1, 2, true);
    assert!(clients[1].stored.revoking.is_empty());
    assert!(clients[1].stored.assigned.standby.contains(&task(0, 0)), "it keeps the state until it may run it");
    settle(&mut clients, 2);
    assert!(clients[1].stored.assigned.standby.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_task_is_ever_run_twice_and_everyone_gets_there(
        sizes in proptest::collection::vec(1_usize..3, 1..5),
        counts in proptest::collection::vec((1_u32..8, any::<bool>()), 1..3),
        steps in proptest::collection::vec((0_u8..8, 0_usize..8, any::<bool>(), 0_u32..3), 1..60),
    ) {
        let stateful: Vec<bool> = counts.iter().map(|(_, stateful)| *stateful).collect();
        let counts: Vec<u32> = counts.iter().map(|(count, _)| *count).collect();
        let mut clients: Vec<Client> =
            processes(&sizes).into_iter().map(|stored| Client { stored, runs: Tasks::default() }).collect();
        let (mut target_epoch, mut replicas) = (1, 0);
        retarget(&mut clients, &counts, &stateful, replicas);
        for (number, (kind, at, says, more)) in steps.into_iter().enumerate() {
            match kind {
                0 => {
                    let process = format!("p{}", at % 4);
                    let stored = member(&format!("n{number:02}"), &process);
                    clients.push(Client { stored, runs: Tasks::default() });
                }
                1 if clients.len() > 1 => drop(clients.remove(at % clients.len())),
                2 => replicas = more,
                _ => {
                    let at = at % clients.len();
                    beat(&mut clients, at, target_epoch, says);
                    check(&clients);
                    continue;
                }
            }
            clients.sort_by(|earlier, later| earlier.stored.id.cmp(&later.stored.id));
            target_epoch += 1;
            retarget(&mut clients, &counts, &stateful, replicas);
        }
        settle(&mut clients, target_epoch);
        let run: BTreeSet<Task> = clients.iter().flat_map(|client| client.runs.active.keys().copied()).collect();
        prop_assert_eq!(run, all(&counts));
    }
}
