import assert from 'node:assert/strict';
import { test } from 'node:test';

globalThis.location = { hash: '' };
const { parse, to } = await import('../js/router.js');
const { count, duration, large, offsetName, percent, rate, several } = await import('../js/format.js');
const { BRIEF, GROUPS, STATES, reason, standing, sum } = await import('../js/states.js');
const { fits, orderOf, peopleOf } = await import('../js/campaigns.js');
const { apply, changes, lanes, newest } = await import('../js/live.js');
const { ApiError, may, read, session, trouble } = await import('../js/api.js');
const { steps } = await import('../js/messages.js');

test('an address is read as it was written', () => {
  const hash = to(['campaigns', 'a/b ü', 'messages'], { state: ['read', 'failed'], search: 'x&y', empty: '' });
  const { path, query } = parse(hash);
  assert.deepEqual(path, ['campaigns', 'a/b ü', 'messages']);
  assert.deepEqual(query.getAll('state'), ['read', 'failed']);
  assert.equal(query.get('search'), 'x&y');
  assert.equal(query.get('empty'), null);
  assert.deepEqual(parse('#/%E0%A4%A').path, ['%E0%A4%A']);
});

test('the groups hold every state once, and so add up', () => {
  const grouped = GROUPS.flatMap((group) => group.states).toSorted();
  const all = Object.keys(STATES).filter((state) => state !== 'missing').toSorted();
  assert.deepEqual(grouped, all);
  assert.deepEqual(BRIEF.flatMap((group) => group.states).toSorted(), all);
  const lane = { counts: Object.fromEntries(all.map((state, n) => [state, n + 1])) };
  const total = GROUPS.reduce((n, group) => n + sum(lane, group.states), 0);
  assert.equal(total, (all.length * (all.length + 1)) / 2);
});

test('a count links to exactly its states', () => {
  assert.equal(peopleOf('c-1', ['failed', 'rejected']), '#/campaigns/c-1/messages?state=failed&state=rejected');
});

test('what is not none is not shown as none, and what is not all not as all', () => {
  assert.match(percent(1, 100_000), /</);
  assert.match(percent(99_999, 100_000), />/);
  assert.equal(percent(0, 10), percent(0, 0));
  assert.equal(percent(1, 2), '50%');
});

test('durations and rates are short', () => {
  assert.deepEqual([0, 59, 61, 600, 3660, 90_000].map(duration), ['0 s', '59 s', '1 min 1 s', '10 min', '1 h 1 min', '1 d']);
  assert.equal(duration(null), '–');
  assert.equal(rate(null), '–');
  assert.equal(rate(1234.4), `${count(1234)}/s`);
  assert.equal(several(1, 'message'), '1 message');
  assert.equal(several(2, 'person', 'people'), '2 people');
  assert.deepEqual([0, 120, -330].map(offsetName), ['UTC', 'UTC+02:00', 'UTC-05:30']);
  assert.equal(large(''), '');
});

test('rows stay where they are while a pointer is over them', () => {
  assert.deepEqual(orderOf(['c', 'b', 'a'], true, ['b', 'a']), ['b', 'a']);
  assert.deepEqual(orderOf(['c', 'a'], true, ['b', 'a']), ['a']);
  assert.deepEqual(orderOf(['c', 'b', 'a'], false, ['b', 'a']), ['c', 'b', 'a']);
  assert.deepEqual(orderOf(['a'], true, []), ['a']);
});

test('the first reason is why it waits, not that it is being sent', () => {
  const why = ['It is being sent.', '5 messages wait: marketing is stopped. `sendmany go --marketing` ends that.'];
  assert.equal(reason({ status: 'sending', why, counts: {} }), '5 messages wait: marketing is stopped.');
  assert.equal(reason({ status: 'paused', why: ['It is paused.', 'x'], counts: {} }), 'It is paused.');
  assert.equal(reason({ status: 'finished', why: ['It is finished.'], counts: {} }), '');
  assert.match(reason({ status: 'finished', why: [], counts: { unconfirmed: 1 } }), /1 unconfirmed message needs/);
});

test('what holds up a campaign is its state, until it is paused or ended', () => {
  assert.deepEqual(standing('sending', 'quiet hours'), { name: 'Held: quiet hours', tone: 'hold' });
  assert.equal(standing('sending', null).name, 'Sending');
  assert.equal(standing('finished', 'quiet hours').name, 'Finished');
  const tabs = (one) => ['all', 'running', 'held'].filter((filter) => fits(one, filter));
  assert.deepEqual(tabs({ status: 'sending', held: 'quiet hours' }), ['all', 'held']);
  assert.deepEqual(tabs({ status: 'sending', held: null }), ['all', 'running']);
});

test('what is heard replaces what was known, and counts as a change', () => {
  const before = changes.value;
  apply({ kind: 'snapshot', data: { campaigns: [{ id: 'a', done: 1 }], lanes: [], breakers: [] } });
  apply({ kind: 'campaign', data: { id: 'a', done: 2 } });
  assert.equal(lanes.value.a.done, 2);
  assert.equal(changes.value, before + 2);
  assert.equal(newest({ id: 'a', done: 1, why: [] }, Date.now() - 1000).done, 2);
  assert.equal(newest({ id: 'a', done: 3 }, Date.now() + 1000).done, 3);
});

test('an answer that refuses says what is wrong; 401 ends the session, Redis away is told apart', () => {
  session.value = { scopes: ['read'] };
  assert.equal(may('manage', 'send'), false);
  assert.equal(may('read'), true);
  assert.throws(() => read(503, '{"detail":"Redis does not answer at the moment: try again."}'), ApiError);
  assert.equal(trouble.value, 'redis');
  assert.deepEqual(read(200, '{"a":1}'), { a: 1 });
  assert.equal(trouble.value, '');
  assert.throws(() => read(502, '<html>'), /between here and sendmany/);
  assert.throws(() => read(401, '{"detail":"x"}'), { status: 401 });
  assert.equal(session.value, null);
});

test('the life of a message is told in its order', () => {
  const found = steps({
    attempt_log: ['1 api 1002 1764600000 b1'], posted_at: '2025-12-01T15:00:00Z', changed_at: '2025-12-01T15:01:00Z',
    state: 'delivered', meaning: '', waits_until: null,
    why: ['attempt 1 at 2025-12-01 14:40:00: 1002: the provider was busy (batch b1)'],
  });
  assert.deepEqual(found.map((step) => step.text), [
    'Attempt 1: 1002: the provider was busy', 'Posted to the provider', 'Delivered. It is on the handset.',
  ]);
  assert.equal(found.at(-1).tone, 'now');
});

const { NOTHING, around, fieldsOf, fillIn, messageOf, partsOf, templateOf, writtenOf } = await import('../js/message.js');
const { changesOf, differing, formOf, setOnly } = await import('../js/draft.js');
const { firstRows, peopleIn } = await import('../js/lists.js');
const { bytes } = await import('../js/sending.js');

test('the first rows of a file are read with its own delimiter, quotes and line ends', () => {
  const found = firstRows('\uFEFFnumber;name;note\r\n1;"Doe; ""J""";"two\nlines"\r\n2;b;c\r\n\r\n3;d;e\r\n4;f;g', 3);
  assert.deepEqual(found.columns, ['number', 'name', 'note']);
  assert.deepEqual(found.rows, [['1', 'Doe; "J"', 'two\nlines'], ['2', 'b', 'c'], ['3', 'd', 'e']]);
  assert.deepEqual(firstRows(''), { columns: [], rows: [] });
});

test('a list is read with a header or without, and names each person once', () => {
  assert.deepEqual(peopleIn('+447700900001\n+447700900002\r\n\n+447700900001\n'), ['+447700900001', '+447700900002']);
  assert.deepEqual(peopleIn('name,Number\nAda,+447700900001\n"Lin, J",U1'), ['+447700900001', 'U1']);
  assert.deepEqual(peopleIn(''), []);
});

test('start and pace are sent only where they were set, the start with its zone', async () => {
  const { paceOf } = await import('../js/pace.js');
  assert.deepEqual(paceOf({ at: '', rate: '', weight: '1', canary: '' }), {});
  const at = new Date('2026-12-24T09:00').toISOString().replace('.000', '');
  assert.deepEqual(paceOf({ at: '2026-12-24T09:00', rate: '20', weight: '3', canary: '5%' }), { send_at: at, rate: 20, weight: 3, canary: '5%' });
});

test('a preview fills in columns, and shows those that are not there', () => {
  assert.deepEqual(fillIn('Hi {{ name }}, {{x}}', { name: 'Ada' }), [
    { text: 'Hi ', filled: false }, { text: 'Ada', filled: true }, { text: ', ', filled: false },
    { text: '{{x}}', filled: true, missing: true },
  ]);
});

test('a message is written as the provider takes it', () => {
  const written = { ...NOTHING, name: ' offer ', values: { 'body.0': '{{name}}' } };
  assert.deepEqual(messageOf(written), { type: 'template', content: { template: { name: 'offer', language: 'en_GB',
    components: [{ type: 'body', parameters: [{ type: 'text', text: '{{name}}' }] }] } } });
  assert.deepEqual(messageOf({ ...NOTHING, kind: 'text', text: 'x' }), { type: 'text', content: { text: 'x' } });
  assert.throws(() => messageOf({ ...NOTHING, kind: 'json', json: '{' }));
});

test('bytes are short', () => assert.deepEqual([0, 900, 6_500_000, 12 * 2 ** 30].map(bytes), ['0 B', '900 B', '6.2 MiB', '12 GiB']));

const LISTED = {
  templateName: 'boats', language: 'en_GB', category: 'MARKETING', status: 'APPROVED', quality: 'Green',
  components: [
    { type: 'header', format: 'Image', example: { headerHandle: ['https://m/1.png'] } },
    { type: 'body', text: 'Dear {{1}}, the *{{2}}* is back &amp; sails.', example: { bodyText: [['Ana', 'Seagull']] } },
    { type: 'footer', text: 'Pier 4' },
    { type: 'buttons', buttons: [{ type: 'quick_reply', text: 'Yes' }, { type: 'url', text: 'See', url: 'https://b/{{1}}', example: ['x'] }] },
  ],
};

test('a registered template names its values, and its message is read back as it was written', () => {
  const one = templateOf(LISTED);
  assert.deepEqual([one.name, one.status, one.quality, one.body], ['boats', 'APPROVED', 'GREEN', 'Dear {{1}}, the *{{2}}* is back & sails.']);
  assert.deepEqual(fieldsOf(one).map(({ place, sample }) => [place, sample]), [['header.image', 'https://m/1.png'], ['body.0', 'Ana'], ['body.1', 'Seagull'], ['button.1.url', 'x']]);
  const values = { 'header.image': '{{pic}}', 'body.0': '{{name}}', 'body.1': 'Gull', 'button.1.url': 'a{{id}}' };
  const written = { ...NOTHING, name: 'boats', values };
  const message = messageOf(written);
  assert.deepEqual(message.content.template.components.map((part) => [part.type, part.subType, part.index, part.parameters.length]),
    [['header', undefined, undefined, 1], ['body', undefined, undefined, 2], ['button', 'Url', 1, 1]]);
  assert.deepEqual(writtenOf(message), written);
  const text = partsOf(one, values, { name: 'Zoë' }).text.map((piece) => piece.text).join('');
  assert.equal(text, 'Dear Zoë, the *Gull* is back & sails.');
  assert.equal(partsOf(one, {}, null).text[1].text, 'Ana');
  assert.equal(around('Hello dear {{1}}, the {{2}}', 0), '… dear ▢, the …');
  assert.equal(fieldsOf(templateOf({ ...LISTED, components: [{ type: 'carousel', cards: [{}] }] })), null);
});

test('a message that the fields cannot show is kept as JSON', () => {
  const odd = { type: 'template', content: { template: { name: 'a', language: 'en', components: [{ type: 'button', subType: 'QuickReply', index: 0, parameters: [{ type: 'payload', payload: 'x' }] }] } } };
  const written = writtenOf(odd);
  assert.equal(written.kind, 'json');
  assert.deepEqual(messageOf(written), odd);
  assert.deepEqual(messageOf(writtenOf({ type: 'text', content: { text: 'Hi' } })), { type: 'text', content: { text: 'Hi' } });
});

test('a draft that is opened is not changed by that, and only what was changed is sent', () => {
  const options = { message: { type: 'text', content: { text: 'Hi' } }, map: { phone: 'Tel', x: 'y' }, rate: 5, send_at: '2026-12-24 09:00 Europe/London', keep: ['z'] };
  const kept = { id: 'c', name: 'Spring', sub_account: 's', options, columns: [], problem: null, kept_until: '' };
  const was = changesOf(formOf(kept), options);
  assert.deepEqual(differing(was, was), {});
  assert.deepEqual([was.map, was.rate], [{ x: 'y', phone: 'Tel' }, 5]);
  const is = changesOf({ ...formOf(kept), name: ' ', column: '', region: 'gb', written: { ...NOTHING, kind: 'json', json: '{' } }, options);
  assert.deepEqual(differing(is, was), { map: { x: 'y' }, default_region: 'GB' });
  assert.deepEqual(setOnly({ a: null, b: 0 }), { b: 0 });
});

test('a pace that is taken out of a draft is reset', () => {
  const form = formOf({ name: 'Spring', options: { message: {}, spread: true, rate: 5 } });
  const changed = (pace) => changesOf({ ...form, pace: { ...form.pace, ...pace } }, {});
  const [kept, takenOut] = [changed({}), changed({ spread: false })];
  assert.deepEqual([form.pace.spread, kept.rate, kept.spread], [true, null, true]);
  assert.deepEqual([takenOut.rate, takenOut.spread], [5, null]);
});

test('what can be done about a failure follows its remedy, the scopes of the token, and the state of the campaign', async () => {
  const { actsOn } = await import('../js/remedies.js');
  const as = (scopes, item, status = 'finished') => {
    session.value = { scopes };
    return actsOn({ state: 'rejected', ...item }, status);
  };
  const all = ['read', 'people', 'send', 'manage'];
  assert.deepEqual(as(all, { remedy: 'take_off' }), ['off']);
  assert.deepEqual(as(['read', 'manage'], { remedy: 'take_off' }), []);
  assert.deepEqual(as(all, { remedy: 'mend' }), ['mend', 'again']);
  assert.deepEqual(as(['read', 'send'], { remedy: 'mend' }), ['again']);
  assert.deepEqual(as(all, { remedy: 'mend' }, 'paused'), ['again']);
  assert.deepEqual(as(all, { remedy: 'wait' }, 'sending'), []);
  assert.deepEqual([as(all, { remedy: 'account' }), as(all, { remedy: 'nothing' })], [['again'], []]);
  assert.deepEqual(as(all, { remedy: 'wait', state: 'unconfirmed' }), ['decide']);
});

test('all people of a failure are taken off the list, page by page', async () => {
  const { takeOff } = await import('../js/remedies.js');
  const asked = [];
  const pages = { 0: { items: [{ number: '+1' }, { number: '' }, { number: '+2' }], next: '7' }, 7: { items: [], next: '9' }, 9: { items: [{ number: '+3' }], next: null } };
  globalThis.fetch = async (path, { body }) => {
    asked.push([path.split('?')[0], body && JSON.parse(body)]);
    const query = new URLSearchParams(path.split('?')[1]);
    if (!body) assert.deepEqual(['state', 'origin', 'code'].map((name) => query.get(name)), ['undelivered', 'receipt', '1018']);
    const answer = body ? { new: 1, known: 0, invalid: [{}] } : pages[query.get('cursor')];
    return { status: 200, text: async () => JSON.stringify(answer) };
  };
  const sum = await takeOff({ id: 'c-1', sub_account: 'shop' }, { state: 'undelivered', origin: 'receipt', code: 1018, messages: 3 });
  assert.deepEqual(sum, { new: 2, known: 0, invalid: 2 });
  assert.deepEqual(asked.filter(([, body]) => body).map(([path, { people, sub_account }]) => [path, people, sub_account]),
    [['/v1/suppressions', ['+1', '+2'], 'shop'], ['/v1/suppressions', ['+3'], 'shop']]);
});

const { factsOf } = await import('../js/people.js');

test('what is held about a person is told in sentences, and what is not held is not told', () => {
  const none = { suppressions: [], releases: [], windows: [], unreachable: [], counted_marketing: [], last_message_was_not_marketing: [], drafts: [], webhooks: [] };
  assert.deepEqual(factsOf(none), []);
  const [[name, [said]], [provider]] = factsOf({ ...none, webhooks: [{}], suppressions: [{ scope: '*', since: '2025-12-01T15:00:00Z', reason: 'reply', purposes: 'all' }] });
  assert.equal(name, 'Opt-outs');
  assert.match(said, /^No message from every sub-account since .*, by their reply$/);
  assert.equal(provider, 'From the provider');
});

const { actOf } = await import('../js/audit.js');
const { hopeOf } = await import('../js/remedies.js');

test('an action of the audit trail is told in words', () => {
  assert.deepEqual(['campaign.launch', 'stop', 'suppress.add', 'quiet_hours'].map(actOf), ['Campaign: launch', 'Sending stopped', 'Opt-outs: add', 'Quiet hours']);
});

test('a retry tells whom sending alone may reach from those to whom it fails again', () => {
  const found = hopeOf([
    { state: 'rejected', remedy: 'take_off' }, { state: 'rejected', remedy: 'mend' }, { state: 'undelivered', remedy: 'wait' },
    { state: 'skipped', remedy: 'wait' }, { state: 'failed', remedy: 'account' }, { state: 'undelivered', remedy: 'nothing' },
  ]);
  assert.deepEqual(found.mays.map((one) => one.remedy), ['wait', 'account']);
  assert.deepEqual(found.others.map((one) => one.remedy), ['take_off', 'mend', 'nothing']);
});
