// When a campaign starts, and how fast it goes.
import { ask } from './api.js';
import { rate as perSecond, zone } from './format.js';
import { html, useState } from './lib.js';
import { Dialog, Failed, say } from './ui.js';

/** @typedef {{ at: string, rate: string, weight: string, spread?: boolean, canary?: string }} PaceFields as typed */

/** A time as typed, in the browser's zone, as the API takes it. @param {string} at */
const instant = (at) => `${new Date(at).toISOString().slice(0, 19)}Z`;

/** A time of the API as a field has it; empty if it is in words of another zone. @param {string} at */
export function localTime(at) {
  const time = new Date(at);
  if (!/^\d{4}-\d\d-\d\dT/.test(at) || Number.isNaN(time.getTime())) return '';
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The members of a form of a campaign; empty ones are left out. @param {PaceFields} pace */
export const paceOf = ({ at, rate, spread, weight, canary }) => ({
  ...(at && { send_at: instant(at) }), ...(spread ? { spread } : rate && { rate: Number(rate) }),
  ...(weight && weight !== '1' && { weight: Number(weight) }), ...(canary && { canary }),
});

/** @param {{ pace: PaceFields, set: (pace: any) => void, start?: boolean }} props start: its start can be set */
export function Pace({ pace, set, start = true }) {
  const put = (/** @type {string} */ name) => (/** @type {any} */ event) => set({ ...pace, [name]: event.target.value });
  return html`<div class="grid2">
    ${start && html`<label class="field">Starts <input type="datetime-local" value=${pace.at} onInput=${put('at')} /><small class="muted">In ${zone()}.</small></label>`}
    <label class="field">Messages a second at most <input type="number" min="0" max="10000" step="any" placeholder="as its sub-account" value=${pace.rate} disabled=${pace.spread} onInput=${put('rate')} /></label>
    <label class="field">Share beside other campaigns <input type="number" min="1" max="10" value=${pace.weight} onInput=${put('weight')} /></label>
    <label class="tick"><input type="checkbox" checked=${pace.spread} onChange=${(/** @type {any} */ event) => set({ ...pace, spread: event.target.checked })} />Evenly over the days that its tier makes it take</label></div>`;
}

/** Change both of a campaign that is there. @param {{ one: import('./types.js').Campaign, close: () => void }} props */
export function Repace({ one, close }) {
  const [pace, set] = useState({ at: '', rate: '', weight: '', spread: false });
  const [error, setError] = useState(/** @type {any} */ (null));
  const begun = one.status !== 'scheduled';
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const path = `/v1/campaigns/${one.id}`;
    const { send_at, ...body } = { ...paceOf(pace), ...(pace.weight && { weight: Number(pace.weight) }) };
    try {
      if (Object.keys(body).length) await ask(path, { method: 'PATCH', body });
      if (send_at) await ask(`${path}/schedule`, { method: 'POST', body: { send_at } });
      say('Changed.');
      close();
    } catch (refused) {
      setError(refused);
    }
  };
  return html`<${Dialog} title="Start and pace" close=${close}><form class="dialog-body" onSubmit=${submit}>
    <p class="muted">Now ${one.spread ? 'evenly over its tier' : one.rate ? `${perSecond(one.rate)} at most` : 'as fast as its sub-account'}, share ${one.weight}. What is left empty stays as it is. A rate of 0 is that of its sub-account.</p>
    <${Pace} pace=${pace} set=${set} start=${!begun} />
    ${error && html`<${Failed} error=${error} />`}
    <footer><button type="button" class="button" onClick=${close}>Leave it</button><button class="button primary" disabled=${!pace.at && !pace.rate && !pace.weight && !pace.spread}>Change</button></footer>
  </form><//>`;
}
