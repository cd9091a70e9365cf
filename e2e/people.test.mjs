// Accounts, as the people do it whose they are: passwords, addresses, members, codes, tokens and sessions. E-mails are
// read from the outbox folder.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, logIn, mailedLink, open, openStore, password, portal, send, totp, turnOnTwoSteps, unique, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

const press = (page, name) => send(page, page.getByRole('main').getByRole('button', { name, exact: true }));

async function logOut(page) {
  await page.getByRole('button', { name: /^Account of/ }).click();
  await send(page, page.getByRole('button', { name: 'Log out' }));
}

test('a forgotten password is replaced by a link that works once', async () => {
  const page = await open(browser);
  const name = unique('forgot');
  await openStore(page, name);
  await logOut(page);
  await visit(page, `${portal}/login`);
  // Without an address, the page asks for it.
  await press(page, 'Forgot your password?');
  await page.fill('#email', `${name}@example.com`);
  await press(page, 'Send the link');
  const link = await mailedLink(page, `${name}@example.com`, '/reset/');
  await visit(page, link);
  await page.fill('#password', 'a whole new password');
  await press(page, 'Set the password');
  await page.getByText('Your new password is set, and you are logged in').waitFor();
  await logOut(page);

  const again = await visit(page, link);
  assert.equal(again.status(), 409);
  await page.getByText('It has expired, or was used before. Request a new one.').waitFor();

  await visit(page, `${portal}/login`);
  await logIn(page, name, password);
  await page.getByRole('alert').waitFor();
  await logIn(page, name, 'a whole new password');
  await page.waitForURL(`${portal}/dashboard`);
  assert.deepEqual(page.complaints, [], 'the browser complained');
  await page.context().close();
});

test('a changed address is confirmed at the new one, and the former one can take it back', async () => {
  const page = await open(browser);
  const [name, next] = [unique('former'), unique('next')];
  await openStore(page, name);
  await visit(page, `${portal}/account`);
  await page.fill('#email', `${next}@example.com`);
  await press(page, 'Change address');
  await page.getByRole('heading', { name: 'Confirm your new address' }).waitFor();
  await visit(page, `${portal}/account`);
  await page.getByRole('definition').filter({ hasText: `${name}@example.com` }).waitFor();

  await visit(page, await mailedLink(page, `${next}@example.com`, '/account/email/'));
  await press(page, 'Confirm');
  await page.getByRole('heading', { name: 'Your address was changed' }).waitFor();
  await logOut(page);
  await visit(page, `${portal}/login`);
  await logIn(page, next);
  await page.waitForURL(`${portal}/dashboard`);

  await visit(page, await mailedLink(page, `${name}@example.com`, '/account/email/restore/'));
  await press(page, 'Restore');
  await page.getByRole('heading', { name: 'Your former address is back' }).waitFor();
  await visit(page, `${portal}/dashboard`);
  assert.match(page.url(), /\/login/, 'every session was ended');
  await logIn(page, name);
  await page.waitForURL(`${portal}/dashboard`);
  assert.deepEqual(page.complaints, [], 'the browser complained');
  await page.context().close();
});

test('an invited member sees the sites of the organization, and does what the role allows', async () => {
  const [owner, member] = [await open(browser), await open(browser)];
  const [name, invited] = [unique('owner'), unique('member')];
  const site = await openStore(owner, name, { title: 'A store of the team' });
  await visit(owner, `${portal}/account/team`);
  await owner.fill('#email', `${invited}@example.com`);
  await owner.getByRole('radio', { name: /^Viewer/ }).check();
  await press(owner, 'Send invitation');
  await owner.getByText('The invitation was created.').waitFor();

  await visit(member, await mailedLink(member, `${invited}@example.com`, '/invitations/'));
  await member.getByRole('heading', { name: new RegExp(`^Join ${name}`) }).waitFor();
  await member.fill('#company', 'Newcomer');
  await member.fill('#password', password);
  await press(member, 'Create account and join');
  await member.getByRole('link', { name: 'A store of the team', exact: true }).click();
  await member.waitForURL(site);
  // A viewer is offered nothing that changes the store, shows its secrets or opens its administration.
  const offered = [];
  for (const path of ['', '/domains', '/settings']) {
    await visit(member, site + path);
    offered.push(...await member.locator('main button:not([data-copy])').allInnerTexts());
  }
  assert.deepEqual(offered.map((text) => text.trim()), [], 'buttons of a viewer');

  await visit(owner, `${portal}/account/team`);
  await owner.getByRole('combobox', { name: `Role of ${invited}@example.com` }).selectOption('developer');
  await send(owner, owner.getByRole('button', { name: `Save the role of ${invited}@example.com` }));
  await owner.getByText('The role was changed').waitFor();
  await visit(member, site);
  assert.match(member.url(), /\/login/, 'a new role ends the sessions');
  await logIn(member, invited);
  await member.waitForURL(site);
  await member.getByRole('button', { name: 'More actions' }).click();
  await member.getByRole('button', { name: 'Stop' }).waitFor();
  await visit(member, `${portal}/account/team`);
  assert.equal(await member.getByRole('button', { name: 'Send invitation' }).count(), 0, 'a developer invites nobody');
  assert.deepEqual([...owner.complaints, ...member.complaints], [], 'the browser complained');
  await owner.context().close();
  await member.context().close();
});

test('two-step login, from setting it up to turning it off', async () => {
  const page = await open(browser);
  const name = unique('codes');
  await openStore(page, name);
  const { key, used, codes } = await turnOnTwoSteps(page);
  assert.equal(codes.length, 10);

  const toSecondStep = async () => {
    await logOut(page);
    await visit(page, `${portal}/login`);
    await logIn(page, name);
    await page.waitForURL(/\/login\/code/);
  };
  const enter = async (code) => {
    await page.fill('#code', code);
    await press(page, 'Log in');
  };
  const refuses = () => page.getByRole('alert').getByText(/wrong or was used already/).waitFor();

  await toSecondStep();
  await enter(used);
  await refuses();
  // The code of the next half minute: it is accepted early, as a phone's clock may be ahead.
  await enter(totp(key, Date.now() + 30_000));
  await page.waitForURL(`${portal}/dashboard`);

  await toSecondStep();
  await enter(codes[0]);
  await page.waitForURL(`${portal}/dashboard`);
  await toSecondStep();
  await enter(codes[0]);
  await refuses();
  await enter(codes[1]);
  await page.waitForURL(`${portal}/dashboard`);

  await visit(page, `${portal}/account/security/second-factor`);
  await page.getByText('8 of 10 left').waitFor();
  await page.fill('#code', codes[2]);
  await press(page, 'Turn off two-step login');
  await page.getByRole('heading', { name: 'Two-step login is off' }).waitFor();
  await logOut(page);
  await visit(page, `${portal}/login`);
  await logIn(page, name);
  await page.waitForURL(`${portal}/dashboard`);
  assert.deepEqual(page.complaints, [], 'the browser complained');
  await page.context().close();
});

test('an API token works until it is revoked', async () => {
  const page = await open(browser);
  const name = unique('token');
  await openStore(page, name);
  await visit(page, `${portal}/account/tokens`);
  await page.fill('#name', 'Deployment');
  await page.getByRole('checkbox').first().check();
  await press(page, 'Create token');
  const token = await page.locator('#new-token').textContent();
  const call = () => fetch(`${portal}/api/v1/sites`, { headers: { authorization: `Bearer ${token}` } });
  const answer = await call();
  assert.equal(answer.status, 200);
  assert.ok((await answer.text()).includes(`${name}.localhost`), 'the sites of its owner');
  await press(page, 'Revoke token Deployment');
  await page.getByText("You don't have any API tokens yet.").waitFor();
  assert.equal((await call()).status, 401);
  assert.deepEqual(page.complaints, [], 'the browser complained');
  await page.context().close();
});

test('a session that is ended elsewhere logs in again, and goes on where it was', async () => {
  const [first, second] = [await open(browser), await open(browser)];
  const name = unique('sessions');
  const site = await openStore(first, name);
  await visit(second, `${portal}/login`);
  await logIn(second, name);
  await visit(second, site);

  await visit(first, `${portal}/account/security`);
  await first.getByRole('button', { name: /^End the session of/ }).click();
  await first.waitForURL(/done=session/);
  await second.getByRole('link', { name: 'Settings' }).click();
  await second.waitForURL(/\/login\?/);
  await logIn(second, name);
  await second.waitForURL(`${site}/settings`);
  assert.deepEqual([...first.complaints, ...second.complaints], [], 'the browser complained');
  await first.context().close();
  await second.context().close();
});

test('an account is closed, and kept after all', async () => {
  const page = await open(browser);
  const name = unique('closing');
  await openStore(page, name);
  await visit(page, `${portal}/account`);
  await press(page, 'Close my account');
  await page.getByRole('heading', { name: /^Your account will be closed on/ }).waitFor();
  await press(page, 'Keep my account');
  await page.getByRole('button', { name: 'Close my account' }).waitFor();
  assert.equal(await page.getByRole('heading', { name: /^Your account will be closed on/ }).count(), 0);
  assert.deepEqual(page.complaints, [], 'the browser complained');
  await page.context().close();
});
