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
  await page.evaluate(() => Promise.all(document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < Infinity).map((one) => one.finished.catch(() => {})))); // a dialog that is still fading in has less contrast
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
    const [list] = await Promise.all([page.waitForEvent('download'), page.click('text="Download them all"')]);
    assert.equal(list.suggestedFilename(), 'Winter sale.invalid.csv');
    const lines = readFileSync(await list.path(), 'utf8').split('\n');
    assert.equal(lines[0], 'sendmany_line,sendmany_reason,number,name');
    assert.match(lines[1], /^402,.*,12,Eve$/);
    await page.click('button:has-text("Launch to")');
    await page.waitForSelector('[role=timer]:has-text("It is launched in")');
    await accessible(page, 'a launch that can be undone');
    await page.click('text="Undo"');
    await page.waitForSelector('text=nothing was launched');
    await page.click('button:has-text("Launch to")'); // and nothing is done then
    await page.waitForSelector('h1:text-is("Winter sale")');
    await page.waitForSelector('text=adds up to all recipients');
    await page.context().close();
  },

  async 'a closed tab loses nothing: what was done to a new campaign is a draft'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('text="New campaign"');
    await page.setInputFiles('input[type=file]', given.file);
    await page.waitForSelector('text=Saved: this tab can be closed');
    assert.equal(await page.inputValue('input[placeholder="Spring sale"]'), 'Winter sale 2'); // the name was taken
    await page.selectOption('.step:has-text("What they get") label select', 'spring_offer en');
    const fields = page.locator('.step:has-text("What they get") .filled input');
    await fields.nth(0).focus();
    await page.locator('.step:has-text("What they get") .filled').nth(0).locator('button.chip:text-is("name")').click();
    await fields.nth(1).fill('20 %');
    await page.fill('input[placeholder="as its sub-account"]', '5');
    await page.waitForSelector('.bubble:has-text("Zoë")');
    await page.click('text="People of another campaign"');
    await page.locator('dialog li:has(b:text-is("Winter sale")) >> text="Who got it"').click();
    await page.waitForSelector('.chip:has-text("who got Winter sale")');
    await accessible(page, 'a draft');
    await page.close({ runBeforeUnload: true }); // at once: what is not saved yet is sent as the tab goes
    const again = await page.context().newPage();
    again.expected = [];
    await again.goto(`${url}/ui/#/campaigns?show=drafts`);
    await again.click('a:text-is("Winter sale 2")');
    await again.waitForSelector('.bubble:has-text("Zoë")');
    assert.deepEqual(
      [await again.inputValue('.step:has-text("What they get") .filled input >> nth=0'), await again.inputValue('input[placeholder="as its sub-account"]')],
      ['{{name}}', '5'],
    );
    await again.waitForSelector('.chip:has-text("who got Winter sale")');
    await again.click('button[aria-label="Do not leave out who got Winter sale"]');
    await again.click('text="Check"');
    await again.waitForSelector('.launch-line:has-text("goes to 3"), .launch-line:has-text("goes to 400")');
    await again.fill('input[placeholder="+44 7700 900123"]', '+447700900777');
    await again.click('text="Send a test"');
    await again.waitForSelector('.pick li:has-text("With the"), .pick li:has-text("Delivered"), .pick li:has-text("Taken"), .pick li:has-text("Read"), .pick li:has-text("On its way")');
    await accessible(again, 'a checked draft');
    await again.click('text="Clone …"');
    await again.fill('dialog input[required]', 'Copy');
    await again.click('dialog >> text="Clone"');
    await again.waitForSelector('h1:text-is("Copy")');
    await again.waitForSelector('.bubble:has-text("Zoë")');
    await again.click('text="Delete …"');
    await again.click('dialog button.danger');
    await again.waitForSelector('table.campaigns');
    assert.equal(await again.locator('a:text-is("Copy")').count(), 0);
    await again.click('a:text-is("Winter sale 2")');
    await again.click('text="Check"');
    await again.click('button:has-text("Launch to")');
    await again.click('text="Now"');
    await again.waitForSelector('h1:text-is("Winter sale 2")');
    await again.waitForSelector('text=adds up to all recipients');
    await page.context().close();
  },

  async 'a pace that is changed while it runs takes effect'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('a:text-is("Winter sale 2")');
    const seen = () => page.evaluate(async () => {
      const { rate, weight, status } = await (await fetch('/v1/campaigns/Winter%20sale%202')).json();
      return { rate, weight, status };
    });
    assert.deepEqual(await seen(), { rate: 5, weight: 1, status: 'sending' });
    await page.click('text="Pace …"');
    await page.waitForSelector('dialog:has-text("5/s at most, share 1")');
    await page.fill('dialog input[placeholder="as its sub-account"]', '30');
    await page.fill('dialog label:has-text("Share") input', '4');
    await page.click('dialog >> text="Change"');
    await page.waitForSelector('dialog', { state: 'detached' });
    assert.deepEqual(await seen(), { rate: 30, weight: 4, status: 'sending' });
    const body = JSON.stringify({ what: 'marketing', sub_account: 'sandbox', reason: 'wrong price' });
    const stopped = await page.evaluate(async (told) => (await fetch('/v1/stops/begin', {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: told,
    })).status, body);
    assert.equal(stopped, 200);
    await page.waitForSelector('h1 + p .pill:text-is("Held: marketing is stopped")');
    await accessible(page, 'a campaign that is held up');
    await page.click('text="Campaigns" >> nth=0');
    await page.click('.tabs >> text="Held up"');
    await page.waitForSelector('tr:has-text("Winter sale 2") .pill:text-is("Held: marketing is stopped")');
    await fits(page, 'a table with a campaign that is held up');
    await page.click('.tabs >> text="Running"');
    await page.waitForSelector('text=Nothing fits');
    const [switch_, banner] = await Promise.all(['.switch-corner', '.banner'].map((one) => page.locator(one).boundingBox()));
    assert.ok(banner.x + banner.width <= switch_.x, 'the switch lies over the banner');
    await page.click('.banner >> text="Go on"');
    await page.waitForSelector('tr:has-text("Winter sale 2") .pill:text-is("Sending")');
    const done = () => page.evaluate(async () => (await (await fetch('/v1/campaigns/Winter%20sale%202')).json()).done);
    const [before, at] = [await done(), Date.now()];
    while (await done() < before + 60) {
      assert.ok(Date.now() - at < 12_000, 'at 5/s these 60 messages would take 12 seconds');
      await page.waitForTimeout(200);
    }
    await page.context().close();
  },

  async 'what a file holds is shown as text, however hostile'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('text="New campaign"');
    await page.setInputFiles('input[type=file]', given.hostile);
    await page.waitForSelector('td:text-is("<img src=x onerror=alert(1)>")');
    await page.click('button:text-is("Text")');
    await page.click('button.chip:text-is("<b>name</b>")');
    await page.waitForSelector('.bubble mark:text-is("<img src=x onerror=alert(1)>")');
    await page.click('button[aria-label="Next row"]');
    await page.click('button[aria-label="Next row"]');
    await page.waitForSelector('.bubble:has-text("xxxxxxxxxx")');
    await fits(page, 'a hostile file');
    await page.click('text="Delete …"');
    await page.evaluate(() => { // a change that waits to be saved when the draft goes
      const name = /** @type {HTMLInputElement} */ (document.querySelector('input[placeholder="Spring sale"]'));
      name.value += ' changed';
      name.dispatchEvent(new Event('input', { bubbles: true }));
      /** @type {HTMLButtonElement} */ (document.querySelector('dialog button.danger')).click();
    });
    await page.waitForSelector('h1:text-is("Campaigns")');
    await page.waitForLoadState('networkidle');
    await page.context().close();
  },

  async 'a launch with too many rows that cannot be used is agreed to first'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('text="New campaign"');
    await page.setInputFiles('input[type=file]', { name: 'Half.csv', mimeType: 'text/csv', buffer: Buffer.from('number,name\n+447700900001,Ada\n12,Eve\n') });
    await page.waitForSelector('text=Saved: this tab can be closed');
    await page.click('button:text-is("Text")');
    await page.fill('textarea', 'Hello');
    await page.click('text="Check"');
    await page.waitForSelector('.notice:has-text("50% of the rows cannot be used")');
    assert.equal(await page.isDisabled('button:has-text("Launch to")'), true);
    await accessible(page, 'too many rows that cannot be used');
    await page.check('label:has-text("It is fine that 1 row cannot be used") input');
    assert.equal(await page.isDisabled('button:has-text("Launch to")'), false);
    await page.click('text="Delete …"');
    await page.click('dialog button.danger');
    await page.waitForSelector('h1:text-is("Campaigns")');
    await page.context().close();
  },

  async 'a template is written with the rules in sight, reviewed, looked at, and deleted'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('nav a:text-is("Templates")');
    await page.waitForSelector('tr:has-text("spring_offer") >> text=Approved');
    await accessible(page, 'templates');
    await page.click('text="New template"');
    await page.fill('dialog input[placeholder="spring_offer"]', 'Summer sale');
    await page.fill('dialog textarea', 'Hello {{1}}, our *sale* begins.');
    await page.waitForSelector('dialog .is-bad:has-text("lower-case letters")');
    await page.waitForSelector('dialog .is-bad:has-text("sample")');
    await page.waitForSelector('dialog .bubble b:text-is("sale")');
    await accessible(page, 'a new template');
    await page.fill('dialog input[placeholder="spring_offer"]', 'summer_sale');
    await page.fill('dialog label:has-text("A sample for {{1}}") input', 'Ada');
    await page.waitForFunction(() => !document.querySelector('dialog .is-bad'));
    await page.click('dialog >> text="Hand it in"');
    await page.click('button.link:text-is("summer_sale")');
    await page.waitForSelector('dialog .bubble:has-text("Hello Ada")');
    await accessible(page, 'a template');
    await page.click('dialog >> text="Delete …"');
    await page.click('dialog button.danger');
    await page.waitForSelector('button.link:text-is("summer_sale")', { state: 'detached' });
    await page.context().close();
  },

  async 'doctor is on the screen for on-call, and asks the provider on demand'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('nav a:text-is("Sending")');
    await page.waitForSelector('.doctor >> text=No problem');
    await page.click('.doctor >> text="Show all"');
    await page.waitForSelector('.checks li:has-text("the provider was not asked")');
    await accessible(page, 'doctor');
    await page.click('text="Ask the provider, too"');
    await page.waitForSelector('.checks li:has-text("takes the key")');
    await page.context().close();
  },

  async 'people are kept from messages, looked up, and let go after a question'() {
    const page = await open({ viewport: { width: 390, height: 780 } });
    await signIn(page, given.all);
    await page.evaluate(() => { location.hash = '#/optouts'; });
    await page.waitForSelector('h1:text-is("Opt-outs")');
    await page.waitForFunction(() => document.querySelector('.bar select')?.value === 'sandbox'); // the only list there is
    await page.selectOption('.bar select', '*');
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
    const rows = async () => {
      let seen = 0;
      for (;;) {
        seen += await page.locator('table.rows tbody tr').count();
        const next = page.locator('button:has-text("Next")');
        if (!(await next.count()) || (await next.isDisabled())) return seen;
        const first = await page.locator('table.rows tbody tr').first().textContent();
        await next.click();
        await page.waitForFunction((before) => (document.querySelector('table.rows tbody tr')?.textContent ?? before) !== before, first);
      }
    };
    for (let at = 0, late = 0; at < await links.count();) {
      const n = Number((await links.nth(at).textContent()).replace(/\D/g, ''));
      if (n) {
        await links.nth(at).click();
        await page.waitForSelector('table.rows tbody tr, .empty');
        const [seen, hash] = [await rows(), await page.evaluate(() => location.hash)];
        await page.click('.tabs >> text="Overview"');
        await page.waitForSelector('.ledger');
        if (seen !== n) { // a receipt came in between: the figures are read again
          late += 1;
          assert.ok(late < 4, `${hash}: ${seen} of ${n}`);
          await page.waitForTimeout(6000);
          continue;
        }
      }
      at += 1;
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

  async 'what failed is mended, sent again, or taken off the list'() {
    const page = await open();
    await signIn(page, given.all);
    const status = await page.evaluate(async () => {
      const form = new FormData();
      const message = { type: 'text', content: { text: 'Hello {{name}}' } };
      form.append('campaign', JSON.stringify({ name: 'Only who wrote', message, policies: { window: 'skip' } }));
      form.append('recipients', new Blob(['number,name\n+447700900911,Ada\n+447700900912,Bo\n']));
      return (await fetch('/v1/campaigns', { method: 'POST', body: form })).status;
    });
    assert.equal(status, 201);
    await page.click('a:text-is("Only who wrote")');
    await page.waitForSelector('.pill:has-text("Finished")', { timeout: 60_000 });
    await page.click('.tabs >> text="Failures"');
    const row = page.locator('.failures tr:has-text("has not written for a day")');
    await row.locator('text=Mend the message or its template, then retry').waitFor();
    await accessible(page, 'remedies');
    await row.locator('text="Send again to these 2 …"').click();
    await page.waitForSelector('dialog button:text-is("Send again to 2 people")');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.route('**/failures', (route) => route.fulfill({ json: { retries: [], items: [ // its code is made up, its people are not
      { state: 'skipped', origin: 'local', code: given.window, messages: 2, meaning: 'no such number', remedy: 'take_off', what_to_do: 'take these people off the list' }] } }));
    await page.reload();
    await page.click('.failures >> text="Take them off the list …"');
    await accessible(page, 'taking people off the list');
    await page.click('dialog button.danger');
    await page.waitForSelector('.note:has-text("2 people taken off the list")');
    await page.unroute('**/failures');
    await page.reload();
    await page.click('.failures >> text="Mend the message …"');
    await page.click('dialog >> text="Make the draft"');
    await page.waitForSelector('h1:text-is("Only who wrote mended")');
    await page.waitForSelector('.chip:has-text("who got only-who-wrote-")');
    await page.click('text="Check"');
    await page.waitForSelector('.ledger td:has-text("want no such messages") + td:text-is("2")');
    await page.click('text="Delete …"');
    await page.click('dialog button.danger');
    await page.waitForSelector('h1:text-is("Campaigns")');
    await page.context().close();
  },

  async 'quiet hours are shown with their sources, changed for a country, and taken back'() {
    const page = await open();
    await signIn(page, given.all);
    await page.click('nav a:text-is("Sending")');
    await page.click('.quiet >> text=/Show all \\d+ places/');
    await page.waitForSelector('.quiet tr:has-text("US-FL") >> text=checked');
    page.expected.push('/v1/quiet-hours');
    await page.click('.quiet >> text="Change hours …"');
    await page.fill('dialog input >> nth=0', 'FR');
    await page.fill('dialog input >> nth=1', 'at noon');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog >> text=/at noon/');
    await page.fill('dialog input >> nth=1', 'Mon-Fri 10:00-12:00');
    await page.click('dialog button:text-is("Change")');
    await page.waitForSelector('.quiet tr:has-text("France"):has-text("Mon-Fri 10:00-12:00"):has-text("changed")');
    await accessible(page, 'quiet hours');
    await page.click('.quiet tr:has-text("France") button');
    await page.click('dialog >> text="As configured"');
    await page.waitForSelector('.quiet tr:has-text("France"):has-text("shipped")');
    await page.context().close();
  },

  async 'the switch stops marketing, every screen says so, and it goes on'() {
    const page = await open();
    await signIn(page, given.all);
    const [button, switch_] = await Promise.all(['.head .button.primary', '.switch-corner'].map((one) => page.locator(one).boundingBox()));
    assert.ok(button.x + button.width <= switch_.x, 'the switch lies over the button New campaign');
    await page.click('.switch-corner >> text="Stop …"');
    await page.waitForFunction(() => document.activeElement?.getAttribute('placeholder') === 'Wrong price in the offer');
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

  async 'a person is found by number, forgotten, and stays so'() {
    const page = await open();
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await signIn(page, given.all);
    await page.click('nav a:text-is("People")');
    await page.fill('.find input', '+44 7710 000007');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.rows tr:has-text("Winter sale")');
    await accessible(page, 'a person');
    await page.click('text="Forget this person …"');
    await accessible(page, 'forgetting a person');
    await page.click('dialog button.danger');
    await page.waitForSelector('dialog:has-text("+447710000007 is forgotten"):has-text("Erased: ")', { timeout: 60_000 });
    await page.click('dialog footer >> text="Close"');
    await page.waitForSelector('.person:has-text("Nothing is held")');
    assert.equal(await page.locator('.rows, button:has-text("Forget")').count(), 0);
    assert.deepEqual(asked.filter((one) => one.includes('7710000007')), [], 'a number is in an address, which is logged');
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
    for (const word of ['Pause', 'Cancel …', 'Retry …', 'Export', 'Messages', 'Mend the message …', 'Take them off the list …']) {
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
      for (const hash of ['#/campaigns', '#/campaigns/Winter%20sale', '#/campaigns/Winter%20sale/messages', '#/new', '#/unconfirmed', '#/sending', '#/templates', '#/people']) {
        await page.evaluate((to) => { location.hash = to; }, hash);
        await page.waitForSelector('main h1');
        await page.waitForLoadState('networkidle').catch(() => {});
        await fits(page, `${hash}, ${colorScheme}`);
      }
      await page.evaluate(() => { location.hash = '#/campaigns/Winter%20sale/messages'; });
      await page.click('td.mono a >> nth=0');
      await page.waitForSelector('dialog .timeline');
      await page.keyboard.press('Escape');
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
