//! What the tests stand on.
//!
//! - `emulator`: ministack, an AWS emulator, started once for a test process; each test has its own account there.
//! - `moto`: moto, another one, for networks, which ministack does not model; `network` builds them. `install` and `served` install
//!   and start the two.
//! - `aws`: stages things in such an account.
//! - `world` and `stub`: a small account in Rust values behind an HTTP server in this process, for all that the emulator
//!   cannot stage: metadata options, pages, throttling, denials, broken answers, and the order of calls. It keeps what is
//!   written to it (`world_writes`), it has settings (`world_settings`), places for logs (`world_logs`), networks (`world_network`) and Regions (`world_regions`), it is in an
//!   organization (`world_organization`), and something may stand in the way of a call (`world_faults`).
//! - `accounts`: several of them behind one stub.
//! - `chains`: accounts in which `fix` has something to do, and what holds of every run of it.
//! - `command`: runs the real binary, shut off from the environment of whoever runs the tests; `terminal`: on a terminal.
//! - `schema`: holds whatever JSON the binary prints against the schemas that it publishes; `report`, `record`: the same in types.
//! - `inventory`: everything in an account of the emulator, to be compared.
#![allow(dead_code)]

pub mod accounts;
pub mod answer;
pub mod aws;
pub mod chains;
pub mod command;
pub mod emulator;
pub mod http;
pub mod install;
pub mod inventory;
pub mod model;
pub mod model_organization;
pub mod moto;
pub mod network;
pub mod record;
pub mod report;
pub mod schema;
pub mod served;
#[cfg(unix)]
pub mod shell;
pub mod stub;
pub mod terminal;
pub mod terraform;
pub mod world;
pub mod world_details;
pub mod world_ec2;
pub mod world_faults;
pub mod world_logs;
pub mod world_network;
pub mod world_organization;
pub mod world_regions;
pub mod world_settings;
pub mod world_writes;
pub mod xml;
