//! How many requests of a kind are worked on at a time. Further ones wait for their turn, in order, and not for ever.

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

use super::error::ApiError;

tokio::task_local! {
    static PASS: Pass;
}

/// The right to be worked on; the last clone gives it back.
pub type Pass = Arc<OwnedSemaphorePermit>;

/// Lets a number of requests through at a time. Clones are the same gate.
#[derive(Clone)]
pub struct Gate {
    passes: Arc<Semaphore>,
    wait: Duration,
}

impl Gate {
    /// For so many requests at a time; others wait up to `wait`.
    pub fn new(requests: usize, wait: Duration) -> Self {
        Self { passes: Arc::new(Semaphore::new(requests)), wait }
    }
}

/// Middleware. What waits has not sent its body yet, or it is in the system's buffers.
///
/// # Errors
/// [`ApiError::Unavailable`] after the wait.
pub async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Result<Response, ApiError> {
    let unavailable =
        || ApiError::Unavailable { reason: "too many requests of this kind came before".to_owned() };
    let pass = timeout(gate.wait, gate.passes.acquire_owned()).await.map_err(|_| unavailable())?;
    // The semaphore is never closed.
    let pass = Arc::new(pass.map_err(|_| unavailable())?);
    Ok(PASS.scope(pass, next.run(request)).await)
}

/// Work that is spawned for a request, with the pass of that request: a task of its own knows nothing of it otherwise.
pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let pass = current();
    async move {
        match pass {
            Some(pass) => PASS.scope(pass, work).await,
            None => work.await,
        }
    }
}

/// The pass of the request that is being answered, for work that outlives it: a client that hangs up does not end that work, and shall not
/// start more of it.
pub fn current() -> Option<Pass> {
    PASS.try_with(Arc::clone).ok()
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

    /// One request at a time; each waits until it is told to go on, in work that goes on without it: on a thread that has its pass, or in a
    /// task that carries it.
    fn router(go_on: &Arc<Notify>) -> Router {
        let (go_on, told) = (Arc::clone(go_on), Arc::clone(go_on));
        let task = move || async move {
            let work = async move {
                told.notified().await;
                assert!(current().is_some());
            };
            tokio::spawn(carry(work)).await.unwrap();
        };
        let work = move || async move {
            let pass = current();
            let work = async move {
                go_on.notified().await;
                drop(pass);
            };
            tokio::spawn(work).await.unwrap();
        };
        let gate = Gate::new(1, Duration::from_secs(3));
        let routes = Router::new().route("/", get(work)).route("/task", get(task));
        routes.layer(from_fn_with_state(gate, pass))
    }

    fn ask(router: &Router, path: &str) -> impl Future<Output = Response> + use<> {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request);
        async { answer.await.unwrap() }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_wait_their_turn_and_are_told_to_come_back_when_it_takes_too_long() {
        let go_on = Arc::new(Notify::new());
        let router = router(&go_on);
        let first = tokio::spawn(ask(&router, "/"));
        tokio::time::sleep(Duration::from_millis(1)).await;
        let late = ask(&router, "/").await;
        assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(late.headers().contains_key(RETRY_AFTER));
        let second = tokio::spawn(ask(&router, "/"));
        go_on.notify_one();
        assert_eq!(first.await.unwrap().status(), StatusCode::OK);
        go_on.notify_one();
        assert_eq!(second.await.unwrap().status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn work_of_a_client_that_hung_up_counts_until_it_is_done() {
        for path in ["/", "/task"] {
            let go_on = Arc::new(Notify::new());
            let router = router(&go_on);
            let first = tokio::spawn(ask(&router, path));
            tokio::time::sleep(Duration::from_millis(1)).await;
            first.abort();
            assert!(first.await.is_err());
            assert_eq!(ask(&router, path).await.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            go_on.notify_waiters();
            let next = tokio::spawn(ask(&router, path));
            tokio::time::sleep(Duration::from_secs(1)).await;
            go_on.notify_waiters();
            assert_eq!(next.await.unwrap().status(), StatusCode::OK, "{path}");
        }
    }
}
