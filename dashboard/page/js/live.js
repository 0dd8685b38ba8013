// What changes, as it changes: one event stream for all tabs of a browser. The tab that holds a lock
// listens and passes on what it hears; the others get it over a channel.
import { heardAt, session, trouble } from './api.js';
import { batch, signal } from './lib.js';

/** @typedef {import('./types.js').Lane} Lane */

/** What is known of unfinished campaigns, newer than any answer; by id. @type {import('./lib.js').Signal<Record<string, Lane>>} */
export const lanes = signal({});
/** Counts up with each change: who shows more than `lanes` holds asks again. */
export const changes = signal(0);

/** When each was heard of last, ms. @type {Map<string, number>} */
const heard = new Map();

/** A lane as it was answered, or as it was heard of since. @template {Lane} T @param {T} lane @param {number} at when it was asked for, ms @returns {T} */
export const newest = (lane, at) =>
  ((heard.get(lane.id) ?? 0) > at ? { ...lane, ...lanes.value[lane.id] } : lane);

const LOCK = 'sendmany-events';
/** @type {BroadcastChannel | null} */
let channel = null;
/** @type {EventSource | null} */
let source = null;
/** @type {AbortController | null} */
let waiting = null;

/** Put what was heard into the figures. @param {{ kind: string, data: any }} event */
export function apply({ kind, data }) {
  batch(() => {
    if (kind === 'snapshot') {
      const next = { ...lanes.value };
      for (const one of [...data.campaigns, ...data.lanes]) {
        next[one.id] = one;
        heard.set(one.id, Date.now());
      }
      lanes.value = next;
    } else if (kind === 'campaign' || kind === 'lane') {
      lanes.value = { ...lanes.value, [data.id]: data };
      heard.set(data.id, Date.now());
    }
    changes.value += 1;
    trouble.value = '';
    heardAt.value = new Date().toISOString();
  });
}

/** Begin to listen, in this tab or by another one. */
export function listen() {
  if (channel) return;
  channel = new BroadcastChannel(LOCK);
  channel.onmessage = ({ data }) => {
    if (data.kind === 'hello' && source) {
      const known = Object.values(lanes.value).filter((one) => one.kind === 'campaign');
      channel?.postMessage({ kind: 'snapshot', data: { campaigns: known, lanes: [] } });
    } else if (data.kind !== 'hello') {
      apply(data);
    }
  };
  channel.postMessage({ kind: 'hello' });
  waiting = new AbortController();
  navigator.locks
    .request(LOCK, { signal: waiting.signal }, () => new Promise((resolve) => lead(resolve)))
    .catch(() => {});
}

/** @param {(value: unknown) => void} leave gives the lock back */
function lead(leave) {
  source = new EventSource('/v1/events');
  for (const kind of ['snapshot', 'campaign', 'lane', 'breakers']) {
    source.addEventListener(kind, (event) => {
      const said = { kind, data: JSON.parse(/** @type {MessageEvent} */ (event).data) };
      apply(said);
      channel?.postMessage(said);
    });
  }
  source.onerror = () => {
    if (source?.readyState !== EventSource.CLOSED) return;
    source = null;
    leave(null);
    setTimeout(again, 3000);
  };
  ending = () => leave(null);
}
let ending = () => {};

/** The stream was refused, since the session has ended or there are too many: ask which. */
async function again() {
  if (!session.value) return;
  stop();
  try {
    const answer = await fetch('/ui/session', { headers: { 'X-Refresh': '1' } });
    const who = answer.ok ? await answer.json() : session.value;
    if (who) listen();
    else session.value = null;
  } catch {
    trouble.value = 'offline';
    setTimeout(again, 3000);
  }
}

/** Listen no more. */
export function stop() {
  waiting?.abort();
  source?.close();
  channel?.close();
  source = channel = null;
  ending();
  lanes.value = {};
}
