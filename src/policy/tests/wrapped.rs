//! A forbidden command stays forbidden in any nesting of what may start it.

use super::{judged, worst};
use crate::policy::Verdict;
use crate::template::quote;
use proptest::prelude::*;

/// Ways to start a command that is given as words.
const IN_FRONT: [&str; 14] = [
    "sudo -u app",
    "env A=b",
    "nohup",
    "nice -n 5",
    "timeout 5",
    "setsid",
    "stdbuf -oL",
    "command",
    "exec",
    "ionice -c 3",
    "X=y",
    "flock /tmp/l",
    "xargs",
    "chroot /srv",
];

/// Ways to start a command that is given as text.
fn around(way: usize, command: &str) -> String {
    let text = quote(command);
    match way {
        0 => format!("bash -c {text}"),
        1 => format!("eval {text}"),
        2 => format!("ssh host {text}"),
        3 => format!("su - app -c {text}"),
        4 => format!("echo $( {command} )"),
        5 => format!("( {command} )"),
        6 => format!("if true; then {command}; fi"),
        7 => format!("f() {{ {command}; }}; f"),
        8 => format!("bash <<< {text}"),
        9 => format!("watch {text}"),
        10 => format!("find . -exec sh -c {text} \\;"),
        11 => format!("trap {text} EXIT"),
        12 => format!("for i in 1 2; do {command}; done"),
        13 => format!("bash <<'END'\n{command}\nEND\n"),
        14 => format!("while true; do {command}; done"),
        15 => format!("case x in *) {command} ;; esac"),
        _ => format!("cat <( {command} )"),
    }
}

fn command() -> impl Strategy<Value = String> {
    const PLAIN: [&str; 6] = [
        "docker rm x",
        "docker-compose up -d",
        "/usr/bin/docker compose down",
        "dock\"\"er run y",
        "scp a b:",
        "kubectl delete pod z",
    ];
    let forbidden = prop::sample::select(&PLAIN[..]).prop_map(str::to_owned);
    let layer = prop_oneof![(0..IN_FRONT.len()).prop_map(Ok), (0..17_usize).prop_map(Err)];
    (forbidden, prop::collection::vec(layer, 0..=4)).prop_map(|(command, layers)| {
        layers.into_iter().fold(command, |command, layer| match layer {
            // What stands in front takes words; a script becomes one word of a shell first.
            Ok(front) if command.contains(['\n', ';', '(', '|', '<']) => {
                format!("{} sh -c {}", IN_FRONT[front], quote(&command))
            }
            Ok(front)
                if command.starts_with("X=")
                    || command.starts_with("exec")
                    || command.starts_with("eval")
                    || command.starts_with("trap") =>
            {
                format!("{} sh -c {}", IN_FRONT[front], quote(&command))
            }
            Ok(front) => format!("{} {command}", IN_FRONT[front]),
            Err(way) => around(way, &command),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_forbidden_command_is_refused_in_any_nesting(script in command()) {
        prop_assert_eq!(worst(&judged(&script)), Some(Verdict::Refused), "{}", script);
    }

    #[test]
    fn judging_never_panics(script in "[ -~\n\t$`'\"(){}<>|&;\\\\]{0,120}") {
        judged(&script);
    }
}
