// For operators on call: limits of each sub-account, what holds it up, and the overall state of sending.
import { ask, may, session } from './api.js';
import { useAnswer } from './data.js';
import { count, duration, large, moment, rate, several, when } from './format.js';
import { html, useState } from './lib.js';
import { changes } from './live.js';
import { QuietHours } from './quiet.js';
import { Dialog, Empty, Failed, Icon, Loading, Sentence, attempt } from './ui.js';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
/** @param {number} n */
export function bytes(n) {
  let at = 0;
  let size = n;
  while (size >= 1024 && at < UNITS.length - 1) { size /= 1024; at += 1; }
  return `${size < 10 && at ? size.toFixed(1) : Math.round(size)} ${UNITS[at]}`;
}

export function Sending() {
  const limits = useAnswer('/v1/limits', { every: 5, after: changes.value });
  const now = useAnswer('/v1/sending', { every: 5, after: changes.value });
  /** @type {import('./types.js').Limits[]} */
  const accounts = limits.data?.items ?? [];
  return html`
    <header class="head"><div><h1>Sending</h1><p class="muted">What each sub-account may send, and whether anything is sent at all.</p></div></header>
    ${now.error && html`<${Failed} error=${now.error} again=${now.again} />`}
    ${now.data ? html`<${Vitals} now=${now.data} />` : !now.error && html`<${Loading} rows=${1} />`}
    ${!session.value?.sub_accounts.length && html`<${Doctor} />`}
    ${limits.error && html`<${Failed} error=${limits.error} again=${limits.again} />`}
    ${limits.data && accounts.length === 0 && html`<${Empty} icon="sending" title="No sub-account is configured"><p>Settings name the sub-accounts of the provider: see <code>config/sendmany.example.toml</code>.</p><//>`}
    <div class="tiles sending-tiles">${accounts.map((one) => html`<${Account} key=${one.sub_account} one=${one} backlog=${(now.data?.backlog ?? []).filter((/** @type {any} */ b) => b.sub_account === one.sub_account)} again=${limits.again} />`)}</div>
    <${QuietHours} />`;
}

const VERDICTS = /** @type {Record<string, [string, string]>} */ ({ ok: ['good', 'Good'], problem: ['bad', 'Problem'], note: ['hold', 'Not known'] });

/** Everything that sending needs, as `sendmany doctor` says it; the provider is asked on demand. */
function Doctor() {
  const [provider, setProvider] = useState(false);
  const [all, setAll] = useState(false);
  const answer = useAnswer(provider ? '/v1/doctor' : '/v1/doctor?offline=true');
  /** @type {{ name: string, verdict: string, finding: string, remedy: string }[]} */
  const checks = answer.data ?? [];
  const bad = checks.filter((one) => one.verdict === 'problem');
  const shown = all ? checks : checks.filter((one) => one.verdict !== 'ok');
  return html`<section class="card doctor">
    <header><div><h2>Doctor</h2><p class="muted small">Everything that sending needs, as this web process finds it${provider ? '; the provider was asked, too' : ''}.</p></div>
      <span class="chips"><button class="button small" onClick=${() => (provider ? answer.again() : setProvider(true))} disabled=${provider && !answer.data && !answer.error}><${Icon} name="retry" size=${15} />${provider ? 'Look again' : 'Ask the provider, too'}</button></span></header>
    ${answer.error && html`<${Failed} error=${answer.error} again=${answer.again} />`}
    ${!answer.data && !answer.error && html`<${Loading} rows=${2} />`}
    ${answer.data && html`<p><b class=${bad.length ? 'is-bad' : ''}>${bad.length ? several(bad.length, 'problem') : 'No problem'}</b> in ${several(checks.length, 'check')}.
      ${checks.length > shown.length || all ? html` <button class="link" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? 'Only what is not good' : 'Show all'}</button>` : ''}</p>
      ${shown.length > 0 && html`<ul class="checks">${shown.map((one) => html`<li key=${one.name}><span class=${`pill tone-${VERDICTS[one.verdict]?.[0]}`}><i aria-hidden="true"></i>${VERDICTS[one.verdict]?.[1] ?? one.verdict}</span>
        <div><b>${large(one.name)}</b> <${Sentence} text=${one.finding.startsWith(one.name) ? one.finding.slice(one.name.length + 1) : one.finding} />${one.remedy && html`<p class="muted">→ <${Sentence} text=${one.remedy} /></p>`}</div></li>`)}</ul>`}`}
  </section>`;
}

/** @param {{ now: any }} props */
function Vitals({ now }) {
  const loops = now.workers.reduce((/** @type {number} */ n, /** @type {any} */ one) => n + one.dispatchers, 0);
  const { receipts, redis } = now;
  const late = receipts && receipts.waiting > 0 && receipts.oldest_seconds > 60;
  const full = redis && redis.limit_bytes > 0 ? redis.used_bytes / redis.limit_bytes : 0;
  return html`
    <dl class="card figures">
      <div><dt>Workers</dt><dd><b class=${loops ? '' : 'is-bad'}>${count(loops)}</b><small>${loops ? `${loops === 1 ? 'dispatcher runs' : 'dispatchers run'}: ${now.workers.filter((/** @type {any} */ one) => one.dispatchers).map((/** @type {any} */ one) => one.serves).join(', ')}` : 'none is running: nothing is sent'}</small></dd></div>
      <div><dt>Waiting</dt><dd><b>${count(now.backlog.reduce((/** @type {number} */ n, /** @type {any} */ one) => n + one.messages, 0))}</b><small>messages in ${several(now.backlog.reduce((/** @type {number} */ n, /** @type {any} */ one) => n + one.lanes, 0), 'lane')}</small></dd></div>
      ${receipts && html`<div><dt>Receipts behind</dt><dd><b class=${late ? 'is-bad' : ''}>${count(receipts.waiting)}</b><small>${receipts.waiting ? `the oldest for ${duration(receipts.oldest_seconds)}` : `${count(receipts.applied)} applied`}</small></dd></div>`}
      ${redis && html`<div><dt>Redis memory</dt><dd><b class=${full > 0.9 ? 'is-bad' : ''}>${bytes(redis.used_bytes)}</b><small>${redis.limit_bytes ? `of ${bytes(redis.limit_bytes)}` : 'without a limit'}</small></dd></div>`}
    </dl>`;
}

/** @param {{ one: import('./types.js').Limits, backlog: any[], again: () => void }} props */
function Account({ one, backlog, again }) {
  const [opening, setOpening] = useState(false);
  const held = one.breakers.length > 0 || one.stops.length > 0 || one.blocked_until;
  const close = (/** @type {import('./types.js').Breaker} */ breaker) => attempt(async () => {
    await ask('/v1/breakers/close', { method: 'POST', body: { sub_account: breaker.sub_account, scope: breaker.scope } });
    again();
  }, 'It goes on.');
  return html`
    <section class="card tile">
      <header><h2>${one.sub_account}</h2><span class=${`pill tone-${held ? 'bad' : 'good'}`}><i></i>${held ? 'Held up' : 'Open'}</span></header>
      <dl class="facts">
        <dt>Limit</dt><dd>${one.messages_per_second ? rate(one.messages_per_second) : 'none'}${one.requests_per_second ? `, ${one.requests_per_second} requests/s` : ''}</dd>
        <dt>May go out at once</dt><dd>${one.free === null ? '–' : count(Math.max(0, Math.floor(one.free)))} of ${count(one.burst)}</dd>
        <dt>Requests at the same time</dt><dd>${count(one.max_in_air)} a worker process</dd>
        ${backlog.map((b) => html`<dt>Waiting, ${b.priority}</dt><dd>${count(b.messages)} in ${several(b.lanes, 'lane')}</dd>`)}
      </dl>
      ${one.blocked_until && html`<div class="notice hold"><${Icon} name="pause" /><div>The provider asked for a pause until <time title=${moment(one.blocked_until)}>${when(one.blocked_until)}</time>.</div></div>`}
      ${one.stops.map((stop) => html`<div class="notice bad"><${Icon} name="stop" /><div><b>${stop.what === 'all' ? 'Everything' : 'Marketing'} is stopped</b>: ${stop.reason}.</div></div>`)}
      ${one.breakers.map((breaker) => html`
        <div class="notice bad" key=${breaker.scope}><${Icon} name="warn" /><div><b>${breaker.scope}</b> since ${when(breaker.opened_at)}, by ${breaker.by}: ${breaker.reason}.
          ${' '}<span class="muted">${breaker.probe_at ? `Tried again ${when(breaker.probe_at)}.` : 'It lasts until it is closed.'}</span></div>
          ${may('manage') && html`<button class="button small" onClick=${() => close(breaker)}>Let it send</button>`}</div>`)}
      ${may('manage') && html`<div><button class="button small" onClick=${() => setOpening(true)}><${Icon} name="pause" size=${15} />Hold up …</button></div>`}
      ${opening && html`<${Hold} account=${one.sub_account} waiting=${backlog.reduce((n, b) => n + b.messages, 0)} close=${() => { setOpening(false); again(); }} />`}
    </section>`;
}

/** @param {{ account: string, waiting: number, close: () => void }} props */
function Hold({ account, waiting, close }) {
  const [why, setWhy] = useState('');
  const [error, setError] = useState(/** @type {any} */ (null));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      await ask('/v1/breakers/open', { method: 'POST', body: { sub_account: account, reason: why } });
      close();
    } catch (refused) {
      setError(refused);
    }
  };
  return html`<${Dialog} title=${`Hold up ${account}`} close=${close}><form class="dialog-body" onSubmit=${submit}>
    <p>Nothing of this sub-account is sent until it is closed: <b>${several(waiting, 'message')}</b> ${waiting === 1 ? 'waits' : 'wait'} and will be kept.</p>
    <label class="field">Why <input required maxlength="500" value=${why} onInput=${(/** @type {any} */ event) => setWhy(event.target.value)} /></label>
    ${error && html`<${Failed} error=${error} />`}
    <footer><button type="button" class="button" onClick=${close}>Leave it</button><button class="button danger" disabled=${!why.trim()}>Hold up</button></footer>
  </form><//>`;
}
