// The stop switch: one for all workers, shown on every screen.
import { ask, may, session } from './api.js';
import { useAnswer } from './data.js';
import { moment, several, when } from './format.js';
import { html, signal, useState } from './lib.js';
import { changes, lanes } from './live.js';
import { Dialog, Failed, Icon, attempt } from './ui.js';

/** @typedef {import('./types.js').Stop} Stop */
const opened = signal(false);
/** @type {import('./lib.js').Signal<Stop[]>} */
export const stops = signal([]);
/** Counts up when a stop was begun or ended here. */
const turns = signal(0);

/** @param {Stop} stop */
const named = (stop) =>
  `${stop.what === 'all' ? 'Everything' : 'Marketing'}${stop.sub_account ? ` of ${stop.sub_account}` : ''}`;

/** @param {Stop} stop */
const end = (stop) => attempt(async () => {
  const body = { what: stop.what, sub_account: stop.sub_account };
  stops.value = (await ask('/v1/stops/end', { method: 'POST', body })).items;
}, `${named(stop)} goes on.`);

export function StopSwitch() {
  const held = stops.value.length > 0;
  const all = stops.value.some((one) => one.what === 'all' && !one.sub_account);
  return html`
    <button class=${`switch${held ? ' held' : ''}`} onClick=${() => { opened.value = true; }} aria-haspopup="dialog">
      <i aria-hidden="true"></i><span>${all ? 'All is stopped' : held ? 'Stopped in part' : 'Sending is on'}</span>
      ${may('manage') && !held && html`<span class="switch-act"><${Icon} name="stop" size=${15} /><span>Stop …</span></span>`}
    </button>`;
}

export function StopBanner() {
  const answer = useAnswer('/v1/stops', { every: 10, after: changes.value + turns.value });
  if (answer.data && answer.data !== StopBanner.seen) {
    StopBanner.seen = answer.data;
    queueMicrotask(() => { stops.value = answer.data.items; });
  }
  return html`
    ${stops.value.map((one) => html`
      <div class="banner bad" role="status" key=${named(one)}><${Icon} name="stop" />
        <span><b>${named(one)} is stopped</b> since <time title=${moment(one.since)}>${when(one.since)}</time>: ${one.reason}. What waits is kept.</span>
        ${may('manage') && html`<button class="button small" onClick=${() => end(one)}>Go on</button>`}
      </div>`)}
    ${opened.value && html`<${StopDialog} />`}`;
}
/** @type {any} */
StopBanner.seen = null;

function StopDialog() {
  const only = session.value?.sub_accounts ?? [];
  const [what, setWhat] = useState('marketing');
  const [account, setAccount] = useState(only[0] ?? '');
  const [why, setWhy] = useState('');
  const [error, setError] = useState(/** @type {any} */ (null));
  const limits = useAnswer('/v1/limits');
  const accounts = (limits.data?.items ?? []).map((/** @type {any} */ one) => one.sub_account);
  const moving = Object.values(lanes.value).filter((one) =>
    one.open > 0 && (!account || one.sub_account === account) && (what === 'all' || one.kind === 'campaign'));
  const waiting = moving.reduce((n, one) => n + one.open, 0);
  const close = () => { opened.value = false; };
  const begin = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const body = { what, reason: why, ...(account && { sub_account: account }) };
      stops.value = (await ask('/v1/stops/begin', { method: 'POST', body })).items;
      close();
    } catch (refused) {
      setError(refused);
    }
  };
  return html`
    <${Dialog} title="Stop sending" close=${close}>
      ${!may('manage') ? html`<p class="dialog-body">To stop sending takes a token with more rights than this one has. In a terminal: <code>sendmany stop --all</code>.</p>`
        : html`<form class="dialog-body" onSubmit=${begin}>
        <fieldset class="choices"><legend>What</legend>
          <label><input type="radio" name="what" checked=${what === 'marketing'} onChange=${() => setWhat('marketing')} /><span><b>Marketing</b><small>Campaigns. Single messages, such as codes, go on.</small></span></label>
          <label><input type="radio" name="what" checked=${what === 'all'} onChange=${() => setWhat('all')} /><span><b>Everything</b><small>Urgent messages too.</small></span></label>
        </fieldset>
        <label class="field">Of <select value=${account} onChange=${(/** @type {any} */ event) => setAccount(event.target.value)}>
          ${only.length === 0 && html`<option value="">every sub-account</option>`}
          ${accounts.map((/** @type {string} */ name) => html`<option value=${name}>${name}</option>`)}
        </select></label>
        <label class="field">Why <input required autofocus=${true} maxlength="500" placeholder="Wrong price in the offer" value=${why} onInput=${(/** @type {any} */ event) => setWhy(event.target.value)} />
          <small class="muted">Shown to everybody who asks why things wait.</small></label>
        ${error && html`<${Failed} error=${error} />`}
        <p>Within a second nothing more of it goes out. <b>${several(waiting, 'message')}</b> ${waiting === 1 ? 'waits' : 'wait'}, and will be kept. What the provider has taken already arrives.</p>
        <footer><button type="button" class="button" onClick=${close}>Leave it</button>
          <button class="button danger" disabled=${!why.trim()}><${Icon} name="stop" />Stop ${what === 'all' ? 'everything' : 'marketing'}</button></footer>
      </form>`}
    <//>`;
}
