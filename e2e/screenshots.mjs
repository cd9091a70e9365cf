// Pictures of every screen: 1440 and 390 wide, light and dark, in e2e/screenshots/.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dashboard, launch, open, portal, register, unique, watch } from './browser.mjs';

const folder = new URL('./screenshots/', import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
const browser = await launch();
const looks = [1440, 390].flatMap((width) => ['light', 'dark'].map((colorScheme) => ({ width, colorScheme })));

/// One login each; its cookies are used for every look.
const customer = await open(browser);
await customer.goto(`${portal}/register`);
const name = unique('shop');
await register(customer, name, { subdomain: name, title: "Jane's Shop" });
const job = customer.url();
for (const { width, colorScheme } of looks.slice(0, 1)) {
  await customer.setViewportSize({ width, height: 1000 });
  await customer.emulateMedia({ colorScheme });
  await customer.locator('.step').first().waitFor();
  await customer.screenshot({ path: `${folder}job-running-${width}-${colorScheme}.png`, fullPage: true });
}
await watch(customer);
const site = await dashboard(customer);
const staff = await open(browser);
await staff.goto(`${portal}/staff/login`);
await staff.fill('#email', 'operator@example.com');
await staff.fill('#password', 'operator password');
await staff.locator('main form button').click();
await staff.waitForURL(/\/staff/);
const nobody = await open(browser);
const newcomer = await open(browser);
await newcomer.goto(`${portal}/register`);

const front = `http://${name}.localhost:${new URL(portal).port}/`;
const suspend = () => execFileSync(process.env.STOA, ['sites', 'suspend', name, '--reason', 'abuse', '--note', 'Mail was sent to people who never asked for it.']);

const screens = [
  [nobody, 'home', `${portal}/`],
  [nobody, 'register', `${portal}/register`],
  [nobody, 'login', `${portal}/login`],
  [nobody, 'not-found', `${portal}/nowhere`],
  [nobody, 'api-docs', `${portal}/api/docs`],
  [nobody, 'edge-unknown-host', `http://nobody-has-this.localhost:${new URL(portal).port}/`],
  [customer, 'job', job],
  [customer, 'dashboard', `${portal}/dashboard`],
  [customer, 'site-new', `${portal}/sites/new`],
  [customer, 'site', site],
  [customer, 'site-logs', `${site}/logs`],
  [customer, 'site-domains', `${site}/domains`],
  [customer, 'site-traffic', `${site}/traffic`],
  [customer, 'site-usage', `${site}/usage`],
  [customer, 'site-activity', `${site}/activity`],
  [customer, 'site-settings', `${site}/settings`],
  [customer, 'account', `${portal}/account`],
  [customer, 'account-security', `${portal}/account/security`],
  [customer, 'account-second-factor', `${portal}/account/security/second-factor`],
  [customer, 'account-tokens', `${portal}/account/tokens`],
  [customer, 'account-team', `${portal}/account/team`],
  [nobody, 'forgot', `${portal}/forgot`],
  [staff, 'staff', `${portal}/staff`],
  [staff, 'staff-sites', `${portal}/staff/sites`],
  [staff, 'staff-site', site],
  [staff, 'staff-customers', `${portal}/staff/customers`],
  [staff, 'staff-search', `${portal}/staff/search?q=shop`],
  [staff, 'staff-domains', `${portal}/staff/domains`],
  [staff, 'staff-health', `${portal}/staff/health`],
  [staff, 'staff-audit', `${portal}/staff/audit`],
  [staff, 'staff-certificates', `${portal}/staff/certificates`],
  [staff, 'staff-jobs', `${portal}/staff/jobs`],
  [staff, 'staff-tasks', `${portal}/staff/tasks`],
  // From here on the site is suspended.
  [customer, 'site-suspended', site, suspend],
  [nobody, 'edge-suspended', front],
];
for (const [page, what, url, before] of screens) {
  before?.();
  for (const { width, colorScheme } of looks) {
    await page.setViewportSize({ width, height: width === 390 ? 844 : 1000 });
    await page.emulateMedia({ colorScheme });
    await page.goto(url);
    await page.screenshot({ path: `${folder}${what}-${width}-${colorScheme}.png`, fullPage: true });
  }
  console.log(what);
}
await browser.close();
console.log(`pictures of ${screens.length} screens in ${folder}`);
