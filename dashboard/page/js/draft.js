// A new campaign is a draft on the server from its file on: what is done to it is kept, whatever the tab does.
import { ApiError, ask, may, read } from './api.js';
import { signal, useEffect, useRef, useState } from './lib.js';
import { NUMBER_COLUMN, firstRows } from './lists.js';
import { NOTHING, messageOf, writtenOf } from './message.js';
import { localTime, paceOf } from './pace.js';
import { go, route, to } from './router.js';

/** @typedef {{ id: string, name: string, sub_account: string, options: any, columns: string[], problem: string | null, kept_until: string }} Kept */
/** @typedef {{ name: string, region: string, column: string, purpose: string, pace: any, written: import('./message.js').Written, exclude: string[] }} Form */

/** A campaign that this tab made; its screen goes on without being read anew. */
export const made = signal('');
/** Whether what is done can be kept: changing a draft takes the scope manage. */
export const keeps = () => may('manage');

const PACE = { at: '', rate: '', spread: false, weight: '1', canary: '' };

/** The form of a draft. @param {Kept | null} kept @returns {Form} */
export function formOf(kept) {
  const is = kept?.options ?? {};
  return {
    name: kept?.name ?? '', region: is.default_region ?? '', column: is.map?.phone ?? '', purpose: is.purpose ?? '', exclude: is.exclude ?? [],
    pace: { ...PACE, at: is.send_at ? localTime(is.send_at) : '', rate: is.rate ? String(is.rate) : '', spread: Boolean(is.spread), weight: String(is.weight ?? 1), canary: is.canary ?? '' },
    written: kept ? writtenOf(is.message) : NOTHING,
  };
}

/** The members that a form sets; those that are left empty are null, which resets them.
 * A message that is no JSON yet, and a name that is empty, stay as they are kept.
 * @param {Form} form @param {any} options of the draft @returns {Record<string, any>} */
export function changesOf(form, options) {
  const { phone: _, ...map } = options?.map ?? {};
  if (form.column) map.phone = form.column;
  let message;
  try { message = messageOf(form.written); } catch { message = undefined; }
  return {
    ...(form.name.trim() && { name: form.name.trim() }), ...(message && typeof message === 'object' && { message }),
    map: Object.keys(map).length ? map : null,
    default_region: /^[a-z]{2}$/i.test(form.region) ? form.region.toUpperCase() : null,
    purpose: form.purpose || null, exclude: form.exclude.length ? form.exclude : null,
    send_at: null, rate: null, spread: null, weight: null, canary: null, ...paceOf(form.pace),
  };
}

/** Members of a form that are not what they were. @param {Record<string, any>} is @param {Record<string, any>} was */
export const differing = (is, was) => Object.fromEntries(Object.entries(is).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(was[name])));

/** @param {Record<string, any>} changes */
export const setOnly = (changes) => Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== null));

/** Send a form of a campaign and its file; progress is told while it goes.
 * @param {string} method @param {string} path @param {FormData | File} body @param {(share: number) => void} tell @returns {Promise<any>} */
function upload(method, path, body, tell) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, path);
    if (body instanceof File) request.setRequestHeader('Content-Type', 'text/csv');
    request.upload.onprogress = (event) => tell(event.total ? event.loaded / event.total : 0);
    request.onload = () => {
      try { resolve(read(request.status, request.responseText)); } catch (error) { reject(error); }
    };
    request.onerror = () => reject(new ApiError(0, 'The upload was interrupted. Choose the file again: nothing is stored twice.'));
    request.send(body);
  });
}

/** @param {string} path @param {any} campaign @param {File} file @param {(share: number) => void} tell */
export function uploadForm(path, campaign, file, tell) {
  const form = new FormData();
  form.append('campaign', JSON.stringify(campaign));
  form.append('recipients', file);
  return upload('POST', path, form, tell);
}

/** Keep a new draft; a name that is taken gets a number.
 * @param {any} campaign @param {File} file @param {(share: number) => void} tell @returns {Promise<Kept>} */
async function create(campaign, file, tell) {
  const there = may('read') ? (await ask(`/v1/campaigns?${new URLSearchParams({ search: campaign.name.slice(0, 90), limit: '100' })}`)).items : [];
  const taken = new Set(there.map((/** @type {any} */ one) => one.name));
  let name = campaign.name;
  for (let n = 2; taken.has(name); n += 1) name = `${campaign.name.slice(0, 90)} ${n}`;
  return uploadForm('/v1/campaigns', { ...campaign, name, launch: false }, file, tell);
}

/**
 * A form that is kept as it is filled in.
 * @param {Kept | null} given the draft, if there is one already
 */
export function useDraft(given) {
  const [kept, setKept] = useState(given);
  const [form, setForm] = useState(() => formOf(given));
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const [head, setHead] = useState({ columns: given?.columns ?? /** @type {string[]} */ ([]), rows: /** @type {string[][]} */ ([]), number: '' });
  const [state, setState] = useState(/** @type {'' | 'saving' | 'kept' | 'not'} */ (given ? 'kept' : ''));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [share, setShare] = useState(/** @type {number | null} */ (null));
  const [reading, setReading] = useState({ sheet: '', encoding: '' });
  const now = useRef({ form, kept, sent: given ? changesOf(formOf(given), given.options) : /** @type {Record<string, any>} */ ({}), going: /** @type {Promise<any>} */ (Promise.resolve()) });
  now.current.form = form;

  const take = (/** @type {Kept} */ one) => { now.current.kept = one; setKept(one); };
  const again = async (/** @type {Kept} */ one, /** @type {string[][]} */ local = []) => {
    setHead((old) => ({ columns: one.columns, rows: local.length ? local : old.rows, number: old.number }));
    if (!may('people')) return;
    const found = await ask(`/v1/campaigns/${one.id}/recipients`);
    setHead({ columns: found.columns, rows: found.rows, number: found.number_column ?? '' });
  };
  useEffect(() => { if (given) again(given).catch(setError); }, []);

  /** Send what has changed; after it the draft is what is seen. */
  const save = () => {
    const run = async () => {
      const { kept: one, form: is } = now.current;
      if (!one) return;
      const all = changesOf(is, one.options);
      const body = differing(all, now.current.sent);
      if (!Object.keys(body).length || !keeps()) return;
      setState('saving');
      try {
        take(await ask(`/v1/campaigns/${one.id}`, { method: 'PATCH', body, last: true }));
        now.current.sent = { ...now.current.sent, ...all };
        setState('kept');
        setError(null);
        if ('map' in body) await again(/** @type {Kept} */ (now.current.kept));
      } catch (refused) {
        setState('not');
        setError(refused);
        throw refused;
      }
    };
    now.current.going = now.current.going.catch(() => {}).then(run);
    return now.current.going;
  };
  /** Delete the draft in its turn among the saves; those behind it then have no draft. */
  const remove = () => {
    now.current.going = now.current.going.catch(() => {}).then(async () => {
      await ask(`/v1/campaigns/${now.current.kept?.id}`, { method: 'DELETE' });
      now.current.kept = null;
    });
    return now.current.going;
  };
  useEffect(() => {
    if (!now.current.kept || !keeps()) return undefined;
    const timer = setTimeout(() => save().catch(() => {}), 500);
    return () => clearTimeout(timer);
  }, [JSON.stringify(form)]);
  useEffect(() => {
    const leave = () => { if (document.visibilityState === 'hidden') save().catch(() => {}); };
    document.addEventListener('visibilitychange', leave);
    return () => { document.removeEventListener('visibilitychange', leave); save().catch(() => {}); };
  }, []);

  /** Take a file in: it makes the draft, or replaces its recipients. @param {File | undefined} one @param {string} account @param {any} how */
  const put = async (one, account, how = reading) => {
    if (!one) return;
    setError(null);
    setFile(one);
    const words = setOnly({ sheet: how.sheet || null, encoding: how.encoding || null });
    const local = /\.(xlsx?|ods|zip|gz)$/i.test(one.name) ? { columns: [], rows: [] } : firstRows(await one.slice(0, 65_536).text());
    const name = form.name.trim() || one.name.replace(/\.[^.]+$/, '').slice(0, 100);
    const next = { ...form, name, column: local.columns.includes(form.column) || !keeps() ? form.column : '' };
    if (!keeps()) {
      setHead({ ...local, number: local.columns.find((c) => NUMBER_COLUMN.test(c)) ?? '' });
      setForm({ ...next, column: local.columns.find((c) => NUMBER_COLUMN.test(c)) ?? '' });
      return;
    }
    setForm(next);
    setShare(0);
    try {
      if (now.current.kept) {
        await save();
        const draft = await upload('PUT', `/v1/campaigns/${now.current.kept.id}/recipients?${new URLSearchParams(words)}`, one, setShare);
        take(draft);
        await again(draft, local.rows);
      } else {
        const body = changesOf(next, {});
        const campaign = { ...setOnly(body), ...words, message: body.message ?? messageOf(NOTHING), ...(account && { sub_account: account }) };
        const draft = await create(campaign, one, setShare);
        made.value = draft.id;
        take(draft);
        now.current.sent = { ...body, name: draft.name, message: campaign.message };
        setForm((/** @type {Form} */ is) => ({ ...is, name: is.name === next.name ? draft.name : is.name }));
        setState('kept');
        if (route.value.path[0] === 'new') go(to(['new', draft.id]), { replace: true });
        await again(draft, local.rows);
      }
    } catch (refused) {
      setError(refused);
      if (!now.current.kept) setFile(null);
    } finally {
      setShare(null);
    }
  };
  return { kept, form, setForm, file, head, state, error, setError, share, setShare, save, remove, put, reading, setReading };
}
