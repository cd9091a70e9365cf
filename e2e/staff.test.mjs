// Staff accounts as super admins manage them, and the portal as staff see it in a customer's place.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessible, launch, logIn, logInStaff, mailedLink, open, openStore, password, portal, send, unique, visit } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

const press = (page, name) => send(page, page.getByRole('main').getByRole('button', { name }));

/// A new member of staff, whose browser has chosen a password. Returns the page of the account.
async function join(boss, page, name, role) {
  await visit(boss, `${portal}/staff/people`);
  await boss.getByRole('link', { name: 'Add staff' }).click();
  await boss.fill('#name', `${name} Berg`);
  await boss.fill('#email', `${name}@example.com`);
  await boss.getByRole('radio', { name: new RegExp(`^${role}`) }).check();
  await press(boss, 'Send invitation');
  await boss.getByText('The account was created.').waitFor();
  await visit(page, await mailedLink(page, `${name}@example.com`, '/reset/'));
  await page.getByRole('heading', { name: 'Choose your password' }).waitFor();
  await page.fill('#password', password);
  await press(page, 'Set the password');
  await page.waitForURL(`${portal}/staff`);
  return boss.url().split('?')[0];
}

test('a super admin adds, changes, deactivates and deletes staff', async () => {
  const [boss, anna] = [await open(browser), await open(browser)];
  await logInStaff(boss);
  const name = unique('anna');
  const account = await join(boss, anna, name, 'Admin');
  await visit(anna, `${portal}/staff/people`);
  await anna.getByRole('row', { name: new RegExp(`${name} Berg \\(you\\)`) }).waitFor();
  assert.equal(await anna.getByRole('link', { name: 'Add staff' }).count(), 0, 'an admin only looks');
  await accessible(anna, 'the list of staff');

  await visit(boss, account);
  await accessible(boss, 'a staff account');
  await boss.getByRole('radio', { name: /^Support/ }).check();
  await press(boss, 'Save');
  await boss.getByText('The account was changed.').waitFor();
  await visit(anna, `${portal}/staff`);
  assert.match(anna.url(), /\/staff\/login/, 'another role ends sessions');
  await logIn(anna, name);
  await anna.waitForURL(`${portal}/staff`);

  await press(boss, /^Deactivate/);
  await boss.getByText('The account was deactivated.').waitFor();
  await visit(anna, `${portal}/staff`);
  await logIn(anna, name);
  await anna.getByRole('alert').waitFor();
  await press(boss, /^Reactivate/);
  await boss.getByText('The account was reactivated.').waitFor();
  await boss.fill('#confirm', `${name}@example.com`);
  await press(boss, 'Delete account');
  await boss.getByText('The account was deleted.').waitFor();
  assert.equal(await boss.getByText(`${name}@example.com`).count(), 0);
  assert.deepEqual([...boss.complaints, ...anna.complaints], [], 'the browser complained');
  await Promise.all([boss.context().close(), anna.context().close()]);
});

test('staff view the portal as a customer, and come back', async () => {
  const [jane, staff] = [await open(browser), await open(browser)];
  const name = unique('viewed');
  const site = await openStore(jane, name);
  await logInStaff(staff);
  await visit(staff, site);
  await staff.getByRole('definition').getByRole('link', { name: new RegExp(`^${name}`) }).click();
  const customer = staff.url();
  await staff.fill('#reason', 'Ticket 42');
  await press(staff, 'View as customer');
  await staff.waitForURL(`${portal}/dashboard`);
  const banner = staff.getByRole('region', { name: 'Viewing as a customer' });
  await banner.getByText(`Viewing as ${name}`).waitFor();
  await accessible(staff, 'the portal viewed as a customer');
  await visit(staff, site);
  await banner.waitFor();
  for (const page of ['/account', '/account/security', '/account/tokens', '/account/team']) {
    const answer = await visit(staff, portal + page);
    assert.equal(answer.status(), 403, page);
    await staff.getByText('only they can do this').waitFor();
  }
  await send(staff, banner.getByRole('button', { name: /^End/ }));
  await staff.waitForURL(`${customer}?done=view-ended`);
  assert.equal(await banner.count(), 0);
  await visit(staff, `${portal}/staff`);
  assert.deepEqual([...jane.complaints, ...staff.complaints], [], 'the browser complained');
  await Promise.all([jane.context().close(), staff.context().close()]);
});
