// When marketing may go to people, by country, and changes of it.
import { ask, may, session } from './api.js';
import { useAnswer } from './data.js';
import { html, useState } from './lib.js';
import { Dialog, Failed, Icon, Loading, attempt } from './ui.js';

/** @typedef {import('./types.js').PlaceHours} PlaceHours */
const names = new Intl.DisplayNames(['en'], { type: 'region' });
const ORIGINS = { shipped: 'shipped', settings: 'settings', changed: 'changed while it runs' };

/** A place in words. @param {string} place */
function named(place) {
  const [country, state] = place.split('-');
  return place === '*' ? 'All others' : `${names.of(country)}${state ? `, ${state}` : ''}`;
}

/** @param {string} source */
const isAddress = (source) => /^https:\/\//.test(source);

export function QuietHours() {
  const answer = useAnswer('/v1/quiet-hours', { every: 30 });
  const [all, setAll] = useState(false);
  const [place, setPlace] = useState(/** @type {Partial<PlaceHours> | null} */ (null));
  /** @type {PlaceHours[]} */
  const places = answer.data?.places ?? [];
  const shown = all ? places : places.filter((one) => one.origin !== 'shipped');
  const mine = may('manage') && !session.value?.sub_accounts.length;
  const turn = () => attempt(async () => {
    answer.set(await ask('/v1/quiet-hours', { method: 'PATCH', body: { on: !answer.data.on } }));
  }, answer.data?.on ? 'Marketing goes at any time.' : 'Marketing waits for its hours.');
  return html`<section class="card quiet">
    <header><div><h2>Quiet hours</h2><p class="muted small">When marketing may go to people, by their own clocks. Urgent messages and authentication never wait. This is no legal advice.</p></div>
      ${answer.data && html`<span class="chips"><span class=${`pill tone-${answer.data.on ? 'good' : 'calm'}`}><i aria-hidden="true"></i>${answer.data.on ? 'On' : 'Off: marketing goes at any time'}</span>
        ${mine && html`<button class="button small" onClick=${turn}>Turn ${answer.data.on ? 'off' : 'on'}</button>
          <button class="button small" onClick=${() => setPlace({})}><${Icon} name="sending" size=${15} />Change hours …</button>`}</span>`}</header>
    ${answer.error && html`<${Failed} error=${answer.error} again=${answer.again} />`}
    ${!answer.data && !answer.error && html`<${Loading} rows=${2} />`}
    ${answer.data && html`<p class="muted small">People whose zone is unknown: ${answer.data.timezone}. ${shown.length ? '' : 'No hours were configured or changed here. '}
      <button class="link" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? 'Only what was configured here' : `Show all ${places.length} places`}</button></p>`}
    ${shown.length > 0 && html`<table class="rows"><caption class="sr">Hours for marketing by country</caption>
      <thead><tr><th>Place</th><th>Hours</th><th>From</th>${mine && html`<th><span class="sr">Change</span></th>`}</tr></thead>
      <tbody>${shown.map((one) => html`<tr key=${one.place}><td>${named(one.place)} <span class="muted">${one.place}</span></td><td>${one.hours}</td>
        <td class="wide">${ORIGINS[one.origin]}${one.checked ? `, checked ${one.checked}` : ''}${one.source ? html`: ${isAddress(one.source) ? html`<a href=${one.source} rel="noreferrer" target="_blank">source</a>` : one.source}` : ''}</td>
        ${mine && html`<td><button class="button small" aria-label=${`Change ${named(one.place)}`} onClick=${() => setPlace(one)}>Change</button></td>`}</tr>`)}</tbody></table>`}
    ${place && html`<${Change} one=${place} set=${answer.set} close=${() => setPlace(null)} />`}
  </section>`;
}

/** @param {{ one: Partial<PlaceHours>, set: (data: any) => void, close: () => void }} props */
function Change({ one, set, close }) {
  const [place, setPlace] = useState(one.place ?? '');
  const [hours, setHours] = useState(one.hours ?? '');
  const [error, setError] = useState(/** @type {any} */ (null));
  const change = async (/** @type {string | null} */ said) => {
    try {
      set(await ask('/v1/quiet-hours', { method: 'PATCH', body: { hours: { [place.trim()]: said } } }));
      close();
    } catch (refused) {
      setError(refused);
    }
  };
  return html`<${Dialog} title=${one.place ? `Hours of ${named(one.place)}` : 'Change hours'} close=${close}>
    <form class="dialog-body" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); change(hours.trim()); }}>
    ${!one.place && html`<label class="field">Place <input required maxlength="10" placeholder="FR, US-FL, or * for all others" value=${place} onInput=${(/** @type {any} */ event) => setPlace(event.target.value)} /></label>`}
    <label class="field">Hours <input required maxlength="1000" placeholder="Mon-Fri 09:00-19:00, Sat 10:00-16:00, not holidays" value=${hours} onInput=${(/** @type {any} */ event) => setHours(event.target.value)} />
      <small class="muted">Or <code>always</code>. It holds for all workers within a second; what waits is looked at anew.</small></label>
    ${error && html`<${Failed} error=${error} />`}
    <footer><button type="button" class="button" onClick=${close}>Leave it</button>
      ${one.origin === 'changed' && html`<button type="button" class="button" onClick=${() => change(null)}>As configured</button>`}
      <button class="button primary" disabled=${!place.trim() || !hours.trim()}>Change</button></footer>
  </form><//>`;
}
