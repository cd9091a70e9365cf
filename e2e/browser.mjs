// The real Chromium, and the few things that every test does with it.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
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

export async function fillAccount(page, name) {
  await page.fill('#email', `${name}@example.com`);
  await page.fill('#password', 'correct horse battery');
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

/// Verifies the address of an account, with the link of its e-mail in the outbox folder.
export async function verify(page, name) {
  const started = Date.now();
  for (;;) {
    const mails = readdirSync(process.env.OUTBOX).map((file) => readFileSync(`${process.env.OUTBOX}/${file}`, 'utf8').replace(/=\r?\n/g, '').replace(/=3D/g, '='));
    const link = mails.find((text) => text.includes(`${name}@example.com`) && text.includes('/verify/'))?.match(/https?:\/\/[^\s"<>]+\/verify\/[\w-]+/)?.[0];
    if (link) {
      await visit(page, link);
      await send(page, page.getByRole('button', { name: /Verify/ }));
      return;
    }
    assert.ok(Date.now() - started < patience, `no e-mail to ${name}@example.com`);
    await page.waitForTimeout(200);
  }
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

/// No serious finding of axe on this page.
export async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'] }));
  const found = violations.map((v) => `${v.id} (${v.impact}): ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
  assert.deepEqual(found, [], `accessibility of ${what}`);
}

/// Nothing is wider than the screen.
export async function fits(page, what) {
  const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(inner <= outer, `${what} is ${inner} px wide on a screen of ${outer}`);
}
