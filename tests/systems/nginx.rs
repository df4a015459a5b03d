//! nginx before two processes: the same runbooks, with commands and files as a small host has them.

use crate::host::Host;
use crate::http::get;
use crate::run::{Outcome, Run};
use crate::witness::saw_nothing;

fn bluegreen(host: &Host) -> Run<'_> {
    host.run("deploy-bluegreen.yml").input("version", "v1.1.0").input("soak", "1s").input("every", "200ms")
}

fn was_switched(outcome: &Outcome) -> bool {
    outcome.has_started("traffic/upstream")
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn bluegreen_on_nginx_switches_and_nobody_notices() {
    let host = Host::fresh();
    let witness = host.witness();
    let outcome = bluegreen(&host).answer("g").start();
    let seen = witness.testify();
    assert!(was_switched(&outcome.must_end(0)));
    saw_nothing(&seen);
    assert_eq!(host.serving(), ("green".into(), "v1.1.0".into()));
    assert_eq!(host.runs("blue").as_deref(), Some("v1.0.0"), "the standby still runs");
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn rollback_on_nginx_goes_back_at_once_after_a_deployment() {
    let host = Host::fresh();
    let load = host.witness();
    bluegreen(&host).answer("g").start().must_end(0);
    saw_nothing(&load.testify());
    let witness = host.witness();
    let outcome = host.run("rollback.yml").input("reason", "errors at checkout").answer("g").start();
    let seen = witness.testify();
    assert!(!outcome.must_end(0).has_started("start/start"));
    saw_nothing(&seen);
    assert_eq!(host.serving(), ("blue".into(), "v1.0.0".into()));
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn a_deployment_in_place_on_nginx_reopens_with_the_new_version() {
    let host = Host::fresh();
    let _load = host.witness();
    host.run("deploy-graceful.yml").input("version", "v1.1.0").answer("g").start().must_end(0);
    assert_eq!(host.serving(), ("blue".into(), "v1.1.0".into()));
    assert_eq!(get(host.port, "/api/work").expect("answers").status, 200);
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn a_broken_include_of_somebody_else_stops_the_run_before_anything() {
    let host = Host::fresh();
    let upstream = host.upstream();
    host.break_another_include();
    let outcome = bluegreen(&host).answer("g").start().must_end(1);
    assert!(outcome.has_started("colours/loads") && !outcome.has_started("idle/stop"), "{}", outcome.text);
    host.is_as_before(&upstream);
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn an_include_that_breaks_while_the_run_waits_is_found_before_traffic_moves() {
    let host = Host::fresh();
    let upstream = host.upstream();
    let witness = host.witness();
    let outcome = bluegreen(&host).meanwhile(|| host.break_another_include()).answer("g").start();
    let seen = witness.testify();
    assert!(!was_switched(&outcome.must_end(11)));
    saw_nothing(&seen);
    host.is_as_before(&upstream);
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn an_app_that_crashes_at_start_is_taken_back() {
    let host = Host::fresh();
    let upstream = host.upstream();
    let witness = host.witness();
    let outcome = bluegreen(&host).input("version", "v1.1.3-crash").answer("g").start();
    let seen = witness.testify();
    assert!(!was_switched(&outcome.must_end(11)));
    saw_nothing(&seen);
    host.is_as_before(&upstream);
}
