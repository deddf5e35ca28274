// Filters, links into folded parts, and diagrams that answer. The page says everything without it.
(() => {
  'use strict';

  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const make = (tag, attributes, text) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // --- filter ---

  const form = document.getElementById('filter');
  const findings = all('article.finding').map((element) => ({
    element,
    project: element.closest('section.project').dataset.project,
    ...element.dataset,
  }));
  const choices = form ? all('select', form) : [];
  const ticks = form ? all('input[name=severity]', form) : [];

  // Read when first searched for, and kept.
  const words = (finding) => {
    finding.words ??= all('h3, h4, .where, .facts', finding.element).map((e) => e.textContent).join(' ').toLowerCase();
    return finding.words;
  };

  const apply = (write) => {
    const severities = new Set(ticks.filter((t) => t.checked).map((t) => t.value));
    const wanted = choices.filter((c) => c.value !== '');
    const sought = form.elements.q.value.trim().toLowerCase();
    let left = 0;
    const sections = new Map();
    for (const finding of findings) {
      const stays = severities.has(finding.severity)
        && wanted.every((c) => finding[c.name] === c.value)
        && (sought === '' || words(finding).includes(sought));
      finding.element.hidden = !stays;
      left += stays ? 1 : 0;
      const section = finding.element.parentElement;
      sections.set(section, sections.get(section) || stays);
    }
    for (const [section, some] of sections) {
      const note = section.querySelector(':scope > .filtered-out');
      if (note) note.hidden = some;
    }
    document.getElementById('left').textContent = `${left} of ${findings.length} findings`;
    if (write) remember(severities, wanted, sought);
  };

  const remember = (severities, wanted, sought) => {
    const state = new URLSearchParams();
    if (severities.size < ticks.length) state.set('severity', [...severities].join(','));
    for (const choice of wanted) state.set(choice.name, choice.value);
    if (sought !== '') state.set('q', sought);
    const text = state.toString();
    if (text === '' && !location.hash.startsWith('#?')) return;
    history.replaceState(null, '', location.href.split('#')[0] + (text === '' ? '' : `#?${text}`));
  };

  const recall = () => {
    const state = new URLSearchParams(location.hash.slice(2));
    const severities = state.has('severity') ? state.get('severity').split(',') : ticks.map((t) => t.value);
    for (const tick of ticks) tick.checked = severities.includes(tick.value);
    for (const choice of choices) {
      const value = state.get(choice.name) ?? '';
      choice.value = Array.from(choice.options).some((o) => o.value === value) ? value : '';
    }
    form.elements.q.value = state.get('q') ?? '';
    apply(false);
  };

  // --- links ---

  // Shows what is folded or filtered away, and goes there.
  const reveal = (element) => {
    const finding = element.closest('article.finding');
    if (finding && finding.hidden) form.reset();
    for (let fold = element.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true;
    element.scrollIntoView({ block: 'start' });
    if (!element.hasAttribute('tabindex')) element.setAttribute('tabindex', '-1');
    element.focus({ preventScroll: true });
  };

  const follow = () => {
    if (form && location.hash.startsWith('#?')) {
      recall();
      return;
    }
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { /* as it stands */ }
    const target = id === '' ? null : document.getElementById(id);
    if (target) reveal(target);
  };

  if (form) {
    form.hidden = false;
    let waiting;
    form.addEventListener('input', () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => apply(true), 80);
    });
    form.addEventListener('reset', () => {
      for (const tick of ticks) tick.checked = true;
      for (const choice of choices) choice.value = '';
      form.elements.q.value = '';
      clearTimeout(waiting);
      apply(true);
    });
    form.addEventListener('submit', (event) => event.preventDefault());
    apply(false);
  }

  // --- diagrams ---

  const STEP = 1.25;
  const SMALLEST = 0.6;

  const diagram = (root) => {
    const canvas = root.querySelector('.canvas');
    const svg = canvas.querySelector('svg');
    const workflow = root.closest('details.workflow');
    const project = root.closest('section.project');
    if (!svg) return null;
    const box = svg.viewBox.baseVal;
    const natural = box && box.width > 0 ? box.width : svg.clientWidth || 800;
    const name = root.dataset.name;
    let scale = 0;

    const zoom = (to, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
      const next = Math.min(4, Math.max(0.15, to));
      const by = next / (scale || next);
      const [left, top] = [(canvas.scrollLeft + x) * by - x, (canvas.scrollTop + y) * by - y];
      scale = next;
      svg.style.width = `${Math.round(natural * scale)}px`;
      canvas.scrollTo(left, top);
      shown.textContent = `${Math.round(scale * 100)} %`;
    };
    const fit = () => {
      const room = canvas.clientWidth - 24;
      if (room > 0) {
        scale = 0;
        zoom(Math.min(1, Math.max(SMALLEST, room / natural)));
        canvas.scrollTo(0, 0);
      }
    };

    const bar = make('div', { class: 'bar', role: 'toolbar', 'aria-label': `zoom of ${name}` });
    const button = (label, text, act) => {
      const made = make('button', { type: 'button', 'aria-label': label, title: label }, text);
      made.addEventListener('click', act);
      bar.append(made);
      return made;
    };
    button('Zoom in', '+', () => zoom(scale * STEP));
    button('Zoom out', '−', () => zoom(scale / STEP));
    button('Fit to width', 'Fit', fit);
    const shown = make('span', { class: 'scale' }, '');
    bar.append(shown);
    const drop = button('Clear the path', 'Clear path', () => clear(true));
    drop.hidden = true;
    const panel = make('div', { class: 'panel', 'aria-live': 'polite' });
    const hint = 'Point at a part, or press Tab and the arrow keys, to see what crosses; Enter goes to its findings. '
      + 'Plus, minus and 0 zoom, as does the wheel with Ctrl; drag to move';
    panel.append(make('p', { class: 'hint' }, hint));
    root.prepend(bar);
    root.append(panel);

    // Rows of the tables below say what the drawing shows.
    const rows = new Map();
    for (const row of all('tr[data-from], tr[data-key]', workflow)) {
      const key = row.dataset.key ?? `${row.dataset.from}\n${row.dataset.to}`;
      rows.set(key, [...(rows.get(key) ?? []), row]);
    }
    const numbers = new Map(all('tr[data-number]', project).map((row) => [row.dataset.number, row.dataset.key]));
    const keyOf = (part) => part.dataset.key ?? `${part.dataset.from}\n${part.dataset.to}`;
    const parts = all('g.node, g.flow', svg);
    const marked = (part) => (part.dataset.fingerprints ?? '').split(/\s+/).filter((f) => f !== '');

    const tell = (part) => {
      const found = rows.get(keyOf(part)) ?? [];
      panel.replaceChildren();
      const title = part.dataset.key !== undefined ? part.dataset.key : `${part.dataset.from} → ${part.dataset.to}`;
      panel.append(make('p', { class: 'key' }, title));
      for (const row of found) {
        const heads = all('thead th', row.closest('table'));
        for (const [n, cell] of Array.from(row.cells).entries()) {
          if (n === 0 || (part.dataset.key === undefined && n === 1) || cell.textContent.trim() === '') continue;
          const line = make('div', { class: 'fact' });
          line.append(make('span', { class: 'form' }, `${heads[n].textContent}: `), ...Array.from(cell.cloneNode(true).childNodes));
          panel.append(line);
        }
      }
      if (found.length === 0) panel.append(make('p', {}, part.querySelector('title')?.textContent ?? ''));
    };

    const findingsOf = (part) => {
      const prints = new Set(marked(part));
      return all('article.finding', project).filter((f) => prints.has(f.dataset.fingerprint));
    };
    const go = (part) => {
      const targets = findingsOf(part);
      if (targets.length === 0) return;
      for (const old of all('article.finding.pointed')) old.classList.remove('pointed');
      for (const target of targets) target.classList.add('pointed');
      reveal(targets[0]);
    };

    // One stop of the Tab key for all parts; arrows go from one to the next.
    svg.setAttribute('role', 'group');
    svg.setAttribute('aria-label', `parts of ${name}`);
    svg.removeAttribute('aria-labelledby');
    for (const [n, part] of parts.entries()) {
      part.setAttribute('tabindex', n === 0 ? '0' : '-1');
      part.setAttribute('role', marked(part).length > 0 ? 'link' : 'img');
      part.setAttribute('aria-label', part.querySelector('title')?.textContent ?? keyOf(part));
      part.addEventListener('focus', () => tell(part));
      part.addEventListener('mouseenter', () => tell(part));
      part.addEventListener('click', () => { if (!dragged) go(part); });
      part.addEventListener('keydown', (event) => {
        const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        const to = event.key === 'Home' ? 0 : event.key === 'End' ? parts.length - 1 : by && (n + by + parts.length) % parts.length;
        if (event.key === 'Enter') go(part);
        else if (to !== undefined) {
          part.setAttribute('tabindex', '-1');
          parts[to].setAttribute('tabindex', '0');
          parts[to].focus();
          parts[to].scrollIntoView({ block: 'nearest', inline: 'nearest' });
        } else return;
        event.preventDefault();
        event.stopPropagation();
      });
    }

    canvas.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === '+' || event.key === '=') zoom(scale * STEP);
      else if (event.key === '-') zoom(scale / STEP);
      else if (event.key === '0') fit();
      else return;
      event.preventDefault();
    });
    canvas.addEventListener('wheel', (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const frame = canvas.getBoundingClientRect();
      zoom(scale * (event.deltaY < 0 ? STEP : 1 / STEP), event.clientX - frame.left, event.clientY - frame.top);
    }, { passive: false });

    let held = null;
    let dragged = false;
    canvas.addEventListener('pointerdown', (event) => {
      dragged = false;
      if (event.button === 0 && event.pointerType === 'mouse') {
        held = { x: event.clientX, y: event.clientY, left: canvas.scrollLeft, top: canvas.scrollTop };
      }
    });
    window.addEventListener('pointermove', (event) => {
      if (!held) return;
      const [x, y] = [event.clientX - held.x, event.clientY - held.y];
      if (!dragged && Math.hypot(x, y) < 5) return;
      dragged = true;
      canvas.classList.add('dragged');
      canvas.scrollTo(held.left - x, held.top - y);
    });
    window.addEventListener('pointerup', () => {
      held = null;
      canvas.classList.remove('dragged');
    });

    let origin = null;
    const clear = (back) => {
      svg.classList.remove('has-path');
      for (const part of parts) part.classList.remove('on-path');
      drop.hidden = true;
      if (back && origin) reveal(origin);
      origin = null;
    };
    const path = (link, order) => {
      clear(false);
      origin = link;
      const keys = order.map((n) => numbers.get(n)).filter((k) => k !== undefined);
      const pairs = new Set(keys.slice(1).map((key, n) => `${keys[n]}\n${key}`));
      const nodes = new Set(keys);
      const lit = parts.filter((part) => (part.dataset.key !== undefined ? nodes.has(part.dataset.key) : pairs.has(keyOf(part))));
      for (const part of lit) part.classList.add('on-path');
      svg.classList.add('has-path');
      drop.hidden = false;
      workflow.open = true;
      if (scale === 0) fit();
      root.scrollIntoView({ block: 'nearest' });
      canvas.focus({ preventScroll: true });
      if (lit.length > 0) lit[0].scrollIntoView({ block: 'nearest', inline: 'center' });
      panel.replaceChildren(make('p', { class: 'key' }, keys.length > 1 ? 'Path of the finding' : 'Place of the finding'));
      const stops = make('ol', { class: 'stops' });
      for (const key of keys) {
        const stop = make('li', {});
        stop.append(make('code', {}, key));
        stops.append(stop);
      }
      const back = make('button', { type: 'button' }, 'Back to the finding');
      back.addEventListener('click', () => clear(true));
      panel.append(stops, back);
    };
    root.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !drop.hidden) {
        event.preventDefault();
        clear(true);
      }
    });

    // A folded canvas has no width yet.
    if (workflow.open) fit();
    workflow.addEventListener('toggle', () => { if (workflow.open && scale === 0) fit(); });
    return { workflow, path };
  };

  const diagrams = new Map(all('.diagram').map(diagram).filter((d) => d).map((d) => [d.workflow.id, d]));
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a');
    if (!link) return;
    const id = (link.getAttribute('href') ?? '').slice(1);
    if (link.classList.contains('show-path')) {
      const drawing = diagrams.get(id);
      if (drawing) {
        event.preventDefault();
        drawing.path(link, link.dataset.nodes.split(' '));
        return;
      }
    }
    // Following the same link twice changes no fragment.
    if (link.hash !== '' && link.hash === location.hash) follow();
  });
  window.addEventListener('hashchange', follow);

  // --- printing ---

  let folded = [];
  window.addEventListener('beforeprint', () => {
    folded = all('details:not([open])');
    for (const fold of folded) fold.open = true;
  });
  window.addEventListener('afterprint', () => {
    for (const fold of folded) fold.open = false;
  });

  document.documentElement.classList.add('lively');
  follow();
})();
