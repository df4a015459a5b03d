//! Programs that start a command for each of their items, or again and again: `xargs`, `parallel`, `find`, `watch`.

use super::commands::{Input, Walk, joined};
use super::starters;
use super::word::{Doubt, UNKNOWN, Word};

/// Most items of which each is followed.
const MAX_ITEMS: usize = 50;

const XARGS_FLAGS: [&str; 8] = [
    "--null",
    "--no-run-if-empty",
    "--verbose",
    "--exit",
    "--open-tty",
    "--interactive",
    "--show-limits",
    "--max-lines",
];
const PARALLEL_FLAGS: [&str; 8] =
    ["--no-notice", "--will-cite", "--bar", "--eta", "--line-buffer", "--keep-order", "--null", "--dry-run"];

impl Walk<'_> {
    /// `xargs` makes arguments of its input.
    pub(super) fn xargs(&mut self, arguments: &[Word], input: &Input) {
        const VALUES: &str = "aEILnPsd";
        let (mut at, mut mark, mut from) = (0, None, None);
        while let Some(text) = arguments.get(at).map(Word::marked).filter(|text| text.starts_with('-')) {
            let takes_next = text.len() == 2 && text.ends_with(|c| VALUES.contains(c));
            let next = arguments.get(at + 1).map(Word::marked);
            match text.as_str() {
                _ if text.starts_with("-a") || text.starts_with("--arg-file") => {
                    from = Some(Input::Unknown(String::new()));
                }
                "-I" => mark = next,
                "-i" | "--replace" => mark = Some("{}".into()),
                _ if text.starts_with("-I") => mark = Some(text[2..].into()),
                _ if text.starts_with("--replace=") => mark = Some(text["--replace=".len()..].into()),
                _ if text.starts_with("--") && !text.contains('=') && !XARGS_FLAGS.contains(&text.as_str()) => {
                    return self.doubt(Doubt::Unknown, "an option of `xargs` is not known", joined(arguments));
                }
                _ => {}
            }
            at += if takes_next { 2 } else { 1 };
        }
        let command = arguments.get(at..).unwrap_or_default();
        if command.is_empty() {
            return;
        }
        match (from.as_ref().unwrap_or(input), mark) {
            (Input::Closed, _) => self.command(command, &Input::Closed),
            (Input::Text(text), Some(mark)) => {
                for line in text.lines().take(MAX_ITEMS) {
                    let words: Vec<Word> =
                        command.iter().map(|word| replaced(word, &mark, line.trim_start())).collect();
                    self.command(&words, &Input::Closed);
                }
                if text.lines().count() > MAX_ITEMS {
                    self.doubt(Doubt::Unknown, "`xargs` starts too many commands to follow", text.clone());
                }
            }
            (Input::Text(text), None) => {
                let items = text.split_whitespace().map(|item| item.trim_matches(['"', '\'']));
                let words: Vec<Word> = command.iter().cloned().chain(items.map(remarked)).collect();
                self.command(&words, &Input::Closed);
            }
            (Input::Unknown(_), Some(mark)) => {
                let words: Vec<Word> = command.iter().map(|word| replaced(word, &mark, &UNKNOWN.to_string())).collect();
                self.command(&words, &Input::Closed);
            }
            (Input::Unknown(_), None) => {
                let words: Vec<Word> = command.iter().cloned().chain([Word::unknown()]).collect();
                self.command(&words, &Input::Closed);
            }
        }
    }

    /// `parallel command ::: arguments`: each argument is put into the command, and a shell reads the line.
    pub(super) fn parallel(&mut self, arguments: &[Word], input: &Input) {
        const VALUES: &str = "jaSINnLdEPC";
        let mut at = 0;
        while let Some(text) = arguments.get(at).and_then(Word::text).filter(|text| text.starts_with('-')) {
            if text.starts_with("--") && !text.contains('=') && !PARALLEL_FLAGS.contains(&text) {
                return self.doubt(Doubt::Unknown, "an option of `parallel` is not known", joined(arguments));
            }
            at += if text.len() == 2 && text.ends_with(|c| VALUES.contains(c)) { 2 } else { 1 };
        }
        let rest = arguments.get(at..).unwrap_or_default();
        let split = rest.iter().position(|word| word.lead().starts_with(":::")).unwrap_or(rest.len());
        let command = joined(&rest[..split]);
        let items: Vec<String> = match (rest.get(split + 1..), input) {
            (Some(items), _) => items.iter().filter(|w| !w.lead().starts_with(":::")).map(Word::marked).collect(),
            (None, Input::Text(text)) => text.lines().map(str::to_owned).collect(),
            (None, Input::Closed) => vec![String::new()],
            (None, Input::Unknown(_)) => vec![UNKNOWN.to_string()],
        };
        for item in items.iter().take(MAX_ITEMS) {
            let line = if command.contains('{') { replace_braces(&command, item) } else { format!("{command} {item}") };
            self.text(line.trim(), "`parallel`");
        }
        if items.len() > MAX_ITEMS {
            self.doubt(Doubt::Unknown, "`parallel` starts too many commands to follow", items.join("\n"));
        }
    }

    /// `find ... -exec command {} ;`
    pub(super) fn find(&mut self, arguments: &[Word], input: &Input) {
        let starts = |word: &Word| matches!(word.text(), Some("-exec" | "-execdir" | "-ok" | "-okdir"));
        for (at, _) in arguments.iter().enumerate().filter(|(_, word)| starts(word)) {
            let command = arguments[at + 1..].iter();
            let command = command.take_while(|word| !matches!(word.text(), Some(";" | "+")));
            let words: Vec<Word> = command.map(|word| replaced(word, "{}", &UNKNOWN.to_string())).collect();
            self.command(&words, input);
        }
        if arguments.iter().any(|word| word.text().is_none() && word.lead().is_empty() && !word.raw.starts_with('"')) {
            // `find $OPTIONS` may hold an `-exec`; a quoted value is one path or pattern.
            self.doubt(Doubt::Unknown, "options of `find` are only known at run time", joined(arguments));
        }
    }

    /// `flock FILE -c script`; false for `flock FILE command`.
    pub(super) fn flock(&mut self, arguments: &[Word]) -> bool {
        let Some(Ok(at)) = starters::find("flock").map(|flock| flock.command(arguments)) else { return false };
        let script = matches!(arguments.get(at).and_then(Word::text), Some("-c" | "--command"));
        if let Some(text) = arguments.get(at + 1).filter(|_| script) {
            self.text(&text.marked(), "`flock -c`");
        }
        script
    }

    pub(super) fn watch(&mut self, arguments: &[Word]) {
        let Some(Ok(at)) = starters::find("watch").map(|watch| watch.command(arguments)) else {
            return self.doubt(Doubt::Unknown, "an option of `watch` is not known", joined(arguments));
        };
        self.text(&joined(&arguments[at..]), "`watch`");
    }
}

/// A word in which a mark is replaced by text; a value with marks of its own is not known.
fn replaced(word: &Word, mark: &str, by: &str) -> Word {
    let text = word.marked();
    if mark.is_empty() || !text.contains(mark) { word.clone() } else { remarked(&text.replace(mark, by)) }
}

/// Text with marks as a word.
fn remarked(text: &str) -> Word {
    let values = super::word::Values::default();
    let quoted: Vec<char> =
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`"))
            .chars()
            .collect();
    super::word::read(&quoted, 0..quoted.len(), &values)
}

/// `{}`, `{.}`, `{1}` and the other forms of `parallel`.
fn replace_braces(command: &str, item: &str) -> String {
    let mut out = String::new();
    let mut rest = command;
    while let Some((before, tail)) = rest.split_once('{') {
        out.push_str(before);
        match tail.split_once('}') {
            Some((inside, after)) if inside.len() <= 4 && !inside.contains(' ') => {
                out.push_str(item);
                rest = after;
            }
            _ => {
                out.push('{');
                rest = tail;
            }
        }
    }
    out + rest
}
