// The address: what is shown, its filter and its search are kept behind the `#`.
import { signal } from './lib.js';

/** @typedef {{ path: string[], query: URLSearchParams }} Route */

/** @param {string} hash @returns {Route} */
export function parse(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** An address within the page. Empty values are left out.
 * @param {string[]} path @param {Record<string, string | number | string[] | null | undefined>} [query] */
export function to(path, query = {}) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== '') words.append(name, String(one));
    }
  }
  const text = words.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

export const route = signal(parse(globalThis.location?.hash ?? ''));

/** Go there. @param {string} hash @param {{ replace?: boolean }} [how] replace: without a step back */
export function go(hash, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, '', hash);
    route.value = parse(hash);
  } else {
    location.hash = hash;
  }
}

globalThis.addEventListener?.('hashchange', () => {
  route.value = parse(location.hash);
});
