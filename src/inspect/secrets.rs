//! What looks like a secret: names and values.

/// Whether a variable of this name holds something nobody may see.
pub fn is_secret_name(name: &str) -> bool {
    let words: Vec<String> = words(name);
    let last_that_matters = words.iter().rposition(|word| SECRET_WORDS.contains(&word.as_str()));
    last_that_matters.is_some_and(|at| !words[at + 1..].iter().any(|word| ABOUT_IT.contains(&word.as_str())))
}

/// Words that name a secret.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secrets",
    "token",
    "tokens",
    "key",
    "keys",
    "apikey",
    "credential",
    "credentials",
    "auth",
];

/// Words behind them that turn the name into one about the secret rather than of it.
const ABOUT_IT: &[&str] = &[
    "file",
    "path",
    "dir",
    "name",
    "url",
    "uri",
    "ttl",
    "type",
    "length",
    "min",
    "max",
    "policy",
    "ref",
    "arn",
    "expiry",
    "expires",
    "timeout",
    "count",
    "enabled",
    "required",
    "header",
    "prefix",
    "algorithm",
    "version",
];

/// `API_KEY`, `api-key` and `apiKey` as `api`, `key`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && small) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        small = letter.is_lowercase() || letter.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}
