// Passkeys, with Chromium's own virtual authenticator.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, launch, open, portal, register, send, unique, visit, watch } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

/// Gives a page a device that verifies its owner and keeps passkeys.
async function authenticator(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('WebAuthn.enable');
  const options = { protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', { options });
  const call = (method, more) => session.send(`WebAuthn.${method}`, { authenticatorId, ...more });
  return { call, credentials: async () => (await call('getCredentials')).credentials };
}

async function logOut(page) {
  await page.context().clearCookies();
  await visit(page, `${portal}/login`);
}

const usePasskey = (page) => page.getByRole('button', { name: 'Log in with a passkey' });
const passkeyFails = (page) => page.getByText('No passkey was used').waitFor();

test('a passkey is added, logs in, and is removed', async () => {
  const page = await open(browser);
  const device = await authenticator(page);
  const name = unique('key');
  await register(page, name, { blueprint: 'ebuilder', subdomain: name, title: 'Key' });
  await watch(page);

  await visit(page, `${portal}/account/security`);
  await send(page, page.getByRole('button', { name: 'Add a passkey' }));
  await page.fill('#name', "Jane's <laptop>");
  await accessible(page, 'the page that adds a passkey');
  await page.getByRole('button', { name: 'Create passkey' }).click();
  await page.getByText('The passkey was added').waitFor();
  await page.getByText("Jane's <laptop>").waitFor();
  const [kept] = await device.credentials();
  assert.ok(kept.isResidentCredential, 'the device can find it without an address');

  await logOut(page);
  await accessible(page, 'the login with passkeys');
  await usePasskey(page).click();
  await page.waitForURL(/\/dashboard/);
  await visit(page, `${portal}/account/security`);
  await page.getByText('last used').first().waitFor();

  // Somebody who does not verify themselves gets nowhere.
  await logOut(page);
  await device.call('setUserVerified', { isUserVerified: false });
  await usePasskey(page).click();
  await passkeyFails(page);
  await device.call('setUserVerified', { isUserVerified: true });

  // A copied key: its counter is behind.
  const [now] = await device.credentials();
  assert.ok(now.signCount > kept.signCount, 'the device counts');
  await device.call('clearCredentials');
  await device.call('addCredential', { credential: { ...now, signCount: 0 } });
  await visit(page, `${portal}/login`);
  await usePasskey(page).click();
  await page.getByText('The passkey was not accepted').waitFor();
  await device.call('clearCredentials');
  await device.call('addCredential', { credential: { ...now, signCount: now.signCount + 10 } });
  await visit(page, `${portal}/login`);
  await usePasskey(page).click();
  await page.waitForURL(/\/dashboard/);

  await visit(page, `${portal}/account/security`);
  await send(page, page.getByRole('button', { name: /Remove the passkey/ }));
  await page.getByText('The passkey was removed').waitFor();
  await logOut(page);
  await usePasskey(page).click();
  await page.getByText("This passkey isn't known here").waitFor();
  assert.deepEqual(page.complaints, [], 'the browser complained');
  await page.context().close();
});

test('an answer works once, and only for the challenge and the address that it was made for', async () => {
  const page = await open(browser);
  await authenticator(page);
  const name = unique('replay');
  await register(page, name, { blueprint: 'ebuilder', subdomain: name, title: 'Replay' });
  await watch(page);
  await visit(page, `${portal}/account/security`);
  await send(page, page.getByRole('button', { name: 'Add a passkey' }));
  await page.getByRole('button', { name: 'Create passkey' }).click();
  await page.getByText('The passkey was added').waitFor();
  await logOut(page);

  // A store below the portal's name may ask the browser for the portal's passkeys; the answer names the store.
  const store = `http://${name}.localhost:${new URL(portal).port}/`;
  const begin = (page) => page.evaluate(async () => {
    const body = new URLSearchParams({ csrf: document.querySelector('[name=csrf]').value });
    return (await fetch('/login/passkey/begin', { method: 'POST', body })).json();
  });
  const answer = (page, options) => page.evaluate(async (options) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey);
    return JSON.stringify((await navigator.credentials.get({ publicKey })).toJSON());
  }, options);
  const log_in = (page, challenge, answer) => page.evaluate(async ([challenge, answer]) => {
    const csrf = document.querySelector('[name=csrf]').value;
    const response = await fetch('/login/passkey', { method: 'POST', body: new URLSearchParams({ csrf, challenge, answer, next: '' }), redirect: 'manual' });
    return response.type === 'opaqueredirect' ? 303 : response.status;
  }, [challenge, answer]);

  const [first, second] = [await begin(page), await begin(page)];
  const signed = await answer(page, first.options);
  assert.equal(await log_in(page, second.challenge, signed), 401, 'the answer to another challenge');
  assert.equal(await log_in(page, first.challenge, signed), 303);
  await logOut(page);
  assert.equal(await log_in(page, first.challenge, signed), 409, 'the same answer again');

  const third = await begin(page);
  await visit(page, store);
  let stolen;
  try {
    stolen = await answer(page, third.options);
  } catch (error) {
    assert.match(String(error), /SecurityError|NotAllowedError/);
  }
  await visit(page, `${portal}/login`);
  if (stolen) assert.equal(await log_in(page, third.challenge, stolen), 401, 'an answer that a store asked for');
  for (const nonsense of ['', '{}', 'null', '[]', signed.slice(0, -2), signed.replace(/"signature":"[^"]{8}/, '"signature":"AAAAAAAA')]) {
    const { challenge } = await begin(page);
    assert.equal(await log_in(page, challenge, nonsense), 401, nonsense);
  }
  await page.context().close();
});
