//! Words that stand in ordinary output: as secrets they are guessed at once, and masked they make output unreadable.

/// Defaults and examples, names of environments and of well-known programs, and words of every log.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "password", "passw0rd", "password1", "password123", "changeme", "change-me", "changeit", "letmein", "welcome1",
    "secret", "secrets", "topsecret", "supersecret", "token", "apikey", "api-key", "api_key", "default", "defaults", "example",
    "test1234", "testtest", "12345678", "123456789", "1234567890", "11111111", "00000000", "qwertyuiop", "admin123",
    "administrator", "postgres", "postgresql", "mysql", "redis", "rabbitmq", "elastic", "elasticsearch", "mongodb", "oracle",
    "production", "development", "staging", "preprod", "testing", "localhost", "localhost.localdomain", "127.0.0.1",
    "kubernetes", "kubernetes-admin", "cluster.local", "service_account", "authorized_user", "googleapis.com", "database",
    "username", "undefined", "disabled", "enabled", "required", "optional", "internal", "external", "running", "starting",
    "started", "stopping", "stopped", "finished", "completed", "complete", "success", "successful", "succeeded", "warning",
    "version", "release", "rollback", "deployment", "deploying", "deployed", "container", "containers", "service",
    "services", "connection", "connected", "timeout", "unknown", "healthy", "unhealthy", "available", "unavailable",
    "application", "application/json", "text/plain", "configuration", "certificate", "authorization", "authentication",
    "amazonaws.com", "us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "europe-west1",
    "https://accounts.google.com/o/oauth2/auth", "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v1/certs",
];

/// Whether this is a word that anybody would try first.
pub(crate) fn is_ordinary(text: &str) -> bool {
    WORDS.contains(&text.to_ascii_lowercase().as_str())
}

/// Why masking this secret would hide ordinary text, for people; none where it would not. The words do not tell what the
/// secret is.
pub(crate) fn complaint(secret: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(secret).ok()?;
    let mut letters: Vec<char> = text.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    if is_ordinary(text) {
        return Some("it is a word that stands in ordinary output, and one of the first that anybody would try");
    }
    if letters.len() <= 3 {
        return Some("it is made of three different characters or fewer, as rulers and numbers in ordinary output are");
    }
    let one_word = text.len() < 12 && text.bytes().all(|byte| byte.is_ascii_lowercase());
    one_word.then_some("it is short and all lower-case letters, as ordinary words are")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_words_are_complained_about_and_keys_are_not() {
        for word in ["Password", "production", "aaaaaaaaaa", "--------", "swordfish"] {
            assert!(complaint(word.as_bytes()).is_some(), "{word}");
        }
        for key in ["tr0ub4dor&3", "correct horse battery staple", "correcthorsebattery", "\u{1f511}4711-abcdef"] {
            assert_eq!(complaint(key.as_bytes()), None, "{key}");
        }
    }
}
