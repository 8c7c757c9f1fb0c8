/* The report page's drawing: runs in the browser, on the data the page carries. */
/* global uPlot */
const { suites, history } = JSON.parse(document.getElementById('data').textContent);
const colours = [
  '#3b76c4',
  '#d9822b',
  '#1b7f3b',
  '#8e44ad',
  '#b3261e',
  '#16808a',
  '#6b7683',
  '#c2185b',
  '#5d4037',
  '#7cb342',
];
const el = (name, text, cls) => {
  const it = document.createElement(name);
  if (text !== undefined) it.textContent = text;
  if (cls) it.className = cls;
  return it;
};
const number = (v) =>
  v === null ? '' : v >= 1000 ? Math.round(v).toLocaleString('en') : v.toPrecision(3);
const host = (id) => document.querySelector(`#${id} > div`);
const m = suites[0]?.machine;
if (m)
  document.getElementById('machine').textContent =
    `${m.cpu}, ${m.cores} cores, ${m.memory_gb} GB, Linux ${m.kernel}, Node ${m.node}; ${suites
      .map((s) => s.at)
      .sort()
      .at(-1)}${suites.some((s) => s.quick) ? '; some suites in their quick form' : ''}`;
const plot = (id, opts, data) => new uPlot({ width: 940, height: 360, ...opts }, data, host(id));
const line = (label, i) => ({
  label,
  stroke: colours[i % colours.length],
  width: 2,
  points: { show: true, size: 5 },
});
const latency = suites.flatMap((s) => s.latency.map((l) => ({ suite: s.suite, ...l })));
const newest = (list, key) => [...new Map(list.map((it) => [key(it), it])).values()];

(() => {
  const chosen = newest(
    latency.filter((l) => ['latency', 'contest', 'path'].includes(l.suite)),
    (l) => l.name,
  ).slice(0, 8);
  if (!chosen.length || !window.uPlot) return;
  const nines = chosen[0].curve.map(([p]) => p).filter((p) => p < 99.999);
  const x = nines.map((p) => Math.log10(100 / (100 - p)));
  plot(
    'percentiles',
    {
      scales: { x: { time: false }, y: { distr: 3 } },
      axes: [
        {
          splits: () => [0, 0.301, 1, 2, 3, 4],
          values: (_u, s) => s.map((v) => `${+(100 - 100 / 10 ** v).toFixed(2)} %`),
        },
        { values: (_u, s) => s.map((v) => (v === null ? '' : +v.toPrecision(2))) },
      ],
      series: [
        {
          label: 'percentile',
          value: (_u, v) => (v === null ? '' : +(100 - 100 / 10 ** v).toFixed(3)),
        },
        ...chosen.map((l, i) => line(l.name, i)),
      ],
    },
    [
      x,
      ...chosen.map((l) => l.curve.filter(([p]) => p < 99.999).map(([, v]) => Math.max(v, 0.001))),
    ],
  );
})();
(() => {
  const rates = newest(
    latency.filter((l) => l.suite === 'latency'),
    (l) => l.rate_target,
  ).sort((a, b) => a.rate_achieved - b.rate_achieved);
  if (!rates.length || !window.uPlot) return;
  plot(
    'rates',
    {
      scales: { x: { time: false }, y: { distr: 3 } },
      axes: [
        { values: (_u, s) => s.map((v) => `${v.toLocaleString('en')}/s`) },
        { values: (_u, s) => s.map((v) => (v === null ? '' : +v.toPrecision(2))) },
      ],
      series: [{ label: 'achieved/s' }, line('p50', 0), line('p99', 1), line('p99.9', 4)],
    },
    [
      rates.map((l) => l.rate_achieved),
      ...['p50', 'p99', 'p99_9'].map((k) => rates.map((l) => l[k])),
    ],
  );
})();
(() => {
  const steps = suites.flatMap((s) => s.waterfall);
  const end = Math.max(...steps.map((s) => s.to));
  for (const s of steps) {
    const bar = el('div', undefined, 'bar');
    const fill = el('i');
    const from = Math.min(s.from, s.to);
    fill.style.left = `${(from / end) * 100}%`;
    fill.style.width = `${(Math.abs(s.to - s.from) / end) * 100}%`;
    fill.style.opacity = 0.55;
    bar.append(fill, el('span', s.name), el('b', `${s.from.toFixed(1)} to ${s.to.toFixed(1)} ms`));
    host('waterfall').append(bar);
  }
})();
(() => {
  const targets = new Map(
    suites.flatMap((s) =>
      s.rows.filter((r) => r.target !== null).map((r) => [`${s.suite}: ${r.name}`, r.target]),
    ),
  );
  const times = [...new Set(history.map((h) => h.at))].sort();
  const names = [
    ...new Set(history.flatMap((h) => Object.keys(h.ratios).map((r) => `${h.suite}: ${r}`))),
  ].filter((n) => targets.has(n));
  if (!names.length || !window.uPlot) return;
  const at = new Map();
  for (const h of history)
    for (const [r, v] of Object.entries(h.ratios))
      at.set(`${h.suite}: ${r}|${h.at}`, v / targets.get(`${h.suite}: ${r}`));
  plot(
    'history',
    {
      scales: { y: { distr: 3 } },
      legend: { show: false },
      series: [{}, ...names.map((n, i) => ({ ...line(n, i), spanGaps: true }))],
    },
    [
      times.map((t) => Date.parse(t) / 1000),
      ...names.map((n) => times.map((t) => at.get(`${n}|${t}`) ?? null)),
    ],
  );
})();
for (const s of suites) {
  const section = document.getElementById('tables');
  section.append(el('h2', `${s.suite} (${s.at}${s.quick ? ', quick' : ''})`));
  const table = el('table');
  const head = el('tr');
  for (const [t, c] of [
    ['what'],
    ['ours', 'n'],
    ['spread', 'n'],
    ['beside', ''],
    ['', 'n'],
    ['ratio', 'n'],
    ['target', 'n'],
    [''],
  ])
    head.append(el('th', t, c));
  table.append(head);
  for (const r of s.rows) {
    const row = el('tr');
    const verdict =
      r.target === null
        ? ['stated', 'stated']
        : r.holds
          ? ['holds', 'holds']
          : ['missed', 'missed'];
    row.append(
      el('td', r.name),
      el('td', `${number(r.ours)} ${r.unit}`, 'n'),
      el('td', `${(r.spread.ours * 100).toFixed(0)} %`, 'n'),
      el('td', r.rival_name ?? (r.limit !== null ? 'limit' : '')),
      el('td', number(r.rival ?? r.limit), 'n'),
      el(
        'td',
        Number.isFinite(r.ratio) && (r.rival !== null || r.limit !== null)
          ? r.ratio.toFixed(2)
          : '',
        'n',
      ),
      el('td', r.target === null ? '' : number(r.target), 'n'),
      el('td', ...verdict),
    );
    table.append(row);
  }
  section.append(table);
  if (s.latency.length) {
    const l = el('table');
    const lh = el('tr');
    for (const [t, c] of [
      ['load'],
      ['target/s', 'n'],
      ['achieved/s', 'n'],
      ['p50 ms', 'n'],
      ['p99', 'n'],
      ['p99.9', 'n'],
      ['max', 'n'],
      ['client late p99', 'n'],
    ])
      lh.append(el('th', t, c));
    l.append(lh);
    for (const it of s.latency) {
      const row = el('tr');
      row.append(
        el('td', it.name),
        ...[
          it.rate_target,
          it.rate_achieved,
          it.p50,
          it.p99,
          it.p99_9,
          it.max,
          it.client_late_p99,
        ].map((v) => el('td', number(v), 'n')),
      );
      l.append(row);
    }
    section.append(l);
  }
  for (const n of s.notes) section.append(el('p', n));
}
const only = /^#only-(\w+)$/.exec(location.hash);
if (only) {
  document.body.classList.add('only');
  document.getElementById(only[1]).classList.add('shown');
}
