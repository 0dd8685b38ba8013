// Asking for what a screen shows, and asking again while it is looked at.
import { ask } from './api.js';
import { useEffect, useRef, useState } from './lib.js';

/**
 * The answer to a GET, and when it was asked for (`at`, ms). What was answered before stays meanwhile.
 * @param {string | null} path null: nothing
 * @param {{ every?: number, after?: number }} [how] every: seconds between two questions; after: a number
 *   that counts changes, after which it is asked again, but not more often than every 2 seconds
 * @returns {{ data: any, at: number, error: import('./api.js').ApiError | null, again: () => void, set: (data: any) => void }}
 */
export function useAnswer(path, { every = 0, after = 0 } = {}) {
  const [found, set] = useState(/** @type {any} */ ({ path: null, data: null, error: null }));
  const [turn, turnTo] = useState(0);
  const asked = useRef({ at: 0, path: /** @type {string | null} */ (null), turn: 0 });

  const shown = useRef(path);
  shown.current = path;

  useEffect(() => {
    if (path === null) return undefined;
    const fresh = asked.current.path !== path;
    const wait = fresh || asked.current.turn !== turn ? 0 : Math.max(0, asked.current.at + 2000 - Date.now());
    const timer = setTimeout(async () => {
      asked.current = { at: Date.now(), path, turn };
      try {
        const data = await ask(path, { refresh: !fresh });
        if (shown.current === path) set({ path, data, error: null, at: asked.current.at });
      } catch (error) {
        if (shown.current !== path) return;
        set((/** @type {any} */ old) => ({ path, data: old.path === path ? old.data : null, error }));
      }
    }, wait);
    return () => clearTimeout(timer);
  }, [path, turn, after]);

  useEffect(() => {
    if (!every) return undefined;
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') turnTo((n) => n + 1);
    }, every * 1000);
    return () => clearInterval(timer);
  }, [every]);

  const current = found.path === path;
  return {
    data: current ? found.data : null,
    at: current ? found.at ?? 0 : 0,
    error: current ? found.error : null,
    again: () => turnTo((n) => n + 1),
    set: (data) => set({ path, data, error: null, at: Date.now() }),
  };
}
