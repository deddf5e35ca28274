//! Cedar decides: who earns a label, whether each datum may cross each flow, be held at each node, whether what a route relies on holds and
//! whether a workflow may ship. Never computes a fact and never walks the graph.

mod ask;
mod built;
mod cedar;
mod clauses;
mod expressions;
mod guard;
mod labels;
mod loader;
mod policies;
mod questions;
mod ranges;
mod refusals;
mod relied;
mod scope;
mod severity;
mod stage;
mod texts;
mod verdicts;
mod words;
mod yields;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::declare::Declared;
use crate::facts::FactBase;
use crate::graph::{EdgeId, NodeId, WorkflowId};
use crate::load::Limits;
use crate::problem::{Place, Problem};
use crate::propagate::{ItemId, Variant};

pub use self::clauses::Reason;
pub use self::policies::{Policies, Policy, PolicyId, Role};
pub use self::severity::Severity;
pub use self::stage::Stage;
pub use self::texts::placeholders;
pub use self::words::remarks;

/// Judges one project.
pub struct Judge<'j, 'g, 'd> {
    /// The facts.
    pub base: &'j FactBase<'g, 'd>,
    /// The policies.
    pub policies: &'j Policies,
    /// Ask only policies whose scope can match. Off, every policy is asked every question: slower, and a test holds that nothing changes.
    pub slicing: bool,
    /// Count what each policy is asked about.
    pub coverage: bool,
    /// What judging may cost.
    pub limits: &'j Limits,
}

/// How many things (flows, nodes, workflows, papers) of each workflow, or of none, each policy was asked about: those its scope can match.
pub type Coverage = BTreeMap<(PolicyId, Option<WorkflowId>), usize>;

/// What came of judging.
#[derive(Debug, Default)]
pub struct Judged<'d> {
    /// Every policy that said no.
    pub verdicts: Vec<Verdict<'d>>,
    /// Empty unless it was asked for.
    pub coverage: Coverage,
    /// What could not be decided.
    pub problems: Vec<Problem>,
}

/// What a verdict is about.
#[derive(Clone, Debug)]
pub enum Subject<'d> {
    /// A flow.
    Flow(EdgeId),
    /// A node, in a workflow it takes part in.
    Node(NodeId),
    /// A workflow.
    Workflow(WorkflowId),
    /// Something declared with a name of its own: an agreement, evidence, a decision, a waiver, a party, the project.
    Declared {
        /// The word for it.
        noun: &'static str,
        /// Its name.
        name: String,
        /// Where it is declared.
        declared: Declared<'d>,
    },
}

impl Subject<'_> {
    /// A key that tells subjects apart and sorts them.
    #[must_use]
    pub fn key(&self) -> (u8, u32, &'static str, &str) {
        match self {
            Self::Flow(id) => (0, id.0, "", ""),
            Self::Node(id) => (1, id.0, "", ""),
            Self::Workflow(id) => (2, id.0, "", ""),
            Self::Declared { noun, name, .. } => (3, 0, noun, name),
        }
    }
}

/// A fact that is missing: what it is and what lacks it.
#[derive(Clone, Debug)]
pub struct Missing<'d> {
    /// Its name: the key to declare.
    pub fact: String,
    /// What lacks it.
    pub holder: Subject<'d>,
    /// Another fact that would decide it, where a provider profile says so.
    pub needs: Option<String>,
}

/// What kind of verdict.
#[derive(Clone, Debug)]
pub enum VerdictKind<'d> {
    /// The facts break the rule.
    Violation,
    /// The rule cannot be decided: facts are missing.
    Undeclared(Vec<Missing<'d>>),
}

/// One policy said no.
#[derive(Clone, Debug)]
pub struct Verdict<'d> {
    /// The policy.
    pub policy: PolicyId,
    /// Violation or undeclared.
    pub kind: VerdictKind<'d>,
    /// What it is about.
    pub subject: Subject<'d>,
    /// The workflow it belongs to.
    pub workflow: Option<WorkflowId>,
    /// The contract being honoured.
    pub contract: Option<&'d str>,
    /// The datum concerned.
    pub datum: Option<(ItemId, Variant)>,
    /// Why: the atoms that decided.
    pub reasons: Vec<Reason>,
    /// Message, its expressions filled in.
    pub message: String,
    /// Help, its expressions filled in.
    pub help: String,
    /// Rules that needed a missing fact.
    pub needed_by: Vec<String>,
    /// Another place it is about: the provider fact it rests on.
    pub also_at: Option<Place>,
}

/// Stack of the threads that run Cedar: its evaluator and parser recurse, and the nesting guard is set for this.
const STACK_BYTES: usize = 64 << 20;

/// Threads with room for Cedar's recursion.
fn pool() -> Result<&'static ThreadPool, Problem> {
    static POOL: OnceLock<Result<ThreadPool, String>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        let mut threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        loop {
            match ThreadPoolBuilder::new().stack_size(STACK_BYTES).num_threads(threads).build() {
                Ok(pool) => return Ok(pool),
                // Where so many cannot be had (`ulimit -u`, `ulimit -v`), fewer will do.
                Err(_) if threads > 1 => threads /= 2,
                Err(error) => return Err(error.to_string()),
            }
        }
    });
    pool.as_ref().map_err(|e| Problem::new("judge/no-threads", format!("cannot start threads: {e}")).help("free some memory and run again"))
}

/// Runs work that may recurse deeply, such as parsing policies, on a thread with room for it.
///
/// # Errors
/// No such thread can be started.
pub fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Problem> {
    Ok(pool()?.install(work))
}
