//! What is the directory's own; the semantics it shares with every store are in [`crate::contract`].

use std::os::unix::fs::PermissionsExt;

use super::*;

fn open() -> (tempfile::TempDir, Directory) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let directory = Directory::open(place.path()).expect("an empty directory");
    (place, directory)
}

fn body(text: &str) -> Body {
    Body::new(vec![Bytes::copy_from_slice(text.as_bytes())])
}

#[test]
fn what_a_crash_left_is_swept_unless_somebody_is_at_work() {
    let (place, directory) = open();
    let left = place.path().join(".apus/tmp/left");
    fs::write(&left, b"half").expect("a small file");
    let second = Directory::open(place.path()).expect("two may share it");
    assert!(left.exists(), "another process may be writing it");
    drop((directory, second));
    let _third = Directory::open(place.path()).expect("alone again");
    assert!(!left.exists());
}

#[test]
fn failures_leave_no_temporary_file() {
    let (place, directory) = open();
    let key = ObjectKey::new("a/b");
    directory.put(&key, &body("one"), &Condition::Absent).expect("absent");
    assert_eq!(directory.put(&key, &body("two"), &Condition::Absent), Err(Observed::Conflict));
    let below = directory.put(&ObjectKey::new("a/b/c"), &body("x"), &Condition::Always);
    assert!(matches!(below, Err(Observed::Refused(_))), "{below:?}");
    let own = directory.put(&ObjectKey::new(".apus/swap"), &body("x"), &Condition::Always);
    assert!(matches!(own, Err(Observed::Refused(_))), "{own:?}");
    assert_eq!(fs::read_dir(place.path().join(".apus/tmp")).expect("it is there").count(), 0);
}

#[test]
fn the_same_bytes_again_are_another_version() {
    let (_place, directory) = open();
    let key = ObjectKey::new("FLOOR");
    let mut versions = std::collections::HashSet::new();
    for _ in 0..100 {
        let written = directory.put(&key, &body("same"), &Condition::Always).expect("plain");
        assert_eq!(directory.head(&key), Ok((4, written.clone())));
        assert!(versions.insert(written));
    }
}

#[test]
fn empty_directories_go_with_their_last_object() {
    let (place, directory) = open();
    let (one, two) = (ObjectKey::new("s/1/part"), ObjectKey::new("s/1/MANIFEST"));
    for key in [&one, &two] {
        directory.put(key, &body("x"), &Condition::Always).expect("plain");
    }
    directory.delete(&one).expect("there");
    assert!(place.path().join("s/1").exists());
    directory.delete(&two).expect("there");
    directory.delete(&two).expect("a missing one counts as removed");
    assert!(!place.path().join("s").exists());
    directory.put(&one, &body("y"), &Condition::Always).expect("the directories are made again");
}

#[test]
fn writers_and_pruners_do_not_meet() {
    let (_place, directory) = open();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let directory = &directory;
            scope.spawn(move || {
                let key = ObjectKey::new(&format!("d/{}/{worker}", worker % 2));
                for _ in 0..50 {
                    directory.put(&key, &body("x"), &Condition::Always).expect("never in the way of a removal");
                    directory.delete(&key).expect("there");
                }
            });
        }
    });
}

#[test]
fn one_of_many_swaps_wins() {
    let (_place, directory) = open();
    let key = ObjectKey::new("OWNER");
    let start = directory.put(&key, &body("0"), &Condition::Absent).expect("absent");
    let condition = Condition::Match(start);
    let swap = |number: usize| directory.put(&key, &body(&number.to_string()), &condition);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..16).map(|number| scope.spawn(move || swap(number))).collect();
        racers.into_iter().map(|racer| racer.join().expect("no panic")).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(Observed::Conflict))));
}

#[test]
fn foreign_files_are_not_listed() {
    let (place, directory) = open();
    directory.put(&ObjectKey::new("a"), &body("x"), &Condition::Always).expect("plain");
    std::os::unix::fs::symlink("/etc/hostname", place.path().join("link")).expect("a link");
    fs::create_dir(place.path().join("empty")).expect("a directory");
    let listed = directory.list("", None, 1_000).expect("a listing");
    assert_eq!(listed.iter().map(|listed| listed.key.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(directory.list("../", None, 10), Ok(Vec::new()));
}

#[test]
fn an_unusable_directory_is_refused_in_words() {
    let (place, directory) = open();
    directory.check().expect("usable");
    let temporary = place.path().join(".apus/tmp");
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o500)).expect("ours");
    if fs::write(temporary.join("root-may"), b"").is_err() {
        assert!(directory.check().expect_err("read only").contains("cannot be written"));
    }
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o700)).expect("ours");
}

/// `mount -t tmpfs -o size=4m none DIR; APUS_SMALL_DISK=DIR cargo test -p apus-store full_disk`
#[test]
fn a_full_disk_refuses_and_recovers() {
    let Ok(place) = std::env::var("APUS_SMALL_DISK") else {
        println!("skipped: APUS_SMALL_DISK names no small disk");
        return;
    };
    let directory = Directory::open(Path::new(&place)).expect("a small disk");
    let large = Body::new(vec![Bytes::from(vec![1; 64 << 20])]);
    let key = ObjectKey::new("d/large");
    for condition in [Condition::Always, Condition::Absent] {
        let outcome = directory.put(&key, &large, &condition);
        assert!(matches!(outcome, Err(Observed::NoRoom(_))), "{outcome:?}");
    }
    assert_eq!(directory.head(&key), Err(Observed::Absent));
    let owner = ObjectKey::new("v1/OWNER");
    let mut version = directory.put(&owner, &body("0"), &Condition::Absent).expect("the temporary files are gone");
    let ballast = Path::new(&place).join("ballast");
    let mut filler = File::create(&ballast).expect("it is the last one");
    for bytes in [1 << 16, 1 << 12, 1] {
        while std::io::Write::write_all(&mut filler, &vec![1; bytes]).is_ok() {}
    }
    for round in 1..5 {
        let stale = Condition::Match(Etag("another".into()));
        assert_eq!(directory.put(&owner, &body("stale"), &stale), Err(Observed::Conflict));
        let swapped = directory.put(&owner, &body(&round.to_string()), &Condition::Match(version));
        version = swapped.expect("a swap always finds room");
        assert_eq!(directory.get(&owner, None).expect("it is there").0, round.to_string());
        let other = directory.put(&key, &Body::new(vec![Bytes::from(vec![1; 5000])]), &Condition::Always);
        assert!(matches!(other, Err(Observed::NoRoom(_))), "{other:?}");
    }
    drop(filler);
    fs::remove_file(ballast).expect("it is there");
    directory.put(&key, &body("small"), &Condition::Absent).expect("there is room again");
    directory.delete(&key).expect("it is there");
    directory.delete(&owner).expect("it is there");
}

#[test]
fn the_spare_file_carries_a_swap_and_is_made_again() {
    let (place, directory) = open();
    let path = place.path().join(".apus/spare");
    let key = ObjectKey::new("v1/OWNER");
    let first = directory.put(&key, &body("first"), &Condition::Absent).expect("absent");
    for round in ["second, longer", "3"] {
        let spare = fs::metadata(&path).expect("it is kept").ino();
        place::fill_spare(&directory, &body(round)).expect("it is there");
        fs::rename(&path, place.path().join("v1/OWNER")).expect("one name");
        let (bytes, version) = directory.get(&key, None).expect("it was swapped");
        assert_eq!(bytes, round);
        assert_ne!(version, first);
        assert_eq!(fs::metadata(place.path().join("v1/OWNER")).expect("it is there").ino(), spare);
        directory.put(&ObjectKey::new("other"), &body("x"), &Condition::Always).expect("plain");
    }
    // Somebody's object is never overwritten, whatever a crash of the file system has left.
    fs::hard_link(&path, place.path().join("v1/linked")).expect("a second name");
    place::fill_spare(&directory, &body("no")).expect_err("it has two names");
}
