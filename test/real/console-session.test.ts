import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type ConsoleGround, missingConsoleParts, openConsole, type Visit, visit } from './console-ground.ts';

const missing = missingConsoleParts();

describe('signing in to the console', { skip: missing ?? false, timeout: 180_000 }, () => {
  let ground: ConsoleGround;
  before(async () => {
    ground = await openConsole();
  });
  after(() => ground.close());

  async function withVisit(options: Parameters<typeof visit>[1], act: (visitor: Visit) => Promise<void>) {
    const visitor = await visit(ground, options);
    try {
      await act(visitor);
      assert.deepEqual(visitor.troubles, []);
    } finally {
      await visitor.close();
    }
  }

  test('a one-time code leaves the address at once, is posted once, and ends in a password', () =>
    withVisit({ state: 'fresh', signedIn: false }, async ({ page, mock }) => {
      await page.goto(`${mock.url}/login#code=one-time-code`);
      await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
      assert.equal(await page.evaluate('location.hash'), '');
      assert.deepEqual(mock.writes, [{ method: 'POST', path: '/session/exchange', body: { code: 'one-time-code' } }]);

      await page.getByLabel('New password').fill('short');
      await page.getByLabel('Repeat the password').fill('short');
      await page.getByRole('button', { name: 'Save and continue' }).click();
      await page.getByText('The password has 5 characters; at least 10 are needed').waitFor();
      assert.equal(mock.writes.length, 1, 'a password that is too short is not sent');

      await page.getByLabel('New password').fill('a sentence only I would say');
      await page.getByLabel('Repeat the password').fill('a sentence only I would say');
      await page.getByRole('button', { name: 'Save and continue' }).click();
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      assert.deepEqual(mock.writes.at(-1), {
        method: 'POST',
        path: '/me/password',
        body: { password: 'a sentence only I would say' },
      });
    }));

  test('a spent code says so and offers the form', () =>
    withVisit({ signedIn: false }, async ({ page, mock }) => {
      await page.goto(`${mock.url}/login#code=spent`);
      await page.getByText('the one-time code is not valid').waitFor();
      await page.getByLabel('Password').waitFor();
    }));

  test('name and password return to the page that was asked for; a wrong password is refused where it was typed', () =>
    withVisit({ signedIn: false }, async ({ page, mock }) => {
      await page.goto(`${mock.url}/incidents/7`);
      await page.getByLabel('Name').fill('ana');
      await page.getByLabel('Password').fill('wrong');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').getByText('name or password is wrong').waitFor();
      await page.getByLabel('Password').fill(mock.data.password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: /Incident 7/ }).waitFor();
    }));

  test('the login never leads to another site', () =>
    withVisit({ signedIn: false }, async ({ page, mock }) => {
      await page.goto(`${mock.url}/login?next=${encodeURIComponent('//evil.example/')}`);
      await page.getByLabel('Name').fill('ana');
      await page.getByLabel('Password').fill(mock.data.password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      assert.equal(new URL(page.url()).origin, mock.url);
    }));

  test('signing out forgets everything that was read', () =>
    withVisit({ signedIn: false }, async ({ page, mock }) => {
      await page.goto(`${mock.url}/login`);
      await page.getByLabel('Name').fill('ana');
      await page.getByLabel('Password').fill(mock.data.password);
      await page.keyboard.press('Enter');
      await page.locator('summary', { hasText: 'ana' }).click();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await page.goto(`${mock.url}/projects`);
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    }));

  test('a person without a password cannot go around setting one', () =>
    withVisit({ state: 'fresh' }, async ({ page, mock }) => {
      await page.goto(`${mock.url}/projects`);
      await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
    }));
});
