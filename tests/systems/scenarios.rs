//! What people rely on, told as scenarios on the demo.

use std::fs;

use runbook::demo::{Colour, Fault, FaultTarget, Switch};

use crate::bed::Bed;
use crate::run::{Outcome, Run, program, shipped};
use crate::witness::{Witness, saw_nothing};

fn bluegreen(bed: &Bed) -> Run<'_> {
    Run::of(&bed.home, "deploy-bluegreen.yml").input("version", "v1.1.0").input("soak", "1s").input("every", "200ms")
}

/// The demo's own target, with fewer visitors: everything runs at once here, on few processors.
pub(crate) fn quiet(bed: &Bed) -> String {
    let shipped = fs::read_to_string(shipped().join("targets/demo.yml")).expect("the demo's target");
    let (program, root) = (program().display(), bed.demo.paths().root().display());
    let visit = format!("  visit: [{program}, demo, --dir, {root}, visit, --rps, \"120\", --seconds, \"90\"]");
    let path = bed.home.path().join("quiet.yml");
    let asked = shipped.replace("min_samples: 59 ", "min_samples: 15 ").replace("min_samples: 598", "min_samples: 298");
    fs::write(&path, format!("{asked}commands:\n{visit}\n")).expect("written");
    path.display().to_string()
}

/// Number of starts of a colour since its demo was made.
fn instance(bed: &Bed, colour: Colour) -> Option<String> {
    bed.status().of(colour).instance.clone()
}

fn words(outcome: &Outcome) -> &str {
    &outcome.text
}

#[test]
#[ignore = "takes seconds; tests/run runs it"]
fn when_green_serves_blue_is_idle_and_green_is_never_stopped() {
    let bed = Bed::fresh();
    bed.route(Colour::Green);
    let green = instance(&bed, Colour::Green);
    let witness = Witness::of(&bed.ports.balancer_url(), 80);
    let outcome = bluegreen(&bed).answer("g").start().must_end(0);
    assert!(outcome.has_started("traffic/upstream"));
    let seen = witness.testify();
    saw_nothing(&seen);
    assert_eq!(bed.serving(), ("blue".into(), "v1.1.0".into()));
    assert_eq!(instance(&bed, Colour::Green), green, "the standby is the instance that served");
    assert!(seen["by_color"]["green"].as_u64() > Some(10) && seen["by_color"]["blue"].as_u64() > Some(10), "{seen:#}");
}

#[test]
#[ignore = "takes seconds; tests/run runs it"]
fn a_version_that_is_degraded_or_lies_never_gets_traffic() {
    for version in ["v1.1.9-degraded", "v1.1.13-lies", "v1.1.3-crash", "v1.1.16-wrong-color", "v1.1.1-err5"] {
        let bed = Bed::fresh();
        let before = bed.standing();
        let witness = Witness::of(&bed.ports.balancer_url(), 80);
        let outcome = bluegreen(&bed).input("version", version).answer("g").start().must_end(11);
        let seen = witness.testify();
        saw_nothing(&seen);
        assert_eq!(seen["by_color"]["green"].as_u64(), None, "{version}: {seen:#}");
        assert!(!outcome.has_started("traffic/upstream"), "{version}: {}", words(&outcome));
        assert_eq!(bed.standing(), before, "{version}");
    }
}

#[test]
fn a_configuration_that_disagrees_with_the_answers_stops_the_run_before_anything() {
    let bed = Bed::fresh();
    // Written by somebody and never loaded: the file says green, blue answers.
    bed.write_upstream(&[bed.ports.green]);
    let before = bed.standing();
    let outcome = bluegreen(&bed).answer("g").start().must_end(1);
    assert!(outcome.started().last().is_some_and(|path| path.ends_with("always.serving")), "{:?}", outcome.started());
    assert!(!outcome.has_started("start"), "{}", words(&outcome));
    assert_eq!(bed.standing(), before);
}

#[test]
fn two_colours_that_serve_at_once_stop_the_run_before_anything() {
    let bed = Bed::fresh();
    bed.write_upstream(&[bed.ports.blue, bed.ports.green]);
    bed.demo.reload().expect("loads");
    let before = bed.standing();
    bluegreen(&bed).answer("g").start().must_end(1);
    assert_eq!(bed.standing(), before);
}

#[test]
fn no_go_puts_the_idle_colour_back() {
    let bed = Bed::fresh();
    bed.replace(Colour::Green, "v0.9.0");
    let before = bed.standing();
    let outcome = bluegreen(&bed).answer("n").start().must_end(4);
    assert!(outcome.has_started("idle/start"), "{}", words(&outcome));
    assert_eq!(bed.standing(), before);
    assert_eq!(bed.serving(), ("blue".into(), "v1.0.0".into()));
}

#[test]
fn an_idle_colour_that_ran_nothing_runs_nothing_after_no_go() {
    let bed = Bed::fresh();
    bed.demo.stop(Colour::Green, None).expect("stops");
    let before = bed.standing();
    bluegreen(&bed).answer("n").start().must_end(4);
    assert_eq!(bed.standing(), before);
}

#[test]
fn rollback_to_a_standby_that_still_runs_the_version_only_moves_traffic() {
    let bed = Bed::fresh();
    bed.replace(Colour::Green, "v1.1.0");
    bed.route(Colour::Green);
    let blue = instance(&bed, Colour::Blue);
    let witness = Witness::of(&bed.ports.balancer_url(), 80);
    let outcome = Run::of(&bed.home, "rollback.yml").input("reason", "errors at checkout").answer("g").start();
    saw_nothing(&witness.testify());
    let outcome = outcome.must_end(0);
    assert!(!outcome.has_started("start/start"), "{}", words(&outcome));
    assert_eq!(instance(&bed, Colour::Blue), blue);
    assert_eq!(bed.serving(), ("blue".into(), "v1.0.0".into()));
    assert_eq!(bed.standing().green.as_deref(), Some("v1.1.0"), "the bad version is left for whoever looks into it");
}

#[test]
#[ignore = "takes seconds; tests/run runs it"]
fn rollback_to_a_version_that_runs_nowhere_starts_it_first() {
    let bed = Bed::fresh();
    bed.replace(Colour::Blue, "v1.1.0");
    bed.demo.stop(Colour::Green, None).expect("stops");
    let rollback = Run::of(&bed.home, "rollback.yml").input("reason", "errors at checkout");
    let witness = Witness::of(&bed.ports.balancer_url(), 80);
    let outcome = rollback.answer("g").start();
    saw_nothing(&witness.testify());
    assert!(outcome.must_end(0).has_started("start/start"));
    assert_eq!(bed.serving(), ("green".into(), "v1.0.0".into()));
}

#[test]
fn rollback_to_what_already_serves_changes_nothing() {
    let bed = Bed::fresh();
    let before = bed.standing();
    Run::of(&bed.home, "rollback.yml").input("reason", "a mistake").answer("g").start().must_end(1);
    assert_eq!(bed.standing(), before);
}

#[test]
#[ignore = "takes a minute; tests/run runs it"]
fn a_canary_that_holds_leaves_main_with_the_new_version_and_nobody_noticed() {
    let bed = Bed::fresh();
    let witness = Witness::of(&bed.ports.balancer_url(), 80);
    let canary = Run::of(&bed.home, "deploy-canary.yml").target(quiet(&bed)).input("version", "v1.1.0");
    let outcome = canary.answer("g").start();
    let seen = witness.testify();
    outcome.must_end(0);
    saw_nothing(&seen);
    let after = bed.standing();
    assert_eq!((after.blue.as_deref(), after.green.as_deref()), (Some("v1.1.0"), None));
    assert_eq!(bed.serving(), ("blue".into(), "v1.1.0".into()));
    assert!(
        seen["by_version"]["v1.0.0"].as_u64() > Some(10) && seen["by_version"]["v1.1.0"].as_u64() > Some(10),
        "{seen:#}"
    );
}

#[test]
#[ignore = "takes seconds; tests/run runs it"]
fn a_deployment_in_place_refuses_work_while_it_lasts_and_reopens() {
    let bed = Bed::fresh();
    let graceful = Run::of(&bed.home, "deploy-graceful.yml").target(quiet(&bed));
    graceful.input("version", "v1.1.0").answer("g").start().must_end(0);
    assert_eq!(bed.serving(), ("blue".into(), "v1.1.0".into()));
    assert_eq!(bed.through_balancer("/api/work").expect("answers").status, 200);
    assert!(!bed.demo.paths().maintenance_flag().exists());
}

#[test]
#[ignore = "takes seconds; tests/run runs it"]
fn a_reload_that_fails_leaves_file_and_traffic_as_they_were() {
    let bed = Bed::fresh();
    bed.demo.fault(Fault::BalReloadFails, FaultTarget::All, Switch::On, None).expect("switches");
    let before = bed.standing();
    let outcome = bluegreen(&bed).answer("g").start();
    assert!([11, 13].contains(&outcome.code), "{}", words(&outcome));
    assert_eq!(fs::read_to_string(bed.upstream()).expect("there"), before.upstream);
    assert_eq!(bed.serving(), ("blue".into(), "v1.0.0".into()));
}
