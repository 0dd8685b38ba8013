// Templates of a sub-account's number: how the provider judges each, what it looks like, new ones, and deleting.
import { ask, may } from './api.js';
import { useAnswer } from './data.js';
import { moment, when } from './format.js';
import { html, useEffect, useRef, useState } from './lib.js';
import { Bubble, partsOf, places, templateOf } from './message.js';
import { go, route, to } from './router.js';
import { Dialog, Empty, Failed, Icon, Loading, confirm, say } from './ui.js';

/** @typedef {import('./message.js').Template} Template */

const TONES = /** @type {Record<string, string>} */ ({ APPROVED: 'good', PENDING: 'live', PAUSED: 'hold', GREEN: 'good', YELLOW: 'hold', RED: 'bad' });
const QUALITY = /** @type {Record<string, string>} */ ({ GREEN: 'High', YELLOW: 'Medium', RED: 'Low' });
/** @param {string} word */
const small = (word) => word.charAt(0) + word.slice(1).toLowerCase().replaceAll('_', ' ');

/** @param {{ word: string, name?: string }} props */
const Pill = ({ word, name = small(word) }) => html`<span class=${`pill tone-${TONES[word] ?? 'bad'}`}><i aria-hidden="true"></i>${name}</span>`;

export function Templates() {
  const limits = useAnswer('/v1/limits');
  /** @type {string[]} */
  const accounts = (limits.data?.items ?? []).map((/** @type {any} */ one) => one.sub_account);
  const account = route.value.query.get('of') || accounts[0] || '';
  const [shown, setShown] = useState(/** @type {Template | null} */ (null));
  const [adding, setAdding] = useState(false);
  const [word, setWord] = useState('');
  const [waits, setWaits] = useState(false);
  const answer = useAnswer(account ? `/v1/templates?sub_account=${encodeURIComponent(account)}` : null, { every: waits ? 20 : 0 });
  const breakers = useAnswer('/v1/breakers');
  /** @type {Template[]} */
  const all = (answer.data?.items ?? []).map(templateOf);
  const items = all.filter((one) => one.name.toLowerCase().includes(word.trim().toLowerCase()));
  const held = (/** @type {Template} */ one) => (breakers.data?.items ?? []).find((/** @type {any} */ b) => b.sub_account === account && b.scope === `template:${one.name}:${one.language}`);
  useEffect(() => setWaits(all.some((one) => one.status === 'PENDING')), [answer.data]);
  return html`
    <header class="head"><div><h1>Templates</h1><p class="muted">What may be sent to people who have not written within 24 hours.</p></div></header>
    <div class="bar">
      <span class="chips">${accounts.length > 1 && html`<label class="search"><span class="sr">Sub-account</span><select value=${account} onChange=${(/** @type {any} */ e) => go(to(['templates'], { of: e.target.value }))}>${accounts.map((one) => html`<option value=${one}>${one}</option>`)}</select></label>`}
        <label class="search"><span class="sr">Search by name</span><${Icon} name="search" size=${16} /><input type="search" placeholder="Search by name" value=${word} onInput=${(/** @type {any} */ e) => setWord(e.target.value)} /></label></span>
      ${may('manage') && answer.data?.configured && html`<button class="button primary" onClick=${() => setAdding(true)}><${Icon} name="plus" />New template</button>`}
    </div>
    ${limits.error && html`<${Failed} error=${limits.error} again=${limits.again} />`}
    ${answer.error && html`<${Failed} error=${answer.error} again=${answer.again} />`}
    ${!answer.data && !answer.error && (account || !limits.data) && html`<${Loading} rows=${5} />`}
    ${answer.data && !answer.data.configured && html`<${Empty} icon="templates" title="The number is not in the settings"><p>Templates belong to a number. Put its <code>account_id</code> and <code>channel_id</code> into <code>[sub_accounts.${account}]</code>; the provider's portal shows them.</p><//>`}
    ${answer.data?.configured && items.length === 0 && html`<${Empty} icon="templates" title=${all.length ? 'Nothing fits' : 'No template yet'}><p>${all.length ? `No template has “${word}” in its name.` : 'The provider reviews each one, within minutes or a day.'}</p><//>`}
    ${items.length > 0 && html`<div class="card table-card"><table class="rows templates"><caption class="sr">Templates</caption>
      <thead><tr><th>Name</th><th>State</th><th>Quality</th><th>Category</th><th class="num">Changed</th></tr></thead>
      <tbody>${items.map((one) => html`<tr key=${`${one.name} ${one.language}`}>
        <td class="name"><button class="link" onClick=${() => setShown(one)}>${one.name}</button> <span class="muted">${one.language}</span></td>
        <td>${held(one) ? html`<${Pill} word="RED" name="Held up" />` : html`<${Pill} word=${one.status} />`}</td>
        <td class=${one.quality in QUALITY ? '' : 'none'}>${one.quality in QUALITY ? html`<${Pill} word=${one.quality} name=${QUALITY[one.quality]} />` : html`<span class="muted">–</span>`}</td>
        <td class="muted">${small(one.category)}</td><td class="num muted" title=${moment(one.updated)}>${when(one.updated)}</td></tr>`)}</tbody></table></div>`}
    ${shown && html`<${Show} one=${shown} held=${held(shown)} account=${account} languages=${all.filter((one) => one.name === shown.name).length} close=${() => setShown(null)} again=${answer.again} />`}
    ${adding && html`<${Add} account=${account} close=${() => { setAdding(false); answer.again(); }} />`}`;
}

/** @param {{ one: Template, held: any, account: string, languages: number, close: () => void, again: () => void }} props */
function Show({ one, held, account, languages, close, again }) {
  const remove = () => { close(); confirm({
    title: `Delete ${one.name}?`, danger: true, yes: languages > 1 ? `Delete it in ${languages} languages` : 'Delete it',
    body: html`<p>Campaigns with <b>${one.name}</b> are refused from then on${languages > 1 ? `, in all of its ${languages} languages` : ''}. Its name cannot be used again for about 30 days. This cannot be taken back.</p>`,
    act: async () => {
      await ask(`/v1/templates/${encodeURIComponent(one.name)}?sub_account=${encodeURIComponent(account)}`, { method: 'DELETE' });
      say(`${one.name} is deleted.`);
      again();
    },
  }); };
  return html`<${Dialog} title=${one.name} close=${close} side=${true}>
    <div class="chat inset"><${Bubble} parts=${partsOf(one, {}, null)} /></div>
    <p class="muted small">With the samples that were given for the review.</p>
    <dl class="facts"><dt>State</dt><dd><${Pill} word=${one.status} /></dd>
      <dt>Quality</dt><dd>${one.quality in QUALITY ? html`<${Pill} word=${one.quality} name=${QUALITY[one.quality]} />` : 'not known yet'}</dd>
      <dt>Language</dt><dd>${one.language}</dd><dt>Category</dt><dd>${small(one.category)}</dd><dt>Changed</dt><dd>${moment(one.updated)}</dd></dl>
    ${held && html`<div class="notice bad"><${Icon} name="warn" /><div>Messages with it are held up: ${held.reason}. <a href=${to(['sending'])}>Sending</a> has the button.</div></div>`}
    ${one.reason && one.status !== 'APPROVED' && html`<div class="notice bad"><${Icon} name="warn" /><div>${one.reason}</div></div>`}
    ${one.status === 'PENDING' && html`<p class="muted">The provider is reviewing it: that takes minutes to a day.</p>`}
    ${may('manage') && html`<footer><button class="button" onClick=${remove}><${Icon} name="close" />Delete …</button></footer>`}
  <//>`;
}

/** @typedef {{ type: string, text: string, value: string, sample: string }} NewButton */
/** @typedef {{ name: string, language: string, category: string, header: string, headerText: string, headerSample: string, body: string, samples: string[], footer: string, buttons: NewButton[], change: boolean }} Fields */

/** What is handed in, and which field each of its components comes from. @param {Fields} is */
export function draftOf(is) {
  /** @type {any[]} */
  const components = [];
  const from = [];
  const sampled = (/** @type {string[]} */ some) => (some.some(Boolean) ? { examples: some } : {});
  if (is.header === 'Text') { components.push({ type: 'HEADER', format: 'Text', text: is.headerText, ...sampled(places(is.headerText) ? [is.headerSample] : []) }); from.push('header'); }
  else if (is.header) { components.push({ type: 'HEADER', format: is.header, ...sampled([is.headerSample]) }); from.push('header'); }
  components.push({ type: 'BODY', text: is.body, ...sampled(Array.from({ length: places(is.body) }, (_, n) => is.samples[n] ?? '')) });
  from.push('body');
  if (is.footer) { components.push({ type: 'FOOTER', text: is.footer }); from.push('footer'); }
  if (is.buttons.length) {
    components.push({ type: 'BUTTONS', buttons: is.buttons.map(({ type, text, value, sample }) => ({ type, text,
      ...(type === 'URL' && { url: value, ...(places(value) && { example: [sample] }) }), ...(type === 'PHONE_NUMBER' && { phoneNumber: value }) })) });
    from.push('buttons');
  }
  return { from, template: { name: is.name.trim(), language: is.language.trim(), category: is.category, components, ...(is.change && { allow_category_change: true }) } };
}

/** @param {string} path of a problem @param {string[]} from */
export function fieldOf(path, from) {
  const at = /^components\[(\d+)\]/.exec(path);
  return at ? from[Number(at[1])] ?? '' : path.split(/[.[]/)[0];
}

const KINDS = [['QUICK_REPLY', 'Reply'], ['URL', 'Link'], ['PHONE_NUMBER', 'Call']];

/** @param {{ account: string, close: () => void }} props */
function Add({ account, close }) {
  const [is, set] = useState(/** @type {Fields} */ ({ name: '', language: 'en_GB', category: 'MARKETING', header: '', headerText: '', headerSample: '', body: '', samples: [], footer: '', buttons: [], change: true }));
  const [found, setFound] = useState(/** @type {{ problems: any[], advice: string[] } | null} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const [all, setAll] = useState(false);
  const touched = useRef(new Set());
  const put = (/** @type {keyof Fields} */ name) => (/** @type {any} */ e) => { touched.current.add(name); set({ ...is, [name]: e.target.type === 'checkbox' ? e.target.checked : e.target.value }); };
  const { template, from } = draftOf(is);
  const text = JSON.stringify(template);
  const send = (/** @type {boolean} */ dry) => ask(`/v1/templates?${new URLSearchParams({ sub_account: account, ...(dry && { dry_run: 'true' }) })}`, { method: 'POST', body: template });
  useEffect(() => {
    const timer = setTimeout(() => send(true).then(setFound, setError), 350);
    return () => clearTimeout(timer);
  }, [text]);
  const problems = (found?.problems ?? []).map((one) => ({ ...one, field: fieldOf(one.path, from) }));
  const seen = { header: is.headerText || is.headerSample || all, body: is.body || all, footer: is.footer || all, buttons: is.buttons.some((one) => one.text) || all, name: is.name || all };
  const told = (/** @type {string} */ field) => problems.filter((one) => one.field === field && (/** @type {any} */ (seen)[field] ?? true))
    .map((one) => html`<small class="is-bad" role="status">${one.message.charAt(0).toUpperCase() + one.message.slice(1)}${/buttons\[(\d+)\]/.test(one.path) ? ` (button ${Number(/buttons\[(\d+)\]/.exec(one.path)?.[1]) + 1})` : ''}</small>`);
  const button = (/** @type {number} */ n, /** @type {Partial<NewButton>} */ some) => set({ ...is, buttons: is.buttons.map((one, k) => (k === n ? { ...one, ...some } : one)) });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setAll(true);
    setError(null);
    if (problems.length) return;
    setBusy(true);
    try {
      await send(false);
      say(`${template.name} is handed in for review.`);
      close();
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  const loose = problems.filter((one) => !['name', 'language', 'category', 'header', 'body', 'footer', 'buttons'].includes(one.field));
  return html`<${Dialog} title="New template" close=${close} wide=${true}><form class="dialog-body" onSubmit=${submit} novalidate>
    <div class="with-phone"><div class="stack-s">
      <div class="grid2"><label class="field">Name <input maxlength="512" placeholder="spring_offer" value=${is.name} onInput=${put('name')} />${told('name')}</label>
        <label class="field">Language <input maxlength="10" placeholder="en_GB" value=${is.language} onInput=${put('language')} />${told('language')}</label></div>
      <label class="field">Category <select value=${is.category} onChange=${put('category')}><option value="MARKETING">Marketing: offers, news, invitations</option><option value="UTILITY">Utility: about an order, an account, an appointment</option></select>${told('category')}</label>
      <label class="field">Heading <select value=${is.header} onChange=${put('header')}><option value="">none</option><option value="Text">a line of text</option><option value="Image">an image</option><option value="Video">a video</option><option value="Document">a document</option></select></label>
      ${is.header === 'Text' && html`<label class="field">Line of the heading <input maxlength="120" value=${is.headerText} onInput=${put('headerText')} />${told('header')}</label>`}
      ${is.header && (is.header !== 'Text' || places(is.headerText) > 0) && html`<label class="field">${is.header === 'Text' ? 'A sample for {{1}} of the heading' : `Address of a sample ${is.header.toLowerCase()}`} <input value=${is.headerSample} placeholder=${is.header === 'Text' ? '' : 'https://…'} onInput=${put('headerSample')} />${is.header !== 'Text' && told('header')}</label>`}
      <label class="field">Text <textarea rows="5" value=${is.body} onInput=${put('body')} placeholder="Hello {{1}}, …"></textarea><small class="muted">{{1}}, {{2}} … are filled in for each person. *bold*, _italic_, ~struck out~. ${is.body.length} of 1,024 characters.</small>${told('body')}</label>
      ${Array.from({ length: Math.min(places(is.body), 20) }, (_, n) => html`<label class="field" key=${n}>A sample for ${`{{${n + 1}}}`} <input value=${is.samples[n] ?? ''} onInput=${(/** @type {any} */ e) => { const samples = [...is.samples]; samples[n] = e.target.value; set({ ...is, samples }); }} /></label>`)}
      <label class="field">Small line below <input maxlength="120" placeholder="none" value=${is.footer} onInput=${put('footer')} />${told('footer')}</label>
      <div class="field"><span>Buttons</span>${is.buttons.map((one, n) => html`<div class="new-button" key=${n}>
          <select aria-label=${`Kind of button ${n + 1}`} value=${one.type} onChange=${(/** @type {any} */ e) => button(n, { type: e.target.value })}>${KINDS.map(([kind, name]) => html`<option value=${kind}>${name}</option>`)}</select>
          <input aria-label=${`Label of button ${n + 1}`} maxlength="25" placeholder="Label" value=${one.text} onInput=${(/** @type {any} */ e) => button(n, { text: e.target.value })} />
          <button type="button" class="button icon-only ghost" aria-label=${`Remove button ${n + 1}`} onClick=${() => set({ ...is, buttons: is.buttons.filter((_, k) => k !== n) })}><${Icon} name="close" size=${15} /></button>
          ${one.type !== 'QUICK_REPLY' && html`<input class="wide" aria-label=${`${one.type === 'URL' ? 'Address' : 'Number'} of button ${n + 1}`} placeholder=${one.type === 'URL' ? 'https://example.com/{{1}}' : '+44 20 7946 0000'} value=${one.value} onInput=${(/** @type {any} */ e) => button(n, { value: e.target.value })} />`}
          ${one.type === 'URL' && places(one.value) > 0 && html`<input class="wide" aria-label=${`Sample for the address of button ${n + 1}`} placeholder="A sample for {{1}}" value=${one.sample} onInput=${(/** @type {any} */ e) => button(n, { sample: e.target.value })} />`}</div>`)}
        ${told('buttons')}
        ${is.buttons.length < 10 && html`<div><button type="button" class="button small" onClick=${() => set({ ...is, buttons: [...is.buttons, { type: 'QUICK_REPLY', text: '', value: '', sample: '' }] })}><${Icon} name="plus" size=${15} />Button</button></div>`}</div>
      <label class="tick"><input type="checkbox" checked=${is.change} onChange=${put('change')} />The provider may put it into another category instead of refusing it</label>
    </div>
    <div class="chat inset" aria-label="Preview"><${Bubble} parts=${partsOf(templateOf(is.body ? template : { ...template, components: [{ type: 'BODY', text: 'Your text is shown here.' }, ...template.components.filter((/** @type {any} */ one) => one.type !== 'BODY')] }), {}, null)} /></div></div>
    ${all && loose.map((one) => html`<div class="notice bad"><${Icon} name="warn" /><div><code>${one.path}</code> ${one.message}</div></div>`)}
    ${!problems.length && (found?.advice ?? []).map((one) => html`<p class="muted small">${one}</p>`)}
    ${error && html`<${Failed} error=${error} />`}
    <footer><span class="muted small grow">It cannot be changed afterwards.</span><button type="button" class="button" onClick=${close}>Leave it</button><button class="button primary" disabled=${busy || (all && problems.length > 0)}>Hand it in</button></footer>
  </form><//>`;
}
