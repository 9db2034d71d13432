//! Watches a node in the background, so that requests need not: collects the history of the last
//! hour, the sizes of the data folder, and the changes for the event streams.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, watch},
    task::{JoinHandle, spawn_blocking},
    time::{MissedTickBehavior, interval, sleep},
};
use tracing::{debug, error};

use super::events::Subscription;
use crate::{
    api::views::{BlockNumbers, HistoryPoint, HistoryView, Status, StorageStatus},
    report::{self, ProvenHeads},
    server::error::ApiError,
    store::{StoreBytes, StoreError},
    workers::Node,
};

/// Interval of checks for changes: streams receive at most four events a second.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Interval of the points of the history.
const POINT_INTERVAL: Duration = Duration::from_secs(5);
/// Maximum number of points: an hour.
const MAX_POINTS: usize = 720;
/// Shortest pause between two measurements of the data folder.
const MEASURE_INTERVAL: Duration = Duration::from_secs(10);
/// A measurement visits every file, which takes long if there are many; the pause after it is this
/// many times as long.
const MEASURE_PAUSE_FACTOR: u32 = 50;
/// Maximum number of open event streams of a listener.
const MAX_STREAMS: usize = 64;

/// The results of watching a node. Clones share them.
#[derive(Clone)]
pub struct Monitor {
    latest: Arc<Mutex<Latest>>,
    streams: Arc<Semaphore>,
    changes: Arc<watch::Receiver<Option<Arc<Status>>>>,
}

#[derive(Default)]
struct Latest {
    points: VecDeque<HistoryPoint>,
    bytes: Option<StoreBytes>,
    heads: ProvenHeads,
}

impl Monitor {
    /// Starts to watch a node. Event streams end when the returned task ends.
    pub fn start(node: Arc<Node>) -> (Self, JoinHandle<()>) {
        let (changed, changes) = watch::channel(None);
        let monitor = Self {
            latest: Arc::default(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            changes: Arc::new(changes),
        };
        let watching = monitor.clone();
        let measuring = monitor.clone();
        let dir = node.store().dir().to_owned();
        let task = tokio::spawn(async move {
            // Measuring only needs the path: a long measurement must not keep the node open.
            tokio::join!(watching.watch(node, changed), measuring.measure(dir));
        });
        (monitor, task)
    }

    #[cfg(any(test, feature = "testing"))]
    /// Returns a monitor that does not watch: history and sizes stay empty.
    pub fn idle() -> Self {
        let (_, changes) = watch::channel(None);
        Self {
            latest: Arc::default(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            changes: Arc::new(changes),
        }
    }

    /// Returns this monitor with a bound of its own on event streams: the streams of one listener
    /// leave those of the other alone.
    pub fn of_listener(&self) -> Self {
        Self { streams: Arc::new(Semaphore::new(MAX_STREAMS)), ..self.clone() }
    }

    /// Returns the status of the node, including the latest sizes and the provers that were seen.
    pub fn status(&self, node: &Node) -> Result<Status, StoreError> {
        let store = node.store();
        let since_ms = node.now_ms().saturating_sub(store.queue().gone_timeout_ms());
        let seen = store.queue().provers().into_iter().filter(|(_, seen)| seen.last_seen_ms >= since_ms);
        let before = self.lock().heads;
        let mut status = report::status_with_seen(store, seen.map(|(name, _)| name), before)?;
        let BlockNumbers { proven, aggregated, .. } = status.blocks;
        self.lock().heads = ProvenHeads { proven, aggregated };
        status.storage = self.bytes().map(StorageStatus::from);
        status.node = report::node_link(node)?;
        Ok(status)
    }

    /// Returns the sizes of the parts of the data folder; `None` until the first measurement.
    pub fn bytes(&self) -> Option<StoreBytes> {
        self.lock().bytes
    }

    /// Returns the last block up to which all were proven at the last poll, some seconds ago at most.
    pub fn proven(&self) -> u32 {
        self.lock().heads.proven
    }

    /// Returns the history of the last hour.
    pub fn history(&self) -> HistoryView {
        let points = self.lock().points.iter().copied().collect();
        HistoryView { interval_ms: POINT_INTERVAL.as_millis() as u64, points }
    }

    /// Subscribes to the changes from now on.
    ///
    /// # Errors
    /// [`ApiError::Unavailable`] if too many streams are open.
    pub fn subscribe(&self) -> Result<Subscription, ApiError> {
        let permit = Arc::clone(&self.streams).try_acquire_owned();
        let permit = permit
            .map_err(|_| ApiError::Unavailable { reason: "too many event streams are open".to_owned() })?;
        Ok(Subscription::new((*self.changes).clone(), permit))
    }

    async fn watch(self, node: Arc<Node>, changed: watch::Sender<Option<Arc<Status>>>) {
        let mut ticks = interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pointed = None::<Instant>;
        loop {
            ticks.tick().await;
            let point = pointed.is_none_or(|last| last.elapsed() >= POINT_INTERVAL);
            // One receiver is the monitor's own; without another one, no stream is open.
            if !point && changed.receiver_count() < 2 {
                continue;
            }
            let (monitor, node) = (self.clone(), node.clone());
            match spawn_blocking(move || monitor.poll(&node, point)).await {
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
                Err(error) => error!(%error, "polling the store panicked; trying again"),
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
                Err(error) => error!(%error, "measuring the data folder panicked; trying again"),
            }
            sleep(MEASURE_INTERVAL.max(begin.elapsed().saturating_mul(MEASURE_PAUSE_FACTOR))).await;
        }
    }

    fn poll(&self, node: &Node, point: bool) -> Result<Status, StoreError> {
        let status = self.status(node)?;
        if point {
            let mut latest = self.lock();
            if latest.points.len() >= MAX_POINTS {
                latest.points.pop_front();
            }
            latest.points.push_back(HistoryPoint::of(&status, node.now_ms()));
        }
        Ok(status)
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns true if two statuses only differ in free space and sizes, which change all the time.
fn same(one: &Status, other: &Status) -> bool {
    let steady = |status: &Status| {
        let mut status = status.clone();
        (status.space.free_bytes, status.storage) = (None, None);
        status
    };
    steady(one) == steady(other)
}
