//! The Regions that are known, and what is wrong with the name of one.

/// The Regions of Systems Manager as botocore 1.44.8 lists them, for suggestions only: others are typed.
pub const REGIONS: [&str; 39] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// So alike two names must be for one to be a typo of the other.
const ALIKE: f64 = 0.8;

/// What is wrong with the form of a name, if anything, and what is meant.
pub fn mistake(region: &str) -> Option<String> {
    let parts = region.split('-').count();
    let legible = region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if legible && parts >= 3 && region.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let zone = region.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let hint = match region.len() == zone.len() + 1 && zone.ends_with(|c: char| c.is_ascii_digit()) {
        true => format!("did you mean `{zone}`?"),
        false => match nearest(region) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a Region is called like `us-east-1`".to_owned(),
        },
    };
    Some(format!("`{region}` is not a Region; {hint}"))
}

/// Whether there is such a Region, as far as is known here: there are newer ones.
pub fn is_known(region: &str) -> bool {
    REGIONS.contains(&region)
}

/// The known Region whose name is most like this.
pub fn nearest(region: &str) -> Option<&'static str> {
    let region = region.to_lowercase();
    crate::nearest::nearest(REGIONS, |known| strsim::normalized_damerau_levenshtein(known, &region), ALIKE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant() {
        for (typed, meant) in [
            ("US-EAST-1", Some("us-east-1")),
            ("us-esat-1", Some("us-east-1")),
            ("us-east1", Some("us-east-1")),
            ("eu-wst-1", Some("eu-west-1")),
            ("us-east-1a", Some("us-east-1")),
            ("nowhere", None),
        ] {
            assert_eq!(nearest(typed), meant, "{typed}");
        }
        assert_eq!(mistake("us-east-1"), None);
        assert_eq!(mistake("us-esat-1"), None);
        assert_eq!(mistake("US-EAST-1").unwrap(), "`US-EAST-1` is not a Region; did you mean `us-east-1`?");
        assert_eq!(mistake("us-east-1a").unwrap(), "`us-east-1a` is not a Region; did you mean `us-east-1`?");
        assert_eq!(mistake("nowhere").unwrap(), "`nowhere` is not a Region; a Region is called like `us-east-1`");
    }
}
