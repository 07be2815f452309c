//! A page of instances, read for what this tool looks at.

use std::collections::BTreeMap;

use memchr::memmem;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use thiserror::Error;

use super::ec2::RegionalInstance;
use crate::facts::{AttachedProfile, Fact, Instance, MetadataOptions, PrimaryInterface};

type Xml<'x> = Reader<&'x [u8]>;
type Read<T> = Result<T, BrokenPage>;

/// Why a page of instances cannot be understood.
#[derive(Debug, Error)]
pub(super) enum BrokenPage {
    /// It is no XML, in the parser's words.
    #[error("{0}")]
    Xml(String),
    #[error("it is empty")]
    Empty,
    #[error("it breaks off")]
    BreaksOff,
    #[error("there is markup where text is expected")]
    Markup,
    #[error("it has no list of reservations")]
    NoReservations,
    #[error("it names its next page in a way that is not known")]
    NextPage,
    #[error("a reservation has no list of instances")]
    NoInstances,
    #[error("an instance has no ID")]
    NoId,
}

/// The token of the page behind this one, found without reading the page; `None` for the last.
///
/// Source: [DescribeInstances](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
pub(super) fn next_token(body: &[u8]) -> Option<String> {
    // What people write into tags is escaped, so that this can be nothing else.
    const START: &[u8] = b"<nextToken>";
    let (_, rest) = body.split_at_checked(memmem::rfind(body, START)? + START.len())?;
    let token = std::str::from_utf8(rest.split(|byte| *byte == b'<').next()?).ok()?;
    unescape(token).ok().map(|token| token.into_owned()).filter(|token| !token.is_empty())
}

/// The instances of a page.
///
/// # Errors
/// If it cannot be understood.
pub(super) fn page(body: &[u8]) -> Read<Vec<RegionalInstance>> {
    let mut xml = Reader::from_reader(body);
    xml.config_mut().expand_empty_elements = true;
    let mut all = Vec::new();
    loop {
        match xml.read_event().map_err(broken)? {
            Event::Start(_) => break,
            Event::Eof => return Err(BrokenPage::Empty),
            _ => {}
        }
    }
    let mut token = String::new();
    let mut has_list = false;
    children(&mut xml, |xml, tag| match tag.local_name().as_ref() {
        b"reservationSet" => {
            has_list = true;
            items(xml, |xml| reservation(xml, &mut all))
        }
        b"nextToken" => text(xml, tag).map(|named| token = named),
        _ => skip(xml, tag),
    })?;
    match token.is_empty() || next_token(body).is_some() {
        true if has_list => Ok(all),
        true => Err(BrokenPage::NoReservations),
        // A page behind this one that was not seen at a glance would be lost.
        false => Err(BrokenPage::NextPage),
    }
}

fn reservation(xml: &mut Xml<'_>, all: &mut Vec<RegionalInstance>) -> Read<()> {
    let mut account = None;
    let mut instances = None;
    children(xml, |xml, tag| match tag.local_name().as_ref() {
        b"ownerId" => text(xml, tag).map(|text| account = Some(text)),
        b"instancesSet" => {
            let instances: &mut Vec<Box<Instance>> = instances.get_or_insert_default();
            items(xml, |xml| instance(xml).map(|instance| instances.push(Box::new(instance))))
        }
        _ => skip(xml, tag),
    })?;
    let instances = instances.ok_or(BrokenPage::NoInstances)?;
    all.extend(instances.into_iter().map(|instance| RegionalInstance { account: account.clone(), instance }));
    Ok(())
}

/// One instance.
fn instance(xml: &mut Xml<'_>) -> Read<Instance> {
    let mut id = None;
    let mut state = None;
    let mut profile = None;
    let mut metadata = None;
    let mut vpc = None;
    let mut private_ip = None;
    let mut tags = BTreeMap::new();
    let mut primary = None;
    children(xml, |xml, tag| {
        match tag.local_name().as_ref() {
            b"instanceId" => id = Some(text(xml, tag)?),
            b"instanceState" => [state] = texts(xml, ["name"])?,
            b"iamInstanceProfile" => {
                let [arn, id] = texts(xml, ["arn", "id"])?;
                // One without its ARN is still a profile: it cannot be read, and that is not the same as having none.
                let id = id.filter(|id| !id.is_empty());
                profile = Some(AttachedProfile { arn: arn.unwrap_or_default(), id });
            }
            b"metadataOptions" => {
                let [http_endpoint, http_tokens, state] = texts(xml, ["httpEndpoint", "httpTokens", "state"])?;
                metadata = Some(MetadataOptions { http_endpoint, http_tokens, state });
            }
            b"vpcId" => vpc = Some(text(xml, tag)?),
            b"privateIpAddress" => private_ip = Some(text(xml, tag)?),
            b"networkInterfaceSet" => items(xml, |xml| {
                if let Some(found) = primary_interface(xml)? {
                    primary = Some(found);
                }
                Ok(())
            })?,
            b"tagSet" => items(xml, |xml| {
                if let [Some(key), value] = texts(xml, ["key", "value"])? {
                    tags.insert(key, value.unwrap_or_default());
                }
                Ok(())
            })?,
            _ => skip(xml, tag)?,
        }
        Ok(())
    })?;
    let id = id.filter(|id| !id.is_empty() && !id.contains(char::is_whitespace)).ok_or(BrokenPage::NoId)?;
    Ok(Instance {
        id,
        name: tags.get("Name").cloned(),
        state: state.unwrap_or_else(|| "unknown".to_owned()),
        profile,
        association: Fact::Absent,
        metadata,
        interface: primary,
        vpc,
        private_ip,
        tags,
        agent_started: Fact::Absent,
        agent: Fact::Absent,
    })
}

/// A network interface; `None` if it is not the primary one
/// ([`InstanceNetworkInterface`](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceNetworkInterface.html)).
fn primary_interface(xml: &mut Xml<'_>) -> Read<Option<PrimaryInterface>> {
    let mut device = None;
    let mut subnet = None;
    let mut private_ip = None;
    let mut public_ip = None;
    let mut security_groups = Vec::new();
    let mut has_ipv6 = false;
    children(xml, |xml, tag| {
        match tag.local_name().as_ref() {
            b"attachment" => device = Some(texts(xml, ["deviceIndex", "networkCardIndex"])?),
            b"subnetId" => subnet = Some(text(xml, tag)?),
            b"privateIpAddress" => private_ip = Some(text(xml, tag)?),
            b"association" => [public_ip] = texts(xml, ["publicIp"])?,
            b"groupSet" => security_groups = group_ids(xml)?,
            b"ipv6AddressesSet" => items(xml, |xml| {
                has_ipv6 = true;
                texts(xml, ["ipv6Address"]).map(|[_]| ())
            })?,
            _ => skip(xml, tag)?,
        }
        Ok(())
    })?;
    let Some([index, card]) = device else { return Ok(None) };
    let is_primary = index.is_none_or(|index| index == "0") && card.is_none_or(|card| card == "0");
    let Some(subnet) = subnet.filter(|_| is_primary) else { return Ok(None) };
    Ok(Some(PrimaryInterface { subnet, security_groups, private_ip, public_ip, has_ipv6 }))
}

/// The ids of a list of security groups.
fn group_ids(xml: &mut Xml<'_>) -> Read<Vec<String>> {
    let mut ids = Vec::new();
    items(xml, |xml| {
        let [id] = texts(xml, ["groupId"])?;
        ids.extend(id);
        Ok(())
    })?;
    Ok(ids)
}

/// Goes through the children of the element whose start was read last, up to its end. `read` reads a child up to its end.
fn children(xml: &mut Xml<'_>, mut read: impl FnMut(&mut Xml<'_>, &BytesStart<'_>) -> Read<()>) -> Read<()> {
    loop {
        match xml.read_event().map_err(broken)? {
            Event::Start(tag) => read(xml, &tag)?,
            Event::End(_) => return Ok(()),
            Event::Eof => return Err(BrokenPage::BreaksOff),
            _ => {}
        }
    }
}

/// Goes through the elements of a list.
fn items(xml: &mut Xml<'_>, mut read: impl FnMut(&mut Xml<'_>) -> Read<()>) -> Read<()> {
    children(xml, |xml, _| read(xml))
}

fn skip(xml: &mut Xml<'_>, tag: &BytesStart<'_>) -> Read<()> {
    xml.read_to_end(tag.name()).map(|_| ()).map_err(broken)
}

fn text(xml: &mut Xml<'_>, tag: &BytesStart<'_>) -> Read<String> {
    let text = xml.read_text(tag.name()).map_err(broken)?;
    // AWS writes none, and what is not understood is not guessed at.
    if text.contains('<') {
        return Err(BrokenPage::Markup);
    }
    Ok(unescape(&text).map_err(broken)?.into_owned())
}

/// The texts of the children with these names.
fn texts<const N: usize>(xml: &mut Xml<'_>, names: [&str; N]) -> Read<[Option<String>; N]> {
    let mut texts = [const { None }; N];
    children(xml, |xml, tag| {
        let place = names.iter().position(|name| name.as_bytes() == tag.local_name().as_ref());
        match place.and_then(|place| texts.get_mut(place)) {
            Some(found) => text(xml, tag).map(|text| *found = Some(text)),
            None => skip(xml, tag),
        }
    })?;
    Ok(texts)
}

fn broken(error: impl std::fmt::Display) -> BrokenPage {
    BrokenPage::Xml(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::excerpt;

    const PAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>1</requestId>
  <reservationSet>
    <item>
      <reservationId>r-1</reservationId>
      <ownerId>111122223333</ownerId>
      <groupSet/>
      <instancesSet>
        <item>
          <instanceId>i-0123456789abcdef0</instanceId>
          <instanceState><code>16</code><name>running</name></instanceState>
          <networkInterfaceSet><item><vpcId>vpc-other</vpcId><privateIpAddress>10.9.9.9</privateIpAddress>
            <tagSet><item><key>Name</key><value>eni</value></item></tagSet></item></networkInterfaceSet>
          <vpcId>vpc-1</vpcId>
          <privateIpAddress>10.0.0.1</privateIpAddress>
          <iamInstanceProfile><arn>arn:aws:iam::111122223333:instance-profile/a/web</arn><id>AIPA1</id></iamInstanceProfile>
          <metadataOptions><state>applied</state><httpTokens>required</httpTokens><httpEndpoint>enabled</httpEndpoint></metadataOptions>
          <tagSet>
            <item><key>Name</key><value> a &lt;nextToken&gt; &amp; b </value></item>
            <item><key>Empty</key><value/></item>
          </tagSet>
        </item>
        <item><instanceId>i-0123456789abcdef1</instanceId></item>
      </instancesSet>
    </item>
    <item><ownerId>111122223333</ownerId><instancesSet/></item>
  </reservationSet>
  <nextToken>abc=&amp;</nextToken>
</DescribeInstancesResponse>"#;

    #[test]
    fn what_is_looked_at_is_read_and_what_looks_like_it_elsewhere_is_not() {
        let found = page(PAGE.as_bytes()).unwrap();
        let [RegionalInstance { account, instance }, RegionalInstance { instance: bare, .. }] = &found[..] else {
            panic!("{}", found.len())
        };
        assert_eq!(account.as_deref(), Some("111122223333"));
        assert_eq!((instance.id.as_str(), instance.state.as_str()), ("i-0123456789abcdef0", "running"));
        assert_eq!((instance.vpc.as_deref(), instance.private_ip.as_deref()), (Some("vpc-1"), Some("10.0.0.1")));
        let profile = instance.profile.as_ref().unwrap();
        assert_eq!(profile.arn, "arn:aws:iam::111122223333:instance-profile/a/web");
        assert_eq!(profile.id.as_deref(), Some("AIPA1"));
        assert!(instance.metadata.as_ref().unwrap().requires_tokens());
        // White space and escapes are part of what people wrote.
        assert_eq!(instance.name.as_deref(), Some(" a <nextToken> & b "));
        assert_eq!(instance.tags["Empty"], "");
        assert_eq!((bare.state.as_str(), bare.profile.is_none(), bare.metadata.is_none()), ("unknown", true, true));
    }

    #[test]
    fn what_is_kept_while_a_page_comes_is_all_that_is_looked_at() {
        let (interface, rest) = PAGE.split_once("<networkInterfaceSet><item>").unwrap();
        let body = format!(
            "{interface}<networkInterfaceSet><item><subnetId>subnet-1</subnetId><privateIpAddress>10.0.0.1</privateIpAddress>\
             <attachment><attachmentId>a</attachmentId><deviceIndex>0</deviceIndex><networkCardIndex>0</networkCardIndex></attachment>\
             <association><publicDnsName/><publicIp>192.0.2.1</publicIp></association><description>a &lt; b</description>\
             <groupSet><item><groupId>sg-1</groupId><groupName>web</groupName></item></groupSet>\
             <ipv6AddressesSet><item><ipv6Address>2001:db8::1</ipv6Address></item></ipv6AddressesSet></item><item>{rest}"
        );
        let whole = page(body.as_bytes()).unwrap();
        let interface = whole[0].instance.interface.as_ref().unwrap();
        assert_eq!(interface.public_ip.as_deref(), Some("192.0.2.1"));
        assert!(interface.has_ipv6 && interface.security_groups == ["sg-1"]);
        for bytes in [1, 2, 3, 7, 64, body.len()] {
            let kept = excerpt::of_pieces(body.as_bytes(), bytes);
            let found = page(&kept).unwrap();
            assert_eq!(next_token(&kept), next_token(body.as_bytes()));
            assert_eq!(found.len(), whole.len());
            for (found, whole) in found.iter().zip(&whole) {
                assert!(found.account == whole.account && found.instance == whole.instance, "{}", found.instance.id);
            }
        }
    }

    #[test]
    fn the_next_page() {
        assert_eq!(next_token(PAGE.as_bytes()).as_deref(), Some("abc=&"));
        let last = PAGE.replace("<nextToken>abc=&amp;</nextToken>", "<nextToken/>");
        assert_eq!(next_token(last.as_bytes()), None);
        assert_eq!(next_token(last.replace("<nextToken/>", "").as_bytes()), None);
        assert_eq!(next_token(&[0xff, b'<']), None);
    }

    #[test]
    fn an_empty_page_is_a_page() {
        for empty in ["<R><reservationSet/></R>", "<R><reservationSet></reservationSet><nextToken/></R>"] {
            assert!(page(empty.as_bytes()).unwrap().is_empty(), "{empty}");
        }
    }

    #[test]
    fn what_is_no_page_is_an_error() {
        for broken in [
            &b"\xff"[..],
            b"",
            b"{}",
            b"<R><reservationSet/><nextToken a=\"\">x</nextToken></R>",
            b"<R><other><reservationSet/></other></R>",
            b"<R><reservationSet><item><ownerId>1</ownerId></item></reservationSet></R>",
            b"<R><reservationSet><item><instancesSet><item/></instancesSet></item></reservationSet></R>",
            b"<R><reservationSet><item><instancesSet><item><instanceId/></item></instancesSet></item></reservationSet></R>",
            b"<R><reservationSet><item><instancesSet><item><instanceId> i-2 </instanceId></item></instancesSet></item></reservationSet></R>",
            b"<R><reservationSet><item><instancesSet><item><instanceId><!-- i-1 -->i-2</instanceId></item></instancesSet></item></reservationSet></R>",
            b"<R><reservationSet><item><instancesSet><item><instanceId><![CDATA[i-2]]></instanceId></item></instancesSet></item></reservationSet></R>",
            b"<DescribeInstancesResponse><reservationSet><item><ownerId>1</own",
        ] {
            assert!(page(broken).is_err(), "{}", String::from_utf8_lossy(broken));
        }
    }
}
