//! A limit on the requests of one kind that are processed at the same time. Further requests wait
//! for their turn, in order, up to a bound.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::server::error::ApiError;

tokio::task_local! {
    static CURRENT: Permit;
}

/// The right of a request to be processed. Dropping the last clone releases it.
pub(crate) type Permit = Arc<OwnedSemaphorePermit>;

/// Limits the number of requests that are processed at the same time. Clones share the limit.
#[derive(Clone)]
pub(crate) struct ConcurrencyLimit {
    permits: Arc<Semaphore>,
    wait: Duration,
}

impl ConcurrencyLimit {
    /// Returns a limit of `requests` concurrent requests; further ones wait up to `wait`.
    pub(crate) fn new(requests: usize, wait: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(requests)), wait }
    }
}

/// Middleware: processes a request once it has a [`Permit`]. Until then its body is not read.
///
/// # Errors
/// [`ApiError::Unavailable`] if no permit becomes free within the wait.
pub(crate) async fn limit_concurrency(
    State(limit): State<ConcurrencyLimit>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let unavailable =
        || ApiError::Unavailable { reason: "too many requests of this kind are waiting".to_owned() };
    let permit = timeout(limit.wait, limit.permits.acquire_owned()).await.map_err(|_| unavailable())?;
    // The semaphore is never closed.
    let permit = Arc::new(permit.map_err(|_| unavailable())?);
    Ok(CURRENT.scope(permit, next.run(request)).await)
}

/// Returns `work` with the permit of the current request, for a task of its own, which would not
/// inherit it.
pub(crate) fn with_current_permit<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let permit = current_permit();
    async move {
        match permit {
            Some(permit) => CURRENT.scope(permit, work).await,
            None => work.await,
        }
    }
}

/// Returns the permit of the request that the current task answers. Work that outlives the request
/// holds it: a client that disconnects does not end that work, and must not be able to start more
/// of it.
pub(crate) fn current_permit() -> Option<Permit> {
    CURRENT.try_with(Arc::clone).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use axum::{
        Router,
        body::Body,
        http::{StatusCode, header::RETRY_AFTER},
        middleware::from_fn_with_state,
        routing::get,
    };
    use tokio::sync::Notify;
    use tower::ServiceExt;

    use super::*;

    /// Processes one request at a time. Each waits for a notification in a task that outlives the
    /// request: `/` moves its permit into the task, `/task` passes it on as the task's current
    /// permit.
    fn router(notify: &Arc<Notify>) -> Router {
        let finish = Arc::clone(notify);
        let finish_task = Arc::clone(notify);
        let task = move || async move {
            let work = async move {
                finish_task.notified().await;
                assert!(current_permit().is_some());
            };
            tokio::spawn(with_current_permit(work)).await.unwrap();
        };
        let work = move || async move {
            let permit = current_permit();
            let work = async move {
                finish.notified().await;
                drop(permit);
            };
            tokio::spawn(work).await.unwrap();
        };
        let limit = ConcurrencyLimit::new(1, Duration::from_secs(3));
        let routes = Router::new().route("/", get(work)).route("/task", get(task));
        routes.layer(from_fn_with_state(limit, limit_concurrency))
    }

    fn get_response(router: &Router, path: &str) -> impl Future<Output = Response> + use<> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request);
        async { response.await.unwrap() }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_wait_for_a_permit_and_get_503_after_the_wait() {
        let finish = Arc::new(Notify::new());
        let router = router(&finish);
        let first = tokio::spawn(get_response(&router, "/"));
        tokio::time::sleep(Duration::from_millis(1)).await;
        let late = get_response(&router, "/").await;
        assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(late.headers().contains_key(RETRY_AFTER));
        let second = tokio::spawn(get_response(&router, "/"));
        finish.notify_one();
        assert_eq!(first.await.unwrap().status(), StatusCode::OK);
        finish.notify_one();
        assert_eq!(second.await.unwrap().status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn work_of_a_disconnected_client_holds_its_permit_until_it_ends() {
        for path in ["/", "/task"] {
            let finish = Arc::new(Notify::new());
            let router = router(&finish);
            let first = tokio::spawn(get_response(&router, path));
            tokio::time::sleep(Duration::from_millis(1)).await;
            first.abort();
            assert!(first.await.is_err());
            assert_eq!(get_response(&router, path).await.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            finish.notify_waiters();
            let next = tokio::spawn(get_response(&router, path));
            tokio::time::sleep(Duration::from_secs(1)).await;
            finish.notify_waiters();
            assert_eq!(next.await.unwrap().status(), StatusCode::OK, "{path}");
        }
    }
}
