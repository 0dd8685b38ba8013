// Numbers and times as people of this browser's language read them.

const whole = new Intl.NumberFormat();
const tenth = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const shares = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const exact = new Intl.DateTimeFormat(undefined, {
  day: 'numeric', month: 'short', year: 'numeric',
  hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
});
const zoneOnly = new Intl.DateTimeFormat(undefined, { timeZoneName: 'short' });

/** @param {number} n */
export const count = (n) => whole.format(n);

/** `1 message`, `2,000 messages`. @param {number} n @param {string} one @param {string} [many] */
export const several = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** A share; what is not none is not shown as none, and what is not all not as all.
 * @param {number} part @param {number} all */
export function percent(part, all) {
  if (!all) return shares.format(0);
  const share = part / all;
  if (part > 0 && share < 0.001) return `< ${shares.format(0.001)}`;
  if (part < all && share > 0.999) return `> ${shares.format(0.999)}`;
  return shares.format(share);
}

/** @param {number | null | undefined} perSecond */
export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return '–';
  return `${perSecond < 10 ? tenth.format(perSecond) : count(Math.round(perSecond))}/s`;
}

/** `45 s`, `3 min 20 s`, `2 h 5 min`, `4 d`. @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 600) return `${Math.floor(s / 60)} min${s % 60 ? ` ${s % 60} s` : ''}`;
  if (s < 3600) return `${Math.round(s / 60)} min`;
  const h = Math.floor(s / 3600);
  const m = Math.round((s % 3600) / 60);
  return s < 86_400 ? `${h} h${m ? ` ${m} min` : ''}` : `${Math.round(s / 86_400)} d`;
}

/** With its zone. @param {string | null | undefined} iso */
export const moment = (iso) => (iso ? exact.format(new Date(iso)) : '–');

/** Short: the time of day, with the date unless it is today. @param {string | null | undefined} iso @param {Date} [now] */
export function when(iso, now = new Date()) {
  if (!iso) return '–';
  const at = new Date(iso);
  const today = at.toDateString() === now.toDateString();
  return today ? clock.format(at) : `${day.format(at)}, ${clock.format(at)}`;
}

/** Name of this browser's time zone, such as `CET`. */
export const zone = () =>
  zoneOnly.formatToParts(new Date()).find((part) => part.type === 'timeZoneName')?.value ?? '';

/** Whether times of day in the server's sentences are in another zone than the browser's.
 * @param {number} minutes offset of the server from UTC */
export const otherZone = (minutes) => minutes !== -new Date().getTimezoneOffset();

/** `UTC+02:00`. @param {number} minutes */
export function offsetName(minutes) {
  if (!minutes) return 'UTC';
  const at = Math.abs(minutes);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return `UTC${minutes < 0 ? '-' : '+'}${two(Math.floor(at / 60))}:${two(at % 60)}`;
}

/** A sentence or a name begins large. @param {string} text */
export const large = (text) => text.charAt(0).toUpperCase() + text.slice(1);
