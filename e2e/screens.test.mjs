// Rules that every screen keeps, for customers, staff and visitors.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessible, fits, visit } from './browser.mjs';
import { everyScreen } from './screens.mjs';

const MAX_HTML_BYTES = 30_000;
/// The API reference is one page, so that the browser finds a word in all of it.
const WHOLE_BOOKS = ['api-docs'];

/// Where the browser replaces all colors, a button is seen by its border.
async function buttonsAreSeen(page, what) {
  await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
  const unseen = await page.locator('main .button').evaluateAll((all) => all.filter((button) => {
    const { borderTopStyle, borderTopWidth, animationName } = getComputedStyle(button);
    return button.checkVisibility() && (borderTopStyle === 'none' || borderTopWidth === '0px' || animationName !== 'none');
  }).map((button) => button.textContent.trim()));
  const moving = await page.evaluate(() => document.getAnimations().length);
  await page.emulateMedia({ forcedColors: 'none', reducedMotion: 'no-preference' });
  assert.deepEqual(unseen, [], `buttons of ${what} without a border, in forced colors`);
  assert.equal(moving, 0, `animations of ${what}, with reduced motion`);
}

test('every screen is light, accessible, and fits', async (t) => {
  const { browser, screens } = await everyScreen();
  for (const { page, name, url, status = 200, before } of screens) {
    await t.test(name, async () => {
      await before?.();
      await page.setViewportSize({ width: 1440, height: 1000 });
      const answer = url && await visit(page, url);
      // All that is wrong with a screen is told at once.
      const problems = [];
      const check = (promise) => promise.catch((error) => problems.push(error.message));
      if (answer) {
        const bytes = (await answer.body()).length;
        if (answer.status() !== status) problems.push(`it answers ${answer.status()}`);
        if (bytes > MAX_HTML_BYTES && !WHOLE_BOOKS.includes(name)) problems.push(`its HTML has ${bytes} bytes`);
      }
      await check(accessible(page, `${name} on a wide screen`));
      await check(buttonsAreSeen(page, name));
      await page.setViewportSize({ width: 390, height: 844 });
      await check(accessible(page, `${name} on a phone`));
      await page.setViewportSize({ width: 320, height: 700 });
      await check(fits(page, name));
      problems.push(...page.complaints.splice(0));
      assert.deepEqual(problems, []);
    });
  }
  await browser.close();
});
