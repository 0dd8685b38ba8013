// The frame around all screens.
import { ask, heardAt, may, session, trouble } from './api.js';
import { Campaigns } from './campaigns.js';
import { moment, offsetName, otherZone, when, zone } from './format.js';
import { html, render, signal, useEffect, useState } from './lib.js';
import { listen, stop } from './live.js';
import { Mark } from './mark.js';
import { go, route, to } from './router.js';
import { refusal, SignIn } from './signin.js';
import { StopBanner, StopSwitch } from './stops.js';
import { Confirm, Icon, Loading, Notes } from './ui.js';

/** Screens that are fetched when they are looked at first. @type {Record<string, () => Promise<any>>} */
const LATER = {
  campaign: async () => (await import('./campaign.js')).Campaign,
  new: async () => (await import('./launch.js')).Launch,
  unconfirmed: async () => (await import('./unconfirmed.js')).Unconfirmed,
  sending: async () => (await import('./sending.js')).Sending,
  audit: async () => (await import('./audit.js')).Audit,
  optouts: async () => (await import('./optouts.js')).OptOuts,
  templates: async () => (await import('./templates.js')).Templates,
  people: async () => (await import('./people.js')).People,
};
const SCREENS = [
  { path: 'campaigns', name: 'Campaigns', icon: 'campaigns', scope: '' },
  { path: 'unconfirmed', name: 'Unconfirmed', icon: 'unconfirmed', scope: '' },
  { path: 'sending', name: 'Sending', icon: 'sending', scope: '' },
  { path: 'templates', name: 'Templates', icon: 'templates', scope: '' },
  { path: 'people', name: 'People', icon: 'people', scope: 'people' },
  { path: 'optouts', name: 'Opt-outs', icon: 'optouts', scope: 'people' },
  { path: 'audit', name: 'Audit', icon: 'audit', scope: 'admin' },
];
/** @type {Record<string, any>} */
const fetched = {};
const menu = signal(false);

/** @param {{ name: string }} props */
function Later({ name }) {
  const [, again] = useState(0);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (fetched[name]) return;
    LATER[name]().then((screen) => { fetched[name] = screen; again((n) => n + 1); }, () => setFailed(true));
  }, [name]);
  const Screen = fetched[name];
  if (failed) return html`<div class="notice bad" role="alert">This screen could not be fetched: is sendmany running? Load the page anew.</div>`;
  return Screen ? html`<${Screen} />` : html`<${Loading} />`;
}

function Screen() {
  const [first = 'campaigns', id] = route.value.path;
  if (first === 'campaigns' && id) return html`<${Later} name="campaign" />`;
  if (first !== 'campaign' && LATER[first]) return html`<${Later} name=${first} />`;
  return html`<${Campaigns} />`;
}

const SCHEMES = ['system', 'light', 'dark'];
const scheme = signal(SCHEMES.includes(localStorage.getItem('scheme') ?? '') ? localStorage.getItem('scheme') : 'system');
const turn = () => {
  scheme.value = SCHEMES[(SCHEMES.indexOf(scheme.value ?? '') + 1) % 3];
  localStorage.setItem('scheme', scheme.value);
  document.documentElement.dataset.scheme = scheme.value;
};
document.documentElement.dataset.scheme = scheme.value ?? 'system';

async function signOut() {
  stop();
  try {
    await ask('/ui/session', { method: 'DELETE' });
  } finally {
    session.value = null;
  }
}

function Side() {
  const [current = 'campaigns'] = route.value.path;
  const who = session.value;
  return html`
    <nav class=${`side${menu.value ? ' open' : ''}`} aria-label="Main">
      <a class="brand" href=${to(['campaigns'])}><${Mark} /><span>sendmany</span></a>
      <ul>${SCREENS.filter((one) => !one.scope || may(one.scope)).map((one) => html`<li key=${one.path}><a href=${to([one.path])} aria-current=${current === one.path ? 'page' : null}>
        <${Icon} name=${one.icon} />${one.name}</a></li>`)}</ul>
      <div class="side-foot">
        <div class="who"><b>${who?.name}</b><span class="muted small">${who?.sub_accounts.length ? who.sub_accounts.join(', ') : 'all sub-accounts'}<br />${who?.scopes.join(', ')}</span></div>
        <div class="side-acts">
          <button class="button ghost small" onClick=${turn} aria-label=${`Colours: ${scheme.value}. Change`}><${Icon} name="scheme" size=${16} />${scheme.value === 'system' ? 'Auto' : scheme.value === 'light' ? 'Light' : 'Dark'}</button>
          ${!who?.by_proxy && html`<button class="button ghost small" onClick=${signOut}><${Icon} name="out" size=${16} />Sign out</button>`}
        </div>
        <p class="muted small">Times are in ${zone()}${who && otherZone(who.utc_offset) ? `; in sentences of the server they are in ${offsetName(who.utc_offset)}` : ''}. Version ${who?.version}.</p>
      </div>
    </nav>`;
}

const Trouble = () => trouble.value && html`
  <div class="banner bad" role="alert"><${Icon} name="warn" /><span>${trouble.value === 'redis'
    ? 'Redis does not answer. Nothing is lost: workers go on when it is back.'
    : 'There is no connection to sendmany. It goes on without this page.'}
    ${heardAt.value && html` What you see is of <time title=${moment(heardAt.value)}>${when(heardAt.value)}</time>.`}</span></div>`;

function App() {
  const who = session.value;
  useEffect(() => {
    if (who) listen();
    else stop();
  }, [Boolean(who)]);
  useEffect(() => {
    menu.value = false;
    document.getElementById('main')?.scrollTo?.(0, 0);
  }, [route.value.path.join('/')]);
  if (who === undefined) return trouble.value ? html`<${Trouble} />` : null;
  if (who === null) return html`<${SignIn} />`;
  return html`
    <a class="skip" href="#main" onClick=${(/** @type {Event} */ event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>Skip to the content</a>
    <header class="top">
      <button class="button ghost icon-only" aria-label="Menu" aria-expanded=${menu.value} onClick=${() => { menu.value = !menu.value; }}><${Icon} name="menu" size=${22} /></button>
      <a class="brand" href=${to(['campaigns'])}><${Mark} size=${24} /><span>sendmany</span></a>
      <${StopSwitch} />
    </header>
    <${Side} />
    <main id="main" tabindex="-1">
      <${Trouble} /><${StopBanner} />
      <${Screen} />
    </main>
    <div class="switch-corner"><${StopSwitch} /></div>
    <${Confirm} /><${Notes} />`;
}

render(html`<${App} />`, /** @type {Element} */ (document.getElementById('app')));

if (/^#code=/.test(location.hash)) {
  session.value = null;
} else {
  if (!location.hash) go(to(['campaigns']), { replace: true });
  ask('/ui/session', { refresh: true }).then(
    (who) => { session.value = who; },
    (refused) => {
      refusal.value = refused.status === 403 ? refused : null;
      session.value ??= trouble.value ? undefined : null;
    },
  );
}
