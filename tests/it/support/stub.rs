//! An HTTP server in this process that stands in for AWS and for instance metadata, and remembers what it was asked.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::{Bound, RangeBounds};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::answer::{Answer, Protocol, error_body};
use super::http::{self, Request};
use super::model::{Instance, Profile, Role};
use super::world::World;

/// Only against hanging for ever, where the tool does not call what a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// One call that arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// As in the credential scope, for example `iam`; `imds` for a call without credentials.
    pub service: String,
    /// The Region that the call was signed for.
    pub region: String,
    /// Who called.
    pub access_key_id: String,
    /// What comes with credentials that do not last.
    pub session_token: Option<String>,
    /// For example `GetRole`; for instance metadata method and path, for example `PUT /latest/api/token`.
    pub action: String,
    /// Which call of its action this is, counted from 1; what the SDK sends again counts again.
    pub nth: usize,
    /// The form fields, or the top level of the JSON body with strings unquoted.
    pub parameters: BTreeMap<String, String>,
    /// The `User-Agent` that was sent.
    pub user_agent: String,
    /// When it arrived, in steps of this stub's count of arrivals and answers.
    pub started: usize,
    /// When its answer was about to be sent.
    pub ended: Option<usize>,
    /// How many calls were under way when it arrived, itself included.
    pub at_once: usize,
    /// One more than the deepest call that had ended when this one arrived. Calls that merely happened to follow one another
    /// count as well: give the stub a latency to tell those apart, or hold them back with [`Stub::together`].
    pub depth: usize,
}

impl Call {
    /// A parameter, empty where it was not sent.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The values of a numbered list such as `InstanceId.1`, `InstanceId.2`.
    pub fn list(&self, prefix: &str) -> Vec<&str> {
        (1..).map_while(|index| self.parameters.get(&format!("{prefix}.{index}"))).map(String::as_str).collect()
    }

    /// Whether it changes something: all but `Get...`, `List...`, `Describe...`, `Head...`, `Simulate...`, `AssumeRole` and instance
    /// metadata.
    pub fn is_write(&self) -> bool {
        self.service != "imds"
            && !["Get", "List", "Describe", "Head", "Simulate", "AssumeRole"]
                .iter()
                .any(|read| self.action.starts_with(read))
    }

    /// How the called service writes its errors.
    pub fn protocol(&self) -> Protocol {
        match self.service.as_str() {
            "ec2" => Protocol::Ec2,
            "iam" | "sts" | "route53" => Protocol::Query,
            "s3" => Protocol::Rest,
            "imds" => Protocol::Plain,
            _ => Protocol::Json,
        }
    }
}

/// Some calls of one action, by their number: `..` for all of them, `1..=1` for the first, `2..` for all but the first.
#[derive(Debug, Clone)]
pub struct Which {
    action: String,
    numbers: (Bound<usize>, Bound<usize>),
}

impl Which {
    pub fn of(action: &str, numbers: impl RangeBounds<usize>) -> Self {
        Self { action: action.into(), numbers: (numbers.start_bound().cloned(), numbers.end_bound().cloned()) }
    }

    /// Whether this call is among them.
    pub fn has(&self, call: &Call) -> bool {
        self.action == call.action && self.numbers.contains(&call.nth)
    }
}

type Handler = dyn Fn(&Call) -> Answer + Send + Sync;

/// A running stub; it stops when it is dropped.
pub struct Stub {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The accounts behind it, if it serves any.
    worlds: Vec<Arc<Mutex<World>>>,
}

struct Shared {
    handler: Box<Handler>,
    state: Mutex<State>,
    changed: Condvar,
    stopping: AtomicBool,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    clock: usize,
    under_way: usize,
    deepest_ended: usize,
    /// Groups of actions of which none is answered before all have arrived.
    gates: Vec<Vec<String>>,
    /// Calls whose answers wait for [`Stub::release`].
    holds: Vec<Which>,
    /// The actions of which an answer is held right now.
    held: Vec<String>,
}

impl Stub {
    /// Answers every call by this function.
    pub fn answering(handler: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            state: Mutex::default(),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
        });
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if server.stopping.load(Ordering::Acquire) {
                    return;
                }
                let server = Arc::clone(&server);
                // A connection that breaks is the client's matter, and often the point of the test.
                thread::spawn(move || stream.and_then(|stream| server.serve(&stream)));
            }
        });
        Self { address, shared, worlds: Vec::new() }
    }

    /// Lets [`Stub::world`] or [`Stub::world_of`] look into this account, which the handler answers for.
    pub fn of(mut self, world: Arc<Mutex<World>>) -> Self {
        self.worlds.push(world);
        self
    }

    /// Answers each action by its list in turn; the last answer of a list stays. Other actions are an error.
    pub fn table(table: impl IntoIterator<Item = (&'static str, Vec<Answer>)>) -> Self {
        let table: HashMap<&str, Vec<Answer>> = table.into_iter().collect();
        let used: Mutex<HashMap<String, usize>> = Mutex::default();
        Self::answering(move |call| {
            let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = used.entry(call.action.clone()).or_default();
            *turn += 1;
            let answers = table.get(call.action.as_str());
            answers
                .and_then(|answers| answers.get(*turn - 1).or(answers.last()))
                .cloned()
                .unwrap_or_else(|| unknown(call))
        })
    }

    /// Its address, for `AWS_ENDPOINT_URL` or `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address without the scheme.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Holds each of these actions back until all of them have arrived; a name that stands n times must arrive n times. A tool
    /// that makes them one after another gets an error for an answer: so a test sees concurrency without looking at a clock.
    pub fn together(&self, actions: &[&str]) {
        self.shared.state().gates.push(actions.iter().map(ToString::to_string).collect());
    }

    /// Holds back the answers to these calls until [`Stub::release`]: what they do has been done when they are held. A call
    /// that is never released is answered by an error in the end.
    pub fn hold(&self, action: &str, numbers: impl RangeBounds<usize>) {
        self.shared.state().holds.push(Which::of(action, numbers));
    }

    /// Waits until an answer to this action is held.
    pub fn wait_for_held(&self, action: &str) {
        let held = |state: &State| state.held.iter().any(|held| held == action);
        let arrived = self.shared.wait_until(self.shared.state(), held);
        assert!(arrived, "no answer to `{action}` is held; the calls were {:?}", self.actions());
    }

    /// Lets all answers go that are held, and holds none from now on.
    pub fn release(&self) {
        self.shared.state().holds.clear();
        self.shared.changed.notify_all();
    }

    /// Looks at the account as it is now, or changes it from outside. Do not run anything in here that calls the stub.
    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        let world = self.worlds.first().expect("this stub serves a world");
        look(&mut world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As [`Stub::world`], for one of several accounts.
    pub fn world_of<T>(&self, account: &str, look: impl FnOnce(&mut World) -> T) -> T {
        let mut worlds = self.worlds.iter().map(|world| world.lock().unwrap_or_else(PoisonError::into_inner));
        look(&mut worlds.find(|world| world.account == account).expect("this stub serves the account"))
    }

    /// A role as it is now.
    pub fn role(&self, name: &str) -> Option<Role> {
        self.world(|world| world.roles.iter().find(|role| role.name == name).cloned())
    }

    /// An instance profile as it is now.
    pub fn profile(&self, name: &str) -> Option<Profile> {
        self.world(|world| world.profiles.iter().find(|profile| profile.name == name).cloned())
    }

    /// An instance as it is now.
    pub fn instance(&self, id: &str) -> Option<Instance> {
        self.world(|world| world.instances.iter().find(|instance| instance.id == id).cloned())
    }

    /// ARN and id of the profile that an instance has now, in its own belief.
    pub fn profile_of(&self, id: &str) -> Option<(String, String)> {
        let instance = self.instance(id)?;
        self.world(|world| world.profile_of(&instance))
    }

    /// Waits until this action has arrived.
    pub fn wait_for(&self, action: &str) {
        let arrived = self.shared.wait_until(self.shared.state(), |state| state.count(action) > 0);
        assert!(arrived, "`{action}` was not called; the calls were {:?}", self.actions());
    }

    /// All calls, in the order in which they arrived.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// The calls of one action.
    pub fn calls_of(&self, action: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.action == action).collect()
    }

    /// The actions, in the order in which they arrived.
    pub fn actions(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.action).collect()
    }

    /// The actions that change something, in the order in which they arrived.
    pub fn writes(&self) -> Vec<String> {
        self.calls().into_iter().filter(Call::is_write).map(|call| call.action).collect()
    }

    /// How often each action was called.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for action in self.actions() {
            *counts.entry(action).or_default() += 1;
        }
        counts
    }

    /// The greatest number of calls under way at the same time.
    pub fn most_at_once(&self) -> usize {
        self.calls().iter().map(|call| call.at_once).max().unwrap_or(0)
    }

    /// The longest chain of calls made one after another; an upper bound, see [`Call::depth`].
    pub fn longest_chain(&self) -> usize {
        self.calls().iter().map(|call| call.depth).max().unwrap_or(0)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.release();
        // Wakes the accepting thread, which then sees that it should stop.
        let _ = TcpStream::connect(self.address);
    }
}

/// What a stub says to a call that its test did not foresee.
pub fn unknown(call: &Call) -> Answer {
    Answer::error("InvalidAction", &format!("the stub has no answer to {} of {}", call.action, call.service))
}

impl State {
    fn count(&self, action: &str) -> usize {
        self.calls.iter().filter(|call| call.action == action).count()
    }

    fn holds(&self, call: &Call) -> bool {
        self.holds.iter().any(|which| which.has(call))
    }

    /// Whether all gates that this action stands in are open.
    fn may_pass(&self, action: &str) -> bool {
        let open = |gate: &[String]| {
            gate.iter().all(|name| self.count(name) >= gate.iter().filter(|other| *other == name).count())
        };
        self.gates.iter().filter(|gate| gate.iter().any(|name| name == action)).all(|gate| open(gate))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(&self, state: MutexGuard<'_, State>, condition: impl Fn(&State) -> bool) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(state, PATIENCE, |state| !condition(state))
            .unwrap_or_else(PoisonError::into_inner);
        condition(&state)
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        while let Some(request) = http::read_request(&mut reader)? {
            let (index, call) = self.start(&request);
            let mut answer = match self.wait_until(self.state(), |state| state.may_pass(&call.action)) {
                true => (self.handler)(&call),
                false => Answer::error(
                    "InvalidAction",
                    "the stub waited in vain for the calls that should come together with this one",
                ),
            };
            while let Answer::Late(delay, later) = answer {
                thread::sleep(delay);
                answer = *later;
            }
            if !self.hold(&call) {
                answer = Answer::error("InvalidAction", "the stub waited in vain to be told to release this answer");
            }
            // Before the answer is sent: what the client does next, it does after this.
            self.end(index);
            if matches!(answer, Answer::Reset) {
                // What is not sent when the socket is closed is then dropped, and the other side told so.
                return SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
            if !write_answer(stream, &call, answer)? {
                return stream.shutdown(Shutdown::Both);
            }
        }
        Ok(())
    }

    /// Says whether the answer may be sent, as soon as that is so.
    fn hold(&self, call: &Call) -> bool {
        let mut state = self.state();
        if !state.holds(call) {
            return true;
        }
        state.held.push(call.action.clone());
        self.changed.notify_all();
        let released = self.wait_until(state, |state| !state.holds(call));
        let mut state = self.state();
        if let Some(index) = state.held.iter().position(|action| *action == call.action) {
            state.held.swap_remove(index);
        }
        released
    }

    fn start(&self, request: &Request) -> (usize, Call) {
        let mut call = read_call(request);
        let mut state = self.state();
        call.nth = state.count(&call.action) + 1;
        state.clock += 1;
        state.under_way += 1;
        call.started = state.clock;
        call.at_once = state.under_way;
        call.depth = state.deepest_ended + 1;
        state.calls.push(call.clone());
        self.changed.notify_all();
        (state.calls.len() - 1, call)
    }

    fn end(&self, index: usize) {
        let mut state = self.state();
        state.clock += 1;
        state.under_way -= 1;
        let now = state.clock;
        let call = &mut state.calls[index];
        call.ended = Some(now);
        let depth = call.depth;
        state.deepest_ended = state.deepest_ended.max(depth);
    }
}

fn read_call(request: &Request) -> Call {
    let body = String::from_utf8_lossy(&request.body);
    let authorization = request.value_of("authorization").unwrap_or_default();
    let scope =
        authorization.split_once("Credential=").map_or("", |(_, rest)| rest.split(',').next().unwrap_or_default());
    let mut scope = scope.split('/');
    let access_key_id = scope.next().unwrap_or_default().to_string();
    let region = scope.nth(1).unwrap_or_default().to_string();
    let service = scope.next().unwrap_or("imds").to_string();
    let target = request.value_of("x-amz-target").and_then(|target| target.rsplit('.').next());
    let (action, parameters) = match target {
        _ if service == "s3" => s3_parameters(request),
        // The only call to it.
        _ if service == "route53" => ("ListHostedZonesByVPC".to_string(), BTreeMap::new()),
        Some(action) => (action.to_string(), json_parameters(&body)),
        None => {
            let fields = http::parse_form(&body);
            let action =
                fields.get("Action").cloned().unwrap_or_else(|| format!("{} {}", request.method, request.path));
            (action, fields)
        }
    };
    let session_token = request.value_of("x-amz-security-token").map(ToString::to_string);
    let user_agent = request.value_of("user-agent").unwrap_or_default().to_string();
    Call {
        service,
        region,
        access_key_id,
        session_token,
        action,
        nth: 0,
        parameters,
        user_agent,
        started: 0,
        ended: None,
        at_once: 0,
        depth: 0,
    }
}

/// What is asked of S3, which says it by method, path and query; the bucket's name is in the path.
fn s3_parameters(request: &Request) -> (String, BTreeMap<String, String>) {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let asks = |name: &str| query.split('&').any(|field| field.split('=').next() == Some(name));
    let action = match request.method.as_str() {
        "HEAD" => "HeadBucket".to_string(),
        "GET" if asks("encryption") => "GetBucketEncryption".to_string(),
        "GET" if asks("policy") => "GetBucketPolicy".to_string(),
        method => format!("{method} {}", request.path),
    };
    let bucket = http::decode(path.trim_start_matches('/').split('/').next().unwrap_or_default());
    (action, BTreeMap::from([("Bucket".to_string(), bucket)]))
}

fn json_parameters(body: &str) -> BTreeMap<String, String> {
    let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(body).unwrap_or_default();
    let plain = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), ToString::to_string);
    fields.into_iter().map(|(name, value)| (name, plain(value))).collect()
}

/// Says whether the connection may go on.
fn write_answer(mut stream: &TcpStream, call: &Call, answer: Answer) -> io::Result<bool> {
    let protocol = call.protocol();
    let (header, answer) = match answer {
        Answer::WithHeader(name, value, answer) => (format!("{name}: {value}\r\n"), *answer),
        answer => (String::new(), answer),
    };
    let (whole, answer) = match answer {
        Answer::Truncated(answer) => (false, *answer),
        answer => (true, answer),
    };
    // The SDK takes no metadata token without a word on how long it lasts.
    let lifetime = match protocol {
        Protocol::Plain => "X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600\r\n",
        _ => "",
    };
    let (status, content_type, body) = match answer {
        Answer::Body { status, content_type, body } => (status, content_type, body),
        Answer::Error { status, code, message } => {
            let (content_type, body) = error_body(protocol, &code, &message);
            (status, content_type, body)
        }
        Answer::Endless { piece, every } => {
            stream.write_all(b"HTTP/1.1 200 Stub\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            loop {
                stream.write_all(format!("{:x}\r\n{piece}\r\n", piece.len()).as_bytes())?;
                thread::sleep(every);
            }
        }
        // A late or truncated answer within a truncated one makes no sense; to close is the broken answer that it can be.
        Answer::Truncated(_) | Answer::Late(..) | Answer::Closed | Answer::Reset | Answer::WithHeader(..) => {
            return Ok(false);
        }
    };
    // An answer to `HEAD` has no body.
    let body = if call.action == "HeadBucket" { String::new() } else { body };
    let head = format!(
        "HTTP/1.1 {status} Stub\r\nContent-Type: {content_type}\r\n{lifetime}{header}Content-Length: {}\r\n\r\n",
        body.len()
    );
    let sent = if whole { body.len() } else { body.len() / 2 };
    stream.write_all(&[head.as_bytes(), &body.as_bytes()[..sent]].concat())?;
    Ok(whole)
}
