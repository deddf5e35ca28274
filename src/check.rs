//! The pipeline on one screen: validate, graph, propagate, judge, finding. Reading files happens before it and printing after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

use crate::declare::Declarations;
use crate::facts::{Environment, EvidenceOnFile, FactBase};
use crate::finding::{Finding, findings, waived};
use crate::graph;
use crate::judge::{self, Judge, Judged, Policies, Severity};
use crate::load::{self, Folder, Limits, Value};
use crate::packs::{Library, Selection, UNKNOWN_PACK};
use crate::problem::{Place, Problem, SourceFile, Span};
use crate::project::Project;
use crate::propagate::{DEFAULT_VARIANT_CAP, Propagation, propagate};
use crate::record::{Record, Sources};
use crate::validate::{self, SchemaName};
use crate::vocabulary::Vocabulary;

/// How to check.
#[derive(Clone, Debug)]
pub struct Options {
    /// The date of judging, when the project file names none.
    pub today: Date,
    /// The date of judging, before the project file's.
    pub as_of: Option<Date>,
    /// Packs; those of the project file are added.
    pub selection: Selection,
    /// Judge by the packs of the selection alone, not by the project's list. Its private packs stay known, for its names may come from them.
    pub replace_packs: bool,
    /// Honour waivers.
    pub waivers: bool,
    /// Variants of one datum a flow keeps apart.
    pub variant_cap: usize,
    /// Ask only policies whose scope can match.
    pub slicing: bool,
    /// Keep a [`Record`]: inputs, coverage, the graph in names.
    pub record: bool,
    /// What the check may cost.
    pub limits: Limits,
}

impl Options {
    /// The defaults, on a date: the library has no clock.
    #[must_use]
    pub fn on(today: Date) -> Self {
        Self {
            today,
            as_of: None,
            selection: Selection::default(),
            replace_packs: false,
            waivers: true,
            variant_cap: DEFAULT_VARIANT_CAP,
            slicing: true,
            record: false,
            limits: Limits::default(),
        }
    }
}

/// What was checked.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Date of judging.
    pub as_of: String,
    /// Workflow ids.
    pub workflows: Vec<String>,
    /// Declared nodes, copies left out.
    pub nodes: usize,
    /// Declared flows, implied ones left out.
    pub flows: usize,
    /// Implied flows.
    pub implied_flows: usize,
    /// Enabled packs.
    pub packs: Vec<String>,
    /// Rules asked.
    pub rules: usize,
    /// Documents on file: there, dated, owned and not past review. What they say is not judged.
    pub evidence: Vec<EvidenceOnFile>,
    /// Severities the project changed, whether their rules found something or not.
    pub severity_changes: Vec<SeverityChange>,
}

/// A severity the project changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeverityChange {
    /// The rule, or one code of it.
    pub rule: String,
    /// The strongest severity it has by itself.
    pub from: Severity,
    /// What the project made of it.
    pub to: Severity,
    /// Why.
    pub reason: String,
}

/// The result of a check.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was checked.
    pub checked: Checked,
    /// Findings that count, most important first.
    pub findings: Vec<Finding>,
    /// Findings a valid waiver covers.
    pub waived: Vec<Finding>,
    /// What could not be read or judged; any of them forbids exit code 0.
    pub problems: Vec<Problem>,
    /// How many problems the form for people prints; none for all of them. The forms for programs have every one.
    pub problems_shown: Option<usize>,
    /// What a reader should know; none of them changes the exit code.
    pub notices: Vec<Problem>,
    /// What an auditor asks for besides, where it was asked for.
    pub record: Option<Record>,
    /// What the project is called where there are several; none for what belongs to no project.
    pub name: Option<String>,
    /// The project's folder as seen from the top of its repository, `/` between its parts; empty where it is the top, or nobody knows.
    pub folder: String,
    /// What the findings were compared with.
    pub comparison: Option<Comparison>,
}

/// Codes of the notices on what a change does to the gate; formats that have a section for it leave them out.
pub const GATE_CHANGED: &str = "base/gate";
/// As [`GATE_CHANGED`], on what a waiver of the change covers.
pub const GATE_WAIVED: &str = "base/waived";

impl Report {
    /// Notices besides those on the gate, for formats that have a section for these.
    pub fn other_notices(&self) -> impl Iterator<Item = &Problem> {
        self.notices.iter().filter(|n| !matches!(n.code, GATE_CHANGED | GATE_WAIVED))
    }
}

/// What findings were compared with, and what came of it. Set by a comparison, never by a check.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The base as it was named: a revision or a folder; none where only a baseline file was.
    pub base: Option<String>,
    /// The commit of the base, in hexadecimal.
    pub commit: Option<String>,
    /// Findings of the base that are gone.
    pub fixed: Vec<Finding>,
    /// Findings of the base that a waiver of this change covers now.
    pub newly_waived: Vec<Finding>,
    /// Changes of what is asked, waived or counted: they can make findings go away without mending anything.
    pub gate: Vec<Place>,
    /// The baseline file.
    pub baseline: Option<String>,
    /// Entries of the baseline file that no finding has any more.
    pub outlived: Vec<String>,
}

/// Checks a project: the stages in order. A problem in one place never hides the findings of the others.
#[must_use]
pub fn check(project: &Project, options: &Options) -> Report {
    let mut problems = project.problems.clone();
    let mut selection = options.selection.clone();
    let (packs, private) = project.packs(&mut problems);
    selection.private.extend(private);
    let named = project.file.iter().filter(|_| !options.replace_packs).filter_map(|f| f.root().get("packs"));
    let named: Vec<Value<'_>> = named.flat_map(Value::items).collect();
    if options.replace_packs {
        selection.listed_only = true;
    } else {
        selection.packs.extend(packs);
        selection.roles.extend(project.roles().map(str::to_owned));
    }
    selection.limits = options.limits.clone();
    let (library, more) = Library::load(&selection);
    problems.extend(more.into_iter().map(|problem| named.iter().copied().fold(problem, pointed)));
    let permits = project.permits(&options.limits, &mut problems);
    let mut report = match judge::with_room(|| judged(project, options, &library, permits.as_ref(), &mut problems)) {
        Ok(Ok(report)) => report,
        Ok(Err(problem)) | Err(problem) => {
            problems.push(problem);
            Report::default()
        }
    };
    problems.extend(project.folder.as_ref().and_then(Folder::failure));
    problems.sort_by_cached_key(Problem::sort_key);
    problems.dedup_by_key(|p| p.sort_key());
    report.problems = problems.into_iter().map(Problem::spelt_out).collect();
    report.notices = report.notices.into_iter().map(Problem::spelt_out).collect();
    report.problems_shown = Some(options.limits.problems);
    report
}

fn judged(
    project: &Project,
    options: &Options,
    library: &Library,
    permits: Option<&Arc<SourceFile>>,
    problems: &mut Vec<Problem>,
) -> Result<Report, Problem> {
    let vocabulary = Vocabulary::load().map_err(|e| Problem::new("judge/bad-schema", format!("the Cedar schema does not parse: {e}")))?;

    if project.file.is_none() && project.problems.is_empty() {
        let places = project.workflows.first().map(|d| d.file());
        let problem = Problem::new("graph/no-project", "there is no project file `flowgate.yaml` at or above these workflows");
        let problem = places.into_iter().fold(problem, |p, file| p.at(file, Span::new(0, 0), "no project above this file"));
        problems.push(problem.help("`flowgate init` writes one: roles, parties and packs decide what is asked"));
    }
    problems.extend(project.file.iter().flat_map(|f| validate::against(SchemaName::Project, f)));
    problems.extend(project.waivers.iter().flat_map(|f| validate::against(SchemaName::Waivers, f)));
    problems.extend(validate::all_against(SchemaName::Flow, &project.workflows.iter().collect::<Vec<_>>()));

    let declarations =
        Declarations { project: project.file.as_ref(), workflows: project.workflows.iter().collect(), waivers: project.waivers.as_ref() };
    let limits = options.limits.held();
    if let Some(problem) = graph::too_large(&declarations, &limits) {
        return Err(problem);
    }
    let (mut graph, more) = graph::build(declarations, library, vocabulary);
    // A workflow that is not among those checked may well exist.
    let (mut names_nothing, more): (Vec<Problem>, Vec<Problem>) =
        more.into_iter().partition(|p| matches!(p.code, graph::COVERS_NOTHING | graph::NEEDED_BY_NOBODY));
    names_nothing.extend(graph.forget_scans_after(as_of(project, options)));
    problems.extend(more);

    let policies = Policies::load(library, vocabulary, permits, problems)?;
    problems.extend(lowered(project, &policies));
    let (files, hashes) = project.files(problems);
    let environment = Environment { as_of: as_of(project, options), files, hashes };
    let base = FactBase::new(&graph, vocabulary, &policies.mentioned, &environment);
    let judge = Judge { base: &base, policies: &policies, slicing: options.slicing, coverage: options.record, limits: &limits };

    // Labels that depend on what leaves a step are asked for after a first round without them; they change labels only, never classes.
    let (mut labelling, more) = judge.labels(None, options.variant_cap);
    problems.extend(more);
    if judge.labels_need_propagation() {
        let first = whole(propagate(&graph, &labelling), &graph, &limits)?;
        problems.extend(judge.open_facts(&first));
        let (second, more) = judge.labels(Some(&first), options.variant_cap);
        labelling = second;
        problems.extend(more);
    }
    let mut propagation = whole(propagate(&graph, &labelling), &graph, &limits)?;
    problems.extend(judge.open_facts(&propagation));

    // A name that is not there has been reported; that nothing takes its way follows from it.
    let (idle, idle_wildcards) = idle_flows(&graph, &propagation);
    if !problems.iter().any(|p| p.code.starts_with("graph/")) {
        problems.extend(idle);
    }
    let Judged { verdicts, coverage, problems: more } =
        judge.verdicts(&propagation, |verdicts| waived(&judge, &propagation, verdicts, options.waivers));
    problems.extend(more);
    let rules = library.rules.iter().filter(|r| r.enabled).count();
    let mut checked = checked(&graph, library, &environment, rules);
    checked.evidence = base.evidence_on_file();
    checked.severity_changes = severity_changes(project, &policies);
    let mut notices = notices(&graph, &propagation, options.variant_cap);
    notices.extend(few_packs(project, options, library));
    notices.extend(packs_without_role(project, library));
    notices.extend(idle_wildcards);
    notices.extend(names_nothing);
    notices.extend(judge::remarks(&policies, &graph));
    notices.extend(project.notices.iter().cloned());
    let found = findings(&judge, &mut propagation, verdicts, options.waivers);
    let record = options.record.then(|| {
        let (base, propagation, policies) = (&base, &propagation, &policies);
        let sources = Sources { base, propagation, policies, library, coverage: &coverage, findings: &found.open, waived: &found.waived };
        Record::of(&sources, project.inputs())
    });
    Ok(Report { checked, findings: found.open, waived: found.waived, notices, record, ..Report::default() })
}

/// A propagation that came to its end.
fn whole<'g, 'd>(propagation: Propagation<'g, 'd>, graph: &graph::FlowGraph<'d>, limits: &Limits) -> Result<Propagation<'g, 'd>, Problem> {
    let Some(edge) = propagation.stopped else { return Ok(propagation) };
    let (edge, limit) = (&graph.edges[edge], limits.crossings);
    Err(Problem::new(
        "propagate/crossings",
        format!("data cross flows more than {limit} times, each variant counted, the limit is {limit}"),
    )
    .at(edge.document.file(), edge.span, "the limit is reached here")
    .help(format!(
        "name fields where flows carry everything, or give a part of the project a `flowgate.yaml` of its own; or {}",
        load::raise("crossings")
    )))
}

/// A pack that is not there is pointed at where the project names it.
fn pointed(problem: Problem, named: Value<'_>) -> Problem {
    let text = named.as_str().unwrap_or_default();
    let about = problem.places.is_empty() && problem.code == UNKNOWN_PACK && problem.message.ends_with(&format!(" `{text}`"));
    if about { problem.at(named.document().file(), named.span(), "no such pack") } else { problem }
}

fn as_of(project: &Project, options: &Options) -> Date {
    let stated = project.file.as_ref().and_then(|f| f.root().get("as_of")?.as_str()?.parse().ok());
    options.as_of.or(stated).unwrap_or(options.today)
}

fn checked(graph: &graph::FlowGraph<'_>, library: &Library, environment: &Environment, rules: usize) -> Checked {
    Checked {
        as_of: environment.as_of.to_string(),
        workflows: graph.workflows.rows().iter().map(|w| w.id.to_owned()).collect(),
        nodes: graph.nodes.rows().iter().filter(|n| !n.implied()).count(),
        flows: graph.edges.rows().iter().filter(|e| !e.implied).count(),
        implied_flows: graph.edges.rows().iter().filter(|e| e.implied).count(),
        packs: library.enabled_packs().map(str::to_owned).collect(),
        rules,
        evidence: Vec::new(),
        severity_changes: Vec::new(),
    }
}

/// The project's changes of severity that are made, of rules that are asked.
fn severity_changes(project: &Project, policies: &Policies) -> Vec<SeverityChange> {
    let changes = project.file.iter().filter_map(|f| f.root().get("severity"));
    let mut made: Vec<SeverityChange> = changes
        .flat_map(Value::entries)
        .filter_map(|(rule, change)| {
            let to = judge::Severity::of(change.get("level")?.as_str()?)?;
            let of_rule = policies.table.iter().map(|(_, p)| p).filter(|p| p.rule == rule || p.id == rule);
            let from = of_rule.map(|p| p.severity).max()?;
            let reason = change.get("reason")?.as_str()?.to_owned();
            (!policies.lowers_unwaivable(rule, to)).then(|| SeverityChange { rule: rule.to_owned(), from, to, reason })
        })
        .collect();
    made.sort_by(|a, b| a.rule.cmp(&b.rule));
    made
}

/// Severities a project may not lower: those of rules that take no waiver.
fn lowered(project: &Project, policies: &Policies) -> Vec<Problem> {
    let changes = project.file.iter().filter_map(|f| Some((f, f.root().get("severity")?)));
    let entries = changes.flat_map(|(f, changes)| changes.entries().map(move |(rule, change)| (f, rule, change)));
    entries
        .filter_map(|(file, rule, change)| {
            let level = judge::Severity::of(change.get("level")?.as_str()?)?;
            policies.lowers_unwaivable(rule, level).then(|| {
                Problem::new("judge/lowered", format!("`{rule}` takes no waiver, and its severity cannot be lowered"))
                    .at(file.file(), change.key_span().unwrap_or(change.span()), "this change is not made")
                    .help("remove it; what the rule forbids has to be changed in the flows or the contract")
            })
        })
        .collect()
}

/// Declared flows, or fields of them, that no datum takes: what a file says crosses and does not was never judged. Only the first such flow on a way
/// is named; those after it follow from it. In a circle that nothing enters, one flow is the first.
/// A flow of everything may carry nothing; that is a notice, and excuses nothing behind it.
fn idle_flows(graph: &graph::FlowGraph<'_>, propagation: &crate::propagate::Propagation<'_, '_>) -> (Vec<Problem>, Vec<Problem>) {
    let starved = |node: graph::NodeId| {
        let entering = &graph.entering[node];
        !entering.is_empty() && entering.iter().all(|e| propagation.edges[*e].is_empty()) && graph.nodes[node].fields.is_empty()
    };
    let problem = |edge: &graph::Edge<'_>, what: String, span: Span| {
        let (from, to) = (&graph.nodes[edge.from].id, &graph.nodes[edge.to].id);
        Problem::new("propagate/idle-flow", format!("{what} from `{from}` to `{to}`"))
            .at(edge.document.file(), span, "no datum takes this way")
            .help(format!("see what reaches `{from}`, and which source, output, input or case types stand in the way"))
    };
    let (mut fed, mut behind, mut notices) = (Vec::new(), BTreeMap::<graph::NodeId, Vec<_>>::new(), Vec::new());
    for (id, edge) in graph.edges.iter().filter(|(_, e)| !e.implied) {
        let starved = starved(edge.from);
        match &edge.selected {
            graph::Selected::All if propagation.edges[id].is_empty() && !starved => {
                notices.push(problem(edge, "nothing crosses".to_owned(), edge.span));
            }
            graph::Selected::All => {}
            graph::Selected::Named(list) => {
                let missing = list.iter().filter(|s| !propagation.crosses(id, s));
                let idle = missing.map(|s| (edge.to, problem(edge, format!("no `{}` crosses", s.name), s.span)));
                if starved { behind.entry(edge.from).or_default().extend(idle) } else { fed.extend(idle) }
            }
        }
    }
    let mut idle = Vec::new();
    loop {
        // What lies behind a flow that is named goes without saying.
        let mut after: Vec<graph::NodeId> = fed.iter().map(|(to, _)| *to).collect();
        idle.extend(fed.into_iter().map(|(_, problem)| problem));
        let mut seen = BTreeSet::new();
        while let Some(node) = after.pop() {
            if starved(node) && seen.insert(node) {
                behind.remove(&node);
                after.extend(graph.leaving[node].iter().map(|e| graph.edges[*e].to));
            }
        }
        let follows = |node: &graph::NodeId| graph.entering[*node].iter().any(|e| behind.contains_key(&graph.edges[*e].from));
        let Some(next) = behind.keys().copied().find(|n| !follows(n)).or_else(|| behind.keys().next().copied()) else { break };
        fed = behind.remove(&next).unwrap_or_default();
    }
    (idle, notices)
}

/// Says when a project judges itself by the base pack alone because it names no other.
fn few_packs(project: &Project, options: &Options, library: &Library) -> Option<Problem> {
    let file = project.file.as_ref()?;
    if options.replace_packs || file.root().get("packs").is_some() || library.enabled_packs().count() > 1 {
        return None;
    }
    let others: Vec<&str> = library.packs.values().filter(|p| !p.enabled).map(|p| p.name.as_str()).collect();
    let span = file.root().entries().find_map(|(_, v)| v.key_span()).unwrap_or_default();
    let problem = Problem::new("packs/few", "this project names no `packs`, so only the engine's own rules were asked");
    let help = format!("add `packs:` with those that apply: {}; the empty list is an answer", others.join(", "));
    Some(problem.at(file.file(), span, "no `packs` in this file").help(help))
}

/// Says when a pack is on whose roles the project has none of: its labels are never earned, so that its rules have nothing to say.
fn packs_without_role(project: &Project, library: &Library) -> Vec<Problem> {
    let Some(file) = &project.file else { return Vec::new() };
    let roles: Vec<&str> = project.roles().collect();
    let idle = library.packs.values().filter(|p| p.enabled && !p.roles.is_empty() && !p.roles.iter().any(|r| roles.contains(&r.as_str())));
    idle.map(|pack| {
        let named = file.root().get("packs").into_iter().flat_map(Value::items).find(|v| v.as_str() == Some(&pack.name));
        let span = named.or(file.root().get("roles")).map(Value::span).unwrap_or_default();
        Problem::new("packs/no-role", format!("the pack `{}` is on, and the project has none of the roles it is for", pack.name))
            .at(file.file(), span, "asked without its role")
            .help(format!("add one of these to `roles`, or leave the pack out: {}", pack.roles.join(", ")))
    })
    .collect()
}

/// Says where the variant cap was reached: findings there may be more than exact tracking would give, never fewer.
fn notices(graph: &graph::FlowGraph<'_>, propagation: &crate::propagate::Propagation<'_, '_>, cap: usize) -> Vec<Problem> {
    let widened = propagation.widened.iter().map(|(edge, item)| {
        let edge = &graph.edges[*edge];
        Problem::new("propagate/variant-cap", format!("`{}` reaches this flow in more than {cap} variants", propagation.datum_name(*item)))
            .at(edge.document.file(), edge.span, "from here on its labels are a range")
            .help("findings may be too many here, never too few; raise `--variant-cap`, or split the step that makes so many alternatives")
    });
    let mut notices: Vec<Problem> = widened.collect();
    notices.sort_by_cached_key(Problem::sort_key);
    notices.dedup_by_key(|p| p.sort_key());
    notices
}
