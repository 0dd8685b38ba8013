// Opt-outs: people who must not be written to; look one up, add, remove, and take a list in.
import { ask, may, session } from './api.js';
import { useAnswer } from './data.js';
import { count, moment, several, when } from './format.js';
import { html, useEffect, useState } from './lib.js';
import { peopleIn } from './lists.js';
import { go, route, to } from './router.js';
import { Dialog, Empty, Failed, Icon, Loading, confirm, say } from './ui.js';

const AT_ONCE = 500;
/** @type {Record<string, string>} */
export const REASONS = { operator: 'an operator', import: 'a list', reply: 'their reply', receipt: 'a receipt' };
const PURPOSES = [['', 'as if they had replied STOP'], ['all', 'everything'], ['marketing', 'marketing only']];

/** @param {string} scope */
export const whose = (scope) => (scope === '*' ? 'every sub-account' : scope);
/** @param {string} purposes */
export const stopped = (purposes) => (purposes === 'all' ? 'everything' : purposes.replaceAll(',', ', '));

export function OptOuts() {
  const only = session.value?.sub_accounts ?? [];
  const limits = useAnswer(may('read') ? '/v1/limits' : null);
  /** @type {string[]} */
  const accounts = (limits.data?.items ?? []).map((/** @type {any} */ one) => one.sub_account);
  /** The only list is shown at once; of several, the one that holds for all. */
  const of = route.value.query.get('of') ?? (limits.data || !may('read') ? only[0] ?? (accounts.length === 1 ? accounts[0] : '*') : null);
  const account = of === '*' ? '' : of ?? '';
  const [trail, setTrail] = useState(/** @type {string[]} */ ([]));
  const [adding, setAdding] = useState(false);
  useEffect(() => setTrail([]), [account]);
  const words = new URLSearchParams({ limit: '50', ...(account && { sub_account: account }), ...(trail.length && { cursor: trail.at(-1) }) });
  const answer = useAnswer(may('people') && of !== null ? `/v1/suppressions?${words}` : null);
  if (!may('people')) return html`<h1>Opt-outs</h1><${Empty} icon="optouts" title="Not with this token"><p>To see numbers takes a token with the scope <code>people</code>.</p><//>`;
  /** @type {{ number: string, since: string, reason: string, purposes: string }[]} */
  const items = answer.data?.items ?? [];
  const remove = (/** @type {string} */ number) => release(number, account, answer.again);
  return html`
    <header class="head"><div><h1>Opt-outs</h1><p class="muted">People who must not be written to, from the next message on.</p></div></header>
    <div class="bar">
      <label class="search"><span class="sr">List of</span><select value=${of ?? '*'} onChange=${(/** @type {any} */ e) => go(to(['optouts'], { of: e.target.value }))}>
        ${only.length === 0 && html`<option value="*">For every sub-account</option>`}
        ${(accounts.length ? accounts : only).map((one) => html`<option value=${one}>Only ${one}</option>`)}</select></label>
      ${may('manage') && html`<button class="button primary" onClick=${() => setAdding(true)}><${Icon} name="plus" />Add people</button>`}
    </div>
    <${LookUp} account=${account || accounts[0] || ''} again=${answer.again} />
    ${answer.error && html`<${Failed} error=${answer.error} again=${answer.again} />`}
    ${!answer.data && !answer.error && html`<${Loading} rows=${6} />`}
    ${answer.data && !items.length && html`<${Empty} icon="optouts" title=${trail.length ? 'No more' : 'No opt-outs here'}><p>Who replies STOP is added by itself, to the list of the sub-account${account ? '' : ': choose it above'}.</p><//>`}
    ${items.length > 0 && html`<div class="card table-card"><table class="rows"><caption class="sr">People who must not be written to</caption>
      <thead><tr><th>Person</th><th>Gets no more</th><th>By</th><th class="num">Since</th><th><span class="sr">Actions</span></th></tr></thead>
      <tbody>${items.map((one) => html`<tr key=${one.number}><td class="mono">${one.number}</td><td>${stopped(one.purposes)}</td><td class="muted">${REASONS[one.reason] ?? one.reason}</td>
        <td class="num muted" title=${moment(one.since)}>${when(one.since)}</td>
        <td class="num wide">${may('manage') && html`<button class="button small" onClick=${() => remove(one.number)}>Remove …</button>`}</td></tr>`)}</tbody></table></div>`}
    ${(trail.length > 0 || answer.data?.next) && html`<div class="more">
      <button class="button" disabled=${!trail.length} onClick=${() => setTrail(trail.slice(0, -1))}><${Icon} name="back" size=${15} />Before</button>
      <button class="button" disabled=${!answer.data?.next} onClick=${() => setTrail([...trail, answer.data.next])}>Next<${Icon} name="next" size=${15} /></button></div>`}
    ${adding && html`<${Add} account=${account} close=${() => { setAdding(false); answer.again(); }} />`}`;
}

/** @param {string} number @param {string} account @param {() => void} again */
const release = (number, account, again) => confirm({
  title: `Remove ${number}?`, yes: `Let ${number} be written to`, danger: true,
  body: html`<p><b>${number}</b> may be written to again by ${whose(account || '*')}. Make sure that this person consents.</p>`,
  act: async () => {
    const body = { people: [number], ...(account && { sub_account: account }) };
    const done = await ask('/v1/suppressions/remove', { method: 'POST', body });
    say(done.released ? `${number} may be written to again.` : `${number} was not on this list.`);
    again();
  },
});

/** One person, on all lists that hold for a sub-account. @param {{ account: string, again: () => void }} props */
function LookUp({ account, again }) {
  const [number, setNumber] = useState('');
  const [found, set] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const find = async (/** @type {Event | undefined} */ event) => {
    event?.preventDefault();
    setError(null);
    set(null);
    try {
      const person = number.trim();
      set({ person, ...await ask('/v1/suppressions/check', { method: 'POST', body: { person, sub_account: account } }) });
    } catch (refused) {
      setError(refused);
    }
  };
  const mayAll = !session.value?.sub_accounts.length;
  return html`
    <form class="bar find" onSubmit=${find} role="search">
      <label class="search"><span class="sr">Number or id of a user</span><${Icon} name="search" size=${16} />
        <input type="search" inputmode="tel" autocomplete="off" placeholder="+44 7700 900123" value=${number} onInput=${(/** @type {any} */ e) => { setNumber(e.target.value); set(null); }} /></label>
      <button class="button" disabled=${!number.trim() || !account}>Look up</button></form>
    ${error && html`<${Failed} error=${error} />`}
    ${found && html`<div class=${`notice ${found.suppressed.length ? 'hold' : ''}`} role="status"><${Icon} name=${found.suppressed.length ? 'optouts' : 'check'} /><div>
      ${found.suppressed.length === 0 && html`<b>${found.sub_account} may write to ${found.person}.</b>`}
      ${found.suppressed.map((/** @type {any} */ one) => html`<p key=${one.scope}><b>${found.person}</b> gets no ${stopped(one.purposes) === 'everything' ? 'message' : stopped(one.purposes)} from ${whose(one.scope)} since ${when(one.since)}, by ${REASONS[one.reason] ?? one.reason}.
        ${may('manage') && (one.scope !== '*' || mayAll) && html` <button type="button" class="button small" onClick=${() => release(found.person, one.scope === '*' ? '' : one.scope, () => { find(undefined); again(); })}>Remove …</button>`}</p>`)}</div></div>`}`;
}

/** @param {{ account: string, close: () => void }} props */
function Add({ account, close }) {
  const [text, setText] = useState('');
  const [purpose, setPurpose] = useState('');
  const [region, setRegion] = useState('');
  const [file, setFile] = useState('');
  const [done, setDone] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {any} */ (null));
  const people = peopleIn(text);
  const take = async (/** @type {File | undefined} */ one) => {
    if (!one) return;
    setFile(one.name);
    setText(await one.text());
  };
  const add = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const sum = { taken: 0, new: 0, known: 0, invalid: /** @type {string[]} */ ([]) };
    try {
      for (let from = 0; from < people.length; from += AT_ONCE) {
        const some = people.slice(from, from + AT_ONCE);
        const answer = await ask('/v1/suppressions', { method: 'POST', body: {
          people: some, skip_invalid: true, source: file ? 'import' : 'operator', ...(account && { sub_account: account }),
          ...(purpose && { purposes: [purpose] }), ...(region && { region }) } });
        sum.taken += some.length;
        sum.new += answer.new;
        sum.known += answer.known;
        sum.invalid.push(...answer.invalid.map((/** @type {any} */ one) => `${some[Number(one.path.split('.')[1])]}: ${one.message}`));
        setDone({ ...sum });
      }
      if (!sum.invalid.length) { say(`${several(sum.new, 'person', 'people')} added.`); close(); }
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  return html`
    <${Dialog} title="Add people" close=${close}><form class="dialog-body" onSubmit=${add}>
      <label class="field">Numbers, one a line <textarea rows="6" spellcheck="false" class="code" placeholder="+44 7700 900123" value=${text.length > 100_000 ? text.slice(0, 100_000) : text} readonly=${text.length > 100_000}
        onInput=${(/** @type {any} */ e) => { setText(e.target.value); setDone(null); }}></textarea></label>
      <label class="field">Or a file: one a line, or CSV <input type="file" accept=".csv,.txt,.tsv" onChange=${(/** @type {any} */ e) => take(e.target.files[0])} /></label>
      <div class="grid2"><label class="field">What they get no more <select value=${purpose} onChange=${(/** @type {any} */ e) => setPurpose(e.target.value)}>${PURPOSES.map(([value, name]) => html`<option value=${value}>${name}</option>`)}</select></label>
        <label class="field">Country of numbers without + <input maxlength="2" pattern="[A-Za-z]{2}" placeholder="GB" value=${region} onInput=${(/** @type {any} */ e) => setRegion(e.target.value)} /></label></div>
      ${done && html`<div class=${`notice ${done.invalid.length ? 'hold' : ''}`} role="status"><${Icon} name=${done.invalid.length ? 'warn' : 'check'} /><div>${count(done.new)} added, ${count(done.known)} were there, of ${count(done.taken)}.
        ${done.invalid.length > 0 && html` ${count(done.invalid.length)} cannot be read:<ul>${done.invalid.slice(0, 20).map((/** @type {string} */ one) => html`<li>${one}</li>`)}</ul>`}</div></div>`}
      ${error && html`<${Failed} error=${error} />`}
      <p>They get no more from <b>${whose(account || '*')}</b>, from the next batch on.</p>
      <footer><button type="button" class="button" onClick=${close}>Close</button><button class="button primary" disabled=${busy || !people.length}>Add ${several(people.length, 'person', 'people')}</button></footer>
    </form><//>`;
}
