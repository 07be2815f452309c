//! The integration tests: the real binary against an emulated AWS and against a stub that can break.
//!
//! One binary for all of them, because each test binary links the AWS SDK's dependents anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod action;
mod architecture;
mod baseline;
mod bounds;
mod command_line;
mod document_files;
mod document_needs;
mod documents;
mod emit;
mod empty_selection;
mod failure_matrix;
mod fix_accounts;
mod fix_backup;
mod fix_changed;
mod fix_command_line;
mod fix_emulator;
mod fix_emulator_chain;
mod fix_emulator_run;
mod fix_faults;
mod fix_fleet;
mod fix_interrupted;
mod fix_reads;
mod fleet;
mod fuzz;
mod host_management;
mod live_calls;
mod live_emulator;
mod live_errors;
mod live_stub;
mod live_targets;
mod managed_policies;
mod output_forms;
mod policy_command;
mod printed_commands;
mod rcps;
mod readme;
mod regressions;
mod schema;
mod secrets;
mod session_logs;
mod settings;
mod snapshot;
mod support;
mod support_accounts;
mod support_fleet;
mod support_networks;
mod support_works;
mod support_writes;
mod terraform_plans;
mod undo_file;
mod undo_tampered;
mod unread_answers;
mod ways_to_aws;
