//! OpenTelemetry's `MetricsData`, as far as clients of Kafka use it: gauges and sums with their attributes.
//!
//! | message | field | what |
//! | --- | --- | --- |
//! | MetricsData | 1 | ResourceMetrics |
//! | ResourceMetrics | 1, 2 | Resource, ScopeMetrics |
//! | Resource | 1 | KeyValue |
//! | ScopeMetrics | 2 | Metric |
//! | Metric | 1, 5, 7 | name, Gauge, Sum |
//! | Gauge, Sum | 1 | NumberDataPoint |
//! | Sum | 2 | temporality: 1 is delta |
//! | NumberDataPoint | 4, 6, 7 | double, integer (both in 8 bytes), KeyValue |
//! | KeyValue | 1, 2 | key, AnyValue |
//! | AnyValue | 1, 2, 3, 4 | string, boolean, integer, double (8 bytes) |
//!
//! Anything else is passed over. Nothing is allocated but for the numbers that are found, and these are counted.

use std::sync::Arc;

use crate::limits::TELEMETRY_NAME_BYTES_MAX;

/// Kafka asks for it, because the broker then need not know what a client said before it came here.
const DELTA: u64 = 1;

/// A number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    pub name: Arc<str>,
    /// `key=value`, separated by commas: the client's own, then those of what is counted.
    pub attributes: Arc<str>,
    pub value: f64,
    /// To be added to what was said before.
    pub is_delta: bool,
}

/// A field's value, by how it stands there.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Number(u64),
    Eight([u8; 8]),
    Four,
    Bytes(&'a [u8]),
}

/// The fields of a message, in order.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next field and its number; nothing at the end, an error where the bytes are no field.
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, ()> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint().ok_or(())?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint().ok_or(())?),
            1 => Value::Eight(self.take(8).and_then(|bytes| bytes.try_into().ok()).ok_or(())?),
            2 => {
                let length = usize::try_from(self.varint().ok_or(())?).map_err(|_| ())?;
                Value::Bytes(self.take(length).ok_or(())?)
            }
            5 => {
                self.take(4).ok_or(())?;
                Value::Four
            }
            _ => return Err(()),
        };
        Ok(Some((tag >> 3, value)))
    }

    /// Shows every field.
    fn each(mut self, mut show: impl FnMut(u64, Value<'a>) -> Result<(), ()>) -> Result<(), ()> {
        while let Some((number, value)) = self.next()? {
            show(number, value)?;
        }
        Ok(())
    }
}

/// The numbers of a push, so many of them at most; nothing where the bytes are no push.
pub(super) fn points(bytes: &[u8], count_max: usize) -> Option<Vec<Point>> {
    let mut points = Vec::new();
    let read = Fields(bytes).each(|number, value| match (number, value) {
        (1, Value::Bytes(resource)) => resource_metrics(resource, count_max, &mut points),
        _ => Ok(()),
    });
    read.ok().map(|()| points)
}

fn resource_metrics(bytes: &[u8], count_max: usize, points: &mut Vec<Point>) -> Result<(), ()> {
    let mut own = String::new();
    Fields(bytes).each(|number, value| match (number, value) {
        (1, Value::Bytes(resource)) => Fields(resource).each(|number, value| match (number, value) {
            (1, Value::Bytes(pair)) => attribute(pair, &mut own),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })?;
    Fields(bytes).each(|number, value| match (number, value) {
        (2, Value::Bytes(scope)) => Fields(scope).each(|number, value| match (number, value) {
            (2, Value::Bytes(found)) => metric(found, &own, count_max, points),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}

fn metric(bytes: &[u8], own: &str, count_max: usize, points: &mut Vec<Point>) -> Result<(), ()> {
    let (mut name, mut data) = ("", None);
    Fields(bytes).each(|number, value| {
        match (number, value) {
            (1, Value::Bytes(text)) => name = std::str::from_utf8(text).map_err(|_| ())?,
            (5 | 7, Value::Bytes(found)) => data = Some(found),
            _ => {}
        }
        Ok(())
    })?;
    let Some(data) = data else { return Ok(()) };
    let mut temporality = 0;
    Fields(data).each(|number, value| {
        if let (2, Value::Number(found)) = (number, value) {
            temporality = found;
        }
        Ok(())
    })?;
    let name: Arc<str> = Arc::from(name);
    Fields(data).each(|number, value| match (number, value) {
        (1, Value::Bytes(found)) => {
            let (value, attributes) = data_point(found, own)?;
            let is_short = name.len() + attributes.len() <= TELEMETRY_NAME_BYTES_MAX;
            if let Some(value) = value.filter(|value| value.is_finite() && is_short && points.len() < count_max) {
                let (name, attributes) = (Arc::clone(&name), Arc::from(attributes));
                points.push(Point { name, attributes, value, is_delta: temporality == DELTA });
            }
            Ok(())
        }
        _ => Ok(()),
    })
}

fn data_point(bytes: &[u8], own: &str) -> Result<(Option<f64>, String), ()> {
    let (mut found, mut attributes) = (None, own.to_owned());
    Fields(bytes).each(|number, value| {
        match (number, value) {
            (4, Value::Eight(bytes)) => found = Some(f64::from_le_bytes(bytes)),
            (6, Value::Eight(bytes)) => found = Some(i64::from_le_bytes(bytes) as f64),
            (7, Value::Bytes(pair)) => attribute(pair, &mut attributes)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((found, attributes))
}

/// Appends an attribute, where there is room for it.
fn attribute(bytes: &[u8], out: &mut String) -> Result<(), ()> {
    let (mut key, mut told) = ("", String::new());
    Fields(bytes).each(|number, value| {
        match (number, value) {
            (1, Value::Bytes(text)) => key = std::str::from_utf8(text).map_err(|_| ())?,
            (2, Value::Bytes(any)) => told = any_value(any)?,
            _ => {}
        }
        Ok(())
    })?;
    if out.len() + key.len() + told.len() + 2 <= TELEMETRY_NAME_BYTES_MAX {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(key);
        out.push('=');
        out.push_str(&told);
    }
    Ok(())
}

fn any_value(bytes: &[u8]) -> Result<String, ()> {
    let mut told = String::new();
    Fields(bytes).each(|number, value| {
        match (number, value) {
            (1, Value::Bytes(text)) if text.len() <= TELEMETRY_NAME_BYTES_MAX => {
                told = std::str::from_utf8(text).map_err(|_| ())?.to_owned();
            }
            (2, Value::Number(answer)) => told = (answer != 0).to_string(),
            (3, Value::Number(number)) => told = (number as i64).to_string(),
            (4, Value::Eight(bytes)) => told = f64::from_le_bytes(bytes).to_string(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(told)
}
