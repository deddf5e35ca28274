//! `flowgate init`: a commented starter project. It overwrites nothing.

use std::path::{Path, PathBuf};

use super::console::{Console, shown};
use super::{Done, Exit, output};
use crate::problem::Problem;

/// What is written, by its path below the folder.
const FILES: [(&str, &str); 2] =
    [("flowgate.yaml", include_str!("flowgate.yaml")), ("flows/example.flow.yaml", include_str!("example.flow.yaml"))];
/// Other names under which a project file would be found.
const ALSO: [&str; 2] = ["flowgate.yml", "flowgate.json"];

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes flowgate.yaml and flows/example.flow.yaml, explained line by line. They
check clean; change one fact at a time and see what `flowgate check` says.")]
pub(super) struct Init {
    /// Folder of the project
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

impl Init {
    /// Writes the starter, or refuses where something is there already.
    pub(super) fn run(&self, console: &Console) -> Done {
        let taken = FILES.iter().map(|(name, _)| *name).chain(ALSO).find(|name| self.folder.join(name).symlink_metadata().is_ok());
        if let Some(name) = taken {
            return Err(Problem::new("cli/exists", format!("`{}` is there already", shown(&self.folder.join(name))))
                .help("nothing was written; name another folder, or move the file away"));
        }
        output::write_new(&FILES.map(|(name, text)| (self.folder.join(name), text)))?;
        let lines: String = FILES.iter().map(|(name, _)| shown(&self.folder.join(name)) + "\n").collect();
        console.print(&lines)?;
        if !console.quiet() {
            let there = if self.folder == Path::new(".") { String::new() } else { format!(" {}", shown(&self.folder)) };
            console.tell(&format!("next: `flowgate check{there}`, then put your own nodes and flows in place of the example"));
            console.tell("      `flowgate explain` lists classes and rules, `flowgate schema flow` every key of a workflow file");
        }
        Ok(Exit::Clean)
    }
}
