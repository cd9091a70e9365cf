// Pictures of every screen, 1440 and 390 wide, light and dark, in e2e/screenshots/, and index.html with all of them.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { visit } from './browser.mjs';
import { everyScreen } from './screens.mjs';

const folder = new URL('./screenshots/', import.meta.url).pathname;
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const looks = [1440, 390].flatMap((width) => ['light', 'dark'].map((colorScheme) => ({ width, colorScheme })));
const names = [];

/// A screen in every look. Loaded again for each, as scripts may arrange it for the width; without `url` as it is.
async function photograph(page, name, url) {
  for (const { width, colorScheme } of looks) {
    await page.setViewportSize({ width, height: width === 390 ? 844 : 1000 });
    await page.emulateMedia({ colorScheme });
    if (url) await visit(page, url);
    await page.screenshot({ path: `${folder}${name}-${width}-${colorScheme}.png`, fullPage: true });
  }
  names.push(name);
  console.log(name);
}

const { browser, screens } = await everyScreen(async (page) => {
  await page.locator('.step').first().waitFor();
  await photograph(page, 'job-running');
});
for (const { page, name, url, before } of screens) {
  await before?.();
  await photograph(page, name, url);
}
await browser.close();

const thumbnail = (name, { width, colorScheme }) => `
    <a href="${name}-${width}-${colorScheme}.png"><img src="${name}-${width}-${colorScheme}.png" alt="${name}, ${width} pixels wide, ${colorScheme}" loading="lazy"><span>${width} ${colorScheme}</span></a>`;
const section = (name) => `
  <section id="${name}">
    <h2><a href="#${name}">${name}</a></h2>
    <div>${looks.map((look) => thumbnail(name, look)).join('')}
    </div>
  </section>`;
writeFileSync(`${folder}index.html`, `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Screens of Stoa</title>
<style>
  body { margin: 2rem auto; max-width: 80rem; padding: 0 1.5rem; background: #fff; color: #1a1f26; font: 1rem/1.5 system-ui, sans-serif; }
  nav { columns: 14rem; margin-bottom: 2rem; font-size: .875rem; }
  nav a { display: block; }
  a { color: #1b5790; text-decoration: none; }
  a:hover, a:focus { text-decoration: underline; }
  section { padding: 1rem 0 1.5rem; border-top: 1px solid #e4e1d9; }
  h2 { margin: 0 0 .75rem; font-size: 1.125rem; }
  h2 a { color: inherit; }
  section div { display: grid; grid-template-columns: 3fr 3fr 1fr 1fr; gap: 1rem; }
  img { display: block; width: 100%; height: 16rem; object-fit: cover; object-position: top; border: 1px solid #e4e1d9; border-radius: .375rem; }
  span { display: block; margin-top: .25rem; color: #565d67; font-size: .8125rem; }
  @media (max-width: 50rem) { section div { grid-template-columns: 1fr 1fr; } }
</style>
<h1>Screens of Stoa</h1>
<nav aria-label="Screens">${names.map((name) => `<a href="#${name}">${name}</a>`).join('')}</nav>${names.map(section).join('')}
</html>
`);
console.log(`pictures of ${names.length} screens: ${folder}index.html`);
