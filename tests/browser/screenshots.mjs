// Takes pictures of the page while campaigns go out; what it needs comes as JSON on stdin.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';

const require = createRequire(new URL('../../dashboard/page/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const given = JSON.parse(readFileSync(0, 'utf8'));
const message = { type: 'text', content: { text: 'Hello {{name}}, our winter sale opens in {{city}} on Friday. See you there!' } };
const api = { Authorization: `Bearer ${given.all}` };

async function launch(path) {
  const form = new FormData();
  const campaign = { name: basename(path, '.csv'), message, policies: { window: 'send' } };
  form.append('campaign', JSON.stringify(campaign));
  form.append('recipients', new Blob([readFileSync(path)]), basename(path));
  const answer = await fetch(`${given.url}/v1/campaigns`, { method: 'POST', headers: api, body: form });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}
const ask = (path, how = {}) => fetch(`${given.url}${path}`, { headers: api, ...how }).then((answer) => answer.json());
const until = async (path, is) => {
  while (!is(await ask(path))) await new Promise((resolve) => setTimeout(resolve, 500));
};

const browser = await chromium.launch({ executablePath: given.chromium, headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
async function open(how) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', reducedMotion: 'reduce', ...how });
  const page = await context.newPage();
  await page.goto(`${given.url}/ui/`);
  await page.fill('#token', given.all);
  await page.click('text="Sign in"');
  await page.waitForSelector('h1:text-is("Campaigns")');
  return page;
}
const look = async (page, hash, name, wait) => {
  await page.evaluate((to) => { location.hash = to; }, hash);
  await page.waitForSelector(wait);
  await page.mouse.move(0, 0);
  await page.waitForTimeout(2500);
  await page.screenshot({ path: `${given.where}/${name}.png` });
};

const [opening, winter, points, reminders] = given.files;
const first = await launch(opening);
await until(`/v1/campaigns/${first.id}`, (one) => one.status === 'finished');
const main = await launch(winter);
const held = await launch(points);
await new Promise((resolve) => setTimeout(resolve, 6000));
await ask(`/v1/campaigns/${held.id}/pause`, { method: 'POST' });
await launch(reminders);
await until(`/v1/campaigns/${main.id}`, (one) => one.progress > 0.45);

const light = await open({ colorScheme: 'light' });
await look(light, '#/campaigns', 'page-campaigns', 'table.campaigns tbody tr:nth-child(4)');
await look(light, `#/campaigns/${main.id}`, 'page-campaign', '.chart canvas');
const dark = await open({ colorScheme: 'dark' });
await look(dark, `#/campaigns/${main.id}`, 'page-campaign-dark', '.chart canvas');
const phone = await open({ viewport: { width: 390, height: 780 }, colorScheme: 'light' });
await look(phone, '#/campaigns', 'page-phone', 'table.campaigns tbody tr:nth-child(3)');
await light.evaluate(() => { location.hash = '#/new'; });
await light.waitForSelector('input[type=file]');
await light.setInputFiles('input[type=file]', opening);
await light.click('button:text-is("Text")');
await light.fill('textarea', message.content.text);
await light.fill('input[placeholder="Spring sale"]', 'Opening in York: second invitation');
await light.click('text="Check"');
await light.waitForSelector('.launch-line:has-text("goes to")');
await light.waitForSelector('text=What it comes to');
await light.locator('.launch-line').scrollIntoViewIfNeeded();
await light.screenshot({ path: `${given.where}/page-launch.png` });
await browser.close();
