//! The assignor: every task at one member, states in other processes, and nothing moves that need not.

use proptest::prelude::*;

use super::*;

/// Each task is run once, replicas lie in other processes than it and each other, and nobody runs two more than another.
fn is_sound(members: &[StoredStreamer], counts: &[u32], stateful: &[bool], replicas: u32) {
    let run: Vec<Task> = members.iter().flat_map(|member| member.assigned.active.keys().copied()).collect();
    assert_eq!(run.iter().copied().collect::<BTreeSet<_>>(), all(counts));
    assert_eq!(run.len(), all(counts).len(), "a task is run twice");
    let loads: Vec<usize> = members.iter().map(|member| member.assigned.active.len()).collect();
    let (least, most) = (loads.iter().min().expect("somebody"), loads.iter().max().expect("somebody"));
    assert!(most - least <= 1, "{loads:?}");
    let process_count = members.iter().map(|member| &member.process_id).collect::<BTreeSet<_>>().len();
    for task in all(counts) {
        let holders = members
            .iter()
            .filter(|member| member.assigned.active.contains_key(&task) || member.assigned.standby.contains(&task));
        let holders: Vec<&str> = holders.map(|member| &*member.process_id).collect();
        let wanted = if stateful[task.subtopology as usize] { replicas as usize } else { 0 };
        assert_eq!(holders.len(), (wanted + 1).min(process_count), "{task:?}");
        assert_eq!(holders.iter().collect::<BTreeSet<_>>().len(), holders.len(), "{task:?} twice in a process");
    }
}

/// Tasks that are run by somebody else than before.
fn moved(before: &[StoredStreamer], now: &[StoredStreamer]) -> usize {
    let runner = |members: &[StoredStreamer], task: &Task| {
        let found = members.iter().find(|member| member.assigned.active.contains_key(task));
        found.map(|member| Arc::clone(&member.id))
    };
    let tasks = before.iter().flat_map(|member| member.assigned.active.keys());
    tasks.filter(|task| runner(before, task) != runner(now, task)).count()
}

#[test]
fn tasks_are_dealt_out_evenly_over_members_and_processes() {
    let mut members = processes(&[2, 2]);
    deal(&mut members, &[3, 2], &[true, false], 0);
    is_sound(&members, &[3, 2], &[true, false], 0);
    let of = |process: &str| {
        let own = members.iter().filter(|member| *member.process_id == *process);
        own.map(|member| member.assigned.active.len()).sum::<usize>()
    };
    let counts = ["p0", "p1"].map(of);
    assert_eq!(counts.iter().sum::<usize>(), 5);
    assert!(counts.iter().all(|count| (2..=3).contains(count)), "{counts:?}");
    let mut alone = processes(&[1]);
    deal(&mut alone, &[4], &[true], 2);
    is_sound(&alone, &[4], &[true], 2);
    assert!(alone[0].assigned.standby.is_empty(), "its own process has the state already");
    let shares = assign(&[], &Wanted { counts: &[1], stateful: &[true], replicas: 1, offsets: &BTreeMap::new() });
    assert!(shares.is_empty());
}

#[test]
fn a_member_that_leaves_moves_its_own_tasks_and_to_where_their_states_are() {
    let mut members = processes(&[1, 1, 1]);
    deal(&mut members, &[6], &[true], 1);
    is_sound(&members, &[6], &[true], 1);
    let before = members.clone();
    let gone = members.remove(0);
    deal(&mut members, &[6], &[true], 1);
    is_sound(&members, &[6], &[true], 1);
    assert_eq!(moved(&before, &members), gone.assigned.active.len());
    let mut with_states = 0;
    for heir in &members {
        let had = before.iter().find(|member| member.id == heir.id).expect("it was there");
        assert!(had.assigned.active.keys().all(|task| heir.assigned.active.contains_key(task)));
        let taken = heir.assigned.active.keys().filter(|task| !had.assigned.active.contains_key(task));
        with_states += taken.into_iter().filter(|task| had.assigned.standby.contains(task)).count();
    }
    // Both states may lie with one who has room for one of the tasks.
    assert!(with_states > 0, "nobody had a state of what it took over");
}

#[test]
fn states_that_came_far_draw_their_tasks() {
    let mut members = processes(&[1, 1]);
    let offsets = [("m0000", 10), ("m0100", 900)];
    let offsets = offsets.map(|(id, offset)| (Arc::from(id), BTreeMap::from([(task(0, 0), offset)]))).into();
    let wanted = Wanted { counts: &[1], stateful: &[true], replicas: 0, offsets: &offsets };
    let shares = assign(&members.iter().collect::<Vec<_>>(), &wanted);
    assert!(shares[1].active.contains_key(&task(0, 0)), "the other one would begin anew");
    // Whoever runs it keeps it.
    members[0].assigned.active.insert(task(0, 0), 3);
    let shares = assign(&members.iter().collect::<Vec<_>>(), &wanted);
    assert!(shares[0].active.contains_key(&task(0, 0)));
}

#[test]
fn replicas_give_way_to_tasks_where_there_are_too_many() {
    let mut members = processes(&[1, 1, 1]);
    deal(&mut members, &[10_000], &[true], 2);
    assert!(members.iter().all(|member| member.assigned.standby.is_empty()));
    is_sound(&members, &[10_000], &[false], 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_comes_and_goes_the_assignment_is_sound_and_little_moves(
        sizes in proptest::collection::vec(1_usize..4, 1..6),
        counts in proptest::collection::vec((1_u32..12, any::<bool>()), 1..4),
        replicas in 0_u32..3,
        changes in proptest::collection::vec((any::<bool>(), 0_usize..16), 1..6),
    ) {
        let stateful: Vec<bool> = counts.iter().map(|(_, stateful)| *stateful).collect();
        let counts: Vec<u32> = counts.iter().map(|(count, _)| *count).collect();
        let mut members = processes(&sizes);
        deal(&mut members, &counts, &stateful, replicas);
        is_sound(&members, &counts, &stateful, replicas);
        let again = members.clone();
        deal(&mut members, &counts, &stateful, replicas);
        prop_assert_eq!(moved(&again, &members), 0, "nothing changed");
        for (number, (joins, at)) in changes.into_iter().enumerate() {
            let before = members.clone();
            if joins {
                members.push(member(&format!("n{number:02}"), &format!("p{}", at % 8)));
                members.sort_by(|earlier, later| earlier.id.cmp(&later.id));
            } else if members.len() > 1 {
                members.remove(at % members.len());
            }
            deal(&mut members, &counts, &stateful, replicas);
            is_sound(&members, &counts, &stateful, replicas);
            let stayed = before.iter().filter(|one| members.iter().any(|other| other.id == one.id));
            let kept: usize = stayed.map(|one| one.assigned.active.len()).sum();
            let total: usize = counts.iter().map(|count| *count as usize).sum();
            let share = total.div_ceil(members.len());
            // Tasks of whoever left move, and as many as bring a newcomer to its share.
            let most = total - kept + if joins { share } else { 0 };
            prop_assert!(moved(&before, &members) <= most, "{} moved", moved(&before, &members));
        }
    }
}
