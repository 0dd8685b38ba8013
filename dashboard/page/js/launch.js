// A new campaign: a file, its columns, a message, a look at what it comes to, and then the launch.
import { ApiError, may, read } from './api.js';
import { useAnswer } from './data.js';
import { count, duration, large, moment, rate, several, when } from './format.js';
import { html, useEffect, useRef, useState } from './lib.js';
import { Pace, paceOf } from './pace.js';
import { NUMBER_COLUMN, firstRows } from './lists.js';
import { go, to } from './router.js';
import { Empty, Failed, Icon, say } from './ui.js';

/** What a text becomes for a row; parts that were filled in are told apart.
 * @param {string} text @param {Record<string, string>} row @returns {{ text: string, filled: boolean, missing?: boolean }[]} */
export function fillIn(text, row) {
  return text.split(/(\{\{[^{}]+\}\})/).filter(Boolean).map((part) => {
    const name = /^\{\{\s*(.+?)\s*\}\}$/.exec(part)?.[1];
    if (name === undefined) return { text: part, filled: false };
    return name in row ? { text: row[name], filled: true } : { text: part, filled: true, missing: true };
  });
}

/** @typedef {{ kind: 'text' | 'template' | 'json', text: string, name: string, language: string, parameters: string[], json: string }} Draft */

/** The message as the provider takes it; an Error says what is wrong. @param {Draft} draft */
export function messageOf(draft) {
  if (draft.kind === 'json') return JSON.parse(draft.json);
  if (draft.kind === 'text') return { type: 'text', content: { text: draft.text } };
  const parameters = draft.parameters.map((text) => ({ type: 'text', text }));
  return { type: 'template', content: { template: { name: draft.name.trim(), language: draft.language.trim(),
    ...(parameters.length && { components: [{ type: 'body', parameters }] }) } } };
}

/** Send a form of a campaign and its file; progress is told while it goes.
 * @param {string} path @param {any} campaign @param {File} file @param {(share: number) => void} tell @returns {Promise<any>} */
function upload(path, campaign, file, tell) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append('campaign', JSON.stringify(campaign));
    form.append('recipients', file);
    request.open('POST', path);
    request.upload.onprogress = (event) => tell(event.total ? event.loaded / event.total : 0);
    request.onload = () => {
      try { resolve(read(request.status, request.responseText)); } catch (error) { reject(error); }
    };
    request.onerror = () => reject(new ApiError(0, 'The upload was interrupted. Send it again: stored rows are skipped, and no recipient gets two.'));
    request.send(form);
  });
}

export function Launch() {
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const [head, setHead] = useState({ columns: /** @type {string[]} */ ([]), rows: /** @type {string[][]} */ ([]) });
  const [column, setColumn] = useState('');
  const [region, setRegion] = useState('');
  const [name, setName] = useState('');
  const [account, setAccount] = useState('');
  const [purpose, setPurpose] = useState('');
  const [pace, setPace] = useState({ at: '', rate: '', weight: '1', canary: '' });
  const [draft, setDraft] = useState(/** @type {Draft} */ ({ kind: 'template', text: '', name: '', language: 'en_GB', parameters: [], json: '' }));
  const [plan, setPlan] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState('');
  const [share, setShare] = useState(0);
  const [at, setAt] = useState(0);
  const limits = useAnswer('/v1/limits');
  const accounts = (limits.data?.items ?? []).map((/** @type {any} */ one) => one.sub_account);
  const chosen = account || accounts[0] || '';
  const change = (/** @type {Partial<Draft>} */ some) => { setDraft({ ...draft, ...some }); setPlan(null); };
  useEffect(() => setPlan(null), [file, column, region, name, account, purpose, pace]);

  const take = async (/** @type {File | undefined} */ one) => {
    if (!one) return;
    setError(null);
    const text = /\.(xlsx?|ods|zip|gz)$/i.test(one.name) ? '' : await one.slice(0, 65_536).text();
    const found = firstRows(text);
    setFile(one);
    setHead(found);
    setColumn(found.columns.find((c) => NUMBER_COLUMN.test(c)) ?? '');
    if (!name) setName(one.name.replace(/\.[^.]+$/, ''));
  };
  const form = () => ({
    name: name.trim(), message: messageOf(draft),
    ...(chosen && { sub_account: chosen }), ...(column && { map: { phone: column } }),
    ...(region && { default_region: region.toUpperCase() }), ...(purpose && { purpose }), ...paceOf(pace),
  });
  const send = async (/** @type {string} */ path, /** @type {string} */ word, /** @type {any} */ more) => {
    setBusy(word);
    setShare(0);
    setError(null);
    try {
      return await upload(path, { ...form(), ...more }, /** @type {File} */ (file), setShare);
    } catch (refused) {
      setError(refused instanceof ApiError ? refused : new ApiError(0, `The message is no JSON: ${/** @type {Error} */ (refused).message}`));
      return null;
    } finally {
      setBusy('');
    }
  };
  const check = async () => setPlan(await send('/v1/plans', 'check', {}));
  const launch = async () => {
    const done = await send('/v1/campaigns', 'launch', plan?.digest ? { plan: plan.digest } : {});
    if (!done) return;
    say(`${pace.at ? 'Scheduled' : 'Launched'}: ${several(done.recipients, 'person', 'people')}.`);
    go(to(['campaigns', done.id]));
  };
  const rowOf = (/** @type {number} */ n) => Object.fromEntries(head.columns.map((c, k) => [c, head.rows[n]?.[k] ?? '']));
  const written = draft.kind === 'text' ? draft.text.trim() : draft.kind === 'template' ? draft.name.trim() && draft.language.trim() : draft.json.trim();
  const ready = file && name.trim() && written;
  if (!may('send')) return html`<h1>New campaign</h1><${Empty} icon="plus" title="Not with this token"><p>To launch takes a token with the scope <code>send</code>.</p><//>`;
  return html`
    <a class="crumb" href=${to(['campaigns'])}><${Icon} name="back" size=${14} />Campaigns</a>
    <header class="head"><div><h1>New campaign</h1><p class="muted">One message to every row of a file. Nothing goes out before the last step.</p></div></header>
    <div class="launch"><div class="stack">
      <section class=${`card step${file ? ' done' : ''}`}><header><span class="step-n">${file ? html`<${Icon} name="check" size=${15} />` : 1}</span><h2>Who gets it</h2></header>
        <${Drop} file=${file} take=${take} />
        ${file && html`<div class="grid2">
          <label class="field">Column with the number <select value=${column} onChange=${(/** @type {any} */ e) => setColumn(e.target.value)}>
            <option value="">found by itself</option>${head.columns.map((c) => html`<option value=${c}>${c}</option>`)}</select></label>
          <label class="field">Country of numbers without + <input maxlength="2" placeholder="GB" value=${region} onInput=${(/** @type {any} */ e) => setRegion(e.target.value.replace(/[^a-z]/gi, ''))} /></label></div>
          ${head.columns.length > 0 && html`<div class="table-card"><table class="sample"><caption class="sr">First rows of the file</caption><thead><tr>${head.columns.map((c) => html`<th>${c}${c === column && html` <span class="pill tone-live">number</span>`}</th>`)}</tr></thead>
            <tbody>${head.rows.map((row) => html`<tr>${head.columns.map((_, k) => html`<td>${row[k] ?? ''}</td>`)}</tr>`)}</tbody></table></div>`}`}
      </section>
      <section class=${`card step${written ? ' done' : ''}`}><header><span class="step-n">${written ? html`<${Icon} name="check" size=${15} />` : 2}</span><h2>What they get</h2></header>
        <div class="tabs" role="radiogroup" aria-label="Kind of message">${[['template', 'Template'], ['text', 'Text'], ['json', 'JSON']].map(([kind, label]) => html`
          <button role="radio" aria-checked=${draft.kind === kind} onClick=${() => change({ kind: /** @type {any} */ (kind) })}>${label}</button>`)}</div>
        ${draft.kind === 'template' && html`<div class="grid2">
            <label class="field">Name of the template <input placeholder="spring_offer" value=${draft.name} onInput=${(/** @type {any} */ e) => change({ name: e.target.value })} /></label>
            <label class="field">Language <input placeholder="en_GB" value=${draft.language} onInput=${(/** @type {any} */ e) => change({ language: e.target.value })} /></label></div>
          ${draft.parameters.map((text, n) => html`<label class="field" key=${n}>Parameter ${n + 1} of the body
            <span class="with-button"><${Filled} columns=${head.columns} value=${text} set=${(/** @type {string} */ value) => change({ parameters: draft.parameters.map((one, k) => (k === n ? value : one)) })} />
              <button class="button icon-only ghost" aria-label=${`Remove parameter ${n + 1}`} onClick=${() => change({ parameters: draft.parameters.filter((_, k) => k !== n) })}><${Icon} name="close" size=${15} /></button></span></label>`)}
          <div><button class="button small" onClick=${() => change({ parameters: [...draft.parameters, ''] })}><${Icon} name="plus" size=${15} />Parameter</button></div>`}
        ${draft.kind === 'text' && html`<label class="field">Text <small class="muted">Without a template it reaches only people who have written within 24 hours.</small>
          <${Filled} columns=${head.columns} value=${draft.text} area=${true} set=${(/** @type {string} */ text) => change({ text })} /></label>`}
        ${draft.kind === 'json' && html`<label class="field">Message, as the provider takes it, without <code>user</code>
          <textarea rows="9" spellcheck="false" class="code" value=${draft.json} onInput=${(/** @type {any} */ e) => change({ json: e.target.value })}></textarea></label>`}
      </section>
      <section class=${`card step${name.trim() ? ' done' : ''}`}><header><span class="step-n">${name.trim() ? html`<${Icon} name="check" size=${15} />` : 3}</span><h2>How it is called, and sent</h2></header>
        <div class="grid2"><label class="field">Name <input maxlength="100" placeholder="Spring sale" value=${name} onInput=${(/** @type {any} */ e) => setName(e.target.value)} /></label>
          <label class="field">Sub-account <select value=${chosen} onChange=${(/** @type {any} */ e) => setAccount(e.target.value)}>${accounts.map((/** @type {string} */ one) => html`<option value=${one}>${one}</option>`)}</select></label>
          <label class="field">What it is for <select value=${purpose} onChange=${(/** @type {any} */ e) => setPurpose(e.target.value)}><option value="">as its template says, else marketing</option><option>marketing</option><option>utility</option></select></label></div>
        <${Pace} pace=${pace} set=${setPace} />
        <label class="field">First to a part only <input maxlength="20" placeholder="500 or 5%" value=${pace.canary} onInput=${(/** @type {any} */ e) => setPace({ ...pace, canary: e.target.value.trim() })} />
          <small class="muted">The others follow when these fared well.</small></label></section>
      ${error && html`<${Failed} error=${error} />`}
      ${busy && html`<div class="card pad"><label class="field">${busy === 'check' ? 'Reading the file; nothing is stored …' : 'Launching …'} <progress max="1" value=${share || undefined}></progress></label></div>`}
      ${plan && html`<${Plan} plan=${plan} />`}
      <section class="card launch-line">
        ${plan ? html`<p>“${name.trim()}” goes to <b>${several(plan.messages, 'person', 'people')}</b>${chosen && html` from ${chosen}`}, as ${plan.purpose}; done in about ${duration(plan.seconds)}${pace.at && html`, from <b>${moment(new Date(pace.at).toISOString())}</b> on`}.</p>
            <button class="button primary large" disabled=${Boolean(busy) || !plan.messages} onClick=${launch}>Launch to ${several(plan.messages, 'person', 'people')}</button>`
          : html`<p class="muted">${ready ? 'The file is read, checked and counted before anything is stored.' : 'A file, a message and a name are needed.'}</p>
            <button class="button primary large" disabled=${!ready || !chosen || Boolean(busy)} onClick=${check}>Check</button>`}
      </section>
    </div>
    <aside class="phone" aria-label="Preview">
      <header><span>Preview</span>${head.rows.length > 1 && html`<span class="chips"><button class="button icon-only ghost small" aria-label="Row before" disabled=${at === 0} onClick=${() => setAt(at - 1)}><${Icon} name="back" size=${15} /></button>
        <button class="button icon-only ghost small" aria-label="Next row" disabled=${at >= head.rows.length - 1} onClick=${() => setAt(at + 1)}><${Icon} name="next" size=${15} /></button></span>`}</header>
      <div class="chat">${plan?.previews?.[at] ? html`<${Bubble} parts=${{ header: plan.previews[at].header, text: [{ text: plan.previews[at].text, filled: false }], footer: plan.previews[at].footer, buttons: plan.previews[at].buttons }} />`
        : html`<${Bubble} parts=${previewOf(draft, rowOf(at))} />`}</div>
    </aside></div>`;
}

/** @param {Draft} draft @param {Record<string, string>} row */
function previewOf(draft, row) {
  if (draft.kind === 'text') return { text: fillIn(draft.text || 'Your text is shown here.', row) };
  if (draft.kind === 'template') {
    const lines = draft.parameters.flatMap((text, n) => [{ text: `${n ? '\n' : ''}${n + 1}: `, filled: false }, ...fillIn(text || '…', row)]);
    return { header: draft.name || 'Template', text: lines.length ? lines : [{ text: 'Its text is shown once it was checked.', filled: false }], footer: draft.language };
  }
  try {
    const message = JSON.parse(draft.json);
    return { text: fillIn(message.content?.text ?? message.content?.template?.name ?? JSON.stringify(message.content, null, 1), row) };
  } catch {
    return { text: [{ text: 'A message in JSON is shown here.', filled: false }] };
  }
}

/** A message as a phone shows it. @param {{ parts: { header?: string, text: { text: string, filled: boolean, missing?: boolean }[], footer?: string, buttons?: string[] } }} props */
export const Bubble = ({ parts }) => html`
  <div class="bubble">${parts.header && html`<h4>${parts.header}</h4>`}${parts.text.map((one) => (one.filled ? html`<mark class=${one.missing ? 'is-missing' : ''}>${one.text}</mark>` : one.text))}
    <span class="at">12:00</span>${parts.footer && html`<footer>${parts.footer}</footer>`}</div>
  ${(parts.buttons ?? []).map((one) => html`<div class="bubble-button">${one}</div>`)}`;

/** @param {{ file: File | null, take: (file?: File) => void }} props */
function Drop({ file, take }) {
  const [over, setOver] = useState(false);
  return html`<label class=${`drop${over ? ' over' : ''}`} onDragOver=${(/** @type {Event} */ e) => { e.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)}
      onDrop=${(/** @type {DragEvent} */ e) => { e.preventDefault(); setOver(false); take(e.dataTransfer?.files[0]); }}>
    <input type="file" accept=".csv,.txt,.tsv,.xlsx,.xls,.ods,.zip,.gz" aria-label="Recipient file" onChange=${(/** @type {any} */ e) => take(e.target.files[0])} />
    <${Icon} name="file" size=${26} />${file ? html`<b>${file.name}</b><span>${count(Math.ceil(file.size / 1024))} KiB. Choose another</span>` : html`<b>Choose a file, or drop it here</b><span>CSV or a workbook, with a header. Each row is one person.</span>`}</label>`;
}

/** A field that columns can be put into. @param {{ columns: string[], value: string, set: (value: string) => void, area?: boolean }} props */
function Filled({ columns, value, set, area = false }) {
  const field = useRef(/** @type {any} */ (null));
  const put = (/** @type {string} */ column) => {
    const from = field.current?.selectionStart ?? value.length;
    set(`${value.slice(0, from)}{{${column}}}${value.slice(field.current?.selectionEnd ?? from)}`);
    field.current?.focus();
  };
  const input = (/** @type {any} */ e) => set(e.target.value);
  return html`<span class="filled">${area ? html`<textarea rows="5" ref=${field} value=${value} onInput=${input}></textarea>` : html`<input ref=${field} value=${value} onInput=${input} />`}
    <span class="chips">${columns.map((c) => html`<button type="button" class="chip" onClick=${() => put(c)}>${c}</button>`)}</span></span>`;
}

/** What the launch would come to. @param {{ plan: any }} props */
const Plan = ({ plan }) => html`
  <section class="card step done"><header><span class="step-n"><${Icon} name="check" size=${15} /></span><h2>What it comes to</h2></header>
    ${plan.findings.map((/** @type {any} */ one) => html`<div class=${`notice ${one.severity === 'error' ? 'bad' : 'hold'}`}><${Icon} name="warn" /><div>${one.path && html`<code>${one.path}</code> `}${large(one.message)}</div></div>`)}
    ${plan.warnings.map((/** @type {string} */ one) => html`<div class="notice hold"><${Icon} name="warn" /><div>${large(one)}</div></div>`)}
    <table class="ledger"><tbody>
      <tr><td>Rows in the file</td><td class="num">${count(plan.rows)}</td></tr>
      ${plan.duplicates > 0 && html`<tr><td>− twice in the file</td><td class="num">${count(plan.duplicates)}</td></tr>`}
      ${plan.excluded > 0 && html`<tr><td>− left out</td><td class="num">${count(plan.excluded)}</td></tr>`}
      ${plan.invalid_rows.total > 0 && html`<tr><td>− rows that cannot be used<ul class="small muted">${plan.invalid_rows.by_reason.map((/** @type {any} */ one) => html`<li>${count(one.rows)}: ${one.reason} (line ${one.examples.map((/** @type {any} */ e) => e.line).join(', ')})</li>`)}</ul></td><td class="num">${count(plan.invalid_rows.total)}</td></tr>`}
      <tr class="group"><td>Recipients</td><td class="num">${count(plan.recipients)}</td></tr>
      ${plan.opted_out > 0 && html`<tr><td>− want no such messages</td><td class="num">${count(plan.opted_out)}</td></tr>`}
      ${plan.window_closed > 0 && html`<tr><td>− have not written for 24 hours, which this message needs</td><td class="num">${count(plan.window_closed)}</td></tr>`}
      <tr class="total"><td>Messages</td><td class="num">${count(plan.messages)}</td></tr></tbody></table>
    <dl class="facts"><dt>Ends about</dt><dd>${when(plan.ends_at)}, in ${duration(plan.seconds)} (${several(plan.requests, 'request')}${plan.seconds ? `, ${rate(plan.messages / plan.seconds)}` : ''})</dd>
      ${plan.cost && html`<dt>Cost</dt><dd>${plan.cost.amounts.map((/** @type {any} */ one) => `${one.amount.toLocaleString()} ${one.currency}`).join(', ')}${plan.cost.unpriced ? `, without ${count(plan.cost.unpriced)} that have no price` : ''}</dd>`}
      <dt>Countries</dt><dd>${plan.countries.slice(0, 8).map((/** @type {any} */ one) => `${one.country || 'user ids'} ${count(one.recipients)}`).join(', ')}</dd></dl>
  </section>`;
