// Two charts of a campaign: its rate against the limit, and its outcomes as they came.
import library from '../vendor/uplot.js';
import { count, rate } from './format.js';
import { html, useEffect, useRef, useState } from './lib.js';
import { GROUPS } from './states.js';

/** @typedef {import('./types.js').History} History */

const uPlot = /** @type {any} */ (library);
const LIVE = GROUPS.filter((one) => one.key !== 'waiting');

/** The colour that a custom property has now. @param {string} name */
function colour(name) {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Seconds since 1970, and messages posted a second; steps without any are drawn as none.
 * @param {History} history */
export function rates(history) {
  const at = history.steps.map((one) => Date.parse(one.at) / 1000);
  if (!at.length) return [[], []];
  const posted = new Map(history.steps.map((one, n) => [at[n], one.posted]));
  const last = Math.max(...history.steps.map((one, n) => (one.posted ? at[n] : at[0])));
  const xs = [];
  for (let x = at[0]; x <= last; x += history.step_seconds) xs.push(x);
  return [xs, xs.map((x) => (posted.get(x) ?? 0) / history.step_seconds)];
}

/** How many had come to each group of states, added up over time, one group upon the other.
 * @param {History} history */
export function stacked(history) {
  const xs = history.steps.map((one) => Date.parse(one.at) / 1000);
  const sums = LIVE.map(() => 0);
  const lines = LIVE.map(() => /** @type {number[]} */ ([]));
  for (const step of history.steps) {
    let below = 0;
    LIVE.forEach((group, n) => {
      sums[n] += group.states.reduce((all, state) => all + (step.reached[state] ?? 0), 0);
      below += sums[n];
      lines[n].push(below);
    });
  }
  return { xs, lines, sums };
}

/** @param {{ options: (width: number) => any, data: any[], label: string }} props */
function Plot({ options, data, label }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const again = () => setTurn((n) => n + 1);
    scheme.addEventListener('change', again);
    const watch = new MutationObserver(again);
    watch.observe(document.documentElement, { attributeFilter: ['data-scheme'] });
    return () => { scheme.removeEventListener('change', again); watch.disconnect(); };
  }, []);
  useEffect(() => {
    const at = /** @type {HTMLDivElement} */ (box.current);
    plot.current = new uPlot({ ...options(at.clientWidth), width: at.clientWidth, height: 210 }, data, at);
    const size = new ResizeObserver(() => plot.current?.setSize({ width: at.clientWidth, height: 210 }));
    size.observe(at);
    return () => { size.disconnect(); plot.current?.destroy(); };
  }, [turn, data.length]);
  useEffect(() => plot.current?.setData(data), [data]);
  return html`<div class="chart-box" role="img" aria-label=${label} ref=${box}></div>`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const second = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
/** @param {number[]} splits */
const times = (splits) => {
  const fine = splits.length > 1 && splits[1] - splits[0] < 60;
  return splits.map((one) => (fine ? second : clock).format(one * 1000));
};
const common = () => {
  const axis = { stroke: colour('muted'), font: '11px system-ui', ticks: { show: false } };
  return {
    cursor: { y: false, points: { size: 7 } },
    legend: { show: false },
    padding: [10, 8, 0, 0],
    axes: [
      { ...axis, grid: { show: false }, space: 80, size: 30, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => times(splits) },
      { ...axis, grid: { stroke: colour('line'), width: 1 }, size: 52, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((n) => count(n)) },
    ],
  };
};

/** @param {{ title: string, children: any, table: any, note?: string }} props */
function Card({ title, children, table, note }) {
  const [asTable, setAsTable] = useState(false);
  return html`
    <section class="card chart">
      <header><h2>${title}</h2>
        <button class="button ghost small" aria-pressed=${asTable} onClick=${() => setAsTable(!asTable)}>${asTable ? 'Show as chart' : 'Show as table'}</button></header>
      ${asTable ? html`<div class="chart-table" tabindex="0">${table}</div>` : children}
      ${note && html`<p class="muted small">${note}</p>`}
    </section>`;
}

/** @param {{ history: History, recipients: number }} props */
export function Charts({ history, recipients }) {
  const [xs, ys] = rates(history);
  const limit = history.messages_per_second;
  const stack = stacked(history);
  const at = (/** @type {number} */ x) => second.format(x * 1000);
  const peak = Math.max(0, ...ys);
  const note = history.sampled < 1 ? `Read from ${Math.round(history.sampled * 100)} % of the records.` : '';
  const few = xs.length < 2 && stack.xs.length < 2;
  const empty = html`<div class="chart-empty">${history.steps.length ? 'It took too short a time for a line: the table has it.' : 'Nothing has been posted yet.'}</div>`;
  return html`
    <div class="two">
      <${Card} title="Rate" note=${note} table=${html`
        <table><thead><tr><th>From</th><th class="num">Messages a second</th></tr></thead>
          <tbody>${xs.map((x, n) => html`<tr><td>${at(x)}</td><td class="num">${rate(ys[n])}</td></tr>`)}</tbody></table>`}>
        ${few ? empty : html`<${Plot} label=${`Messages posted a second; at most ${rate(peak)}${limit ? `, the limit is ${rate(limit)}` : ''}`}
          data=${limit ? [xs, ys, xs.map(() => limit)] : [xs, ys]}
          options=${() => ({
            ...common(),
            scales: { x: { time: true }, y: { range: (/** @type {any} */ _, /** @type {number} */ _low, /** @type {number} */ high) => [0, Math.max(high, limit, 1) * 1.1] } },
            series: [{}, { stroke: colour('accent'), fill: colour('accent-soft'), width: 2, points: { show: false } },
              ...(limit ? [{ stroke: colour('hold-fill'), dash: [5, 5], width: 1.5, points: { show: false } }] : [])],
          })} />`}
        <p class="legend"><span><i class="dot fill-delivered"></i>posted a second</span>
          ${limit > 0 && html`<span><i class="rule"></i>limit of the sub-account: ${rate(limit)}</span>`}</p>
      <//>
      <${Card} title="Outcomes" table=${html`
        <table><thead><tr><th>Until</th>${LIVE.map((one) => html`<th class="num">${one.name}</th>`)}</tr></thead>
          <tbody>${stack.xs.map((x, n) => html`<tr><td>${at(x)}</td>${LIVE.map((_, k) => html`
            <td class="num">${count(stack.lines[k][n] - (k ? stack.lines[k - 1][n] : 0))}</td>`)}</tr>`)}</tbody></table>`}>
        ${few ? empty : html`<${Plot} label=${`Outcomes over time: ${LIVE.map((one, n) => `${one.name} ${count(stack.sums[n])}`).join(', ')}`}
          data=${[stack.xs, ...stack.lines.toReversed()]}
          options=${() => ({
            ...common(),
            scales: { x: { time: true }, y: { range: () => [0, Math.max(recipients, 1)] } },
            series: [{}, ...LIVE.toReversed().map((one) => ({
              stroke: colour(one.key === 'failed' ? 'bad-fill' : one.key === 'unconfirmed' ? 'hold-fill' : one.key),
              fill: colour(one.key === 'failed' ? 'bad-fill' : one.key === 'unconfirmed' ? 'hold-fill' : one.key),
              width: 0, points: { show: false },
            }))],
          })} />`}
        <p class="legend">${LIVE.filter((_, n) => stack.sums[n] > 0).map((one) => html`<span><i class="dot fill-${one.key}"></i>${one.name}</span>`)}</p>
      <//>
    </div>`;
}
