use crate::cli::terminal::awaited::Awaited;
use crate::cli::terminal::prompt::{Prompt, Tty};
use crate::cli::terminal::question::{Conversation, Reply};
use crate::drive::run::Incoming;
use crate::machine::event::{Answer, Asked, Question};
use crate::machine::{Input, RoleStanding};
use crate::report::tests::{Script, plan, tail};
use crate::report::{Look, View};
use serde_json::{Map, json};
use snapbox::{assert_data_eq, str};
use std::io::{Read, Write};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(super) fn asked(question: Question) -> Asked {
    Asked {
        evidence: vec![("colour now".into(), "blue\x1b[2J".into()), ("5xx ratio".into(), "0.08%".into())],
        expires_wall_us: Some(1_784_909_462_000_000),
        ..Asked::new("preflight.checkpoint".into(), question, "Put v1.42.0 live?".into())
    }
}

pub(super) fn talk(asked: &Asked) -> Conversation {
    Conversation::new(asked, "3/8".into(), "ana", Look::plain(80))
}

fn answer(answer: Answer, reason: Option<&str>) -> Reply {
    Reply::Answer { answer, reason: reason.map(str::to_string), evidence: Map::new() }
}

#[test]
fn a_checkpoint_shows_its_evidence_and_its_deadline() {
    let talk = talk(&asked(Question::Checkpoint));
    assert_data_eq!(
        talk.screen() + &talk.prompt(),
        str![[r#"

 ◆ 3/8 preflight.checkpoint  (go or no-go)
    Put v1.42.0 live?

    colour now               blue␛[2J
    5xx ratio                0.08%

    no answer by 16:11:02 UTC = NO-GO
    [g] GO   [n] NO-GO   (words may follow the letter)
 ana, g/n: 
"#]]
    );
}

#[test]
fn a_failure_offers_four_ways_on() {
    let failure = Asked {
        title: "Migrate the database failed: exit 3".into(),
        evidence: Vec::new(),
        expires_wall_us: None,
        ..asked(Question::Failure)
    };
    let script = Script::begin(plan()).switched().after(3_000);
    let script = script.done("switch.migrate", tail(3, "ERROR:  deadlock detected\n"));
    let row = View::of(script.plan.clone(), &script.events).unwrap().row("switch.migrate").unwrap();
    let talk = talk(&failure).with_output(&row);
    assert_data_eq!(
        talk.screen() + &talk.prompt(),
        str![[r#"

 ◆ 3/8 preflight.checkpoint  (failed)
    Migrate the database failed: exit 3
      ERROR:  deadlock detected
      note (deploy.yml:21): deadlocks here mean that the nightly vacuum is still running

    [r] retry
    [s] skip, with a reason
    [b] back out
    [q] stop, keep what was done
    (words may follow the letter)
 ana, r/s/b/q: 
"#]]
    );
}

#[test]
fn a_doubt_explains_what_is_asked() {
    let doubt = Asked { evidence: Vec::new(), expires_wall_us: None, ..asked(Question::InDoubt) };
    let talk = talk(&doubt);
    assert_data_eq!(
        talk.screen() + &talk.prompt(),
        str![[r#"

 ◆ 3/8 preflight.checkpoint  (in doubt)
    Put v1.42.0 live?

    Nobody saw how this step ended. Look at what it changes before you answer.
    [d] it happened, go on
    [a] it did not happen, run it again
    [f] it failed
    (words may follow the letter)
 ana, d/a/f: 
"#]]
    );
}

#[test]
fn only_what_is_an_answer_answers() {
    let cases = [
        (Question::Checkpoint, "g", Some(answer(Answer::Go, None))),
        (Question::Checkpoint, " GO ", Some(answer(Answer::Go, None))),
        (Question::Checkpoint, "g looks good", Some(answer(Answer::Go, Some("looks good")))),
        (
            Question::Checkpoint,
            "n the error rate looks high",
            Some(answer(Answer::NoGo, Some("the error rate looks high"))),
        ),
        (Question::Checkpoint, "NO-GO", Some(answer(Answer::NoGo, None))),
        (Question::Checkpoint, "", None),
        (Question::Checkpoint, "y", None),
        (Question::Checkpoint, "yes", None),
        (Question::Checkpoint, "go no further", None),
        (Question::Checkpoint, "gg", None),
        (Question::Checkpoint, "\u{1b}[A", None),
        (Question::InDoubt, "d", Some(answer(Answer::Done, None))),
        (Question::InDoubt, "a", Some(answer(Answer::Again, None))),
        (Question::InDoubt, "f it is not there", Some(answer(Answer::Failed, Some("it is not there")))),
        (Question::InDoubt, "g", None),
        (Question::Failure, "r", Some(answer(Answer::Again, None))),
        (Question::Failure, "s", None),
        (Question::Failure, "skip", None),
        (Question::Failure, "s known flake", Some(answer(Answer::Skip, Some("known flake")))),
        (Question::Failure, "b", Some(answer(Answer::BackOut, None))),
        (Question::Failure, "stop", Some(answer(Answer::Stop, None))),
    ];
    for (question, line, wanted) in cases {
        let reply = talk(&asked(question)).hear(line);
        match wanted {
            Some(Reply::Answer { answer: Answer::Go, reason, .. }) => {
                assert_eq!(reply, Reply::Go { reason, reference: None, phrase: None }, "{line:?}");
            }
            Some(wanted) => assert_eq!(reply, wanted, "{line:?}"),
            None => assert!(matches!(&reply, Reply::Say(words) if !words.contains('\x1b')), "{line:?}: {reply:?}"),
        }
    }
}

#[test]
fn evidence_is_asked_for_before_the_answer() {
    let wanted = vec![("link".to_string(), true), ("ticket".to_string(), false)];
    let mut talk = talk(&Asked { wanted, ..asked(Question::Manual) });
    assert_eq!(talk.prompt(), " ana, link (required): ");
    assert!(matches!(talk.hear(""), Reply::Say(words) if words.contains("`link` is required")));
    assert_eq!(talk.hear("https://chat.example/1"), Reply::Say(String::new()));
    assert_eq!(talk.prompt(), " ana, ticket (optional): ");
    assert_eq!(talk.hear(""), Reply::Say(String::new()));
    assert_eq!(talk.prompt(), " ana, d/n: ");
    let evidence = json!({ "link": "https://chat.example/1" }).as_object().unwrap().clone();
    assert_eq!(talk.hear("d"), Reply::Answer { answer: Answer::Done, reason: None, evidence });
}

#[test]
fn not_done_needs_no_evidence() {
    let mut talk = talk(&Asked { wanted: vec![("link".into(), true)], ..asked(Question::Manual) });
    assert_eq!(talk.hear("n"), answer(Answer::NoGo, None));
}

struct Desk {
    prompt: Prompt,
    keys: os_pipe::PipeWriter,
    screen: os_pipe::PipeReader,
    incoming: UnboundedReceiver<Incoming>,
}

/// A prompt whose terminal is a pair of pipes.
fn desk(is_alive: bool) -> Desk {
    let (read, keys) = os_pipe::pipe().unwrap();
    let (screen, write) = os_pipe::pipe().unwrap();
    let tty = Tty {
        read: Box::new(read),
        write: Box::new(write),
        is_alive: Box::new(move || is_alive),
        make_ready: Box::new(|| true),
    };
    let (send, incoming) = unbounded_channel();
    Desk { prompt: Prompt::new(tty, "ana".into(), send), keys, screen, incoming }
}

impl Desk {
    fn ask(&mut self, question: Question) {
        assert!(self.prompt.ask(talk(&asked(question))));
    }

    fn shown_until(&mut self, wanted: &str) -> String {
        let mut shown = String::new();
        while !shown.contains(wanted) {
            let mut buffer = [0; 256];
            let n = self.screen.read(&mut buffer).unwrap();
            shown.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
        shown
    }
}

fn given(incoming: Incoming) -> (Answer, String, Option<String>) {
    match incoming {
        Incoming::Input(Input::Answer { answer, by, reason, .. }) => (answer, by, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_reaches_the_driver_with_name_and_words() {
    let mut desk = desk(true);
    desk.ask(Question::Checkpoint);
    desk.keys.write_all(b"maybe\nn too many errors\n").unwrap();
    let answer = given(desk.incoming.blocking_recv().unwrap());
    assert_eq!(answer, (Answer::NoGo, "ana".into(), Some("too many errors".into())));
    assert!(desk.shown_until("is not one of the answers").contains("`maybe`"));
    assert!(!desk.prompt.is_open());
}

#[test]
fn ctrl_d_on_a_live_terminal_is_a_no() {
    let mut desk = desk(true);
    desk.ask(Question::Checkpoint);
    drop(desk.keys);
    assert_eq!(given(desk.incoming.blocking_recv().unwrap()).0, Answer::NoGo);
}

#[test]
fn a_terminal_that_went_away_is_not_an_answer() {
    let mut desk = desk(false);
    desk.ask(Question::Checkpoint);
    drop(desk.keys);
    assert!(matches!(desk.incoming.blocking_recv().unwrap(), Incoming::TerminalLost));
}

#[test]
fn ctrl_d_does_not_decide_what_became_of_a_step() {
    for question in [Question::InDoubt, Question::Failure] {
        let mut desk = desk(true);
        desk.ask(question);
        drop(desk.keys);
        assert!(matches!(desk.incoming.blocking_recv().unwrap(), Incoming::TerminalLost));
    }
}

#[test]
fn a_line_for_a_withdrawn_question_answers_nothing() {
    let mut desk = desk(true);
    desk.ask(Question::Checkpoint);
    desk.prompt.withdraw();
    desk.shown_until("this question is not open any more");
    desk.keys.write_all(b"g\n").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(desk.incoming.try_recv().is_err());
    desk.ask(Question::Failure);
    desk.keys.write_all(b"b\n").unwrap();
    assert_eq!(given(desk.incoming.blocking_recv().unwrap()).0, Answer::BackOut);
}

#[test]
fn nobody_is_asked_where_the_terminal_cannot_be_read() {
    let mut desk = desk(true);
    let tty = Tty {
        read: Box::new(std::io::empty()),
        write: Box::new(std::io::sink()),
        is_alive: Box::new(|| true),
        make_ready: Box::new(|| false),
    };
    let (send, _incoming) = unbounded_channel();
    desk.prompt = Prompt::new(tty, "ana".into(), send);
    assert!(!desk.prompt.ask(talk(&asked(Question::Checkpoint))));
}

fn gated(phrase: Option<&str>) -> Asked {
    Asked {
        roles: [("release-manager".to_string(), 2)].into(),
        people: [("release-manager".to_string(), vec!["li".to_string(), "mo\x1b[2J".to_string()])].into(),
        phrase: phrase.map(String::from),
        good_for_us: Some(900_000_000),
        ..asked(Question::Checkpoint)
    }
}

fn one_of_two() -> Awaited {
    let role = RoleStanding {
        role: "release-manager".into(),
        needed: 2,
        given: vec!["li".into()],
        could: vec!["mo\x1b[2J".into()],
    };
    Awaited { roles: vec![role], ..Awaited::default() }
}

#[test]
fn a_checkpoint_of_roles_shows_who_is_awaited_and_lets_the_operator_only_say_no_or_wait() {
    let mut talk = talk(&gated(None)).with_awaited(one_of_two());
    assert_data_eq!(
        talk.screen() + &talk.prompt(),
        str![[r#"

 ◆ 3/8 preflight.checkpoint  (go or no-go)
    Put v1.42.0 live?

    colour now               blue␛[2J
    5xx ratio                0.08%
    release-manager: 1 of 2 said GO (li) · awaited: mo␛[2J
    a GO stays good for 15m 00s

    no answer by 16:11:02 UTC = NO-GO
    [n] NO-GO   [w] WAIT, leave it open   (words may follow the letter)
 ana, n/w: 
"#]]
    );
    assert!(matches!(talk.hear("g\n"), Reply::Say(words) if words.contains("`g` is not one of the answers")));
    assert_eq!(talk.hear("w\n"), Reply::Wait);
    assert_eq!(talk.hear("n not today\n"), answer(Answer::NoGo, Some("not today")));
}

#[test]
fn a_phrase_is_typed_on_a_line_of_its_own_and_taken_as_it_stands() {
    let mut talk = talk(&Asked { phrase: Some("deploy fully".into()), ..asked(Question::Checkpoint) });
    assert_eq!(talk.prompt(), " ana, g/n/w: ");
    assert!(matches!(talk.hear("deploy fully\n"), Reply::Say(words) if words.contains("is not one of the answers")));
    assert_eq!(talk.hear("g looks good\n"), Reply::Say(String::new()));
    assert_eq!(talk.prompt(), " ana, type the phrase exactly (an empty line goes back): ");
    assert!(matches!(talk.hear("\n"), Reply::Say(words) if words.contains("[g] GO")));
    assert_eq!(talk.prompt(), " ana, g/n/w: ");
    talk.hear("g looks good\n");
    let typed = Reply::Go { reason: Some("looks good".into()), reference: None, phrase: Some(" deploy fully ".into()) };
    assert_eq!(talk.hear(" deploy fully \r\n"), typed);
}

#[test]
fn a_reference_is_asked_for_where_no_role_gives_it() {
    let mut talk = talk(&Asked { reference: true, ..asked(Question::Checkpoint) });
    assert_eq!(talk.hear("g"), Reply::Say(String::new()));
    assert_eq!(talk.prompt(), " ana, where else is it written down (ticket, link): ");
    let go = Reply::Go { reason: None, reference: Some("CHG-7".into()), phrase: None };
    assert_eq!(talk.hear("CHG-7\n"), go);
}

#[test]
fn over_red_there_is_no_go_to_choose_and_it_comes_back_when_it_is_green() {
    let red = Awaited { red: vec!["preflight.grafana fail: exit 1\x1b[2J".into()], ..Awaited::default() };
    let mut talk = talk(&asked(Question::Checkpoint)).with_awaited(red.clone());
    let screen = talk.screen();
    assert!(screen.contains("RED preflight.grafana fail: exit 1␛[2J\n    nobody may say GO over red"), "{screen}");
    assert_eq!(talk.prompt(), " ana, n/w: ");
    assert!(matches!(talk.hear("go"), Reply::Say(_)));
    assert_eq!(talk.renew(&|_| red.clone()), None, "nothing changed");
    let words = talk.renew(&|_| Awaited::default()).unwrap();
    assert!(words.contains("[g] GO") && talk.prompt() == " ana, g/n: ", "{words}");
}

#[test]
fn nobody_leaves_a_question_beside_which_a_table_looks() {
    let mut talk = talk(&gated(None)).with_awaited(Awaited { must_stay: true, ..one_of_two() });
    assert!(matches!(talk.hear("w"), Reply::Say(words) if words.contains("somebody has to stay")));
}

#[test]
fn a_phrase_reaches_the_driver_and_no_screen_repeats_it() {
    let mut desk = desk(true);
    let asked = Asked { phrase: Some("deploy fully".into()), ..asked(Question::Checkpoint) };
    assert!(desk.prompt.ask(talk(&asked)));
    desk.keys.write_all(b"g\ndeploy wrongly\n").unwrap();
    match desk.incoming.blocking_recv().unwrap() {
        Incoming::Input(input @ Input::Answer { .. }) => {
            assert!(!format!("{input:?}").contains("wrongly"), "{input:?}");
            let Input::Answer { backing, .. } = input else { unreachable!() };
            assert_eq!(backing.phrase.unwrap().0, "deploy wrongly");
            assert!(backing.given_us.is_some());
        }
        other => panic!("{other:?}"),
    }
    assert!(!desk.shown_until("type the phrase exactly").contains("wrongly"));
}

#[test]
fn to_wait_leaves_the_question_to_others() {
    let mut desk = desk(true);
    assert!(desk.prompt.ask(talk(&gated(None)).with_awaited(one_of_two())));
    desk.keys.write_all(b"w\n").unwrap();
    assert!(matches!(desk.incoming.blocking_recv().unwrap(), Incoming::TerminalLost));
    assert!(!desk.prompt.is_open());
}
