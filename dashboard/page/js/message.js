// What a campaign says: a text, a registered template with its values, or JSON; and how it looks on a phone.
import { html } from './lib.js';

/** @typedef {{ text: string, filled: boolean, missing?: boolean }} Piece */
/** @typedef {{ header?: Piece[], media?: string, text: Piece[], footer?: string, buttons?: string[], note?: string }} Parts */
/** As it is edited. `values` are those of a template, by their places: `header.text`, `header.image`, `body.0`,
 * `button.1.url`, `button.0.code`, and kept in the order of the message.
 * @typedef {{ kind: 'text' | 'template' | 'json', text: string, name: string, language: string, values: Record<string, string>, json: string }} Written */
/** @typedef {{ type: string, text: string, url: string, samples: string[] }} Button */
/** @typedef {{ name: string, language: string, category: string, status: string, quality: string, reason: string, updated: string,
 *   header: { format: string, text: string, samples: string[] } | null, body: string, samples: string[], footer: string,
 *   buttons: Button[], cards: number, advice: boolean, expires: number }} Template */

/** @type {Written} */
export const NOTHING = { kind: 'template', text: '', name: '', language: 'en_GB', values: {}, json: '' };

const MEDIA = ['image', 'video', 'document', 'gif'];

/** What a text becomes for a row; parts that were filled in are told apart.
 * @param {string} text @param {Record<string, string>} row @returns {Piece[]} */
export function fillIn(text, row) {
  return text.split(/(\{\{[^{}]+\}\})/).filter(Boolean).map((part) => {
    const name = /^\{\{\s*(.+?)\s*\}\}$/.exec(part)?.[1];
    if (name === undefined) return { text: part, filled: false };
    return name in row ? { text: row[name], filled: true } : { text: part, filled: true, missing: true };
  });
}

/** A text of a template with the values of its numbered places. @param {string} text @param {(n: number) => Piece[]} valueOf @returns {Piece[]} */
export function fillPlaces(text, valueOf) {
  return text.split(/(\{\{\s*\d+\s*\}\})/).filter(Boolean).flatMap((part) => {
    const place = /^\{\{\s*(\d+)\s*\}\}$/.exec(part)?.[1];
    return place === undefined ? [{ text: part, filled: false }] : valueOf(Number(place) - 1);
  });
}

/** The message as the provider takes it; an Error says what is wrong. @param {Written} written */
export function messageOf(written) {
  if (written.kind === 'json') return JSON.parse(written.json);
  if (written.kind === 'text') return { type: 'text', content: { text: written.text } };
  /** @type {any[]} */
  const components = [];
  for (const [place, value] of Object.entries(written.values)) {
    const [part, at, what] = place.split('.');
    if (part === 'button') {
      components.push(what === 'code'
        ? { type: 'button', subType: 'CopyCode', index: Number(at), parameters: [{ type: 'couponCode', couponCode: value }] }
        : { type: 'button', subType: 'Url', index: Number(at), parameters: [{ type: 'text', text: value }] });
      continue;
    }
    const parameter = MEDIA.includes(at) ? { type: at, url: value } : { type: 'text', text: value };
    const same = components.find((one) => one.type === part);
    if (same) same.parameters.push(parameter);
    else components.push({ type: part, parameters: [parameter] });
  }
  return { type: 'template', content: { template: { name: written.name.trim(), language: written.language.trim(), ...(components.length && { components }) } } };
}

/** A message as it is edited: what the fields of a template cannot show is JSON. @param {any} message @returns {Written} */
export function writtenOf(message) {
  const template = message?.content?.template;
  if (message?.type === 'text' && typeof message.content?.text === 'string') return { ...NOTHING, kind: 'text', text: message.content.text };
  /** @type {Record<string, string>} */
  const values = {};
  for (const part of template?.components ?? []) {
    (part.parameters ?? []).forEach((/** @type {any} */ one, /** @type {number} */ n) => {
      if (part.type === 'header') values[MEDIA.includes(one.type) ? `header.${one.type}` : 'header.text'] = one.url ?? one.text;
      else if (part.type === 'body') values[`body.${n}`] = one.text;
      else if (part.subType) values[`button.${part.index}.${one.couponCode === undefined ? 'url' : 'code'}`] = one.couponCode ?? one.text;
    });
  }
  const written = /** @type {Written} */ ({ ...NOTHING, name: template?.name ?? '', language: template?.language ?? '', values });
  const same = template && JSON.stringify(sorted(messageOf(written))) === JSON.stringify(sorted(message));
  return same ? written : { ...NOTHING, kind: 'json', json: JSON.stringify(message, null, 2) };
}

/** @param {any} value @returns {any} */
const sorted = (value) => (Array.isArray(value) ? value.map(sorted)
  : value && typeof value === 'object' ? Object.fromEntries(Object.keys(value).toSorted().map((key) => [key, sorted(value[key])])) : value);

const ENTITIES = /** @type {Record<string, string>} */ ({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", '#39': "'" });
/** @param {unknown} text @returns {string} */
const plain = (text) => (typeof text === 'string' ? text.replace(/&(amp|lt|gt|quot|apos|#39);/g, (_, name) => ENTITIES[name]) : '');

/** @param {any} part @returns {string[]} */
function samplesOf(part) {
  let found = part.examples ?? part.example ?? [];
  if (found && !Array.isArray(found) && typeof found === 'object') found = Object.values(found)[0] ?? [];
  if (typeof found === 'string') return [plain(found)];
  return (Array.isArray(found[0]) ? found[0] : found).map(plain);
}

/** A template as the provider lists it, or as it takes it. @param {any} raw @returns {Template} */
export function templateOf(raw) {
  /** @type {any[]} */
  const parts = (raw.components ?? []).filter((/** @type {any} */ one) => one && typeof one === 'object');
  const part = (/** @type {string} */ kind) => parts.find((one) => String(one.type ?? 'BODY').toUpperCase() === kind);
  const header = part('HEADER');
  const body = part('BODY');
  return {
    name: plain(raw.templateName ?? raw.name), language: plain(raw.language), category: plain(raw.category).toUpperCase(),
    status: plain(raw.status).toUpperCase(), quality: plain(raw.quality ?? raw.qualityScore).toUpperCase(),
    reason: plain(raw.rejectedReason ?? raw.rejectionReason ?? raw.reason), updated: plain(raw.updatedAt),
    header: header ? { format: plain(header.format || 'Text').toLowerCase(), text: plain(header.text), samples: samplesOf(header) } : null,
    body: plain(body?.text), samples: body ? samplesOf(body) : [], footer: plain(part('FOOTER')?.text),
    buttons: (part('BUTTONS')?.buttons ?? []).map((/** @type {any} */ one) => ({
      type: plain(one.type).toUpperCase(), text: plain(one.text) || large(plain(one.type)), url: plain(one.url), samples: samplesOf(one) })),
    cards: part('CAROUSEL')?.cards?.length ?? 0, advice: Boolean(body?.add_security_recommendation), expires: part('FOOTER')?.code_expiration_minutes ?? 0,
  };
}

/** @param {string} kind */
const large = (kind) => { const word = kind.replaceAll('_', ' ').toLowerCase(); return word.charAt(0).toUpperCase() + word.slice(1); };

/** @param {string} text */
export const places = (text) => Math.max(0, ...[...text.matchAll(/\{\{\s*(\d+)\s*\}\}/g)].map((found) => Number(found[1])));

/** The values that a template needs, in their order; null: more than fields can say.
 * @param {Template} one @returns {{ place: string, label: string, sample: string, link?: boolean }[] | null} */
export function fieldsOf(one) {
  if (one.cards || one.header?.format === 'location') return null;
  /** @type {{ place: string, label: string, sample: string, link?: boolean }[]} */
  const found = [];
  if (one.header && MEDIA.includes(one.header.format)) {
    found.push({ place: `header.${one.header.format}`, label: `Address of the ${one.header.format}`, sample: one.header.samples[0] ?? '', link: true });
  } else if (one.header && places(one.header.text)) found.push({ place: 'header.text', label: 'In the heading', sample: one.header.samples[0] ?? '' });
  const inBody = one.category === 'AUTHENTICATION' && !one.body ? 1 : places(one.body);
  for (let n = 0; n < inBody; n += 1) found.push({ place: `body.${n}`, label: one.body ? around(one.body, n) : 'The code', sample: one.samples[n] ?? '' });
  one.buttons.forEach((button, n) => {
    if (button.type === 'URL' && places(button.url)) found.push({ place: `button.${n}.url`, label: `End of the link of “${button.text}”`, sample: button.samples[0] ?? '' });
    if (button.type === 'COPY_CODE') found.push({ place: `button.${n}.code`, label: `Code of “${button.text}”`, sample: button.samples[0] ?? '' });
    if (button.type === 'OTP') found.push({ place: `button.${n}.url`, label: 'The code once more, for its button', sample: button.samples[0] ?? '' });
  });
  return found;
}

/** @param {string} text */
const cut = (text) => (text.length > 20 ? text.slice(0, 20).replace(/\s\S*$/, ' …') : text);

/** A place of a text with the words around it. @param {string} text @param {number} n */
export function around(text, n) {
  const [before, after = ''] = text.split(`{{${n + 1}}}`, 2);
  const near = (/** @type {string} */ some) => some.replace(/\{\{\s*\d+\s*\}\}/g, '…');
  return `${near(before).split(/\n/).at(-1)?.slice(-22).replace(/^\S*\s(?=\S)/, '… ') ?? ''}▢${cut(near(after).split(/\n/)[0])}`;
}

/** The message of a template, with values for the places or the samples. @param {Template} one @param {Record<string, string>} values @param {Record<string, string> | null} row null: with its samples @returns {Parts} */
export function partsOf(one, values, row) {
  const value = (/** @type {string} */ place, /** @type {string} */ sample, /** @type {string} */ shown) => {
    if (!row) return [{ text: sample || shown, filled: true }];
    return values[place] ? fillIn(values[place], row).map((piece) => ({ ...piece, filled: true })) : [{ text: shown, filled: true, missing: true }];
  };
  const body = one.body || (one.category === 'AUTHENTICATION' ? `*{{1}}* is your verification code.${one.advice ? ' For your security, do not share this code.' : ''}` : '');
  const media = one.header && one.header.format !== 'text' ? one.header.format : undefined;
  return {
    header: one.header && !media ? fillPlaces(one.header.text, () => value('header.text', one.header?.samples[0] ?? '', '{{1}}')) : undefined,
    media,
    text: fillPlaces(body, (n) => value(`body.${n}`, one.samples[n] ?? (one.body ? '' : '123456'), `{{${n + 1}}}`)),
    footer: one.footer || (one.expires ? `This code expires in ${one.expires} minutes.` : ''),
    buttons: one.buttons.map((button) => button.text),
    note: one.cards ? `and ${one.cards} cards` : undefined,
  };
}

/** @param {Written} written @param {Record<string, string>} row @param {Template | undefined} template @returns {Parts} */
export function previewOf(written, row, template) {
  if (written.kind === 'text') return { text: fillIn(written.text || 'Your text is shown here.', row) };
  if (written.kind === 'template' && template) return partsOf(template, written.values, row);
  if (written.kind === 'template') {
    const lines = Object.entries(written.values).flatMap(([place, text], n) => [{ text: `${n ? '\n' : ''}${place}: `, filled: false }, ...fillIn(text || '…', row)]);
    return { header: [{ text: written.name || 'Template', filled: false }], text: lines.length ? lines : [{ text: written.name ? 'Its text is shown once it was checked.' : 'Choose a template to see it here.', filled: false }], footer: written.language };
  }
  try {
    const message = JSON.parse(written.json);
    return { text: fillIn(message.content?.text ?? message.content?.template?.name ?? JSON.stringify(message.content, null, 1), row) };
  } catch {
    return { text: [{ text: 'A message in JSON is shown here.', filled: false }] };
  }
}

const MARKS = /(?<![\p{L}\p{N}_])([*_~])(?=\S)([^*_~\n]*\S)\1(?![\p{L}\p{N}_])/u;
const TAGS = /** @type {Record<string, string>} */ ({ '*': 'b', _: 'em', '~': 's' });
const FIRST = 0xE000; // private characters stand for what was filled in, which is no markup

/** WhatsApp's own markup: *bold*, _italic_, ~struck out~. @param {Piece[]} pieces @returns {any[]} */
export function marked(pieces) {
  const text = pieces.map((one, n) => (one.filled ? String.fromCharCode(FIRST + n) : one.text.replace(/[\uE000-\uF8FF]/g, '\uFFFD'))).join('');
  /** @param {string} some @returns {any[]} */
  const nodes = (some) => {
    const found = MARKS.exec(some);
    if (found) return [...nodes(some.slice(0, found.index)), html`<${TAGS[found[1]]}>${nodes(found[2])}<//>`, ...nodes(some.slice(found.index + found[0].length))];
    return some.split(/([\uE000-\uF8FF])/).filter(Boolean).map((part) => {
      const one = pieces[part.charCodeAt(0) - FIRST];
      return /^[\uE000-\uF8FF]$/.test(part) && one ? html`<mark class=${one.missing ? 'is-missing' : ''}>${one.text}</mark>` : part;
    });
  };
  return nodes(text);
}

/** A message as a phone shows it. @param {{ parts: Parts }} props */
export const Bubble = ({ parts }) => html`
  <div class="bubble">${parts.media && html`<div class="media">${large(parts.media)}</div>`}${parts.header && html`<h4>${marked(parts.header)}</h4>`}${marked(parts.text)}
    <span class="at">12:00</span>${parts.footer && html`<footer>${parts.footer}</footer>`}</div>
  ${(parts.buttons ?? []).map((one) => html`<div class="bubble-button">${one}</div>`)}
  ${parts.note && html`<p class="muted small">${parts.note}</p>`}`;
