// One campaign: what limits it now, where its messages are, and who they are.
import { ask, may } from './api.js';
import { People } from './campaigns.js';
import { useAnswer } from './data.js';
import { count, duration, large, moment, percent, rate, several, when } from './format.js';
import { html, useEffect, useState } from './lib.js';
import { Clone } from './launch.js';
import { changes, newest } from './live.js';
import { Messages } from './messages.js';
import { Repace } from './pace.js';
import { Remedies, Retry } from './remedies.js';
import { go, route, to } from './router.js';
import { ENDED, FAILED, GROUPS, REACHED, SENT, STATES, plain, sum } from './states.js';
import { Empty, Failed, Funnel, Icon, Loading, Sentence, StateName, Status, Tabs, attempt, confirm } from './ui.js';

/** @typedef {import('./types.js').Campaign} Campaign */

export function Campaign() {
  const [, id, tab = ''] = route.value.path;
  const path = `/v1/campaigns/${encodeURIComponent(id)}`;
  const answer = useAnswer(path, { after: changes.value, every: 5 });
  /** @type {Campaign | null} */
  const one = answer.data && newest(answer.data, answer.at);
  useEffect(() => {
    if (one) document.title = `${one.name} · sendmany`;
    return () => { document.title = 'sendmany'; };
  }, [one?.name]);
  useEffect(() => {
    if (one?.status === 'draft' && may('send')) go(to(['new', one.id]), { replace: true });
  }, [one?.status]);
  useEffect(() => { // an event tells the new status, not the sentences that go with it
    if (one && one.status !== answer.data.status) answer.again();
  }, [one?.status]);
  if (answer.error?.status === 404) {
    return html`<${Empty} title="There is no such campaign"><p>It was kept for its time, or belongs to another sub-account. <a href=${to(['campaigns'])}>All campaigns</a></p><//>`;
  }
  if (!one) return answer.error ? html`<${Failed} error=${answer.error} again=${answer.again} />` : html`<${Loading} rows=${4} />`;
  return html`
    <a class="crumb" href=${to(['campaigns'])}><${Icon} name="back" size=${14} />Campaigns</a>
    <header class="head">
      <div><h1>${one.name}</h1>
        <p class="muted"><${Status} status=${one.status} held=${one.held} />  ${one.sub_account} · ${one.purpose ?? 'mixed'} · ${one.priority} · <span title=${moment(one.opened_at)}>created ${when(one.opened_at)}</span></p></div>
    </header>
    <div class="bar">
      <${Tabs} label="Parts of the campaign" items=${[['', 'Overview'], ...(may('people') ? [['messages', 'Messages']] : []), ['failures', 'Failures']].map(
        ([name, label]) => ({ href: to(['campaigns', id, ...(name ? [name] : [])]), name: label, current: tab === name }))} />
      <${Acts} one=${one} again=${answer.again} />
    </div>
    ${answer.error && html`<${Failed} error=${answer.error} again=${answer.again} />`}
    ${tab === 'messages' ? html`<${Messages} one=${one} />`
      : tab === 'failures' ? html`<section class="card table-card"><${Failures} one=${one} /></section>`
      : html`<${Overview} one=${one} />`}`;
}

/** @param {{ one: Campaign, again: () => void }} props */
function Acts({ one, again }) {
  const path = `/v1/campaigns/${one.id}`;
  const act = async (/** @type {string} */ word) => { await ask(`${path}/${word}`, { method: 'POST' }); again(); };
  const can = may('manage');
  const waits = sum(one, ['queued', 'delayed']);
  const going = ['sending', 'loading', 'scheduled'].includes(one.status);
  const held = ['paused', 'stopped'].includes(one.status);
  const failed = sum(one, FAILED);
  const [retrying, setRetrying] = useState(false);
  const [pacing, setPacing] = useState(false);
  const cancel = () => confirm({
    title: `Cancel ${one.name}?`,
    body: html`<p><b>${several(waits, 'person', 'people')}</b> who ${waits === 1 ? 'waits' : 'wait'} will not get this message. What has gone out stays gone out. This cannot be taken back; <b>Pause</b> can.</p>`,
    yes: `Cancel for ${several(waits, 'person', 'people')}`,
    danger: true,
    act: () => act('cancel'),
  });
  const accept = () => confirm({
    title: `Go on with ${one.name}?`,
    body: html`<p>${one.reason}. What went out after that copy was taken may go out again. ${several(one.open, 'message')} would go on.</p>`,
    yes: 'Accept that, and go on',
    danger: true,
    act: () => act('resume?accept=true'),
  });
  return html`
    <div class="acts chips">
      ${can && going && html`<button class="button" onClick=${() => attempt(() => act('pause'), `Paused: ${several(waits, 'message')} ${waits === 1 ? 'waits' : 'wait'}.`, () => attempt(() => act('resume'), 'It goes on.'))}><${Icon} name="pause" />Pause</button>`}
      ${can && held && html`<button class="button primary" onClick=${() => attempt(() => act('resume'), `It goes on with ${several(waits, 'message')}.`, () => attempt(() => act('pause'), 'Paused.'))}><${Icon} name="play" />Resume</button>`}
      ${can && one.status === 'halted' && html`<button class="button primary" onClick=${accept}><${Icon} name="play" />Go on …</button>`}
      ${can && !ENDED.includes(one.status) && one.status !== 'cancelling' && html`<button class="button" onClick=${() => setPacing(true)}>${one.status === 'scheduled' ? 'Start and pace' : 'Pace'} …</button>
        <button class="button" onClick=${cancel}><${Icon} name="close" />Cancel …</button>`}
      ${may('send') && failed > 0 && !going && html`<button class="button" onClick=${() => setRetrying(true)}><${Icon} name="retry" />Retry …</button>`}
      ${may('send') && ENDED.includes(one.status) && html`<${Clone} id=${one.id} name=${one.name} />`}
      ${pacing && html`<${Repace} one=${one} close=${() => { setPacing(false); again(); }} />`}
      ${retrying && html`<${Retry} one=${one} close=${() => setRetrying(false)} />`}
      ${may('people') && html`<a class="button" href=${`${path}/export?format=csv`} download=${`${one.name}.csv`}><${Icon} name="download" />Export</a>`}
    </div>`;
}

/** @param {{ one: Campaign }} props */
function Overview({ one }) {
  const still = ENDED.includes(one.status) && Date.now() - Date.parse(one.finished_at ?? '') > 60_000; // receipts come after the end
  const history = useAnswer(`/v1/campaigns/${one.id}/history`, { every: still ? 0 : 10, after: Math.floor(one.done / 1000) });
  const ended = ENDED.includes(one.status);
  return html`
    <div class="stack">
      <${Waits} one=${one} limit=${history.data?.messages_per_second} />
      <dl class="card figures">
        <${Figure} name="Recipients" n=${one.recipients} id=${one.id} states=${[]} note=${one.invalid_rows || one.duplicates ? `${count(one.invalid_rows)} invalid, ${count(one.duplicates)} twice in the file` : 'one message each'} />
        <${Figure} name="Sent" n=${sum(one, SENT)} of=${one.recipients} id=${one.id} states=${SENT} />
        <${Figure} name="Reached a handset" n=${sum(one, REACHED)} of=${one.recipients} id=${one.id} states=${REACHED} />
        <${Figure} name="Not delivered" n=${sum(one, FAILED)} of=${one.recipients} id=${one.id} states=${FAILED} />
        <div><dt>${ended ? 'Average rate' : 'Rate'}</dt><dd><b>${rate(one.messages_per_second)}</b><small>${ended ? `ended ${when(one.finished_at)}` : one.held || one.seconds_left === null ? 'time left is not known' : `${duration(one.seconds_left)} left`}</small></dd></div>
      </dl>
      <${Ledger} one=${one} />
      ${history.error ? html`<${Failed} error=${history.error} again=${history.again} />`
        : history.data ? html`<${Later} history=${history.data} recipients=${one.recipients} />` : html`<${Loading} rows=${3} />`}
      <section class="card table-card"><h2>Failures</h2><${Failures} one=${one} /></section>
    </div>`;
}

/** The charts and their library come when they are looked at. @param {{ history: any, recipients: number }} props */
function Later(props) {
  const [Charts, set] = useState(/** @type {any} */ (null));
  useEffect(() => {
    if (!document.getElementById('uplot')) {
      const link = Object.assign(document.createElement('link'), { id: 'uplot', rel: 'stylesheet', href: 'vendor/uplot.css' });
      document.head.append(link);
    }
    import('./charts.js').then((found) => set(() => found.Charts));
  }, []);
  return Charts ? html`<${Charts} ...${props} />` : html`<${Loading} rows=${3} />`;
}

/** @param {{ name: string, n: number, of?: number, id: string, states: string[], note?: string }} props */
const Figure = ({ name, n, of, id, states, note }) => html`
  <div><dt>${name}</dt><dd><b><${People} id=${id} states=${states}>${count(n)}<//></b><small>${note ?? percent(n, of ?? 0)}</small></dd></div>`;

/** What limits it now, and until when. @param {{ one: Campaign, limit?: number }} props */
function Waits({ one, limit }) {
  const [first, ...more] = one.why;
  const tone = one.status === 'finished' ? 'good' : ['stopped', 'halted'].includes(one.status) || one.waits?.stopped ? 'bad'
    : one.status === 'paused' || one.held || one.waits?.blocked_until ? 'hold' : '';
  const lead = one.status === 'sending' && more.length ? more[0] : first;
  const rest = one.why.filter((sentence) => sentence !== lead && sentence !== 'It is being sent.' && !sentence.includes('--doubt'));
  const w = one.waits;
  return html`
    <section class=${`card waits ${tone}`} aria-label="What it waits for">
      <span class="badge"><${Icon} name=${tone === 'bad' ? 'warn' : tone === 'hold' ? 'pause' : tone === 'good' ? 'check' : 'sending'} /></span>
      <div>
        <h2><${Sentence} text=${plain(lead)} /></h2>
        ${rest.length > 0 && html`<ul>${rest.map((sentence) => html`<li key=${sentence}><${Sentence} text=${sentence} /></li>`)}</ul>`}
        ${w && !ENDED.includes(one.status) && html`<p class="limits">
          ${one.rate ? html`<span>its own limit: ${rate(one.rate)}</span>` : null}
          ${limit ? html`<span>the limit of ${one.sub_account}: ${rate(limit)}</span>` : null}
          <span>${w.sending_loops ? several(w.sending_loops, 'worker') : 'no worker'} ${w.sending_loops > 1 ? 'send' : 'sends'} it</span>
          ${w.blocked_until && html`<span>provider pauses until <time title=${moment(w.blocked_until)}>${when(w.blocked_until)}</time></span>`}
          ${w.next_retry && !w.hours && html`<span>next retry <time title=${moment(w.next_retry)}>${when(w.next_retry)}</time></span>`}
          ${w.next_decision && html`<span>next decision about doubts <time title=${moment(w.next_decision)}>${when(w.next_decision)}</time></span>`}
          ${w.hours && html`<a href=${to(['sending'])}>quiet hours: from <time title=${moment(w.hours.first)}>${when(w.hours.first)}</time> on</a>`}
          ${one.breakers?.map((breaker) => html`<a href=${to(['sending'])}>${breaker.probe_at ? `tried again ${when(breaker.probe_at)}` : 'let it send, on the screen Sending'}</a>`)}
        </p>`}
        ${(one.may_have_two > 0 || one.may_have_arrived > 0) && html`<p class="limits">
          ${one.may_have_two > 0 && html`<${People} id=${one.id} states=${[]} query=${{ doubt: 'may_have_two' }}>${several(one.may_have_two, 'person', 'people')} may have got two<//>`}
          ${one.may_have_arrived > 0 && html`<${People} id=${one.id} states=${[]} query=${{ doubt: 'may_have_arrived' }}>${several(one.may_have_arrived, 'message')} may have arrived all the same<//>`}
        </p>`}
      </div>
    </section>`;
}

/** Every recipient once, by state; it adds up. @param {{ one: Campaign }} props */
function Ledger({ one }) {
  const all = GROUPS.reduce((n, group) => n + sum(one, group.states), 0);
  const shown = GROUPS.filter((group) => sum(one, group.states) > 0 || ['delivered', 'failed'].includes(group.key));
  return html`
    <section class="card funnel-card">
      <h2>Where the messages are
        <small>${all === one.recipients ? html`<${Icon} name="check" size=${15} />adds up to all recipients` : html`<${Icon} name="warn" size=${15} />does not add up at this moment: run sendmany campaign verify`}</small></h2>
      <${Funnel} lane=${one} tall=${true} />
      <table class="ledger"><caption class="sr">Messages by state</caption>
        <thead><tr><th>State</th><th class="num">People</th><th class="num">Share</th></tr></thead>
        <tbody>
          ${shown.map((group) => {
            const parts = group.states.filter((state) => one.counts[state]);
            return html`
              <tr class="group" key=${group.key}><td><span class="state"><i class="dot fill-${group.key}"></i>${group.name}</span></td>
                <td class="num"><${People} id=${one.id} states=${group.states}>${count(sum(one, group.states))}<//></td><td class="num">${percent(sum(one, group.states), one.recipients)}</td></tr>
              ${group.states.length > 1 && parts.map((state) => html`
                <tr class="sub" key=${state}><td>${STATES[state][0]} <span class="small">– ${STATES[state][1]}</span></td>
                  <td class="num"><${People} id=${one.id} states=${[state]}>${count(one.counts[state] ?? 0)}<//></td><td class="num">${percent(one.counts[state] ?? 0, one.recipients)}</td></tr>`)}`;
          })}
          <tr class="total"><td>Recipients</td><td class="num"><${People} id=${one.id} states=${[]}>${count(one.recipients)}<//></td><td class="num">${percent(all, one.recipients)}</td></tr>
          ${Object.entries({ Replied: one.replied, 'Opted out': one.opted_out }).map(([name, n]) => n > 0 && html`
            <tr key=${name}><td>${name} <span class="small">– share of the messages that the provider accepted</span></td><td class="num">${count(n)}</td><td class="num">${percent(n, one.funnel.sent.messages)}</td></tr>`)}
        </tbody></table>
    </section>`;
}

/** @param {{ one: Campaign }} props */
function Failures({ one }) {
  const answer = useAnswer(`/v1/campaigns/${one.id}/failures`, { after: sum(one, [...FAILED, 'unconfirmed', 'skipped', 'cancelled']) + one.retried });
  /** @type {import('./types.js').Failure[]} */
  const items = answer.data?.items ?? [];
  const retries = answer.data?.retries ?? [];
  if (answer.error) return html`<${Failed} error=${answer.error} again=${answer.again} />`;
  if (!answer.data) return html`<${Loading} rows=${3} />`;
  if (!items.length && !retries.length) return html`<${Empty} icon="check" title="Nothing has failed"><p>No message was refused, and none was tried again.</p><//>`;
  return html`
    ${items.length > 0 && html`<table class="rows failures"><caption class="sr">Why messages did not arrive</caption>
      <thead><tr><th>What it means</th><th>Code</th><th>State</th><th class="num">People</th><th>What to do</th></tr></thead>
      <tbody>${items.map((item) => html`
        <tr key=${`${item.state}${item.origin}${item.code}`}><td>${large(item.meaning || 'no reason was given')}</td>
          <td class="mono muted"><code>${item.origin}${item.code ? ` ${item.code}` : ''}</code></td><td><${StateName} state=${item.state} /></td>
          <td class="num"><${People} id=${one.id} states=${[item.state]} query=${{ origin: item.origin === 'none' ? '' : item.origin, code: item.code }}>${count(item.messages)}<//></td>
          <td class="wide">${item.remedy !== 'nothing' && html`${large(item.what_to_do)} <${Remedies} item=${item} one=${one} />`}</td></tr>`)}</tbody></table>`}
    ${retries.length > 0 && html`<p class="pad muted small">Tried again ${several(one.retried, 'time')}, because of: ${retries.map((/** @type {any} */ item) => `${item.meaning || item.code} (${count(item.messages)})`).join('; ')}.</p>`}`;
}
