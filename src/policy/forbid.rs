//! Whether a rule forbids a command: programs with their verbs, and commands that begin with certain words.

use super::word::{Doubt, Name, Word};
use crate::runbook::model::{Forbid, Forbidden};

/// What a rule says of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Nothing,
    Forbidden,
    /// It depends on a word that is not known.
    Depends(Doubt),
}

/// What a rule says of a command with its words.
pub(super) fn says(rule: &Forbid, words: &[Word]) -> Says {
    let Some((first, rest)) = words.split_first() else { return Says::Nothing };
    let Name::Known(name) = first.name() else { return Says::Nothing };
    match &rule.what {
        Forbidden::Commands { commands, read_only, options } => {
            match commands.iter().any(|command| canonical(command).0 == canonical(&name).0) {
                true => verb(&arguments(&name, rest, options), read_only, canonical(&name).0 == "docker"),
                false => Says::Nothing,
            }
        }
        Forbidden::Prefix(prefixes) => prefixes
            .iter()
            .map(|prefix| begins(prefix, &name, rest))
            .find(|says| *says != Says::Nothing)
            .unwrap_or(Says::Nothing),
    }
}

/// Whether a rule has a word on this program at all.
pub(super) fn is_about(rule: &Forbid, program: &Word) -> bool {
    let Name::Known(name) = program.name() else { return false };
    match &rule.what {
        Forbidden::Commands { commands, .. } => commands.iter().any(|c| canonical(c).0 == canonical(&name).0),
        Forbidden::Prefix(_) => false,
    }
}

/// Whether a text names a program this rule is about, as a word or at the end of a path; for a prefix of several words all
/// of them.
pub(super) fn mentions(rule: &Forbid, text: &str) -> Option<String> {
    let separators = |c: char| c.is_whitespace() || "'\"`;|&(){}[]=,:$<>!\\\u{f0000}\u{f0001}".contains(c);
    let words: Vec<&str> = text.split(separators).filter(|word| !word.is_empty()).collect();
    let named = |name: &str| words.iter().any(|word| super::word::base(word) == name);
    match &rule.what {
        Forbidden::Commands { commands, .. } => {
            commands.iter().flat_map(|command| spellings(command)).find(|name| named(name))
        }
        Forbidden::Prefix(prefixes) => prefixes
            .iter()
            .find(|prefix| {
                let mut wanted = prefix.split_whitespace();
                wanted.next().is_some_and(named) && wanted.all(|word| words.contains(&word))
            })
            .cloned(),
    }
}

fn spellings(command: &str) -> Vec<String> {
    match canonical(command).0.as_str() {
        "docker" => vec!["docker".into(), "docker-compose".into()],
        _ => vec![command.to_lowercase()],
    }
}

/// A program's name without the spelling: `docker-compose` is `docker` with the verb `compose`.
fn canonical(name: &str) -> (String, Option<&'static str>) {
    let name = name.to_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    match name == "docker-compose" || name.starts_with("docker-compose-v") || name.starts_with("docker-compose-1") {
        true => ("docker".into(), Some("compose")),
        false => (name.to_owned(), None),
    }
}

/// A word of a command behind its program.
enum Arg<'a> {
    Known(&'a str),
    Doubtful(Doubt),
    /// An option that is not known to stand alone or to take a value, so that what follows may be its value.
    Strange,
}

/// The arguments from the verb on; options in front of it are left out.
fn arguments<'a>(name: &str, words: &'a [Word], options: &[String]) -> Vec<Arg<'a>> {
    let (program, implied) = canonical(name);
    let is_docker = program == "docker";
    let mut args = Vec::new();
    let mut rest = words;
    if let Some(verb) = implied {
        args.push(Arg::Known(verb));
        // The plugin called by its own path is told its own name.
        rest = if rest.first().and_then(Word::text) == Some("compose") { &rest[1..] } else { rest };
    } else {
        rest = skip_options(rest, &mut args, is_docker.then_some(DOCKER), options);
        let composes = is_docker && args.is_empty() && rest.first().and_then(Word::text) == Some("compose");
        if !composes {
            args.extend(rest.iter().map(arg));
            return args;
        }
        args.push(Arg::Known("compose"));
        rest = &rest[1..];
    }
    rest = skip_options(rest, &mut args, Some(COMPOSE), options);
    args.extend(rest.iter().map(arg));
    args
}

fn arg(word: &Word) -> Arg<'_> {
    match (word.text(), word.doubt()) {
        (Some(text), _) => Arg::Known(text),
        (None, doubt) => Arg::Doubtful(doubt.unwrap_or(Doubt::Unknown)),
    }
}

/// Options with a value and without one.
type Options = (&'static [&'static str], &'static [&'static str]);

#[rustfmt::skip]
const DOCKER: Options = (
    &["--config", "-c", "--context", "-H", "--host", "-l", "--log-level", "--tlscacert", "--tlscert", "--tlskey"],
    &["-D", "--debug", "--tls", "--tlsverify"],
);
#[rustfmt::skip]
const COMPOSE: Options = (
    &["-f", "--file", "-p", "--project-name", "--profile", "--env-file", "--project-directory", "--ansi", "--parallel",
      "--progress", "-H", "--host", "-c", "--context", "--tlscacert", "--tlscert", "--tlskey", "--log-level", "--workdir"],
    &["--verbose", "--dry-run", "--compatibility", "--all-resources", "--no-ansi", "--tls", "--tlsverify", "--skip-hostname-check"],
);

/// Words that ask for nothing but words.
const HELP: [&str; 5] = ["--help", "-h", "--version", "-v", "help"];

fn skip_options<'a>(words: &'a [Word], args: &mut Vec<Arg<'a>>, known: Option<Options>, more: &[String]) -> &'a [Word] {
    let (values, flags) = known.unwrap_or_default();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let Some(option) = word.text().filter(|text| text.starts_with('-') && text.len() > 1) else {
            // `--file={{ x }}` is an option whatever `x` is.
            match word.text().is_none() && word.lead().starts_with("--") && word.lead().contains('=') {
                true => at += 1,
                false => break,
            }
            continue;
        };
        let takes_value = values.contains(&option) || more.iter().any(|o| o == option);
        let attached = !option.starts_with("--")
            && option.len() > 2
            && values
                .iter()
                .copied()
                .chain(more.iter().map(String::as_str))
                .any(|v| v.len() == 2 && option.starts_with(v));
        match () {
            () if takes_value => at += 2,
            () if attached || flags.contains(&option) || option.starts_with("--") && option.contains('=') => at += 1,
            () if HELP.contains(&option) => break,
            () => {
                args.push(Arg::Strange);
                at += 1;
            }
        }
    }
    words.get(at..).unwrap_or_default()
}

/// A command is allowed when it is one of the patterns that only look, or asks for help.
fn verb(args: &[Arg<'_>], read_only: &[String], is_docker: bool) -> Says {
    let strange = args.iter().any(|arg| matches!(arg, Arg::Strange));
    let words: Vec<&Arg<'_>> = args.iter().filter(|arg| !matches!(arg, Arg::Strange)).collect();
    // For other programs `-v 5` may be how much they say, and `-h db` a host: alone they ask.
    let asks = |at: usize| match words.get(at) {
        None | Some(Arg::Known("--help" | "--version" | "help")) => true,
        Some(Arg::Known("-h" | "-v")) => is_docker || words.len() == at + 1,
        _ => false,
    };
    let group = matches!(words.first(), Some(Arg::Known("compose")));
    if !read_only.is_empty() && !strange && (asks(0) || group && asks(1)) {
        return Says::Nothing;
    }
    let mut depends = None;
    for pattern in read_only {
        match matches(pattern, &words) {
            Says::Nothing => {}
            Says::Forbidden if !strange => return Says::Nothing,
            Says::Forbidden => depends = Some(Doubt::Unknown),
            Says::Depends(doubt) => depends = depends.max(Some(doubt)),
        }
    }
    depends.or(strange.then_some(Doubt::Unknown)).map_or(Says::Forbidden, Says::Depends)
}

/// Whether a command is what a pattern says (`Forbidden` stands for yes).
fn matches(pattern: &str, words: &[&Arg<'_>]) -> Says {
    let exact = pattern.split_whitespace().any(|word| word == "*");
    // Inside a pattern with `*`, options that only concern the terminal may stand.
    let harmless = |arg: &&&Arg<'_>| {
        !(exact
            && matches!(arg, Arg::Known("-i" | "-t" | "-it" | "-ti" | "--interactive" | "--tty" | "-T" | "--no-TTY")))
    };
    let mut rest = words.iter().filter(harmless);
    let mut depends = None;
    for wanted in pattern.split_whitespace() {
        match rest.next() {
            None => return Says::Nothing,
            Some(Arg::Known(word)) if wanted == *word || wanted == "*" && !word.starts_with('-') => {}
            Some(Arg::Doubtful(_)) if wanted == "*" => {}
            Some(Arg::Doubtful(doubt)) => depends = depends.max(Some(*doubt)),
            Some(_) => return Says::Nothing,
        }
    }
    match (exact && rest.next().is_some(), depends) {
        (true, _) => Says::Nothing,
        (false, Some(doubt)) => Says::Depends(doubt),
        (false, None) => Says::Forbidden,
    }
}

/// Whether a command begins with the words of a prefix, options and their values left out: the words behind the program
/// may stand as many places later as there are options before them.
fn begins(prefix: &str, name: &str, rest: &[Word]) -> Says {
    let mut wanted = prefix.split_whitespace();
    let Some(program) = wanted.next() else { return Says::Nothing };
    let ((program, implied), (name, verb)) = (canonical(program), canonical(name));
    if program != name {
        return Says::Nothing;
    }
    let wanted: Vec<&str> = implied.into_iter().chain(wanted).collect();
    let is_option = |word: &&Word| word.text().is_some_and(|text| text.starts_with('-'));
    let options = rest.iter().take_while(|word| word.text().is_some()).filter(is_option).count();
    let mut words: Vec<Option<&Word>> = verb.iter().map(|_| None).collect();
    words.extend(rest.iter().filter(|word| !is_option(word)).map(Some));
    let is = |word: &Option<&Word>, wanted: &str| match word {
        None => Says::Forbidden,
        Some(word) => match word.text() {
            Some(text) if text == wanted => Says::Forbidden,
            Some(_) => Says::Nothing,
            None => Says::Depends(word.doubt().unwrap_or(Doubt::Unknown)),
        },
    };
    if wanted.is_empty() {
        return Says::Forbidden;
    }
    let mut said = Says::Nothing;
    for start in 0..=options.min(words.len()) {
        let here: Vec<Says> =
            wanted.iter().enumerate().map(|(i, w)| words.get(start + i).map_or(Says::Nothing, |x| is(x, w))).collect();
        if here.iter().all(|says| *says == Says::Forbidden) {
            return Says::Forbidden;
        }
        if let Some(depends) =
            here.iter().find(|says| matches!(says, Says::Depends(_))).filter(|_| !here.contains(&Says::Nothing))
        {
            said = *depends;
        }
    }
    said
}
