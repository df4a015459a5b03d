//! The verdict over a run: its segments, final signature, files, anchors, and whose keys they are.

use std::collections::{BTreeMap, BTreeSet};

use super::anchor::Anchor;
use super::approval::Driver;
use super::hearing::{Court, Heard, concerns};
use super::id::RunId;
use super::outputs::{OutputClaim, OutputState, claims, contradiction};
use super::record::{Record, RecordType};
use super::signer::{CheckError, Message};
use super::sshsig::SshSig;
use super::sum::Sha256Sum;
use super::trust::TrustStore;
use super::verdict::{Evidence, Finding, FindingKind, Report, Segment, Verdict};
use super::walk::{Tail, Walk, walk};
use super::{Head, NAMESPACE, segment_file, signature_file};

/// Verifies a run. `outputs` looks at a file beside the log and says what it found there.
pub fn verify(evidence: &Evidence<'_>, outputs: &mut dyn FnMut(&OutputClaim) -> OutputState) -> Report {
    let mut case = Case::default();
    case.walk_segments(evidence);
    case.check_end(evidence);
    case.check_identity(evidence);
    case.check_approvals(evidence.trust);
    case.check_outputs(outputs);
    case.check_plan(evidence.plan);
    case.note_changes();
    let mut report = case.report();
    let anchor = |head: &Head| Anchor { source: "an anchor".to_string(), head: *head };
    report.hold_against(&evidence.known_heads.iter().map(anchor).collect::<Vec<_>>());
    report
}

#[derive(Default)]
struct Case {
    findings: Vec<Finding>,
    walks: Vec<Walk>,
    claims: BTreeMap<String, OutputClaim>,
    /// Questions and answers of people, each with what its seal covers.
    people: Vec<(Record, Head)>,
    heard: Heard,
    many: bool,
    /// Who opened the segments so far, as the trust store knows them.
    drivers: Vec<Driver>,
    self_signed: bool,
    outputs: (u64, u64),
}

impl Case {
    fn find(&mut self, verdict: Verdict, text: String) {
        self.findings.push(Finding { kind: FindingKind::Verdict(verdict), text });
    }

    fn note(&mut self, text: String) {
        self.findings.push(Finding { kind: FindingKind::Note, text });
    }

    /// A message about one segment; names the file where there are several.
    fn about(&self, number: u32, text: &str) -> String {
        if self.many { format!("{}: {text}", segment_file(number)) } else { text.to_string() }
    }

    fn tampered(&self) -> bool {
        self.findings.iter().any(|finding| finding.kind == FindingKind::Verdict(Verdict::Tampered))
    }

    fn walk_segments(&mut self, evidence: &Evidence<'_>) {
        self.many = evidence.segments.len() > 1;
        for (expected, segment) in (1u32..).zip(evidence.segments) {
            let number = segment.number;
            if number != expected {
                let (missing, there) = (segment_file(expected), segment_file(number));
                self.find(Verdict::Tampered, format!("{missing} is missing, but {there} goes on after it"));
                return;
            }
            let Some(bytes) = segment.bytes else {
                let (file, signature) = (segment_file(number), signature_file(number));
                self.find(Verdict::Tampered, format!("{signature} exists, but {file} is missing"));
                return;
            };
            let walked = self.walk_segment(number, bytes, evidence.trust);
            if let (Some(expected), Some(run)) = (evidence.expect_run, walked.run)
                && expected != run
            {
                let text =
                    format!("this is the log of run '{run}', expected '{expected}': log replayed under another name");
                self.find(Verdict::Tampered, self.about(number, &text));
            }
            if let Some(before) = number.checked_sub(2).map(|index| evidence.segments[index as usize]) {
                self.check_link(number, &walked, before);
            }
            self.walks.push(walked);
        }
    }

    fn walk_segment(&mut self, number: u32, bytes: &[u8], trust: &TrustStore) -> Walk {
        let mono_us = self.walks.last().map_or(0, |walk| walk.mono_us);
        let mut found: Vec<Result<Vec<OutputClaim>, String>> = Vec::new();
        // What is asked in this segment; a resumed run asks anew what was open when it stopped.
        let mut pending = BTreeSet::new();
        let walked = walk(bytes, number, mono_us, trust.checker(), &mut |record, head| {
            found.push(claims(record.kind, &record.payload));
            let checkpoint = record.text("checkpoint").unwrap_or_default().to_string();
            match record.kind {
                RecordType::ApprovalRequest => drop(pending.insert(checkpoint)),
                RecordType::Approval => drop(pending.remove(&checkpoint)),
                RecordType::StepStart => found.extend(pending.first().map(|asked| {
                    let asked = asked.escape_debug();
                    Err(format!("record {} starts a step while approval '{asked}' is pending", record.seq))
                })),
                _ => {}
            }
            if concerns(&record) {
                self.people.push((record, head));
            }
        });
        for claims in found {
            match claims {
                Ok(claims) => self.claims.extend(claims.into_iter().map(|claim| (claim.file.clone(), claim))),
                Err(text) => self.find(Verdict::Tampered, self.about(number, &text)),
            }
        }
        if let Tail::Broken(text) = &walked.tail {
            self.find(Verdict::Tampered, self.about(number, text));
        }
        if let Some(text) = &walked.unchecked {
            self.find(Verdict::Untrusted, self.about(number, text));
        }
        for text in &walked.notes {
            self.note(self.about(number, text));
        }
        walked
    }

    /// A later segment names exactly the file before it, as it was found when the run was resumed.
    fn check_link(&mut self, number: u32, walked: &Walk, before: Segment<'_>) {
        let (file, previous) = (segment_file(number), segment_file(number - 1));
        if before.signature.is_some() || self.walks.last().is_some_and(|walk| walk.ended) {
            self.find(Verdict::Tampered, format!("{previous} was finished, but {file} goes on after it"));
        }
        if self.walks.first().is_some_and(|walk| walk.opening.is_none()) {
            let text = format!("run.jsonl has no sealed first record, but {file} goes on after it");
            self.find(Verdict::Tampered, text);
        }
        let (run, first) = (walked.run, self.walks.first().and_then(|walk| walk.run));
        if let (Some(run), Some(first)) = (run, first)
            && run != first
        {
            self.find(
                Verdict::Tampered,
                format!("{file} belongs to run '{run}', not to '{first}': spliced from another run"),
            );
        }
        let (Some(opening), Some(bytes)) = (&walked.opening, before.bytes) else { return };
        let said = |field: &str| opening.payload.get(field).and_then(serde_json::Value::as_u64);
        if said("segment") != Some(number.into()) || opening.text("file") != Some(&previous) {
            self.find(Verdict::Tampered, format!("{file} says it is another segment: swapped or renamed files"));
        } else if said("bytes") != Some(bytes.len() as u64) {
            let named = said("bytes").unwrap_or_default();
            self.find(
                Verdict::Tampered,
                format!("{file} resumes after {named} bytes of {previous}, which has {}", bytes.len()),
            );
        } else if opening.text("sha256") != Some(&Sha256Sum::of(bytes).to_string()) {
            self.find(Verdict::Tampered, format!("{previous} was altered after the run was resumed in {file}"));
        } else {
            let sealed = self.walks.last().and_then(|walk| walk.heads.last()).map_or(0, |head| head.bytes);
            if said("sealed_bytes") != Some(sealed) {
                self.find(Verdict::Tampered, format!("{file} names another last seal of {previous} than it has"));
            }
        }
    }

    /// How the last segment stops, and its final signature.
    fn check_end(&mut self, evidence: &Evidence<'_>) {
        let (Some(walk), Some(segment)) = (self.walks.last(), evidence.segments.last()) else {
            if self.findings.is_empty() {
                self.find(Verdict::Incomplete, "there is no log: nothing to verify".to_string());
            }
            return;
        };
        let (number, unsealed) = (segment.number, walk.unsealed);
        let stops = match &walk.tail {
            Tail::Broken(_) => return,
            Tail::Torn { at, bytes } => {
                Some(format!("torn last record ({bytes} bytes at byte {at}): interrupted write"))
            }
            Tail::Damaged { bytes } => Some(format!(
                "{bytes} bytes after the last seal are damaged by an interrupted write (NUL-filled block)"
            )),
            Tail::Whole if walk.ended => None,
            Tail::Whole if walk.heads.is_empty() => Some("no record is sealed: nothing to verify".to_string()),
            Tail::Whole => Some(
                "the log stops without run.end (crash, kill, or cut tail): compare the head with an anchor".to_string(),
            ),
        };
        let signature = signature_file(number);
        match (stops, segment.signature) {
            (Some(_), Some(_)) => self.find(
                Verdict::Tampered,
                format!(
                    "{signature} exists, so the run was finished and countersigned, but the log no longer contains its end"
                ),
            ),
            (Some(text), None) => self.find(Verdict::Incomplete, self.about(number, &text)),
            (None, None) => self.find(
                Verdict::Incomplete,
                format!("{signature} is missing: the run ended but was not countersigned by the identity key"),
            ),
            (None, Some(text)) => {
                match self.check_signature(text, segment.bytes.unwrap_or_default(), evidence.trust) {
                    Ok(()) => {}
                    Err(CheckError::Bad(what)) => self.find(Verdict::Tampered, format!("{signature}: {what}")),
                    Err(CheckError::Unchecked(why)) => {
                        self.find(Verdict::Untrusted, format!("{signature} could not be checked: {why}"));
                    }
                }
            }
        }
        if unsealed > 0 {
            self.note(format!("{unsealed} record(s) after the last seal are not authenticated and were ignored"));
        }
    }

    fn check_signature(&self, text: &[u8], bytes: &[u8], trust: &TrustStore) -> Result<(), CheckError> {
        let bad = |what: String| CheckError::Bad(what);
        let text = std::str::from_utf8(text).map_err(|_| bad("not UTF-8".to_string()))?;
        let sig = SshSig::parse(text).map_err(|e| bad(format!("signature unreadable: {e}")))?;
        sig.check(&Message::whole(NAMESPACE, bytes), trust.checker())?;
        if self.walks.last().and_then(|walk| walk.identity.as_ref()) == Some(&sig.key) {
            Ok(())
        } else {
            Err(bad(format!("made by {} instead of the key that opened the run", sig.key.fingerprint())))
        }
    }

    /// Whoever opened a segment is somebody the trust store knows for logs.
    fn check_identity(&mut self, evidence: &Evidence<'_>) {
        let mut found = Vec::new();
        for walk in &self.walks {
            let (Some(key), Some(opening)) = (walk.identity.clone(), &walk.opening) else { continue };
            let operator = opening.text("operator").unwrap_or_default().to_string();
            let trusted = evidence.trust.check(&key, NAMESPACE, &opening.t);
            found.push((trusted, opening.t.clone(), operator, opening.segment, key));
        }
        for (result, t, operator, segment, key) in found {
            match result {
                Err(text) => self.find(Verdict::Untrusted, text),
                Ok(trusted) => {
                    if trusted.self_signed && !self.self_signed {
                        self.note("signed by this machine's own key (self-signed)".to_string());
                    } else if !trusted.self_signed && trusted.principal != operator {
                        let (key, said) = (trusted.principal.escape_debug(), operator.escape_debug());
                        self.note(format!("the log names '{said}' as its operator, the key is that of '{key}'"));
                    }
                    if trusted.limited {
                        let text = "the key counts for a limited time, and that the run began in it";
                        self.note(self.about(segment, &format!("{text} ({t}) is only what the log itself says")));
                    }
                    self.self_signed |= trusted.self_signed;
                    self.drivers.push(Driver { segment, key, principal: trusted.principal });
                }
            }
        }
    }

    fn check_approvals(&mut self, trust: &TrustStore) {
        let Some(run) = self.walks.first().and_then(|walk| walk.run) else { return };
        let mut heard = Heard::default();
        for (record, head) in std::mem::take(&mut self.people) {
            let plan_sha256 = self.plan_of(record.segment).unwrap_or(Sha256Sum::ZERO);
            let court = Court { run, plan_sha256, trust, drivers: &self.drivers };
            if let Err((verdict, text)) = heard.take(&record, head, &court) {
                self.find(verdict, self.about(record.segment, &text));
            }
        }
        self.heard = heard;
    }

    fn check_outputs(&mut self, outputs: &mut dyn FnMut(&OutputClaim) -> OutputState) {
        if self.tampered() {
            return;
        }
        for claim in std::mem::take(&mut self.claims).into_values() {
            match contradiction(&claim, &outputs(&claim)) {
                Some(text) => self.find(Verdict::Tampered, text),
                None => self.outputs = (self.outputs.0 + 1, self.outputs.1 + claim.bytes),
            }
        }
    }

    fn check_plan(&mut self, plan: Option<&[u8]>) {
        let said = self.first().and_then(|record| record.text("plan_sha256")).map(str::to_string);
        if let (Some(said), Some(plan)) = (said, plan)
            && said != Sha256Sum::of(plan).to_string()
        {
            self.find(Verdict::Tampered, "the plan differs from the one this run executed".to_string());
        }
    }

    /// A resumption may follow another runbook than the run began with; whoever reads the report should know.
    fn note_changes(&mut self) {
        let openings = self.walks.iter().filter_map(|walk| walk.opening.as_ref());
        let changed = openings.filter_map(|opening| Some((opening.segment, opening.payload.get("changed")?)));
        let notes = changed.map(|(segment, changed)| {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().escape_debug().to_string();
            let followed = match changed.get("plan").and_then(|plan| plan.get("file")) {
                Some(file) => format!("{} is followed from here on", text(file)),
                None => "the plan is followed as it was".to_string(),
            };
            let (file, why) = (segment_file(segment), changed.get("why").map(text).unwrap_or_default());
            format!("{file}: the runbook had changed, {followed}: {why}")
        });
        for note in notes.collect::<Vec<_>>() {
            self.note(note);
        }
    }

    fn first(&self) -> Option<&Record> {
        self.walks.first()?.opening.as_ref().filter(|record| record.kind == RecordType::RunStart)
    }

    fn plan_sha256(&self) -> Option<Sha256Sum> {
        self.first().and_then(|record| record.text("plan_sha256")).and_then(Sha256Sum::from_hex)
    }

    /// The plan a segment follows: the last one a resumption turned to, or the first record's.
    fn plan_of(&self, segment: u32) -> Option<Sha256Sum> {
        let openings = self.walks.iter().filter_map(|walk| walk.opening.as_ref()).filter(|o| o.segment <= segment);
        let mut turned =
            openings.filter_map(|opening| opening.payload.get("changed")?.get("plan")?.get("sha256")?.as_str());
        turned.next_back().map_or_else(|| self.plan_sha256(), Sha256Sum::from_hex)
    }

    fn report(self) -> Report {
        let worst = self.findings.iter().filter_map(|finding| match finding.kind {
            FindingKind::Verdict(verdict) => Some(verdict),
            FindingKind::Note => None,
        });
        // A run nobody sealed is never complete, whatever else was or was not found.
        let sealed = self.walks.iter().any(|walk| !walk.heads.is_empty());
        let floor = if sealed { Verdict::Complete } else { Verdict::Incomplete };
        Report {
            verdict: worst.fold(floor, Ord::max),
            running: false,
            run: self.walks.first().and_then(|walk| walk.run),
            records: self.walks.iter().map(|walk| walk.records).sum(),
            seals: self.walks.iter().map(|walk| walk.heads.len() as u64).sum(),
            head: self.walks.iter().flat_map(|walk| walk.heads.last()).next_back().copied(),
            plan_sha256: self.plan_sha256(),
            prev_run: self.first().and_then(previous_run),
            findings: self.findings,
            signer: self.drivers.last().map(|driver| driver.principal.clone()),
            self_signed: self.self_signed,
            outputs: self.outputs,
            heads: self.walks.iter().flat_map(|walk| walk.heads.iter().copied()).collect(),
            countersigned: Vec::new(),
            approvals: self.heard.approvals,
            questions: self.heard.open,
            given: self.heard.given,
            walked: !self.walks.iter().any(|walk| matches!(walk.tail, Tail::Broken(_))),
            drivers: self.drivers,
        }
    }
}

fn previous_run(record: &Record) -> Option<(RunId, Head)> {
    let said = record.payload.get("prev_run")?;
    let segment = u32::try_from(said.get("segment")?.as_u64()?).ok()?;
    let sha256 = Sha256Sum::from_hex(said.get("sha256")?.as_str()?)?;
    let head = Head { segment, bytes: said.get("bytes")?.as_u64()?, sha256 };
    Some((said.get("run")?.as_str()?.parse().ok()?, head))
}
