//! Where a bucket is: endpoint, addressing style, and the path of a key.

use reqwest::Url;

use super::S3Config;
use super::encode::percent;

/// A bucket's place in the world.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// `https://host[:port]`
    origin: String,
    /// `host[:port]`, as it is signed and sent.
    pub host: String,
    /// What comes before a key: empty, `/bucket` or `/path/bucket`.
    base: String,
    /// Whether TLS is spoken.
    pub secure: bool,
}

impl Address {
    /// The error names the setting.
    pub(super) fn new(config: &S3Config) -> Result<Address, String> {
        let amazon = || format!("https://s3.{}.amazonaws.com", config.region);
        let endpoint = config.endpoint.clone().unwrap_or_else(amazon);
        let wrong = |why: &str| format!("diskless.s3.endpoint {endpoint}: {why}");
        let url = Url::parse(&endpoint).map_err(|error| wrong(&format!("{error}; expected http(s)://host[:port]")))?;
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || !url.username().is_empty() {
            return Err(wrong("expected http(s)://host[:port]"));
        }
        let name = url.host_str().ok_or_else(|| wrong("has no host"))?;
        if config.bucket.is_empty() || config.bucket.contains('/') {
            return Err(format!("{:?} is not the name of a bucket", config.bucket));
        }
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        let before = url.path().trim_end_matches('/');
        let (host, base) = if config.path_style {
            (format!("{name}{port}"), format!("{before}/{}", percent(&config.bucket, false)))
        } else {
            (format!("{}.{name}{port}", config.bucket), before.to_owned())
        };
        let origin = format!("{}://{host}", url.scheme());
        Ok(Address { origin, host, base, secure: url.scheme() == "https" })
    }

    /// The encoded path of a key, or of the bucket.
    pub(super) fn path(&self, key: Option<&str>) -> String {
        match key {
            Some(key) => format!("{}/{}", self.base, percent(key, true)),
            None if self.base.is_empty() => "/".to_owned(),
            None => self.base.clone(),
        }
    }

    /// The whole URL of an encoded path and query.
    pub(super) fn url(&self, path: &str, query: &str) -> String {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{path}{mark}{query}", self.origin)
    }

    /// The part in front of the path, for a person.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::super::Credentials;
    use super::*;

    fn address(bucket: &str, endpoint: Option<&str>, path_style: bool) -> Result<Address, String> {
        let credentials = Credentials { access_key: String::new(), secret_key: String::new(), session_token: None };
        Address::new(&S3Config {
            bucket: bucket.to_owned(),
            prefix: String::new(),
            endpoint: endpoint.map(str::to_owned),
            region: "eu-west-1".to_owned(),
            path_style,
            credentials,
        })
    }

    fn url(address: &Address, key: Option<&str>) -> String {
        address.url(&address.path(key), "")
    }

    #[test]
    fn amazon_has_a_host_for_each_bucket() {
        let amazon = address("birds", None, false).expect("a plain bucket");
        assert_eq!(url(&amazon, Some("a/b c")), "https://birds.s3.eu-west-1.amazonaws.com/a/b%20c");
        assert_eq!(url(&amazon, None), "https://birds.s3.eu-west-1.amazonaws.com/");
        let dotted = address("my.birds", None, true).expect("a dotted bucket");
        assert_eq!(url(&dotted, Some("a")), "https://s3.eu-west-1.amazonaws.com/my.birds/a");
    }

    #[test]
    fn others_have_a_path_for_each_bucket() {
        let minio = address("birds", Some("http://127.0.0.1:9000/"), true).expect("an address");
        assert_eq!((url(&minio, Some("a")).as_str(), minio.secure), ("http://127.0.0.1:9000/birds/a", false));
        assert_eq!(minio.host, "127.0.0.1:9000");
        assert_eq!(url(&minio, None), "http://127.0.0.1:9000/birds");
        let virtual_host = address("birds", Some("https://store.example:443"), false).expect("an address");
        assert_eq!(url(&virtual_host, Some("a")), "https://birds.store.example/a");
        assert!(virtual_host.secure);
        let below = address("birds", Some("http://gateway/s3"), true).expect("an address");
        assert_eq!(url(&below, Some("a")), "http://gateway/s3/birds/a");
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        for endpoint in ["127.0.0.1:9000", "ftp://host", "http://", "nonsense"] {
            let refused = address("birds", Some(endpoint), true).expect_err(endpoint);
            assert!(refused.contains("diskless.s3.endpoint"), "{refused}");
        }
        assert!(address("a/b", None, false).is_err());
    }
}
