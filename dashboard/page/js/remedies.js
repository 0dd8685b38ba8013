// What can be done about messages that failed: send again, mend the message, take people off the list, decide.
import { ask, may } from './api.js';
import { useAnswer } from './data.js';
import { count, several } from './format.js';
import { html, useEffect, useState } from './lib.js';
import { Clone } from './launch.js';
import { go, to } from './router.js';
import { ENDED } from './states.js';
import { Dialog, Failed, Icon, Loading, confirm, say } from './ui.js';

/** @typedef {import('./types.js').Campaign} Campaign */
/** @typedef {import('./types.js').Failure} Failure */
/** @typedef {'again' | 'mend' | 'off' | 'decide'} Act */

/** The acts of each remedy that the API names. @type {Record<string, Act[]>} */
const ACTS = {
  take_off: ['off'],
  mend: ['mend', 'again'],
  wait: ['again'],
  account: ['again'],
  nothing: [],
};
const GOING = ['sending', 'loading', 'scheduled', 'cancelling'];

/** What this token may do about a failure now. @param {Failure} item @param {string} status of the campaign @returns {Act[]} */
export function actsOn(item, status) {
  /** @type {Record<Act, boolean>} */
  const can = {
    again: may('send') && !GOING.includes(status),
    mend: may('send') && may('manage') && ENDED.includes(status),
    off: may('manage') && may('people'),
    decide: may('manage'),
  };
  /** @type {Act[]} */
  const acts = item.state === 'unconfirmed' ? ['decide'] : ACTS[item.remedy] ?? [];
  return acts.filter((act) => can[act]);
}

/** As the API selects it. @param {Failure} item */
const codeOf = (item) => `${item.origin}.${item.code ?? 0}`;

/** @param {{ item: Failure, one: Campaign }} props */
export function Remedies({ item, one }) {
  const [retrying, setRetrying] = useState(false);
  const acts = actsOn(item, one.status);
  const buttons = {
    again: () => html`<button class="button small" onClick=${() => setRetrying(true)}><${Icon} name="retry" size=${15} />Send again to these ${count(item.messages)} …</button>`,
    mend: () => html`<${Clone} id=${one.id} name=${one.name} missed=${true} />`,
    off: () => html`<button class="button small" onClick=${() => askToTakeOff(one, item)}><${Icon} name="optouts" size=${15} />Take them off the list …</button>`,
    decide: () => html`<a class="button small" href=${to(['unconfirmed'])}>Decide …</a>`,
  };
  return html`<span class="chips">${acts.map((act) => buttons[act]())}</span>
    ${retrying && html`<${Retry} one=${one} only=${{ state: [item.state], code: [codeOf(item)] }} close=${() => setRetrying(false)} />`}`;
}

/** @param {Campaign} one @param {Failure} item */
const askToTakeOff = (one, item) => confirm({
  title: `Take ${several(item.messages, 'person', 'people')} off the list?`, yes: 'Take them off', danger: true,
  body: html`<p>They get no more from <b>${one.sub_account}</b>, from the next batch on, as if they had replied STOP. The screen <b>Opt-outs</b> takes that back, one by one.</p>`,
  act: async () => {
    const done = await takeOff(one, item);
    say(`${several(done.new, 'person', 'people')} taken off the list${done.known ? `, ${count(done.known)} were off it` : ''}${done.invalid ? `; ${count(done.invalid)} cannot be read` : ''}.`);
  },
});

/** Keep the people of a failure from messages, a page of them at a time.
 * @param {{ id: string, sub_account: string }} one @param {Failure} item */
export async function takeOff(one, item) {
  const sum = { new: 0, known: 0, invalid: 0 };
  const words = new URLSearchParams({ state: item.state, origin: item.origin, code: String(item.code ?? 0), limit: '100' });
  for (let next = '0'; next !== null;) {
    words.set('cursor', next);
    const page = await ask(`/v1/campaigns/${one.id}/messages?${words}`);
    const people = page.items.map((/** @type {any} */ row) => row.number).filter(Boolean);
    if (people.length) {
      const done = await ask('/v1/suppressions', { method: 'POST', body: { people, sub_account: one.sub_account, skip_invalid: true } });
      sum.new += done.new;
      sum.known += done.known;
      sum.invalid += done.invalid.length;
    }
    next = page.next;
  }
  return sum;
}

/** What a retry is for, and whether sending alone may help: it does not where a number is not valid, or the message must
 * be mended first. @param {Failure[]} items @returns {{ mays: Failure[], others: Failure[] }} */
export function hopeOf(items) {
  const failed = items.filter((one) => ['undelivered', 'rejected', 'failed'].includes(one.state));
  const helps = (/** @type {Failure} */ one) => ACTS[one.remedy]?.[0] === 'again';
  return { mays: failed.filter(helps), others: failed.filter((one) => !helps(one)) };
}
/** @param {Failure[]} items */
const peopleOf = (items) => several(items.reduce((n, one) => n + one.messages, 0), 'person', 'people');

/** The same message again, to just those whom it did not reach.
 * @param {{ one: Campaign, only?: { state: string[], code: string[] }, close: () => void }} props only: those of one failure */
export function Retry({ one, only, close }) {
  const [plan, set] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [few, setFew] = useState(false);
  const failures = useAnswer(only ? null : `/v1/campaigns/${one.id}/failures`);
  const { mays, others } = hopeOf(failures.data?.items ?? []);
  const choose = (/** @type {boolean} */ which) => { set(null); setFew(which); };
  const ask_ = async (/** @type {boolean} */ dry) => {
    try {
      const selected = few ? { state: [...new Set(mays.map((item) => item.state))], code: mays.map(codeOf) } : only;
      const found = await ask(`/v1/campaigns/${one.id}/retry`, { method: 'POST', body: { dry_run: dry, ...selected } });
      if (dry) return set(found);
      say(`${several(found.people, 'person', 'people')} get it again, as “${found.name}”.`);
      close();
      go(to(['campaigns', found.id]));
    } catch (refused) {
      setError(refused);
    }
    return undefined;
  };
  useEffect(() => { ask_(true); }, [few]);
  return html`
    <${Dialog} title="Retry" close=${close}>
      ${others.length > 0 && html`<fieldset class="choices"><legend>To whom</legend>
        <label><input type="radio" name="whom" checked=${!few} onChange=${() => choose(false)} /><span><b>All whom it did not reach</b>
          <small>${peopleOf([...mays, ...others])}. To ${peopleOf(others)} of them it is likely to fail again: <a href=${to(['campaigns', one.id, 'failures'])} onClick=${close}>Failures</a> tells why, and what to do.</small></span></label>
        ${mays.length > 0 && html`<label><input type="radio" name="whom" checked=${few} onChange=${() => choose(true)} /><span><b>Only where sending again may help</b><small>${peopleOf(mays)}.</small></span></label>`}</fieldset>`}
      ${error && html`<${Failed} error=${error} />`}
      ${!plan && !error && html`<${Loading} rows=${2} />`}
      ${plan && html`<div class="dialog-body">
        <p><b>${several(plan.people, 'person', 'people')}</b> whom the message did not reach get it again, as a campaign of its own: “${plan.name}”.</p>
        ${plan.may_have_arrived > 0 && html`<p>${count(plan.may_have_arrived)} of them may have got the first one.</p>`}
        ${plan.retried_before > 0 && html`<p class="muted">${several(plan.retried_before, 'person', 'people')} are left out: they are in an earlier retry.</p>`}</div>`}
      <footer><button class="button" onClick=${close}>Leave it</button>
        <button class="button primary" disabled=${!plan?.people} onClick=${() => ask_(false)}>Send again to ${several(plan?.people ?? 0, 'person', 'people')}</button></footer>
    <//>`;
}
