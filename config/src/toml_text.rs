//! TOML, as entries with their lines.

use crate::{Entry, SyntaxError, Value};
use toml::de::{DeTable, DeValue};

/// Reads as much as can be read; what can't is in the second list.
pub(crate) fn parse(text: &str) -> (Vec<Entry>, Vec<SyntaxError>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let line_of =
        |offset: usize| 1 + text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count();
    let error = |error: toml::de::Error| SyntaxError {
        line: error.span().map(|span| line_of(span.start.min(text.len()))),
        what: error.message().replace('\n', " "),
    };
    let mut entries = Vec::new();
    flatten(table.get_ref(), &mut Vec::new(), &line_of, &mut entries);
    let mut errors: Vec<_> = errors.into_iter().map(error).collect();
    // The parser sorts by key and by stage; people read in the order of their file.
    entries.sort_by_key(|entry| entry.line);
    errors.sort_by_key(|error| error.line);
    (entries, errors)
}

fn flatten(
    table: &DeTable<'_>,
    path: &mut Vec<String>,
    line_of: &impl Fn(usize) -> usize,
    entries: &mut Vec<Entry>,
) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        if let Some(inner) = value.get_ref().as_table()
            && !inner.is_empty()
        {
            flatten(inner, path, line_of, entries);
        } else {
            entries.push(Entry {
                path: path.clone(),
                value: value_of(value.get_ref()),
                line: Some(line_of(key.span().start)),
            });
        }
        path.pop();
    }
}

fn value_of(value: &DeValue<'_>) -> Value {
    if value.is_table() {
        return Value::Empty;
    }
    match value.as_array() {
        Some(items) => {
            let items = items.iter().map(|item| scalar(item.get_ref()));
            items.collect::<Option<_>>().map_or(Value::Nested, Value::Many)
        }
        None => scalar(value).map_or(Value::Nested, Value::One),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => return None,
    })
}
