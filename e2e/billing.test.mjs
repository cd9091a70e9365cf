// From the price list to a store that is paid for. The operator collects the money.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, fillAccount, fits, launch, logInStaff, open, portal, send, unique, visit, watch } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

const press = (page, name) => send(page, page.getByRole('main').getByRole('button', { name }));

/// The rules of every screen, wide and on a phone.
async function good(page, what) {
  await page.setViewportSize({ width: 1440, height: 1000 });
  await accessible(page, `${what} on a wide screen`);
  await page.setViewportSize({ width: 320, height: 700 });
  await fits(page, what);
  await page.setViewportSize({ width: 1440, height: 1000 });
}

test('a plan is made, bought, paid, and cancelled', async () => {
  const [boss, jane] = [await open(browser), await open(browser)];
  await logInStaff(boss);
  await visit(boss, `${portal}/staff/plans`);
  await good(boss, 'the list of plans');
  await boss.getByRole('link', { name: 'New plan' }).click();
  await boss.getByRole('radio', { name: /eBuilder/ }).check();
  await boss.fill('#name', 'Basic');
  await boss.fill('#slug', 'shop basic');
  await boss.fill('#monthly', '29.90');
  await press(boss, 'Create plan');
  await boss.getByText('Use 2 to 40 letters, digits and hyphens').first().waitFor();
  assert.equal(await boss.inputValue('#monthly'), '29.90', 'what was typed is kept');
  await boss.fill('#slug', 'shop-basic');
  await press(boss, 'Create plan');
  await boss.getByText('The plan was created.').waitFor();
  await good(boss, 'a plan');

  await visit(jane, `${portal}/pricing`);
  await good(jane, 'the price list');
  await jane.getByRole('link', { name: /Choose Basic/ }).click();
  const name = unique('paula');
  await fillAccount(jane, name);
  assert.ok(await jane.getByRole('radio', { name: /Basic, €29.90 per month/ }).isChecked(), 'what was chosen stays chosen');
  await jane.fill('#title', "Paula's Shop");
  await jane.fill('#subdomain', name);
  await press(jane, 'Create store');
  await jane.getByRole('heading', { name: 'Pay €29.90' }).waitFor();
  await good(jane, 'an order that waits for its payment');
  const reference = await jane.locator('dd code').first().textContent();

  await visit(boss, `${portal}/staff/subscriptions`);
  await good(boss, 'the list of subscriptions');
  await boss.getByText(reference).waitFor();
  await boss.getByLabel(new RegExp(`payment for ${name}`)).fill('Transfer 17');
  await press(boss, new RegExp(`^Mark the order of ${name}.* as paid`));
  await watch(boss);

  await visit(jane, `${portal}/billing`);
  await jane.getByText('Transfer 17').waitFor();
  await jane.getByText(/^Next payment on/).waitFor();
  await good(jane, 'the billing page');
  await jane.getByRole('link', { name: "Paula's Shop", exact: true }).click();
  await jane.getByText('Online').first().waitFor();
  await visit(jane, `${portal}/billing`);
  await jane.locator('summary', { hasText: 'Cancel' }).click();
  await press(jane, 'Cancel subscription');
  await jane.getByText('The subscription was cancelled.').waitFor();
  await press(jane, /^Keep the subscription/);
  await jane.getByText('The subscription goes on.').waitFor();

  await visit(boss, `${portal}/staff/subscriptions?q=${name}`);
  await boss.getByRole('link', { name: "Paula's Shop", exact: true }).click();
  await boss.getByRole('heading', { name: 'Mark a payment' }).waitFor();
  await good(boss, 'a subscription');
  await boss.fill('#reference', 'Transfer 18');
  await press(boss, /^Mark €29.90/);
  await boss.getByText('The payment was marked.').waitFor();
  assert.deepEqual([...boss.complaints, ...jane.complaints], [], 'the browser complained');
});
