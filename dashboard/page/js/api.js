// The HTTP API, with the cookie of the session. Whether it can be reached is shown on every screen.
import { signal } from './lib.js';

/** @type {import('./lib.js').Signal<import('./types.js').Session | null | undefined>} undefined: not known yet */
export const session = signal(undefined);

/** Why nothing new comes: '' = it does. @type {import('./lib.js').Signal<'' | 'offline' | 'redis'>} */
export const trouble = signal('');
/** When something came last. @type {import('./lib.js').Signal<string>} */
export const heardAt = signal('');

export class ApiError extends Error {
  /** @param {number} status @param {string} sentence @param {{ path: string, message: string }[]} problems */
  constructor(status, sentence, problems = []) {
    super(sentence);
    this.status = status;
    this.problems = problems;
  }
}

/**
 * @param {string} path
 * @param {{ method?: string, body?: unknown, refresh?: boolean, signal?: AbortSignal, last?: boolean }} [how]
 *   refresh: the page asks by itself, which does not keep a session from being idle; last: it is sent even if
 *   the page is closed meanwhile
 * @returns {Promise<any>}
 */
export async function ask(path, { method = 'GET', body, refresh = false, signal, last = false } = {}) {
  /** @type {Record<string, string>} */
  const headers = refresh ? { 'X-Refresh': '1' } : {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const text = body === undefined ? undefined : JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, signal, credentials: 'same-origin',
      body: text, keepalive: last && (text?.length ?? 0) < 20_000,
    });
  } catch (error) {
    if (/** @type {Error} */ (error).name === 'AbortError') throw error;
    trouble.value = 'offline';
    throw new ApiError(0, 'There is no connection to sendmany.');
  }
  return read(answer.status, await answer.text());
}

/** @param {number} status @param {string} text */
export function read(status, text) {
  if (status < 400) {
    trouble.value = '';
    heardAt.value = new Date().toISOString();
    return text ? JSON.parse(text) : null;
  }
  /** @type {{ detail: string, problems?: { path: string, message: string }[] }} */
  let said = { detail: 'Something went wrong between here and sendmany.' };
  try {
    said = JSON.parse(text);
  } catch {
    // a proxy answered in words of its own
  }
  if (status === 401) session.value = null;
  if (status === 503 && said.detail.startsWith('Redis')) trouble.value = 'redis';
  throw new ApiError(status, said.detail, said.problems);
}

/** Whether the token of the session has a scope. @param {...string} scopes any of them */
export const may = (...scopes) => scopes.some((one) => session.value?.scopes.includes(one));
