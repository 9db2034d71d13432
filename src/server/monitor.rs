//! Watches a node in the background, so that no request has to: the last hour as points, the sizes of the folder, and a call to those who
//! want to hear of every change.

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use futures_util::stream;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinHandle, spawn_blocking},
    time::{MissedTickBehavior, interval},
};
use tracing::debug;

use super::{
    error::ApiError,
    status::{Status, StorageStatus},
    views::{HistoryPoint, HistoryView},
};
use crate::{
    store::{AggregatedAction, Store, StoreError},
    workers::Node,
};

/// Time between two looks for streams: at most four changes a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// Time between two points of the history.
const POINT_INTERVAL: Duration = Duration::from_secs(5);
/// Points of the history: an hour.
const MAX_POINTS: usize = 720;
/// Time between two looks at the sizes of the folder: each asks for every file.
const SIZES_INTERVAL: Duration = Duration::from_secs(10);
/// Streams at a time.
const MAX_STREAMS: usize = 64;
/// Silence after which a stream says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Blocks that are looked at for a proof at a time.
const MAX_STEPS: u32 = 10_000;

/// What was found last. Clones are the same.
#[derive(Clone)]
pub struct Monitor {
    found: Arc<Mutex<Found>>,
    streams: Arc<Semaphore>,
    changes: Arc<watch::Receiver<Option<Arc<Status>>>>,
}

#[derive(Default)]
struct Found {
    points: VecDeque<HistoryPoint>,
    storage: Option<StorageStatus>,
    /// All blocks up to these are proven, or in a stored aggregated proof.
    proven: u32,
    aggregated: u32,
}

impl Monitor {
    /// Begins to watch. Streams end when the task ends.
    pub fn start(node: Arc<Node>) -> (Self, JoinHandle<()>) {
        let (changed, changes) = watch::channel(None);
        let monitor = Self {
            found: Arc::default(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            changes: Arc::new(changes),
        };
        let task = tokio::spawn(monitor.clone().watch(node, changed));
        (monitor, task)
    }

    /// One that does not watch.
    pub fn idle() -> Self {
        let (_, changes) = watch::channel(None);
        Self {
            found: Arc::default(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            changes: Arc::new(changes),
        }
    }

    /// The status of the node, with what was found in the background.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self, node: &Node) -> Result<Status, StoreError> {
        let store = node.store();
        let mut status = Status::of(store)?;
        status.storage = self.lock().storage;
        let since_ms = store.now_ms().saturating_sub(store.gone_timeout_ms());
        let seen = node.provers().all().into_iter().filter(|(_, seen)| seen.last_ms >= since_ms);
        let mut names: BTreeSet<String> = seen.map(|(name, _)| name).collect();
        names.extend(store.leases().into_iter().map(|lease| lease.holder));
        status.provers = names.len() as u64;
        Ok(status)
    }

    /// The last hour.
    pub fn history(&self) -> HistoryView {
        let points = self.lock().points.iter().copied().collect();
        HistoryView { interval_ms: POINT_INTERVAL.as_millis() as u64, points }
    }

    /// Every change from now on, after what is the case now.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] when there are too many streams.
    pub fn events(&self, now: Status) -> Result<Response, ApiError> {
        let place = Arc::clone(&self.streams).try_acquire_owned();
        let place =
            place.map_err(|_| ApiError::Unavailable { reason: "too many streams are open".to_owned() })?;
        let listener =
            Listener { changes: (*self.changes).clone(), first: Some(Arc::new(now)), _place: place };
        let events = stream::unfold(listener, |mut listener| async move {
            let status = listener.next().await?;
            Some((Event::default().event("change").json_data(&*status), listener))
        });
        Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
    }

    async fn watch(self, node: Arc<Node>, changed: watch::Sender<Option<Arc<Status>>>) {
        let mut ticks = interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut pointed, mut measured) = (None::<Instant>, None::<Instant>);
        let due = |last: Option<Instant>, interval| last.is_none_or(|last| last.elapsed() >= interval);
        loop {
            ticks.tick().await;
            let (point, sizes) = (due(pointed, POINT_INTERVAL), due(measured, SIZES_INTERVAL));
            // The one receiver that is always there is our own.
            if !point && changed.receiver_count() < 2 {
                continue;
            }
            let (monitor, node) = (self.clone(), node.clone());
            match spawn_blocking(move || monitor.look(&node, point, sizes)).await {
                Ok(Ok(status)) => {
                    changed.send_if_modified(|last| {
                        let differs = last.as_deref().is_none_or(|last| !same(last, &status));
                        if differs {
                            *last = Some(Arc::new(status));
                        }
                        differs
                    });
                }
                Ok(Err(error)) => debug!(%error, "the store could not be read for the history"),
                Err(_) => return,
            }
            if point {
                pointed = Some(Instant::now());
            }
            if sizes {
                measured = Some(Instant::now());
            }
        }
    }

    fn look(&self, node: &Node, point: bool, sizes: bool) -> Result<Status, StoreError> {
        let store = node.store();
        if sizes {
            let dir = store.dir();
            let storage = StorageStatus {
                index_bytes: size_of(&dir.join("index")),
                blobs_bytes: size_of(&dir.join("blobs")),
                journal_bytes: size_of(&dir.join("journal")),
            };
            self.lock().storage = Some(storage);
        }
        let status = self.status(node)?;
        if point {
            let (before, aggregated) = {
                let found = self.lock();
                (found.proven, found.aggregated)
            };
            let proven = proven(store, before, &status)?;
            let aggregated = aggregated_to(store, aggregated, &status)?;
            let mut found = self.lock();
            (found.proven, found.aggregated) = (proven, aggregated);
            if found.points.len() >= MAX_POINTS {
                found.points.pop_front();
            }
            found.points.push_back(HistoryPoint::of(&status, store.now_ms(), proven, aggregated));
        }
        Ok(status)
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who listens to changes.
struct Listener {
    changes: watch::Receiver<Option<Arc<Status>>>,
    first: Option<Arc<Status>>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    async fn next(&mut self) -> Option<Arc<Status>> {
        if let Some(first) = self.first.take() {
            self.changes.mark_unchanged();
            return Some(first);
        }
        loop {
            self.changes.changed().await.ok()?;
            if let Some(status) = self.changes.borrow_and_update().clone() {
                return Some(status);
            }
        }
    }
}

/// Whether two statuses differ in nothing but what changes all the time.
fn same(one: &Status, other: &Status) -> bool {
    let steady = |status: &Status| {
        let mut status = status.clone();
        (status.space.free_bytes, status.storage) = (None, None);
        status
    };
    steady(one) == steady(other)
}

/// Bytes of the files of a folder. Files may go while it looks.
fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => size_of(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// The block up to which all are proven, not far from where that was before.
fn proven(store: &Store, before: u32, status: &Status) -> Result<u32, StoreError> {
    let mut last = before.min(status.blocks.head).max(status.blocks.verified);
    // After a revert some are not proven any more.
    if last > status.blocks.verified && !store.has_single_proof(last)? {
        last = status.blocks.verified;
    }
    for _ in 0..MAX_STEPS {
        if !store.has_single_proof(last.saturating_add(1))? {
            break;
        }
        last = last.saturating_add(1);
    }
    Ok(last)
}

/// The block up to which all are in a stored aggregated proof.
fn aggregated_to(store: &Store, before: u32, status: &Status) -> Result<u32, StoreError> {
    let created = AggregatedAction::CreateProofBlocks;
    let mut last = before.min(store.last_block_of(created)?).max(status.blocks.verified);
    for _ in 0..MAX_STEPS {
        match store.aggregated_operation_covering(created, last.saturating_add(1))? {
            Some(next) if store.has_aggregated_proof(next.first, next.last)? => last = next.last,
            _ => break,
        }
    }
    Ok(last)
}
