//! Names that say they hold a secret.

/// How much a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// A password: whatever is written there is one.
    Says,
    /// A token: a number there is a count, not a token.
    SaysOfText,
    /// A key of some kind: short words there are names of keys.
    SaysOfKey,
}

/// Whether a variable of this name holds something nobody may see.
pub fn is_secret_name(name: &str) -> bool {
    strength(name).is_some()
}

pub(super) fn strength(name: &str) -> Option<Strength> {
    let words = words(name);
    let is = |list: &str, word: &str| list.split(' ').any(|known| known == word);
    let at = words.iter().rposition(|word| is(PASSWORDS, word) || is(TOKENS, word) || is(KEYS, word))?;
    if words[at + 1..].iter().any(|word| is(ABOUT, word)) {
        return None;
    }
    match &words[at] {
        word if is(PASSWORDS, word) => Some(Strength::Says),
        word if is(TOKENS, word) => Some(Strength::SaysOfText),
        // A key alone is the key of a mapping.
        _ if at == 0 || words[..at].iter().any(|word| is(OTHER_KEYS, word)) => None,
        _ => Some(Strength::SaysOfKey),
    }
}

const PASSWORDS: &str = "password passwords passwd passphrase pwd pass secret secrets";
const TOKENS: &str = "token tokens apikey credential credentials";
const KEYS: &str = "key keys";
/// Words behind them that make a name one about the secret rather than of it.
const ABOUT: &str = "file path dir name names url uri endpoint ttl type length len size min max policy ref arn expiry \
                     expires expiration timeout count enabled required header prefix suffix algorithm version field \
                     rotation manager store provider id hash format strength reset limit usage";
/// Words before `key` that make it another one.
const OTHER_KEYS: &str = "public pub primary foreign sort partition cache row hot short object unique composite lookup \
                          group join map dict index label config";

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
