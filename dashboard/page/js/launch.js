// A new campaign: a file, its columns, a message, a look at what it comes to, a test to oneself, and then the launch.
import { ApiError, ask, may, session } from './api.js';
import { useAnswer } from './data.js';
import { changesOf, keeps, made, setOnly, uploadForm, useDraft } from './draft.js';
import { count, duration, large, moment, percent, rate, several, when } from './format.js';
import { html, useEffect, useRef, useState } from './lib.js';
import { Bubble, fieldsOf, previewOf, templateOf } from './message.js';
import { Pace } from './pace.js';
import { go, route, to } from './router.js';
import { STATES } from './states.js';
import { Dialog, Empty, Failed, Icon, Loading, attempt, confirm, say } from './ui.js';

/** @typedef {import('./draft.js').Kept} Kept */
/** @typedef {import('./message.js').Written} Written */
/** @typedef {import('./message.js').Template} Template */

export function Launch() {
  const id = route.value.path[1] ?? '';
  const own = id === made.value;
  const answer = useAnswer(id && !own ? `/v1/campaigns/${encodeURIComponent(id)}` : null);
  const draft = answer.data?.draft;
  const fresh = useRef({ id, n: 0 });
  if (fresh.current.id && !id) fresh.current.n += 1; // another new one
  fresh.current.id = id;
  useEffect(() => { if (id !== made.value) made.value = ''; }, [id]);
  useEffect(() => () => { made.value = ''; }, []);
  useEffect(() => {
    if (answer.data && !draft) go(to(['campaigns', id]), { replace: true });
  }, [answer.data]);
  if (!may('send')) return html`<h1>New campaign</h1><${Empty} icon="plus" title="Not with this token"><p>To launch takes a token with the scope <code>send</code>.</p><//>`;
  if (answer.error) {
    return answer.error.status === 404
      ? html`<${Empty} title="There is no such draft"><p>It was launched, deleted, or not touched for 7 days. <a href=${to(['campaigns'], { show: 'drafts' })}>All drafts</a></p><//>`
      : html`<${Failed} error=${answer.error} again=${answer.again} />`;
  }
  if (id && !own && !draft) return html`<${Loading} rows=${5} />`;
  return html`<${Editor} key=${own || !id ? `new ${fresh.current.n}` : id} given=${own || !id ? null : draft} />`;
}

/** Step `n`, done or not. @param {{ n: number, done: any, title: string, children?: any }} props */
const Step = ({ n, done, title, children }) => html`
  <section class=${`card step${done ? ' done' : ''}`}><header><span class="step-n">${done ? html`<${Icon} name="check" size=${15} />` : n}</span><h2>${title}</h2></header>${children}</section>`;

/** @param {{ given: Kept | null }} props */
function Editor({ given }) {
  const { kept, form, setForm, file, head, state, error, setError, share, setShare, save, remove, put, reading, setReading } = useDraft(given);
  const { name, column, region, purpose, pace, written, exclude } = form;
  const [account, setAccount] = useState(given?.sub_account ?? '');
  const [plan, setPlan] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState('');
  const [anyway, setAnyway] = useState({ force: false, accept_invalid: false });
  const [at, setAt] = useState(0);
  const [left, setLeft] = useState(/** @type {number | null} */ (null)); // seconds until a launch, in which it can be undone
  const limits = useAnswer('/v1/limits');
  const accounts = (limits.data?.items ?? []).map((/** @type {any} */ one) => one.sub_account);
  const chosen = kept?.sub_account || account || accounts[0] || '';
  const listed = useAnswer(chosen && may('read') ? `/v1/templates?sub_account=${encodeURIComponent(chosen)}` : null);
  /** @type {Template[]} */
  const templates = (listed.data?.items ?? []).map(templateOf);
  const template = templates.find((one) => one.name === written.name && one.language === written.language);
  const columns = head.columns.filter(Boolean);
  const put_ = (/** @type {string} */ member) => (/** @type {any} */ value) => setForm({ ...form, [member]: value });
  const write = (/** @type {Partial<Written>} */ some) => setForm({ ...form, written: { ...written, ...some } });
  useEffect(() => { setPlan(null); setAnyway({ force: false, accept_invalid: false }); }, [JSON.stringify(form), file]);
  useEffect(() => setAt(0), [plan]);
  useEffect(() => { if (error) document.querySelector('.launch .notice.bad')?.scrollIntoView({ block: 'center' }); }, [error]);
  useEffect(() => setLeft(null), [plan, anyway]); // what was confirmed is another launch now
  useEffect(() => { document.title = `${name || 'New campaign'} · sendmany`; return () => { document.title = 'sendmany'; }; }, [name]);

  /** @param {string} word @param {() => Promise<any>} act */
  const during = async (word, act) => {
    setBusy(word);
    setError(null);
    try {
      return await act();
    } catch (refused) {
      setError(refused instanceof ApiError ? refused : new ApiError(0, `The message is no JSON: ${/** @type {Error} */ (refused).message}`));
      return null;
    } finally {
      setBusy('');
      setShare(null);
    }
  };
  const whole = () => ({ ...setOnly(changesOf(form, {})), ...(chosen && { sub_account: chosen }) });
  const check = () => during('check', async () => {
    if (written.kind === 'json') JSON.parse(written.json);
    if (kept) { await save(); setPlan(await ask(`/v1/campaigns/${kept.id}/plan`)); } else { setShare(0); setPlan(await uploadForm('/v1/plans', whole(), /** @type {File} */ (file), setShare)); }
  });
  const launch = () => during('launch', async () => {
    const body = { plan: plan.digest, ...anyway };
    const done = kept ? await ask(`/v1/campaigns/${kept.id}/launch`, { method: 'POST', body })
      : await uploadForm('/v1/campaigns', { ...whole(), ...body }, /** @type {File} */ (file), setShare);
    say(`${pace.at ? 'Scheduled' : 'Launched'}: ${several(done.recipients, 'person', 'people')}.`);
    go(to(['campaigns', done.id]));
  });
  useEffect(() => {
    if (left === null) return undefined;
    const timer = setTimeout(() => { setLeft(left > 1 ? left - 1 : null); if (left <= 1) launch(); }, Math.min(left, 1) * 1000);
    return () => clearTimeout(timer);
  }, [left]);
  const pending = left !== null;
  useEffect(() => {
    if (!pending) return undefined;
    const stay = (/** @type {Event} */ event) => event.preventDefault();
    const leave = () => say(`Not launched${kept ? ': it is a draft' : ''}.`);
    addEventListener('beforeunload', stay);
    addEventListener('hashchange', leave, { once: true });
    return () => { removeEventListener('beforeunload', stay); removeEventListener('hashchange', leave); };
  }, [pending]);
  const toRemove = () => { setLeft(null); confirm({
    title: `Delete ${kept?.name}?`, yes: 'Delete the draft', danger: true, body: html`<p>The draft and its recipients are gone then. Nothing of it was sent.</p>`,
    act: async () => { await remove(); say('Deleted.'); go(to(['campaigns'], { show: 'drafts' })); },
  }); };
  const fits = written.kind === 'text' ? written.text.trim() : written.kind === 'template' ? written.name.trim() && written.language.trim() && Object.values(written.values).every(Boolean) : written.json.trim();
  const people = kept || file;
  const missing = [[people, 'a file'], [fits, written.kind === 'template' && written.name ? 'every value of the template' : 'a message'], [name.trim(), 'a name'], [chosen, 'a sub-account']].filter(([is]) => !is).map(([, word]) => word);
  const ready = missing.length === 0;
  const rowOf = (/** @type {number} */ n) => Object.fromEntries(head.columns.map((c, k) => [c, head.rows[n]?.[k] ?? '']));
  const shown = plan?.previews?.length ? plan.previews : head.rows;
  const wrong = plan?.findings.some((/** @type {any} */ one) => one.severity === 'error');
  const tooMany = plan?.invalid_rows.too_many;
  const asksHow = error && /\b(sheet|encoding)\b/i.test(error.message);
  return html`
    <a class="crumb" href=${to(['campaigns'], { show: kept ? 'drafts' : '' })}><${Icon} name="back" size=${14} />${kept ? 'Drafts' : 'Campaigns'}</a>
    <header class="head"><div><h1>${kept ? name || kept.name : 'New campaign'}</h1><p class="muted">${kept ? html`<${Saved} state=${state} until=${kept.kept_until} />` : 'One message to every row of a file. Nothing goes out before the last step.'}</p></div></header>
    ${kept && html`<div class="bar"><span></span><div class="acts chips"><${Clone} id=${kept.id} name=${name} before=${save} />
      ${may('manage') && html`<button class="button" onClick=${toRemove}><${Icon} name="close" />Delete …</button>`}</div></div>`}
    ${!keeps() && html`<div class="notice hold"><${Icon} name="warn" /><div>Drafts take a token with the scope <code>manage</code>, too: what is done here is lost with this tab.</div></div>`}
    <div class="launch"><div class="stack">
      <${Step} n=${1} done=${people && !share} title="Who gets it">
        ${accounts.length > 1 && html`<label class="field">Sub-account <select value=${chosen} disabled=${Boolean(kept)} onChange=${(/** @type {any} */ e) => setAccount(e.target.value)}>${accounts.map((/** @type {string} */ one) => html`<option value=${one}>${one}</option>`)}</select>
          ${kept && html`<small class="muted">A draft stays with its sub-account.</small>`}</label>`}
        <${Drop} file=${file} kept=${kept} take=${(/** @type {File | undefined} */ one) => put(one, chosen)} />
        ${share !== null && html`<label class="field">${share < 1 ? 'The file is sent …' : 'The file is read …'} <progress max="1" value=${share < 1 ? share : undefined}></progress></label>`}
        ${(asksHow || reading.sheet || reading.encoding) && html`<div class="grid2">
          <label class="field">Sheet of the workbook <input maxlength="1000" value=${reading.sheet} onInput=${(/** @type {any} */ e) => setReading({ ...reading, sheet: e.target.value })} /></label>
          <label class="field">Encoding of the text <input maxlength="100" placeholder="windows-1252" value=${reading.encoding} onInput=${(/** @type {any} */ e) => setReading({ ...reading, encoding: e.target.value })} /></label></div>
          <p class="muted small">Then choose the file again.</p>`}
        ${people && html`<div class="grid2">
          <label class="field">Column with the number <select value=${column} onChange=${(/** @type {any} */ e) => put_('column')(e.target.value)}>
            <option value="">${head.number && !column ? `${head.number} (found by itself)` : 'found by itself'}</option>${columns.map((c) => html`<option value=${c}>${c}</option>`)}</select></label>
          <label class="field">Country of numbers without + <input maxlength="2" placeholder="such as GB" value=${region} onInput=${(/** @type {any} */ e) => put_('region')(e.target.value.replace(/[^a-z]/gi, '').toUpperCase())} /></label></div>
          ${head.rows.length > 0 ? html`<${Sample} head=${head} number=${column || head.number} />` : columns.length > 0 && html`<p class="chips">${columns.map((c) => html`<span class="chip">${c}</span>`)}</p>`}
          <${Exclusions} exclude=${exclude} set=${put_('exclude')} account=${chosen} own=${kept?.id ?? ''} />`}
      <//>
      <${Step} n=${2} done=${fits} title="What they get">
        <div class="tabs" role="radiogroup" aria-label="Kind of message">${[['template', 'Template'], ['text', 'Text'], ['json', 'JSON']].map(([kind, label]) => html`
          <button role="radio" aria-checked=${written.kind === kind} onClick=${() => write({ kind: /** @type {any} */ (kind) })}>${label}</button>`)}</div>
        ${written.kind === 'template' && html`<${OfTemplate} written=${written} write=${write} columns=${columns} templates=${templates} template=${template} listed=${listed} />`}
        ${written.kind === 'text' && html`<label class="field">Text <small class="muted">Without a template it reaches only people who have written within 24 hours.</small>
          <${Filled} columns=${columns} value=${written.text} area=${true} set=${(/** @type {string} */ text) => write({ text })} /></label>`}
        ${written.kind === 'json' && html`<label class="field">Message, as the provider takes it, without <code>user</code>
          <textarea rows="9" spellcheck="false" class="code" value=${written.json} onInput=${(/** @type {any} */ e) => write({ json: e.target.value })}></textarea></label>`}
      <//>
      <${Step} n=${3} done=${name.trim()} title="How it is called, and sent">
        <div class="grid2"><label class="field">Name <input maxlength="100" placeholder="Spring sale" value=${name} onInput=${(/** @type {any} */ e) => put_('name')(e.target.value)} /></label>
          <label class="field">What it is for <select value=${purpose} onChange=${(/** @type {any} */ e) => put_('purpose')(e.target.value)}><option value="">as its template says, else marketing</option><option>marketing</option><option>utility</option><option>authentication</option></select></label></div>
        <${Pace} pace=${pace} set=${put_('pace')} />
        <label class="field">First to a part only <input maxlength="20" placeholder="500 or 5%" value=${pace.canary} onInput=${(/** @type {any} */ e) => put_('pace')({ ...pace, canary: e.target.value.trim() })} />
          <small class="muted">The others follow when these fared well.</small></label><//>
      ${error && html`<${Failed} error=${error} />`}
      ${!error && kept?.problem && ready && html`<div class="notice hold"><${Icon} name="warn" /><div>It cannot be launched yet: ${kept.problem}.</div></div>`}
      ${busy && html`<div class="card pad"><label class="field">${busy === 'check' ? 'Rows are read; nothing is sent …' : 'Launching …'} <progress max="1" value=${share || undefined}></progress></label></div>`}
      ${plan && html`<${Plan} plan=${plan} region=${region} kept=${kept} />`}
      ${plan && kept && html`<${Try} id=${kept.id} line=${plan.previews[at]?.line ?? null} />`}
      <section class="card launch-line">
        ${plan ? html`<div class="stack-s"><p>“${name.trim()}” goes to <b>${several(plan.messages, 'person', 'people')}</b>${chosen && html` from ${chosen}`}, as ${plan.purpose}; done in about ${duration(plan.seconds)}${pace.at && html`, from <b>${moment(new Date(pace.at).toISOString())}</b> on`}.</p>
            ${wrong && html`<label class="tick"><input type="checkbox" checked=${anyway.force} onChange=${(/** @type {any} */ e) => setAnyway({ ...anyway, force: e.target.checked })} />Launch it although the provider would refuse messages</label>`}
            ${tooMany && html`<label class="tick"><input type="checkbox" checked=${anyway.accept_invalid} onChange=${(/** @type {any} */ e) => setAnyway({ ...anyway, accept_invalid: e.target.checked })} />It is fine that ${several(plan.invalid_rows.total, 'row')} cannot be used</label>`}</div>
            ${left === null ? html`<button class="button primary large" disabled=${Boolean(busy) || !plan.messages || (wrong && !anyway.force) || (tooMany && !anyway.accept_invalid)} onClick=${() => (session.value?.launch_delay ? setLeft(session.value.launch_delay) : launch())}>Launch to ${several(plan.messages, 'person', 'people')}</button>`
              : html`<span role="timer">It is launched in <b>${Math.ceil(left)} s</b></span><span class="chips"><button class="button" onClick=${() => { setLeft(null); launch(); }}>Now</button>
                <button class="button primary large" onClick=${() => { setLeft(null); say('Undone: nothing was launched.'); }}>Undo</button></span>`}`
          : html`<p class="muted">${ready ? 'The rows are read, checked and counted before anything is sent.' : `Still needed: ${missing.join(', ')}.`}</p>
            <button class="button primary large" disabled=${!ready || Boolean(busy)} onClick=${check}>Check</button>`}
      </section>
    </div>
    <aside class="phone" aria-label="Preview">
      <header><span>Preview${plan?.previews[at] && html` <small class="muted">line ${plan.previews[at].line}</small>`}</span>${shown.length > 1 && html`<span class="chips"><button class="button icon-only ghost small" aria-label="Row before" disabled=${at === 0} onClick=${() => setAt(at - 1)}><${Icon} name="back" size=${15} /></button>
        <button class="button icon-only ghost small" aria-label="Next row" disabled=${at >= shown.length - 1} onClick=${() => setAt(at + 1)}><${Icon} name="next" size=${15} /></button></span>`}</header>
      <div class="chat">${!template && plan?.previews?.[at] ? html`<${Bubble} parts=${{ header: [{ text: plan.previews[at].header, filled: false }], text: [{ text: plan.previews[at].text, filled: false }], footer: plan.previews[at].footer, buttons: plan.previews[at].buttons }} />`
        : html`<${Bubble} parts=${previewOf(written, rowOf(at), template)} />`}</div>
    </aside></div>`;
}

/** @param {{ state: string, until: string }} props */
const Saved = ({ state, until }) => html`<span class="pill tone-calm"><i aria-hidden="true"></i>Draft</span><span role="status">${state === 'saving' ? 'Being saved …' : state === 'not' ? 'The last change is not saved.'
  : html`Saved: this tab can be closed. Kept until ${when(until)}, unless it is changed.`}</span>`;

/** The first rows, as the file is read. @param {{ head: { columns: string[], rows: string[][] }, number: string }} props */
const Sample = ({ head, number }) => html`
  <div class="table-card"><table class="sample"><caption class="sr">First rows of the file</caption><thead><tr>${head.columns.map((c) => html`<th>${c || '–'}${c === number && html` <span class="pill tone-live">number</span>`}</th>`)}</tr></thead>
    <tbody>${head.rows.slice(0, 3).map((row) => html`<tr>${head.columns.map((_, k) => html`<td>${(row[k] ?? '').slice(0, 80)}</td>`)}</tr>`)}</tbody></table></div>`;

/** A registered template and where its values come from.
 * @param {{ written: Written, write: (some: Partial<Written>) => void, columns: string[], templates: Template[], template: Template | undefined, listed: any }} props */
function OfTemplate({ written, write, columns, templates, template, listed }) {
  const key = (/** @type {Template} */ one) => `${one.name} ${one.language}`;
  const pick = (/** @type {string} */ chosen) => {
    const one = templates.find((some) => key(some) === chosen);
    if (!one) return;
    const fields = fieldsOf(one);
    const values = Object.fromEntries((fields ?? []).map(({ place }) => [place, written.values[place] ?? '']));
    const name = { name: one.name, language: one.language };
    if (fields) write({ ...name, values });
    else write({ kind: 'json', json: JSON.stringify({ type: 'template', content: { template: { ...name, components: [] } } }, null, 2) });
  };
  const set = (/** @type {string} */ place, /** @type {string} */ value) => write({ values: { ...written.values, [place]: value } });
  const fields = template && fieldsOf(template);
  const approved = templates.filter((one) => one.status === 'APPROVED');
  const free = Object.keys(written.values);
  return html`
    ${listed.error && html`<div class="notice hold"><${Icon} name="warn" /><div>The templates cannot be listed: ${listed.error.message} Name one.</div></div>`}
    ${approved.length > 0 && html`<label class="field">Template <select value=${template ? key(template) : ''} onChange=${(/** @type {any} */ e) => pick(e.target.value)}>
      ${!template && html`<option value="">${written.name ? `${written.name} (${written.language}), which is not registered` : 'Choose one'}</option>`}
      ${templates.map((one) => html`<option value=${key(one)} disabled=${one.status !== 'APPROVED'}>${one.name} · ${one.language} · ${one.category.toLowerCase()}${one.status !== 'APPROVED' ? ` · ${one.status.toLowerCase()}` : ''}</option>`)}</select></label>`}
    ${template && template.status !== 'APPROVED' && html`<div class="notice bad"><${Icon} name="warn" /><div>It is ${template.status.toLowerCase()}: the provider refuses messages with it.</div></div>`}
    ${fields?.map((one) => html`<label class="field" key=${one.place}>${one.label}${one.sample && html` <small class="muted">such as ${one.sample}</small>`}
      <${Filled} columns=${columns} value=${written.values[one.place] ?? ''} set=${(/** @type {string} */ value) => set(one.place, value)} /></label>`)}
    ${fields?.length === 0 && html`<p class="muted">It needs no values.</p>`}
    ${!template && !approved.length && html`<div class="grid2">
        <label class="field">Name of the template <input placeholder="spring_offer" value=${written.name} onInput=${(/** @type {any} */ e) => write({ name: e.target.value })} /></label>
        <label class="field">Language <input placeholder="en_GB" value=${written.language} onInput=${(/** @type {any} */ e) => write({ language: e.target.value })} /></label></div>
      ${listed.data && !listed.data.configured && html`<p class="muted small">With <code>account_id</code> and <code>channel_id</code> of the sub-account in the settings, registered templates can be chosen here.</p>`}
      ${free.map((place, n) => html`<label class="field" key=${place}>${place.startsWith('body.') ? `Parameter ${n + 1} of the body` : place}
        <span class="with-button"><${Filled} columns=${columns} value=${written.values[place]} set=${(/** @type {string} */ value) => set(place, value)} />
          ${n === free.length - 1 && html`<button class="button icon-only ghost" aria-label=${`Remove parameter ${n + 1}`} onClick=${() => write({ values: Object.fromEntries(Object.entries(written.values).slice(0, -1)) })}><${Icon} name="close" size=${15} /></button>`}</span></label>`)}
      <div><button class="button small" onClick=${() => set(`body.${free.filter((one) => one.startsWith('body.')).length}`, '')}><${Icon} name="plus" size=${15} />Parameter</button></div>`}`;
}

/** People of other campaigns who are left out. @param {{ exclude: string[], set: (some: string[]) => void, account: string, own: string }} props */
function Exclusions({ exclude, set, account, own }) {
  const [open, setOpen] = useState(false);
  const found = useAnswer(open ? '/v1/campaigns?limit=100' : null);
  const words = (/** @type {string} */ one) => (one.endsWith(':all') ? `all of ${one.slice(9, -4)}` : `who got ${one.slice(9)}`);
  /** @type {any[]} */
  const others = (found.data?.items ?? []).filter((/** @type {any} */ one) => one.sub_account === account && one.status !== 'draft' && one.id !== own);
  return html`<div class="field"><span>Left out</span>
    <span class="chips">${exclude.map((one) => html`<button class="chip" aria-label=${`Do not leave out ${words(one)}`} onClick=${() => set(exclude.filter((some) => some !== one))}>${words(one)}<${Icon} name="close" size=${13} /></button>`)}
      <button class="chip" onClick=${() => setOpen(true)}><${Icon} name="plus" size=${13} />People of another campaign</button></span>
    ${open && html`<${Dialog} title="Leave people out" close=${() => setOpen(false)}><div class="dialog-body">
      ${found.error && html`<${Failed} error=${found.error} />`}${!found.data && !found.error && html`<${Loading} rows=${2} />`}
      ${found.data && others.length === 0 && html`<p class="muted">This sub-account has no other campaign.</p>`}
      <ul class="pick">${others.map((one) => html`<li key=${one.id}><b>${one.name}</b><span class="chips">
        ${[['', 'Who got it'], [':all', 'All of it']].map(([end, label]) => html`<button class="button small" disabled=${exclude.includes(`campaign:${one.name}${end}`)} onClick=${() => { set([...exclude, `campaign:${one.name}${end}`]); setOpen(false); }}>${label}</button>`)}</span></li>`)}</ul>
      <p class="muted small">“Who got it” are also those who may have, or still wait for it. They are fixed at the launch.</p></div><//>`}</div>`;
}

/** The same as a new draft; or, of a campaign, for whom it missed.
 * @param {{ id: string, name: string, before?: () => Promise<any>, missed?: boolean }} props */
export function Clone({ id, name, before, missed = false }) {
  const [as, setAs] = useState(/** @type {string | null} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      await before?.();
      const draft = await ask(`/v1/campaigns/${id}/clone`, { method: 'POST', body: { as, missed } });
      setAs(null);
      say(`“${draft.name}” is a draft.`);
      go(to(['new', draft.id]));
    } catch (refused) {
      setError(refused);
    }
  };
  return html`<button class=${`button${missed ? ' small' : ''}`} onClick=${() => { setError(null); setAs(`${name.slice(0, 90)} ${missed ? 'mended' : 'copy'}`); }}><${Icon} name="copy" size=${missed ? 15 : 18} />${missed ? 'Mend the message …' : 'Clone …'}</button>
    ${as !== null && html`<${Dialog} title=${missed ? `Mend ${name}` : `Clone ${name}`} close=${() => setAs(null)}><form class="dialog-body" onSubmit=${submit}>
      <p>The same message, recipients and options, as a draft${missed ? '; whom it and its retries reached, or may have, are left out' : ''}. Nothing is sent.</p>
      <label class="field">Its name <input required maxlength="100" value=${as} onInput=${(/** @type {any} */ e) => setAs(e.target.value)} /></label>
      ${error && html`<${Failed} error=${error} />`}
      <footer><button type="button" class="button" onClick=${() => setAs(null)}>Leave it</button><button class="button primary" disabled=${!as.trim()}>${missed ? 'Make the draft' : 'Clone'}</button></footer></form><//>`}`;
}

/** The message to oneself, and its state. @param {{ id: string, line: number | null }} props */
function Try({ id, line }) {
  const [to_, setTo] = useState('');
  const [sent, setSent] = useState(/** @type {{ id: string, to: string, state: string, why: string }[]} */ ([]));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const waits = sent.filter((one) => ['', 'queued', 'in_flight', 'delayed', 'accepted', 'forwarded'].includes(one.state)).map((one) => one.id).join();
  useEffect(() => {
    if (!waits || !may('read')) return undefined;
    let left = 30;
    const timer = setInterval(async () => {
      if ((left -= 1) < 0) return clearInterval(timer);
      const found = await Promise.all(sent.map(async (one) => {
        const is = await ask(`/v1/messages/${one.id}`, { refresh: true }).catch(() => null);
        return is ? { ...one, state: is.state, why: is.meaning || (is.state === 'skipped' ? (is.why ?? [])[0] ?? '' : '') } : one;
      }));
      return setSent(found);
    }, 2000);
    return () => clearInterval(timer);
  }, [waits]);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const done = await ask(`/v1/campaigns/${id}/test`, { method: 'POST', body: { to: to_.split(/[,;\s]+(?=[+A-Za-z])|[,;]+/).map((one) => one.trim()).filter(Boolean), ...(line && { row: line }) } });
      setSent(done.map((/** @type {any} */ one) => ({ ...one, state: '', why: '' })));
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  return html`<form class="card step" onSubmit=${submit}><header><span class="step-n"><${Icon} name="sending" size=${15} /></span><h2>To yourself first</h2></header>
    <label class="field">Your number, or up to five <span class="with-button"><input inputmode="tel" autocomplete="off" placeholder="+44 7700 900123" value=${to_} onInput=${(/** @type {any} */ e) => setTo(e.target.value)} />
      <button class="button" disabled=${!to_.trim() || busy}>Send a test</button></span>
      <small class="muted">It goes out at once, with the values of ${line ? `line ${line}` : 'the first row'}; it is no part of the campaign.</small></label>
    ${error && html`<${Failed} error=${error} />`}
    ${sent.length > 0 && html`<div role="status"><ul class="pick">${sent.map((one) => html`<li key=${one.id}><span class="mono">${one.to}</span><span>${one.state ? STATES[one.state]?.[0] ?? one.state : 'Handed in'}${one.why && html` <span class="muted">${one.why}</span>`}</span></li>`)}</ul></div>`}</form>`;
}

/** @param {{ file: File | null, kept: Kept | null, take: (file?: File) => void }} props */
function Drop({ file, kept, take }) {
  const [over, setOver] = useState(false);
  const there = file || kept;
  return html`<label class=${`drop${over ? ' over' : ''}${there ? ' small' : ''}`} onDragOver=${(/** @type {Event} */ e) => { e.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)}
      onDrop=${(/** @type {DragEvent} */ e) => { e.preventDefault(); setOver(false); take(e.dataTransfer?.files[0]); }}>
    <input type="file" accept=".csv,.txt,.tsv,.xlsx,.xls,.ods,.zip,.gz" aria-label="Recipient file" onChange=${(/** @type {any} */ e) => { take(e.target.files[0]); e.target.value = ''; }} />
    <${Icon} name="file" size=${26} />${file ? html`<b>${file.name}</b><span>${count(Math.ceil(file.size / 1024))} KiB. Choose another</span>`
      : kept ? html`<b>The recipients are kept</b><span>Choose another file to replace them</span>` : html`<b>Choose a file, or drop it here</b><span>CSV or a workbook, with a header. Each row is one person.</span>`}</label>`;
}

/** A field that columns can be put into. @param {{ columns: string[], value: string, set: (value: string) => void, area?: boolean }} props */
export function Filled({ columns, value, set, area = false }) {
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

/** What the launch would come to. @param {{ plan: any, region: string, kept: Kept | null }} props */
const Plan = ({ plan, region, kept }) => html`
  <section class="card step done"><header><span class="step-n"><${Icon} name="check" size=${15} /></span><h2>What it comes to</h2></header>
    ${plan.findings.map((/** @type {any} */ one) => html`<div class=${`notice ${one.severity === 'error' ? 'bad' : 'hold'}`}><${Icon} name="warn" /><div>${one.path && html`<code>${one.path}</code> `}${large(one.message)}</div></div>`)}
    ${plan.warnings.map((/** @type {string} */ one) => html`<div class="notice hold"><${Icon} name="warn" /><div>${large(one)}</div></div>`)}
    ${plan.invalid_rows.too_many && html`<div class="notice bad"><${Icon} name="warn" /><div>${percent(plan.invalid_rows.total, plan.rows)} of the rows cannot be used; without a question at most ${percent(plan.invalid_rows.max_share, 1)}. Mend the file and choose it again, or tick below that this is fine.</div></div>`}
    ${!region && plan.invalid_rows.by_reason.some((/** @type {any} */ one) => one.reason.includes('no country code')) && html`<div class="notice hold"><${Icon} name="warn" /><div>Numbers have no country code: say above which country those without + are of, then check again.</div></div>`}
    ${plan.read_as && html`<p class="muted">${plan.read_as}</p>`}
    <table class="ledger"><tbody>
      <tr><td>Rows in the file</td><td class="num">${count(plan.rows)}</td></tr>
      ${plan.duplicates > 0 && html`<tr><td>− twice in the file</td><td class="num">${count(plan.duplicates)}</td></tr>`}
      ${plan.excluded > 0 && html`<tr><td>− left out</td><td class="num">${count(plan.excluded)}</td></tr>`}
      ${plan.invalid_rows.total > 0 && html`<tr><td>− rows that cannot be used<ul class="small muted">${plan.invalid_rows.by_reason.map((/** @type {any} */ one) => html`<li>${count(one.rows)}: ${one.reason} (line ${one.examples.map((/** @type {any} */ e) => e.line).join(', ')})</li>`)}</ul>
        ${kept && may('people') && html`<a class="button small" href=${`/v1/campaigns/${kept.id}/invalid-rows`} download=${`${kept.name}.invalid.csv`}><${Icon} name="download" size=${15} />Download them all</a>`}</td><td class="num">${count(plan.invalid_rows.total)}</td></tr>`}
      <tr class="group"><td>Recipients</td><td class="num">${count(plan.recipients)}</td></tr>
      ${plan.opted_out > 0 && html`<tr><td>− want no such messages</td><td class="num">${count(plan.opted_out)}</td></tr>`}
      ${plan.window_closed > 0 && html`<tr><td>− have not written for 24 hours, which this message needs</td><td class="num">${count(plan.window_closed)}</td></tr>`}
      ${plan.unreachable > 0 && html`<tr><td>− could not be reached lately</td><td class="num">${count(plan.unreachable)}</td></tr>`}
      ${plan.over_cap > 0 && html`<tr><td>− have had enough marketing for now</td><td class="num">${count(plan.over_cap)}</td></tr>`}
      <tr class="total"><td>Messages${plan.canary > 0 && html` <span class="muted">, ${count(plan.canary)} of them first</span>`}</td><td class="num">${count(plan.messages)}</td></tr></tbody></table>
    <dl class="facts"><dt>Ends about</dt><dd>${when(plan.ends_at)}, in ${duration(plan.seconds)} (${several(plan.requests, 'request')}${plan.seconds ? `, ${rate(plan.messages / plan.seconds)}` : ''})</dd>
      ${plan.cost && html`<dt>Cost</dt><dd>${plan.cost.amounts.map((/** @type {any} */ one) => `${one.amount.toLocaleString()} ${one.currency}`).join(', ')}${plan.cost.unpriced ? `, without ${count(plan.cost.unpriced)} that have no price` : ''}</dd>`}
      <dt>Countries</dt><dd>${plan.countries.slice(0, 8).map((/** @type {any} */ one) => `${one.country || 'user ids'} ${count(one.recipients)}`).join(', ')}</dd></dl>
  </section>`;
