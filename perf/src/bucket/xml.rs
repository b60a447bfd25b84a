//! The XML of listings and of deletions of many.

use std::fmt::Write;

use super::objects::Page;

/// A page of a version 2 listing; keys are named without their bucket.
pub fn listing(page: &Page, bucket: &str) -> String {
    let inside = |key: &str| escape(key.strip_prefix(bucket).unwrap_or(key).trim_start_matches('/'));
    let mut xml = format!("<ListBucketResult><IsTruncated>{}</IsTruncated>", page.more);
    if let Some((last, _)) = page.objects.last().filter(|_| page.more) {
        // Writing to a string cannot fail, here and below.
        let _ = write!(xml, "<NextContinuationToken>{}</NextContinuationToken>", inside(last));
    }
    for (key, length) in &page.objects {
        let _ = write!(xml, "<Contents><Key>{}</Key><Size>{length}</Size></Contents>", inside(key));
    }
    xml.push_str("</ListBucketResult>");
    xml
}

/// The keys that a deletion names.
pub fn keys(xml: &str) -> Vec<String> {
    let keys = xml.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
    keys.map(|(key, _)| unescape(key)).collect()
}

/// The answer to it.
pub fn deleted(keys: &[String]) -> String {
    let deleted = keys.iter().map(|key| format!("<Deleted><Key>{}</Key></Deleted>", escape(key)));
    format!("<DeleteResult>{}</DeleteResult>", deleted.collect::<String>())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescape(text: &str) -> String {
    let quotes = text.replace("&quot;", "\"").replace("&apos;", "'");
    quotes.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive() {
        let request = "<Delete><Object><Key>a&amp;lt;b</Key></Object><Object><Key>c&lt;d</Key></Object></Delete>";
        let found = keys(request);
        assert_eq!(found, ["a&lt;b", "c<d"]);
        assert_eq!(keys(&deleted(&found)), found);
        let page = Page { objects: vec![("birds/a&b".to_owned(), 7)], more: true };
        let xml = listing(&page, "birds");
        assert!(xml.contains("<Key>a&amp;b</Key><Size>7</Size>"), "{xml}");
        assert!(xml.contains("<NextContinuationToken>a&amp;b<"), "{xml}");
    }
}
