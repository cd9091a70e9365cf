// From nothing to a store's administration, as a customer does it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, create, dashboard, fillAccount, fillOrder, fits, launch, open, portal, register, send, unique, watch } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

test('register, choose, watch, open the store, one click into its administration', async () => {
  const page = await open(browser);
  const name = unique('jane');
  const title = `Jane's "Best" <b>Shop</b> \${HOME} & $(id)`;
  await page.goto(`${portal}/register`);
  await accessible(page, 'the sign-up form');
  await fillAccount(page, name);
  await fillOrder(page, { subdomain: name, title });
  // The address is checked as it is typed.
  await page.getByText('This address is free.').waitFor();

  // The steps go by.
  await create(page);
  await page.locator('.step').first().waitFor();
  await watch(page);
  await page.getByRole('heading', { name: /is online$/ }).waitFor();
  assert.equal(await page.locator('.steps').first().locator('.is-done').count(), 5, 'all groups of steps are done');
  await page.getByText('Show technical steps').click();
  assert.equal(await page.locator('details .step.is-done').count(), 11, 'all steps are done');
  await accessible(page, 'the finished job');

  // The store shows its own title, escaped and verbatim.
  const [store] = await Promise.all([page.waitForEvent('popup'), page.getByRole('link', { name: 'View store' }).click()]);
  await store.waitForLoadState();
  assert.ok((await store.title()).includes(title), `the store's title is ${await store.title()}`);
  await store.close();

  // One click into wp-admin.
  const [admin] = await Promise.all([page.waitForEvent('popup'), page.getByRole('button', { name: 'Open admin' }).click()]);
  await admin.waitForURL(/\/wp-admin\//);
  await admin.locator('#wpadminbar').waitFor();
  await admin.close();

  // Its page: the password is revealed on demand, and opens wp-admin by hand too.
  await dashboard(page);
  await accessible(page, "the store's page");
  assert.equal(await page.locator('#secret-0').count(), 0, 'no password before it is asked for');
  await page.getByRole('button', { name: /^Show the password/ }).click();
  const password = await page.locator('#secret-0').textContent();
  assert.ok(password.length >= 20);
  const visitor = await open(browser);
  await visitor.goto(`http://${name}.localhost:${new URL(portal).port}/wp-login.php`);
  await visitor.fill('#user_login', 'admin');
  await visitor.fill('#user_pass', password);
  await visitor.click('#wp-submit');
  await visitor.waitForURL(/\/wp-admin\//);
  await visitor.context().close();
  assert.deepEqual(page.complaints, [], 'the browser complained');
  await page.context().close();
});

test('stop, start, delete and take it back', async () => {
  const page = await open(browser);
  const name = unique('power');
  await register(page, name, { blueprint: 'ebuilder', subdomain: name, title: 'Power' });
  await watch(page);
  const address = await dashboard(page);
  await page.getByRole('button', { name: 'More actions' }).click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await watch(page);
  const visitor = await open(browser);
  const stopped = await visitor.goto(`http://${name}.localhost:${new URL(portal).port}/`);
  assert.equal(stopped.status(), 503);
  await accessible(visitor, 'the page of a stopped store');
  await page.goto(address);
  await page.getByRole('button', { name: 'Start' }).click();
  await watch(page);
  assert.equal((await visitor.goto(`http://${name}.localhost:${new URL(portal).port}/`)).status(), 200);
  await page.goto(`${address}/settings`);
  await accessible(page, 'the danger zone');
  // A wrong confirmation deletes nothing.
  await page.locator('form[action$="/delete"] input[type=text]').fill('something else');
  await send(page, page.locator('form[action$="/delete"] button'));
  await page.goto(address);
  assert.equal((await visitor.goto(`http://${name}.localhost:${new URL(portal).port}/`)).status(), 200);
  await page.goto(`${address}/settings`);
  await page.locator('form[action$="/delete"] input[type=text]').fill(`${name}.localhost`);
  await send(page, page.locator('form[action$="/delete"] button'));
  await page.goto(address);
  await send(page, page.getByRole('button', { name: 'Restore store' }).first());
  // It ran before it was deleted, so it starts by itself.
  let status;
  for (let tries = 0; status !== 200 && tries < 120; tries++) {
    await page.waitForTimeout(500);
    status = (await visitor.goto(`http://${name}.localhost:${new URL(portal).port}/`)).status();
  }
  assert.equal(status, 200);
  assert.deepEqual(page.complaints, [], 'the browser complained');
  await visitor.context().close();
  await page.context().close();
});

test('without JavaScript', async () => {
  const page = await open(browser, { javaScriptEnabled: false });
  const name = unique('plain');
  await register(page, name, { blueprint: 'ebuilder', subdomain: name, title: 'Plain' });
  // The page reloads itself until the job is over.
  await watch(page);
  await page.getByRole('heading', { name: /is online$/ }).waitFor();
  await dashboard(page);
  await page.getByRole('button', { name: /^Show the password/ }).click();
  assert.ok((await page.locator('#secret-0').textContent()).length >= 20);
  await page.context().close();
});

test('bad input is told beside its field, and typed values stay', async () => {
  const page = await open(browser);
  await page.goto(`${portal}/register`);
  await page.evaluate(() => document.querySelectorAll('form').forEach((form) => { form.noValidate = true; }));
  await page.fill('#email', '"quoted`id`"@example.com');
  await page.fill('#password', 'short');
  await page.fill('#company', "O'Reilly; DROP TABLE sites; --");
  await fillOrder(page, { subdomain: 'admin', title: 'A title that stays' });
  await page.getByRole('button', { name: 'Create store' }).click();
  await page.getByText('This name is reserved').first().waitFor();
  await page.getByText('quotation marks').first().waitFor();
  await page.getByText('at least 10 characters').first().waitFor();
  assert.equal(await page.inputValue('#title'), 'A title that stays');
  assert.equal(await page.inputValue('#company'), "O'Reilly; DROP TABLE sites; --");
  assert.equal(await page.inputValue('#password'), '', 'a password is never sent back');
  await accessible(page, 'the form with errors');
  await page.context().close();
});

test('a long title is no wider than a phone', async () => {
  const page = await open(browser, { viewport: { width: 390, height: 844 } });
  const name = unique('phone');
  await register(page, name, { blueprint: 'ebuilder', subdomain: name, title: 'A rather long title of a store that sells everything '.repeat(2).trim() });
  await watch(page);
  await fits(page, 'the job');
  await dashboard(page);
  await fits(page, "the store's page");
  await page.goto(`${portal}/dashboard`);
  await fits(page, 'the list of sites');
  await page.context().close();
});
