//! A thread of its own for calls that others wait for: their answers are taken in while this thread judges and writes.

use std::error::Error;
use std::future::Future;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The thread, which ends with this.
#[derive(Debug)]
pub struct Aside {
    handle: Handle,
    _end: oneshot::Sender<()>,
}

impl Aside {
    /// Starts it; `None` if the system gives no thread.
    fn start() -> Option<Aside> {
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let run = move || {
            let _told_or_dropped = runtime.block_on(ended);
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("aws".to_owned()).spawn(run).ok()?;
        Some(Aside { handle, _end: end })
    }
}

/// The thread, started when it is needed first.
#[derive(Debug, Default)]
pub(super) struct Lazy(std::sync::OnceLock<Option<Aside>>);

impl Lazy {
    /// Makes a call on that thread.
    pub(super) async fn call<T, E>(
        &self,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'static,
    ) -> Result<T, SdkError<E, HttpResponse>>
    where
        T: Send + 'static,
        E: Error + Send + Sync + 'static,
    {
        // Before a call is made this thread must hear Control-C.
        tokio::task::yield_now().await;
        match self.spawn(call).await {
            Ok(answer) => answer,
            Err(gone) => Err(SdkError::construction_failure(gone)),
        }
    }

    /// Runs something on that thread, or beside everything else here if there is none.
    pub(super) fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        match self.0.get_or_init(Aside::start) {
            Some(aside) => aside.handle.spawn(work),
            None => tokio::spawn(work),
        }
    }
}
