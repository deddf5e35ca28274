//! `evidence.json`: the whole bundle as one document of `schemas/evidence.schema.json`.

use serde_json::{Value as Json, json};

use super::{Circumstances, edition, silent, verdict};
use crate::check::Report;
use crate::record::{Agreement, Datum, Flow, PackRecord, ProviderFact, RuleRecord, Tally, Waiver};

/// Raised when a program that reads this format would have to change.
const FORMAT_VERSION: u32 = 1;

pub(super) fn write(report: &Report, circumstances: &Circumstances) -> String {
    let record = report.record.clone().unwrap_or_default();
    let commit = circumstances.commit.as_ref();
    let state = |name: &str| commit.and_then(|c| c.inputs.get(name)).map(|s| s.word());
    let inputs: Vec<Json> = record
        .inputs
        .iter()
        .map(|i| json!({ "kind": i.kind, "name": i.name, "bytes": i.bytes, "sha256": i.sha256, "in_commit": state(&i.name) }))
        .collect();
    let differing: Vec<Json> =
        commit.into_iter().flat_map(|c| c.differing()).map(|(name, state)| json!({ "name": name, "state": state.word() })).collect();
    let workflows: Vec<Json> = circumstances.workflows.iter().map(|w| json!({ "id": w.id, "file": w.file, "stage": w.stage })).collect();
    let document = json!({
        "format_version": FORMAT_VERSION,
        "tool": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") },
        "whole": report.problems.is_empty(),
        "as_of": Some(&report.checked.as_of).filter(|date| !date.is_empty()),
        "dated_by": circumstances.dated_by.word(),
        "command": circumstances.command,
        "folder": report.folder,
        "commit": commit.map(|c| json!({ "id": c.id, "date": c.date, "clean": differing.is_empty(), "differing": differing })),
        "inputs": inputs,
        "roles": circumstances.roles,
        "workflows": workflows,
        "packs": record.packs.iter().map(pack).collect::<Vec<_>>(),
        "rules": record.rules.iter().map(rule).collect::<Vec<_>>(),
        "agreements": record.agreements.iter().map(agreement).collect::<Vec<_>>(),
        "provider_facts": record.provider_facts.iter().map(provider_fact).collect::<Vec<_>>(),
        "waivers": record.waivers.iter().map(waiver).collect::<Vec<_>>(),
        "flows": record.diagram.flows.iter().map(flow).collect::<Vec<_>>(),
        "report": serde_json::from_str::<Json>(&crate::report::json::render(&[report])).unwrap_or_default(),
    });
    crate::report::inert_json(&format!("{document:#}\n"))
}

fn pack(pack: &PackRecord) -> Json {
    json!({
        "name": pack.name,
        "private": pack.private,
        "rules": pack.rules,
        "sha256": pack.sha256,
        "edition": edition(pack),
        "not_covered": pack.not_covered(),
    })
}

fn rule(rule: &RuleRecord) -> Json {
    json!({
        "id": rule.id,
        "rule": rule.rule,
        "title": rule.title,
        "severity": rule.severity.word(),
        "citation": rule.citation,
        "subject": rule.subject,
        "stage": rule.stage.word(),
        "waivable": rule.waivable,
        "sha256": rule.sha256,
        "applied": !rule.workflows.is_empty(),
        "verdicts": rule.workflows.iter().map(tally).collect::<Vec<_>>(),
    })
}

fn tally((workflow, tally): (&String, &Tally)) -> Json {
    json!({
        "workflow": Some(workflow).filter(|w| !w.is_empty()),
        "verdict": verdict(tally),
        "asked": tally.asked,
        "violations": tally.violations,
        "undeclared": tally.undeclared,
        "waived": tally.waived,
        "silent": silent(tally),
    })
}

fn agreement(agreement: &Agreement) -> Json {
    json!({
        "id": agreement.id,
        "type": agreement.kind,
        "parties": agreement.parties,
        "services": agreement.services,
        "status": agreement.status,
        "effective": agreement.effective,
        "expires": agreement.expires,
        "document": agreement.document,
        "in_force": agreement.in_force,
    })
}

fn provider_fact(fact: &ProviderFact) -> Json {
    json!({
        "service": fact.service,
        "fact": fact.fact,
        "value": fact.value,
        "as_of": fact.as_of,
        "source": fact.source,
        "confidence": Some(&fact.confidence).filter(|c| !c.is_empty()),
        "overridden": fact.overridden,
        "checked": fact.checked,
    })
}

fn waiver(waiver: &Waiver) -> Json {
    let scope: Vec<Json> = waiver.scope.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    json!({
        "scope": scope,
        "reason": waiver.reason,
        "approver": waiver.approver,
        "expires": waiver.expires,
        "line": waiver.line,
        "covers": waiver.covers,
    })
}

fn flow(flow: &Flow) -> Json {
    let datum = |d: &Datum| {
        let variants: Vec<Json> = d.variants.iter().map(|v| json!({ "classes": v.classes, "labels": v.labels })).collect();
        json!({ "name": d.name, "form": d.form, "surface": d.surface, "variants": variants })
    };
    json!({
        "workflow": flow.workflow,
        "from": flow.from,
        "to": flow.to,
        "implied": flow.implied,
        "data": flow.data.iter().map(datum).collect::<Vec<_>>(),
        "findings": flow.marks.iter().map(|m| m.fingerprint.as_str()).collect::<Vec<_>>(),
    })
}
