import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { writeBoat } from './boat.ts';
import { eventually, exists, type Ground, missingPart, openGround, ROOT } from './ground.ts';

// The console as it is served by a real instance, in a real browser, with what really happened in it.

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const BUILT = `${ROOT}/console/dist/index.html`;
const PASSWORD = 'a sentence only I would say';

function missingBrowser(): string | false {
  if (!existsSync(CHROMIUM)) return `needs Chromium at ${CHROMIUM}, or its place in CHROMIUM`;
  return existsSync(BUILT) ? false : 'needs the built console: npm run build:console';
}
const skip = (await missingPart(['script', 'busybox', 'buildah'])) || missingBrowser();

suite('the console of a real instance', { skip, timeout: 420_000 }, () => {
  let ground: Ground;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let base: string;
  let source: string;
  let incident: number | null = null;
  /** What went wrong in the page: exceptions, refused scripts, answers that are errors. */
  const troubles: string[] = [];

  function watch(visitor: Page): Page {
    visitor.setDefaultTimeout(15_000);
    visitor.on('pageerror', (error) => troubles.push(`${visitor.url()}: ${error}`));
    visitor.on('console', (message) => {
      // Chromium asks again by itself when a network of some container comes or goes on this machine.
      if (message.text().includes('ERR_NETWORK_CHANGED')) return;
      if (message.type() === 'error') troubles.push(`${visitor.url()}: ${message.text()}`);
    });
    visitor.on('response', (response) => {
      if (response.status() >= 400) troubles.push(`${visitor.url()}: ${response.status()} ${response.url()}`);
    });
    return visitor;
  }

  before(async () => {
    ground = await openGround();
    const up = await ground.darsena('up', '--yes', '--json');
    assert.equal(up.code, 0, up.stderr);
    base = new URL(up.json<{ console: string }>().console).origin;
    source = await writeBoat(ground.folder, 'uno');
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run'],
    });
    // That the certificate is the authority's is proved where clients trust it; Chromium has no option for one file.
    context = await browser.newContext({
      ignoreHTTPSErrors: true,
      reducedMotion: 'reduce',
      viewport: { width: 1280, height: 900 },
    });
    await context.addInitScript(
      "localStorage.setItem('darsena.language', localStorage.getItem('darsena.language') ?? 'en')",
    );
    page = watch(await context.newPage());
  });
  after(async () => {
    await browser?.close();
    await ground.close();
  });

  test('the one-time code opens it, leaves the address, works once, and ends in a password', async () => {
    const { console: address } = (await ground.darsena('up', '--yes', '--json')).json<{ console: string }>();
    // Who is not logged in yet is told so by the API; that is no fault of the page.
    await page.goto(address);
    await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
    assert.equal(await page.evaluate('location.hash'), '');
    await page.getByLabel('New password').fill(PASSWORD);
    await page.getByLabel('Repeat the password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Save and continue' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    assert.deepEqual(
      troubles.filter((trouble) => !/\b401\b/.test(trouble)),
      [],
    );
    troubles.length = 0;

    const stranger = await browser.newContext({ ignoreHTTPSErrors: true });
    const other = await stranger.newPage();
    await other.goto(address);
    await other
      .getByText(/one-time code/i)
      .first()
      .waitFor();
    await other.getByLabel('Password').waitFor();
    await other.getByLabel('Name').fill('admin');
    await other.getByLabel('Password').fill(PASSWORD);
    await other.getByRole('button', { name: 'Sign in' }).click();
    await other.getByRole('heading', { name: 'Overview' }).waitFor();
    await stranger.close();
    // A first password ends no other login: the command line goes on with its own.
    assert.equal((await ground.darsena('status')).code, 0);
  });

  test('a deploy appears while it runs and finishes without a reload', async () => {
    await page.goto(`${base}/operations`);
    await page.getByText('No operation yet').waitFor();
    await page.evaluate("window.neverReloaded = 'yes'");
    const deploy = ground.darsena('deploy', source);
    await page.getByText('Deploy bote to dev').first().waitFor();
    await page.getByText('Deploy bote to dev').first().click();
    await page.getByText('Build web').first().waitFor();
    await page.getByText('Roll out web').first().waitFor({ timeout: 60_000 });
    const { code, stdout, stderr } = await deploy;
    assert.equal(code, 0, `${stdout}${stderr}`);
    await page.getByRole('heading', { name: 'Result' }).waitFor();
    await page.getByText('https://web-bote-dev.').first().waitFor();
    assert.equal(await page.evaluate('window.neverReloaded'), 'yes');
    assert.deepEqual(troubles, []);
  });

  test('an image shows its thread from build to deploy', async () => {
    const { items } = (await ground.darsena('image', 'list', 'bote', '--json')).json<{ items: { digest: string }[] }>();
    await page.goto(`${base}/projects/bote/images/${items[0]?.digest}`);
    const ribbon = page.locator('section.ribbon');
    await ribbon.waitFor();
    assert.equal(await ribbon.locator('li.station').count(), 7);
    assert.ok((await ribbon.locator('li.tone-ok, li.tone-warn').count()) >= 4, (await ribbon.textContent()) ?? '');
    assert.deepEqual(troubles, []);
  });

  test('the files of a layer are listed, and every attached signature says who stands behind it', async () => {
    const { items } = (await ground.darsena('image', 'list', 'bote', '--json')).json<{ items: { digest: string }[] }>();
    await page.goto(`${base}/projects/bote/images/${items[0]?.digest}?tab=layers`);
    const files = page.getByRole('table', { name: 'Files this layer adds' });
    await files.getByRole('row').nth(1).waitFor();
    const listed = (await ground.darsena('image', 'files', 'bote/web', '--json')).json<{ items: { path: string }[] }>();
    await files.getByText(`/${listed.items[0]?.path}`).first().waitFor();
    await page.getByLabel('Filter by path').fill('no such path anywhere');
    await page.getByText('No path matches the filter').waitFor();
    await page.goto(`${base}/projects/bote/images/${items[0]?.digest}?tab=signatures`);
    await page.locator('.referrers > li').first().getByText('trusted').waitFor();
    assert.deepEqual(troubles, []);
  });

  test('an incident appears by itself, and its page kills what it is about', async (t) => {
    if (!(await ground.instance()).sensor) {
      t.skip('this kernel, or our rights on it, do not let the sensor load');
      return;
    }
    // Containers that others start on this machine meanwhile are told of as well, without a project.
    const { items: alerts } = await ground.api<{ items: { rule: string; output: string }[] }>(
      'GET',
      '/alerts?project=bote',
    );
    assert.deepEqual(
      alerts.map(({ rule, output }) => `${rule}: ${output}`),
      [],
      'nobody has done anything wrong yet',
    );
    await page.goto(`${base}/incidents`);
    await page.locator('.page-title').first().waitFor();
    assert.equal(await page.getByText(/Terminal .*container/i).count(), 0);
    const shell = ground.terminal('exec', 'bote/web', '--', 'sh');
    try {
      let output = '';
      shell.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8');
      });
      shell.stdin.write('id; sleep 300\n');
      await eventually('the shell answers', async () => output.includes('uid=10001'));
      await page
        .getByText(/Terminal .*container/i)
        .first()
        .waitFor({ timeout: 5_000 });
      incident =
        (await ground.api<{ items: { number: number }[] }>('GET', '/incidents?state=open&project=bote')).items[0]
          ?.number ?? 0;
      const { processTree } = await ground.api<{ processTree: Tree[] }>('GET', `/incidents/${incident}`);
      const pids = flatten(processTree).filter(({ alert }) => alert);
      assert.ok(pids.length > 0);
      await page.goto(`${base}/incidents/${incident}`);
      await page.getByRole('heading', { name: new RegExp(`Incident ${incident}`) }).waitFor();
      await page.getByRole('heading', { name: 'Timeline' }).first().waitFor();
      await page.getByRole('button', { name: /^Kill/ }).first().click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Type web to confirm').fill('web');
      await dialog.getByRole('button', { name: /^Kill/ }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.locator('.page-title').getByText('contained').waitFor();
      for (const { pid } of pids) {
        await eventually(`process ${pid} is gone`, async () => !(await exists(`/proc/${pid}`)));
      }
    } finally {
      shell.kill('SIGKILL');
    }
    assert.deepEqual(troubles, []);
  });

  test('the page of a workload opens a terminal in it, measures it, and scales it as a release', async () => {
    await page.goto(`${base}/projects/bote/workloads/dev/web`);
    await page.getByRole('heading', { name: 'Use', exact: true }).waitFor();
    await page.locator('.use-lines').waitFor();
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    // What is typed at once is not lost: it waits for the session.
    await page.locator('.xterm-helper-textarea:focus').waitFor();
    await page.keyboard.type('id\n');
    await page.locator('.xterm').getByText('uid=10001').first().waitFor({ timeout: 60_000 });
    await page.keyboard.type('exit\n');
    await page.getByText('The command ended with code').waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Scale', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('spinbutton', { name: 'Replicas' }).fill('2');
    await dialog.getByRole('button', { name: 'Scale', exact: true }).click();
    await page.locator('.page-title').getByText('done').waitFor({ timeout: 60_000 });
    await page.goto(`${base}/projects/bote/workloads/dev/web`);
    await page.getByRole('heading', { name: /Replicas\s*2\/2/ }).waitFor({ timeout: 60_000 });
    // Both releases are in the history, with a way to see what is different.
    await page.getByRole('link', { name: 'compare' }).first().click();
    await page.getByText('1 → 2').first().waitFor();
    assert.deepEqual(troubles.splice(0), []);
  });

  test('a rule of one’s own is sound as it is offered, put in force, and taken out again', async () => {
    await page.goto(`${base}/rules/try`);
    await page.getByText('One rule, and nothing is wrong.').waitFor();
    await page.getByLabel('File').fill('walk.yaml');
    await page.getByRole('button', { name: 'Put in force' }).click();
    await page.getByRole('heading', { name: 'walk.yaml' }).waitFor();
    await page.getByText('In force; hosts have been told.').waitFor();
    await page.goto(`${base}/rules`);
    await page.getByRole('link', { name: 'Shell in a container' }).waitFor();
    await page.goto(`${base}/rules/try?file=walk.yaml`);
    await page.getByRole('button', { name: 'Take out of force' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Take out of force' }).click();
    await page.getByText('Only the rules of the platform are in force').waitFor();
    assert.deepEqual(troubles.splice(0), []);
  });

  test('what happens in a container is seen live', async (t) => {
    if (!(await ground.instance()).sensor) {
      t.skip('this kernel, or our rights on it, do not let the sensor load');
      return;
    }
    await page.goto(`${base}/live?project=bote&q=${encodeURIComponent('evt.type=execve and proc.name=id')}`);
    await page.getByRole('button', { name: 'Hold still' }).waitFor();
    await eventually('the act is seen', async () => {
      assert.equal((await ground.darsena('exec', 'bote/web', '--', 'id')).code, 0);
      return (await page.getByRole('log').getByRole('link', { name: 'bote/web' }).count()) > 0;
    });
    assert.deepEqual(troubles.splice(0), []);
  });

  for (const [language, theme] of [
    ['en', 'light'],
    ['es', 'dark'],
  ] as const) {
    test(`every page loads with real data: ${language}, ${theme}`, async () => {
      const { items: images } = await ground.api<{ items: { digest: string }[] }>('GET', '/projects/bote/images');
      const { items: operations } = await ground.api<{ items: { id: string }[] }>('GET', '/operations');
      const image = `/projects/bote/images/${images[0]?.digest}`;
      const all = [
        '/',
        '/projects',
        '/projects/bote',
        '/projects/bote/workloads/dev/web',
        '/projects/bote/workloads',
        '/projects/bote/releases',
        '/projects/bote/promotions',
        '/projects/bote/compare',
        '/projects/bote/volumes',
        '/projects/bote/network',
        '/promotions',
        '/findings',
        '/decisions',
        '/live',
        '/rules',
        '/rules/by-name/Terminal%20opened%20in%20a%20container',
        '/drills',
        '/settings/certificates',
        '/settings/sites',
        '/settings/issuers',
        '/projects/bote/access',
        '/projects/bote/assurance',
        '/images',
        image,
        `${image}?tab=findings`,
        `${image}?tab=verdicts`,
        `${image}?tab=signatures`,
        `${image}?tab=layers`,
        `${image}?tab=pulls`,
        '/repositories',
        '/projects/bote/repositories/web',
        '/projects/bote/repositories/web?tab=pulls',
        '/projects/bote/repositories/web?tab=settings',
        '/quarantine',
        '/registries',
        '/trust',
        '/incidents',
        ...(incident === null ? [] : [`/incidents/${incident}`]),
        '/operations',
        `/operations/${operations[0]?.id}`,
        '/hosts',
        '/audit',
        '/settings',
        '/settings/users',
        '/settings/tokens',
        '/settings/advisories',
        '/settings/policies',
        '/settings/bases',
        '/settings/platform',
      ];
      await page.evaluate(
        `localStorage.setItem('darsena.language', '${language}'); localStorage.setItem('darsena.theme', '${theme}')`,
      );
      for (const path of all) {
        await page.goto(`${base}${path}`);
        await page.locator('main h1').waitFor();
        await page.waitForLoadState('domcontentloaded');
        // Data has come when nothing says that it is being read.
        await page.locator('main [aria-busy=true], main .skeleton').first().waitFor({ state: 'detached' });
        // Live pages are laid out anew while their data arrives: what counts is where they come to rest.
        let wide = Number.POSITIVE_INFINITY;
        for (let tries = 0; tries < 30 && wide > 0; tries += 1) {
          wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
          if (wide > 0) await page.waitForTimeout(100);
        }
        assert.ok(wide <= 0, `${path} is ${wide} px too wide`);
        const text = (await page.locator('main').textContent()) ?? '';
        assert.doesNotMatch(
          text,
          /\bundefined\b|\bNaN\b|\[object Object\]|Invalid Date/,
          `${path}: ${text.slice(0, 1500)}`,
        );
        assert.equal(await page.evaluate('document.documentElement.lang'), language, path);
        assert.equal(await page.evaluate('document.documentElement.dataset.theme'), theme, path);
      }
      assert.deepEqual(troubles.splice(0), []);
    });
  }
});

interface Tree {
  readonly pid: number;
  readonly alert: boolean;
  readonly children: readonly Tree[];
}

function flatten(tree: readonly Tree[]): Tree[] {
  return tree.flatMap((one) => [one, ...flatten(one.children)]);
}
