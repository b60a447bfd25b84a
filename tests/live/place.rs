//! Where the records of a test's broker live.

use apus_store::testing::{ACCESS_KEY, BUCKET, S3Server, Storm};

/// A directory, or a bucket of the S3 server inside of this process, which outlives the broker.
pub enum Place {
    /// Below the broker's data directory.
    Directory,
    /// In a bucket.
    Bucket(S3Server),
}

impl Place {
    /// An empty bucket whose server makes no mistakes.
    pub fn calm_bucket() -> Place {
        Place::stormy_bucket(Storm::default())
    }

    /// An empty bucket whose server does.
    pub fn stormy_bucket(storm: Storm) -> Place {
        Place::Bucket(S3Server::start(storm))
    }

    /// The server, where it is a bucket.
    pub fn server(&self) -> Option<&S3Server> {
        match self {
            Place::Directory => None,
            Place::Bucket(server) => Some(server),
        }
    }

    /// What the broker is told of it.
    pub fn settings(&self) -> Vec<String> {
        let Some(server) = self.server() else { return Vec::new() };
        vec![
            format!("diskless.store=s3://{BUCKET}/swift/live"),
            format!("diskless.s3.endpoint={}", server.endpoint()),
            "diskless.s3.path.style.access=true".to_owned(),
        ]
    }

    /// What the broker finds in its environment.
    pub fn environment(&self) -> Vec<(&'static str, &'static str)> {
        vec![("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_REGION", "us-east-1")]
    }
}
