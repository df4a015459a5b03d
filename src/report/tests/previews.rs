use super::plan;
use crate::report::{Look, PreviewStyle, preview};
use snapbox::{assert_data_eq, str};

#[test]
fn the_preview_says_what_will_happen() {
    let style = PreviewStyle { findings: Some("1 warning (runbook check runbooks/deploy-web.yml)".into()), ..PreviewStyle::plain() };
    assert_data_eq!(preview(&plan(), &"9f2c41ab".repeat(8), &style), str![]);
}

#[test]
fn the_full_preview_shows_whole_scripts_and_conditions() {
    let style = PreviewStyle { full: true, ..PreviewStyle::plain() };
    assert_data_eq!(preview(&plan(), "9f2c", &style), str![]);
}

#[test]
fn the_short_preview_fits_its_width() {
    for width in [60, 80, 100, 140] {
        let style = PreviewStyle { look: Look::plain(width), ..PreviewStyle::plain() };
        for line in preview(&plan(), &"9f".repeat(20), &style).lines() {
            assert!(crate::report::look::columns(line) <= width, "{width}: {line}");
        }
    }
}

#[test]
fn no_secret_source_is_mistaken_for_a_value() {
    let shown = preview(&plan(), "9f", &PreviewStyle::plain());
    assert!(shown.contains("db_url ← env DATABASE_URL (secret)"), "{shown}");
    assert!(!shown.contains("$secret"), "{shown}");
}
