// Drives the page in Chromium; what it is to drive comes as JSON on stdin. Exit code 1, and why, if it fails.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../dashboard/page/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const given = JSON.parse(readFileSync(0, 'utf8'));
const { url, people } = given;

const browser = await chromium.launch({
  executablePath: given.chromium, headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const errors = [];

/** A browser of its own, in which no error may be logged but for answers that are expected. */
async function open(how = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/London', ...how });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.expected = [];
  page.on('pageerror', (error) => errors.push(error.stack));
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    if (page.expected.some((part) => message.location().url.includes(part))) return;
    errors.push(`${message.text()} ${message.location().url}`);
  });
  return page;
}

async function signIn(page, token) {
  await page.goto(`${url}/ui/`);
  await page.fill('#token', token);
  await page.click('text="Sign in"');
  await page.waitForSelector('h1:text-is("Campaigns")');
}

/** No serious breach of WCAG 2.2 AA; style-src and script-src of the page forbid axe's own ways in. */
async function accessible(page, where) {
  const found = await page.evaluate(`(() => { ${axe}; return axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }); })()`);
  const bad = found.violations.map((one) => `${where}: ${one.id} ${one.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ''}`).join('\n')}`);
  assert.deepEqual(bad, []);
}

const fits = async (page, where) =>
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${where} is too wide`);

const tests = {
  async 'a wrong token is refused in a sentence, and the right one signs in'() {
    const page = await open();
    page.expected.push('/ui/session');
    await page.goto(`${url}/ui/`);
    await accessible(page, 'signing in');
    await page.fill('#token', 'sm_wrong');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=This token is not good');
    await page.fill('#token', given.all);
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=No campaign yet');
    await accessible(page, 'no campaigns');
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Strict']);
    assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage })), '{}');
    await page.context().close();
  },

  async 'a campaign is launched from a file, and says how many get it'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('text="New campaign"');
    await page.setInputFiles('input[type=file]', given.file);
    await page.waitForSelector('td:text-is("Zoë")');
    assert.equal(await page.inputValue('input[placeholder="Spring sale"]'), 'Winter sale');
    await page.click('button:text-is("Text")');
    await page.fill('textarea', 'Hello ');
    await page.click('button.chip:text-is("name")');
    await page.waitForSelector('.bubble:has-text("Hello Zoë")');
    await accessible(page, 'launching');
    await page.click('text="Check"');
    await page.waitForSelector('.launch-line:has-text("goes to")');
    await page.waitForSelector('text=What it comes to');
    await page.waitForSelector('.ledger:has-text("rows that cannot be used")');
    await page.click('button:has-text("Launch to")');
    await page.waitForSelector('h1:text-is("Winter sale")');
    await page.waitForSelector('text=adds up to all recipients');
    await page.context().close();
  },

  async 'people are kept from messages, looked up, and let go after a question'() {
    const page = await open({ viewport: { width: 390, height: 780 } });
    await signIn(page, given.all);
    await page.evaluate(() => { location.hash = '#/optouts'; });
    await page.waitForSelector('text=No opt-outs here');
    await page.click('text="Add people"');
    await page.fill('dialog textarea', '+447700900910\n+44 12\n');
    await page.click('button:text-is("Add 2 people")');
    await page.waitForSelector('dialog .notice:has-text("1 cannot be read")');
    await accessible(page, 'adding opt-outs');
    await page.click('dialog >> text="Close"');
    await page.waitForSelector('td:text-is("+447700900910")');
    await accessible(page, 'opt-outs');
    await fits(page, 'opt-outs');
    await page.fill('input[type=search]', '+447700900910');
    await page.click('text="Look up"');
    await page.click('.notice:has-text("since") button');
    await page.click('dialog button.danger');
    await page.waitForSelector('text=No opt-outs here');
    await page.context().close();
  },

  async 'every count leads to exactly those people'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('a:text-is("Winter sale")');
    await page.waitForSelector('.pill:has-text("Finished")', { timeout: 60_000 });
    await accessible(page, 'a campaign');
    // Receipts still come: the figures are taken once they have stood for some seconds.
    const figures = () => page.evaluate(async () => JSON.stringify((await (await fetch('/v1/campaigns/Winter%20sale')).json()).counts));
    for (let quiet = 0, before = ''; quiet < 6;) {
      const now = await figures();
      quiet = now === before ? quiet + 1 : 0;
      before = now;
      await page.waitForTimeout(1000);
    }
    await page.waitForTimeout(6000); // the page asks every five seconds for a campaign that has ended
    const links = page.locator('.ledger .group:not(:has-text("Waiting")) a, .ledger .total a');
    for (let at = 0; at < await links.count(); at += 1) {
      const n = Number((await links.nth(at).textContent()).replace(/\D/g, ''));
      if (!n) continue;
      await links.nth(at).click();
      await page.waitForSelector('table.rows tbody tr');
      let seen = 0;
      for (;;) {
        seen += await page.locator('table.rows tbody tr').count();
        const next = page.locator('button:has-text("Next")');
        if (!(await next.count()) || (await next.isDisabled())) break;
        const first = await page.locator('table.rows tbody tr').first().textContent();
        await next.click();
        await page.waitForFunction((before) => (document.querySelector('table.rows tbody tr')?.textContent ?? before) !== before, first);
      }
      assert.equal(seen, n, await page.evaluate(() => location.hash));
      await page.click('.tabs >> text="Overview"');
      await page.waitForSelector('.ledger');
    }
    await page.locator('.ledger .total a').click();
    await page.waitForSelector('table.rows tbody tr');
    await accessible(page, 'messages');
    await page.locator('table.rows a').first().click();
    await page.waitForSelector('dialog[open] .timeline li');
    await accessible(page, 'a message');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.context().close();
  },

  async 'the switch stops marketing, every screen says so, and it goes on'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('.switch-corner .switch');
    await page.fill('dialog input[required]', 'wrong price');
    await accessible(page, 'the stop switch');
    await page.click('dialog button:has-text("Stop marketing")');
    await page.waitForSelector('.banner:has-text("wrong price")');
    await page.click('nav a:text-is("Sending")');
    await page.waitForSelector('.tile:has-text("Marketing is stopped")');
    await accessible(page, 'sending');
    await page.click('.banner >> text="Go on"');
    await page.waitForSelector('.switch-corner >> text="Sending is on"');
    await page.context().close();
  },

  async 'what was done is in the trail'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('nav a:text-is("Audit")');
    await page.waitForSelector('tr:has-text("stop") >> text=token:Ada');
    await accessible(page, 'the trail');
    await page.context().close();
  },

  async 'a filter and a search are kept in the address'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('.tabs >> text="Ended"');
    await page.fill('.search input', 'winter');
    await page.waitForFunction(() => location.hash === '#/campaigns?show=ended&search=winter');
    await page.reload();
    await page.waitForSelector('a:text-is("Winter sale")');
    assert.equal(await page.inputValue('.search input'), 'winter');
    await page.fill('.search input', 'nothing of this kind');
    await page.waitForSelector('text=Nothing fits');
    await page.context().close();
  },

  async 'who may only read sees no person and no button that acts'() {
    const page = await open();
    await signIn(page, given.reader);
    assert.equal(await page.locator('text="New campaign"').count(), 0);
    assert.equal(await page.locator('.brief a').count(), 0);
    await page.click('a:text-is("Winter sale")');
    await page.waitForSelector('text=adds up to all recipients');
    for (const word of ['Pause', 'Cancel …', 'Retry …', 'Export', 'Messages']) {
      assert.equal(await page.locator(`main >> text="${word}"`).count(), 0, word);
    }
    const status = await page.evaluate(async () => (await fetch('/v1/campaigns/Winter%20sale/cancel', { method: 'POST' })).status);
    assert.equal(status, 403);
    errors.splice(0, errors.length, ...errors.filter((one) => !one.includes('/cancel')));
    await page.context().close();
  },

  async 'two tabs have one event stream'() {
    const first = await open();
    let streams = 0;
    first.context().on('request', (request) => { streams += request.url().endsWith('/v1/events'); });
    await signIn(first, given.all);
    const second = await first.context().newPage();
    await second.goto(`${url}/ui/`);
    await second.waitForSelector('a:text-is("Winter sale")');
    assert.equal(streams, 1);
    await first.context().close();
  },

  async 'it fits a phone, in both schemes, with the keyboard alone'() {
    for (const colorScheme of ['light', 'dark']) {
      const page = await open({ viewport: { width: 390, height: 844 }, colorScheme, reducedMotion: 'reduce' });
      await signIn(page, given.all);
      await page.waitForSelector('a:text-is("Winter sale")');
      await accessible(page, `campaigns, ${colorScheme}`);
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the content');
      await page.evaluate(() => document.activeElement?.blur());
      for (const hash of ['#/campaigns', '#/campaigns/Winter%20sale', '#/campaigns/Winter%20sale/messages', '#/new', '#/unconfirmed', '#/sending', '#/people']) {
        await page.evaluate((to) => { location.hash = to; }, hash);
        await page.waitForSelector('main h1');
        await page.waitForLoadState('networkidle').catch(() => {});
        await fits(page, `${hash}, ${colorScheme}`);
      }
      await page.click('button[aria-label="Menu"]');
      await page.click('.side.open >> text="Sending"');
      await page.waitForSelector('h1:text-is("Sending")');
      await page.context().close();
    }
  },

  async 'without a connection it says so, and shows what was known'() {
    const page = await open();
    page.expected.push('/v1/', '/ui/');
    await signIn(page, given.all);
    await page.waitForSelector('a:text-is("Winter sale")');
    await page.context().setOffline(true);
    await page.fill('.search input', 'w');
    await page.waitForSelector('.banner:has-text("There is no connection to sendmany")');
    await page.context().setOffline(false);
    await page.click('text="Try again"');
    await page.waitForSelector('.banner', { state: 'detached' });
    await page.context().close();
  },

  async 'signing out ends the session in every way'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('text="Sign out"');
    await page.waitForSelector('#token');
    const status = await page.evaluate(async () => (await fetch('/v1/campaigns')).status);
    assert.equal(status, 401);
    errors.splice(0, errors.length, ...errors.filter((one) => !one.includes('/v1/campaigns')));
    await page.context().close();
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    assert.deepEqual(errors.splice(0), [], 'the console of the browser has errors');
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    errors.splice(0);
    console.log(`not ok ${name}\n${error.stack ?? error}`);
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
