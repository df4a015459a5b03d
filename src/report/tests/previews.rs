use super::plan;
use crate::report::{Look, PreviewStyle, preview};
use snapbox::{assert_data_eq, str};

#[test]
fn the_preview_says_what_will_happen() {
    let style = PreviewStyle {
        findings: Some("1 warning (runbook check runbooks/deploy-web.yml)".into()),
        ..PreviewStyle::default()
    };
    assert_data_eq!(
        preview(&plan(), &"9f2c41ab".repeat(8), &style),
        str![[r#"
Plan for deploy-web → prod     nothing was executed: 0 processes, 0 connections
  Deploy the web shop

phase preflight  Pre-flight checks (est. 15m)
  goal: nothing stands in the way
  effect   #  step                  what exactly                              if it fails
  read     1  disk                  $ df -B1 / | tail -1                      back out
  read     2  live                  GET https://api.prod.example/health/live  back out
                                    → 2xx
  ask      3  checkpoint            Put v1.42.0; rm -rf / live? (no answer    NO-GO: back out
                                    in 30m = NO-GO)
                                    ‹steps.live.colour› unknown until step 2

phase switch  Switch the traffic (est. 8m)
  effect   #  step                  what exactly                              if it fails
  change   4  upstream              file /etc/nginx/upstream.conf: write, 3   back out
                                    lines, mode 0644, then $ nginx -t && …
                                    back out: restore previous content, then $ nginx -t && nginx -s
                                    reload
                                    ‹steps.live.colour› unknown until step 2
              caches                for each item of 2 (a, b), 2 at a time
  change   5    warm                exec: warm ‹item› 'two words'             back out
                                    back out: exec: cool ‹item›
                                    ‹item› is different for each item
! change   7  migrate               $ ./migrate.sh --to 'v1.42.0; rm -rf /'   2 attempts, back out
                                    … 3 lines
                                    no back-out
  wait     8  soak                  wait 5m                                   back out

  inputs    version=v1.42.0; rm -rf / ← -i · db_url ← env DATABASE_URL (secret)
  target    prod
  files     runbooks/deploy-web.yml
  fails     back out (unless the step's row says otherwise); NO-GO: back out
  backing out takes back what was really done, last first:
             5  warm                  exec: cool ‹item›
             4  upstream              restore previous content, then $ nginx -t && nginx -s reload
  not taken back:
             7  migrate               no back-out
  on every exit path, at the end:
                flag_off              file /run/maintenance: remove

  1 warning (runbook check runbooks/deploy-web.yml)
Plan: 2 read, 4 change (1 irreversible), 1 ask, 1 wait · est. 23m
digest 9f2c41ab9f2c41ab9f2c41ab9f2c41ab9f2c41ab9f2c41ab9f2c41ab9f2c41ab

"#]]
    );
}

#[test]
fn the_full_preview_shows_whole_scripts_and_conditions() {
    let style = PreviewStyle { full: true, ..PreviewStyle::default() };
    assert_data_eq!(
        preview(&plan(), "9f2c", &style),
        str![[r#"
Plan for deploy-web → prod     nothing was executed: 0 processes, 0 connections
  Deploy the web shop

phase preflight  Pre-flight checks (est. 15m)
  goal: nothing stands in the way
  effect   #  step                  what exactly                              if it fails
  read     1  disk                  $ df -B1 / | tail -1                      back out
                                    at deploy.yml:10
                                    expect: exit == 0
  read     2  live                  GET https://api.prod.example/health/live  back out
                                    → 2xx
                                    at deploy.yml:11
                                    save: colour = json.colour
  ask      3  checkpoint            Put v1.42.0; rm -rf / live? (no answer    NO-GO: back out
                                    in 30m = NO-GO)
                                    ‹steps.live.colour› unknown until step 2
                                    at deploy.yml:12
                                    shows colour now: ‹steps.live.colour›

phase switch  Switch the traffic (est. 8m)
  effect   #  step                  what exactly                              if it fails
  change   4  upstream              file /etc/nginx/upstream.conf: write, 3   back out
                                    lines, mode 0644, then $ nginx -t &&
                                    nginx -s reload
                                    back out: restore previous content, then $ nginx -t && nginx -s
                                    reload
                                    ‹steps.live.colour› unknown until step 2
                                    at deploy.yml:16
              | upstream app {
              |   server ‹steps.live.colour›.local;
              | }
              caches                for each item of 2 (a, b), 2 at a time
  change   5    warm                exec: warm ‹item› 'two words'             back out
                                    back out: exec: cool ‹item›
                                    ‹item› is different for each item
                                    at deploy.yml:18
! change   7  migrate               $ ./migrate.sh --to 'v1.42.0; rm -rf /'   2 attempts, back out
                                    … 3 lines
                                    no back-out
                                    at deploy.yml:21
              | # one column
              | ./migrate.sh --to 'v1.42.0; rm -rf /'
              | ./check.sh
  wait     8  soak                  wait 5m                                   back out
                                    at deploy.yml:22

  inputs    version=v1.42.0; rm -rf / ← -i · db_url ← env DATABASE_URL (secret)
  target    prod
  files     runbooks/deploy-web.yml
  fails     back out (unless the step's row says otherwise); NO-GO: back out
  backing out takes back what was really done, last first:
             5  warm                  exec: cool ‹item›
             4  upstream              restore previous content, then $ nginx -t && nginx -s reload
  not taken back:
             7  migrate               no back-out
  on every exit path, at the end:
                flag_off              file /run/maintenance: remove

Plan: 2 read, 4 change (1 irreversible), 1 ask, 1 wait · est. 23m
digest 9f2c

"#]]
    );
}

#[test]
fn the_short_preview_fits_its_width() {
    for width in [60, 80, 100, 140] {
        let style = PreviewStyle { look: Look::plain(width), ..PreviewStyle::default() };
        for line in preview(&plan(), &"9f".repeat(20), &style).lines() {
            assert!(crate::report::look::columns(line) <= width, "{width}: {line}");
        }
    }
}

#[test]
fn no_secret_source_is_mistaken_for_a_value() {
    let shown = preview(&plan(), "9f", &PreviewStyle::default());
    assert!(shown.contains("db_url ← env DATABASE_URL (secret)"), "{shown}");
    assert!(!shown.contains("$secret"), "{shown}");
}
