// What people come for most, counted: each task takes at most three page loads.
//
// A page load is a document of the portal that a person waits for: a followed link, or a sent form together with the
// page that its answer redirects to. What a page fetches by itself, and pages of the store, don't count, nor does the
// page that a task begins at. A click is one on a link, a button or a choice; Enter in a field counts as one, typing does not.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { failOrder, launch, logInStaff, mailedLink, open, openStore, password, portal, send, turnOnTwoSteps, unique, visit, watch } from './browser.mjs';

const MOST_LOADS = 3;
const counted = [];

describe('ten tasks in three page loads each', () => {
  let browser, customer, staff, failed;
  const [name, broken, forgetful] = [unique('tasks'), unique('broken'), unique('forgetful')];
  before(async () => {
    browser = await launch();
    [customer, staff] = [await open(browser), await open(browser)];
    const site = await openStore(customer, name, { title: 'Harbour Roasters', blueprint: 'woocommerce' });
    failed = await failOrder(customer, site, broken, 'A store that failed');
    await visit(customer, `${portal}/account/tokens`);
    await customer.fill('#name', 'Leaked');
    await customer.getByRole('checkbox').first().check();
    await send(customer, customer.getByRole('button', { name: 'Create token' }));
    await turnOnTwoSteps(customer);
    await logInStaff(staff);
    const page = await open(browser);
    await openStore(page, forgetful);
    await page.context().close();
  });
  after(async () => {
    await browser.close();
    console.log(`\n${'task'.padEnd(44)}clicks  page loads`);
    for (const { task, clicks, loads } of counted) console.log(`${task.padEnd(44)}${String(clicks).padStart(6)}${String(loads).padStart(12)}`);
  });

  /// Counts what `work` takes, from the page `start`. It gets a function that clicks and one that presses Enter.
  function task(title, who, start, work, options = {}) {
    test(title, options, async () => {
      const page = who() ?? await open(browser);
      await visit(page, portal + start);
      let [clicks, loads] = [0, 0];
      const count = (request) => {
        if (request.isNavigationRequest() && !request.redirectedFrom() && request.url().startsWith(portal)) loads += 1;
      };
      page.context().on('request', count);
      const click = (element) => { clicks += 1; return element.click(); };
      await work(page, click, (field) => { clicks += 1; return field.press('Enter'); });
      page.context().off('request', count);
      counted.push({ task: title, clicks, loads });
      assert.ok(loads <= MOST_LOADS, `${title} takes ${loads} page loads`);
    });
  }

  const openAccount = async (page, click) => {
    await click(page.getByRole('button', { name: /^Account of/ }));
    await click(page.getByRole('link', { name: 'Account', exact: true }));
  };

  task('order a store', () => customer, '/dashboard', async (page, click) => {
    await click(page.getByRole('link', { name: 'New store' }));
    await click(page.getByRole('radio', { name: /^eBuilder/ }));
    await page.fill('#title', 'Second');
    await page.fill('#subdomain', unique('second'));
    await click(page.getByRole('button', { name: 'Create store' }));
    await page.waitForURL(/\/jobs\/job_/);
    await watch(page);
    await page.getByRole('heading', { name: 'Second is online' }).waitFor();
  });

  task('open a store’s administration', () => customer, '/dashboard', async (page, click) => {
    await click(page.getByRole('link', { name: 'Harbour Roasters', exact: true }));
    const [admin] = await Promise.all([page.waitForEvent('popup'), click(page.getByRole('button', { name: 'Open admin' }))]);
    await admin.waitForURL((url) => url.host.startsWith(name));
    await admin.close();
  });

  task('add a domain', () => customer, '/dashboard', async (page, click) => {
    await click(page.getByRole('link', { name: 'Harbour Roasters', exact: true }));
    await click(page.getByRole('link', { name: 'Domains', exact: true }));
    await page.getByRole('textbox', { name: 'Domain', exact: true }).fill(`${name}.example.com`);
    await click(page.getByRole('button', { name: 'Add domain' }));
    await page.getByRole('heading', { name: `${name}.example.com` }).waitFor();
  });

  task('end a leaked token', () => customer, '/dashboard', async (page, click) => {
    await openAccount(page, click);
    await click(page.getByRole('link', { name: 'API tokens' }));
    await click(page.getByRole('button', { name: 'Revoke token Leaked' }));
    await page.getByText("You don't have any API tokens yet.").waitFor();
  });

  task('invite a member', () => customer, '/dashboard', async (page, click) => {
    await openAccount(page, click);
    await click(page.getByRole('link', { name: 'Team' }));
    await page.fill('#email', `${unique('guest')}@example.com`);
    await click(page.getByRole('button', { name: 'Send invitation' }));
    await page.getByText('The invitation was created.').waitFor();
  });

  // Until the person is logged in; the link in the e-mail is one of the loads.
  task('reset a forgotten password', () => undefined, '/login', async (page, click) => {
    await page.fill('#email', `${forgetful}@example.com`);
    await click(page.getByRole('button', { name: 'Forgot your password?' }));
    await visit(page, await mailedLink(page, `${forgetful}@example.com`, '/reset/'));
    await page.fill('#password', password);
    await click(page.getByRole('button', { name: 'Set the password' }));
    await page.getByText('Your new password is set, and you are logged in').waitFor();
  });

  task('find a customer by a store’s name', () => staff, '/staff', async (page, click, enter) => {
    await page.fill('#search', 'Harbour Roasters');
    await enter(page.locator('#search'));
    await click(page.getByRole('region', { name: /Sites/ }).getByRole('link', { name: new RegExp(`^${name}`) }).first());
    await page.waitForURL(/\/staff\/customers\/cus_/);
    await page.getByText(`${name}@example.com`).first().waitFor();
  });

  task('find why a job failed', () => staff, '/staff', async (page, click) => {
    const failure = page.getByRole('region', { name: /Latest failures/ }).getByRole('listitem').filter({ hasText: broken });
    await click(failure.getByRole('link').first());
    await page.waitForURL(failed);
    await page.getByRole('region', { name: 'Cause' }).getByText(/Not a directory/).waitFor();
  });

  task('retry a failed job', () => staff, '/staff', async (page, click) => {
    const failure = page.getByRole('region', { name: /Latest failures/ }).getByRole('listitem').filter({ hasText: broken });
    await click(failure.getByRole('link').first());
    await click(page.getByRole('button', { name: 'Try again' }));
    await page.waitForURL((url) => /\/jobs\/job_/.test(url.pathname) && url.href !== failed);
    await watch(page);
    await page.getByRole('heading', { name: 'A store that failed is online' }).waitFor();
  });

  task('reset a customer’s second factor', () => staff, '/staff', async (page, click, enter) => {
    await page.fill('#search', `${name}@example.com`);
    await enter(page.locator('#search'));
    await click(page.getByRole('region', { name: /Customers/ }).getByRole('link').first());
    await click(page.getByRole('button', { name: /Turn off two-step login/ }));
    await page.getByText(/Two-step login.*turned off/).waitFor();
  });
});
