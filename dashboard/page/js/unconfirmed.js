// Unconfirmed messages, which may have arrived: a person decides, campaign by campaign.
import { ask, may } from './api.js';
import { People } from './campaigns.js';
import { count, several, when } from './format.js';
import { html, useEffect, useState } from './lib.js';
import { changes } from './live.js';
import { to } from './router.js';
import { Empty, Failed, Icon, Loading, Status, confirm, say } from './ui.js';

/** @typedef {import('./types.js').Campaign} Campaign */
const MOST_PAGES = 10;

export function Unconfirmed() {
  const [found, set] = useState(/** @type {Campaign[] | null} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((n) => n + 1);
  useEffect(() => {
    let left = false;
    (async () => {
      /** @type {Campaign[]} */
      const some = [];
      let next = '';
      for (let n = 0; n < MOST_PAGES; n += 1) {
        const page = await ask(`/v1/campaigns?limit=100${next && `&cursor=${encodeURIComponent(next)}`}`, { refresh: turn > 0 });
        some.push(...page.items.filter((/** @type {Campaign} */ one) => one.counts.unconfirmed));
        next = page.next ?? '';
        if (!next) break;
      }
      if (!left) { set(some); setError(null); }
    })().catch((refused) => { if (!left) setError(refused); });
    return () => { left = true; };
  }, [turn, Math.floor(changes.value / 10)]);
  const all = (found ?? []).reduce((n, one) => n + (one.counts.unconfirmed ?? 0), 0);
  return html`
    <header class="head"><div><h1>Unconfirmed</h1>
      <p class="muted">Posted, but no answer came that can be trusted. Nothing is sent twice unless you say so.</p></div></header>
    ${error && html`<${Failed} error=${error} again=${again} />`}
    ${!found && !error && html`<${Loading} rows=${3} />`}
    ${found?.length === 0 && html`<${Empty} icon="check" title="Nothing to decide"><p>Of every message it is known whether the provider took it.</p><//>`}
    ${found && found.length > 0 && html`<div class="stack">
      <p><b>${several(all, 'message')}</b> in ${several(found.length, 'campaign')} ${all === 1 ? 'waits' : 'wait'} for a decision. A receipt that comes later still settles a message by itself.</p>
      ${found.map((one) => html`<${Decision} key=${one.id} one=${one} again=${again} />`)}</div>`}`;
}

/** @param {{ one: Campaign, again: () => void }} props */
function Decision({ one, again }) {
  const n = one.counts.unconfirmed ?? 0;
  const settle = async (/** @type {string} */ word) => {
    const done = await ask(`/v1/campaigns/${one.id}/unconfirmed/${word}`, { method: 'POST' });
    say(word === 'resend' ? `${several(done.messages, 'message')} ${done.messages === 1 ? 'is' : 'are'} sent again.` : `${several(done.messages, 'message')} put to rest.`);
    again();
  };
  const people = several(n, 'person', 'people');
  const resend = () => confirm({
    title: 'Send again?', yes: `Send again to ${people}`, danger: true, act: () => settle('resend'),
    body: html`<p><b>${people}</b> of “${one.name}” get the message again. Those who have got the first one get <b>two</b>. This cannot be taken back.</p>`,
  });
  const close = () => confirm({
    title: 'Let them rest?', yes: `Let ${several(n, 'message')} rest`, act: () => settle('close'),
    body: html`<p><b>${several(n, 'message')}</b> of “${one.name}” will not be sent again. Who has not got the first one gets none. Receipts that come later still settle them.</p>`,
  });
  return html`
    <section class="card launch-line">
      <div><h2><a href=${to(['campaigns', one.id])}>${one.name}</a></h2>
        <p class="muted small"><${Status} status=${one.status} /> ${one.sub_account} · ${when(one.started_at)}</p></div>
      <p><${People} class="text-unconfirmed" id=${one.id} states=${['unconfirmed']}><b>${count(n)}</b> unconfirmed<//></p>
      <div class="chips">
        ${may('people') && html`<a class="button" href=${`/v1/campaigns/${one.id}/unconfirmed?format=csv`} download=${`${one.name} unconfirmed.csv`}><${Icon} name="download" />List</a>`}
        ${may('manage') && html`<button class="button" onClick=${close}>Let them rest …</button>
          <button class="button" onClick=${resend}><${Icon} name="retry" />Send again …</button>`}
      </div>
    </section>`;
}
