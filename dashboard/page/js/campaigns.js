// All campaigns: how each stands, how fast it goes, and why it waits.
import { may } from './api.js';
import { useAnswer } from './data.js';
import { count, duration, moment, percent, rate, when } from './format.js';
import { html, useEffect, useRef, useState } from './lib.js';
import { changes, newest } from './live.js';
import { go, route, to } from './router.js';
import { BRIEF, ENDED, reason, sum } from './states.js';
import { Empty, Failed, Funnel, Icon, Loading, Sentence, Status, Tabs } from './ui.js';

/** @typedef {import('./types.js').Campaign} Campaign */

/** @type {Record<string, string[]>} */
const FILTERS = {
  running: ['loading', 'scheduled', 'sending', 'cancelling'],
  held: ['paused', 'stopped', 'halted', 'sending'],
  ended: ENDED,
  drafts: ['draft'],
};

/** An address of the messages of a campaign in some states. @param {string} id @param {string[]} states */
export const peopleOf = (id, states) => to(['campaigns', id, 'messages'], { state: states });

/** A count that leads to exactly those people, where the token may see people.
 * @param {{ id: string, states: string[], class?: string, query?: Record<string, any>, children?: any }} props */
export const People = ({ id, states, query = {}, children, ...rest }) => (may('people')
  ? html`<a href=${to(['campaigns', id, 'messages'], { state: states, ...query })} ...${rest}>${children}</a>`
  : html`<span ...${rest}>${children}</span>`);

/** The counts of a campaign in a few words; each is a link to exactly those people.
 * @param {{ lane: import('./types.js').Lane }} props */
const Brief = ({ lane }) => html`
  <span class="brief">
    ${BRIEF.map((one) => ({ ...one, n: sum(lane, one.states) })).filter((one) => one.n).map((one) => html`
      <${People} key=${one.key} class=${`count text-${one.key}`} id=${lane.id} states=${one.states}><b>${count(one.n)}</b> ${one.name}<//>`)}
    ${lane.recipients === 0 && html`<span class="muted">No recipients yet</span>`}
  </span>`;

/** The order of rows. It is kept while a pointer is over the table: nothing moves under a
 * pointer, and new rows wait. @param {string[]} ids @param {boolean} still @param {string[]} before */
export function orderOf(ids, still, before) {
  if (!still || before.length === 0) return ids;
  const known = new Set(ids);
  return before.filter((id) => known.has(id));
}

/** Whether a campaign belongs to a tab: one that is being sent is running, or held up.
 * @param {Campaign} one @param {string} filter */
export const fits = (one, filter) =>
  one.status !== 'sending' || !['running', 'held'].includes(filter) || (filter === 'held') === Boolean(one.held);

export function Campaigns() {
  const { query } = route.value;
  const filter = query.get('show') ?? 'all';
  const search = query.get('search') ?? '';
  const [older, setOlder] = useState(/** @type {Campaign[]} */ ([]));
  const [more, setMore] = useState(/** @type {string | null} */ (null));
  const [still, setStill] = useState(false);
  const order = useRef({ key: '', ids: /** @type {string[]} */ ([]) });

  const words = new URLSearchParams({ limit: '50' });
  if (search) words.set('search', search);
  for (const status of FILTERS[filter] ?? []) words.append('status', status);
  const first = useAnswer(`/v1/campaigns?${words}`, { after: changes.value, every: 15 });
  const next = useAnswer(more && `/v1/campaigns?${words}&cursor=${encodeURIComponent(more)}`);
  const key = words.toString();

  useEffect(() => {
    setOlder([]);
    setMore(null);
  }, [key]);
  useEffect(() => {
    if (next.data) setOlder((before) => [...before, ...next.data.items]);
  }, [next.data]);

  /** @type {Campaign[]} */
  const found = [...(first.data?.items ?? []), ...older].map((one) => newest(one, first.at));
  const rows = new Map(found.filter((one) => fits(one, filter)).map((one) => [one.id, one]));
  const ids = orderOf([...rows.keys()], still && order.current.key === key, order.current.ids);
  order.current = { key, ids };
  const held = [...rows.keys()].filter((id) => !ids.includes(id)).length;
  const following = next.data ? next.data.next : first.data?.next;

  return html`
    <header class="head">
      <div>
        <h1>Campaigns</h1>
        <p class="muted">How each one stands, and why it waits.</p>
      </div>
      ${may('send') && html`<a class="button primary" href=${to(['new'])}><${Icon} name="plus" />New campaign</a>`}
    </header>
    <div class="bar">
      <${Tabs} label="Which campaigns" items=${[['all', 'All'], ['running', 'Running'], ['held', 'Held up'], ['ended', 'Ended'], ['drafts', 'Drafts']].map(
        ([name, label]) => ({ href: to(['campaigns'], { show: name === 'all' ? '' : name, search }), name: label, current: filter === name }),
      )} />
      <${Search} value=${search} label="Search by name" set=${(/** @type {string} */ word) =>
        go(to(['campaigns'], { show: filter === 'all' ? '' : filter, search: word }), { replace: true })} />
    </div>
    ${first.error && html`<${Failed} error=${first.error} again=${first.again} />`}
    ${!first.data && !first.error && html`<${Loading} rows=${6} />`}
    ${held > 0 && html`<button class="held-rows" onClick=${() => setStill(false)}>
      ${count(held)} new ${held === 1 ? 'campaign waits' : 'campaigns wait'} until you leave the table: show now</button>`}
    ${ids.length > 0 && html`
      <div class="card table-card" onMouseEnter=${() => setStill(true)} onMouseLeave=${() => setStill(false)}>
        <table class="campaigns">
          <caption class="sr">Campaigns, newest first</caption>
          <thead><tr><th>Campaign</th><th>State</th><th class="wide-col">Progress</th><th class="num">Rate</th><th class="num">Left</th><th class="wide-col">Why it waits</th></tr></thead>
          <tbody>${ids.map((id) => html`<${CampaignRow} key=${id} one=${rows.get(id)} />`)}</tbody>
        </table>
      </div>`}
    ${following && html`<div class="more"><button class="button" onClick=${() => setMore(following)}>Show older ones</button></div>`}
    ${first.data && ids.length === 0 && (search || filter !== 'all'
      ? html`<${Empty} icon="search" title="Nothing fits"><p>No campaign${search ? ` has “${search}” in its name` : ''}${filter !== 'all' ? ' in this state' : ''}. <a href=${to(['campaigns'])}>Show all</a></p><//>`
      : html`<${Empty} title="No campaign yet"><p>A campaign sends one message to every row of a file.</p>
          <p>${may('send') ? html`<a class="button primary" href=${to(['new'])}>New campaign</a>` : html`<code>sendmany campaign launch</code> starts one.`}</p><//>`)}`;
}

/** @param {{ one: Campaign }} props */
function CampaignRow({ one }) {
  if (one.status === 'draft') return html`<${DraftRow} one=${one} />`;
  const path = to(['campaigns', one.id]);
  const ended = ENDED.includes(one.status);
  const lasted = ended && one.started_at && one.finished_at
    ? (Date.parse(one.finished_at) - Date.parse(one.started_at)) / 1000 : null;
  const cancelled = one.counts.cancelled ?? 0;
  return html`
    <tr class=${`row-${one.status}`}>
      <td class="name"><a class="row-link" href=${path}>${one.name}</a>
        <span class="muted small" title=${moment(one.opened_at)}>${one.sub_account} · ${when(one.opened_at)}</span></td>
      <td><${Status} status=${one.status} held=${one.held} /></td>
      <td class="wide-col"><div class="progress"><${Funnel} lane=${one} /><b class="num">${percent(one.done - cancelled, one.recipients)}</b></div>
        <${Brief} lane=${one} /></td>
      <td class="num" data-label="Rate">${rate(one.messages_per_second)}</td>
      <td class="num" data-label=${ended ? null : 'Left'} title=${ended ? `Ended ${moment(one.finished_at)}` : ''}>
        ${ended ? html`<span class="muted">${lasted === null ? '' : `took ${duration(Math.max(1, lasted))}`}</span>` : duration(one.held ? null : one.seconds_left)}</td>
      <td class="wide-col why">${one.counts.unconfirmed && ended
        ? html`<a class="count" href=${to(['unconfirmed'])}>${reason(one)}</a>` : html`<${Sentence} text=${reason(one)} />`}</td>
    </tr>`;
}

/** @param {{ one: Campaign }} props */
const DraftRow = ({ one }) => html`
    <tr class="row-draft">
      <td class="name"><a class="row-link" href=${may('send') ? to(['new', one.id]) : to(['campaigns', one.id])}>${one.name}</a>
        <span class="muted small" title=${moment(one.opened_at)}>${one.sub_account} · ${when(one.opened_at)}</span></td>
      <td><${Status} status=${one.status} /></td>
      <td class="wide-col"></td><td class="num"></td><td class="num"></td>
      <td class="wide-col why"><${Sentence} text=${reason(one)} /></td>
    </tr>`;

/** A search that waits until the word is written. @param {{ value: string, label: string, set: (word: string) => void, mode?: string }} props */
export function Search({ value, label, set, mode = 'search' }) {
  const [word, setWord] = useState(value);
  const timer = useRef(0);
  useEffect(() => setWord(value), [value]);
  return html`
    <label class="search"><span class="sr">${label}</span><${Icon} name="search" size=${16} />
      <input type="search" inputmode=${mode} placeholder=${label} value=${word} onInput=${(/** @type {any} */ event) => {
        setWord(event.target.value);
        clearTimeout(timer.current);
        timer.current = window.setTimeout(() => set(event.target.value.trim()), 300);
      }} /></label>`;
}
