#!/usr/bin/env python3
"""Write the shared benchmark workload as flowgate declarations.

convert.py WF_NDJSON OUT [--json] [--pack PATH] [--own-origins]

WF_NDJSON is what `gen.py VARIANT N DIR --json` writes: one workflow a line, and for variant G a last line with the lake.
OUT gets flowgate.yaml and flows/NNNN/*.flow.yaml (or .flow.json), a thousand workflows to a folder. The same input gives the same bytes.

How the two models meet (README.md says why):
  transform, lake      step of type redact that covers the body and removes the same classes
  edge out of endpoint the endpoint's `completion`: one datum per datum that went in
  source, variant G    a store filled from one shared source with a field per class, because an item of G is a class
"""
import argparse
import json
import pathlib
import re

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # YAML 1.1 reads these as something else


def text(value):
    """A value on one line, valid as YAML and, but for plain words, as JSON."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{text(k)}: {text(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(text(v) for v in value) + "]"
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    return json.dumps(value)


def as_yaml(document):
    """One line per node and flow."""
    lines = []
    for key, value in document.items():
        if isinstance(value, dict) and value:
            lines.append(f"{key}:")
            lines += [f"  {name}: {text(node)}" for name, node in value.items()]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{key}:")
            lines += [f"  - {text(item)}" for item in value]
        else:
            lines.append(f"{key}: {text(value)}")
    return "\n".join(lines) + "\n"


def as_json(document):
    """One line per node and flow."""
    parts = []
    for key, value in document.items():
        if isinstance(value, dict) and value:
            body = ",\n".join(f"    {json.dumps(name)}: {json.dumps(node)}" for name, node in value.items())
            parts.append(f"  {json.dumps(key)}: {{\n{body}\n  }}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            body = ",\n".join(f"    {json.dumps(item)}" for item in value)
            parts.append(f"  {json.dumps(key)}: [\n{body}\n  ]")
        else:
            parts.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def node_id(name):
    return name.replace("/", "-")


def classes(names):
    return [f"bench.{name}" for name in names]


def redaction(node):
    return {"type": "redact", "version": "1.0.0", "surfaces": ["body"], "removes": classes(node["removes"])}


def retention(days):
    return f"P{days}D" if days else "zero"


def endpoint(node):
    return {
        "deployment": "hosted" if node["hosted"] else "local",
        "mode": "batch" if node["batch"] else "sync",
        "training_use": "opted_in" if node["training"] else "never",
        "processing_regions": [node["region"]],
        "retention": retention(node["retention_days"]),
        "tags": {"baa": str(node["baa"]).lower(), "approved": str(node["approved"]).lower()},
    }


def log(node):
    return {"storage_regions": [node["region"]], "retention": retention(node["retention_days"])}


def output(node):
    return {"storage_regions": [node["region"]], "tags": {"high_risk": str(node["high_risk"]).lower()}}


def fields_of(node, per_class):
    """Name to class. Per class, a class that two fields share is one field."""
    if per_class:
        return {f"f_{f['class']}": f"bench.{f['class']}" for f in node["fields"]}
    return {f["name"]: f"bench.{f['class']}" for f in node["fields"]}


def flow(edge, kinds):
    made_there = kinds.get(edge["src"]) == "endpoint"
    entry = {
        "from": node_id(edge["src"]),
        "to": node_id(edge["dst"]),
        "fields": ["completion"] if made_there else "*",
        "tls": edge["encrypted"],
    }
    return entry | {"user_facing": True} if edge["user_facing"] else entry


def workflow(doc, giant, own_origins):
    kinds = {n["id"]: n["kind"] for n in doc["nodes"]}
    nodes = {"sources": {}, "steps": {}, "endpoints": {}, "stores": {}, "reviewers": {}, "logs": {}, "outputs": {}}
    filling = []
    for node in doc["nodes"]:
        name, kind = node["id"], node["kind"]
        if kind == "source":
            fields = fields_of(node, giant)
            if not giant:
                nodes["sources"][name] = {"surfaces": ["body"], "fields": fields}
                continue
            # What the lake writes back into a source of G must flow on, so there it is a store with a source before it.
            nodes["stores"][name] = {}
            origin = f"{name}-origin" if own_origins else "classes"
            if own_origins:
                nodes["sources"][origin] = {"surfaces": ["body"], "fields": fields}
            filling.append({"from": origin, "to": name, "fields": list(fields), "tls": True})
        elif kind == "transform":
            nodes["steps"][name] = redaction(node)
        elif kind == "endpoint":
            nodes["endpoints"][name] = endpoint(node)
        elif kind == "log":
            nodes["logs"][name] = log(node)
        elif kind == "output":
            nodes["outputs"][name] = output(node)
        elif kind == "reviewer":
            nodes["reviewers"][name] = {}
        elif kind != "lake":
            raise SystemExit(f"{doc['workflow']}: unknown kind of node: {kind}")
    head = {"workflow": doc["workflow"], "stage": "draft"}
    sections = {key: value for key, value in nodes.items() if value}
    return head | sections | {"flows": [flow(e, kinds) for e in doc["edges"]] + filling}


def project(lake, pack, own_origins):
    document = {
        "version": 1,
        "roles": [],
        "packs": [pack],
        "parties": {"bench": {"relation": "self"}},
        "defaults": {kind: {"operator": "bench"} for kind in ("source", "step", "endpoint", "store", "log", "output", "reviewer")},
    }
    if lake:
        if not own_origins:
            document["sources"] = {"classes": {"surfaces": ["body"], "fields": {f"f_{c}": f"bench.{c}" for c in CLASSES}}}
        document["steps"] = {node_id(n["id"]): redaction(n) for n in lake["nodes"]}
    return document


CLASSES = ["public", "internal", "name", "email", "phone", "ssn", "mrn", "diagnosis", "lab", "account_no", "income", "card_pan", "api_key",
           "password", "child_dob", "geo"]


def main():
    parser = argparse.ArgumentParser(description="write the shared benchmark workload as flowgate declarations")
    parser.add_argument("workload", type=pathlib.Path, help="wf.ndjson as gen.py writes it")
    parser.add_argument("out", type=pathlib.Path, help="folder of the project")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="workflow files as JSON")
    form.add_argument("--yaml", action="store_true", help="workflow files as YAML (the default)")
    parser.add_argument("--pack", default="../pack", help="the pack's path, as flowgate.yaml names it")
    parser.add_argument("--own-origins", action="store_true", help="variant G: a source of its own for each store, not the shared one")
    args = parser.parse_args()

    write, ending = (as_json, "flow.json") if args.json else (as_yaml, "flow.yaml")
    with args.workload.open() as lines:
        docs = [json.loads(line) for line in lines]
    lake = next((d for d in docs if d["workflow"] == "lake"), None)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "flowgate.yaml").write_text(as_yaml(project(lake, args.pack, args.own_origins)))
    for index, doc in enumerate(docs):
        folder = args.out / "flows" / ("." if doc is lake else f"{index // 1000:04}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{doc['workflow']}.{ending}").write_text(write(workflow(doc, lake is not None, args.own_origins)))


main()
