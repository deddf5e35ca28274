//! A change to packs: is the new text at least as strict as the old? What an old rule refuses must be refused by the new pack at the same stage or earlier, as
//! severely and no easier to waive; if not, there is a request that shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cedar_policy::{Policy, PolicySet};
use cedar_policy_symcc::Env;
use flowgate::judge::Role;
use flowgate::packs::{LabelKind, Taxonomy};

use crate::checks::{keep, schema};
use crate::replay::{self, Expect, Side};
use crate::report::{Finding, Gap, Level, Report};
use crate::session::{Config, Session, Unproved, and, work};
use crate::world::{Kind, LABEL, Rule, World};

/// Pairs of packs: the old one's name and the new one's.
pub type Pairs = Vec<(String, String)>;

/// Compares packs of the old world with packs of the new one.
///
/// # Errors
/// No solver, or one that cannot be trusted.
pub fn run(old: &World, new: &mut World, pairs: &Pairs, config: &Config, folder: &Path, report: &mut Report) -> Result<(), Unproved> {
    taxonomies(&old.taxonomy, &new.taxonomy, report);
    new.admit(old);
    let both = |below: &str, above: &str| {
        let holds = |taxonomy: &Taxonomy| {
            let ids = taxonomy.find_any(below).zip(taxonomy.find_any(above));
            ids.is_some_and(|(below, above)| taxonomy.entry(below).above.contains(above))
        };
        holds(&old.taxonomy) && holds(&new.taxonomy)
    };
    let compared = Compared { world: new, both: &both };
    for (was, is) in pairs {
        let (before, after): (Vec<&Rule>, Vec<&Rule>) = (old.of(was, Role::Rule).collect(), new.of(is, Role::Rule).collect());
        report.count(is, "rules before", before.len());
        report.count(is, "rules after", after.len());
        let lost = one_way(&compared, &before, &after, config)?;
        tell(&lost, Way::Weaker, is, folder, report);
        let gained = one_way(&compared, &after, &before, config)?;
        tell(&gained, Way::Stricter, is, folder, report);
        let (before, after): (Vec<&Rule>, Vec<&Rule>) = (old.of(was, Role::Label).collect(), new.of(is, Role::Label).collect());
        labels(&compared, &before, &after, is, config, folder, report)?;
    }
    Ok(())
}

struct Compared<'w> {
    world: &'w World,
    both: &'w (dyn Fn(&str, &str) -> bool + Sync),
}

/// What one rule refuses and the other side does not, for one kind of request.
struct Escape<'r> {
    rule: &'r Rule,
    others: Vec<&'r Rule>,
    kind: &'r Kind,
    answer: Result<Option<Env>, Unproved>,
}

/// Every rule of `these`: what it refuses and `those` do not.
fn one_way<'r>(compared: &Compared<'r>, these: &[&'r Rule], those: &[&'r Rule], config: &Config) -> Result<Vec<Escape<'r>>, Unproved> {
    let same = |rule: &Rule| those.iter().any(|o| o.local() == rule.local() && o.text == rule.text && o.is_as_strong_as(rule));
    let changed: Vec<&Rule> = these.iter().copied().filter(|r| !same(r)).collect();
    let kinds = |rule: &'r Rule| compared.world.kinds.iter().filter(move |k| k.action != LABEL && rule.is_about(&k.action));
    let jobs: Vec<(&Rule, &Kind)> = changed.iter().flat_map(|r| kinds(r).map(move |k| (*r, k))).collect();
    let others = |rule: &Rule, kind: &Kind| -> Vec<&'r Rule> {
        those.iter().copied().filter(|o| o.is_as_strong_as(rule) && o.is_about(&kind.action)).collect()
    };
    let answers = work(config, &jobs, |session, (rule, kind)| escape(compared, session, &[*rule], &others(rule, kind), kind))?;
    let escapes = jobs.into_iter().zip(answers);
    Ok(escapes.map(|((rule, kind), answer)| Escape { rule, others: others(rule, kind), kind, answer }).collect())
}

fn escape(compared: &Compared<'_>, session: &mut Session, these: &[&Rule], those: &[&Rule], kind: &Kind) -> Result<Option<Env>, Unproved> {
    let all: Vec<&Rule> = these.iter().chain(those).copied().collect();
    let given = compared.world.given(kind, &all, compared.both);
    let schema = schema(compared.world, &all, &given)?;
    let first = these.iter().map(|r| and(&r.policy, &given)).collect::<Result<Vec<Policy>, _>>()?;
    session.uncovered(&first.iter().collect::<Vec<_>>(), &those.iter().map(|r| &r.policy).collect::<Vec<_>>(), kind, &schema)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Weaker,
    Stricter,
}

fn tell(escapes: &[Escape<'_>], way: Way, pack: &str, folder: &Path, report: &mut Report) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for escape in escapes {
        let at = Some((escape.rule.file.clone(), escape.rule.line));
        let what = format!("`{}` ({})", escape.rule.id, escape.kind.name());
        match &escape.answer {
            Err(Unproved(why)) => report.gaps.push(Gap { what, why: why.clone(), at }),
            Ok(None) => report.count(
                pack,
                if way == Way::Weaker {
                    "changed rules as strict as before, by kind of request"
                } else {
                    "changed rules no stricter than before, by kind of request"
                },
                1,
            ),
            // One request shows it; the others of the rule are of the same making.
            Ok(Some(_)) if !told.insert(&escape.rule.id) => {}
            Ok(Some(env)) => {
                let weaker = way == Way::Weaker;
                let (with, without) = (
                    Side { name: if weaker { "old" } else { "new" }, rules: vec![escape.rule], expect: Expect::Deny },
                    Side { name: if weaker { "new" } else { "old" }, rules: escape.others.clone(), expect: Expect::Allow },
                );
                let message = if weaker {
                    format!("the new `{pack}` lets pass what `{}` refused{}", escape.rule.id, softly(escape.rule))
                } else {
                    format!("`{}` refuses what the old `{pack}` let pass", escape.rule.id)
                };
                let sides = if weaker { [with, without] } else { [without, with] };
                let prefix = if weaker { "weaker" } else { "stricter" };
                let written = replay::case(&message, &sides, env)
                    .and_then(|case| replay::write(folder, &format!("{prefix}-{}", escape.rule.id), &case));
                let file = keep(written, &message, report);
                report.findings.push(Finding {
                    level: if weaker { Level::Error } else { Level::Note },
                    code: if weaker { "prove/weaker" } else { "prove/stricter" },
                    message: message.clone(),
                    at,
                    request: replay::words(env),
                    replay: file,
                    help: if weaker {
                        "if this is meant, say so in the change; else restore the condition, the stage or the severity".to_owned()
                    } else {
                        String::new()
                    },
                });
            }
        }
    }
}

/// How strongly a rule speaks, as far as another must match it.
fn softly(rule: &Rule) -> String {
    let waiver = if rule.waivable { "" } else { ", without a waiver" };
    format!(" (from {} on, as {}{waiver})", rule.stage.word(), rule.severity.word())
}

/// A label, the policies that give it now and then, which way round is asked, and the kind of request.
type Job<'a> = (&'a String, &'a Vec<&'a Rule>, &'a Vec<&'a Rule>, bool, &'a Kind);

/// Labels: who earns them. One that speaks well of data must not be earned more easily, any other not be lost; what displaces others is both.
fn labels(
    compared: &Compared<'_>,
    before: &[&Rule],
    after: &[&Rule],
    pack: &str,
    config: &Config,
    folder: &Path,
    report: &mut Report,
) -> Result<(), Unproved> {
    let mut by_label: BTreeMap<String, (Vec<&Rule>, Vec<&Rule>)> = BTreeMap::new();
    for (side, rules) in [(0, before), (1, after)] {
        for rule in rules {
            let entry = by_label.entry(rule.label.clone().unwrap_or_default()).or_default();
            if side == 0 { entry.0.push(rule) } else { entry.1.push(rule) }
        }
    }
    let texts = |rules: &[&Rule]| rules.iter().map(|r| r.text.clone()).collect::<BTreeSet<_>>();
    by_label.retain(|_, (was, is)| texts(was) != texts(is));
    let jobs: Vec<Job<'_>> = by_label
        .iter()
        .flat_map(|(label, (was, is))| [(label, was, is, true), (label, is, was, false)])
        .flat_map(|(label, these, those, lost)| {
            compared.world.kinds.iter().filter(|k| k.action == LABEL).map(move |k| (label, these, those, lost, k))
        })
        .collect();
    let answers = work(config, &jobs, |session, (_, these, those, _, kind)| {
        let all: Vec<&Rule> = these.iter().chain(those.iter()).copied().collect();
        let given = compared.world.given(kind, &all, compared.both);
        let schema = schema(compared.world, &all, &given)?;
        let set = |policies: Vec<Policy>| PolicySet::from_policies(policies).map_err(|e| Unproved(e.to_string()));
        let first = set(these.iter().map(|r| and(&r.policy, &given)).collect::<Result<_, _>>()?)?;
        let second = set(those.iter().map(|r| r.policy.clone()).collect())?;
        session.implies(&first, &second, kind, &schema)
    })?;
    let mut told: BTreeSet<(&String, bool)> = BTreeSet::new();
    for ((label, these, those, lost, kind), answer) in jobs.into_iter().zip(answers) {
        let what = format!("who earns `{label}` ({})", kind.name());
        match answer {
            Err(Unproved(why)) => report.gaps.push(Gap { what, why, at: None }),
            Ok(None) => report.count(pack, "changed labels earned as before, by kind of request", 1),
            Ok(Some(_)) if !told.insert((label, lost)) => {}
            Ok(Some(env)) => {
                let entry = compared.world.taxonomy.find(LabelKind::Label, label).map(|id| compared.world.taxonomy.entry(id));
                let speaks_well = entry.is_none_or(|e| e.assurance || !e.displaces.is_empty());
                let weaker = speaks_well != lost || entry.is_some_and(|e| !e.assurance && !e.displaces.is_empty());
                let message = if lost {
                    format!("`{label}` is no longer earned by what earned it")
                } else {
                    format!("`{label}` is earned by more than before")
                };
                let (with, without) = if lost { ("old", "new") } else { ("new", "old") };
                let sides = [
                    Side { name: with, rules: these.clone(), expect: Expect::Allow },
                    Side { name: without, rules: those.clone(), expect: Expect::Deny },
                ];
                let name = format!("label-{}-{label}", if lost { "lost" } else { "gained" });
                let written = replay::case(&message, &sides, &env).and_then(|case| replay::write(folder, &name, &case));
                let file = keep(written, &message, report);
                report.findings.push(Finding {
                    level: if weaker { Level::Error } else { Level::Note },
                    code: if weaker { "prove/weaker" } else { "prove/stricter" },
                    message: message.clone(),
                    at: these.first().or(those.first()).map(|r| (r.file.clone(), r.line)),
                    request: replay::words(&env),
                    replay: file,
                    help: if weaker {
                        "rules read this label: less of what they speak about may reach them".to_owned()
                    } else {
                        String::new()
                    },
                });
            }
        }
    }
    Ok(())
}

/// What the solver takes as given: classes and labels. Compared by name; less of it is weaker.
fn taxonomies(old: &Taxonomy, new: &Taxonomy, report: &mut Report) {
    let mut lost = Vec::new();
    for (id, entry) in old.entries().filter(|(_, e)| e.kind != LabelKind::Case) {
        let name = &entry.name;
        let Some(now) = new.find(entry.kind, name) else {
            lost.push(format!("there is no `{name}` any more"));
            continue;
        };
        let now_entry = new.entry(now);
        let above = |taxonomy: &Taxonomy, set: &flowgate::packs::LabelSet| -> BTreeSet<String> {
            set.iter().map(|id| taxonomy.entry(id).name.clone()).collect()
        };
        for parent in above(old, &entry.above).difference(&above(new, &now_entry.above)) {
            lost.push(format!("`{name}` is no longer in `{parent}`"));
        }
        for other in above(new, &now_entry.displaces).difference(&above(old, &entry.displaces)) {
            lost.push(format!("`{name}` now displaces `{other}`"));
        }
        if entry.assurance && !now_entry.assurance {
            lost.push(format!("`{name}` no longer needs every part of a datum to have it"));
        }
        if old.free_text().contains(id) && !new.free_text().contains(now) {
            lost.push(format!("free text is no longer presumed to hold `{name}`"));
        }
    }
    for what in lost {
        report.findings.push(Finding {
            level: Level::Error,
            code: "prove/weaker",
            message: what,
            at: None,
            request: Vec::new(),
            replay: None,
            help: "rules about it see less data; if this is meant, say so in the change".to_owned(),
        });
    }
}
