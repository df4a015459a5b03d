//! Checkpoints that take more than one word.

use super::book::*;
use super::dialogue::{Run, signature};
use crate::machine::event::{Answer, Event, Signed};
use crate::machine::{Backing, Input, accept, apply, next, phrase_typed, standing};
use crate::plan::model::Gate;
use crate::runbook::model::OnFailure;
use serde_json::Map;

const LEADS: &[(&str, u32, &[&str])] = &[("lead", 2, &["ann", "li", "mo", "bob"])];

fn leads() -> Run {
    asked(gate(LEADS, None, None))
}

fn asked(gate: Gate) -> Run {
    let mut run = Run::of(Book::new(vec![gated("c", gate), step("b")]));
    assert_eq!(run.said(), "ask checkpoint p.c");
    run
}

#[test]
fn all_quorums_together_are_a_go() {
    let mut run = leads();
    assert_eq!(run.signed("p.c", Answer::Go, "li", Some("lead")), "");
    let standing = standing(&run.state, run.state.questions()[0]);
    assert_eq!((standing[0].needed, &standing[0].given[..]), (2, &["li".to_string()][..]));
    assert_eq!(standing[0].could, ["mo", "bob"]);
    assert_eq!(run.signed("p.c", Answer::Go, "mo", None), "pass p.c, start p.b");
    let reason = run.state.inst("p.c").unwrap().reason.clone();
    assert_eq!(reason.as_deref(), Some("GO: li (lead), mo (lead)"));
}

#[test]
fn each_role_needs_its_own_people_and_a_person_counts_once() {
    let mut run = asked(gate(&[("dba", 1, &["li", "mo"]), ("lead", 1, &["li", "xu"])], None, None));
    assert_eq!(
        run.signed("p.c", Answer::Go, "li", None),
        "refuse p.c: they hold more than one of the roles and did not say which is meant"
    );
    assert_eq!(run.signed("p.c", Answer::Go, "li", Some("dba")), "");
    assert_eq!(run.signed("p.c", Answer::Go, "li", Some("lead")), "refuse p.c: the same person has said GO already");
    assert_eq!(run.signed("p.c", Answer::Go, "mo", Some("lead")), "refuse p.c: they do not hold the role");
    assert_eq!(run.signed("p.c", Answer::Go, "mo", Some("dba")), "");
    assert_eq!(run.signed("p.c", Answer::Go, "xu", Some("lead")), "pass p.c, start p.b");
}

#[test]
fn one_key_under_two_names_counts_once() {
    let mut run = leads();
    run.signed("p.c", Answer::Go, "li", None);
    let again = Backing { given_us: Some(0), ..signature("li") };
    assert_eq!(run.answered_by("p.c", Answer::Go, "mo", again), "refuse p.c: the same person has said GO already");
}

#[test]
fn whoever_drives_the_run_does_not_count_by_name_or_by_key() {
    let refused = "refuse p.c: whoever drives the run, or drove it, does not count";
    let mut run = leads();
    assert_eq!(run.answer("p.c", Answer::Go), refused);
    assert_eq!(run.signed("p.c", Answer::Go, "ann", Some("lead")), refused);
    let borrowed = Backing { given_us: Some(0), ..signature("ann") };
    assert_eq!(run.answered_by("p.c", Answer::Go, "li", borrowed), refused);
}

#[test]
fn whoever_drove_it_before_or_takes_it_over_later_does_not_count_either() {
    let mut run = leads();
    run.signed("p.c", Answer::Go, "li", None);
    run.nobody();
    assert_eq!(run.resumed_by("li", None), "resume []");
    assert_eq!(run.signed("p.c", Answer::Go, "mo", None), "", "the GO of li does not count any more");
    let gone = "refuse p.c: whoever drives the run, or drove it, does not count";
    assert_eq!(run.signed("p.c", Answer::Go, "ann", Some("lead")), gone);
    assert_eq!(run.signed("p.c", Answer::Go, "bob", None), "pass p.c, start p.b");
}

#[test]
fn a_no_of_anybody_entitled_or_of_the_operator_ends_it() {
    let mut by_lead = leads();
    by_lead.signed("p.c", Answer::Go, "li", None);
    assert_eq!(by_lead.signed("p.c", Answer::NoGo, "mo", None), "turn always, end no_go");
    let mut by_operator = leads();
    assert_eq!(by_operator.answer("p.c", Answer::NoGo), "turn always, end no_go");
    let mut by_changed_mind = leads();
    by_changed_mind.signed("p.c", Answer::Go, "li", None);
    assert_eq!(by_changed_mind.signed("p.c", Answer::NoGo, "li", None), "turn always, end no_go");
    let mut by_stranger = leads();
    assert_eq!(by_stranger.signed("p.c", Answer::NoGo, "eve", None), "refuse p.c: they do not hold the role");
}

#[test]
fn a_word_without_a_signature_or_a_time_counts_for_no_role() {
    let mut run = leads();
    let words = "refuse p.c: it is not signed, or does not say when it was given";
    assert_eq!(run.answered_by("p.c", Answer::Go, "li", Backing::default()), words);
    assert_eq!(run.answered_by("p.c", Answer::Go, "li", signature("li")), words);
}

#[test]
fn a_go_that_gets_too_old_does_not_count_when_the_rest_arrives() {
    let mut run = asked(gate(LEADS, None, Some("10m")));
    run.signed("p.c", Answer::Go, "li", None);
    assert_eq!(run.state.deadlines().1, Some(600_000_000));
    assert_eq!(run.seconds(599), "");
    assert_eq!(run.seconds(1), "lapse p.c of li");
    assert_eq!(run.signed("p.c", Answer::Go, "mo", None), "");
    assert_eq!(run.signed("p.c", Answer::Go, "li", None), "pass p.c, start p.b");
}

#[test]
fn what_was_given_too_long_ago_or_in_the_future_lapses_as_it_arrives() {
    let mut run = asked(gate(LEADS, None, Some("10m")));
    run.seconds(3600);
    let given = |us: i64| Backing { given_us: Some(us), ..signature("li") };
    assert_eq!(run.answered_by("p.c", Answer::Go, "li", given(0)), "lapse p.c of li");
    assert_eq!(run.answered_by("p.c", Answer::Go, "li", given(7_200_000_000)), "lapse p.c of li");
    assert_eq!(run.answered_by("p.c", Answer::Go, "li", given(3_100_000_000)), "");
}

#[test]
fn a_phrase_is_compared_byte_by_byte_and_three_wrong_ones_are_a_no() {
    let phrase = || asked(gate(&[], Some("deploy fully"), None));
    assert_eq!(phrase().types("p.c", "ann", "deploy fully"), "pass p.c, start p.b");
    let mut run = phrase();
    let wrong = "refuse p.c: that was not the phrase";
    assert_eq!(run.types("p.c", "ann", "Deploy fully"), wrong);
    assert_eq!(run.types("p.c", "ann", "deploy fully "), wrong);
    assert_eq!(run.types("p.c", "ann", "deploy  fully"), format!("{wrong}, turn always, end no_go"));
    let kept = serde_json::to_string(&run.log).unwrap();
    assert!(!kept.contains("deploy  fully") && !kept.contains("Deploy"), "{kept}");
}

#[test]
fn only_whoever_drives_the_run_can_type_the_phrase_and_no_signature_stands_for_it() {
    let mut run = asked(gate(&[], Some("deploy fully"), None));
    let needed = "refuse p.c: the phrase must be typed where the run is driven";
    assert_eq!(run.answer("p.c", Answer::Go), needed);
    assert_eq!(run.types("p.c", "eve", "deploy fully"), needed);
    assert_eq!(run.signed("p.c", Answer::Go, "li", None), needed);
    assert_eq!(run.types("p.c", "ann", "deploy fully"), "pass p.c, start p.b");
}

#[test]
fn with_roles_and_a_phrase_both_are_needed_in_any_order() {
    let both = || asked(gate(&[("lead", 1, &["li"])], Some("deploy"), None));
    let mut phrase_first = both();
    assert_eq!(phrase_first.types("p.c", "ann", "deploy"), "");
    assert!(phrase_typed(&phrase_first.state, "p.c"));
    assert_eq!(phrase_first.types("p.c", "ann", "deploy"), "refuse p.c: the same person has said GO already");
    assert_eq!(phrase_first.signed("p.c", Answer::Go, "li", None), "pass p.c, start p.b");
    let mut role_first = both();
    assert_eq!(role_first.signed("p.c", Answer::Go, "li", None), "");
    assert_eq!(role_first.types("p.c", "ann", "deploy"), "pass p.c, start p.b");
}

#[test]
fn a_reference_that_is_required_comes_with_each_approval() {
    let mut run = asked(Gate { reference: true, ..gate(&[("lead", 1, &["li"])], Some("deploy"), None) });
    assert_eq!(run.types("p.c", "ann", "deploy"), "", "the phrase is no approval");
    let bare = Backing { given_us: Some(0), reference: Some("  ".into()), ..signature("li") };
    assert_eq!(
        run.answered_by("p.c", Answer::Go, "li", bare),
        "refuse p.c: it does not say where else it is written down"
    );
    let named = Backing { given_us: Some(0), reference: Some("CHG-7".into()), ..signature("li") };
    assert_eq!(run.answered_by("p.c", Answer::Go, "li", named), "pass p.c, start p.b");
    let mut plain = asked(Gate { reference: true, ..Gate::default() });
    assert_eq!(plain.answer("p.c", Answer::Go), "refuse p.c: it does not say where else it is written down");
}

#[test]
fn nobody_says_go_over_red() {
    let steps = || vec![step("a").read().on_failure(OnFailure::Continue), checkpoint("c", None), step("b")];
    let mut run = Run::of(Book::new(steps()));
    run.fails("p.a");
    assert_eq!(run.state.questions()[0].red, ["p.a fail: exit 1"]);
    assert_eq!(run.answer("p.c", Answer::Go), "refuse p.c: nobody may say GO over red: p.a fail: exit 1");
    assert_eq!(run.signed("p.c", Answer::Go, "li", None), "refuse p.c: nobody may say GO over red: p.a fail: exit 1");
    assert_eq!(run.answer("p.c", Answer::NoGo), "turn always, end no_go");
    let mut soft = Run::of(Book::new(vec![step("a").read().warn(), checkpoint("c", None), step("b")]));
    soft.fails("p.a");
    assert_eq!(soft.answer("p.c", Answer::Go), "start p.b");
}

#[test]
fn a_checkpoint_in_a_phase_of_its_own_speaks_for_the_phase_before() {
    let soft = step("a").read().on_failure(OnFailure::Continue);
    let book = Book::new(vec![soft]).phase("go", vec![checkpoint("c", None)]).phase("q", vec![step("b")]);
    let mut run = Run::of(book.phase("r", vec![checkpoint("d", None)]));
    run.fails("p.a");
    assert!(run.answer("go.c", Answer::Go).starts_with("refuse go.c: nobody may say GO over red"));
}

#[test]
fn a_checkpoint_before_anything_was_done_in_its_phase_speaks_for_the_phase_before() {
    let soft = || step("a").read().on_failure(OnFailure::Continue);
    let nested = Book::new(vec![soft()]).phase("go", vec![seq("deep", vec![checkpoint("c", None)]), wait("w", "1m")]);
    let first = Book::new(vec![soft()]).phase("go", vec![seq("deep", vec![checkpoint("c", None), step("b")])]);
    for book in [nested, first] {
        let mut run = Run::of(book.phase("q", vec![step("d")]));
        run.fails("p.a");
        assert!(run.answer("go.deep.c", Answer::Go).starts_with("refuse go.deep.c: nobody may say GO over red"));
    }
}

#[test]
fn what_turns_red_beside_an_open_checkpoint_closes_it() {
    let gate = gate(&[("lead", 1, &["li"])], Some("deploy"), None);
    let group = parallel("g", vec![step("a").read().on_failure(OnFailure::Continue), gated("c", gate)]);
    let mut run = Run::of(Book::new(vec![group, step("b")]));
    run.said();
    assert_eq!(run.signed("p.g.c", Answer::Go, "li", None), "");
    run.fails("p.g.a");
    assert!(run.types("p.g.c", "ann", "deploy").starts_with("refuse p.g.c: nobody may say GO over red"));
}

#[test]
fn a_signed_go_of_somebody_else_is_enough_where_nothing_more_is_asked_for() {
    let mut run = Run::of(Book::new(vec![checkpoint("c", None), step("b")]));
    run.said();
    assert!(run.signed("p.c", Answer::Go, "ann", None).starts_with("refuse p.c: whoever drives the run"));
    assert_eq!(run.signed("p.c", Answer::Go, "li", None), "start p.b");
}

#[test]
fn facts_that_break_a_rule_are_illegal() {
    let run = leads();
    let answered = |by: &str, key: &str| Event::Answered {
        path: "p.c".into(),
        answer: Answer::Go,
        by: by.into(),
        reason: None,
        evidence: Map::new(),
        role: Some("lead".into()),
        reference: None,
        given_us: Some(0),
        signed: Some(Signed { key: key.into(), statement: String::new(), sig: String::new(), nonce: String::new() }),
    };
    let passed = Event::StepFinished {
        path: "p.c".into(),
        verdict: crate::machine::event::Verdict::Pass,
        reason: None,
        then: None,
        saved: Map::new(),
    };
    for event in [answered("ann", "SHA256:x"), answered("li", "SHA256:ann"), answered("eve", "SHA256:eve"), passed] {
        assert!(apply(&mut run.state.clone(), &event).is_err(), "{event:?}");
    }
    assert!(apply(&mut run.state.clone(), &answered("li", "SHA256:li")).is_ok());
}

#[test]
fn a_refusal_from_outside_is_a_fact_while_the_question_is_open() {
    let run = leads();
    let why = || crate::machine::event::Refusal::Bad("the signature is not good".into());
    let input = || Input::Refused { path: "p.c".into(), by: "eve".into(), why: why() };
    let event = accept(&run.state, input()).unwrap();
    let mut state = run.state.clone();
    apply(&mut state, &event).unwrap();
    assert!(next(&state, Default::default()).is_none() && state.questions().len() == 1);
    let mut over = leads();
    over.answer("p.c", Answer::NoGo);
    assert!(accept(&over.state, input()).is_none());
}

#[test]
fn a_changed_plan_asks_everybody_again() {
    let mut run = leads();
    run.signed("p.c", Answer::Go, "li", None);
    let plan = Book::new(vec![gated("c", gate(LEADS, None, None)), step("other")]).plan();
    let turned = crate::machine::rebase(&run.state, std::sync::Arc::new(plan)).unwrap();
    assert!(turned.inst("p.c").unwrap().gathered.given.is_empty());
    assert_eq!(turned.drivers, run.state.drivers);
}
