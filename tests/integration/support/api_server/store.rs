//! The objects of an API server, and what happened to them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use serde_json::{Value, json};

use super::request::Asked;

/// An object as it goes over the wire, and what selectors look at.
#[derive(Debug)]
pub struct Object {
    /// JSON.
    pub json: String,
    pub namespace: String,
    pub name: String,
    labels: BTreeMap<String, String>,
    r#type: String,
}

/// Something that happened.
#[derive(Clone)]
pub struct Happened {
    pub version: u64,
    resource: String,
    before: Option<Arc<Object>>,
    after: Option<Arc<Object>>,
}

type Key = (String, String, String);

/// Everything.
#[derive(Default)]
pub struct Store {
    objects: BTreeMap<Key, Arc<Object>>,
    /// The latest resource version.
    pub version: u64,
    history: Vec<Happened>,
    /// What happened up to here is forgotten.
    pub forgotten: u64,
}

impl Store {
    /// Creates or changes.
    pub fn put(&mut self, resource: &str, mut object: Value) -> u64 {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(Object::new(&object));
        let key = (resource.to_owned(), object.namespace.clone(), object.name.clone());
        let before = self.objects.insert(key, Arc::clone(&object));
        self.history.push(Happened { version: self.version, resource: resource.to_owned(), before, after: Some(object) });
        self.version
    }

    /// Deletes; the last words of an object carry a version of their own.
    pub fn delete(&mut self, resource: &str, namespace: &str, name: &str) {
        let key = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        let before = self.objects.remove(&key).expect("there is such an object");
        self.version += 1;
        let mut last: Value = serde_json::from_str(&before.json).unwrap();
        last["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let before = Some(Arc::new(Object::new(&last)));
        self.history.push(Happened { version: self.version, resource: resource.to_owned(), before, after: None });
    }

    /// Nothing that happened until now is known any more, and what a watch has seen until now is too old.
    pub fn forget_history(&mut self) {
        self.version += 1;
        self.forgotten = self.version;
        self.history.clear();
    }

    /// At most so many of the objects asked for, behind this one.
    pub fn list(&self, asked: &Asked, behind: Option<(String, String)>, limit: usize) -> (Vec<Arc<Object>>, bool) {
        let from = match behind {
            Some((namespace, name)) => Bound::Excluded((asked.resource.clone(), namespace, name)),
            None => Bound::Included((asked.resource.clone(), String::new(), String::new())),
        };
        let mut found = self
            .objects
            .range((from, Bound::Unbounded))
            .take_while(|((resource, ..), _)| *resource == asked.resource)
            .map(|(_, object)| object)
            .filter(|object| object.is_asked_for(asked));
        let page: Vec<_> = found.by_ref().take(limit).cloned().collect();
        (page, found.next().is_some())
    }

    /// What happened after this version, as a watch sees it: type and object.
    pub fn since(&self, asked: &Asked, version: u64) -> Vec<(&'static str, Arc<Object>)> {
        let begin = self.history.partition_point(|happened| happened.version <= version);
        let ours = self.history[begin..].iter().filter(|happened| happened.resource == asked.resource);
        ours.filter_map(|happened| {
            let was = happened.before.as_ref().filter(|object| object.is_asked_for(asked));
            let is = happened.after.as_ref().filter(|object| object.is_asked_for(asked));
            // What no longer matches a selector is deleted, as far as the watch goes.
            match (was, is) {
                (None, Some(object)) => Some(("ADDED", Arc::clone(object))),
                (Some(_), Some(object)) => Some(("MODIFIED", Arc::clone(object))),
                (Some(before), None) => Some(("DELETED", Arc::clone(happened.after.as_ref().unwrap_or(before)))),
                (None, None) => None,
            }
        })
        .collect()
    }
}

impl Object {
    fn new(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        let labels = metadata["labels"].as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect();
        Self {
            json: object.to_string(),
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]),
            labels,
            r#type: text(&object["type"]),
        }
    }

    fn is_asked_for(&self, asked: &Asked) -> bool {
        let namespace = asked.namespace.is_empty() || asked.namespace == self.namespace;
        let fields = terms(asked.value("fieldSelector")).all(|term| {
            holds(&term, |key| match key {
                "metadata.name" => Some(&*self.name),
                "metadata.namespace" => Some(&*self.namespace),
                "type" => Some(&*self.r#type),
                other => panic!("no field to select by: {other}"),
            })
        });
        namespace
            && fields
            && terms(asked.value("labelSelector")).all(|term| holds(&term, |key| self.labels.get(key).map(|value| &**value)))
    }
}

/// The terms of a selector: commas inside brackets do not part them.
fn terms(selector: Option<&str>) -> impl Iterator<Item = String> {
    let mut terms = vec![String::new()];
    let mut depth = 0;
    for character in selector.unwrap_or_default().chars() {
        depth += i32::from(character == '(') - i32::from(character == ')');
        match character {
            ',' if depth == 0 => terms.push(String::new()),
            _ => terms.last_mut().unwrap().push(character),
        }
    }
    terms.into_iter().filter(|term| !term.trim().is_empty())
}

fn holds<'a>(term: &str, value: impl Fn(&str) -> Option<&'a str>) -> bool {
    let is_in = |list: &str, value: Option<&str>| list.trim_matches(['(', ')', ' ']).split(',').any(|one| Some(one.trim()) == value);
    let term = term.trim();
    if let Some((key, list)) = term.split_once(" notin ") {
        return !is_in(list, value(key.trim()));
    }
    if let Some((key, list)) = term.split_once(" in ") {
        return is_in(list, value(key.trim()));
    }
    match (term.split_once("!="), term.split_once("==").or_else(|| term.split_once('='))) {
        (Some((key, wanted)), _) => value(key.trim()) != Some(wanted.trim()),
        (None, Some((key, wanted))) => value(key.trim()) == Some(wanted.trim()),
        (None, None) => match term.strip_prefix('!') {
            Some(key) => value(key.trim()).is_none(),
            None => value(term).is_some(),
        },
    }
}
