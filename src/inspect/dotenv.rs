//! Environment files as their loaders read them: `NAME=value` line by line, quotes, `export`, comments.
//!
//! Loaders differ in corners. What they would read differently is not guessed: it is told as a doubt, so that a check can
//! refuse it.

/// One assignment of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Line of the name, from 1.
    pub line: u32,
    /// Name as written.
    pub name: String,
    /// What it is set to.
    pub value: Setting,
}

/// What a name is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// This text.
    Text(String),
    /// The name stands alone: some loaders take the value from their own environment, others unset it.
    Bare,
    /// The text refers to another variable or to a command, so that the value is not in the file.
    Reference(String),
}

/// A quote that is not closed: from this line on nobody knows what the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenQuote {
    /// Line of the opening quote, from 1.
    pub line: u32,
}

/// All assignments of a file in order.
///
/// # Errors
/// When a quote is never closed.
pub fn assignments(text: &str) -> Result<Vec<Assignment>, OpenQuote> {
    let mut scan = Scan { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 };
    let mut found = Vec::new();
    while !scan.rest.is_empty() {
        found.extend(scan.assignment()?);
    }
    Ok(found)
}

struct Scan<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Scan<'a> {
    /// The assignment that begins on this line, if one does; leaves the rest at the beginning of a line.
    fn assignment(&mut self) -> Result<Option<Assignment>, OpenQuote> {
        let (line, at) = (self.this_line(), self.line);
        let said = without_export(line.trim_start());
        if said.is_empty() || said.starts_with('#') {
            self.skip(line.len());
            return Ok(None);
        }
        let Some(sign) = said.find(['=', ':']) else {
            self.skip(line.len());
            let name = without_comment(said).to_string();
            return Ok(Some(Assignment { line: at, name, value: Setting::Bare }));
        };
        let name = said[..sign].trim_end().to_string();
        let before = line.len() - said.len() + sign + 1;
        self.rest = &self.rest[before..];
        let value = self.value(at)?;
        Ok(Some(Assignment { line: at, name, value }))
    }

    /// What stands after the sign, to the end of the line on which it ends.
    fn value(&mut self, at: u32) -> Result<Setting, OpenQuote> {
        let line = self.this_line();
        let said = line.trim_start();
        let quote = said.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let Some(quote) = quote else {
            self.skip(line.len());
            return Ok(plain(without_comment(said)));
        };
        self.rest = &self.rest[line.len() - said.len() + 1..];
        let body = self.rest;
        let end = closing(body, quote).ok_or(OpenQuote { line: at })?;
        self.skip_lines(end + 1);
        let after = self.this_line();
        self.skip(after.len());
        if !(after.trim().is_empty() || after.trim_start().starts_with('#')) {
            // More stands behind the quote: whatever a loader makes of it, it is not the quoted text alone.
            return Ok(plain(without_comment(said)));
        }
        let text = &body[..end];
        Ok(match quote {
            '\'' => Setting::Text(text.to_string()),
            _ if refers(text) => Setting::Reference(text.to_string()),
            _ => Setting::Text(unescaped(text)),
        })
    }

    /// The rest of the line without its end.
    fn this_line(&self) -> &'a str {
        let line = self.rest.split('\n').next().unwrap_or_default();
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// Goes `length` bytes on and over the end of the line.
    fn skip(&mut self, length: usize) {
        let rest = &self.rest[length..];
        self.rest = rest.strip_prefix('\r').unwrap_or(rest);
        if let Some(rest) = self.rest.strip_prefix('\n') {
            self.rest = rest;
            self.line += 1;
        }
    }

    /// Goes `length` bytes on, lines and all.
    fn skip_lines(&mut self, length: usize) {
        self.line += self.rest[..length].matches('\n').count() as u32;
        self.rest = &self.rest[length..];
    }
}

/// Where a quote ends; inside double quotes a backslash takes the next character along.
fn closing(body: &str, quote: char) -> Option<usize> {
    let mut letters = body.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' if quote == '"' => drop(letters.next()),
            _ if letter == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn without_export(line: &str) -> &str {
    match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    }
}

/// An unquoted value ends at a `#` after white space.
fn without_comment(text: &str) -> &str {
    let comment = text.match_indices('#').find(|(at, _)| *at == 0 || text[..*at].ends_with([' ', '\t']));
    let end = comment.map_or(text.len(), |(at, _)| at);
    text[..end].trim_end()
}

fn plain(text: &str) -> Setting {
    if refers(text) { Setting::Reference(text.to_string()) } else { Setting::Text(text.to_string()) }
}

/// `$NAME`, `${...}`, `$(...)` or backticks that are not escaped.
fn refers(text: &str) -> bool {
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '`' => return true,
            '$' if letters.peek().is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '{' | '(')) => {
                return true;
            }
            _ => {}
        }
    }
    false
}

/// The text of double quotes: known escapes resolved, others as they stand.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some(c @ ('"' | '\\' | '$' | '`')) => out.push(c),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `name=value@line`, with `?` for a reference and `!` for a bare name.
    fn said(text: &str) -> Vec<String> {
        let show = |a: Assignment| match a.value {
            Setting::Text(value) => format!("{}={value}@{}", a.name, a.line),
            Setting::Bare => format!("{}!@{}", a.name, a.line),
            Setting::Reference(value) => format!("{}?{value}@{}", a.name, a.line),
        };
        assignments(text).unwrap().into_iter().map(show).collect()
    }

    #[test]
    fn assignments_are_read_as_loaders_read_them() {
        for (text, wanted) in [
            ("E=prd", "E=prd@1"),
            ("E=prd\r\n", "E=prd@1"),
            ("\u{feff}E=prd\n", "E=prd@1"),
            ("  export\tE = prd  \n", "E=prd@1"),
            ("exported=1", "exported=1@1"),
            ("E='prd'", "E=prd@1"),
            ("E=\"prd\"  # the real one", "E=prd@1"),
            ("E=prd # not dev", "E=prd@1"),
            ("E=prd#1", "E=prd#1@1"),
            ("E=", "E=@1"),
            ("E= # nothing", "E=@1"),
            ("E: prd", "E=prd@1"),
            ("E", "E!@1"),
            ("E=$STAGE", "E?$STAGE@1"),
            ("E=\"${STAGE:-prd}\"", "E?${STAGE:-prd}@1"),
            ("E=`cat stage`", "E?`cat stage`@1"),
            ("E=\"a\\$b\\n\"", "E=a$b\n@1"),
            ("E='$STAGE'", "E=$STAGE@1"),
            ("E=\"prd\"x", "E=\"prd\"x@1"),
            ("URL=http://h:1", "URL=http://h:1@1"),
            ("MSG=it's fine", "MSG=it's fine@1"),
        ] {
            assert_eq!(said(text), [wanted], "{text:?}");
        }
    }

    #[test]
    fn comments_and_empty_lines_are_no_assignments_but_count_as_lines() {
        assert_eq!(said("# E=dev\n\n   # E=dev\nE=prd\n"), ["E=prd@4"]);
    }

    #[test]
    fn what_stands_inside_quotes_over_several_lines_is_no_assignment() {
        let text = "NOTE=\"first\r\nE=dev\nlast\"\nE=prd\nK='a\nE=dev\n'\nF=x\n";
        let wanted = ["NOTE=first\r\nE=dev\nlast@1", "E=prd@4", "K=a\nE=dev\n@5", "F=x@8"];
        assert_eq!(said(text), wanted);
    }

    #[test]
    fn every_assignment_of_a_name_is_told_so_that_the_last_one_can_win() {
        assert_eq!(said("E=dev\nE=prd\nexport E='dev'"), ["E=dev@1", "E=prd@2", "E=dev@3"]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_an_error_with_its_line() {
        assert_eq!(assignments("A=1\nB=\"x\nE=prd\n"), Err(OpenQuote { line: 2 }));
        assert_eq!(assignments("A='"), Err(OpenQuote { line: 1 }));
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "[A-Z= :'\"\\\\#$`\r\n\u{e9}x]{0,60}") {
            if let Ok(found) = assignments(&text) {
                let lines = text.matches('\n').count() as u32 + 1;
                prop_assert!(found.iter().all(|a| a.line >= 1 && a.line <= lines));
            }
        }

        #[test]
        fn a_quoted_value_comes_back_as_it_was(value in "[a-z #=$\\n\u{e9}]{0,20}") {
            prop_assume!(!value.contains('\''));
            prop_assert_eq!(said(&format!("A=1\nE='{value}'\nB=2")).len(), 3);
            let found = assignments(&format!("E='{value}'")).unwrap();
            prop_assert_eq!(&found[0].value, &Setting::Text(value));
        }
    }
}
