//! The little XML that S3 speaks: refusals, listings, deletions.

use std::fmt::Write;

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::Event;

/// Why a request was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: String,
    pub message: String,
    /// The region that would have been right, where the store says so.
    pub region: String,
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Names and lengths.
    pub objects: Vec<(String, u64)>,
    /// The token of the next page.
    pub next: Option<String>,
}

/// What became of the keys of a deletion: gone, or not with this code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Deletion {
    pub gone: Vec<String>,
    pub kept: Vec<(String, String)>,
}

/// Reads an error document; whatever is no such thing is an empty refusal.
pub(super) fn refusal(xml: &str) -> Refusal {
    let mut refusal = Refusal::default();
    let read = each_element(xml, |parent, name, text| match (parent, name) {
        ("Error", "Code") => refusal.code = text,
        ("Error", "Message") => refusal.message = text,
        ("Error", "Region") => refusal.region = text,
        _ => {}
    });
    read.map_or_else(|_| Refusal::default(), |()| refusal)
}

/// Reads a page of a version 2 listing.
pub(super) fn page(xml: &str) -> Result<Page, String> {
    let mut page = Page::default();
    let (mut known, mut truncated, mut token) = (false, false, None);
    let (mut key, mut bytes) = (None, None);
    each_element(xml, |parent, name, text| match (parent, name) {
        ("Contents", "Key") => key = Some(text),
        ("Contents", "Size") => bytes = text.trim().parse().ok(),
        ("ListBucketResult", "Contents") => page.objects.extend(key.take().zip(bytes.take())),
        ("ListBucketResult", "IsTruncated") => truncated = text.trim() == "true",
        ("ListBucketResult", "NextContinuationToken") => token = Some(text),
        ("", "ListBucketResult") => known = true,
        _ => {}
    })?;
    if !known || (truncated && token.is_none()) {
        return Err("not a listing".to_owned());
    }
    page.next = token.filter(|_| truncated);
    Ok(page)
}

/// Reads the answer to a deletion of many.
pub(super) fn deletion(xml: &str) -> Result<Deletion, String> {
    let mut deletion = Deletion::default();
    let mut known = false;
    let (mut key, mut code) = (None, None);
    each_element(xml, |parent, name, text| match (parent, name) {
        ("Deleted" | "Error", "Key") => key = Some(text),
        ("Error", "Code") => code = Some(text),
        ("DeleteResult", "Deleted") => deletion.gone.extend(key.take()),
        ("DeleteResult", "Error") => deletion.kept.extend(key.take().zip(code.take())),
        ("", "DeleteResult") => known = true,
        _ => {}
    })?;
    if known { Ok(deletion) } else { Err("not the answer to a deletion".to_owned()) }
}

/// The request for a deletion of many.
pub(super) fn deletion_request(keys: &[String]) -> String {
    let mut xml = String::from(r#"<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#);
    for key in keys {
        // Writing to a string cannot fail.
        let _ = write!(xml, "<Object><Key>{}</Key></Object>", escape(key.as_str()));
    }
    xml.push_str("</Delete>");
    xml
}

/// Elements deeper than this are no answer of a store.
const DEPTH_MAX: usize = 16;

/// Calls `ended(parent, name, text)` at the end of each element; the text is what stands behind its last child.
fn each_element(xml: &str, mut ended: impl FnMut(&str, &str, String)) -> Result<(), String> {
    let mut reader = Reader::from_str(xml);
    let mut open: Vec<String> = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                if open.len() == DEPTH_MAX {
                    return Err("nested too deep".to_owned());
                }
                open.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
                text.clear();
            }
            Event::Empty(empty) => {
                let name = String::from_utf8_lossy(empty.local_name().as_ref()).into_owned();
                ended(open.last().map_or("", String::as_str), &name, String::new());
            }
            Event::End(_) => {
                let name = open.pop().ok_or("an end without a start")?;
                ended(open.last().map_or("", String::as_str), &name, std::mem::take(&mut text));
            }
            Event::Text(piece) => text.push_str(&piece.decode().map_err(|error| error.to_string())?),
            Event::CData(piece) => text.push_str(&piece.decode().map_err(|error| error.to_string())?),
            Event::GeneralRef(entity) => match entity.resolve_char_ref().map_err(|error| error.to_string())? {
                Some(character) => text.push(character),
                None => {
                    let name = entity.decode().map_err(|error| error.to_string())?;
                    text.push_str(resolve_predefined_entity(&name).ok_or_else(|| format!("unknown entity {name}"))?);
                }
            },
            Event::Eof if open.is_empty() => return Ok(()),
            Event::Eof => return Err("it ends too early".to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal() {
        let xml = "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Message>It &lt;is&gt; &#110;ot here</Message>\
                   <Region>eu-west-1</Region></Error>";
        let read = refusal(xml);
        assert_eq!((read.code.as_str(), read.message.as_str()), ("NoSuchKey", "It <is> not here"));
        assert_eq!(read.region, "eu-west-1");
        assert_eq!(refusal("<html><body>nonsense"), Refusal::default());
        assert_eq!(refusal(""), Refusal::default());
    }

    #[test]
    fn a_listing() {
        let xml = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix/>\
                   <Contents><Key>a/b&amp;c</Key><Size>12</Size><Owner><ID>x</ID></Owner></Contents>\
                   <Contents><Size>0</Size><Key>a/d</Key></Contents>\
                   <IsTruncated>true</IsTruncated><NextContinuationToken>tok==</NextContinuationToken></ListBucketResult>";
        let read = page(xml).expect("a listing");
        assert_eq!(read.objects, [("a/b&c".to_owned(), 12), ("a/d".to_owned(), 0)]);
        assert_eq!(read.next.as_deref(), Some("tok=="));
        let last = page("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>").expect("a listing");
        assert_eq!(last, Page::default());
        for wrong in ["", "<Error/>", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "<a><b>"]
        {
            assert!(page(wrong).is_err(), "{wrong}");
        }
        assert!(page(&"<a>".repeat(100)).is_err());
    }

    #[test]
    fn a_deletion() {
        let request = deletion_request(&["a".to_owned(), "b&c".to_owned()]);
        assert!(request.contains("<Object><Key>a</Key></Object><Object><Key>b&amp;c</Key></Object></Delete>"));
        let xml = "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code>\
                   <Message>no</Message></Error><Deleted><Key>c</Key></Deleted></DeleteResult>";
        let read = deletion(xml).expect("an answer");
        assert_eq!(read.gone, ["a", "c"]);
        assert_eq!(read.kept, [("b".to_owned(), "AccessDenied".to_owned())]);
        assert!(deletion("<Error><Code>x</Code></Error>").is_err());
    }
}
