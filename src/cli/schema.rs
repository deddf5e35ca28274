//! `flowgate schema`: the contract between what a team writes and what a policy may read.

use clap::ValueEnum;

use super::console::Console;
use super::{Done, Exit, text};
use crate::embedded;
use crate::problem::Problem;
use crate::validate::{SchemaName, bundled};
use crate::vocabulary::SCHEMA_FILE;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flowgate schema                            list them
  flowgate schema flow > flow.schema.json    for completion in an editor
  flowgate schema cedar                      the facts a policy may read")]
pub(super) struct SchemaCommand {
    /// Which schema; left out, all of them are listed
    name: Option<Name>,
}

/// What can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Workflow files: `*.flow.yaml`
    Flow,
    /// The project file: `flowgate.yaml`
    Project,
    /// Waivers: `flowgate.waivers.yaml`
    Waivers,
    /// Taxonomy files: classes, labels, step types
    Class,
    /// Provider profiles
    Provider,
    /// The JSON report
    Report,
    /// The Cedar schema: what a policy may read
    Cedar,
}

impl Name {
    /// The JSON Schema; Cedar's has a language of its own.
    fn json(self) -> Option<SchemaName> {
        Some(match self {
            Self::Flow => SchemaName::Flow,
            Self::Project => SchemaName::Project,
            Self::Waivers => SchemaName::Waivers,
            Self::Class => SchemaName::Class,
            Self::Provider => SchemaName::Provider,
            Self::Report => SchemaName::Report,
            Self::Cedar => return None,
        })
    }
}

impl SchemaCommand {
    /// Prints one, or lists them.
    pub(super) fn run(&self, console: &Console) -> Done {
        let printed = match self.name.map(Name::json) {
            Some(Some(name)) => {
                let json = serde_json::to_string_pretty(bundled(name));
                json.map_err(|e| Problem::new("cli/schema", format!("the schema cannot be written: {e}")))? + "\n"
            }
            Some(None) => embedded::schema(SCHEMA_FILE).to_owned(),
            None => list(console),
        };
        console.print(&printed)?;
        Ok(Exit::Clean)
    }
}

fn list(console: &Console) -> String {
    let values: Vec<_> = Name::value_variants().iter().filter_map(Name::to_possible_value).collect();
    text::entries(values.iter().map(|v| (v.get_name(), v.get_help().map(ToString::to_string).unwrap_or_default())), 0, console.wrap())
}
