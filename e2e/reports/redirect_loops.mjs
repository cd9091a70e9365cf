// One browser profile that visits the addresses of its standard input; for each, the status and where it ended.
import { createInterface } from 'node:readline';
import { launch } from '../browser.mjs';

const browser = await launch();
const page = await (await browser.newContext()).newPage();
for await (const address of createInterface({ input: process.stdin })) {
  try {
    const response = await page.goto(address, { timeout: 60_000 });
    console.log(response.status(), page.url());
  } catch (error) {
    console.log(String(error).split('\n')[0]);
  }
}
await browser.close();
