import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { type ConsoleGround, missingConsoleParts, openConsole, type Visit, visit } from './console-ground.ts';

const missing = missingConsoleParts();

const focusedText = (page: Page) => page.evaluate<string>('document.activeElement?.textContent ?? ""');

describe('working in the console', { skip: missing ?? false, timeout: 240_000 }, () => {
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

  test('the first tab stop skips to the content', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(mock.url);
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await page.keyboard.press('Tab');
      assert.equal(await focusedText(page), 'Skip to content');
      await page.keyboard.press('Enter');
      assert.equal(await page.evaluate('document.activeElement.id'), 'page');
    }));

  test('places, rows and the drawer are reached without a mouse', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(mock.url);
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      await page.keyboard.press('g');
      await page.keyboard.press('i');
      await page.getByRole('heading', { name: 'Images', level: 1 }).waitFor();
      await page.getByRole('row', { name: /tienda\/worker/ }).waitFor();
      assert.equal(await focusedText(page), 'Images', 'a new page starts at its heading');
      await page.keyboard.press('j');
      assert.match(await focusedText(page), /^tienda\/web1\.5\.0/);
      await page.keyboard.press('j');
      await page.keyboard.press('j');
      await page.keyboard.press('k');
      assert.match(await focusedText(page), /^tienda\/web1\.4\.2/);
      await page.keyboard.press('Enter');
      await page.getByRole('complementary', { name: 'tienda/web' }).waitFor();
      assert.match(page.url(), /sel=tienda/, 'the selected row is in the address');
      await page.keyboard.press('Escape');
      await page.getByRole('complementary').waitFor({ state: 'detached' });
      assert.match(await focusedText(page), /^tienda\/web1\.4\.2/, 'the focus is back on the row');
      await page.keyboard.press('Enter');
      await page.getByRole('complementary').waitFor();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'tienda/web', level: 1 }).waitFor();
    }));

  test('a page whose part did not come the first time comes all the same', async () => {
    const visitor = await visit(ground, {});
    try {
      const { page, mock } = visitor;
      await page.goto(mock.url);
      await page.getByRole('heading', { name: 'Overview' }).waitFor();
      let broken = 0;
      await page.route('**/assets/*.js', (route) => (broken++ === 0 ? route.abort('failed') : route.continue()));
      await page.keyboard.press('g');
      await page.keyboard.press('i');
      await page.getByRole('heading', { name: 'Images', level: 1 }).waitFor();
      assert.ok(broken > 1, 'a part was lost and asked for again');
    } finally {
      await visitor.close();
    }
  });

  test('a filter is in the address and survives a reload', () =>
    withVisit({}, async ({ page, mock }) => {
      const api = mock.data.images[1]?.digest;
      await page.goto(`${mock.url}/projects/tienda/images/${api}`);
      await page.getByRole('row', { name: /CVE-2021-44906/ }).waitFor();
      await page.keyboard.press('f');
      await page.keyboard.type('lodash');
      await page.getByText('1 row', { exact: true }).waitFor();
      await page.reload();
      await page.getByText('1 row', { exact: true }).waitFor();
      await page.getByRole('row', { name: /CVE-2021-23337/ }).waitFor();
    }));

  test('search finds an object, a CVE of a scan that was read, and a page', () =>
    withVisit({}, async ({ page, mock }) => {
      const api = mock.data.images[1]?.digest;
      await page.goto(`${mock.url}/projects/tienda/images/${api}`);
      await page.getByRole('row', { name: /CVE-2021-44906/ }).waitFor();
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: 'Search everything' }).waitFor();
      await page.keyboard.type('CVE-2016-2781');
      await page.getByRole('option', { name: /coreutils/ }).waitFor();
      await page.keyboard.press('Escape');
      await page.keyboard.press('/');
      await page.getByRole('combobox', { name: 'Search everything' }).waitFor();
      await page.keyboard.type('incident 7');
      await page.getByRole('option', { name: /#7/ }).first().waitFor();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: /Incident 7/ }).waitFor();
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }));

  test('language and theme change at once, without a reload, and stay', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/settings`);
      await page.getByLabel('Language', { exact: true }).selectOption('es');
      await page.getByRole('heading', { name: 'Ajustes' }).waitFor();
      assert.equal(await page.evaluate('document.documentElement.lang'), 'es');
      const light = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      await page.getByLabel('Tema', { exact: true }).selectOption('dark');
      assert.notEqual(await page.evaluate('getComputedStyle(document.body).backgroundColor'), light);
    }));

  test('the environment chosen on top stays while moving through the console', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/projects/tienda/workloads`);
      await page.getByLabel('Environment').selectOption('prod');
      await page.getByText('3 rows').waitFor();
      await page.getByRole('link', { name: 'Releases' }).click();
      await page
        .getByRole('row', { name: /awaiting|available/ })
        .first()
        .waitFor();
      assert.equal(await page.getByRole('row').count(), 3, 'the heading and two releases of prod');
      assert.match(page.url(), /env=prod/);
    }));

  test('all hosts stand in one table with their clocks, and a CVE is asked about over all of them', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/hosts`);
      const fleet = page.getByRole('table', { name: 'All hosts' });
      assert.match((await fleet.getByRole('row').nth(1).textContent()) ?? '', /^vm.*67.*needed.*2 h 1 min behind/);
      await page.getByLabel('Filter hosts').fill('fix_nft');
      await fleet.getByRole('row', { name: /^vm/ }).waitFor({ state: 'detached' });
      await page.getByLabel('CVE', { exact: true }).fill('cve-2024-1086');
      await page.keyboard.press('Enter');
      const answer = page.getByRole('table', { name: 'Where is a CVE of the kernel open?' });
      await answer.getByText('bring the live patch fix_nft into force').waitFor();
      await page.getByText('exposed 1').waitFor();
      assert.deepEqual(mock.writes, []);
    }));

  test('root is removed in a copy: what it needs, what the copy said, and the manifest for the source', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/projects/tienda/workloads/prod/web`);
      await page.getByText('Runs as root: web').waitFor();
      await page.getByRole('button', { name: 'Remove root' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('The workload itself is not changed').waitFor();
      await dialog.getByLabel('Command that must succeed in the copy').fill('wget -qO- localhost:8080');
      await dialog.getByRole('button', { name: 'Remove root' }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.getByText('a copy without root did not work').waitFor();
      await page.getByText('the test ended with 1: bind: permission denied').waitFor();
      await page.getByText('RUN chown -R 10001:10001 /usr/share/nginx').waitFor();
      await page.getByText('fsGroup: 10001').waitFor();
      assert.deepEqual(mock.writes, [
        {
          method: 'POST',
          path: '/projects/tienda/workloads/web/profile',
          body: { step: 'unroot', test: ['/bin/sh', '-c', 'wget -qO- localhost:8080'] },
        },
      ]);
    }));

  test('a kill says exactly what will stop and wants the name before it is sent', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/incidents/7`);
      await page.getByRole('button', { name: 'Kill the container' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('container web of pod tienda-prod-web-1, with all its processes').waitFor();
      await dialog.getByText('web in prod keeps 1 of 2 replicas until the replacement is ready').waitFor();
      await dialog.getByText('5 processes are known to run in it').waitFor();
      assert.equal(await dialog.getByRole('button', { name: 'Kill the container' }).isDisabled(), true);
      await dialog.getByLabel('Type web to confirm').fill('wob');
      await page.keyboard.press('Enter');
      assert.deepEqual(mock.writes, []);
      await dialog.getByLabel('Reason (kept in the record)').fill('shell nobody asked for');
      await dialog.getByLabel('Type web to confirm').fill('web');
      await dialog.getByRole('button', { name: 'Kill the container' }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(mock.writes, [
        {
          method: 'POST',
          path: '/incidents/7/respond',
          body: { action: 'kill-container', reason: 'shell nobody asked for' },
        },
      ]);
      await page.locator('.page-title').getByText('contained').waitFor();
    }));

  test('an incident is given to somebody, closed and reopened, and what an alert names is excepted, by clicking alone', () =>
    withVisit({ language: 'es' }, async ({ page, mock }) => {
      await page.goto(`${mock.url}/incidents/7`);
      const dialog = page.getByRole('dialog');
      await page.getByRole('button', { name: 'Encargar a…' }).click();
      await dialog.getByRole('combobox').selectOption('ines');
      await dialog.getByRole('button', { name: 'Encargar', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.locator('.page-sub').getByText('ines').waitFor();
      await page.locator('details.alert summary').first().click();
      await page.getByRole('button', { name: 'Esto es inofensivo…' }).first().click();
      assert.match(await dialog.getByLabel('Cuándo').inputValue(), /^proc\.exepath = \S/);
      assert.equal(await dialog.getByLabel('Proyecto').inputValue(), 'tienda');
      assert.equal(await dialog.getByLabel('Entorno').inputValue(), 'prod');
      assert.equal(await dialog.getByLabel('Carga de trabajo').inputValue(), 'web');
      await dialog.getByRole('button', { name: 'Cancelar' }).click();
      await page.getByRole('button', { name: 'Cerrar', exact: true }).click();
      await dialog.getByLabel(/Motivo/).fill('era una prueba');
      await dialog.getByRole('button', { name: 'Cerrar el incidente' }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Reabrir…' }).click();
      assert.equal(await dialog.getByRole('button', { name: 'Reabrir' }).isDisabled(), true);
      await dialog.getByLabel(/Motivo/).fill('ha vuelto');
      await dialog.getByRole('button', { name: 'Reabrir' }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(
        mock.writes.map(({ path, body }) => [path, body]),
        [
          ['/incidents/7/owner', { name: 'ines' }],
          ['/incidents/7/respond', { action: 'close', decision: 'confirmed', reason: 'era una prueba' }],
          ['/incidents/7/reopen', { reason: 'ha vuelto' }],
        ],
      );
    }));

  test('the queue is taken along as CSV, in which nothing that a program calls itself is a formula', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.route(/\/api\/v1\/incidents\?/, async (route) => {
        const answer = (await (await route.fetch()).json()) as { items: Record<string, unknown>[] };
        for (const one of answer.items) Object.assign(one, { workload: '=HYPERLINK("x")', rule: 'a "b", c' });
        await route.fulfill({ json: answer });
      });
      await page.goto(`${mock.url}/incidents`);
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Export as CSV' }).click(),
      ]);
      const text = await readFile(await download.path(), 'utf8');
      assert.match(text, /^\ufeffnumber,state,priority,title,rule,/);
      assert.match(text, /,"a ""b"", c",/);
      assert.match(text, /,"'=HYPERLINK\(""x""\)",/);
      assert.doesNotMatch(text, /(^|,)"?=/m);
    }));

  test('what a policy asks for waits on the page of its incident, and what a trial would have done is not called done', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/incidents/7`);
      const waiting = page.getByRole('region', { name: 'Waits for an answer' });
      await waiting.getByLabel('Reason (kept in the record)').fill('agreed by phone');
      const taken = page.getByRole('region', { name: 'Actions' });
      await taken.getByText('trial: would have been done').waitFor();
      await waiting.getByRole('button', { name: /^Agree: / }).click();
      await waiting.waitFor({ state: 'detached' });
      await taken.getByText('about to begin').waitFor();
      assert.deepEqual(mock.writes[0]?.body, { approve: true, reason: 'agreed by phone' });
    }));

  test('who agrees to the text of a policy has seen what it changes, and a draft outlives a look at another policy', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/settings/policies?policy=prod`);
      const waiting = page.getByRole('region', { name: 'Revision 2 waits for a second person' });
      await waiting.getByText('version: "3"').waitFor();
      await page.getByLabel('Text', { exact: true }).fill('name: prod\nversion: "4"');
      await page.getByRole('row', { name: /^dev/ }).click();
      await page.getByRole('region', { name: 'Text of dev' }).waitFor();
      await page.getByRole('row', { name: /^prod/ }).click();
      await page.getByRole('region', { name: 'Text of prod' }).waitFor();
      assert.equal(await page.getByLabel('Text', { exact: true }).inputValue(), 'name: prod\nversion: "4"');
      const answered = page.waitForResponse(/\/policies\/prod\/approve$/);
      await waiting.getByRole('button', { name: 'Approve' }).click();
      await answered;
      const written = mock.writes.at(-1);
      assert.deepEqual([written?.path, written?.body], ['/policies/prod/approve', { revision: 2 }]);
    }));

  test('a response policy is written from a beginning, told its mistakes, tried, and acts only after a look at what it would do', () =>
    withVisit({}, async ({ page, mock }) => {
      const puts = () =>
        mock.writes.filter(({ method }) => method === 'PUT').map(({ body }) => body as { source: string });
      await page.goto(`${mock.url}/settings/response`);
      await page.getByRole('button', { name: 'Write a policy' }).click();
      const writing = page.getByRole('region', { name: 'Write a policy' });
      await writing.getByLabel('Begin with').selectOption('shells');
      await writing.getByText('Right: evidence, isolate · dry run').waitFor();
      const text = writing.getByLabel('Text', { exact: true });
      const begun = await text.inputValue();
      await text.fill(begun.replace('isolate', 'explode'));
      await writing.getByText('line 6, 16').waitFor();
      assert.ok(await writing.getByRole('button', { name: 'Apply' }).isDisabled());
      await text.fill(begun.replace('name: shells', 'name: stop-shells'));
      await writing.getByText('stop-shells is there already').waitFor();
      await text.fill(begun.replace('do: [evidence', 'run: [nobody]\ndo: [evidence'));
      await writing.getByText('No playbook has the name nobody').waitFor();
      await text.fill(begun);
      await writing.getByRole('button', { name: 'What would it have done?' }).click();
      const would = page.getByRole('region', { name: /^What it would have done/ });
      await would.getByText('41 alerts: 2 actions by itself, 1 asked first, 1 held back').waitFor();
      await writing.getByRole('button', { name: 'Apply' }).click();
      const text2 = page.getByRole('region', { name: 'Text of shells' });
      await text2.waitFor();
      await text2.getByRole('button', { name: 'Let it act…' }).click();
      const dialog = page.getByRole('dialog', { name: 'Let shells act by itself?' });
      await dialog
        .getByText('it would have done 2 things by itself, asked about 1 and been held back from 1')
        .waitFor();
      await dialog.getByRole('button', { name: 'Let it act' }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('row', { name: /^shells acts/ }).waitFor();
      assert.deepEqual(
        puts().map(({ source }) => source),
        [begun, begun.replace('dry-run', 'enforce')],
      );

      // The comment beside the mode, as its author wrote it, stays.
      await page.getByRole('row', { name: /^stop-shells/ }).click();
      await page.getByRole('button', { name: 'Only a dry run again' }).click();
      await page.getByRole('row', { name: /^stop-shells dry run/ }).waitFor();
      assert.match(puts().at(-1)?.source ?? '', /^mode: dry-run # since the spring$/m);
      await page.getByRole('button', { name: 'Take out of force' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Take out of force' }).click();
      await page.getByRole('row', { name: /^stop-shells/ }).waitFor({ state: 'detached' });
    }));

  test('a playbook is written and taken out in the console, and who may not write one reads it', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/settings/response`);
      await page.getByRole('button', { name: 'Write a playbook' }).click();
      const writing = page.getByRole('region', { name: 'Write a playbook' });
      await writing.getByLabel('Begin with').selectOption('tampered');
      await writing.getByText('Right: 4 steps').waitFor();
      await writing.getByRole('button', { name: 'Apply' }).click();
      await page.getByRole('region', { name: 'Text of tampered-image' }).waitFor();
      await page.getByRole('row', { name: /3\. roll-back \(asks first\)/ }).waitFor();
      assert.equal(mock.writes.at(-1)?.path, '/playbooks');
      mock.data.me = { ...mock.data.me, grants: [{ role: 'analyst', project: '*' }] };
      await page.goto(`${mock.url}/settings/response?sel=playbook:tampered-image`);
      await page.getByRole('region', { name: 'tampered-image' }).getByText('approve: true').waitFor();
      assert.equal(await page.getByRole('button', { name: 'Apply' }).count(), 0);
    }));

  test('a volume is saved by time, restored elsewhere and removed with the proof of its end, by clicking alone', () =>
    withVisit({}, async ({ page, mock }) => {
      const sent = () => mock.writes.at(-1);
      await page.goto(`${mock.url}/projects/tienda/volumes?sel=prod/worker-data`);
      const drawer = page.getByRole('complementary');
      const dialog = page.getByRole('dialog');
      await drawer.getByText('the last 3; the newest of 7 days, 4 weeks, 6 months').waitFor();
      await drawer.getByText('ask for more in the manifest and deploy').waitFor();
      await drawer.getByRole('button', { name: 'Change the times' }).click();
      assert.equal(await dialog.getByLabel('How often').inputValue(), 'daily');
      assert.equal(await dialog.getByLabel('At (UTC)').inputValue(), '02:30');
      await dialog.getByLabel('How often').selectOption('weekly');
      await dialog.getByLabel('On', { exact: true }).selectOption('Saturday');
      await dialog.getByLabel('of days').fill('14');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await drawer.getByText('30 2 * * 6 (UTC) to nas').waitFor();
      assert.deepEqual(sent()?.body, {
        ...{ repository: 'nas', cron: '30 2 * * 6', verifyDays: 7 },
        keep: { last: 3, daily: 14, weekly: 4, monthly: 6 },
      });
      await drawer.getByRole('button', { name: 'Back up by time no more' }).click();
      await dialog.getByRole('button', { name: 'Back up by time no more' }).click();
      await drawer.getByText('not by time').waitFor();

      await drawer.getByRole('button', { name: 'Restore', exact: true }).first().click();
      await dialog.getByLabel('Name of the new volume').fill('again');
      await dialog.getByLabel('Environment').selectOption('prod');
      await dialog.getByLabel('Class').selectOption('nas');
      await dialog.getByRole('button', { name: 'Restore' }).click();
      await page.getByRole('complementary', { name: 'prod/again' }).waitFor();
      assert.deepEqual(sent()?.body, { claim: 'again', environment: 'prod', class: 'nas' });

      await drawer.getByRole('button', { name: 'Remove', exact: true }).first().click();
      await dialog.getByRole('button', { name: 'Remove' }).click();
      const proof = page.getByRole('dialog', { name: 'prod/again is gone' });
      await proof.getByText('4,210 files, 3.4 GB').waitFor();
      await proof.getByText('/var/lib/containers/storage/volumes/again').waitFor();
    }));

  test('storage is offered in classes and backups have a repository, and what the host refuses is said with its way out', () =>
    withVisit({}, async ({ page, mock }) => {
      const sent = () => mock.writes.at(-1);
      await page.goto(`${mock.url}/settings/storage`);
      const dialog = page.getByRole('dialog');
      await page.getByRole('button', { name: 'Add a class' }).click();
      await dialog.getByLabel('Name', { exact: true }).fill('disk');
      await dialog.getByLabel('Where', { exact: true }).selectOption('folder');
      await dialog.getByLabel('Folder').fill('/srv/data');
      await dialog.getByLabel('Largest claim').fill('50 gigas');
      await dialog.getByText('A size such as 500Mi or 20Gi').waitFor();
      await dialog.getByLabel('Largest claim').fill('50Gi');
      const sealed = dialog.getByRole('group', { name: 'Claims lie encrypted in' });
      await sealed.getByLabel('pre-production').check();
      await dialog.getByLabel('ReadWriteMany').uncheck();
      await dialog.getByRole('button', { name: 'Add a class' }).click();
      await page.getByRole('row', { name: /^disk \/srv\/data pre-production/ }).waitFor();
      assert.deepEqual(sent()?.body, {
        ...{ driver: { kind: 'folder', path: '/srv/data' }, reclaim: { policy: 'retain', afterHours: 24 } },
        ...{ accessModes: ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteOncePod'], environments: [] },
        ...{ maxBytes: 50 * 2 ** 30, isDefault: false, encrypt: ['pre-production'] },
      });

      await page.getByRole('button', { name: 'Add a repository' }).click();
      await dialog.getByLabel('Name', { exact: true }).fill('second');
      await dialog.getByLabel('Location').fill('/srv/refused');
      await dialog.getByRole('button', { name: 'Add a repository' }).click();
      const alert = dialog.getByRole('alert');
      await alert.getByText('this host does not use /srv/refused for storage').waitFor();
      await alert.getByText('name it in storage.json').waitFor();
      await dialog.getByLabel('Location').fill('rest:https://backup.example/');
      await dialog.getByLabel('Name at its server').fill('tienda');
      await dialog.getByLabel('Password at its server').fill('told-once');
      await dialog.getByRole('button', { name: 'Add a repository' }).click();
      await page.getByRole('row', { name: /^second/ }).waitFor();
      await page.getByRole('button', { name: 'Key of nas' }).click();
      await dialog.getByText('Whoever has it and reaches /srv/backup reads every backup there').waitFor();
      await dialog.getByRole('button', { name: 'Show its key' }).click();
      await dialog.getByText('a-key-of-43-letters').waitFor();
    }));

  test('a container of others is found by its name, allowed with why and until when, and stopped by rule after its effect is shown', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/hosts?part=prevention`);
      const here = page.getByRole('region', { name: 'Containers the platform did not start' });
      await here.getByLabel('Filter by name, image, engine or command').fill('monitoring');
      await here.getByRole('row', { name: /^trial/ }).waitFor({ state: 'detached' });
      await here.getByRole('row', { name: /^monitoring-agent.*allowed/ }).waitFor();
      await here.getByLabel('Filter by name, image, engine or command').fill('');
      await page.getByRole('button', { name: 'Stop by rule' }).click();
      const rule = page.getByRole('dialog', { name: 'Stop by rule' });
      await rule.getByText('Of what runs now it stops 1 container: trial').waitFor();
      await rule.getByLabel('Name').fill('other-*');
      await rule.getByText('Of what runs now it stops nothing.').waitFor();
      await rule.getByLabel('Name').fill('tr*l');
      await rule.getByText('Of what runs now it stops 1 container: trial').waitFor();
      await rule.getByRole('button', { name: 'Cancel' }).click();
      await here.getByRole('button', { name: 'Allow trial' }).click();
      const dialog = page.getByRole('dialog', { name: 'Allow trial' });
      assert.equal(await dialog.getByLabel('Image').inputValue(), 'docker.io/library/debian:12');
      assert.ok(await dialog.getByRole('button', { name: 'Allow', exact: true }).isDisabled());
      await dialog.getByLabel('Why').fill('a trial of the new backup');
      await dialog.getByLabel('Days').fill('7');
      await dialog.getByRole('button', { name: 'Allow', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      await here.getByRole('row', { name: /^trial.*allowed/ }).waitFor();
      const written = mock.writes[0]?.body as { until: string } | undefined;
      assert.ok(written !== undefined);
      const { until, ...asked } = written;
      assert.deepEqual(asked, {
        ...{ image: 'docker.io/library/debian:12', name: null, host: 'host1', reason: 'a trial of the new backup' },
      });
      assert.ok(Math.abs(Date.parse(until) - Date.now() - 7 * 86_400_000) < 600_000, until);
      const allowed = page.getByRole('region', { name: 'What may run beside the platform' });
      await allowed.getByRole('button', { name: 'Take back: docker.io/library/debian:12' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click();
      await here.getByRole('row', { name: /^trial.*runs/ }).waitFor();
    }));

  test('when a certificate ends lies ahead and is said so, and one is ordered without the command line', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/settings/certificates`);
      await page.getByRole('row', { name: /www\.banco\.example.*in 1[12] days/ }).waitFor();
      await page.getByRole('button', { name: 'Order a certificate' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Names').fill('example.org *.example.org');
      await dialog.getByRole('button', { name: 'Order a certificate' }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(mock.writes[0]?.body, { names: ['example.org', '*.example.org'], project: null });
    }));

  test('a promotion that waits is open at once and can be approved by another person', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/projects/tienda/promotions`);
      await page.getByText('Waits for 1 approval by another person').waitFor();
      await page.getByRole('button', { name: 'Approve' }).click();
      await page.getByRole('complementary').getByText('approved').first().waitFor();
      assert.deepEqual(mock.writes[0]?.body, { decision: 'approve' });
    }));

  test('who asked for a promotion is told that another person must decide', () =>
    withVisit({}, async ({ page, mock }) => {
      mock.data.promotions = mock.data.promotions.map((promotion) => ({
        ...promotion,
        ...{ requestedBy: 'robot:nightly', requester: 'user:ana', involved: ['user:ana'] },
      }));
      await page.goto(`${mock.url}/projects/tienda/promotions`);
      await page.getByText('another person must decide').waitFor();
      assert.equal(await page.getByRole('button', { name: 'Approve' }).count(), 0);
    }));

  test('the reasons of a refused promotion and their way out are shown', () =>
    withVisit({ language: 'es' }, async ({ page, mock }) => {
      await page.goto(`${mock.url}/projects/tienda/promotions?sel=${mock.data.promotions[1]?.id}`);
      await page.getByText('minimist 0.0.8 está siendo explotada activamente (GHSA-xvch-5gv4-984h)').waitFor();
      await page.getByText('Actualizar minimist a 1.2.6 en api/package.json y desplegar de nuevo').waitFor();
    }));

  test('the address of a new user is shown once', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/settings/users`);
      await page.getByRole('button', { name: 'Create user' }).click();
      await page.getByRole('dialog').getByLabel('Name').fill('sofia');
      await page.getByRole('dialog').getByLabel('Role').selectOption('approver');
      await page.getByRole('dialog').getByRole('button', { name: 'Create user' }).click();
      await page.getByText(/login#code=k7f2/).waitFor();
      assert.deepEqual(mock.writes[0]?.body, { name: 'sofia', grants: [{ role: 'approver', project: '*' }] });
      await page.getByRole('button', { name: 'I have handed it over' }).click();
      await page.getByRole('row', { name: /sofia/ }).waitFor();
      assert.equal(await page.getByText(/login#code/).count(), 0);
    }));

  test('a refusal of the server is told where it happened', () =>
    withVisit({}, async ({ page, mock }) => {
      await page.goto(`${mock.url}/settings/users`);
      await page.getByRole('button', { name: 'Create user' }).click();
      await page.getByRole('dialog').getByLabel('Name').fill('luis');
      await page.getByRole('dialog').getByRole('button', { name: 'Create user' }).click();
      await page.getByRole('dialog').getByRole('alert').getByText('user luis exists already').waitFor();
    }));

  test('the chain of facts is verified on request and the result is shown', () =>
    withVisit({}, async ({ page, mock }) => {
      mock.data.verification = {
        ...mock.data.verification,
        state: 'broken',
        firstBad: { seq: 4100, why: { en: 'the hash of fact 4100 differs', es: 'el hash del hecho 4100 difiere' } },
      };
      await page.goto(`${mock.url}/audit`);
      await page.getByRole('button', { name: 'Verify the chain' }).click();
      await page.getByText('The chain is broken at fact 4100').waitFor();
      await page.getByText('the hash of fact 4100 differs').waitFor();
    }));

  test('an empty instance teaches the one command', () =>
    withVisit({ state: 'fresh' }, async ({ page, mock }) => {
      mock.data.me = { ...mock.data.me, hasPassword: true };
      await page.goto(mock.url);
      await page.getByText('darsena deploy examples/tienda').waitFor();
      await page.goto(`${mock.url}/settings/bases`);
      await page.getByText('darsena base create debian-12').waitFor();
    }));

  test('hostile names are only text: nothing runs, nothing leads outside', () =>
    withVisit({}, async ({ page, mock }) => {
      const attack = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
      const text = { en: attack, es: attack };
      const link = 'javascript:window.hacked=1';
      const { data } = mock;
      data.overview = {
        ...data.overview,
        todo: [{ id: 'x', kind: 'x', weight: 100, text, href: link, action: { en: 'Run', es: 'Ir' } }],
        changes: data.facts.map((fact) => ({
          ...fact,
          subject: attack,
          actor: `user:${attack}`,
          kind: `${fact.kind}${attack}`,
        })),
      };
      data.incidents = data.incidents.map((incident) => ({
        ...incident,
        title: attack,
        pod: attack,
        timeline: incident.timeline.map((entry) => ({ ...entry, title: text, href: link })),
        processTree: incident.processTree.map((node) => ({ ...node, cmdline: attack })),
        alertsList: incident.alertsList.map((alert) => ({
          ...alert,
          output: attack,
          outputFields: { [attack]: attack },
        })),
      }));
      data.images = data.images.map((image) => ({
        ...image,
        tags: [attack],
        thread: image.thread.map((station) => ({ ...station, title: text, href: link })),
      }));
      data.workloads = data.workloads.map((workload) => ({ ...workload, endpoints: [{ url: link }] }));
      data.scans = data.scans.map((scan) => ({
        ...scan,
        findings: scan.findings.map((finding) => ({ ...finding, title: attack, url: link })),
      }));
      const api = data.images[1]?.digest;
      for (const path of [
        '/',
        '/incidents/7',
        '/images',
        `/projects/tienda/images/${api}`,
        '/projects/tienda',
        '/projects/tienda/workloads/prod/web',
      ]) {
        await page.goto(mock.url + path);
        await page.locator('h1').waitFor();
        await page.waitForTimeout(300);
        assert.equal(await page.evaluate('window.hacked'), undefined, path);
        assert.equal(await page.locator('a[href^="javascript"]').count(), 0, path);
      }
    }));
});
