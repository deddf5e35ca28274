"""The page for auditors in a browser: what a click, a key, a narrow window, the dark and a printer make of it.

usage: page.py FLOWGATE [FOLDER [WORD]]      FOLDER gets pictures of the pages; of the tests only those whose names hold WORD
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from driver import Browser

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATE = ["--as-of", "2026-07-01"]

CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const rgb = (color) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = color;
  canvas.fillRect(0, 0, 1, 1);
  return Array.from(canvas.getImageData(0, 0, 1, 1).data);
};
const light = ([r, g, b]) => {
  const part = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};
const ratio = (a, b) => {
  const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};
for (const fold of document.querySelectorAll('details')) fold.open = true;
const ground = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const color = rgb(getComputedStyle(e).backgroundColor);
    if (color[3] === 255) return color;
  }
  return [255, 255, 255, 255];
};
const weak = new Map();
let seen = 0;
for (const element of document.querySelectorAll('body *')) {
  const own = Array.from(element.childNodes).some((n) => n.nodeType === 3 && n.textContent.trim() !== '');
  if (!own || element.closest('script, style, [hidden], title, desc')) continue;
  const style = getComputedStyle(element);
  seen += 1;
  const drawn = element.closest('svg');
  // A drawing fills its boxes; its text must stand out from each of them.
  const grounds = drawn
    ? Array.from(drawn.querySelectorAll('.paper, .zone rect, .shape')).map((s) => rgb(getComputedStyle(s).fill))
    : [ground(element)];
  const ink = rgb(drawn ? style.fill : style.color);
  for (const g of grounds) {
    const r = ratio(ink, g);
    if (r < 4.5) weak.set(`${element.tagName}.${element.getAttribute('class')} ${ink} on ${g}`, Math.round(r * 100) / 100);
  }
}
return { seen, weak: Array.from(weak) };
"""

VISIBLE = "return Array.from(document.querySelectorAll('article.finding')).filter((f) => !f.hidden).length"
LEFT = "return document.getElementById('left').textContent"
ACTIVE = """const e = document.activeElement;
return { tag: e.tagName.toLowerCase(), class: e.getAttribute('class') ?? '', name: e.getAttribute('name') ?? '', id: e.id, href: e.getAttribute('href') ?? '' }"""


class Pages:
    """Pages of the examples, and of projects made for the purpose."""

    def __init__(self, flowgate, folder):
        self.flowgate, self.folder = flowgate, folder

    def render(self, name, *arguments, cwd=ROOT):
        page = self.folder / f"{name}.html"
        done = subprocess.run([self.flowgate, "check", *arguments, *DATE, "--format", "html", "-o", page], cwd=cwd, capture_output=True, text=True)
        assert page.exists(), done.stderr
        return page

    def largest(self):
        """The example with the most findings."""
        sizes = {}
        for file in sorted(ROOT.glob("examples/**/flowgate.yaml")):
            done = subprocess.run([self.flowgate, "check", file.parent, *DATE, "--format", "json"], capture_output=True, text=True)
            sizes[len(json.loads(done.stdout)["findings"])] = file.parent
        return self.render("largest", str(sizes[max(sizes)].relative_to(ROOT))), max(sizes)

    def compared(self):
        """The broken example against the repaired one: new findings with causes, and a fixed one."""
        change = self.folder / "change"
        shutil.copytree(ROOT / "examples/lender-underwriting/violating", change)
        return self.render("compared", "change", "--base-dir", str(ROOT / "examples/lender-underwriting/fixed"), cwd=self.folder)

    def project(self, name, file, flow):
        folder = self.folder / name
        folder.mkdir()
        (folder / "flowgate.yaml").write_text(file)
        (folder / "a.flow.yaml").write_text(flow)
        return self.render(f"{name}-page", name, cwd=self.folder)

    def hostile(self):
        names = ["<script>document.title='broken'</script>", "\"><img src=x onerror=document.title='broken'>", "javascript:alert(1)", "a\u202eb", "]]>"]
        quoted = [json.dumps(n) for n in names]
        parties = ", ".join(f"{n}: {{ relation: processor }}" for n in quoted)
        file = f"version: 1\nroles: [hipaa_covered_entity]\npacks: [core, hipaa]\nparties: {{ acme: {{ relation: self }}, {parties} }}\n"
        endpoints = ", ".join(f"{n}: {{ operator: {n}, deployment: hosted, model_version: x }}" for n in quoted)
        flows = ", ".join(f"{{ from: ehr, to: {n}, fields: [note] }}" for n in quoted)
        ehr = "ehr: { operator: acme, location: x, subject: patient, fields: { note: regulated.health.note } }"
        return self.project("hostile", file, f"workflow: {quoted[0]}\nsources: {{ {ehr} }}\nendpoints: {{ {endpoints} }}\nflows: [ {flows} ]\n")

    def thousand(self):
        """At least a thousand findings in one workflow."""
        file = "version: 1\nroles: [hipaa_covered_entity]\npacks: [core, hipaa]\nparties: { acme: { relation: self }, mart: { relation: processor } }\n"
        numbers = range(260)
        sources = "\n".join(f"  ehr{n}: {{ operator: acme, location: x, subject: patient, fields: {{ note: regulated.health.note }} }}" for n in numbers)
        endpoints = "\n".join(f"  model{n}: {{ operator: mart, deployment: hosted, model_version: x }}" for n in numbers)
        flows = "\n".join(f"  - {{ from: ehr{n}, to: model{n}, fields: [note] }}" for n in numbers)
        return self.project("thousand", file, f"workflow: many\nsources:\n{sources}\nendpoints:\n{endpoints}\nflows:\n{flows}\n")


def settled(browser, text):
    browser.wait("return document.getElementById('left').textContent === arguments[0]", text)


def filters(browser, page, total):
    browser.size(1600)
    browser.open(page)
    assert browser.run(LEFT) == f"{total} of {total} findings", browser.run(LEFT)
    browser.click("input[value=error]")
    errors = browser.run("return document.querySelectorAll('article.finding[data-severity=error]').length")
    assert 0 < errors < total
    settled(browser, f"{total - errors} of {total} findings")
    assert browser.run(VISIBLE) == total - errors
    assert browser.run("return location.hash") == "#?severity=warning%2Cnote"
    browser.click("button[type=reset]")
    settled(browser, f"{total} of {total} findings")
    assert browser.run("return location.hash") == ""
    assert browser.run("return document.querySelector('input[value=error]').checked")
    packs = browser.run("return Array.from(document.querySelectorAll('select[name=pack] option')).map((o) => o.value).filter((v) => v)")
    assert len(packs) > 1, packs
    for pack in packs:
        browser.run("const s = document.querySelector('select[name=pack]'); s.value = arguments[0]; s.dispatchEvent(new Event('input', { bubbles: true }))", pack)
        n = browser.run("return document.querySelectorAll(`article.finding[data-pack=${arguments[0]}]`).length", pack)
        settled(browser, f"{n} of {total} findings")
        assert browser.run("return location.hash") == f"#?pack={pack}"
    browser.click("button[type=reset]")
    citation = browser.run("return document.querySelector('article.finding .facts a').textContent.split('(')[0]")
    browser.type("input[name=q]", citation)
    browser.wait("return document.querySelectorAll('article.finding[hidden]').length > 0")
    shown = browser.run("return Array.from(document.querySelectorAll('article.finding')).filter((f) => !f.hidden).map((f) => f.textContent)")
    assert shown and all(citation in text for text in shown), citation
    linked = browser.run("return location.hash")
    assert citation in linked
    # A link to a filtered view is that view.
    browser.open(page, linked)
    assert browser.run(VISIBLE) == len(shown)
    assert browser.run("return document.querySelector('input[name=q]').value") == citation
    browser.run("const q = document.querySelector('input[name=q]'); q.value = 'no such words'; q.dispatchEvent(new Event('input', { bubbles: true }))")
    settled(browser, f"0 of {total} findings")
    assert browser.run("return !document.querySelector('.findings > .filtered-out').hidden")


def links(browser, page):
    """A link to a finding shows it, whatever the filter hides."""
    browser.open(page, "#?severity=note")
    target = browser.run("return document.querySelector('article.finding[data-severity=error]').id")
    assert browser.run("return document.getElementById(arguments[0]).hidden", target)
    browser.run("location.hash = arguments[0]", target)
    browser.wait("return !document.getElementById(arguments[0]).hidden", target)
    browser.wait("return document.activeElement.id === arguments[0]", target)


def paths(browser, page):
    browser.open(page)
    stops = browser.run("""const f = Array.from(document.querySelectorAll('article.finding')).find((f) => f.querySelectorAll('.stop').length > 2 && f.querySelector('.show-path'));
      f.querySelector('.show-path').id = 'tested'; return Array.from(f.querySelectorAll('.stop .node')).map((n) => n.textContent)""")
    browser.run("document.getElementById('tested').scrollIntoView({ block: 'center' })")
    browser.click("#tested")
    lit = browser.run("return Array.from(document.querySelectorAll('svg.has-path g.node.on-path')).map((g) => g.dataset.key.split('/').pop())")
    assert sorted(set(lit)) == sorted(set(stops)), (lit, stops)
    order = browser.run("return Array.from(document.querySelectorAll('.panel .stops code')).map((c) => c.textContent.split('/').pop())")
    assert order == stops, (order, stops)
    pairs = browser.run("return Array.from(document.querySelectorAll('svg g.flow.on-path')).map((g) => [g.dataset.from.split('/').pop(), g.dataset.to.split('/').pop()])")
    assert sorted(map(tuple, pairs)) == sorted(set(zip(stops, stops[1:]))), pairs
    others = browser.run("return document.querySelectorAll('svg g.node:not(.on-path)').length")
    assert others > 0
    inside = "const c = document.querySelector('.canvas').getBoundingClientRect(); return c.top < innerHeight && c.bottom > 0"
    assert browser.run(inside)
    assert browser.run(ACTIVE)["class"] == "canvas"
    browser.press("Escape")
    assert browser.run("return document.querySelectorAll('.on-path').length") == 0
    assert browser.run(ACTIVE)["id"] == "tested"


def diagrams(browser, page):
    browser.open(page)
    browser.run("document.querySelector('.diagram').scrollIntoView()")
    width = "return document.querySelector('.canvas svg').getBoundingClientRect().width"
    before = browser.run(width)
    browser.click(".bar button[aria-label='Zoom in']")
    assert browser.run(width) > before * 1.2
    browser.click(".bar button[aria-label='Zoom out']")
    assert abs(browser.run(width) - before) < 3
    browser.run("document.querySelector('.canvas').focus()")
    browser.press("+", "+")
    wide = browser.run(width)
    assert wide > before * 1.5
    browser.press("-")
    assert browser.run(width) < wide
    browser.press("0")
    assert abs(browser.run(width) - before) < 3
    wheel = """const c = document.querySelector('.canvas'); const r = c.getBoundingClientRect();
      return c.dispatchEvent(new WheelEvent('wheel', { deltaY: -100, ctrlKey: arguments[0], clientX: r.left + 20, clientY: r.top + 20, bubbles: true, cancelable: true }))"""
    assert browser.run(wheel, False) and abs(browser.run(width) - before) < 3, "a plain wheel scrolls the page"
    assert not browser.run(wheel, True) and browser.run(width) > before * 1.2
    # Dragging moves.
    browser.press("+", "+", "+", "+")
    centre = browser.run("const r = document.querySelector('.canvas').getBoundingClientRect(); return [r.left + 200, r.top + 100].map(Math.round)")
    moves = [("pointerMove", 0, 0), ("pointerDown", 0, 0), ("pointerMove", -60, -20), ("pointerMove", -120, -40), ("pointerUp", 0, 0)]
    made = [{"type": t, "x": centre[0] + x, "y": centre[1] + y, "duration": 20} if t == "pointerMove" else {"type": t, "button": 0} for t, x, y in moves]
    left = browser.run("return document.querySelector('.canvas').scrollLeft")
    browser.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": made}]})
    assert browser.run("return document.querySelector('.canvas').scrollLeft") > left + 50
    # Focus tells what crosses; Enter on what breaks a rule goes to a finding about it.
    prints = browser.run("const g = document.querySelector('g.flow.violating'); g.focus(); return g.dataset.fingerprints.split(' ')")
    told = browser.run("return document.querySelector('.panel').textContent")
    row = browser.run("const g = document.querySelector('g.flow.violating'); return [g.dataset.from, g.dataset.to]")
    assert all(name in told for name in row), told
    data = browser.run("const g = document.activeElement; return document.querySelector(`tr[data-from='${g.dataset.from}'][data-to='${g.dataset.to}'] .data code`).textContent")
    assert data in told, told
    browser.press("Enter")
    assert browser.run("return document.activeElement.dataset.fingerprint") in prints
    assert browser.run("return document.querySelectorAll('article.finding.pointed').length") == len(set(prints))
    browser.run("document.querySelector('g.flow.violating').dispatchEvent(new MouseEvent('click', { bubbles: true }))")
    assert browser.run("return document.activeElement.dataset.fingerprint") in prints
    # One stop of the Tab key; arrows go on.
    browser.run("document.querySelector('svg [tabindex=\"0\"]').focus()")
    first = browser.run("return document.activeElement.getAttribute('aria-label')")
    browser.press("Right")
    assert browser.run("return document.activeElement.getAttribute('aria-label')") != first
    assert browser.run("return document.querySelectorAll('svg [tabindex=\"0\"]').length") == browser.run("return document.querySelectorAll('.canvas svg').length")


def keyboard(browser, page):
    """Tab alone reaches the skip link, the filters, a finding, the diagram; Enter and Space work there."""
    browser.size(1600)
    browser.open(page)
    browser.press("Tab")
    assert browser.run(ACTIVE)["class"] == "skip"
    assert browser.run("return document.activeElement.getBoundingClientRect().top >= 0"), "the skip link is seen when it has the focus"
    browser.press("Enter")
    browser.wait("return document.activeElement.id === 'content'")
    # The page hears of its new fragment a little later.
    browser.run("return new Promise((done) => setTimeout(done, 100))")
    browser.press("Tab")
    assert browser.run("return document.querySelector('main').contains(document.activeElement)")
    order, bare = [], []
    for _ in range(400):
        active = browser.run(ACTIVE)
        if not browser.run("const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2"):
            bare.append(browser.run("return document.activeElement.outerHTML.slice(0, 200)"))
        order.append(active["name"] or active["class"] or active["tag"])
        if active["class"] == "canvas":
            break
        browser.press("Tab")
    assert bare == [], f"stops without a ring: {bare}"
    firsts = [order.index(name) for name in ("summary", "severity", "q", "rule", "show-path", "canvas")]
    assert firsts == sorted(firsts), list(zip(firsts, order))
    browser.press("Tab")
    assert browser.run("return document.activeElement.closest('svg') !== null")
    browser.press("Shift+Tab")
    assert browser.run(ACTIVE)["class"] == "canvas"
    fold = "return document.querySelector('.checked details').open"
    browser.run("document.querySelector('.checked summary').focus()")
    assert not browser.run(fold)
    browser.press("Enter")
    assert browser.run(fold)
    browser.run("document.querySelector('input[value=error]').focus()")
    browser.press("Space")
    browser.wait("return location.hash.startsWith('#?severity=')")


def names(browser, page):
    """Controls have names, the page has landmarks and one first heading."""
    browser.open(page)
    nameless = browser.run("""return Array.from(document.querySelectorAll('button, input, select, a, summary, [role=region], [role=group], [role=img], [role=link]'))
      .filter((e) => !(e.getAttribute('aria-label') || (e.labels && e.labels.length && e.labels[0].textContent.trim()) || e.textContent.trim())).map((e) => e.outerHTML.slice(0, 200))""")
    assert nameless == [], nameless
    assert browser.run("return ['main', 'nav', 'header', 'footer', 'h1'].map((t) => document.querySelectorAll(`body ${t}`).length)") == [1, 1, 1, 1, 1]
    assert browser.run("return document.documentElement.lang") == "en"


def looks(browser, page, name, pictures):
    grounds = set()
    for scheme in ("light", "dark"):
        for width in (400, 1600):
            browser.size(width)
            browser.scheme(scheme)
            browser.open(page)
            wide = browser.run("return document.documentElement.scrollWidth")
            assert wide <= width, f"{name}: {wide} pixels wide at {width}"
            if pictures:
                height = browser.run("return document.documentElement.scrollHeight")
                browser.size(width, min(height, 6000))
                browser.open(page)
                browser.picture(pictures / f"{name}-{width}-{scheme}.png")
                browser.size(width)
            browser.run("for (const f of document.querySelectorAll('details')) f.open = true")
            wide = browser.run("return document.documentElement.scrollWidth")
            assert wide <= width, f"{name}: {wide} pixels wide at {width} with everything open"
        grounds.add(browser.run("return getComputedStyle(document.body).backgroundColor"))
        found = browser.run(CONTRAST)
        assert found["seen"] > 100, found["seen"]
        assert found["weak"] == [], f"{name}, {scheme}: {found['weak']}"
    assert len(grounds) == 2, "light and dark differ"
    browser.scheme("light")
    browser.size(1600)


def printed(browser, page, name, pictures):
    browser.open(page)
    pdf = browser.pdf()
    assert pdf.startswith(b"%PDF") and len(pdf) > 20_000, len(pdf)
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert pages >= 3, pages
    if pictures:
        (pictures / f"{name}.pdf").write_bytes(pdf)
    closed = browser.run("return document.querySelectorAll('details:not([open])').length")
    assert closed > 0, "folds are as they were after printing"


def hostile(browser, page):
    browser.open(page)
    assert browser.run("return document.title").startswith("Report"), browser.run("return document.title")
    assert browser.run("return document.images.length") == 0
    assert browser.run("return document.scripts.length") == 1
    # The policy holds even for what would slip through.
    browser.run("const s = document.createElement('script'); s.textContent = \"document.title = 'broken'\"; document.body.append(s)")
    browser.run("const i = document.createElement('div'); i.innerHTML = '<b onclick=\"document.title=1\">x</b>'; document.body.append(i); i.firstChild.click()")
    assert browser.run("return document.title").startswith("Report")
    refused = browser.complaints()
    assert len(refused) == 2 and all("Content Security Policy" in r for r in refused), refused


def thousand(browser, page):
    browser.open(page)
    total = browser.run("return document.querySelectorAll('article.finding').length")
    assert total >= 1000, total
    took = browser.run("""const box = document.querySelector('input[value=error]'); const q = document.querySelector('input[name=q]');
      const start = performance.now(); return new Promise((done) => {
        new MutationObserver(() => done(performance.now() - start)).observe(document.getElementById('left'), { childList: true });
        q.value = 'model7'; q.dispatchEvent(new Event('input', { bubbles: true })); })""")
    assert took < 3000, f"a search took {took:.0f} ms"
    shown = browser.run(VISIBLE)
    assert 0 < shown < total, shown
    print(f"  {total} findings, a search takes {took:.0f} ms")


def compared(browser, page):
    browser.open(page)
    standings = browser.run("return Array.from(new Set(Array.from(document.querySelectorAll('article.finding')).map((f) => f.dataset.standing))).sort()")
    assert "new" in standings, standings
    assert browser.run("return document.querySelectorAll('.causes mark').length") > 0
    assert "Base" in browser.run("return document.getElementById('comparison').textContent")


def plain(browser, page):
    """Without a script everything is there: the content is looked at with scripts switched off."""
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    shown = browser.run("return [document.querySelectorAll('article.finding').length, document.getElementById('filter').hidden, document.querySelectorAll('.bar').length]")
    browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
    assert shown[0] > 0 and shown[1] and shown[2] == 0, shown


def main():
    flowgate = str(pathlib.Path(sys.argv[1]).resolve())
    pictures = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
    wanted = sys.argv[3] if len(sys.argv) > 3 else ""
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="page-") as folder:
        pages = Pages(flowgate, pathlib.Path(folder))
        largest, total = pages.largest()
        clean = pages.render("clean", "examples/clinic-notes/fixed")
        comparison, evil, many = pages.compared(), pages.hostile(), pages.thousand()
        several = pages.render("several", "examples/clinic-notes", "examples/support-triage")
        browser = Browser()
        failed = 0
        try:
            tests = [
                ("filters", filters, largest, total), ("links", links, largest), ("paths", paths, largest), ("diagrams", diagrams, largest),
                ("keyboard", keyboard, largest), ("names", names, largest), ("names of several", names, several),
                ("comparison", compared, comparison), ("a thousand", thousand, many), ("without script", plain, largest),
                *[(f"looks of {n}", looks, p, n, pictures) for n, p in
                  (("largest", largest), ("clean", clean), ("compared", comparison), ("hostile", evil), ("several", several))],
                ("print", printed, largest, "largest", pictures), ("print of a clean one", printed, clean, "clean", pictures),
            ]
            for name, test, *arguments in (t for t in tests if wanted in t[0]):
                try:
                    test(browser, *arguments)
                    complaints, requests = browser.complaints(), browser.requests()
                    assert complaints == [], complaints
                    assert requests == [], requests
                    print(f"ok {name}")
                except AssertionError as error:
                    failed += 1
                    line = error.__traceback__
                    while line.tb_next and line.tb_next.tb_frame.f_code.co_filename == __file__:
                        line = line.tb_next
                    print(f"FAILED {name}, line {line.tb_lineno}: {error}")
                    browser.complaints()
            try:
                hostile(browser, evil)
                print("ok hostile")
            except AssertionError as error:
                failed += 1
                print(f"FAILED hostile: {error}")
        finally:
            browser.close()
    sys.exit(1 if failed else 0)


main()
