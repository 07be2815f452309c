//! EC2: instances as large as AWS sends them, made from a template as they are asked for.

use std::collections::BTreeMap;

use super::http::{Answer, Request};
use super::network;
use super::template::{Filling, Slot, Template, zone};
use super::world::{Beginning, Fleet, Place};

const WHEN: &str = "2026-01-01T00:00:00.000Z";
const LARGEST_PAGE: usize = 1000;

/// What all answers are made of: one set of templates for each Region.
pub struct Compute {
    regions: Vec<Templates>,
}

struct Templates {
    with_profile: Template,
    without_profile: Template,
    association: Template,
}

/// Of the instances that a call may see, those that it asks for.
struct Asked<'r> {
    filters: BTreeMap<&'r str, Vec<&'r str>>,
    ids: Vec<&'r str>,
    from: usize,
    limit: usize,
}

impl Compute {
    pub fn new(fleet: &Fleet) -> Self {
        let templates = |region: &String| Templates {
            with_profile: Template::new(&reservation(region, Some(fleet.profile))),
            without_profile: Template::new(&reservation(region, None)),
            association: Template::new(&association(fleet.profile)),
        };
        Self { regions: fleet.regions.iter().map(templates).collect() }
    }

    /// Without `wildcards` a filter takes a `*` for itself.
    pub fn answer(&self, fleet: &Fleet, request: &Request, wildcards: bool) -> Answer {
        match request.action.as_str() {
            "DescribeInstances" => self.list(fleet, request, "reservationSet", wildcards),
            "DescribeIamInstanceProfileAssociations" => {
                self.list(fleet, request, "iamInstanceProfileAssociationSet", wildcards)
            }
            "DescribeRegions" => Answer::xml(describe_regions(fleet)),
            _ => network::ec2(fleet, request),
        }
    }

    fn list(&self, fleet: &Fleet, request: &Request, element: &str, wildcards: bool) -> Answer {
        let asked = match Asked::read(request) {
            Ok(asked) => asked,
            Err(answer) => return answer,
        };
        let here = fleet.account(request.account()).zip(fleet.region(&request.region));
        let instances = element == "reservationSet";
        let mut page = start(&request.action).into_bytes();
        let mut next = None;
        if let Some((account, region)) = here {
            let templates = &self.regions[region];
            page.reserve(templates.with_profile.len() * asked.limit.min(fleet.instances) + 1024);
            page.extend_from_slice(format!("<{element}>").as_bytes());
            let found = asked.find(fleet, account, region, instances, wildcards);
            let mut filling = Filling::of_account(request.account());
            for instance in found.iter().take(asked.limit) {
                let role = fleet.role_of(*instance);
                filling.instance = Place { account, region, instance: *instance }.digits();
                filling.number = *instance;
                filling.vpc = fleet.vpc_of(*instance);
                filling.role = role.unwrap_or_default();
                match (instances, role) {
                    (true, Some(_)) => templates.with_profile.write(&filling, &mut page),
                    (true, None) => templates.without_profile.write(&filling, &mut page),
                    (false, _) => templates.association.write(&filling, &mut page),
                }
            }
            page.extend_from_slice(format!("</{element}>").as_bytes());
            next = found.get(asked.limit).copied();
        } else {
            page.extend_from_slice(format!("<{element}/>").as_bytes());
        }
        if let Some(next) = next {
            page.extend_from_slice(format!("<nextToken>{next:012}</nextToken>").as_bytes());
        }
        page.extend_from_slice(format!("</{}Response>", request.action).as_bytes());
        Answer::xml(page)
    }
}

impl<'r> Asked<'r> {
    fn read(request: &'r Request) -> Result<Self, Answer> {
        let ids = request.list("InstanceId");
        let size = request.parameter("MaxResults").parse().ok();
        if !ids.is_empty() && size.is_some() {
            let message = "The parameter instancesSet cannot be used with the parameter maxResults";
            return Err(Answer::ec2_error(400, "InvalidParameterCombination", message));
        }
        let names = (1..).map_while(|index| {
            Some(request.parameter(&format!("Filter.{index}.Name"))).filter(|name| !name.is_empty())
        });
        let filters = names.zip(1..).map(|(name, index)| (name, request.list(&format!("Filter.{index}.Value"))));
        Ok(Self {
            filters: filters.collect(),
            ids,
            from: request.parameter("NextToken").parse().unwrap_or_default(),
            limit: size.unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE),
        })
    }

    /// The numbers of the instances from the start of the page on, one more than fits if there are more.
    fn find(&self, fleet: &Fleet, account: usize, region: usize, instances: bool, wildcards: bool) -> Vec<usize> {
        let named = [self.filters.get("instance-id"), Some(&self.ids).filter(|ids| !ids.is_empty())];
        let patterns = |ids: &&Vec<&str>| ids.iter().any(|id| id.ends_with('*')) && wildcards;
        let beginnings: Option<Vec<Beginning>> = self.filters.get("instance-id").filter(patterns).map(|patterns| {
            patterns.iter().filter_map(|pattern| Beginning::parse(pattern.trim_end_matches('*'))).collect()
        });
        let named = named.into_iter().flatten().next().filter(|_| beginnings.is_none());
        let named: Option<Vec<usize>> = named.map(|ids| {
            let places = ids.iter().filter_map(|id| Place::parse(id));
            let here = places.filter(|place| (place.account, place.region) == (account, region));
            here.map(|place| place.instance).filter(|instance| *instance < fleet.instances).collect()
        });
        let fits = |instance: &usize| {
            (instances || fleet.role_of(*instance).is_some())
                && self.filters.iter().all(|(name, values)| match *name {
                    "instance-id" => true,
                    "instance-state-name" => values.contains(&"running"),
                    "state" => values.contains(&"associated"),
                    "availability-zone" => values.iter().any(|name| name.as_bytes().last() == Some(&zone(*instance))),
                    "iam-instance-profile.arn" => fleet.role_of(*instance).is_some_and(|role| {
                        values
                            .iter()
                            .any(|arn| arn.ends_with(&format!("instance-profile/fleet-{role:04}{}", fleet.profile)))
                    }),
                    _ => false,
                })
        };
        match named {
            Some(mut named) => {
                named.sort_unstable();
                named.into_iter().filter(|instance| *instance >= self.from).filter(fits).take(self.limit + 1).collect()
            }
            None => {
                let begins = |instance: &usize| {
                    let place = Place { account, region, instance: *instance };
                    beginnings.as_ref().is_none_or(|all| all.iter().any(|beginning| beginning.is_of(place)))
                };
                (self.from..fleet.instances).filter(begins).filter(fits).take(self.limit + 1).collect()
            }
        }
    }
}

fn start(action: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n    \
         <requestId>00000000-0000-4000-8000-000000000000</requestId>\n    "
    )
}

fn describe_regions(fleet: &Fleet) -> String {
    let item = |region: &String| {
        format!(
            "<item><regionName>{region}</regionName><regionEndpoint>ec2.{region}.amazonaws.com</regionEndpoint>\
             <optInStatus>opt-in-not-required</optInStatus></item>"
        )
    };
    let items: String = fleet.regions.iter().map(item).collect();
    format!("{}<regionInfo>{items}</regionInfo></DescribeRegionsResponse>", start("DescribeRegions"))
}

/// The profile as EC2 knows it.
fn profile(ending: &str) -> String {
    let (account, role) = (Slot::Account.mark(), Slot::Role.mark());
    format!(
        "<iamInstanceProfile><arn>arn:aws:iam::{account}:instance-profile/fleet-{role}{ending}</arn>\
         <id>AIPAFLEETPROFILE0{role}</id></iamInstanceProfile>"
    )
}

fn association(ending: &str) -> String {
    let instance = Slot::Instance.mark();
    format!(
        "<item><associationId>iip-assoc-{instance}</associationId><instanceId>i-{instance}</instanceId>{}\
         <state>associated</state></item>\n",
        profile(ending)
    )
}

/// A reservation with one instance, as those of Auto Scaling groups are.
fn reservation(region: &str, ending: Option<&str>) -> String {
    let (account, instance, zone) = (Slot::Account.mark(), Slot::Instance.mark(), Slot::Zone.mark());
    let (high, middle, low) = (Slot::High.mark(), Slot::Middle.mark(), Slot::Low.mark());
    let vpc = Slot::Vpc.mark();
    let address = format!("10.1{vpc}.1{middle}.1{low}");
    let host = format!("ip-10-1{vpc}-1{middle}-1{low}.{region}.compute.internal");
    let group = &format!(
        "<groupSet><item><groupId>sg-0123456789abcde{vpc}</groupId><groupName>fleet-nodes</groupName></item></groupSet>"
    );
    let profile = ending.map(profile).unwrap_or_default();
    let tag = |(key, value): (&str, &str)| format!("<item><key>{key}</key><value>{value}</value></item>");
    let name = format!("fleet-{high}{middle}{low}");
    let tags: String = [
        ("Name", name.as_str()),
        ("Environment", "production"),
        ("Team", "platform"),
        ("aws:autoscaling:groupName", "fleet-nodes-20260101000000000000000001"),
    ]
    .map(tag)
    .concat();
    let interface = format!(
        "<item><networkInterfaceId>eni-{instance}</networkInterfaceId><subnetId>subnet-0123456789abcd{vpc}{zone}</subnetId>\
         <vpcId>vpc-0123456789abcde{vpc}</vpcId><description/><ownerId>{account}</ownerId><status>in-use</status>\
         <macAddress>0e:5f:10:{high}:{middle}:{low}</macAddress><privateIpAddress>{address}</privateIpAddress>\
         <privateDnsName>{host}</privateDnsName><sourceDestCheck>true</sourceDestCheck>{group}<attachment>\
         <attachmentId>eni-attach-{instance}</attachmentId><deviceIndex>0</deviceIndex><status>attached</status>\
         <attachTime>{WHEN}</attachTime><deleteOnTermination>true</deleteOnTermination>\
         <networkCardIndex>0</networkCardIndex></attachment><interfaceType>interface</interfaceType></item>"
    );
    format!(
        "<item>\n<reservationId>r-{instance}</reservationId>\n<ownerId>{account}</ownerId>\n<groupSet/>\n<instancesSet>\n<item>\n\
         <instanceId>i-{instance}</instanceId>\n<imageId>ami-0123456789abcdef0</imageId>\n\
         <instanceState><code>16</code><name>running</name></instanceState>\n<privateDnsName>{host}</privateDnsName>\n\
         <dnsName/>\n<reason/>\n<keyName>operations</keyName>\n<amiLaunchIndex>0</amiLaunchIndex>\n\
         <instanceType>m6i.xlarge</instanceType>\n<launchTime>{WHEN}</launchTime>\n\
         <placement><availabilityZone>{region}{zone}</availabilityZone><groupName/><tenancy>default</tenancy></placement>\n\
         <monitoring><state>disabled</state></monitoring>\n<subnetId>subnet-0123456789abcd{vpc}{zone}</subnetId>\n\
         <vpcId>vpc-0123456789abcde{vpc}</vpcId>\n<privateIpAddress>{address}</privateIpAddress>\n\
         <sourceDestCheck>true</sourceDestCheck>\n{group}\n<architecture>x86_64</architecture>\n\
         <rootDeviceType>ebs</rootDeviceType>\n<rootDeviceName>/dev/xvda</rootDeviceName>\n<blockDeviceMapping><item>\
         <deviceName>/dev/xvda</deviceName><ebs><volumeId>vol-{instance}</volumeId><status>attached</status>\
         <attachTime>{WHEN}</attachTime><deleteOnTermination>true</deleteOnTermination></ebs></item></blockDeviceMapping>\n\
         <virtualizationType>hvm</virtualizationType>\n<clientToken>{instance}</clientToken>\n<tagSet>{tags}</tagSet>\n\
         <hypervisor>xen</hypervisor>\n<networkInterfaceSet>{interface}</networkInterfaceSet>\n{profile}\n\
         <ebsOptimized>true</ebsOptimized>\n<enaSupport>true</enaSupport>\n\
         <metadataOptions><state>applied</state><httpTokens>required</httpTokens>\
         <httpPutResponseHopLimit>2</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint>\
         <httpProtocolIpv6>disabled</httpProtocolIpv6><instanceMetadataTags>disabled</instanceMetadataTags>\
         </metadataOptions>\n<platformDetails>Linux/UNIX</platformDetails>\n\
         </item>\n</instancesSet>\n</item>\n"
    )
}
