//! `flowgate graph`: draws a project, findings marked. A drawing is no verdict: findings never change the exit code.

use std::path::PathBuf;

use super::Done;
use super::console::{Console, shown};
use super::judging::Judging;
use super::output;
use super::targets::{self, Named, Target, project_of};
use crate::judge;
use crate::problem::{Problem, did_you_mean};
use crate::record::Diagram;
use crate::report::draw::{Detail, Form, draw};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Nodes stand in the trust zone of who runs them; what nobody wrote but something
implies is dashed; flows and nodes with findings are thick and name the rules.
The project is judged as by a check, but a drawing is no verdict: findings do
not change the exit code.

Exit codes: 0 drawn, 2 something could not be read or judged; what could be is
drawn all the same.

Examples:
  flowgate graph > flows.mmd
  flowgate graph --workflow note-summary --format svg --output note.svg
  flowgate graph --format dot --no-labels | dot -Tpdf > flows.pdf")]
pub(super) struct GraphCommand {
    /// A project, a part of one, or a workflow file
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
    /// Draw this workflow, not all [repeatable]
    #[arg(long = "workflow", value_name = "NAME")]
    workflows: Vec<String>,
    /// Form of the drawing
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Form::Mermaid, help_heading = "Output")]
    format: Form,
    /// Write on the arrows what the data are and are held as [default]
    #[arg(long, overrides_with = "no_labels", help_heading = "Output")]
    labels: bool,
    /// Write only the names of the data on the arrows
    #[arg(long, help_heading = "Output")]
    no_labels: bool,
    /// Write the drawing to this file, whole or not at all
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Judging")]
    judging: Judging,
}

impl GraphCommand {
    /// Draws the project that was named.
    pub(super) fn run(&self, console: &Console) -> Done {
        let named = self.project()?;
        let report = judge::with_room(|| self.judging.judge(&named.files, true))??;
        let exit = console.refuse(&report.problems);
        let whole = report.record.map(|record| record.diagram).unwrap_or_default();
        let diagram = self.part(whole, &named)?;
        let text = draw(&diagram, self.format, Detail { labels: !self.no_labels });
        match &self.output {
            None => console.print(&text)?,
            Some(file) => {
                output::write(file, &text)?;
                if !console.quiet() {
                    console.tell(&format!("the drawing is in `{}`", shown(file)));
                }
            }
        }
        Ok(exit)
    }

    /// The one project under the path.
    fn project(&self) -> Result<Named, Problem> {
        let (targets, problems) = project_of(&self.path);
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem);
        }
        let mut projects: Vec<Named> = Vec::new();
        for target in targets {
            match target {
                Target::Project(named) => projects.push(named),
                Target::Stdin => {
                    return Err(Problem::new("cli/one-project", "a drawing is made of a project, not of standard input")
                        .help("name its folder, or a workflow file in it"));
                }
            }
        }
        if projects.len() > 1 {
            let names: Vec<String> = projects.iter().map(|p| format!("`{}`", targets::name(&p.files.root))).collect();
            return Err(Problem::new("cli/one-project", format!("`{}` holds {} projects", shown(&self.path), names.len()))
                .help(format!("a drawing shows one; name one of {}", names.join(", "))));
        }
        projects.pop().ok_or_else(|| Problem::new("cli/one-project", format!("`{}` holds no project", shown(&self.path))))
    }

    /// The workflows that were named, by `--workflow` or by their files.
    fn part(&self, whole: Diagram, named: &Named) -> Result<Diagram, Problem> {
        let known = whole.workflows();
        for name in &self.workflows {
            if !known.contains(&name.as_str()) {
                let problem = Problem::new("cli/unknown-workflow", format!("there is no workflow `{name}`"));
                let list: Vec<String> = known.iter().map(|w| format!("`{w}`")).collect();
                return Err(match did_you_mean(name, known.iter().copied()) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None if list.is_empty() => problem,
                    None => problem.help(format!("there are {}", list.join(", "))),
                });
            }
        }
        let in_named_files = |workflow: &str| {
            let nodes = whole.nodes.iter().filter(|n| n.workflow.as_deref() == Some(workflow)).map(|n| &n.place);
            let flows = whole.flows.iter().filter(|f| f.workflow == workflow).map(|f| &f.place);
            let only = named.only.iter().flatten();
            nodes.chain(flows).any(|place| only.clone().any(|file| *file == named.files.root.join(&place.file.name)))
        };
        let asked = |workflow: &&str| self.workflows.is_empty() || self.workflows.iter().any(|w| w == workflow);
        let drawn: Vec<&str> = known.iter().copied().filter(asked).filter(|w| named.only.is_none() || in_named_files(w)).collect();
        if drawn.is_empty() && !self.workflows.is_empty() {
            return Err(Problem::new("cli/unknown-workflow", format!("`{}` has none of these workflows", shown(&self.path)))
                .help("name the project's folder, or leave `--workflow` out"));
        }
        Ok(if drawn.len() == known.len() { whole } else { whole.of_workflows(&drawn) })
    }
}
