// One person: which messages went to a number, and what is held about it.
import { ask, may } from './api.js';
import { large, moment } from './format.js';
import { html, useState } from './lib.js';
import { MessageDialog } from './messages.js';
import { to } from './router.js';
import { Empty, Failed, Icon, Loading, say } from './ui.js';

const NUMBER = /^\+?[0-9][0-9 ().-]{5,22}$/;

/** @param {any} value */
const plain = (value) => (value === null || value === '' ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value));

export function People() {
  const [number, setNumber] = useState('');
  const [found, set] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const [shown, show] = useState('');
  const find = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    set(null);
    try {
      const word = NUMBER.test(number.trim()) ? `+${number.replace(/\D/g, '')}` : number.trim();
      const messages = [];
      let next = '';
      do {
        const page = await ask(`/v1/messages?number=${encodeURIComponent(word)}&limit=100${next && `&cursor=${encodeURIComponent(next)}`}`);
        messages.push(...page.items);
        next = page.next ?? '';
      } while (next && messages.length < 300);
      const held = await ask('/v1/person/show', { method: 'POST', body: { person: word } });
      set({ word, messages, held });
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  if (!may('people')) {
    return html`<h1>People</h1><${Empty} icon="people" title="Not with this token"><p>To see numbers and messages takes a token with the scope <code>people</code>.</p><//>`;
  }
  return html`
    <header class="head"><div><h1>People</h1><p class="muted">Which messages went to a person, and what is held about them.</p></div></header>
    <form class="bar find" onSubmit=${find} role="search">
      <label class="search"><span class="sr">Number or id of a user</span><${Icon} name="search" size=${16} />
        <input type="search" inputmode="tel" autocomplete="off" placeholder="+44 7700 900123" value=${number} onInput=${(/** @type {any} */ event) => setNumber(event.target.value)} /></label>
      <button class="button primary" disabled=${!number.trim() || busy}>Find</button></form>
    ${error && html`<${Failed} error=${error} />`}
    ${busy && html`<${Loading} rows=${3} />`}
    ${!found && !error && !busy && html`<${Empty} icon="people" title="Find a person"><p>By their number in international form. Numbers stay out of addresses and logs.</p><//>`}
    ${found && html`<div class="stack">
      <section class="card table-card"><h2>Messages of campaigns</h2>
        ${found.messages.length ? html`<table class="rows"><thead><tr><th>Campaign</th><th>Sub-account</th><th class="num">Message</th></tr></thead>
          <tbody>${found.messages.map((/** @type {any} */ one) => html`<tr key=${one.id}><td><a href=${to(['campaigns', one.lane])}>${one.campaign}</a></td><td class="muted">${one.sub_account}</td>
            <td class="num"><button class="button small" onClick=${() => show(one.id)}>Show status</button></td></tr>`)}</tbody></table>`
          : html`<p class="pad muted">No campaign has a message for ${found.word}.</p>`}</section>
      <section class="card pad"><h2>What is held</h2><${Held} of=${found.held} /></section>
      ${may('manage') && html`<p class="muted small">To erase all of it: <code>sendmany person forget ${found.word}</code> <button class="button small ghost" onClick=${() => navigator.clipboard?.writeText(`sendmany person forget ${found.word}`).then(() => say('Copied.'))}><${Icon} name="copy" size=${14} />Copy</button></p>`}
    </div>`}
    ${shown && html`<${MessageDialog} id=${shown} close=${() => show('')} />`}`;
}

/** Whatever is held, member by member. @param {{ of: Record<string, any> }} props */
const Held = ({ of }) => html`
  <dl class="facts held">${Object.entries(of).filter(([, value]) => !(Array.isArray(value) && value.length === 0)).map(([name, value]) => html`
    <dt>${large(name.replaceAll('_', ' '))}</dt>
    <dd>${Array.isArray(value) ? html`<ul>${value.slice(0, 50).map((one) => html`<li>${one && typeof one === 'object'
      ? Object.entries(one).map(([key, part]) => html`<span><i class="muted">${key.replaceAll('_', ' ')}</i> ${/_at$|since|until/.test(key) && typeof part === 'string' && part.endsWith('Z') ? moment(part) : plain(part)} </span>`) : plain(one)}</li>`)}</ul>` : plain(value)}</dd>`)}</dl>`;
