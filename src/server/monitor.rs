//! Watches a node in the background, so that no request has to: the last hour as points, the sizes of the folder, and a call to those who
//! want to hear of every change.

use std::{
    collections::VecDeque,
    path::PathBuf,
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
    time::{MissedTickBehavior, interval, sleep},
};
use tracing::{debug, error};

use super::error::ApiError;
use crate::{
    api::views::{HistoryPoint, HistoryView, Status, StorageStatus},
    report,
    store::{AggregatedAction, Store, StoreBytes, StoreError},
    workers::Node,
};

/// Time between two looks for streams: at most four changes a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// Time between two points of the history.
const POINT_INTERVAL: Duration = Duration::from_secs(5);
/// Points of the history: an hour.
const MAX_POINTS: usize = 720;
/// Least time between two measurements of the folder. Each asks for every file: with many of them it takes a while, and the next one comes
/// after so many times as long.
const MEASURE_INTERVAL: Duration = Duration::from_secs(10);
const MEASURE_SHARE: u32 = 50;
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
    bytes: Option<StoreBytes>,
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
        let (watching, measuring) = (monitor.clone(), monitor.clone());
        let dir = node.store().dir().to_owned();
        let task = tokio::spawn(async move {
            // The folder alone is measured, not the node: a long look does not keep it open.
            tokio::join!(watching.watch(node, changed), measuring.measure(dir));
        });
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
        let since_ms = store.now_ms().saturating_sub(store.gone_timeout_ms());
        let seen = node.provers().all().into_iter().filter(|(_, seen)| seen.last_ms >= since_ms);
        let mut status = report::status_with_seen(store, seen.map(|(name, _)| name))?;
        status.storage = self.bytes().map(StorageStatus::from);
        Ok(status)
    }

    /// Sizes of the parts of the data folder; `None` until they are measured.
    pub fn bytes(&self) -> Option<StoreBytes> {
        self.lock().bytes
    }

    /// The last hour.
    pub fn history(&self) -> HistoryView {
        let points = self.lock().points.iter().copied().collect();
        HistoryView { interval_ms: POINT_INTERVAL.as_millis() as u64, points }
    }

    /// Listens from now on: what is the case now is to be read afterwards, so that no change is between.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] when there are too many streams.
    pub fn listen(&self) -> Result<Listener, ApiError> {
        let place = Arc::clone(&self.streams).try_acquire_owned();
        let place =
            place.map_err(|_| ApiError::Unavailable { reason: "too many streams are open".to_owned() })?;
        let mut changes = (*self.changes).clone();
        changes.mark_unchanged();
        Ok(Listener { changes, first: None, _place: place })
    }

    async fn watch(self, node: Arc<Node>, changed: watch::Sender<Option<Arc<Status>>>) {
        let mut ticks = interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pointed = None::<Instant>;
        loop {
            ticks.tick().await;
            let point = pointed.is_none_or(|last| last.elapsed() >= POINT_INTERVAL);
            // The one receiver that is always there is our own.
            if !point && changed.receiver_count() < 2 {
                continue;
            }
            let (monitor, node) = (self.clone(), node.clone());
            match spawn_blocking(move || monitor.look(&node, point)).await {
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
                Err(error) => error!(%error, "looking at the store failed; it is looked at again"),
            }
            if point {
                pointed = Some(Instant::now());
            }
        }
    }

    async fn measure(self, dir: PathBuf) {
        loop {
            let begin = Instant::now();
            let folder = dir.clone();
            match spawn_blocking(move || StoreBytes::of(&folder)).await {
                Ok(Ok(bytes)) => self.lock().bytes = Some(bytes),
                Ok(Err(error)) => debug!(%error, "the data folder could not be measured"),
                Err(error) => error!(%error, "measuring the data folder failed; it is measured again"),
            }
            sleep(MEASURE_INTERVAL.max(begin.elapsed().saturating_mul(MEASURE_SHARE))).await;
        }
    }

    fn look(&self, node: &Node, point: bool) -> Result<Status, StoreError> {
        let store = node.store();
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
pub struct Listener {
    changes: watch::Receiver<Option<Arc<Status>>>,
    first: Option<Arc<Status>>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// What is the case now, and every change after it.
    pub fn into_response(mut self, now: Status) -> Response {
        self.first = Some(Arc::new(now));
        let events = stream::unfold(self, |mut listener| async move {
            let status = listener.next().await?;
            Some((Event::default().event("change").json_data(&*status), listener))
        });
        Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
    }

    async fn next(&mut self) -> Option<Arc<Status>> {
        if let Some(first) = self.first.take() {
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
