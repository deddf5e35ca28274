//! A new rule folder that passes its own fixtures, so that the author starts from green. It writes nothing.

use std::path::{Path, PathBuf};

use crate::problem::Problem;

/// The files of `folder/<pack>/<name>/` for the id `pack/name`, and the pack's own page where it is new; sorted, each with its text.
///
/// # Errors
/// The id is no id, or the rule exists.
pub fn scaffold(folder: &Path, id: &str) -> Result<Vec<(PathBuf, String)>, Problem> {
    let word = |w: &str| {
        !w.is_empty()
            && w.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && w.starts_with(|c: char| c.is_ascii_lowercase())
    };
    let Some((pack, name)) = id.split_once('/').filter(|(pack, name)| word(pack) && word(name)) else {
        return Err(Problem::new("rulebook/bad-id", format!("`{id}` is not a rule id"))
            .help("write `pack/name`, in lower case with dashes; name the bad thing, not the remedy"));
    };
    let rule = folder.join(pack).join(name);
    if rule.exists() {
        return Err(
            Problem::new("rulebook/rule-exists", format!("the rule `{id}` is there already")).help(format!("edit `{}`", rule.display()))
        );
    }
    let mut files = vec![
        (rule.join("rule.cedar"), RULE.to_owned()),
        (rule.join("README.md"), PAGE.replace("{id}", id)),
        (rule.join("fail/plain.flow.yaml"), FAIL.replace("{id}", id)),
        (rule.join("pass/near-miss.flow.yaml"), NEAR_MISS.to_owned()),
        (rule.join("pass/exception.flow.yaml"), EXCEPTION.to_owned()),
    ];
    let page = folder.join(pack).join("PACK.md");
    if !page.exists() {
        files.push((page, PACK.replace("{pack}", pack)));
    }
    let project = folder.join(pack).join("flowgate.yaml");
    if !project.exists() {
        files.push((project, PROJECT.to_owned()));
    }
    files.sort();
    Ok(files)
}

const RULE: &str = r#"// Why this rule, and which neighbour owns the near miss.
@title("what happens that must not, in one line")
@severity("error")
@citation("the clause that asks for it")
@message("`{datum}` goes to `{recipient}`, which is run by `{operator}`")
@help("what the reader should do, most likely first")
forbid (
  principal is Flowgate::Endpoint,
  action == Flowgate::Action::"receive",
  resource in Flowgate::Class::"customer"
)
unless { principal has operator && principal.operator.is_self };
"#;

const PAGE: &str = r"# {id}

One sentence for the list of rules.

## What it forbids

Customer data at a model endpoint that somebody else runs.

## Why

The clause that asks for it, with its date.

## Fails

```yaml
  - { from: desk, to: model, fields: [ticket] }
```

## Passes

```yaml
  model: { operator: acme }
```

## How to fix

What to change, most likely first.

## Limits

What it does not see, false positives, exceptions, and which rule owns the near miss.
";

const FAIL: &str = r"workflow: plain
stage: pilot
sources:
  desk:
    operator: acme
    fields:
      ticket: customer.ticket
endpoints:
  model: { operator: vendor }
flows:
  - { from: desk, to: model, fields: [ticket] }  # expect: {id}
";

const NEAR_MISS: &str = r"# The same flow, to a model that the project runs itself.
workflow: near-miss
stage: pilot
sources:
  desk:
    operator: acme
    fields:
      ticket: customer.ticket
endpoints:
  model: { operator: acme }
flows:
  - { from: desk, to: model, fields: [ticket] }
";

const EXCEPTION: &str = r"# The same flow with data the rule does not speak of.
workflow: exception
stage: pilot
sources:
  site:
    operator: acme
    fields:
      page: public
endpoints:
  model: { operator: vendor }
flows:
  - { from: site, to: model, fields: [page] }
";

const PACK: &str = r"# {pack}

The law, contract or framework these rules serve, its edition and date, and what is not covered.
";

const PROJECT: &str = r"# The project that the fixtures of this pack are judged under.
version: 1
roles: []
packs: []
parties:
  acme:   { relation: self }
  vendor: { relation: processor }
";
