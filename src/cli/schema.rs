//! `flowgate schema`: the contract between what a team writes and what a policy may read.

use clap::ValueEnum;
use clap::builder::PossibleValue;

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

/// What can be printed: the JSON Schemas under their own names and help, and Cedar's, which has a language of its own.
#[derive(Clone, Copy, Debug)]
enum Name {
    Json(SchemaName),
    Cedar,
}

impl ValueEnum for Name {
    fn value_variants<'a>() -> &'a [Self] {
        const NAMES: [Name; 9] = [
            Name::Json(SchemaName::Flow),
            Name::Json(SchemaName::Project),
            Name::Json(SchemaName::Waivers),
            Name::Json(SchemaName::Class),
            Name::Json(SchemaName::Provider),
            Name::Json(SchemaName::Pack),
            Name::Json(SchemaName::Report),
            Name::Json(SchemaName::Evidence),
            Name::Cedar,
        ];
        &NAMES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Json(name) => name.to_possible_value(),
            Self::Cedar => Some(PossibleValue::new("cedar").help("The Cedar schema: what a policy may read")),
        }
    }
}

impl SchemaCommand {
    /// Prints one, or lists them.
    pub(super) fn run(&self, console: &Console) -> Done {
        let printed = match self.name {
            Some(Name::Json(name)) => {
                let json = serde_json::to_string_pretty(bundled(name));
                json.map_err(|e| Problem::new("cli/schema", format!("the schema cannot be written: {e}")))? + "\n"
            }
            Some(Name::Cedar) => embedded::schema(SCHEMA_FILE).to_owned(),
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
