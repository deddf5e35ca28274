//! The HTML format: one file for auditors that needs no network, no font and no script from elsewhere. It never shows what a check did not say.
//!
//! Everything can be read without its script, which only adds filters and a diagram that answers. A policy in the file allows that script and
//! that style by their hashes and nothing else, so that a name that were to slip through as markup could neither run nor load anything.

mod checked;
mod drawing;
mod filter;
mod finding;
mod part;
mod prose;
mod rules;
mod source;
mod write;

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use self::part::Part;
use self::write::{Html, base64};
use crate::check::Report;
use crate::report::text::count;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// One page for all projects.
pub(super) fn render(reports: &[&Report]) -> String {
    let several = reports.len() > 1;
    let mut parts: Vec<Part<'_>> = reports.iter().enumerate().map(|(n, r)| Part::of(r, several.then_some(n))).collect();
    let (style, script) = (unix(STYLE), unix(SCRIPT));
    let policy = policy(&parts, &style, &script);
    let title = title(reports);
    let mut h = Html::default();
    h.trusted("<!doctype html>\n");
    h.element("html", &[("lang", "en")], |h| {
        h.element("head", &[], |h| {
            h.start("meta", &[("charset", "utf-8")]);
            h.start("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
            h.start("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
            h.start("meta", &[("name", "color-scheme"), ("content", "light dark")]);
            h.start("meta", &[("name", "referrer"), ("content", "no-referrer")]);
            h.word("title", &[], &title);
            h.element("style", &[], |h| h.trusted(&style));
        });
        h.element("body", &[], |h| {
            h.word("a", &[("class", "skip"), ("href", "#content")], "Skip to the result");
            h.element("header", &[("class", "top")], |h| {
                h.word("p", &[("class", "product")], concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), " · data-flow check"));
                h.word("h1", &[], &title);
            });
            h.element("div", &[("class", "page")], |h| {
                contents(h, &parts);
                h.element("main", &[("id", "content"), ("tabindex", "-1")], |h| body(h, &mut parts, several));
            });
            h.element("footer", &[], |h| {
                h.text("Rules, classes and provider facts carry their source and date. Nothing here is legal advice");
            });
            h.element("script", &[], |h| h.trusted(&script));
        });
    });
    h.trusted("\n");
    h.into_text()
}

/// Line breaks as HTML parsers read them: the hash is taken over what they see.
fn unix(text: &str) -> String {
    text.replace('\r', "")
}

/// Content Security Policy Level 3: inline script and style by hash, nothing else at all.
fn policy(parts: &[Part<'_>], style: &str, script: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", base64(&Sha256::digest(text.as_bytes())));
    let drawings = parts.iter().flat_map(|p| &p.drawings).flat_map(|(_, svg)| drawing::styles(svg));
    let styles: BTreeSet<String> = drawings.map(hash).filter(|h| *h != hash(style)).collect();
    let styles: Vec<String> = std::iter::once(hash(style)).chain(styles).collect();
    format!("default-src 'none'; script-src {}; style-src {}; base-uri 'none'; form-action 'none'", hash(script), styles.join(" "))
}

fn title(reports: &[&Report]) -> String {
    match reports {
        [only] => match &only.name {
            Some(name) if !name.is_empty() && name != "." => format!("Report on {name}"),
            _ => "Report".to_owned(),
        },
        _ => format!("Report on {}", count(reports.iter().filter(|r| r.name.is_some()).count(), "project")),
    }
}

fn name(report: &Report) -> &str {
    report.name.as_deref().unwrap_or("What belongs to no project")
}

fn contents(h: &mut Html, parts: &[Part<'_>]) {
    h.element("nav", &[("class", "contents"), ("aria-label", "contents")], |h| {
        h.element("ul", &[], |h| {
            for part in parts {
                let links = |h: &mut Html| {
                    for (id, title, n) in part.contents() {
                        h.element("li", &[], |h| {
                            h.element("a", &[("href", &format!("#{}{id}", part.prefix))], |h| {
                                h.text(title);
                                if let Some(n) = n {
                                    h.word("span", &[("class", "number")], &format!(" {n}"));
                                }
                            });
                        });
                    }
                };
                if let [_] = parts {
                    links(h);
                } else {
                    let whole = format!("#{}project", part.prefix);
                    h.element("li", &[], |h| {
                        h.word("a", &[("href", &whole)], name(part.report));
                        finding::details(h, "sections", false, |h| h.element("ul", &[], links));
                    });
                }
            }
        });
    });
}

fn body(h: &mut Html, parts: &mut [Part<'_>], several: bool) {
    let reports: Vec<&Report> = parts.iter().map(|p| p.report).collect();
    if several {
        table(h, "projects", &["Project", "Result"], |h| {
            for part in &*parts {
                let whole = format!("#{}project", part.prefix);
                h.element("tr", &[], |h| {
                    h.element("th", &[("scope", "row")], |h| h.word("a", &[("href", &whole)], name(part.report)));
                    h.word("td", &[], &part::headline(part.report));
                });
            }
        });
        filter::draw(h, &reports);
    }
    for part in parts {
        let (whole, heading) = (format!("{}project", part.prefix), format!("{}project-title", part.prefix));
        let label = if several { ("aria-labelledby", heading.as_str()) } else { ("aria-label", "result") };
        h.element("section", &[("class", "project"), ("id", &whole), label, ("data-project", name(part.report))], |h| {
            if several {
                h.word("h2", &[("id", &heading)], name(part.report));
            }
            part.draw(h);
        });
    }
}

/// A table that scrolls inside itself, with a name and heads.
fn table(h: &mut Html, name: &str, heads: &[&str], rows: impl FnOnce(&mut Html)) {
    h.element("div", &[("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", name)], |h| {
        h.element("table", &[], |h| {
            h.element("thead", &[], |h| {
                h.element("tr", &[], |h| heads.iter().for_each(|head| h.word("th", &[("scope", "col")], head)));
            });
            h.element("tbody", &[], rows);
        });
    });
}
