//! One attempt of one operation, on whichever store there is.

use std::ops::Range;
use std::sync::Arc;

use apus_core::world::{Body, Condition, Etag, Listed, ObjectKey};
use bytes::Bytes;

use crate::Unusable;
use crate::directory::Directory;
use crate::retry::Observed;
use crate::s3::Bucket;

/// The store behind the plane. Attempts end in time by themselves, or are given up by the plane.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    Directory(Arc<Directory>),
    S3(Arc<Bucket>),
}

impl Backend {
    pub(crate) async fn put(&self, key: &ObjectKey, body: &Body, condition: &Condition) -> Result<Etag, Observed> {
        match self {
            Backend::S3(bucket) => bucket.put(key, body, condition).await,
            Backend::Directory(directory) => {
                let (key, body, condition) = (key.clone(), body.clone(), condition.clone());
                block(directory, move |directory| directory.put(&key, &body, &condition)).await
            }
        }
    }

    pub(crate) async fn get(&self, key: &ObjectKey, range: Option<Range<u64>>) -> Result<(Bytes, Etag), Observed> {
        match self {
            Backend::S3(bucket) => bucket.get(key, range).await,
            Backend::Directory(directory) => {
                let key = key.clone();
                block(directory, move |directory| directory.get(&key, range.as_ref())).await
            }
        }
    }

    pub(crate) async fn head(&self, key: &ObjectKey) -> Result<(u64, Etag), Observed> {
        match self {
            Backend::S3(bucket) => bucket.head(key).await,
            Backend::Directory(directory) => {
                let key = key.clone();
                block(directory, move |directory| directory.head(&key)).await
            }
        }
    }

    pub(crate) async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        count_max: usize,
    ) -> Result<Vec<Listed>, Observed> {
        match self {
            Backend::S3(bucket) => bucket.list(prefix, after, count_max).await,
            Backend::Directory(directory) => {
                let (prefix, after) = (prefix.to_owned(), after.cloned());
                block(directory, move |directory| directory.list(&prefix, after.as_ref(), count_max)).await
            }
        }
    }

    /// The keys that are gone now; a failure where none of them is.
    pub(crate) async fn delete(&self, keys: &[ObjectKey]) -> Result<Vec<ObjectKey>, Observed> {
        match self {
            Backend::S3(bucket) => bucket.delete(keys).await,
            Backend::Directory(directory) => {
                let keys = keys.to_vec();
                block(directory, move |directory| delete_each(directory, keys)).await
            }
        }
    }

    /// Is the store usable as it is configured?
    pub(crate) async fn check(&self) -> Result<(), Unusable> {
        match self {
            Backend::S3(bucket) => bucket.check().await,
            Backend::Directory(directory) => {
                let directory = Arc::clone(directory);
                let checked = tokio::task::spawn_blocking(move || directory.check()).await;
                checked.unwrap_or_else(|error| Err(error.to_string())).map_err(Unusable::Refused)
            }
        }
    }
}

fn delete_each(directory: &Directory, keys: Vec<ObjectKey>) -> Result<Vec<ObjectKey>, Observed> {
    let mut gone = Vec::with_capacity(keys.len());
    let mut refused = None;
    for key in keys {
        match directory.delete(&key) {
            Ok(()) => gone.push(key),
            Err(observed) => refused = Some(observed),
        }
    }
    match refused {
        Some(observed) if gone.is_empty() => Err(observed),
        _ => Ok(gone),
    }
}

/// Runs a blocking call on the plane's bounded pool. A call that panicked may have done anything.
async fn block<T: Send + 'static>(
    directory: &Arc<Directory>,
    call: impl FnOnce(&Directory) -> Result<T, Observed> + Send + 'static,
) -> Result<T, Observed> {
    let directory = Arc::clone(directory);
    let outcome = tokio::task::spawn_blocking(move || call(&directory)).await;
    outcome.unwrap_or_else(|error| Err(Observed::Unsettled(format!("a call on the directory did not end: {error}"))))
}
