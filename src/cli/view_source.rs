//! The source of views: the answers of a running server, or the same views built from a stopped
//! data folder.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use tokio::runtime::Runtime;

use super::colour::TonedText;
use super::error::CliError;
use super::folder;
use super::output::{show_lines, show_toned};
use super::runtime::runtime;
use super::target::{ServerTarget, Target};
use crate::{
    api::paths,
    client::{Answer, Client, ClientError},
    clock::{Clock, SystemClock},
    config::Config,
    store::{Store, StoreError},
};

/// An opened data folder, or a client of a running server.
pub(crate) enum ViewSource {
    /// An opened folder.
    Folder(Arc<Store>),
    /// A running server.
    Server(Box<ServerSource>),
}

/// A client and the runtime of its requests.
pub(crate) struct ServerSource {
    client: Client,
    runtime: Runtime,
}

impl ViewSource {
    /// Opens the configured folder for reading only, or creates a client of the configured server,
    /// for what an admin listener serves without a token.
    ///
    /// # Errors
    /// Fails if the folder cannot be opened, or the server cannot be asked.
    pub(crate) fn open(config: &Config) -> Result<Self, CliError> {
        Self::of_target(config, folder::look_at_existing, ServerTarget::reader)
    }

    /// Opens the configured folder for reading only, or creates a client of the configured server
    /// with a token.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub(crate) fn open_to_export(config: &Config) -> Result<Self, CliError> {
        Self::of_target(config, folder::look_at_existing, ServerTarget::client)
    }

    /// Opens the configured folder to change it, or creates a client of the configured server with a
    /// token.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub(crate) fn open_to_change(config: &Config) -> Result<Self, CliError> {
        Self::of_target(config, folder::open_existing, ServerTarget::client)
    }

    fn of_target(
        config: &Config,
        open: impl FnOnce(&Config, &Path) -> Result<Arc<Store>, CliError>,
        client: impl FnOnce(&ServerTarget, &Config) -> Result<Client, CliError>,
    ) -> Result<Self, CliError> {
        match Target::of(config) {
            Target::Folder(folder) => open(config, &folder).map(Self::Folder),
            Target::Server(server) => {
                Ok(Self::Server(Box::new(ServerSource::new(client(&server, config)?)?)))
            }
        }
    }

    /// Returns the answer of `route`, or the view that `report` builds from the folder.
    ///
    /// # Errors
    /// Fails if the view cannot be read from the server or the folder.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        route: &str,
        report: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<T, CliError> {
        match self {
            Self::Folder(store) => Ok(report(store)?),
            Self::Server(server) => server.read(route),
        }
    }

    /// Prints a view: as the JSON of the API, or as the text that `text` returns for it.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), and [`CliError::Output`].
    pub(crate) fn print<T: Serialize + DeserializeOwned, U: Into<TonedText>>(
        &self,
        route: &str,
        json: bool,
        report: impl FnOnce(&Store) -> Result<T, StoreError>,
        text: impl FnOnce(&T) -> U,
    ) -> Result<(), CliError> {
        let view = self.read(route, report)?;
        if json { show_lines(&to_json(&view)?) } else { show_toned(&text(&view).into()) }
    }

    /// Returns the JSON of the proof of a block, if it is stored.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub(crate) fn proof(&self, block: u32) -> Result<Option<String>, CliError> {
        self.stored(&paths::proof(block), |store| store.queue().single_proof(block))
    }

    /// Returns the JSON of the aggregated proof of a range, if it is stored.
    ///
    /// # Errors
    /// Fails if it cannot be read.
    pub(crate) fn aggregated_proof(&self, first: u32, last: u32) -> Result<Option<String>, CliError> {
        self.stored(&paths::aggregated_proof(first, last), |store| {
            store.queue().aggregated_proof(first, last)
        })
    }

    fn stored(
        &self,
        route: &str,
        read: impl FnOnce(&Store) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Option<String>, CliError> {
        let bytes = match self {
            Self::Folder(store) => read(store)?,
            Self::Server(server) => match server.bytes(route) {
                Ok(bytes) => Some(bytes.into()),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error),
            },
        };
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| CliError::Failed(format!("{route} is not UTF-8; check that the URL is right")))
    }

    /// Posts to `route`, or makes `change` in the folder.
    ///
    /// # Errors
    /// Fails if the server or the store refuses.
    pub(crate) fn change(
        &self,
        route: &str,
        change: impl FnOnce(&Store) -> Result<(), StoreError>,
    ) -> Result<(), CliError> {
        match self {
            Self::Folder(store) => {
                change(store)?;
                Ok(store.sync()?)
            }
            Self::Server(server) => server.post(route, &serde_json::json!({})).map(drop),
        }
    }

    /// Posts `message` to `route` and returns the answer, or makes `change` in the folder and
    /// returns its outcome.
    ///
    /// # Errors
    /// Fails if the server or the store refuses.
    pub(crate) fn change_with<T: DeserializeOwned>(
        &self,
        route: &str,
        message: &impl Serialize,
        change: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<T, CliError> {
        match self {
            Self::Folder(store) => {
                let changed = change(store)?;
                store.sync()?;
                Ok(changed)
            }
            Self::Server(server) => server.parsed(route, &server.post(route, message)?),
        }
    }
}

impl ServerSource {
    /// Returns the source of the answers that a client gets.
    ///
    /// # Errors
    /// [`CliError::Runtime`].
    pub(crate) fn new(client: Client) -> Result<Self, CliError> {
        Ok(Self { client, runtime: runtime()? })
    }

    /// Returns the base URL.
    pub(crate) fn url(&self) -> &str {
        self.client.base_url()
    }

    /// Returns the answer of `route` verbatim.
    ///
    /// # Errors
    /// Fails if the server cannot be reached or refuses.
    pub(crate) fn bytes(&self, route: &str) -> Result<Bytes, CliError> {
        Ok(self.runtime.block_on(self.client.get(route)).and_then(Answer::success)?)
    }

    /// Returns the answer of `route`.
    ///
    /// # Errors
    /// Fails if the server cannot be reached, refuses, or answers something else.
    pub(crate) fn read<T: DeserializeOwned>(&self, route: &str) -> Result<T, CliError> {
        self.parsed(route, &self.bytes(route)?)
    }

    fn post(&self, route: &str, message: &impl Serialize) -> Result<Bytes, CliError> {
        Ok(self.runtime.block_on(self.client.post(route, message)).and_then(Answer::success)?)
    }

    fn parsed<T: DeserializeOwned>(&self, route: &str, body: &[u8]) -> Result<T, CliError> {
        serde_json::from_slice(body).map_err(|error| {
            let url = self.client.base_url();
            if serde_json::from_slice::<IgnoredAny>(body).is_err() {
                let (url, status) = (url.to_owned(), StatusCode::OK);
                return ClientError::NotTheServer { url, status }.into();
            }
            CliError::Failed(format!(
                "{url}{route} is not the expected JSON: {error}; check that the URL is right"
            ))
        })
    }
}

/// Returns the time of this machine, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    SystemClock::new().wall_ms()
}

/// Returns a view as JSON.
///
/// # Errors
/// [`CliError::Failed`].
pub(crate) fn to_json(view: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string(view)
        .map_err(|error| CliError::Failed(format!("the answer cannot be shown as JSON: {error}")))
}
