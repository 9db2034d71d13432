//! A model of a disk that loses power.
//!
//! Every file and every folder has a durable state and the changes since its last sync. At a power
//! failure some of these changes are durable as well and others are lost:
//!
//! - each page of 4096 bytes of a file has its state at any moment since the sync, independently of the others, and so
//!   has the length of the file; a missing page within the length reads as zeros;
//! - each change of the entries of a folder is durable or lost; a rename within a folder is one change;
//! - the proportion that survives varies: nothing, little, half, most, everything.
//!
//! Not modelled: damage within a page, loss of synced sectors, a disk that acknowledges a sync too
//! early.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zksync_witness_server::testing::dice::Dice;

use crate::support::journal::Event;

const PAGE: usize = 4096;
/// Probabilities that a change without a sync survives; one is chosen for each power failure.
const LUCK: &[f64] = &[0.0, 0.1, 0.5, 0.9, 1.0];

/// Files with their bytes, folders with `None`, by path below the root.
pub type Image = BTreeMap<PathBuf, Option<Vec<u8>>>;

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// Entries that change together; `None` removes one.
type Entries = Vec<(String, Option<usize>)>;

#[derive(Clone, Debug, Default)]
struct Folder {
    durable: BTreeMap<String, usize>,
    pending: Vec<Entries>,
    now: BTreeMap<String, usize>,
}

#[derive(Clone, Debug)]
enum Object {
    File(File),
    Folder(Folder),
}

/// The disk with everything below a folder.
#[derive(Clone)]
pub struct Disk {
    root: PathBuf,
    objects: Vec<Object>,
    inodes: HashMap<u64, usize>,
}

impl Change {
    /// Applies the part of the change that is within `range`.
    fn apply(&self, bytes: &mut Vec<u8>, range: std::ops::Range<usize>) {
        match self {
            Change::Write { offset, bytes: new } => {
                let (from, to) = (range.start.max(*offset), range.end.min(offset + new.len()));
                if from < to {
                    bytes.resize(bytes.len().max(to), 0);
                    bytes[from..to].copy_from_slice(&new[from - offset..to - offset]);
                }
            }
            // The rest of the page reads as zeros if the file grows again.
            Change::Length(length) => {
                let (from, to) = (range.start.max(*length), range.end.min(bytes.len()));
                if from < to {
                    bytes[from..to].fill(0);
                }
            }
        }
    }

    fn length_after(&self, length: usize) -> usize {
        match self {
            Change::Write { offset, bytes } => length.max(offset + bytes.len()),
            Change::Length(length) => *length,
        }
    }

    fn pages(&self, file: usize) -> std::ops::Range<usize> {
        let (from, to) = match self {
            Change::Write { offset, bytes } => (*offset, offset + bytes.len()),
            Change::Length(length) => (*length, file.max(*length)),
        };
        from / PAGE..to.div_ceil(PAGE)
    }
}

impl File {
    /// Returns the content that the process sees.
    fn now(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.pending {
            change.apply(&mut bytes, 0..usize::MAX);
            bytes.resize(change.length_after(bytes.len()), 0);
        }
        bytes
    }

    fn sync(&mut self) {
        if !self.pending.is_empty() {
            self.durable = self.now();
            self.pending.clear();
        }
    }

    fn after_power_failure(&self, luck: f64, dice: &mut Dice) -> Vec<u8> {
        let all = self.pending.len();
        // The number of changes that a page has.
        let seen = |dice: &mut Dice| match dice.happens(luck) {
            true => all,
            false if dice.happens(luck) => dice.below(all + 1),
            false => 0,
        };
        let mut longest = self.durable.len();
        let mut pages = BTreeMap::new();
        let mut length = self.durable.len();
        for change in &self.pending {
            longest = longest.max(change.length_after(longest));
            for page in change.pages(longest) {
                pages.entry(page).or_insert(0);
            }
        }
        for count in pages.values_mut() {
            *count = seen(dice);
        }
        for change in &self.pending[..seen(dice)] {
            length = change.length_after(length);
        }
        let mut bytes = self.durable.clone();
        bytes.resize(longest, 0);
        for (page, count) in pages {
            for change in &self.pending[..count] {
                change.apply(&mut bytes, page * PAGE..(page + 1) * PAGE);
            }
        }
        bytes.resize(length, 0);
        bytes
    }
}

impl Folder {
    fn change(&mut self, entries: Entries) {
        apply(&mut self.now, &entries);
        self.pending.push(entries);
    }
}

fn apply(names: &mut BTreeMap<String, usize>, entries: &Entries) {
    for (name, object) in entries {
        match object {
            Some(object) => names.insert(name.clone(), *object),
            None => names.remove(name),
        };
    }
}

impl Disk {
    /// Returns the disk with the current content of a folder, all of it durable.
    pub fn of(root: &Path) -> Self {
        let root = root.canonicalize().unwrap();
        let mut disk = Self { root: root.clone(), objects: vec![], inodes: HashMap::new() };
        disk.take_in(&root);
        disk
    }

    fn take_in(&mut self, path: &Path) -> usize {
        let about = fs::metadata(path).unwrap();
        let id = self.objects.len();
        if about.is_file() {
            self.inodes.insert(about.ino(), id);
            self.objects.push(Object::File(File { durable: fs::read(path).unwrap(), pending: vec![] }));
            return id;
        }
        self.objects.push(Object::Folder(Folder::default()));
        let mut durable = BTreeMap::new();
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            durable.insert(entry.file_name().into_string().unwrap(), self.take_in(&entry.path()));
        }
        self.objects[id] = Object::Folder(Folder { now: durable.clone(), durable, pending: vec![] });
        id
    }

    fn new_object(&mut self, object: Object) -> usize {
        self.objects.push(object);
        self.objects.len() - 1
    }

    fn folder(&mut self, path: &Path) -> &mut Folder {
        let below =
            path.strip_prefix(&self.root).unwrap_or_else(|_| panic!("{} is elsewhere", path.display()));
        let mut id = 0;
        for name in below.iter() {
            let Object::Folder(folder) = &self.objects[id] else { panic!("{} is a file", path.display()) };
            let next = folder.now.get(name.to_str().unwrap());
            id = *next.unwrap_or_else(|| panic!("{} was created before the record", path.display()));
        }
        let Object::Folder(folder) = &mut self.objects[id] else { panic!("{} is a file", path.display()) };
        folder
    }

    fn parent(&mut self, path: &Path) -> (&mut Folder, String) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (self.folder(path.parent().unwrap()), name)
    }

    fn file(&mut self, inode: u64) -> &mut File {
        let id =
            *self.inodes.get(&inode).unwrap_or_else(|| panic!("inode {inode} was created before the record"));
        let Object::File(file) = &mut self.objects[id] else { panic!("inode {inode} is a folder") };
        file
    }

    /// Applies an event.
    pub fn happens(&mut self, event: &Event) {
        match event {
            Event::Create { inode, path } => {
                let id = self.new_object(Object::File(File::default()));
                self.inodes.insert(*inode, id);
                let (folder, name) = self.parent(path);
                folder.change(vec![(name, Some(id))]);
            }
            Event::Write { inode, offset, bytes } => {
                self.file(*inode)
                    .pending
                    .push(Change::Write { offset: *offset as usize, bytes: bytes.clone() });
            }
            Event::Truncate { inode, length } => {
                self.file(*inode).pending.push(Change::Length(*length as usize));
            }
            Event::SyncFile { inode } => self.file(*inode).sync(),
            Event::SyncFolder { path } => {
                let folder = self.folder(path);
                for entries in folder.pending.drain(..) {
                    apply(&mut folder.durable, &entries);
                }
            }
            Event::Rename { from, to } => {
                let (folder, old) = self.parent(from);
                let id = *folder.now.get(&old).unwrap_or_else(|| panic!("{} does not exist", from.display()));
                let new = to.file_name().unwrap().to_str().unwrap().to_owned();
                if from.parent() == to.parent() {
                    folder.change(vec![(old, None), (new, Some(id))]);
                } else {
                    folder.change(vec![(old, None)]);
                    self.parent(to).0.change(vec![(new, Some(id))]);
                }
            }
            Event::Link { from, to } => {
                let (folder, old) = self.parent(from);
                let id = *folder.now.get(&old).unwrap_or_else(|| panic!("{} does not exist", from.display()));
                let (folder, new) = self.parent(to);
                folder.change(vec![(new, Some(id))]);
            }
            Event::MakeFolder { path } => {
                let id = self.new_object(Object::Folder(Folder::default()));
                let (folder, name) = self.parent(path);
                folder.change(vec![(name, Some(id))]);
            }
            Event::Unlink { path } | Event::RemoveFolder { path } => {
                let (folder, name) = self.parent(path);
                folder.change(vec![(name, None)]);
            }
        }
    }

    /// Adopts the real content of the folder after the recorded process was killed. Returns the
    /// paths that differed: at most those of one call that was in flight; more of them mean that
    /// the journal is incomplete.
    pub fn catch_up(&mut self) -> Vec<PathBuf> {
        let root = self.root.clone();
        let (expected, found) = (self.now(), image_of(&root));
        let mut different = Vec::new();
        let paths: BTreeSet<&PathBuf> = expected.keys().chain(found.keys()).collect();
        for below in paths {
            let path = root.join(below);
            match (expected.get(below), found.get(below)) {
                (was, is) if was == is => continue,
                (Some(Some(was)), Some(Some(is))) => {
                    let inode = fs::metadata(&path).unwrap().ino();
                    let same = was.iter().zip(is).take_while(|(was, is)| was == is).count();
                    self.happens(&Event::Truncate { inode, length: is.len() as u64 });
                    self.happens(&Event::Write { inode, offset: same as u64, bytes: is[same..].to_vec() });
                }
                (Some(_), None) if !found.contains_key(below.parent().unwrap()) => {}
                (Some(_), None) => self.happens(&Event::Unlink { path: path.clone() }),
                (None, Some(None)) => self.happens(&Event::MakeFolder { path: path.clone() }),
                (None, Some(Some(bytes))) => {
                    let inode = fs::metadata(&path).unwrap().ino();
                    match self.inodes.get(&inode).copied() {
                        // A rename that was made but not recorded, or recorded but not made.
                        Some(id) if matches!(&self.objects[id], Object::File(file) if file.now() == *bytes) =>
                        {
                            let (folder, name) = self.parent(&path);
                            folder.change(vec![(name, Some(id))]);
                        }
                        _ => {
                            self.happens(&Event::Create { inode, path: path.clone() });
                            self.happens(&Event::Write { inode, offset: 0, bytes: bytes.clone() });
                        }
                    }
                }
                _ => panic!("{} is a file on one side and a folder on the other", path.display()),
            }
            different.push(path);
        }
        different
    }

    /// Returns the content that the process sees.
    pub fn now(&self) -> Image {
        let mut image = Image::new();
        self.image(0, Path::new(""), &mut image, &mut |folder| folder.now.clone(), &mut |file| file.now());
        image
    }

    /// Returns the durable content if the power fails now.
    pub fn after_power_failure(&self, dice: &mut Dice) -> Image {
        let luck = *dice.pick(LUCK);
        self.with_luck(luck, dice)
    }

    /// Returns the same as [`Self::after_power_failure`] with the given probability that a change
    /// without a sync survives.
    pub fn with_luck(&self, luck: f64, dice: &mut Dice) -> Image {
        let mut names = dice.fork();
        let mut image = Image::new();
        let mut survivors = |folder: &Folder| {
            let mut durable = folder.durable.clone();
            for entries in &folder.pending {
                if names.happens(luck) {
                    apply(&mut durable, entries);
                }
            }
            durable
        };
        let mut content = |file: &File| file.after_power_failure(luck, dice);
        self.image(0, Path::new(""), &mut image, &mut survivors, &mut content);
        image
    }

    fn image(
        &self,
        id: usize,
        path: &Path,
        image: &mut Image,
        names: &mut dyn FnMut(&Folder) -> BTreeMap<String, usize>,
        content: &mut dyn FnMut(&File) -> Vec<u8>,
    ) {
        match &self.objects[id] {
            Object::File(file) => {
                image.insert(path.into(), Some(content(file)));
            }
            Object::Folder(folder) => {
                image.insert(path.into(), None);
                for (name, id) in names(folder) {
                    self.image(id, &path.join(name), image, names, content);
                }
            }
        }
    }
}

/// Reads the content of a folder.
pub fn image_of(root: &Path) -> Image {
    fn walk(root: &Path, below: &Path, image: &mut Image) {
        let path = root.join(below);
        if path.is_file() {
            image.insert(below.into(), Some(fs::read(path).unwrap()));
            return;
        }
        image.insert(below.into(), None);
        for entry in fs::read_dir(path).unwrap() {
            walk(root, &below.join(entry.unwrap().file_name()), image);
        }
    }
    let mut image = Image::new();
    walk(root, Path::new(""), &mut image);
    image
}

/// Replaces the content of a folder.
pub fn write_image(root: &Path, image: &Image) {
    if root.exists() {
        fs::remove_dir_all(root).unwrap();
    }
    for (below, content) in image {
        match content {
            None => fs::create_dir_all(root.join(below)).unwrap(),
            Some(bytes) => fs::write(root.join(below), bytes).unwrap(),
        }
    }
}
