//! HTTP requests, and trees of data with templates in them.

use super::cursor::{Field, Reader};
use super::scalars::is_anything;
use super::{advice, keys};
use crate::runbook::model::{Http, HttpBody, Tree};
use crate::text::{Code, Kind, Node};

const METHODS: [(&str, &str); 6] =
    [("get", "GET"), ("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE"), ("head", "HEAD")];

impl<'a> Reader<'a> {
    pub(super) fn http(&mut self, field: Field<'a>) -> Option<Http> {
        let obj = self.object(field, advice::object_name("http"), &[keys::METHODS, keys::HTTP].concat())?;
        let method = self.one_of(&obj, keys::METHODS);
        let mut bodies = obj.fields.iter().filter(|f| matches!(f.name, "body" | "json" | "form"));
        let body = bodies.next().copied();
        if let (Some(first), Some(second)) = (body, bodies.next()) {
            let place = self.place(first.key);
            let message = format!("a request has both `{}` and `{}`", first.name, second.name);
            let problem = self.error(Code::ONE_OF, message, second.key);
            problem.also.push((place, "the first one".into()));
        }
        let status = obj.get("status").map(|f| self.ints(f, 100..=599)).unwrap_or_default();
        let follow = obj.get("follow").and_then(|f| self.int(f, 0..=20)).unwrap_or(0);
        let headers = obj.get("headers").map(|f| self.named_texts(f, is_anything)).unwrap_or_default();
        let query = obj.get("query").map(|f| self.named_texts(f, is_anything)).unwrap_or_default();
        let body = body.and_then(|f| self.http_body(f));
        let (name, url) = (method?.name, self.text_as(method?, "a URL")?);
        Some(Http {
            method: METHODS.iter().find(|(key, _)| *key == name).map_or("GET", |(_, method)| method),
            url,
            headers,
            query,
            body,
            status: status.into_iter().filter_map(|s| u16::try_from(s).ok()).collect(),
            follow: u8::try_from(follow).unwrap_or(0),
        })
    }

    fn http_body(&mut self, field: Field<'a>) -> Option<HttpBody> {
        match field.name {
            "json" => Some(HttpBody::Json(self.tree(field.node))),
            "form" => Some(HttpBody::Form(self.named_texts(field, is_anything))),
            _ => self.text(field).map(HttpBody::Text),
        }
    }

    /// Data as written; strings are templates.
    pub(super) fn tree(&mut self, node: &'a Node) -> Tree {
        match &node.kind {
            Kind::Str => Tree::Text(self.text_of(node, node.scalar().unwrap_or_default())),
            Kind::Seq(items) => Tree::List(items.iter().map(|item| self.tree(item)).collect()),
            Kind::Map(entries) => Tree::Map(entries.iter().map(|e| (e.key.clone(), self.tree(&e.value))).collect()),
            _ => Tree::Plain(node.json()),
        }
    }
}
