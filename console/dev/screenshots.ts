import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { type MockServer, startMockServer } from './mock-server.ts';

/** Pictures of every page × language × theme × width, for people to look at: screenshots.ts FOLDER [name filter]. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const WIDTHS = [390, 1440];

function busyPages(mock: MockServer): readonly (readonly [name: string, path: string])[] {
  const web = mock.data.images[0]?.digest ?? '';
  const api = mock.data.images[1]?.digest ?? '';
  const running = mock.data.operations[0]?.id ?? '';
  const refused = mock.data.operations[1]?.id ?? '';
  return [
    ['overview', '/'],
    ['projects', '/projects'],
    ['project', '/projects/tienda'],
    ['workloads', '/projects/tienda/workloads?sel=prod/worker'],
    ['network', '/projects/tienda/network?env=prod'],
    ['volumes', '/projects/tienda/volumes?sel=prod/worker-data'],
    ['workload', '/projects/tienda/workloads/prod/web'],
    ['releases', '/projects/tienda/releases'],
    ['promotions', '/projects/tienda/promotions'],
    ['assurance', '/projects/tienda/assurance'],
    ['environment-policy', '/projects/tienda/policy?environment=prod'],
    ['compare', '/projects/tienda/compare?from=dev&to=prod'],
    ['release-diff', `/projects/tienda/releases?sel=${mock.data.releases[0]?.id ?? ''}`],
    ['board', '/promotions'],
    ['images', '/images'],
    ['images-drawer', `/images?sel=tienda/api@${api}`],
    ['image-findings', `/projects/tienda/images/${api}?tab=findings`],
    ['image-plan', `/projects/tienda/images/${api}?tab=plan`],
    ['image-problems', `/projects/tienda/images/${api}?tab=problems`],
    ['image-packages', `/projects/tienda/images/${api}?tab=packages`],
    [
      'image-packages-drawer',
      `/projects/tienda/images/${api}?tab=packages&sel=pkg%3Adeb%2Fexample-2%401.2.0%20var%2Flib%2Fdpkg%2Fstatus`,
    ],
    ['image-changes', `/projects/tienda/images/${api}?tab=changes`],
    ['where', '/findings?id=CVE-2026-3055'],
    ['decisions', '/decisions'],
    ['rules', '/credential-rules'],
    ['image-exceptions', `/projects/tienda/images/${api}?tab=exceptions`],
    ['image-verdicts', `/projects/tienda/images/${api}?tab=verdicts`],
    ['image-layers', `/projects/tienda/images/${web}?tab=layers`],
    ['image-signatures', `/projects/tienda/images/${web}?tab=signatures`],
    ['incidents', '/incidents'],
    ['incident', '/incidents/7'],
    ['detection-rules', '/rules'],
    ['detection-rule', '/rules/by-name/Terminal%20opened%20in%20a%20container'],
    ['detection-editor', '/rules/try?file=tienda.yaml'],
    ['drills', '/drills?sel=d5'],
    ['operations', '/operations'],
    ['operation', `/operations/${running}`],
    ['operation-refused', `/operations/${refused}`],
    ['hosts', '/hosts'],
    ['audit', '/audit'],
    ['settings-me', '/settings'],
    ['settings-users', '/settings/users'],
    ['settings-tokens', '/settings/tokens'],
    ['settings-advisories', '/settings/advisories'],
    ['settings-certificates', '/settings/certificates'],
    ['settings-sites', '/settings/sites'],
    ['settings-policies', '/settings/policies'],
    ['settings-response', '/settings/response?sel=policy:stop-shells'],
    ['hosts-prevention', '/hosts?part=prevention'],
    ['settings-bases', '/settings/bases'],
  ];
}

const FRESH_PAGES: readonly (readonly [string, string])[] = [
  ['overview', '/'],
  ['projects', '/projects'],
  ['images', '/images'],
  ['incidents', '/incidents'],
  ['operations', '/operations'],
  ['bases', '/settings/bases'],
  ['advisories', '/settings/advisories'],
];

async function shoot(
  browser: Browser,
  folder: string,
  base: string,
  pages: readonly (readonly [string, string])[],
  prefix: string,
  filter: string,
) {
  for (const language of ['en', 'es'] as const) {
    for (const theme of ['light', 'dark'] as const) {
      for (const width of WIDTHS) {
        const context = await browser.newContext({ viewport: { width, height: 900 }, reducedMotion: 'reduce' });
        await context.addInitScript(
          ([chosenLanguage, chosenTheme]) => {
            localStorage.setItem('darsena.language', chosenLanguage);
            localStorage.setItem('darsena.theme', chosenTheme);
          },
          [language, theme] as const,
        );
        const page = await context.newPage();
        for (const [name, path] of pages) {
          const file = `${prefix}${name}-${language}-${theme}-${width}.png`;
          if (!file.includes(filter)) continue;
          await page.goto(base + path);
          await page.waitForSelector('h1');
          await page.waitForTimeout(250);
          await page.screenshot({ path: join(folder, file), fullPage: true });
        }
        await context.close();
      }
    }
  }
}

const folder = process.argv[2];
if (folder === undefined) {
  console.error('screenshots: name a folder for the pictures: screenshots.ts FOLDER [name filter]');
  process.exit(2);
}
const filter = process.argv[3] ?? '';
await mkdir(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  args: ARGUMENTS,
});
const busy = await startMockServer({ state: 'busy', signedIn: true });
const fresh = await startMockServer({ state: 'fresh', signedIn: true });
const out = await startMockServer({ state: 'busy' });
fresh.data.me = { ...fresh.data.me, hasPassword: true };
try {
  await shoot(browser, folder, out.url, [['login', '/login']], '', filter);
  await shoot(browser, folder, busy.url, busyPages(busy), '', filter);
  await shoot(browser, folder, fresh.url, FRESH_PAGES, 'empty-', filter);
} finally {
  await browser.close();
  await Promise.all([busy.close(), fresh.close(), out.close()]);
}
