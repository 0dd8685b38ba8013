// The states of messages and campaigns: their names, and the groups that add up to all recipients.

/** @typedef {import('./types.js').State} State */
/** @typedef {import('./types.js').Lane} Lane */

/** @type {Record<string, [string, string]>} */
export const STATES = {
  read: ['Read', 'The person has opened it.'],
  delivered: ['Delivered', 'It is on the handset.'],
  delivered_to_operator: ['With the operator', 'The operator has it; the person may not yet.'],
  forwarded: ['On its way', 'The provider gave it to the operator.'],
  accepted: ['Taken', 'The provider took it; no receipt has come yet.'],
  undelivered: ['Undelivered', 'The operator says that it did not arrive.'],
  rejected: ['Rejected', 'The provider refused this message.'],
  failed: ['Failed', 'All retries are used up.'],
  unconfirmed: ['Unconfirmed', 'It was posted, and no answer came: it may have arrived.'],
  queued: ['Queued', 'It waits for its turn.'],
  in_flight: ['Being posted', 'It is on its way to the provider now.'],
  delayed: ['Put off', 'It waits for a time: the end of quiet hours, or another try.'],
  in_doubt: ['In doubt', 'It was posted; a receipt may still settle it.'],
  skipped: ['Skipped', 'Opted out, expired, or outside the service window.'],
  cancelled: ['Cancelled', 'The campaign was cancelled before it went out.'],
  missing: ['Missing', 'It is nowhere to be found: run sendmany campaign verify.'],
};

/** States of what the provider took, of what reached a handset, and of what did not arrive. @type {State[]} */
export const SENT = ['read', 'delivered', 'delivered_to_operator', 'forwarded', 'accepted'];
/** @type {State[]} */
export const REACHED = ['delivered', 'read'];
/** @type {State[]} */
export const FAILED = ['undelivered', 'rejected', 'failed'];

/** Groups without overlap: they add up to the recipients.
 * @type {{ key: string, name: string, states: State[] }[]} */
export const GROUPS = [
  { key: 'read', name: 'Read', states: ['read'] },
  { key: 'delivered', name: 'Delivered', states: ['delivered'] },
  { key: 'way', name: 'Sent, no receipt yet', states: ['delivered_to_operator', 'forwarded', 'accepted'] },
  { key: 'failed', name: 'Not delivered', states: FAILED },
  { key: 'unconfirmed', name: 'Unconfirmed', states: ['unconfirmed'] },
  { key: 'skipped', name: 'Not sent', states: ['skipped', 'cancelled'] },
  { key: 'waiting', name: 'Waiting', states: ['queued', 'in_flight', 'delayed', 'in_doubt'] },
];

/** What one reads beside the bar of a campaign.
 * @type {{ key: string, name: string, states: State[] }[]} */
export const BRIEF = [
  { key: 'sent', name: 'sent', states: SENT },
  ...GROUPS.slice(3).map((one) => ({ ...one, name: one.name.toLowerCase() })),
];

/** @param {Lane} lane @param {State[]} states */
export const sum = (lane, states) =>
  states.reduce((n, state) => n + (lane.counts[state] ?? 0), 0);

/** @type {Record<string, { name: string, tone: string }>} */
export const STATUSES = {
  draft: { name: 'Draft', tone: 'calm' },
  loading: { name: 'Loading', tone: 'calm' },
  scheduled: { name: 'Scheduled', tone: 'calm' },
  sending: { name: 'Sending', tone: 'live' },
  paused: { name: 'Paused', tone: 'hold' },
  halted: { name: 'Halted', tone: 'bad' },
  stopped: { name: 'Stopped', tone: 'bad' },
  cancelling: { name: 'Cancelling', tone: 'calm' },
  cancelled: { name: 'Cancelled', tone: 'calm' },
  finished: { name: 'Finished', tone: 'good' },
};

/** How a campaign stands, in a word and a tone; what holds up one that is being sent stands for its state.
 * @param {string} status @param {string | null} [held] */
export const standing = (status, held) => (status === 'sending' && held
  ? { name: `Held: ${held}`, tone: 'hold' } : STATUSES[status] ?? { name: status, tone: 'calm' });

export const ENDED = ['finished', 'cancelled'];

/** The sentence that says why something waits; of what has ended, what still needs a person.
 * @param {import('./types.js').Campaign} campaign */
export function reason(campaign) {
  const [first = '', ...more] = campaign.why ?? [];
  if (ENDED.includes(campaign.status)) {
    const n = campaign.counts.unconfirmed ?? 0;
    return n ? `${n.toLocaleString()} unconfirmed ${n === 1 ? 'message needs' : 'messages need'} a decision.` : '';
  }
  return plain(campaign.status === 'sending' && more.length ? more[0] : first);
}

/** A sentence without the command line that ends what it tells: the page has a button for it. @param {string} said */
export const plain = (said) => said.replace(/ `[^`]*` ends that\.$| That lasts until an operator closes it: `[^`]*`\.$/, '');
