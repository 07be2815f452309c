//! Can Session Manager reach an EC2 instance through its IAM instance profile, and if not, exactly why?
//!
//! Facts come in, a pure function decides, words go out:
//!
//! ```text
//! sources (live, snapshot, documents) -> facts -> diagnose -> report -> render (text, json, ...)
//! ```
//!
//! Imports run downward only, and a test keeps it so:
//!
//! | room | may import | what it is |
//! |---|---|---|
//! | [`cli`] | all | what was typed, the plan of the run, exit codes |
//! | [`render`] | report, baseline, fix, facts, target, command_line, unseen | every sentence; a report as text, JSON, JUnit, SARIF, Markdown; changes as text, JSON |
//! | [`sources`] | fix, facts, needs, preferences, simulation, target, command_line, nearest, aws, redact, limits | where facts come from |
//! | [`apply`] | fix, facts, command_line, aws, limits | the only room that writes to an account, and the backup file |
//! | [`aws`] | facts, nearest, redact, limits | SDK configuration, error classes |
//! | [`emit`] | fix, facts, report, command_line, unseen | changes as text for people whose roles live in code |
//! | [`fix`] | diagnose, facts, needs, network, report | from facts to changes, a plain function |
//! | [`caller`] | | what the caller must be allowed |
//! | [`diagnose`] | facts, needs, network, preferences, simulation, agent_context, nearest, report | facts to report, a plain function |
//! | [`needs`], [`preferences`], [`agent_context`] | report | what Session Manager needs; what session preferences ask for; what the agent's requests carry |
//! | [`network`] | facts, report | whether the agent's connections reach a service, a plain function |
//! | [`simulation`] | report | the IAM policy simulator's answers beside the report's |
//! | [`baseline`] | report | findings that are known, and the file that names them |
//! | [`report`] | facts | what a diagnosis finds, as data |
//! | [`facts`] | redact | what was read, and the snapshot file |
//! | [`target`] | | what a person can point the tool at |
//! | [`command_line`] | unseen | commands that a person may copy into a shell, quoted |
//! | [`nearest`] | | the name that was nearly meant |
//! | [`unseen`] | | characters that nobody sees |
//! | [`redact`] | | secrets, taken out of text from outside |
//! | [`limits`] | | the bounds on answers, files, lists and time, each with its source |
//!
//! The policy engine, ARNs and errors of JSON are the crate [`iam_eval`], which every room may use.
//! `needs`, `network`, `agent_context`, `facts`, `report`, `baseline`, `diagnose`, `fix`, `emit` and `command_line` know no AWS SDK, no file
//! system, no clock and no terminal.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod agent_context;
pub mod apply;
pub mod aws;
pub mod baseline;
pub mod caller;
pub mod cli;
pub mod command_line;
pub mod diagnose;
pub mod emit;
pub mod facts;
pub mod fix;
pub mod limits;
pub mod nearest;
pub mod needs;
pub mod network;
pub mod preferences;
pub mod redact;
pub mod render;
pub mod report;
pub mod simulation;
pub mod sources;
pub mod target;
pub mod unseen;
