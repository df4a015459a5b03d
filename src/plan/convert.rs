//! Parts of a runbook as parts of a plan: texts keep their words and their place, nothing is evaluated.

use super::model::*;
use crate::runbook::model as doc;
use crate::text::Place;

/// What resume may do when nothing is written: look again, write again (file steps compare, and two holds hold as one), else ask.
pub(super) fn default_repeat(step: &doc::Step) -> doc::Repeat {
    match (&step.kind, step.effect) {
        (_, doc::Effect::Read) | (doc::Kind::File(_) | doc::Kind::Hold(_), _) => doc::Repeat::Safe,
        _ if step.done_when.is_some() => doc::Repeat::Probe,
        _ => doc::Repeat::Once,
    }
}

pub(super) fn template(text: &doc::Text) -> Template {
    Template { text: text.value.clone(), at: line_of(&text.place) }
}

pub(super) fn pairs(texts: &[(String, doc::Text)]) -> Vec<(String, Template)> {
    texts.iter().map(|(name, text)| (name.clone(), template(text))).collect()
}

pub(super) fn line_of(place: &Place) -> String {
    format!("{}:{}", place.source.name(), place.line_col().0)
}

pub(super) fn retry(retry: &doc::Retry, place: &Place) -> Retry {
    let default = Template { text: "1s".into(), at: line_of(place) };
    Retry {
        attempts: retry.attempts,
        wait: retry.wait.as_ref().map_or(default, template),
        factor_milli: (retry.factor * 1000.0).round() as u64,
        max_wait: retry.max_wait.as_ref().map(template),
    }
}

pub(super) fn request(http: &doc::Http) -> Http {
    Http {
        method: http.method.to_string(),
        url: template(&http.url),
        headers: pairs(&http.headers),
        query: pairs(&http.query),
        body: http.body.as_ref().map(|body| match body {
            doc::HttpBody::Text(text) => Body::Text(template(text)),
            doc::HttpBody::Json(tree) => Body::Json(tree_of(tree)),
            doc::HttpBody::Form(fields) => Body::Form(pairs(fields)),
        }),
        status: http.status.clone(),
        follow: http.follow,
    }
}

pub(super) fn tree_of(tree: &doc::Tree) -> Tree {
    match tree {
        doc::Tree::Plain(value) => Tree::Plain(value.clone()),
        doc::Tree::Text(text) => Tree::Text(template(text)),
        doc::Tree::List(items) => Tree::List(items.iter().map(tree_of).collect()),
        doc::Tree::Map(entries) => Tree::Map(entries.iter().map(|(k, v)| (k.clone(), tree_of(v))).collect()),
    }
}
