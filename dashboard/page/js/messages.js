// The messages of a campaign: those of some states, of one cause, or of one number.
import { ask, may } from './api.js';
import { Search } from './campaigns.js';
import { useAnswer } from './data.js';
import { count, large, moment, when } from './format.js';
import { html, useEffect, useState } from './lib.js';
import { go, route, to } from './router.js';
import { FAILED, GROUPS, STATES, sum } from './states.js';
import { Dialog, Empty, Failed, Icon, Loading, Sentence, StateName } from './ui.js';

/** @typedef {import('./types.js').Row} Row */

/** @param {{ one: import('./types.js').Campaign }} props */
export function Messages({ one }) {
  if (!may('people')) return html`<${Empty} icon="people" title="Not with this token"><p>To see numbers and messages takes a token with the scope <code>people</code>.</p><//>`;
  return html`<${List} one=${one} />`;
}

/** @param {{ one: import('./types.js').Campaign }} props */
function List({ one }) {
  const { query } = route.value;
  const states = query.getAll('state');
  const kept = Object.fromEntries(['origin', 'code', 'doubt'].map((name) => [name, query.get(name) ?? '']));
  const [trail, setTrail] = useState(/** @type {string[]} */ ([])); // the cursors of the pages before
  const words = new URLSearchParams({ limit: '50' });
  states.forEach((state) => words.append('state', state));
  Object.entries(kept).forEach(([name, value]) => value && words.set(name, value));
  const filter = words.toString();
  useEffect(() => setTrail([]), [filter, one.id]);
  const cursor = trail.at(-1);
  const answer = useAnswer(`/v1/campaigns/${one.id}/messages?${filter}${cursor ? `&cursor=${cursor}` : ''}`);
  const shown = query.get('message');
  const address = (/** @type {Record<string, any>} */ change) => to(['campaigns', one.id, 'messages'], { state: states, ...kept, ...change });
  const same = (/** @type {string[]} */ some) => some.length === states.length && some.every((state) => states.includes(state));
  const chips = [{ name: 'All', states: [] }, ...GROUPS.filter((group) => sum(one, group.states) > 0)];
  const lone = states.length === 1 && !chips.some((chip) => same(chip.states)) ? states[0] : '';
  /** @type {Row[]} */
  const rows = answer.data?.items ?? [];
  const find = async (/** @type {string} */ number) => {
    if (!number) return;
    try {
      const found = await ask(`/v1/messages?number=${encodeURIComponent(number)}&campaign=${encodeURIComponent(one.id)}`);
      go(found.items.length ? address({ message: found.items[0].id }) : address({ message: 'none' }), { replace: true });
    } catch {
      go(address({ message: 'none' }), { replace: true });
    }
  };
  return html`
    <div class="bar">
      <nav class="chips" aria-label="Which messages">
        ${chips.map((chip) => html`<a class="chip" key=${chip.name} href=${to(['campaigns', one.id, 'messages'], { state: chip.states })} aria-current=${same(chip.states) && !kept.code && !kept.doubt && !kept.origin ? 'true' : null}>
          ${chip.states.length > 0 && html`<i class="dot fill-${/** @type {any} */ (chip).key}"></i>`}${chip.name} <b>${count(chip.states.length ? sum(one, chip.states) : one.recipients)}</b></a>`)}
        ${lone && html`<a class="chip" aria-current="true" href=${address({})}>${STATES[lone]?.[0]} <b>${count(sum(one, [/** @type {any} */ (lone)]))}</b></a>`}
        ${(kept.code || kept.origin) && html`<a class="chip" aria-current="true" href=${address({ code: '', origin: '' })}>Code ${kept.origin} ${kept.code} <${Icon} name="close" size=${13} /></a>`}
        ${kept.doubt && html`<a class="chip" aria-current="true" href=${address({ doubt: '' })}>${kept.doubt === 'may_have_two' ? 'May have got two' : 'May have arrived'} <${Icon} name="close" size=${13} /></a>`}
      </nav>
      <${Search} value="" label="Number with + and country code" mode="tel" set=${find} />
    </div>
    ${shown === 'none' && html`<div class="notice hold"><${Icon} name="search" /><div>No message of this campaign goes to that number. <a href=${address({})}>All right</a></div></div>`}
    ${answer.error && html`<${Failed} error=${answer.error} again=${answer.again} />`}
    ${!answer.data && !answer.error && html`<${Loading} rows=${8} />`}
    ${rows.length > 0 && html`
      <div class="card table-card"><table class="rows"><caption class="sr">Messages</caption>
        <thead><tr><th>Number</th><th>State</th><th>Why</th><th class="num off">Attempts</th><th class="num">Changed</th></tr></thead>
        <tbody>${rows.map((row) => html`
          <tr key=${row.id}><td class="mono"><a href=${address({ message: row.id })}>${row.number || `message ${row.index}`}</a></td>
            <td><${StateName} state=${row.state} /></td><td class="muted wide">${large(row.meaning)}${row.doubt ? ` ${row.doubt === 'may_have_two' ? '(may have got two)' : '(may have arrived)'}` : ''}</td>
            <td class="num off">${count(row.attempts)}</td><td class="num muted" title=${moment(row.changed_at)}>${when(row.changed_at)}</td></tr>`)}</tbody></table></div>`}
    ${answer.data && rows.length === 0 && html`<${Empty} icon="search" title=${answer.data.next ? 'None on this page' : 'No messages'}><p>${answer.data.next ? 'The next ones may fit.' : 'No message is in this state at the moment.'}</p><//>`}
    ${answer.data && (trail.length > 0 || answer.data.next) && html`<div class="more">
      <button class="button" disabled=${trail.length === 0} onClick=${() => setTrail(trail.slice(0, -1))}><${Icon} name="back" size=${15} />Before</button>
      <button class="button" disabled=${!answer.data.next} onClick=${() => setTrail([...trail, answer.data.next])}>Next<${Icon} name="next" size=${15} /></button></div>`}
    ${shown && shown !== 'none' && html`<${MessageDialog} id=${shown} close=${() => go(address({}), { replace: true })} />`}`;
}

/** The life of one message. @param {{ id: string, close: () => void }} props */
export function MessageDialog({ id, close }) {
  const answer = useAnswer(`/v1/messages/${encodeURIComponent(id)}`, { every: 5 });
  /** @type {import('./types.js').Message | null} */
  const one = answer.data;
  return html`
    <${Dialog} title=${one?.number ?? 'Message'} close=${close} side=${true}>
      ${answer.error && html`<${Failed} error=${answer.error} />`}
      ${!one && !answer.error && html`<${Loading} rows=${4} />`}
      ${one && html`
        <p>${one.state ? html`<${StateName} state=${one.state} />` : html`<span class="muted">It is just moving.</span>`}
          ${one.meaning && html`<span class="muted"> – ${one.meaning}</span>`}</p>
        <ol class="timeline">${steps(one).map((step) => html`<li class=${step.tone}><${Sentence} text=${step.text} />${step.at && html`<time title=${moment(step.at)}>${moment(step.at)}</time>`}</li>`)}</ol>
        <dl class="facts">
          <dt>Message</dt><dd><code>${one.id}</code></dd>
          ${one.campaign && html`<dt>Campaign</dt><dd><a href=${to(['campaigns', one.lane])}>${one.campaign}</a></dd>`}
          <dt>Sub-account</dt><dd>${one.sub_account}</dd>
          <dt>Attempts</dt><dd>${count(one.attempts)}</dd>
          ${one.umid && html`<dt>Provider message id</dt><dd><code>${one.umid}</code></dd>`}
          ${one.purpose && html`<dt>Purpose</dt><dd>${one.purpose}</dd>`}
          ${one.pricing && html`<dt>Charged as</dt><dd>${one.pricing}</dd>`}
        </dl>`}
    <//>`;
}

const OPEN = ['queued', 'in_flight', 'delayed', 'in_doubt'];
const BAD = [...FAILED, 'unconfirmed', 'missing'];

/** Sentences that the steps and the facts tell already. */
const TOLD = new RegExp(`^((after )?attempt \\d|(${Object.keys(STATES).join('|')})\\b|(receipt|api|http|request|local)\\b|its purpose|the provider calls it|last posted|it was charged)`);

/** What happened, in its order. @param {import('./types.js').Message} one @returns {{ text: string, at?: string | null, tone?: string }[]} */
export function steps(one) {
  /** @type {{ text: string, at?: string | null, tone?: string }[]} */
  const found = [];
  for (const entry of one.attempt_log) {
    const [attempt, origin, code, at] = entry.split(' ');
    const said = one.why.find((sentence) => sentence.startsWith(`attempt ${attempt} `) || sentence.startsWith(`after attempt ${attempt},`));
    const text = said?.replace(/^(after )?attempt \d+,? at [\d-]+ [\d:]{8}: /, '').replace(/ \(batch [^)]*\)$/, '');
    found.push({ text: `Attempt ${attempt}: ${text ?? `${origin} ${code}`}`, at: new Date(Number(at) * 1000).toISOString(), tone: 'bad' });
  }
  if (one.posted_at) found.push({ text: 'Posted to the provider', at: one.posted_at });
  if (one.state) {
    const [name, meaning] = STATES[one.state] ?? [one.state, ''];
    const said = OPEN.includes(one.state) && one.why.find((sentence) => sentence.startsWith(`${one.state}: `));
    found.push({ text: said ? large(said.slice(one.state.length + 2)) : `${name}. ${large(one.meaning || meaning)}`, at: one.changed_at, tone: BAD.includes(one.state) ? 'bad' : 'now' });
  }
  for (const sentence of one.why) {
    if (!TOLD.test(sentence)) found.push({ text: large(sentence) });
  }
  if (one.waits_until) found.push({ text: 'Nothing happens before', at: one.waits_until });
  return found;
}
