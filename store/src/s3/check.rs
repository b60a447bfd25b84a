//! The first question to a bucket, and what a person should do where the answer is no.

use http::Method;

use super::Bucket;
use super::client::Question;
use super::xml::Refusal;
use crate::Unusable;
use crate::retry::{Observed, describe};

pub(super) async fn check(bucket: &Bucket) -> Result<(), Unusable> {
    let mut question = Question::new(Method::GET, None);
    question.query = format!("list-type=2&max-keys=1&prefix={}", super::percent(&bucket.prefix, false));
    let origin = bucket.client.address.origin();
    match bucket.client.send(question).await {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => {
            let (status, refusal) = bucket.client.refusal(response).await;
            let why = sentence(&bucket.name, origin, &bucket.client.region, status, &refusal);
            Err(if matches!(status, 429 | 500..) { Unusable::Silent(why) } else { Unusable::Refused(why) })
        }
        Err(Observed::ConnectFailed(why)) => Err(Unusable::Silent(format!(
            "cannot reach the object store at {origin}: {why}; is it running, and is diskless.s3.endpoint right?"
        ))),
        Err(observed) => {
            let why = describe(&observed);
            Err(Unusable::Silent(format!("the object store at {origin} does not answer: {why}")))
        }
    }
}

/// The advice for a refusal.
fn sentence(bucket: &str, origin: &str, region: &str, status: u16, refusal: &Refusal) -> String {
    let Refusal { code, message, region: right } = refusal;
    match (status, code.as_str()) {
        (404, "NoSuchBucket" | "") => {
            format!("there is no bucket {bucket} at {origin}: create it, or correct diskless.store")
        }
        (_, "InvalidAccessKeyId") => format!("{origin} does not know the access key: check AWS_ACCESS_KEY_ID"),
        (_, "SignatureDoesNotMatch") => {
            format!(
                "{origin} refuses the signature: check AWS_SECRET_ACCESS_KEY (and diskless.s3.region, now {region})"
            )
        }
        (_, "ExpiredToken" | "InvalidToken") => {
            format!("{origin} refuses the session token: renew the credentials (AWS_SESSION_TOKEN)")
        }
        (_, "RequestTimeTooSkewed") => {
            format!("{origin} refuses requests because this machine's clock is wrong: set it ({message})")
        }
        (301 | 307 | 400, _) if !right.is_empty() && right != region => {
            format!("the bucket {bucket} is in region {right}, not {region}: set diskless.s3.region={right}")
        }
        (301 | 307, _) => {
            format!("the bucket {bucket} is elsewhere: correct diskless.s3.endpoint and diskless.s3.region")
        }
        (401 | 403, _) => format!(
            "access to the bucket {bucket} at {origin} is denied: the credentials need to list, get, put and delete there ({code} {message})"
        ),
        _ => format!("the bucket {bucket} at {origin} is not usable: {status} {code} {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_names_what_to_do() {
        let advice = |status, code: &str, right: &str| {
            let refusal = Refusal { code: code.to_owned(), message: String::new(), region: right.to_owned() };
            sentence("birds", "http://store", "us-east-1", status, &refusal)
        };
        assert!(advice(404, "NoSuchBucket", "").contains("create it"));
        assert!(advice(403, "InvalidAccessKeyId", "").contains("AWS_ACCESS_KEY_ID"));
        assert!(advice(403, "SignatureDoesNotMatch", "").contains("AWS_SECRET_ACCESS_KEY"));
        assert!(advice(400, "ExpiredToken", "").contains("AWS_SESSION_TOKEN"));
        assert!(advice(403, "RequestTimeTooSkewed", "").contains("clock"));
        assert!(advice(301, "PermanentRedirect", "eu-west-1").contains("diskless.s3.region=eu-west-1"));
        assert!(advice(400, "AuthorizationHeaderMalformed", "eu-west-1").contains("diskless.s3.region=eu-west-1"));
        assert!(advice(403, "AccessDenied", "").contains("put and delete"));
        assert!(advice(500, "InternalError", "").contains("500"));
    }
}
