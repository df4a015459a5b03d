//! Heads of a log that somebody else kept, and what they convict. A log alone cannot show that its end was cut or that
//! the holder of the key wrote another history; a head kept elsewhere can.

use std::collections::HashSet;

use super::id::RunId;
use super::sum::Sha256Sum;
use super::verdict::{Finding, FindingKind, Report, Verdict};
use super::{Head, segment_file};

/// How a head is written everywhere: in syslog, in files of heads, in countersignatures.
const MARK: &str = "runbook head ";
/// More contradictions of one source say nothing new.
const MAX_FINDINGS: usize = 3;

/// A head that somebody kept, and who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Who kept it, as in "the tail was cut: {source} knows this run at …".
    pub source: String,
    /// What was kept.
    pub head: Head,
}

/// The one line by which a head is told to others: `runbook head RUN SEGMENT BYTES SHA256`.
pub fn head_line(run: RunId, head: &Head) -> String {
    format!("{MARK}{run} {} {} {}", head.segment, head.bytes, head.sha256)
}

/// The head a line tells of, whatever stands before it, such as the date and the host of a syslog.
pub fn parse_head_line(line: &str) -> Option<(RunId, Head)> {
    let (_, rest) = line.rsplit_once(MARK)?;
    let mut words = rest.split_ascii_whitespace();
    let run = words.next()?.parse().ok()?;
    let (segment, bytes) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((run, Head { segment, bytes, sha256: Sha256Sum::from_hex(words.next()?)? }))
}

impl Report {
    /// Holds the verdict against heads that others kept. A head that no seal of the log covers convicts it; behind a
    /// place where the log is broken, which convicts it already, heads are not looked for.
    pub fn hold_against(&mut self, anchors: &[Anchor]) {
        let sealed: HashSet<&Head> = self.heads.iter().collect();
        let ends = self.head.map_or((1, 0), |head| (head.segment, head.bytes));
        let mut findings = Vec::new();
        for Anchor { source, head } in anchors.iter().filter(|anchor| !sealed.contains(&anchor.head)) {
            let at = (head.segment, head.bytes);
            if at > ends && !self.walked {
                continue;
            }
            let several = ends.0 > 1 || at.0 > 1;
            let text = if at > ends {
                let (known, left) = (place(at, several), place(ends, several));
                format!("the tail was cut: {source} knows this run at {known}, the log ends at {left}")
            } else {
                let short = head.sha256.short();
                let known = place(at, several);
                format!("history was rewritten: {source} knows another log of {known} (sha256 {short}..)")
            };
            if findings.len() < MAX_FINDINGS {
                findings.push(Finding { kind: FindingKind::Verdict(Verdict::Tampered), text });
            }
        }
        if !findings.is_empty() {
            self.verdict = Verdict::Tampered;
            self.findings.extend(findings);
        }
    }

    /// Adds a finding; the verdict becomes at least as bad.
    pub fn find(&mut self, verdict: Verdict, text: String) {
        self.verdict = self.verdict.max(verdict);
        self.findings.push(Finding { kind: FindingKind::Verdict(verdict), text });
    }

    /// Adds something worth knowing that leaves the verdict alone.
    pub fn note(&mut self, text: String) {
        self.findings.push(Finding { kind: FindingKind::Note, text });
    }
}

fn place((segment, bytes): (u32, u64), several: bool) -> String {
    if several { format!("{bytes} bytes of {}", segment_file(segment)) } else { format!("{bytes} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_line_survives_whatever_a_syslog_puts_around_it() {
        let run = RunId::from_parts(1_795_219_087_009, [1; 10]);
        let head = Head { segment: 2, bytes: 4989, sha256: Sha256Sum::of(b"x") };
        let line = head_line(run, &head);
        for around in
            [line.clone(), format!("2026-11-21T05:30:12+00:00 build1 runbook[77]: {line}"), format!("{line} \n")]
        {
            assert_eq!(parse_head_line(&around), Some((run, head)), "{around}");
        }
        for bad in ["", "runbook head", "runbook head x 1 2 3", &line[..line.len() - 1], &line.replace(" 2 ", " -2 ")] {
            assert_eq!(parse_head_line(bad), None, "{bad}");
        }
    }
}
