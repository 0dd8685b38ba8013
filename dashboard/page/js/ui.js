// Pieces that all screens are made of.
import { count, percent } from './format.js';
import { html, signal, useEffect, useId, useRef } from './lib.js';
import { GROUPS, STATES, standing, sum } from './states.js';

/** @type {Record<string, string>} */
const PATHS = {
  campaigns: 'M4 5h16M4 12h10M4 19h13',
  plus: 'M12 5v14M5 12h14',
  unconfirmed: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM9.6 9.4a2.5 2.5 0 1 1 3.4 2.7c-.7.3-1 .8-1 1.6M12 16.8v.1',
  sending: 'M3 12h4l3-8 4 16 3-8h4',
  people: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20.5c.8-3.6 3.8-5.5 7.5-5.5s6.7 1.9 7.5 5.5',
  optouts: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM6 6l12 12',
  templates: 'M5 4h14v12H9l-4 4V4ZM9 8.5h6M9 12h4',
  audit: 'M12 7v5l3.5 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM20 20l-4-4',
  close: 'M6 6l12 12M18 6L6 18',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 4.5v15l12-7.5-12-7.5Z',
  stop: 'M6.5 6.5h11v11h-11z',
  download: 'M12 4v11m0 0 4.5-4.5M12 15l-4.5-4.5M5 20h14',
  back: 'M14.5 5 8 12l6.5 7',
  next: 'M9.5 5 16 12l-6.5 7',
  menu: 'M4 7h16M4 12h16M4 17h16',
  check: 'M4.5 12.5 10 18 20 6.5',
  warn: 'M12 3.5 22 20.5H2L12 3.5ZM12 10v5M12 17.5v.1',
  retry: 'M4.5 12a7.5 7.5 0 0 1 13-5.1L20 9.5M20 4.5v5h-5M19.5 12a7.5 7.5 0 0 1-13 5.1L4 14.5M4 19.5v-5h5',
  out: 'M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9',
  file: 'M6 3h8l5 5v13H6V3ZM14 3v5h5',
  scheme: 'M12 3a9 9 0 1 0 0 18ZM12 3a9 9 0 0 1 0 18',
  copy: 'M8 8h12v12H8zM16 8V4H4v12h4',
};

/** @param {{ name: string, size?: number }} props */
export const Icon = ({ name, size = 18 }) => html`
  <svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" aria-hidden="true">
    <path d=${PATHS[name]} />
  </svg>`;

/** @param {{ status: string, held?: string | null }} props */
export const Status = ({ status, held }) => {
  const { name, tone } = standing(status, held);
  return html`<span class="pill tone-${tone}"><i aria-hidden="true"></i>${name}</span>`;
};

/** @param {{ state: string }} props */
export const StateName = ({ state }) => {
  const group = GROUPS.find((one) => one.states.includes(/** @type {any} */ (state)));
  return html`<span class="state" title=${STATES[state]?.[1] ?? ''}>
    <i class="dot fill-${group?.key ?? 'skipped'}" aria-hidden="true"></i>${STATES[state]?.[0] ?? state}
  </span>`;
};

/** All recipients of a campaign in one bar; the parts add up to it.
 * @param {{ lane: import('./types.js').Lane, tall?: boolean }} props */
export const Funnel = ({ lane, tall = false }) => {
  const parts = GROUPS.map((one) => ({ ...one, n: sum(lane, one.states) })).filter((one) => one.n);
  const words = parts.map((one) => `${one.name}: ${count(one.n)}`).join(', ');
  return html`
    <div class=${`funnel${tall ? ' tall' : ''}`} role="img" aria-label=${words || 'No recipients yet'}>
      ${parts.map((one) => html`
        <span key=${one.key} class="fill-${one.key}" style=${{ flexGrow: one.n / lane.recipients }}
          title=${`${one.name}: ${count(one.n)} (${percent(one.n, lane.recipients)})`}></span>`)}
    </div>`;
};

/** Sentences with commands in them: what stands in backticks can be copied.
 * @param {{ text: string }} props */
export const Sentence = ({ text }) =>
  html`<span>${text.split('`').map((part, n) => (n % 2 ? html`<code>${part}</code>` : part))}</span>`;

/** @param {{ icon?: string, title: string, children?: any }} props */
export const Empty = ({ icon = 'campaigns', title, children }) => html`
  <div class="empty">
    <span class="empty-icon"><${Icon} name=${icon} size=${26} /></span>
    <h2>${title}</h2>
    <div>${children}</div>
  </div>`;

/** @param {{ error: import('./api.js').ApiError, again?: () => void }} props */
export const Failed = ({ error, again }) => html`
  <div class="notice bad" role="alert">
    <${Icon} name="warn" />
    <div>
      <strong>${error.message}</strong>
      ${error.problems.some((one) => one.message !== error.message) && html`<ul>
        ${error.problems.map((one) => html`<li>${one.path && html`<code>${one.path}</code> `}${one.message}</li>`)}
      </ul>`}
    </div>
    ${again && html`<button class="button small" onClick=${again}>Try again</button>`}
  </div>`;

/** Shown while the first answer is awaited. @param {{ rows?: number }} props */
export const Loading = ({ rows = 5 }) => html`
  <div class="loading" role="status" aria-label="Loading">
    ${Array.from({ length: rows }, (_, n) => html`<span key=${n}></span>`)}
  </div>`;

/** A native dialog: focus stays in it, Escape closes it.
 * @param {{ title: string, close: () => void, wide?: boolean, side?: boolean, children?: any }} props */
export function Dialog({ title, close, wide = false, side = false, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    dialog.current?.showModal();
    return () => before?.focus?.();
  }, []);
  return html`
    <dialog ref=${dialog} class=${`${wide ? 'wide' : ''} ${side ? 'sheet' : ''}`} aria-labelledby=${id}
      onClose=${close} onClick=${(/** @type {Event} */ event) => event.target === dialog.current && close()}>
      <div class="dialog">
        <header>
          <h2 id=${id}>${title}</h2>
          <button class="button ghost icon-only" aria-label="Close" onClick=${close}><${Icon} name="close" /></button>
        </header>
        ${children}
      </div>
    </dialog>`;
}

/** @typedef {{ title: string, body: any, yes: string, danger?: boolean, act: () => Promise<any> }} Question */
/** @type {import('./lib.js').Signal<Question | null>} */
const question = signal(null);
const asking = signal(false);
/** @type {import('./lib.js').Signal<import('./api.js').ApiError | null>} */
const refused = signal(null);

/** Ask before something is done that cannot be taken back. @param {Question} one */
export function confirm(one) {
  refused.value = null;
  question.value = one;
}

export function Confirm() {
  const one = question.value;
  if (!one) return null;
  const act = async () => {
    asking.value = true;
    try {
      await one.act();
      question.value = null;
    } catch (error) {
      refused.value = /** @type {any} */ (error);
    } finally {
      asking.value = false;
    }
  };
  return html`
    <${Dialog} title=${one.title} close=${() => { question.value = null; }}>
      <div class="dialog-body">${one.body}</div>
      ${refused.value && html`<${Failed} error=${refused.value} />`}
      <footer>
        <button class="button" onClick=${() => { question.value = null; }}>Leave it</button>
        <button class=${`button ${one.danger ? 'danger' : 'primary'}`} disabled=${asking.value} onClick=${act}>${one.yes}</button>
      </footer>
    <//>`;
}

/** @type {import('./lib.js').Signal<{ id: number, text: string, undo?: () => void, bad?: boolean }[]>} */
const notes = signal([]);
let noted = 0;

/** Say what was done. @param {string} text @param {{ undo?: () => void, bad?: boolean }} [how] */
export function say(text, how = {}) {
  const id = (noted += 1);
  notes.value = [...notes.value.slice(-2), { id, text, ...how }];
  setTimeout(() => hush(id), how.undo ? 10_000 : 6000);
}

/** @param {number} id */
const hush = (id) => {
  notes.value = notes.value.filter((one) => one.id !== id);
};

export const Notes = () => html`
  <div class="notes" role="status" aria-live="polite">
    ${notes.value.map((one) => html`
      <div key=${one.id} class=${`note${one.bad ? ' bad' : ''}`}>
        <${Icon} name=${one.bad ? 'warn' : 'check'} />
        <span>${one.text}</span>
        ${one.undo && html`<button class="button small ghost" onClick=${() => { one.undo?.(); hush(one.id); }}>Undo</button>`}
      </div>`)}
  </div>`;

/** Do it, and say so, or what was wrong. @param {() => Promise<any>} act @param {string} done @param {() => void} [undo] */
export async function attempt(act, done, undo) {
  try {
    const answer = await act();
    say(done, { undo });
    return answer;
  } catch (error) {
    say(/** @type {Error} */ (error).message, { bad: true });
    return null;
  }
}

/** A few choices of which one holds, as links. @param {{ label: string, items: { href: string, name: any, current: boolean }[] }} props */
export const Tabs = ({ label, items }) => html`
  <nav class="tabs" aria-label=${label}>
    ${items.map((one) => html`<a href=${one.href} aria-current=${one.current ? 'page' : null}>${one.name}</a>`)}
  </nav>`;
