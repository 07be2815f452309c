//! Keeps of a page of instances only what is looked at, while it comes.
//!
//! Of each instance AWS tells some sixty things in a few kilobytes, and all pages of a Region come at once. To have them all in memory
//! takes longer than to read them.

use super::bounded::{Refused, is_item, within};
use crate::limits::MARKUP_BYTES;

/// Whether somebody looks at an element, by the names of what it is in. What is not known here is kept.
///
/// Source: [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
fn is_looked_at([grandparent, parent]: [&[u8]; 2], name: &[u8]) -> bool {
    let names: &[&[u8]] = match (grandparent, parent) {
        (b"reservationSet", _) => &[b"ownerId", b"instancesSet"],
        (b"instancesSet", _) => &[
            b"instanceId",
            b"instanceState",
            b"iamInstanceProfile",
            b"metadataOptions",
            b"vpcId",
            b"privateIpAddress",
            b"networkInterfaceSet",
            b"tagSet",
        ],
        (b"networkInterfaceSet", _) => {
            &[b"attachment", b"subnetId", b"privateIpAddress", b"association", b"groupSet", b"ipv6AddressesSet"]
        }
        (_, b"instanceState") => &[b"name"],
        (_, b"iamInstanceProfile") => &[b"arn", b"id"],
        (_, b"metadataOptions") => &[b"httpEndpoint", b"httpTokens", b"state"],
        (_, b"attachment") => &[b"deviceIndex", b"networkCardIndex"],
        (_, b"association") => &[b"publicIp"],
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
    open: Names,
    items: usize,
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
    /// If the page is not as AWS writes one, or beyond what AWS gives.
    pub(super) fn take(&mut self, mut chunk: &[u8]) -> Result<(), Refused> {
        // Markup that has begun is read once it ends, and what is behind it where it is.
        while !self.begun.is_empty() && !chunk.is_empty() {
            let more = memchr::memchr(b'>', chunk).map_or(chunk.len(), |end| end + 1);
            let (end, behind) = chunk.split_at_checked(more).unwrap_or_default();
            let mut begun = std::mem::take(&mut self.begun);
            begun.extend_from_slice(end);
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
        if self.open.level() > 0 {
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
            // Nearly each end tag is this one.
            if let Some(length) = self.open.end_tag(rest(place)) {
                at = place + length;
                settled = self.close(None, settled, at)?;
                continue;
            }
            let markup = Markup::read(rest(place))?;
            let length = markup.as_ref().map_or(bytes.len() - place, |(_, length)| *length);
            if length > MARKUP_BYTES {
                return Err(Refused::Malformed);
            }
            let Some((markup, _)) = markup else {
                self.keep(bytes.get(settled..place));
                return Ok(place);
            };
            at = place + length;
            match markup {
                Markup::Start { name, is_empty } => {
                    let leaves_out = self.left_out.is_none() && !is_looked_at(self.open.last_two(), local(name));
                    self.items += usize::from(is_item(name));
                    self.open.push(name);
                    within(self.open.level(), self.items)?;
                    if leaves_out {
                        self.keep(bytes.get(settled..place));
                        self.left_out = Some(self.open.level());
                    }
                    if is_empty {
                        settled = self.close(None, settled, at)?;
                    }
                }
                Markup::End { name } => settled = self.close(Some(name), settled, at)?,
                Markup::Other => {}
            }
        }
        self.keep(bytes.get(settled..));
        Ok(bytes.len())
    }

    /// Goes out of an element at its end, which must have this name where there is one; says from where on nothing is settled.
    fn close(&mut self, name: Option<&[u8]>, settled: usize, end: usize) -> Result<usize, Refused> {
        let is_end = self.left_out == Some(self.open.level());
        self.open.pop(name)?;
        if is_end {
            self.left_out = None;
        }
        Ok(if is_end { end } else { settled })
    }

    fn keep(&mut self, bytes: Option<&[u8]>) {
        if self.left_out.is_none() {
            self.kept.extend_from_slice(bytes.unwrap_or_default());
        }
    }
}

/// The names of the elements that are open, behind one another.
#[derive(Default)]
struct Names {
    text: Vec<u8>,
    begins: Vec<usize>,
}

impl Names {
    fn push(&mut self, name: &[u8]) {
        self.begins.push(self.text.len());
        self.text.extend_from_slice(name);
    }

    /// Takes away the last one, which must be this where there is one.
    fn pop(&mut self, name: Option<&[u8]>) -> Result<(), Refused> {
        let begin = self.begins.pop().ok_or(Refused::Malformed)?;
        if name.is_some_and(|name| self.text.get(begin..) != Some(name)) {
            return Err(Refused::Malformed);
        }
        self.text.truncate(begin);
        Ok(())
    }

    /// The length of the last one's end tag, if `bytes` begins with it.
    fn end_tag(&self, bytes: &[u8]) -> Option<usize> {
        let name = self.text.get(*self.begins.last()?..)?;
        let behind = bytes.strip_prefix(b"</")?.strip_prefix(name)?;
        (behind.first() == Some(&b'>')).then_some(name.len() + 3)
    }

    /// The level of the last one; that of the root is 1.
    fn level(&self) -> usize {
        self.begins.len()
    }

    /// The last two, without prefixes; empty where there are none.
    fn last_two(&self) -> [&[u8]; 2] {
        let mut ends = self.begins.iter().rev();
        let mut name = |end: usize| {
            let begin = ends.next().copied().unwrap_or_default();
            (begin, local(self.text.get(begin..end).unwrap_or_default()))
        };
        let (begin, last) = name(self.text.len());
        [name(begin).1, last]
    }
}

/// A name without its prefix.
fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b':').next().unwrap_or_default()
}

/// What stands between a `<` and its `>`.
enum Markup<'b> {
    Start { name: &'b [u8], is_empty: bool },
    End { name: &'b [u8] },
    Other,
}

impl Markup<'_> {
    /// The markup at the beginning of `bytes` and its length; `None` if it does not end there.
    fn read(bytes: &[u8]) -> Result<Option<(Markup<'_>, usize)>, Refused> {
        let other = |begin: usize, end: &[u8]| {
            let place = memchr::memmem::find(bytes.get(begin..).unwrap_or_default(), end);
            Ok(place.map(|place| (Markup::Other, begin + place + end.len())))
        };
        const COMMENT: &[u8] = b"<!--";
        const CDATA: &[u8] = b"<![CDATA[";
        if bytes.starts_with(COMMENT) {
            return other(COMMENT.len(), b"-->");
        } else if bytes.starts_with(CDATA) {
            return other(CDATA.len(), b"]]>");
        } else if bytes.starts_with(b"<?") {
            return other(2, b"?>");
        } else if COMMENT.starts_with(bytes) || CDATA.starts_with(bytes) {
            return Ok(None);
        } else if bytes.starts_with(b"<!") {
            return Err(Refused::Malformed);
        }
        let Some(end) = end_of_tag(bytes) else { return Ok(None) };
        let tag = bytes.get(1..end).unwrap_or_default();
        let (is_end, tag) = tag.strip_prefix(b"/").map_or((false, tag), |tag| (true, tag));
        let is_empty = !is_end && tag.ends_with(b"/");
        let tag = if is_empty { tag.get(..tag.len() - 1).unwrap_or_default() } else { tag };
        let name = tag.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        match name {
            b"" => Err(Refused::Malformed),
            _ if is_end => Ok(Some((Markup::End { name }, end + 1))),
            _ => Ok(Some((Markup::Start { name, is_empty }, end + 1))),
        }
    }
}

/// Where the `>` of a tag is, which is none in quotes.
fn end_of_tag(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let place = at + memchr::memchr3(b'>', b'"', b'\'', bytes.get(at..)?)?;
        match bytes.get(place)? {
            b'>' => return Some(place),
            quote => at = place + 1 + memchr::memchr(*quote, bytes.get(place + 1..)?)? + 1,
        }
    }
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
            ("", "<a><!-- </a> --><!--> <a> --><![CDATA[</a><a>]]><?a > </a?>b</a>"),
            ("", "<a b=\">\"/><a b='/>'>\"</a ><a b=\"/\"\t/>"),
        ] {
            let more = page(&format!("{reservation}{RESERVATION}"), &format!("{INSTANCE}{instance}"));
            assert_eq!(excerpt(more.as_bytes(), []).unwrap(), whole, "{more}");
            let before = page(&format!("{RESERVATION}{reservation}"), &format!("{instance}{INSTANCE}"));
            assert_eq!(excerpt(before.as_bytes(), []).unwrap(), whole, "{before}");
        }
    }

    #[test]
    fn what_is_no_page_stays_as_it_is() {
        for text in ["", "{}", "<html><body>no</body></html>", "a < b", "<", "<!", "<!-- a", "<a b", "<![CDATA[<a>]]>"]
        {
            assert_eq!(excerpt(text.as_bytes(), []).unwrap(), text);
        }
    }

    /// Whoever reads a text that markup is in refuses it.
    #[test]
    fn markup_in_a_text_stays() {
        for text in ["<instanceId>i-<x>1</x></instanceId>", "<iamInstanceProfile><arn>a<x/></arn></iamInstanceProfile>"]
        {
            let page = page(RESERVATION, &format!("{text}<tagSet><tag><key>a<b/></key></tag></tagSet>"));
            assert_eq!(excerpt(page.as_bytes(), []).unwrap(), page);
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
            assert!(matches!(excerpt(endless.as_bytes(), pieces), Err(Refused::Malformed)));
            assert!(matches!(excerpt((endless + "-->").as_bytes(), []), Err(Refused::Malformed)));
        }
    }

    #[test]
    fn what_does_not_balance_is_refused() {
        for wrong in [
            "<imageId><a></imageId>",
            "<imageId></a></imageId>",
            "</imageId>",
            "<imageId><imageId></imageId>",
            "<foo><b></foo></b>",
            "<imageId></item><item><instanceId></imageId>",
            "<foo><a></foo></item><item><foo></a></foo>",
            "<instan:eState><name>running</name></instanceState>",
            "<!DOCTYPE r [<!ENTITY a \"<b>\">]>",
            "< a></ a>",
            "<></>",
        ] {
            let page = page(RESERVATION, &format!("{wrong}{INSTANCE}</item><item>{INSTANCE}"));
            assert!(matches!(excerpt(page.as_bytes(), []), Err(Refused::Malformed)), "{wrong}");
        }
        assert!(matches!(excerpt(b"<a></a></b>", []), Err(Refused::Malformed)));
        assert!(matches!(excerpt(b"<a></a><b>", []), Err(Refused::Broken(_))));
    }

    proptest! {
        #[test]
        fn it_is_the_same_however_it_comes(
            pieces in proptest::collection::vec(0_usize..40, 0..80),
            comment in "(<!--[a-c<>/]{0,9}-->|<a b=\"[a-c>/]{0,3}\"/>|<b>[a-c]{0,3}</b>|<imageId>x</imageId>|<c/>){0,6}",
        ) {
            let page = page(RESERVATION, &format!("{comment}{INSTANCE}"));
            prop_assert_eq!(excerpt(page.as_bytes(), pieces).unwrap(), excerpt(page.as_bytes(), []).unwrap());
        }
    }
}
