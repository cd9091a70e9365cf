// From the sign-up form to the account, without a mouse.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, mailedLink, open, password, portal, unique, visit, watch } from './browser.mjs';

let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser.close(); });

/// Presses Tab until the element has the focus. Each stop on the way shows that it has it.
async function tabTo(page, element, most = 40) {
  for (let stops = 0; stops < most; stops += 1) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate(() => {
      const focused = document.activeElement;
      if (focused === document.body) return undefined;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(focused);
      const isShown = (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none';
      return { isShown, html: focused.cloneNode(false).outerHTML };
    });
    if (stop) assert.ok(stop.isShown, `the focus is not visible on ${stop.html} of ${page.url()}`);
    if (await element.evaluate((wanted) => wanted === document.activeElement)) return;
  }
  assert.fail(`${element} of ${page.url()} was not reached with ${most} tabs`);
}

/// Tabs to a link or button, and presses Enter.
async function enter(page, element) {
  await tabTo(page, element);
  await page.keyboard.press('Enter');
}

test('sign up, see the store, add a domain, open the account: by keyboard alone', async () => {
  const page = await open(browser);
  const name = unique('keys');
  const { keyboard } = page;
  await page.goto(`${portal}/register`);
  await tabTo(page, page.locator('#email'));
  await keyboard.type(`${name}@example.com`);
  await tabTo(page, page.locator('#password'));
  await keyboard.type(password);
  await tabTo(page, page.locator('#company'));
  await keyboard.type('Keys & Co');
  await tabTo(page, page.locator('#title'));
  await keyboard.type(name);
  await tabTo(page, page.locator('#subdomain'));
  assert.equal(await page.inputValue('#subdomain'), name, 'the address follows the title');
  // The choices are one stop; arrows choose.
  await tabTo(page, page.locator('input[name=blueprint]:checked, input[name=blueprint]:not(:disabled)').first());
  const ebuilder = page.locator('input[name=blueprint][value=ebuilder]');
  while (!await ebuilder.isChecked()) await keyboard.press('ArrowDown');
  await tabTo(page, page.locator('summary').filter({ hasText: 'Administrator account' }));
  await keyboard.press('Space');
  await page.locator('#admin_user').waitFor();
  await enter(page, page.getByRole('button', { name: 'Create store' }));
  await page.waitForURL(/\/jobs\/job_/);
  await watch(page);
  await enter(page, page.getByRole('link', { name: 'Go to dashboard' }));
  await page.getByRole('heading', { name, level: 1 }).waitFor();
  const site = page.url();

  // Their own domain waits until the address is verified.
  await visit(page, await mailedLink(page, `${name}@example.com`, '/verify/'));
  await enter(page, page.getByRole('button', { name: 'Verify' }));
  await page.getByRole('heading', { name: 'This e-mail address is verified' }).waitFor();
  await enter(page, page.getByRole('link', { name: 'Continue' }));
  await page.waitForURL(`${portal}/dashboard`);
  await enter(page, page.getByRole('link', { name, exact: true }));
  await page.waitForURL(site);
  await enter(page, page.getByRole('link', { name: 'Domains', exact: true }));
  await page.waitForURL(`${site}/domains`);
  await tabTo(page, page.getByRole('textbox', { name: 'Domain', exact: true }));
  await keyboard.type(`${name}.example.com`);
  await tabTo(page, page.getByRole('checkbox', { name: /www/ }));
  await keyboard.press('Space');
  await enter(page, page.getByRole('button', { name: 'Add domain' }));
  await page.getByRole('heading', { name: `www.${name}.example.com` }).waitFor();

  // The account's menu opens with Space, and what it shows comes next.
  await visit(page, page.url());
  await tabTo(page, page.getByRole('button', { name: /^Account of/ }));
  await keyboard.press('Space');
  await enter(page, page.getByRole('link', { name: 'Account', exact: true }));
  await page.waitForURL(`${portal}/account`);
  assert.deepEqual(page.complaints, [], 'the browser complained');
  await page.context().close();
});
