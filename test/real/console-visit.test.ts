import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { auditPage, foreignTexts, settled, watchTroubles } from './console-audit.ts';
import { type ConsoleGround, dialogsOf, missingConsoleParts, openConsole, pagesOf, visit } from './console-ground.ts';

const missing = missingConsoleParts();

describe('visiting the whole console', { skip: missing ?? false, timeout: 480_000, concurrency: 2 }, () => {
  let ground: ConsoleGround;
  before(async () => {
    ground = await openConsole();
  });
  after(() => ground.close());

  for (const language of ['en', 'es'] as const) {
    test(`every page and dialog is translated, named, readable and within the window (${language})`, async (t) => {
      const { page, mock, close } = await visit(ground, { language });
      const troubles = watchTroubles(page);
      const began = performance.now();
      try {
        const foreign = await foreignTexts(language);
        const problems: string[] = [];
        for (const [name, path] of pagesOf(mock)) {
          await page.goto(mock.url + path);
          await settled(page);
          problems.push(...(await auditPage(page, name, foreign)));
        }
        for (const [name, path, opener] of dialogsOf(mock)) {
          await page.goto(mock.url + path);
          await settled(page);
          if (opener.startsWith('key:')) await page.keyboard.press(opener.slice('key:'.length));
          else await page.locator(opener).first().click();
          await page.locator('dialog[open]').waitFor();
          problems.push(...(await auditPage(page, `dialog ${name}`, foreign)));
          await page.keyboard.press('Escape');
          await page.locator('dialog[open]').waitFor({ state: 'detached' });
        }
        t.diagnostic(`${pagesOf(mock).length} pages in ${((performance.now() - began) / 1000).toFixed(1)} s`);
        assert.deepEqual(problems, []);
        assert.deepEqual(troubles, []);
      } finally {
        await close();
      }
    });
  }
});
