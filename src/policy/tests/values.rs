//! Placeholders and default passwords.

use crate::policy::{default_password, placeholder};

#[test]
fn a_value_nobody_filled_in_is_found() {
    let found = [
        ("[Configure in production]", "[Configure in production]"),
        ("<git-sha>", "<git-sha>"),
        ("mem0:<git-sha>", "<git-sha>"),
        ("backup_TIMESTAMP.sql", ""),
        ("backup TIMESTAMP", "TIMESTAMP"),
        ("vX.Y.Z", "vX.Y.Z"),
        ("CHANGEME", "CHANGEME"),
        ("https://CHANGE-ME.example.org/", "CHANGE-ME"),
        ("...", "..."),
        ("<your password>", "<your password>"),
        ("[Your name]", "[Your name]"),
    ];
    for (value, expected) in found {
        assert_eq!(placeholder(value).unwrap_or_default(), expected, "{value}");
    }
}

#[test]
fn values_that_only_look_like_one_are_left_alone() {
    for value in
        ["v1.2.3", "a < b and c > d", "[1, 2]", "[configured]", "waiting...", "TIMESTAMPS", "x.y.z", "<", "", "<1>"]
    {
        assert_eq!(placeholder(value), None, "{value}");
    }
}

#[test]
fn a_password_everybody_knows_is_found() {
    let found = [
        ("grafana_password", "admin"),
        ("DB_PASSWORD", "postgres"),
        ("secret", "changeme"),
        ("url", "postgres://app:password@db/x"),
        ("url", "http://admin:admin@grafana:3000"),
        ("login", "admin/admin"),
        ("login", "admin:admin"),
        ("command", "grafana-cli --password admin"),
        ("command", "PGPASSWORD=postgres psql"),
        ("command", "mysql --password=root"),
    ];
    for (key, value) in found {
        assert!(default_password(key, value).is_some(), "{key}: {value}");
    }
}

#[test]
fn other_values_are_no_passwords() {
    let harmless = [
        ("user", "admin"),
        ("password_file", "/run/secrets/db"),
        ("url", "http://localhost:8888/health"),
        ("url", "https://u:9f8a7s6d5f@db/x"),
        ("path", "/usr/share/postgres/test"),
        ("image", "redis:7"),
        ("password", "{{ inputs.password }}"),
        ("address", "127.0.0.1:8081"),
    ];
    for (key, value) in harmless {
        assert_eq!(default_password(key, value), None, "{key}: {value}");
    }
}
