//! Keeps of a page of instances only what is looked at, while it comes.
//!
//! Of each instance AWS tells some sixty things in a few kilobytes, and all pages of a Region come at once. To have them all in memory
//! takes longer than to read them.

use super::bounded::{Levels, Refused};
use crate::limits::MARKUP_BYTES;

/// Whether somebody looks at an element on this level; the root is on the first one.
///
/// Source: [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
fn is_looked_at(level: usize, name: &[u8]) -> bool {
    let names: &[&[u8]] = match level {
        // Of a reservation.
        4 => &[b"ownerId", b"instancesSet"],
        // Of an instance.
        6 => &[
            b"instanceId",
            b"instanceState",
            b"iamInstanceProfile",
            b"metadataOptions",
            b"vpcId",
            b"privateIpAddress",
            b"networkInterfaceSet",
            b"tagSet",
        ],
        // Of its lists, its state, its profile and its metadata options.
        7 => &[b"item", b"name", b"arn", b"id", b"httpEndpoint", b"httpTokens", b"state"],
        // Of a tag and of a network interface.
        8 => &[
            b"key",
            b"value",
            b"attachment",
            b"subnetId",
            b"privateIpAddress",
            b"association",
            b"groupSet",
            b"ipv6AddressesSet",
        ],
        // Of the lists, the attachment and the association of a network interface.
        9 => &[b"item", b"deviceIndex", b"networkCardIndex", b"publicIp"],
        _ => return true,
    };
    names.contains(&name)
}

/// A page as far as it came, without what nobody looks at.
#[derive(Default)]
pub(super) struct Excerpt {
    kept: Vec<u8>,
    /// Markup that has begun and not ended yet.
    begun: Vec<u8>,
    levels: Levels,
    /// The level of the element that is being left out.
    left_out: Option<usize>,
}

impl Excerpt {
    /// Of a page of so many bytes.
    pub(super) fn of_page(bytes: usize) -> Excerpt {
        // What is kept of an instance is less than half of it, so that this is not copied as it grows.
        Excerpt { kept: Vec::with_capacity(bytes / 2), ..Excerpt::default() }
    }

    /// Takes in what came.
    ///
    /// # Errors
    /// If the page is beyond what AWS gives.
    pub(super) fn take(&mut self, mut chunk: &[u8]) -> Result<(), Refused> {
        // Markup that has begun is read once it ends, and what is behind it where it is.
        while !self.begun.is_empty() && !chunk.is_empty() {
            let more = memchr::memchr(b'>', chunk).map_or(chunk.len(), |end| end + 1);
            let (end, behind) = chunk.split_at_checked(more).unwrap_or_default();
            let mut begun = std::mem::take(&mut self.begun);
            begun.extend_from_slice(end);
            if begun.len() > MARKUP_BYTES {
                return Err(Refused::Broken("a tag does not end".into()));
            }
            let read = self.read(&begun)?;
            begun.drain(..read);
            (self.begun, chunk) = (begun, behind);
        }
        let read = self.read(chunk)?;
        self.begun.extend_from_slice(chunk.get(read..).unwrap_or_default());
        Ok(())
    }

    /// What was kept of the whole page.
    ///
    /// # Errors
    /// If it breaks off.
    pub(super) fn end(mut self) -> Result<Vec<u8>, Refused> {
        if self.left_out.is_some() {
            return Err(Refused::Broken("it breaks off".into()));
        }
        self.kept.append(&mut self.begun);
        Ok(self.kept)
    }

    /// Reads up to the last markup that ends; says how far that is.
    fn read(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        let rest = |from: usize| bytes.get(from..).unwrap_or_default();
        // From here on nothing was kept or left out yet.
        let mut settled = 0;
        let mut at = 0;
        while let Some(place) = memchr::memchr(b'<', rest(at)).map(|place| at + place) {
            let Some((markup, end)) = Markup::read(rest(place)).map(|(markup, length)| (markup, place + length)) else {
                self.keep(bytes.get(settled..place));
                return Ok(place);
            };
            at = end;
            match markup {
                Markup::Start { name, is_empty } => {
                    self.levels.open(name)?;
                    if self.left_out.is_none() && !is_looked_at(self.levels.level(), name) {
                        self.keep(bytes.get(settled..place));
                        self.left_out = Some(self.levels.level());
                    }
                    if is_empty {
                        settled = self.close(settled, end);
                    }
                }
                Markup::End => settled = self.close(settled, end),
                Markup::Other => {}
            }
        }
        self.keep(bytes.get(settled..));
        Ok(bytes.len())
    }

    /// Goes a level up at the end of an element; says from where on nothing is settled.
    fn close(&mut self, settled: usize, end: usize) -> usize {
        let is_end = self.left_out == Some(self.levels.level());
        self.levels.close();
        if is_end {
            self.left_out = None;
            return end;
        }
        settled
    }

    fn keep(&mut self, bytes: Option<&[u8]>) {
        if self.left_out.is_none() {
            self.kept.extend_from_slice(bytes.unwrap_or_default());
        }
    }
}

/// What stands between a `<` and its `>`.
enum Markup<'b> {
    Start { name: &'b [u8], is_empty: bool },
    End,
    Other,
}

impl Markup<'_> {
    /// The markup at the beginning of `bytes` and its length; `None` if it does not end there.
    fn read(bytes: &[u8]) -> Option<(Markup<'_>, usize)> {
        let ends_with = |end: &[u8]| memchr::memmem::find(bytes, end).map(|place| place + end.len());
        match bytes {
            [b'<', b'!', b'-', b'-', ..] => ends_with(b"-->").map(|length| (Markup::Other, length)),
            [b'<', b'!', b'[', ..] => ends_with(b"]]>").map(|length| (Markup::Other, length)),
            // What may still become one of those.
            [b'<'] | [b'<', b'!'] | [b'<', b'!', b'-'] => None,
            _ => {
                let end = memchr::memchr(b'>', bytes)?;
                let tag = bytes.get(1..end)?;
                let markup = match tag {
                    [b'/', ..] => Markup::End,
                    [b'!' | b'?', ..] => Markup::Other,
                    _ => Markup::Start { name: local_name(tag), is_empty: tag.ends_with(b"/") },
                };
                Some((markup, end + 1))
            }
        }
    }
}

/// The name of a tag without its prefix.
fn local_name(tag: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'/';
    let name = tag.split(is_end).next().unwrap_or_default();
    name.rsplit(|byte| *byte == b':').next().unwrap_or_default()
}

/// What is kept of a whole page that comes in pieces of so many bytes, for tests of who reads it.
#[cfg(test)]
pub(crate) fn of_pieces(page: &[u8], bytes: usize) -> Vec<u8> {
    let mut excerpt = Excerpt::of_page(page.len());
    page.chunks(bytes).for_each(|piece| excerpt.take(piece).unwrap());
    excerpt.end().unwrap()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::ANSWER_DEPTH;

    fn excerpt(page: &[u8], pieces: impl IntoIterator<Item = usize>) -> Result<String, Refused> {
        let mut excerpt = Excerpt::of_page(page.len());
        let mut rest = page;
        for piece in pieces {
            let (chunk, behind) = rest.split_at(piece.min(rest.len()));
            excerpt.take(chunk)?;
            rest = behind;
        }
        excerpt.take(rest)?;
        excerpt.end().map(|kept| String::from_utf8(kept).unwrap())
    }

    /// An instance with these fields in a reservation with those.
    fn page(reservation: &str, instance: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<R><requestId>1</requestId><reservationSet><item>{reservation}<instancesSet><item>{instance}\
             </item></instancesSet></item></reservationSet><nextToken>a</nextToken></R>"
        )
    }

    const RESERVATION: &str = "<ownerId>111122223333</ownerId>";
    const INSTANCE: &str = "<instanceId>i-1</instanceId><tagSet><item><key>a &lt;b&gt;</key><value/></item></tagSet>\
        <e:vpcId>vpc-1</e:vpcId>\
        <networkInterfaceSet><item><groupSet><item><groupId>sg-1</groupId></item></groupSet></item></networkInterfaceSet>";

    #[test]
    fn what_nobody_looks_at_is_left_out() {
        let whole = page(RESERVATION, INSTANCE);
        for (reservation, instance) in [
            ("<groupSet><item><groupId>sg-2</groupId></item></groupSet><requesterId/>", "<imageId>ami-1</imageId>"),
            ("", "<dnsName/><a b=\"c\"/><placement x=\"y\"><tagSet><vpcId>1</vpcId><a/></tagSet></placement>"),
            ("", "<blockDeviceMapping><item><ebs><status>a > b</status></ebs></item></blockDeviceMapping>"),
            ("", "<a><!-- </a> --><![CDATA[</a><a>]]><?a </a?>b</a>"),
        ] {
            let more = page(&format!("{reservation}{RESERVATION}"), &format!("{INSTANCE}{instance}"));
            assert_eq!(excerpt(more.as_bytes(), []).unwrap(), whole, "{more}");
            let before = page(&format!("{RESERVATION}{reservation}"), &format!("{instance}{INSTANCE}"));
            assert_eq!(excerpt(before.as_bytes(), []).unwrap(), whole, "{before}");
        }
    }

    #[test]
    fn what_is_no_page_stays_as_it_is() {
        for text in
            ["", "{}", "<html><body>no</body></html>", "a < b", "<", "<!", "<!-- a", "<a b", "<a></b></c></d><e>"]
        {
            assert_eq!(excerpt(text.as_bytes(), []).unwrap(), text);
        }
    }

    #[test]
    fn what_breaks_off_or_is_too_much_is_refused() {
        let cut = page(RESERVATION, &format!("{INSTANCE}<imageId>"));
        let cut = cut.split_inclusive("<imageId>").next().unwrap();
        assert!(matches!(excerpt(cut.as_bytes(), []), Err(Refused::Broken(_))));
        assert!(matches!(excerpt("<a>".repeat(ANSWER_DEPTH + 1).as_bytes(), []), Err(Refused::Deep)));
        for endless in ["<a ".to_owned() + &"b".repeat(MARKUP_BYTES), "<!-- ".to_owned() + &">".repeat(MARKUP_BYTES)] {
            let pieces = std::iter::repeat_n(1000, endless.len() / 1000);
            assert!(matches!(excerpt(endless.as_bytes(), pieces), Err(Refused::Broken(_))));
        }
    }

    /// Whoever reads what is kept sees that something was wrong with what is not.
    #[test]
    fn what_does_not_balance_balances_no_more() {
        for wrong in ["<imageId><a></imageId>", "<imageId></a></imageId>", "</imageId>", "<imageId><imageId></imageId>"]
        {
            let page = page(RESERVATION, &format!("{wrong}{INSTANCE}</item><item>{INSTANCE}"));
            if let Ok(kept) = excerpt(page.as_bytes(), []) {
                let mut xml = quick_xml::Reader::from_str(&kept);
                let root = std::iter::repeat_with(|| xml.read_event().unwrap()).find_map(|event| match event {
                    quick_xml::events::Event::Start(root) => Some(root.into_owned()),
                    _ => None,
                });
                assert!(xml.read_to_end(root.unwrap().name()).is_err(), "{wrong} {kept}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_the_same_however_it_comes(
            pieces in proptest::collection::vec(0_usize..40, 0..80),
            comment in "(<!--[a-c<>/-]{0,9}-->|<b>[a-c]{0,3}</b>|<imageId>x</imageId>|<c/>){0,6}",
        ) {
            let page = page(RESERVATION, &format!("{comment}{INSTANCE}"));
            prop_assert_eq!(excerpt(page.as_bytes(), pieces).unwrap(), excerpt(page.as_bytes(), []).unwrap());
        }
    }
}
