//! A synthetic AWS: one endpoint for all services, accounts and Regions, which answers after a chosen time.
//!
//! It runs in this process, on the same machine as what is measured, and so must cost little: a thread for each connection,
//! answers from templates, and what it takes to make an answer is taken off the time that the answer is held back.

use std::io::{self, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::ec2::Compute;
use super::http::{self, Answer, Request};
use super::iam::Directory;
use super::network;
use super::record::{Record, Seen};
use super::services;
use super::world::Fleet;

/// Threads that accept connections, so that many at once do not overflow what the system keeps waiting.
const ACCEPTING: usize = 4;

/// Enough for what a connection does; the default would reserve megabytes for each.
const STACK: usize = 512 * 1024;

/// How the endpoint behaves.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// From the arrival of a call to its answer.
    pub latency: Duration,
    /// Of IAM calls, the n-th, 2n-th and so on are throttled.
    pub throttle_every: Option<usize>,
    /// The most items in a page of IAM.
    pub iam_page: usize,
    /// The account into which nobody may assume a role.
    pub denied_account: Option<String>,
    /// The account and the Region in which the credentials are refused.
    pub refused_region: Option<(String, String)>,
    /// Whether lists can be asked for what begins with something.
    pub wildcards: bool,
}

/// A running endpoint; it stops when it is dropped.
pub struct Endpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    fleet: Fleet,
    behaviour: Behaviour,
    compute: Compute,
    directory: Directory,
    started: Instant,
    iam_calls: AtomicUsize,
    record: Mutex<Record>,
    stopping: AtomicBool,
}

impl Behaviour {
    pub fn after(latency: Duration) -> Self {
        Self {
            latency,
            throttle_every: None,
            iam_page: usize::MAX,
            denied_account: None,
            refused_region: None,
            wildcards: true,
        }
    }
}

impl Endpoint {
    pub fn start(fleet: &Fleet, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            compute: Compute::new(fleet),
            directory: Directory::new(fleet),
            fleet: fleet.clone(),
            behaviour,
            started: Instant::now(),
            iam_calls: AtomicUsize::new(0),
            record: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        for _ in 0..ACCEPTING {
            let listener = listener.try_clone().expect("a listener can be shared");
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept(&listener, &shared));
        }
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn fleet(&self) -> &Fleet {
        &self.shared.fleet
    }

    /// What was seen since the start or since this was last asked.
    pub fn take_record(&self) -> Record {
        self.shared.iam_calls.store(0, Ordering::Release);
        std::mem::take(&mut *self.shared.record())
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        for _ in 0..ACCEPTING {
            // Wakes an accepting thread, which then sees that it should stop.
            let _ = TcpStream::connect(self.address);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let shared = Arc::clone(shared);
        // A connection that breaks is the client's matter.
        let serve = move || stream.and_then(|stream| shared.serve(&stream));
        thread::Builder::new().stack_size(STACK).spawn(serve).expect("a thread can be started");
    }
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(request) = http::read(&mut reader)? {
            let arrived = self.started.elapsed();
            let throttled = self.throttles(&request);
            let answer =
                if throttled { Answer::query_error(400, "Throttling", "Rate exceeded") } else { self.answer(&request) };
            thread::sleep((arrived + self.behaviour.latency).saturating_sub(self.started.elapsed()));
            self.record().calls.push(Seen {
                api: format!("{}:{}", request.service, request.action),
                account: request.account().to_owned(),
                region: request.region.clone(),
                arrived,
                answered: self.started.elapsed(),
                throttled,
                bytes: answer.body.len(),
            });
            http::write(stream, &answer)?;
        }
        Ok(())
    }

    fn throttles(&self, request: &Request) -> bool {
        let Some(every) = self.behaviour.throttle_every.filter(|_| request.service == "iam") else { return false };
        (self.iam_calls.fetch_add(1, Ordering::AcqRel) + 1).is_multiple_of(every)
    }

    fn answer(&self, request: &Request) -> Answer {
        let refused = self.behaviour.refused_region.as_ref();
        let is_refused = refused.is_some_and(|(account, region)| {
            account == request.account() && *region == request.region && request.service != "iam"
        });
        match request.service.as_str() {
            "ec2" if is_refused => {
                let message = "AWS was not able to validate the provided access credentials";
                Answer::ec2_error(401, "AuthFailure", message)
            }
            "ssm" if is_refused => {
                let message = "The security token included in the request is invalid.";
                Answer::json_error("UnrecognizedClientException", message)
            }
            "ec2" => self.compute.answer(&self.fleet, request, self.behaviour.wildcards),
            "iam" => self.directory.answer(&self.fleet, request, self.behaviour.iam_page),
            "sts" => services::sts(request, self.behaviour.denied_account.as_deref()),
            "ssm" => services::ssm(&self.fleet, request, self.behaviour.wildcards),
            "route53" => network::route53(),
            "organizations" => services::organizations(&self.fleet, request),
            service => Answer::json_error("InvalidAction", &format!("the benchmark has no answer of {service}")),
        }
    }
}
