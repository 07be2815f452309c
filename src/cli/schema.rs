//! `schema`: the JSON Schema of a machine format.

use super::{Exit, Stop, args, output};
use crate::render::schema::{self, Format};

/// Runs `schema`.
pub fn schema(format: args::Format) -> Result<Exit, Stop> {
    let format = match format {
        args::Format::Report => Format::Report,
        args::Format::Snapshot => Format::Snapshot,
        args::Format::Fix => Format::Fix,
        args::Format::Baseline => Format::Baseline,
        args::Format::Config => Format::Config,
        args::Format::Backups => Format::Backups,
    };
    let schema = schema::of(format).map_err(|error| Stop::Failure(format!("cannot write the schema: {error}")))?;
    output::print(&schema)?;
    Ok(Exit::Ready)
}
