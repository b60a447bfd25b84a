//! What the README says of the code is what the code says of itself.

use std::collections::BTreeSet;

use apus_net::wire::keys::SERVED;

const README: &str = include_str!("../README.md");

/// The cells of the table behind a heading, row by row, without its head.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let start = README.find(heading).unwrap_or_else(|| panic!("README.md has no {heading:?}"));
    let rows =
        README[start..].lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2).map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn the_table_of_apis_is_the_one_that_is_served() {
    let rows = table("## APIs");
    let pairs = rows.iter().flat_map(|row| row.chunks(2)).filter(|pair| !pair[0].is_empty());
    let told: BTreeSet<String> = pairs.map(|pair| format!("{} {}", pair[0], pair[1].replace('–', "-"))).collect();
    let served: BTreeSet<String> =
        SERVED.iter().map(|served| format!("{:?} {}", served.key, served.versions)).collect();
    assert_eq!(told, served, "README.md, APIs: on the left what it says, on the right what is served");
}
