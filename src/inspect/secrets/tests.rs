use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

static DETECTOR: LazyLock<Detector> = LazyLock::new(Detector::new);

/// `name: what` of everything on a line of this file.
fn found(file: &str, line: &str) -> Vec<String> {
    let finds = DETECTOR.line(line, Language::of(file));
    finds.into_iter().map(|find| format!("{}: {}", find.name.unwrap_or_default(), find.what)).collect()
}

#[test]
fn literal_values_of_names_that_say_what_they_hold_are_found() {
    for (file, line, name) in [
        (".env", "DB_PASSWORD=hunter2", "DB_PASSWORD"),
        (".env", "export API_TOKEN='abc def'", "API_TOKEN"),
        (".env", "PIN_PASSWORD=1234", "PIN_PASSWORD"),
        ("compose.yml", "      POSTGRES_PASSWORD: changeme", "POSTGRES_PASSWORD"),
        ("compose.yml", "  - GRAFANA_PASSWORD=admin", "GRAFANA_PASSWORD"),
        ("a.json", r#"{"user": "x", "client_secret": "s3cr3t"}"#, "client_secret"),
        ("a.py", "password = 'hunter2'", "password"),
        ("a.py", "    api_key: str = \"abcdef1\"", "api_key"),
        ("a.ts", "const stripeKey = `abcdef12`", "stripeKey"),
        ("a.rs", r#"let pwd = b"hunter2";"#, "pwd"),
        ("a.rb", ":password => 'hunter2'", "password"),
        ("a.go", r#"token := "abc""#, "token"),
        ("a.xml", "<db-password>hunter2</db-password>", "db-password"),
        ("Dockerfile", "ENV DB_PASSWORD hunter2", "DB_PASSWORD"),
        ("run.sh", "mysql --password hunter2", "password"),
        ("run.sh", "mysql --password=hunter2", "password"),
    ] {
        assert_eq!(found(file, line), [format!("{name}: a literal value")], "{line}");
    }
}

#[test]
fn a_default_inside_a_reference_is_as_hard_coded_as_a_value() {
    assert_eq!(found("compose.yml", "  PASSWORD: ${PASSWORD:-changeme}"), ["PASSWORD: a literal default value"]);
    assert_eq!(found("compose.yml", "  PASSWORD: \"${PASSWORD-changeme}\""), ["PASSWORD: a literal default value"]);
}

#[test]
fn references_placeholders_and_names_about_secrets_are_not() {
    for (file, line) in [
        (".env", "DB_PASSWORD="),
        (".env", "# the password goes here"),
        ("compose.yml", "  PASSWORD: ${PASSWORD}"),
        ("compose.yml", "  PASSWORD: ${PASSWORD:?Must set PASSWORD in .env}"),
        ("compose.yml", "  PASSWORD: \"${PASSWORD:-}\""),
        ("compose.yml", "  POSTGRES_PASSWORD_FILE: /run/secrets/db"),
        ("compose.yml", "  PASSWORD: /run/secrets/db"),
        ("compose.yml", "  secrets:"),
        ("compose.yml", "  secrets: [db]"),
        ("a.yml", "token: \"{{ inputs.token }}\""),
        ("a.yml", "password: <from the vault>"),
        ("a.yml", "password: '[Configure in production]'"),
        ("a.yml", "password: '********'"),
        ("a.yml", "max_tokens: 4096"),
        ("a.yml", "key: value"),
        ("a.yml", "primary_key: customer_id"),
        ("a.yml", "secret_name: app"),
        ("a.py", "password = os.environ['PASSWORD']"),
        ("a.py", "password = config.password"),
        ("a.py", "password: str"),
        ("a.ts", "const token = await getToken()"),
        ("a.ts", "if (password == \"\") {"),
        ("a.rs", "token::Token"),
        ("run.sh", "PASSWORD=$(cat /run/secrets/db)"),
        ("run.sh", "PASSWORD=`cat /run/secrets/db`"),
        ("a.yml", "image: app@sha256:9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"),
        ("package-lock.json", r#""integrity": "sha512-Ab3dEf7hIj1kLmN0pQr5tUv8xYz2Ab3dEf7hIj1kLmN0pQ==""#),
        ("a.yml", "path: /opt/App1/Releases2/Current3/Binaries4/Tools5"),
        ("a.txt", "123e4567-e89b-12d3-a456-426614174000"),
    ] {
        assert_eq!(found(file, line), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn known_forms_and_credentials_in_addresses_are_found_anywhere() {
    // Put together here, so that no such thing stands in this file.
    let made = |parts: &[&str]| parts.concat();
    let twenty = "A1b2C3d4E5f6G7h8I9j0";
    for (line, what) in [
        (made(&["-----BEGIN OPENSSH PRIVATE", " KEY-----"]), "a private key"),
        (made(&["-----BEGIN PRIVATE", " KEY-----"]), "a private key"),
        (made(&["aws: AK", "IAIOSFODNN7EXAMPLE"]), "an access key of AWS"),
        (made(&["gh", "p_", twenty, twenty]), "a token of GitHub"),
        (made(&["xox", "b-123456789012-abc"]), "a token of Slack"),
        (made(&["sk_", "live_", twenty]), "a key of Stripe"),
        (made(&["ey", "JhbGciOiJI.ey", "JzdWIiOiIx.c2lnbmF0dXJl"]), "a JSON web token"),
        ("postgres://app:hunter2@db/app".to_string(), "credentials in an address"),
        ("url: redis://:hunter2@cache:6379".to_string(), "credentials in an address"),
    ] {
        let finds = DETECTOR.line(&line, Language::Code);
        assert_eq!(finds.iter().map(|find| find.what).collect::<Vec<_>>(), [what], "{line}");
    }
    for line in ["postgres://app:${DB_PASSWORD}@db/app", "http://localhost:8080/a@b", "postgres://app@db/app"] {
        assert_eq!(found("a.txt", line), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn text_as_random_as_a_key_is_found_whatever_it_is_called() {
    let line = format!("salt: {}", ["q7Zt2Lk9", "Xw4Rb8Vn", "Pm3Jd6Hs", "Fy1C"].concat());
    assert_eq!(found("a.yml", &line), ["salt: a value as random as a key"]);
    assert_eq!(found("a.ts", "getElementsByTagNameNSOrSomethingElse()"), Vec::<String>::new());
}

#[test]
fn a_line_of_megabytes_is_judged_in_time() {
    let line = "a=Qq1Zz2Xx3Cc4Vv5Bb6Nn7Mm8Aa9,".repeat(50_000);
    // Looking back or ahead over the whole line at every name would take hours.
    assert!(!DETECTOR.line(&line, Language::Plain).is_empty());
}

proptest! {
    #[test]
    fn any_line_is_judged(line in "\\PC{0,80}") {
        let _ = (DETECTOR.line(&line, Language::Plain), DETECTOR.line(&line, Language::Code));
    }
}
