//! Forty secrets that nobody uses, the same in every run of the tests: of all lengths and shapes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// A secret and what it is like.
pub(crate) struct Canary {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A generator whose numbers depend on the seed alone.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 32) as u8).collect()
    }

    pub(crate) fn text(&mut self, alphabet: &str, count: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..count).map(|_| letters[self.below(letters.len())]).collect()
    }
}

const LETTERS: &str = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const MARKS: &str = "abcdefghijkmnpqrstuvwxyz23456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ";
const FOREIGN: &str = "äöüßéèñçøåžščřабвгдежзийλμπ日本語漢字🔑🗝️한국어";

/// Forty of them, from 8 characters to 4096.
pub(crate) fn canaries() -> Vec<Canary> {
    let mut dice = Dice::new(4711);
    let mut all = Vec::new();
    let mut add = |name: String, value: String| all.push(Canary { name, value });
    for length in [8, 12, 20, 32, 64, 128, 512, 4096] {
        add(format!("letters_{length}"), dice.text(LETTERS, length));
    }
    for length in [8, 16, 40, 200, 1000] {
        // Blanks at the ends are no part of a secret that anybody could copy.
        let middle = dice.text(MARKS, length - 2);
        add(format!("marks_{length}"), format!("K{middle}q"));
    }
    for length in [8, 24, 100] {
        add(format!("foreign_{length}"), dice.text(FOREIGN, length));
    }
    for length in [16, 32, 48] {
        let bytes = dice.bytes(length);
        add(format!("hex_{length}"), bytes.iter().map(|byte| format!("{byte:02x}")).collect());
        let bytes = dice.bytes(length);
        add(format!("base64_{length}"), STANDARD.encode(&bytes));
        add(format!("base64url_{length}"), URL_SAFE_NO_PAD.encode(&bytes[1..]));
    }
    for length in [120, 600, 1190, 2300] {
        let body = STANDARD.encode(dice.bytes(length));
        let lines: Vec<String> =
            body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        let lines = lines.join("\n");
        add(format!("pem_{length}"), format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----"));
    }
    for number in 0..3 {
        let (key, pass) = (dice.text(LETTERS, 40), dice.text(MARKS, 18).replace(' ', "_"));
        let json = serde_json::json!({ "id": dice.text(LETTERS, 12), "key": key, "list": [format!("p{pass}w"), true] });
        let json = if number == 0 { json.to_string() } else { format!("{json:#}") };
        add(format!("json_{number}"), json);
    }
    for number in 0..3 {
        let (key, token) = (dice.text(LETTERS, 30), dice.text(LETTERS, 16));
        add(format!("yaml_{number}"), format!("clusters:\n  - token: {token}\n    inner: {{ key: \"{key}\" }}\n"));
    }
    for number in 0..2 {
        let (first, second) = (dice.text(LETTERS, 22), dice.text(LETTERS, 33));
        add(format!("lines_{number}"), format!("FIRST_KEY={first}\nexport SECOND_KEY='{second}'"));
    }
    add("address".into(), format!("postgres://app:{}@db.example:5432/app", dice.text(LETTERS, 24)));
    add("bearer".into(), format!("Bearer {}", dice.text(LETTERS, 60)));
    add("quotes".into(), format!("it's \"{}\" `or` $not\\", dice.text(LETTERS, 10)));
    assert_eq!(all.len(), 40);
    all
}
