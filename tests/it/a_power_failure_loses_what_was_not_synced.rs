//! The model of a power failure finds missing syncs: sled alone, whose `flush` survives a kill,
//! loses what it flushed, and a file that is renamed in a folder without a sync is missing. With
//! the sync added nothing is lost, so the losses are not a fault of the model.
//!
//! The writer is this test program, started again with `POWER_WRITER`; the moment of the kill is
//! random.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use zksync_witness_server::testing::dice::Dice;

use crate::support::{disk::Disk, heavy, journal::Event, power::Power, this_test};

/// Ways to write values and acknowledge them.
const WAYS: [&str; 4] = ["sled", "sled and sync", "rename", "rename and sync"];
const KILLS: usize = 4;
/// Power failures at the moment of one kill.
const FAILURES: usize = 6;

fn value(number: u32) -> Vec<u8> {
    number.to_be_bytes().repeat(50 + number as usize % 100)
}

fn open_sled(folder: &Path) -> sled::Result<sled::Db> {
    // Only explicit flushes.
    sled::Config::new().path(folder.join("sled")).flush_every_ms(None).open()
}

/// Not a test: the writer, which runs until it is killed.
#[test]
fn the_writer() {
    let (Ok(way), Ok(folder)) = (env::var("POWER_WRITER"), env::var("POWER_ROOT")) else { return };
    let folder = Path::new(&folder);
    let sync = way.ends_with("sync");
    let sled = way.starts_with("sled").then(|| open_sled(folder).unwrap());
    let file = sled.is_some().then(|| File::open(folder.join("sled/db")).unwrap());
    for number in 0u32.. {
        match (&sled, &file) {
            (Some(sled), Some(file)) => {
                sled.insert(number.to_be_bytes(), value(number)).unwrap();
                sled.flush().unwrap();
                if sync {
                    file.sync_all().unwrap();
                }
            }
            _ => {
                let temporary = folder.join("temporary");
                let mut new = File::create(&temporary).unwrap();
                new.write_all(&value(number)).unwrap();
                new.sync_data().unwrap();
                fs::rename(&temporary, folder.join(number.to_string())).unwrap();
                if sync {
                    File::open(folder).unwrap().sync_all().unwrap();
                }
            }
        }
        // `println!` would be captured by the test harness.
        writeln!(std::io::stdout(), "stored {number}").unwrap();
    }
}

/// Kills the writer after it has acknowledged `enough` values; returns how many it had acknowledged
/// by its end.
fn write_and_kill(power: &Power, way: &str, enough: usize) -> u32 {
    let mut writer = this_test(module_path!(), "the_writer");
    writer.env("POWER_WRITER", way).stdout(Stdio::piped());
    power.record(&mut writer);
    let mut child = writer.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut stored = lines.filter(|line| line.starts_with("stored "));
    assert_eq!(stored.by_ref().take(enough).count(), enough, "the writer ended early");
    child.kill().unwrap();
    child.wait().unwrap();
    (enough + stored.count()) as u32
}

/// Returns true if all acknowledged values are stored.
fn all_there(folder: &Path, way: &str, acknowledged: u32) -> bool {
    if way.starts_with("rename") {
        let is_there =
            |number: u32| fs::read(folder.join(number.to_string())).is_ok_and(|v| v == value(number));
        return (0..acknowledged).all(is_there);
    }
    // A folder that cannot be opened has lost everything.
    let open = std::panic::catch_unwind(|| open_sled(folder));
    let Ok(Ok(sled)) = open else { return false };
    let is_there =
        |number: u32| sled.get(number.to_be_bytes()).is_ok_and(|v| v.is_some_and(|v| v == value(number)));
    (0..acknowledged).all(is_there)
}

/// Returns the number of power failures, and after how many of them a value was missing.
fn losses(way: &str, dice: &mut Dice) -> (usize, usize) {
    let _heavy = heavy();
    let mut lost = 0;
    for _ in 0..KILLS {
        let power = Power::new();
        // Created and closed before, because its creation is not tested here.
        drop(open_sled(power.root()).unwrap());
        let mut disk = Disk::of(power.root());
        let enough = dice.between(5, 60) as usize;
        let acknowledged = write_and_kill(&power, way, enough);
        power.replay(&mut disk);
        assert!(all_there(power.root(), way, acknowledged), "{way}: the kill alone loses nothing");
        for _ in 0..FAILURES {
            power.fail(&disk, dice);
            lost += usize::from(!all_there(power.root(), way, acknowledged));
        }
    }
    println!("{way}: {lost} of {} power failures lost something that was acknowledged", KILLS * FAILURES);
    (KILLS * FAILURES, lost)
}

#[test]
fn sled_alone_loses_what_it_flushed() {
    let mut dice = Dice::from_environment("CRASH_SEED");
    let (failures, lost) = losses(WAYS[0], &mut dice);
    assert!(lost * 4 > failures, "{lost} of {failures}");
    assert_eq!(losses(WAYS[1], &mut dice).1, 0);
}

#[test]
fn a_rename_in_a_folder_that_is_not_synced_is_lost() {
    let mut dice = Dice::from_environment("CRASH_SEED");
    let (failures, lost) = losses(WAYS[2], &mut dice);
    assert!(lost * 4 > failures, "{lost} of {failures}");
    assert_eq!(losses(WAYS[3], &mut dice).1, 0);
}

#[test]
fn pages_are_torn_and_synced_ones_are_complete() {
    const PAGE: usize = 4096;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), vec![1; 8 * PAGE]).unwrap();
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(folder.path().join("file")).unwrap());
    let mut disk = Disk::of(folder.path());
    let write = |page: usize, pages: usize, byte: u8| Event::Write {
        inode,
        offset: (page * PAGE) as u64,
        bytes: vec![byte; pages * PAGE],
    };
    let content =
        |disk: &Disk, dice: &mut Dice| disk.after_power_failure(dice)[Path::new("file")].clone().unwrap();
    disk.happens(&write(0, 4, 2));
    disk.happens(&Event::SyncFile { inode });
    disk.happens(&write(2, 8, 3));
    let (mut torn, mut longer, mut holes) = (0, 0, 0);
    let mut dice = Dice::new(1);
    for _ in 0..200 {
        let bytes = content(&disk, &mut dice);
        assert!([8 * PAGE, 10 * PAGE].contains(&bytes.len()));
        let pages: Vec<u8> = bytes.chunks(PAGE).map(|page| page[0]).collect();
        assert!(
            bytes.chunks(PAGE).all(|page| page.iter().all(|byte| *byte == page[0])),
            "pages are complete"
        );
        assert_eq!(pages[..2], [2, 2], "a synced page");
        assert!(pages[2..4].iter().all(|byte| [2, 3].contains(byte)));
        assert!(pages[4..8].iter().all(|byte| [1, 3].contains(byte)));
        torn += usize::from(pages[2..8].contains(&3) && pages[2..8].iter().any(|byte| *byte != 3));
        longer += usize::from(bytes.len() > 8 * PAGE);
        holes += usize::from(pages.contains(&0));
    }
    assert!(torn > 20 && (20..180).contains(&longer) && holes > 5, "{torn} {longer} {holes}");
    disk.happens(&Event::Truncate { inode, length: 10 });
    disk.happens(&Event::SyncFile { inode });
    assert_eq!(content(&disk, &mut dice), [2; 10]);
}
