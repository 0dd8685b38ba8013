// One person: which messages went to a number, what else is held about it, and how all of it is erased.
import { ask, may, session } from './api.js';
import { moment, several, when } from './format.js';
import { html, useEffect, useRef, useState } from './lib.js';
import { MessageDialog } from './messages.js';
import { REASONS, stopped, whose } from './optouts.js';
import { to } from './router.js';
import { Dialog, Empty, Failed, Icon, Loading, StateName } from './ui.js';

const NUMBER = /^\+?[0-9][0-9 ().-]{5,22}$/;
/** What the API counts as erased. @type {Record<string, [string, string?]>} */
const ERASED = { messages: ['message'], webhooks: ['message of the provider', 'messages of the provider'], lists: ['entry of a list', 'entries of lists'], drafts: ['row of a draft', 'rows of drafts'] };

export function People() {
  const [number, setNumber] = useState('');
  const [held, set] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const [shown, show] = useState('');
  const [forgetting, forget] = useState(false);
  const find = async (/** @type {string} */ person) => {
    setBusy(true);
    setError(null);
    set(null);
    try {
      set(await ask('/v1/person/show', { method: 'POST', body: { person } }));
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  const written = (/** @type {Event} */ event) => {
    event.preventDefault();
    const word = number.trim();
    find(NUMBER.test(word) ? word.replace(/[^+\d]/g, '') : word);
  };
  if (!may('people')) {
    return html`<h1>People</h1><${Empty} icon="people" title="Not with this token"><p>To see numbers and messages takes a token with the scope <code>people</code>.</p><//>`;
  }
  return html`
    <header class="head"><div><h1>People</h1><p class="muted">Which messages went to a person, what else is held about them, and how to forget them.</p></div></header>
    <form class="bar find" onSubmit=${written} role="search">
      <label class="search"><span class="sr">Number or id of a user</span><${Icon} name="search" size=${16} />
        <input type="search" inputmode="tel" autocomplete="off" placeholder="+44 7700 900123" value=${number} onInput=${(/** @type {any} */ event) => setNumber(event.target.value)} /></label>
      <button class="button primary" disabled=${!number.trim() || busy}>Find</button></form>
    ${error && html`<${Failed} error=${error} />`}
    ${busy && html`<${Loading} rows=${3} />`}
    ${!held && !error && !busy && html`<${Empty} icon="people" title="Find a person"><p>By their number with + and the country code. Numbers stay out of addresses and logs.</p><//>`}
    ${held && html`<${Held} held=${held} show=${show} forget=${() => forget(true)} />`}
    ${shown && html`<${MessageDialog} id=${shown} close=${() => show('')} />`}
    ${forgetting && html`<${Forget} person=${held.person} close=${(/** @type {boolean} */ begun) => { forget(false); if (begun) find(held.person); }} />`}`;
}

/** What is held besides messages, in sentences, by kind. @param {Record<string, any>} held @returns {[string, string[]][]} */
export function factsOf(held) {
  /** @type {Record<string, string[]>} */
  const facts = {
    'Opt-outs': held.suppressions.map((/** @type {any} */ one) => `No ${stopped(one.purposes) === 'everything' ? 'message' : stopped(one.purposes)} from ${whose(one.scope)} since ${moment(one.since)}, by ${REASONS[one.reason] ?? one.reason}`),
    'Opt-outs taken back': held.releases.map((/** @type {any} */ one) => `For ${whose(one.scope)}, ${moment(one.at)}`),
    'Wrote to us': held.windows.map((/** @type {any} */ one) => `${one.sub_account} may answer freely until ${moment(one.until)}`),
    'Could not be reached': held.unreachable.map((/** @type {any} */ one) => `${one.sub_account} does not write before ${moment(one.until)}`),
    'Got marketing': held.counted_marketing.map((/** @type {any} */ one) => `From ${one.sub_account}, ${moment(one.at)}`),
    'Last message': held.last_message_was_not_marketing.map((/** @type {string} */ scope) => `Was no marketing: ${whose(scope)}`),
    Drafts: held.drafts.map((/** @type {any} */ one) => `${one.name}: ${one.row}`),
    'From the provider': held.webhooks.length ? [`${several(held.webhooks.length, 'message')} of the provider about this person, below as ${held.webhooks.length === 1 ? 'it is' : 'they are'} kept`] : [],
  };
  return Object.entries(facts).filter(([, some]) => some.length);
}

/** @param {{ held: any, show: (id: string) => void, forget: () => void }} props */
function Held({ held, show, forget }) {
  const facts = factsOf(held);
  const some = facts.length + held.messages.length > 0;
  return html`<div class="stack">
    <section class="card pad person"><div><h2>${held.person}</h2>
        <p class="muted">${held.forgotten_at ? html`<${Icon} name="check" size=${16} /> Forgotten ${moment(held.forgotten_at)}. ${some ? '' : 'Nothing is held, and no list of recipients brings this person back.'}` : some ? `${several(held.messages.length, 'message')}${facts.length ? ', and what is below' : ''}.` : 'Nothing is held about this person.'}</p></div>
      ${may('manage') && !session.value?.sub_accounts.length
        ? (some || !held.forgotten_at) && html`<button class="button" onClick=${forget}><${Icon} name="close" size=${16} />Forget this person …</button>`
        : html`<p class="muted small">To forget a person takes a token with the scope <code>manage</code>, for all sub-accounts.</p>`}</section>
    ${held.messages.length > 0 && html`<section class="card table-card"><h2>Messages</h2>
      <table class="rows"><thead><tr><th>Campaign</th><th>State</th><th>From the file</th><th class="num off">Changed</th><th><span class="sr">Message</span></th></tr></thead>
        <tbody>${held.messages.map((/** @type {any} */ one) => html`<tr key=${one.id}><td><a href=${to(['campaigns', one.id.slice(0, one.id.lastIndexOf('.'))])}>${one.lane}</a> <span class="muted small">${one.sub_account}</span></td>
          <td><${StateName} state=${one.state} /></td><td class="muted wide">${one.values.replaceAll('\t', ', ')}</td>
          <td class="muted num off" title=${moment(one.changed_at)}>${when(one.changed_at)}</td>
          <td class="num"><button class="button small" onClick=${() => show(one.id)}>Show status</button></td></tr>`)}</tbody></table></section>`}
    ${some && html`<section class="card pad"><h2>What else is held</h2>
      <dl class="facts held">${facts.map(([name, lines]) => html`<dt>${name}</dt><dd><ul>${lines.map((line) => html`<li>${line}</li>`)}</ul></dd>`)}
        <dt>Not covered</dt><dd>${held.not_covered.join('; ')}</dd></dl>
      <details><summary>All of it, as it is kept</summary><pre tabindex="0">${JSON.stringify(held, null, 2)}</pre></details></section>`}
  </div>`;
}

/** Asks, erases, and tells how far it is; it goes on when the dialog is closed.
 * @param {{ person: string, close: (begun: boolean) => void }} props */
function Forget({ person, close }) {
  const [now, set] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const step = async (/** @type {() => Promise<any>} */ asked) => {
    setError(null);
    try {
      const found = await asked();
      set(found);
      if (['searching', 'rewriting'].includes(found.state)) timer.current = window.setTimeout(() => step(() => ask(`/v1/person/forget/${found.id}`)), 1000);
    } catch (refused) {
      setError(refused);
    }
  };
  const [asking, setAsking] = useState(false);
  const begin = () => { setAsking(true); step(() => ask('/v1/person/forget', { method: 'POST', body: { person } })).finally(() => setAsking(false)); };
  const erased = Object.entries(now?.erased ?? {}).filter(([, n]) => n).map(([name, n]) => several(n, ...(ERASED[name] ?? [name])));
  const ended = now && !['searching', 'rewriting'].includes(now.state);
  return html`
    <${Dialog} title=${now?.state === 'done' ? `${person} is forgotten` : `Forget ${person}?`} close=${() => close(Boolean(now))}>
      <div class="dialog-body" role="status">
        ${!now && html`<p>All that is held about <b>${person}</b> is erased: messages, replies, rows of drafts. What waits for them is not sent. Only a digest stays: it keeps lists of recipients from bringing them back, and their opt-outs in force.</p>
          <p><b>This cannot be taken back.</b> Backups, and files that were exported or given to a launch, are not covered.</p>`}
        ${now && !ended && html`<p>${now.state === 'searching' ? `Searching all ${several(now.messages, 'message')}, again and again, until nothing is found.` : 'All is erased; Redis writes its files anew, so that they do not hold it either.'}</p>
          <progress aria-label="Erasing" value=${now.looked_through || null} max=${now.messages || 1}></progress>
          <p class="muted small">This takes up to half a minute, and goes on when you close this.</p>`}
        ${now?.state === 'done' && html`<p><b>Done.</b> ${erased.length ? `Erased: ${erased.join(', ')}.` : 'There was nothing to erase.'}</p>
          <p class="muted">Not covered: ${now.not_covered.join('; ')}.</p>`}
        ${now?.state === 'incomplete' && html`<p class="is-bad"><b>Not all is erased:</b> ${now.problem}.</p>`}
        ${now?.state === 'interrupted' && html`<p class="is-bad"><b>It was interrupted.</b> Forget this person once more.</p>`}
      </div>
      ${error && html`<${Failed} error=${error} />`}
      <footer><button class="button" onClick=${() => close(Boolean(now))}>${now ? 'Close' : 'Leave it'}</button>
        ${(!now || ['incomplete', 'interrupted'].includes(now.state)) && html`<button class="button danger" disabled=${asking} onClick=${begin}>${now ? 'Try again' : 'Forget this person'}</button>`}</footer>
    <//>`;
}
