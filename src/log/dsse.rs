//! DSSE envelopes with in-toto statements: how a run is shown to tools that know nothing of its log.

use serde_json::{Map, Value, json};

use super::keys::PublicKey;
use super::secret::SecretKey;
use super::signer::Signer as _;
use super::sum::Sha256Sum;
use super::wire::{self, FormatError};

/// The payload type of every in-toto statement.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// What the predicate of a run is called; a name, not an address.
pub const PREDICATE_TYPE: &str = "https://runbook.dev/attestation/run/v1";

/// An in-toto statement: these files, and this is said about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// File names with their sums.
    pub subjects: Vec<(String, Sha256Sum)>,
    /// What is said.
    pub predicate: Map<String, Value>,
}

/// A statement somebody signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Attestation {
    /// What was signed.
    pub statement: Statement,
    /// By whom; whether that key counts is not asked here.
    pub key: PublicKey,
}

impl Statement {
    /// Signs the statement: the text of a DSSE envelope. Its `keyid` is the public key as OpenSSH writes it. DSSE wants
    /// the bare signature, which `ssh-keygen` does not give, so the key itself must be at hand.
    pub fn sign(&self, key: &SecretKey) -> String {
        let payload = self.json().to_string();
        let sig = key.sign_bytes(&pae(PAYLOAD_TYPE, payload.as_bytes()));
        let envelope = json!({
            "payloadType": PAYLOAD_TYPE,
            "payload": wire::base64(payload.as_bytes()),
            "signatures": [{ "keyid": key.public_key().to_line(), "sig": wire::base64(&sig) }],
        });
        format!("{envelope:#}\n")
    }

    fn json(&self) -> Value {
        let subject = |(name, sum): &(String, Sha256Sum)| json!({"name": name, "digest": {"sha256": sum.to_string()}});
        json!({
            "_type": STATEMENT_TYPE,
            "subject": self.subjects.iter().map(subject).collect::<Vec<_>>(),
            "predicateType": PREDICATE_TYPE,
            "predicate": self.predicate,
        })
    }

    fn parse(payload: &[u8]) -> Result<Statement, FormatError> {
        let value: Value = serde_json::from_slice(payload).map_err(|e| FormatError::new(e.to_string()))?;
        if value["_type"] != STATEMENT_TYPE || value["predicateType"] != PREDICATE_TYPE {
            return Err(FormatError::new("it is no statement about a run of this version"));
        }
        let subject = |subject: &Value| {
            let sum = Sha256Sum::from_hex(subject["digest"]["sha256"].as_str()?)?;
            Some((subject["name"].as_str()?.to_string(), sum))
        };
        let subjects: Option<Vec<_>> = value["subject"].as_array().into_iter().flatten().map(subject).collect();
        let subjects = subjects.filter(|subjects| !subjects.is_empty());
        let subjects = subjects.ok_or_else(|| FormatError::new("a subject has no name and SHA-256"))?;
        Ok(Statement { subjects, predicate: value["predicate"].as_object().cloned().unwrap_or_default() })
    }
}

impl Attestation {
    /// Reads an envelope and checks its signature.
    ///
    /// # Errors
    /// When it has another form or the signature does not fit.
    pub fn parse(text: &str) -> Result<Attestation, FormatError> {
        let envelope: Value = serde_json::from_str(text).map_err(|e| FormatError::new(e.to_string()))?;
        let field = |value: &Value, name: &str| {
            let text = value[name].as_str().map(str::to_string);
            text.ok_or_else(|| FormatError::new(format!("it has no '{name}'")))
        };
        let kind = field(&envelope, "payloadType")?;
        if kind != PAYLOAD_TYPE {
            return Err(FormatError::new(format!("its payload is '{}', not {PAYLOAD_TYPE}", kind.escape_debug())));
        }
        let payload = wire::unbase64(&field(&envelope, "payload")?)?;
        let signature = &envelope["signatures"][0];
        let key = PublicKey::parse_line(&field(signature, "keyid")?)?;
        let sig = wire::unbase64(&field(signature, "sig")?)?;
        let sig: [u8; 64] = sig.try_into().map_err(|_| FormatError::new("its signature is not 64 bytes long"))?;
        // Verified before it is parsed, as DSSE asks.
        if !key.verifies(&pae(&kind, &payload), &sig) {
            return Err(FormatError::new("its signature is not valid for its payload"));
        }
        Ok(Attestation { statement: Statement::parse(&payload)?, key })
    }
}

/// The bytes DSSE signs: type and payload with their lengths.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Statement {
        let predicate = json!({"verdict": "COMPLETE"}).as_object().cloned().unwrap_or_default();
        Statement { subjects: vec![("run.jsonl".into(), Sha256Sum::of(b"log"))], predicate }
    }

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn an_attestation_survives_and_any_change_of_it_does_not() {
        let key = SecretKey::from_seed(&[1; 32]);
        let text = statement().sign(&key);
        let read = Attestation::parse(&text).unwrap();
        assert_eq!((read.statement, read.key), (statement(), key.public_key()));

        let mut other = statement();
        other.predicate.insert("verdict".into(), "TAMPERED".into());
        let others = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let mut swapped = others(&text);
        swapped["payload"] = others(&other.sign(&key))["payload"].clone();
        assert_eq!(
            Attestation::parse(&swapped.to_string()).unwrap_err().to_string(),
            "its signature is not valid for its payload"
        );
        let mut swapped = others(&text);
        swapped["payloadType"] = "text/plain".into();
        assert_eq!(
            Attestation::parse(&swapped.to_string()).unwrap_err().to_string(),
            "its payload is 'text/plain', not application/vnd.in-toto+json"
        );
    }
}
