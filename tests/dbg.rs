use flowgate::{Project, Options, check, load::Limits};
use jiff::civil::date;
#[test] fn dbg() {
  let list = std::env::var("P").unwrap();
  for p in list.split(',') {
    let t=std::time::Instant::now();
    let project = Project::read(std::path::Path::new(p), &Limits::default());
    let r = check(&project, &Options::on(date(2026,7,1)));
    println!("== {p}: {} findings {} problems {} notices {:?}", r.findings.len(), r.problems.len(), r.notices.len(), t.elapsed());
    for q in r.problems.iter().take(10) { println!("PROBLEM {} {} {:?} {:?}", q.code, q.message, q.places.first().map(|x| (x.file.name.clone(), x.file.line_column(x.span.start), x.file.slice(x.span).chars().take(60).collect::<String>())), q.help); }
    if p.contains("bench") { 
      let mut v=std::collections::BTreeSet::new(); let mut e=std::collections::BTreeSet::new();
      for f in r.findings.iter().filter(|f| f.rule.starts_with("bench/")) { let k=(f.primary.file.name.clone(), f.primary.span.start, f.rule.clone()); for d in &f.data { v.insert((k.clone(), d.name.clone())); } e.insert(k); }
      println!("violations {} edge_rule {}", v.len(), e.len());
      let mut m=std::collections::BTreeMap::new(); for f in &r.findings { *m.entry(f.rule.clone()).or_insert(0)+=1; } println!("{m:?}");
      continue; }
    for f in r.findings.iter() { println!("{:?} {} {:?} {}:{} | {} | data {:?} | und {:?} also {:?} rep {:?}", f.severity, f.rule, f.subject, f.primary.file.name, f.primary.file.line_column(f.primary.span.start).0, f.message, f.data.iter().map(|d| format!("{}/{}/{}", d.name, d.form, d.surface)).collect::<Vec<_>>(), f.undeclared.iter().map(|u| format!("{}@{}", u.fact, u.holder)).collect::<Vec<_>>(), f.also, f.repeats);
      for s in &f.path { println!("      path {} {} +{:?} -{:?} [{}]", s.node, s.form, s.gained, s.lost, s.labels.join(" ")); }
      for c in &f.policy.reasons { println!("      clause {} = {} {:?}", c.clause, c.value, c.saw); }
    }
  }
}
