//! SSHSIG: one spelling, strict checks.

use super::*;

fn signed() -> SshSig {
    SshSig::sign(&alice(), NAMESPACE, &Sha256Sum::of(b"message")).unwrap()
}

#[test]
fn a_signature_survives_its_armor_and_fits_only_its_message() {
    let sig = SshSig::parse(&signed().to_armor()).unwrap();
    assert_eq!(sig, signed());
    assert_eq!(sig.verify_message(NAMESPACE, b"message"), Ok(()));
    assert_eq!(sig.verify_sum(NAMESPACE, &Sha256Sum::of(b"message")), Ok(()));
    assert!(sig.verify_message(NAMESPACE, b"massage").is_err());
    assert!(sig.verify_message(APPROVAL_NAMESPACE, b"message").unwrap_err().to_string().contains("namespace is"));
}

#[test]
fn another_spelling_of_the_same_signature_is_refused() {
    let armor = signed().to_armor();
    let unwrapped = armor.replacen("\nU1NIU0lHAAAAAQ", "\nU1NIU0lH\nAAAAAQ", 1);
    for (text, message) in [
        (armor.replace('\n', "\r\n"), "does not begin"),
        (format!("{armor}\n"), "does not end"),
        (format!(" {armor}"), "does not begin"),
        (unwrapped, "not in the canonical form"),
        (armor.replacen("SSH SIGNATURE", "PGP SIGNATURE", 2), "does not begin"),
    ] {
        let error = SshSig::parse(&text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn every_changed_bit_of_the_blob_is_refused() {
    let blob = wire::unarmor("SSH SIGNATURE", &signed().to_armor()).unwrap();
    for place in 0..blob.len() {
        for bit in 0..8 {
            let mut changed = blob.clone();
            changed[place] ^= 1 << bit;
            let good = SshSig::parse(&wire::armor("SSH SIGNATURE", &changed))
                .is_ok_and(|sig| sig.key == alice().public_key() && sig.verify_message(NAMESPACE, b"message").is_ok());
            assert!(!good, "byte {place} bit {bit}");
        }
    }
    let longer = [blob, vec![0]].concat();
    assert!(SshSig::parse(&wire::armor("SSH SIGNATURE", &longer)).unwrap_err().to_string().contains("trailing"));
}

#[test]
fn a_key_of_small_order_verifies_nothing() {
    // The neutral element signs every message for a verifier that does not look.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(!PublicKey::ed25519(&neutral).verifies(b"anything", &signature));
}
