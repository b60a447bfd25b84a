//! Whose requests these are: from the environment or a profile file, by AWS's own names.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its id.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// The token of a temporary key.
    pub session_token: Option<String>,
}

/// Never shows the secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";
const FILE: &str = "AWS_SHARED_CREDENTIALS_FILE";
const PROFILE: &str = "AWS_PROFILE";

impl Credentials {
    /// Looks at the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), then at the
    /// profile file (`AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`; `AWS_PROFILE`, else `default`). The
    /// error is a sentence that names what is missing.
    pub fn find(environment: impl Fn(&str) -> Option<String>) -> Result<Credentials, String> {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        match (set(ID), set(SECRET)) {
            (Some(access_key), Some(secret_key)) => {
                return Ok(Credentials { access_key, secret_key, session_token: set(TOKEN) });
            }
            (Some(_), None) => return Err(format!("{ID} is set, but {SECRET} is not")),
            (None, Some(_)) => return Err(format!("{SECRET} is set, but {ID} is not")),
            (None, None) => {}
        }
        let profile = set(PROFILE).unwrap_or_else(|| "default".to_owned());
        let home = || set("HOME").map(|home| Path::new(&home).join(".aws").join("credentials"));
        let Some(path) = set(FILE).map(PathBuf::from).or_else(home) else {
            return Err(format!("no credentials for the bucket: set {ID} and {SECRET}"));
        };
        let shown = path.display();
        match fs::read_to_string(&path) {
            Ok(text) => from_profile(&text, &profile).map_err(|why| format!("{why} of {shown}")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(format!("no credentials for the bucket: set {ID} and {SECRET}, or write a profile to {shown}"))
            }
            Err(error) => Err(format!("no credentials for the bucket: cannot read {shown}: {error}")),
        }
    }
}

fn from_profile(text: &str, profile: &str) -> Result<Credentials, String> {
    let (mut found, mut inside) = (false, false);
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = name.trim() == profile;
            found |= inside;
        } else if inside && let Some((name, value)) = line.split_once('=') {
            let value = Some(value.trim().to_owned());
            match name.trim() {
                "aws_access_key_id" => id = value,
                "aws_secret_access_key" => secret = value,
                "aws_session_token" => token = value,
                _ => {}
            }
        }
    }
    match (found, id, secret) {
        (false, ..) => Err(format!("there is no profile [{profile}]")),
        (_, Some(access_key), Some(secret_key)) => Ok(Credentials { access_key, secret_key, session_token: token }),
        (_, None, _) => Err(format!("aws_access_key_id is missing in profile [{profile}]")),
        (_, _, None) => Err(format!("aws_secret_access_key is missing in profile [{profile}]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)]) -> Result<Credentials, String> {
        let owned: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Credentials::find(|name| owned.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()))
    }

    #[test]
    fn the_environment_comes_first() {
        let found = find(&[(ID, "id"), (SECRET, "secret"), (TOKEN, "token"), (FILE, "/nonexistent")]).expect("all set");
        assert_eq!((found.access_key.as_str(), found.session_token.as_deref()), ("id", Some("token")));
        assert!(!format!("{found:?}").contains("secret"));
        assert!(find(&[(ID, "id")]).expect_err("half").contains(SECRET));
        assert!(find(&[(SECRET, "s")]).expect_err("half").contains(ID));
    }

    #[test]
    fn a_profile_file_is_read() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("credentials");
        let text =
            "[default]\naws_access_key_id = one\naws_secret_access_key=two\n\n[other]\naws_access_key_id=three\n";
        fs::write(&path, text).expect("a small file");
        let path = path.to_str().expect("text");
        let found = find(&[(FILE, path)]).expect("a whole profile");
        assert_eq!((found.access_key.as_str(), found.secret_key.as_str()), ("one", "two"));
        assert!(find(&[(FILE, path), (PROFILE, "other")]).expect_err("half").contains("aws_secret_access_key"));
        assert!(find(&[(FILE, path), (PROFILE, "none")]).expect_err("none").contains("[none]"));
        assert!(find(&[(FILE, "/nonexistent")]).expect_err("no file").contains(ID));
        assert!(find(&[]).expect_err("nothing").contains(SECRET));
    }
}
