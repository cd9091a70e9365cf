// Every screen, for the test of all screens and for their pictures.
import { execFileSync } from 'node:child_process';
import { dashboard, failOrder, launch, logIn, logInStaff, mailedLink, open, password, portal, register, send, turnOnTwoSteps, unique, verify, visit, watch } from './browser.mjs';

/// What a check does that has found the records of a domain.
const VERIFY = `
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=10)
now = int(time.time() * 1000)
db.execute("UPDATE domains SET state = 'verified', verified_at = ?, checked_at = ? WHERE name = ?", (now, now, sys.argv[2]))
db.execute("INSERT INTO hostnames (hostname, site, domain) SELECT name, site, id FROM domains WHERE name = ?", (sys.argv[2],))
db.commit()
`;

/// The screens, to be seen in their order: what is done `before` a later one may end what an earlier one shows. A screen
/// without `url` is what its page shows then. `seeJob` gets the page while the first store is created.
export async function everyScreen(seeJob = async () => {}) {
  const browser = await launch();
  const [customer, member, waiting, staff, nobody] = await Promise.all(Array.from({ length: 5 }, () => open(browser)));
  const [name, invited] = [unique('shop'), unique('guest')];
  await register(customer, name, { subdomain: name, title: "Jane's Shop" });
  const job = customer.url();
  await seeJob(customer);
  await watch(customer);
  const site = await dashboard(customer);
  await verify(customer, name);
  const account = `${portal}/account`;
  const button = (page, label) => page.getByRole('main').getByRole('button', { name: label });

  const failed = await failOrder(customer, site, unique('outlet'), "Jane's Outlet");
  // A domain that waits for its records, and a verified one: no name server here answers for it.
  for (const domain of ['waiting', 'verified'].map((state) => `${state}-${name}.example.com`)) {
    await visit(customer, `${site}/domains`);
    await customer.fill('#name', domain);
    await customer.uncheck('#main');
    await send(customer, button(customer, 'Add domain'));
  }
  execFileSync('python3', ['-c', VERIFY, `${process.env.DATA}/stoa.db`, `verified-${name}.example.com`]);
  await visit(customer, `${site}/domains`);
  const remove = portal + await customer.getByRole('link', { name: /^Remove/ }).first().getAttribute('href');
  await visit(customer, `${account}/tokens`);
  await customer.fill('#name', 'Deployment');
  await customer.getByRole('checkbox').first().check();
  await send(customer, button(customer, 'Create token'));
  await visit(customer, `${account}/team`);
  await customer.fill('#email', `${invited}@example.com`);
  await send(customer, button(customer, 'Send invitation'));
  await visit(customer, account);
  await customer.fill('#email', `${unique('new')}@example.com`);
  const next = await customer.inputValue('#email');
  await send(customer, button(customer, 'Change address'));
  await visit(nobody, `${portal}/forgot`);
  await nobody.fill('#email', `${name}@example.com`);
  await send(nobody, button(nobody, 'Send the link'));
  await logInStaff(staff);
  await visit(staff, site);
  const owner = portal + await staff.getByRole('definition').getByRole('link', { name: new RegExp(`^${name}`) }).getAttribute('href');

  const invitation = await mailedLink(customer, `${invited}@example.com`, '/invitations/');
  const join = async () => {
    await visit(member, invitation);
    await member.fill('#company', 'Guest');
    await member.fill('#password', password);
    await send(member, button(member, 'Create account and join'));
  };
  const setUp = async () => {
    await visit(member, `${account}/security/second-factor`);
    await send(member, button(member, 'Set up two-step login'));
    await member.locator('#totp-key').waitFor();
  };
  const toSecondStep = async () => {
    await visit(waiting, `${portal}/login`);
    await logIn(waiting, invited);
  };
  const colleague = unique('colleague');
  const invite = async () => {
    await visit(staff, `${portal}/staff/people/new`);
    await staff.fill('#name', 'Anna Berg');
    await staff.fill('#email', `${colleague}@example.com`);
    await staff.getByRole('radio', { name: /^Admin/ }).check();
    await send(staff, button(staff, 'Send invitation'));
    await staff.getByText('The account was created.').waitFor();
  };
  const followInvitation = async () => visit(nobody, await mailedLink(nobody, `${colleague}@example.com`, '/reset/'));
  const viewAsCustomer = async () => {
    await visit(staff, owner);
    await staff.fill('#reason', 'Ticket 42');
    await send(staff, button(staff, 'View as customer'));
    await staff.waitForURL(`${portal}/dashboard`);
  };
  const suspend = () => execFileSync(process.env.STOA, ['sites', 'suspend', name, '--reason', 'abuse', '--note', 'Mail was sent to people who never asked for it.']);
  const port = new URL(portal).port;

  const screens = [
    { page: nobody, name: 'home', url: `${portal}/` },
    { page: nobody, name: 'register', url: `${portal}/register` },
    { page: nobody, name: 'login', url: `${portal}/login` },
    { page: nobody, name: 'staff-login', url: `${portal}/staff/login` },
    { page: nobody, name: 'forgot', url: `${portal}/forgot` },
    { page: nobody, name: 'reset', url: await mailedLink(nobody, `${name}@example.com`, '/reset/') },
    { page: nobody, name: 'link-expired', url: `${portal}/reset/${'x'.repeat(43)}`, status: 409 },
    { page: nobody, name: 'email-change', url: await mailedLink(nobody, next, '/account/email/') },
    { page: nobody, name: 'invitation', url: invitation },
    { page: nobody, name: 'not-found', url: `${portal}/nowhere`, status: 404 },
    { page: nobody, name: 'api-docs', url: `${portal}/api/docs` },
    { page: nobody, name: 'edge-unknown-host', url: `http://nobody-has-this.localhost:${port}/`, status: 404 },
    { page: customer, name: 'job', url: job },
    { page: customer, name: 'dashboard', url: `${portal}/dashboard` },
    { page: customer, name: 'site-new', url: `${portal}/sites/new` },
    { page: customer, name: 'site', url: site },
    { page: customer, name: 'site-traffic', url: `${site}/traffic` },
    { page: customer, name: 'site-usage', url: `${site}/usage` },
    { page: customer, name: 'site-domains', url: `${site}/domains` },
    { page: customer, name: 'domain-remove', url: remove },
    { page: customer, name: 'site-logs', url: `${site}/logs` },
    { page: customer, name: 'site-activity', url: `${site}/activity` },
    { page: customer, name: 'site-settings', url: `${site}/settings` },
    { page: customer, name: 'job-failed', url: failed },
    { page: customer, name: 'account', url: account },
    { page: customer, name: 'account-security', url: `${account}/security` },
    { page: customer, name: 'account-second-factor', url: `${account}/security/second-factor` },
    { page: customer, name: 'account-tokens', url: `${account}/tokens` },
    { page: customer, name: 'account-team', url: `${account}/team` },
    { page: member, name: 'member-site', url: site, before: join },
    { page: member, name: 'account-second-factor-setup', before: setUp },
    { page: member, name: 'account-recovery-codes', before: () => turnOnTwoSteps(member) },
    { page: member, name: 'account-second-factor-on', url: `${account}/security/second-factor` },
    { page: waiting, name: 'login-code', url: `${portal}/login/code`, before: toSecondStep },
    { page: staff, name: 'staff', url: `${portal}/staff` },
    { page: staff, name: 'staff-sites', url: `${portal}/staff/sites` },
    { page: staff, name: 'staff-site-new', url: `${portal}/staff/sites/new` },
    { page: staff, name: 'staff-site', url: site },
    { page: staff, name: 'staff-site-settings', url: `${site}/settings` },
    { page: staff, name: 'staff-customers', url: `${portal}/staff/customers` },
    { page: staff, name: 'staff-customer', url: owner },
    { page: staff, name: 'staff-people-new', url: `${portal}/staff/people/new` },
    { page: staff, name: 'staff-people-invited', before: invite },
    { page: staff, name: 'staff-people', url: `${portal}/staff/people` },
    { page: nobody, name: 'staff-invitation', before: followInvitation },
    { page: staff, name: 'staff-search', url: `${portal}/staff/search?q=shop` },
    { page: staff, name: 'staff-domains', url: `${portal}/staff/domains` },
    { page: staff, name: 'staff-certificates', url: `${portal}/staff/certificates` },
    { page: staff, name: 'staff-jobs', url: `${portal}/staff/jobs` },
    { page: staff, name: 'staff-job-failed', url: failed },
    { page: staff, name: 'staff-tasks', url: `${portal}/staff/tasks` },
    { page: staff, name: 'staff-health', url: `${portal}/staff/health` },
    { page: staff, name: 'staff-audit', url: `${portal}/staff/audit` },
    { page: staff, name: 'staff-account', url: account },
    { page: staff, name: 'staff-account-security', url: `${account}/security` },
    { page: staff, name: 'staff-account-tokens', url: `${account}/tokens` },
    { page: staff, name: 'viewing-dashboard', before: viewAsCustomer },
    { page: staff, name: 'viewing-site', url: site },
    { page: customer, name: 'site-suspended', url: site, before: suspend },
    { page: nobody, name: 'edge-suspended', url: `http://${name}.localhost:${port}/`, status: 503 },
  ];
  return { browser, screens };
}
