// The real Chromium, and the few things that every test does with it.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

export const portal = process.env.PORTAL ?? 'http://localhost:18480';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/// What is waited for comes, but a busy machine takes its time.
const patience = 180_000;

export async function launch() {
  return chromium.launch({
    timeout: patience,
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // A home of its own, where a test's own certificate authority is trusted.
    env: process.env.BROWSER_HOME ? { ...process.env, HOME: process.env.BROWSER_HOME } : process.env,
    args: ['--host-resolver-rules=MAP *.test 127.0.0.1', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
}

/// A name that no other test has.
let count = 0;
export const unique = (word) => `${word}-${Date.now().toString(36)}${count++}`;

/// A page that fails the test on anything the browser complains about on our own pages.
export async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => {
    // A new store is a new network on this machine, and Chromium asks again by itself when there is one.
    if (message.text().includes('ERR_NETWORK_CHANGED')) return;
    if (message.type() === 'error' && message.location().url.startsWith(portal) && !/status of (4|5)\d\d/.test(message.text())) {
      page.complaints.push(message.text());
    }
  });
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  return page;
}

/// Password of everyone who registers here.
export const password = 'correct horse battery';

export async function fillAccount(page, name) {
  await page.fill('#email', `${name}@example.com`);
  await page.fill('#password', password);
  await page.fill('#company', `${name} & "Sons"`);
}

export async function fillOrder(page, { blueprint = 'woocommerce', subdomain, title }) {
  await page.check(`input[name=blueprint][value=${blueprint}]`);
  await page.fill('#subdomain', subdomain);
  await page.fill('#title', title);
}

export async function register(page, name, order) {
  await page.goto(`${portal}/register`);
  await fillAccount(page, name);
  await fillOrder(page, order);
  await create(page);
}

/// From the finished job to the store's dashboard; returns its address.
export async function dashboard(page) {
  const site = portal + (await page.locator('#progress').getByRole('link', { name: 'Go to dashboard' }).getAttribute('href'));
  await visit(page, site);
  return site;
}

/// Opens a page. A new store is a new network on this machine, for which Chromium breaks off what it was loading.
export async function visit(page, url) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await page.goto(url);
    } catch (error) {
      if (!String(error).includes('ERR_NETWORK_CHANGED') || tries === 5) throw error;
      await page.waitForTimeout(500);
    }
  }
}

/// The link to this kind of page in the last e-mail to an address, from the outbox folder.
export async function mailedLink(page, email, path) {
  const link = new RegExp(`https?://[^\\s"<>]+${path}[\\w-]{20,}`);
  const started = Date.now();
  for (;;) {
    const mails = readdirSync(process.env.OUTBOX).sort().map((file) => readFileSync(`${process.env.OUTBOX}/${file}`, 'utf8').replace(/=\r?\n/g, '').replace(/=3D/g, '='));
    const mail = mails.findLast((text) => text.includes(email) && link.test(text));
    if (mail) return mail.match(link)[0];
    assert.ok(Date.now() - started < patience, `no e-mail to ${email} with a link to ${path}`);
    await page.waitForTimeout(200);
  }
}

/// Verifies the address of an account, with the link of its e-mail.
export async function verify(page, name) {
  await visit(page, await mailedLink(page, `${name}@example.com`, '/verify/'));
  await send(page, page.getByRole('button', { name: /Verify/ }));
}

/// Fills the login form that is shown, and sends it.
export async function logIn(page, name, secret = password) {
  await page.fill('#email', `${name}@example.com`);
  await page.fill('#password', secret);
  await send(page, page.locator('main').getByRole('button', { name: 'Log in', exact: true }));
}

export async function logInStaff(page) {
  await page.goto(`${portal}/staff/login`);
  await logIn(page, 'operator', 'operator password');
  await page.waitForURL(/\/staff$/);
}

/// A store that is online, of a new customer whose address is verified; `page` is logged in. Returns its address.
export async function openStore(page, name, { title = name, blueprint = 'ebuilder' } = {}) {
  await register(page, name, { blueprint, subdomain: name, title });
  await watch(page);
  const site = await dashboard(page);
  await verify(page, name);
  return site;
}

/// Orders another store, which can't be created: a file is where the folder of the customer's sites was. Returns the
/// address of the failed job, and puts the folder back, so that another try succeeds.
export async function failOrder(page, site, name, title) {
  const digits = site.match(/site_(\w{8})(\w{4})(\w{4})(\w{4})(\w{12})/).slice(1).join('-');
  const sites = `${process.env.DATA}/sites`;
  const folder = `${sites}/${readdirSync(sites).find((customer) => readdirSync(`${sites}/${customer}`).includes(digits))}`;
  renameSync(folder, `${folder}.away`);
  writeFileSync(folder, '');
  await visit(page, `${portal}/sites/new`);
  await fillOrder(page, { blueprint: 'ebuilder', subdomain: name, title });
  await create(page);
  await watch(page);
  rmSync(folder);
  renameSync(`${folder}.away`, folder);
  return page.url();
}

/// The code of an authenticator app (RFC 6238).
export function totp(key, at = Date.now()) {
  const bits = [...key.replace(/\s/g, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const bytes = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const hash = createHmac('sha1', bytes).update(counter).digest();
  const number = hash.readUInt32BE(hash.at(-1) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/// Turns two-step login on; the page then shows the recovery codes. Returns the app's key, its code that was used, and them.
export async function turnOnTwoSteps(page) {
  await visit(page, `${portal}/account/security/second-factor`);
  await send(page, page.getByRole('button', { name: 'Set up two-step login' }));
  const key = await page.locator('#totp-key').textContent();
  const used = totp(key);
  await page.fill('#code', used);
  await page.fill('#password', password);
  await send(page, page.getByRole('button', { name: 'Turn on two-step login' }));
  const codes = await page.locator('#recovery-codes').innerText();
  return { key, used, codes: codes.split('\n').map((line) => line.trim()).filter(Boolean) };
}

/// Sends the order, and sees the job that it began. An order that is refused fails with the page's own words.
export async function create(page) {
  const answer = await send(page, page.getByRole('button', { name: 'Create store' }));
  if (answer.status() !== 303) {
    await page.waitForLoadState();
    assert.fail(`the order was answered ${answer.status()}: ${await page.locator('main').innerText()}`);
  }
  await page.waitForURL(/\/jobs\/job_/);
}

/// Clicks what sends a form, and waits until it was answered: who went elsewhere before might break it off.
export async function send(page, button) {
  const sent = (request) => request.method() === 'POST' && request.isNavigationRequest();
  const [answer] = await Promise.all([page.waitForResponse((response) => sent(response.request())), button.click()]);
  return answer;
}

/// Waits until the watched job is over.
export async function watch(page) {
  await page.locator('#progress [data-over]').waitFor({ timeout: 2 * patience });
}

/// No finding of axe on this page, dark and light.
export async function accessible(page, what) {
  await page.evaluate(axe);
  for (const colorScheme of ['dark', 'light']) {
    // Without transitions, whose colors axe would see half-way.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }));
    const found = violations.map((v) => `${v.id} (${v.impact}): ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
    assert.deepEqual(found, [], `accessibility of ${what}, ${colorScheme}`);
  }
  await page.emulateMedia({ reducedMotion: 'no-preference' });
}

/// Nothing is wider than the screen.
export async function fits(page, what) {
  const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(inner <= outer, `${what} is ${inner} px wide on a screen of ${outer}`);
}
