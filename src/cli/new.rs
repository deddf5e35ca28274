//! `flowgate new rule`: a rule folder to start from, in the shape of ours.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::console::{Console, shown};
use super::{Done, Exit, output};
use crate::rulebook;

/// Folders of packs, the first that is there; the last is made.
const FOLDERS: [&str; 2] = ["policies/packs", "compliance/packs"];

/// The arguments.
#[derive(Debug, clap::Args)]
pub(super) struct New {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a rule folder: rule.cedar, README.md and fixtures
    #[command(after_help = "\
Examples:
  flowgate new rule acme/no-eu-exports
  flowgate new rule acme/no-eu-exports --dir legal/packs")]
    Rule {
        /// Pack and name; the name says what is forbidden
        #[arg(value_name = "PACK/NAME")]
        id: String,
        /// Folder of packs [default: policies/packs if there, else
        /// compliance/packs]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

impl New {
    /// Writes the folder and lists its files.
    pub(super) fn run(&self, console: &Console) -> Done {
        let What::Rule { id, dir } = &self.what;
        let [ours, theirs] = FOLDERS.map(Path::new);
        let folder = dir.as_deref().unwrap_or(if ours.is_dir() { ours } else { theirs });
        let files = rulebook::scaffold(folder, id)?;
        output::write_new(&files.iter().map(|(file, text)| (file.clone(), text.as_str())).collect::<Vec<_>>())?;
        let lines: String = files.iter().map(|(file, _)| shown(file) + "\n").collect();
        console.print(&lines)?;
        if !console.quiet() {
            if folder != ours {
                let pack = id.split('/').next().unwrap_or_default();
                console.tell(&format!(
                    "judge by it: `--packs {0}`, or `packs: [./{0}]` in a flowgate.yaml, relative to it",
                    shown(&folder.join(pack))
                ));
            }
            console.tell(&format!("next: write the rule and its fixtures, then `flowgate test {}`", shown(&folder.join(id))));
        }
        Ok(Exit::Clean)
    }
}
