// From the price list to a store that is paid by card, and back after the card has failed. Stripe is our double of it.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { accessible, fillAccount, fits, launch, logInStaff, open, portal, send, unique, visit, watch } from './browser.mjs';

const double = process.env.STOA_STRIPE_API_URL;
let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

const press = (page, name) => send(page, page.getByRole('main').getByRole('button', { name }));

/// Changes or asks the double.
async function control(what, body = {}) {
  const answer = await fetch(`${double}/_double/${what}`, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(answer.status, 200, what);
  return answer.json();
}

/// The rules of every screen, wide and on a phone.
async function good(page, what) {
  await page.setViewportSize({ width: 1440, height: 1000 });
  await accessible(page, `${what} on a wide screen`);
  await page.setViewportSize({ width: 320, height: 700 });
  await fits(page, what);
  await page.setViewportSize({ width: 1440, height: 1000 });
}

/// A plan of eBuilder that is sold.
async function plan(boss, name, slug, monthly) {
  await visit(boss, `${portal}/staff/plans/new`);
  await boss.getByRole('radio', { name: /eBuilder/ }).check();
  await boss.fill('#name', name);
  await boss.fill('#slug', slug);
  await boss.fill('#monthly', monthly);
  await press(boss, 'Create plan');
  await boss.getByText('The plan was created.').waitFor();
}

/// The status that the store's address answers with; 0 without an answer.
function status(name) {
  const { port } = new URL(portal);
  return new Promise((resolve) => {
    const request = http.get({ host: '127.0.0.1', port, headers: { host: `${name}.localhost:${port}` } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    request.on('error', () => resolve(0));
  });
}

/// Whether the store answers at its address within `seconds`, and how long that took.
async function answers(name, seconds) {
  const begun = Date.now();
  while (Date.now() - begun < seconds * 1000) {
    if (await status(name) === 200) return Date.now() - begun;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  assert.fail(`${name} did not answer within ${seconds} s`);
  return 0;
}

test('a store is paid by card, stopped when the card fails, and back when it is paid', async () => {
  const [boss, jane] = [await open(browser), await open(browser)];
  await logInStaff(boss);
  await plan(boss, 'Card', 'card-basic', '19');
  await plan(boss, 'Card plus', 'card-plus', '49');
  await visit(boss, `${portal}/staff/mismatches`);
  await boss.getByText('Money and sites agree.').waitFor();
  await good(boss, 'the list of mismatches');

  await visit(jane, `${portal}/pricing`);
  await jane.getByRole('link', { name: /^Choose Card, / }).click();
  const name = unique('carla');
  await fillAccount(jane, name);
  await jane.fill('#title', "Carla's Shop");
  await jane.fill('#subdomain', name);
  await press(jane, 'Create store');
  // On to Stripe's page by itself.
  await jane.waitForURL(`${double}/pay/**`);
  await jane.getByRole('link', { name: 'Cancel' }).click();
  await jane.getByRole('heading', { name: 'Pay €19.00' }).waitFor();
  await good(jane, 'an order that can be paid by card');
  await jane.getByRole('link', { name: 'Pay by card' }).click();
  await jane.waitForURL(`${double}/pay/**`);
  await jane.getByRole('button', { name: 'Decline the card' }).click();
  await jane.getByText('Your card was declined.').waitFor();
  await jane.getByRole('button', { name: 'Pay', exact: true }).click();
  await jane.waitForURL(/\/(jobs|sites)\/(job|site)_/);
  if (jane.url().includes('/jobs/')) await watch(jane);
  await answers(name, 10);
  assert.equal((await control('objects', { object: 'subscription' })).length, 1);

  await visit(jane, `${portal}/billing`);
  await jane.getByText('DOUBLE-0001').waitFor();
  await good(jane, 'the billing page of somebody who pays by card');
  await jane.getByRole('link', { name: /^Change plan/ }).click();
  await good(jane, 'the plans to change to');
  await jane.getByRole('link', { name: /€49(.00)? per month/ }).click();
  await jane.getByText(/is charged now/).waitFor();
  await good(jane, 'what another plan costs');
  await press(jane, 'Change to Card plus');
  await jane.getByText('The plan was changed.').waitFor();
  await jane.getByText(/^Card plus/).waitFor();

  // The card fails until Stripe gives up.
  const [customer] = await control('objects', { object: 'customer' });
  await control('after-retries', { then: 'unpaid' });
  await control('card', { customer: customer.id, good: false });
  await control('advance', { seconds: 50 * 86_400 });
  const shop = await open(browser);
  for (let tries = 0; ; tries += 1) {
    await shop.goto(`http://${name}.localhost:${new URL(portal).port}/`);
    if (await shop.getByText('Log in to your account to see why').count() > 0) break;
    assert.ok(tries < 60, 'the store says why it is away');
    await shop.waitForTimeout(500);
  }
  await visit(jane, `${portal}/billing`);
  await jane.getByText('Unpaid').first().waitFor();
  await good(jane, 'the billing page of somebody who has not paid');
  await jane.getByRole('link', { name: 'Open card and invoices' }).click();
  await jane.waitForURL(`${double}/portal/**`);
  await jane.getByRole('button', { name: 'Use a good card' }).click();
  console.log(`the store answered ${await answers(name, 5)} ms after its payment`);
  await jane.getByRole('link', { name: 'Return' }).click();
  await jane.getByText(/^Next payment on/).waitFor();
});
