import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { type MockOptions, type MockServer, startMockServer } from '../../console/dev/mock-server.ts';
import { runCommand } from '../../src/system/index.ts';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const BUILD_MS_MAX = 120_000;

export const CONSOLE = fileURLToPath(new URL('../../console', import.meta.url));

/** Why the tests cannot run here, or null. */
export function missingConsoleParts(): string | null {
  return existsSync(CHROMIUM) ? null : `needs Chromium at ${CHROMIUM}, or its place in CHROMIUM`;
}

export interface ConsoleGround {
  readonly browser: Browser;
  /** The built console, in a folder of its own: other tests build at the same time. */
  readonly dist: string;
  close(): Promise<void>;
}

/** Builds the console as it is shipped, for the tests look at what people get, and opens a browser. */
export async function openConsole(): Promise<ConsoleGround> {
  const dist = await mkdtemp(join(tmpdir(), 'darsena-console-'));
  const vite = fileURLToPath(new URL('../../node_modules/vite/bin/vite.js', import.meta.url));
  const built = await runCommand(process.execPath, [vite, 'build', '--outDir', dist, '--emptyOutDir'], {
    cwd: CONSOLE,
    timeoutMs: BUILD_MS_MAX,
    env: { PATH: process.env['PATH'] ?? '' },
  });
  if (built.code !== 0) throw new Error(`the console could not be built: ${built.stderr}`);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
  return {
    browser,
    dist,
    async close() {
      await browser.close();
      await rm(dist, { recursive: true, force: true });
    },
  };
}

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly mock: MockServer;
  /** What went wrong in the page: exceptions, refused scripts and styles. */
  readonly troubles: string[];
  close(): Promise<void>;
}

export interface VisitOptions extends MockOptions {
  readonly language?: 'en' | 'es';
  readonly theme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
}

/** One visitor with a server of its own. The server stands in for the control program: made-up data, the same contract. */
export async function visit(ground: ConsoleGround, options: VisitOptions = {}): Promise<Visit> {
  const mock = await startMockServer({ signedIn: true, dist: ground.dist, ...options });
  const context = await ground.browser.newContext({
    viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
    reducedMotion: 'reduce',
  });
  await context.addInitScript(
    `localStorage.setItem('darsena.language', '${options.language ?? 'en'}');
     localStorage.setItem('darsena.theme', '${options.theme ?? 'light'}');`,
  );
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('Failed to load resource'))
      troubles.push(message.text());
  });
  return {
    page,
    context,
    mock,
    troubles,
    async close() {
      await context.close();
      await mock.close();
    },
  };
}

/** Every page a person can reach, with data in it. */
export function pagesOf(mock: MockServer): readonly (readonly [name: string, path: string])[] {
  const image = mock.data.images[1]?.digest ?? '';
  const held = mock.data.images.find((one) => one.quarantine === 'held')?.digest ?? '';
  const operation = mock.data.operations[0]?.id ?? '';
  const place = `/projects/tienda/images/${image}`;
  return [
    ['overview', '/'],
    ['projects', '/projects'],
    ['project', '/projects/tienda'],
    ['workloads', '/projects/tienda/workloads?sel=prod/worker'],
    ['workload', '/projects/tienda/workloads/prod/web'],
    ['releases', '/projects/tienda/releases'],
    ['promotions', '/projects/tienda/promotions'],
    ['volumes', '/projects/tienda/volumes?sel=prod/worker-data'],
    ['network', '/projects/tienda/network'],
    ['access', '/projects/tienda/access'],
    ['images', `/images?sel=tienda/api@${image}`],
    ['image findings', `${place}?tab=findings`],
    ['image verdicts', `${place}?tab=verdicts`],
    ['image signatures', `${place}?tab=signatures`],
    ['image layers', `${place}?tab=layers`],
    ['image pulls', `${place}?tab=pulls`],
    ['repositories', '/repositories'],
    ['repository', '/projects/tienda/repositories/web'],
    ['repository pulls', '/projects/tienda/repositories/web?tab=pulls&span=day'],
    ['repository settings', '/projects/tienda/repositories/web?tab=settings'],
    ['other registries', '/registries'],
    ['trust', '/trust'],
    ['quarantine', `/quarantine?sel=tienda/web@${held}`],
    ['incidents', '/incidents?sel=7'],
    ['incident', '/incidents/7'],
    ['live activity', '/live?project=tienda'],
    ['detection rules', '/rules'],
    ['detection rule', '/rules/by-name/Terminal%20opened%20in%20a%20container'],
    ['rule editor', '/rules/try?file=tienda.yaml'],
    ['drills', '/drills?sel=d5'],
    ['operations', '/operations'],
    ['operation', `/operations/${operation}`],
    ['hosts', '/hosts'],
    ['prevention', '/hosts?part=prevention'],
    ['kernel of hosts', '/hosts?part=kernel'],
    ['checks of hosts', '/hosts?part=checks'],
    ['restarts of hosts', '/hosts?part=restarts'],
    ['audit', '/audit'],
    ['account', '/settings'],
    ['users', '/settings/users'],
    ['tokens', '/settings/tokens'],
    ['issuers', '/settings/issuers'],
    ['advisories', '/settings/advisories'],
    ['certificates', '/settings/certificates'],
    ['sites', '/settings/sites'],
    ['storage', '/settings/storage'],
    ['policies', '/settings/policies'],
    ['response', '/settings/response'],
    ['response policy', '/settings/response?sel=policy:stop-shells'],
    ['new playbook', '/settings/response?sel=playbook:'],
    ['bases', '/settings/bases'],
    ['platform', '/settings/platform'],
    ['nowhere', '/nothing/here'],
  ];
}

/** Every dialog: where it is, and what opens it (a selector, or `key:` and a key). */
export function dialogsOf(_mock: MockServer): readonly (readonly [name: string, path: string, opener: string])[] {
  return [
    ['keyboard', '/', 'key:?'],
    ['search', '/', 'key:Control+k'],
    ['promote', '/projects/tienda', '.lane-actions button >> nth=0'],
    ['kill', '/incidents/7', '.page-actions button.danger'],
    ['create user', '/settings/users', '.panel-actions button'],
    ['remove user', '/settings/users', '.row-acts button >> nth=1'],
    ['create token', '/settings/tokens', '.panel-actions button'],
    ['revoke token', '/settings/tokens', 'td button.small'],
    ['create base', '/settings/bases', '.panel-actions button'],
    ['add mirror', '/registries', '.panel-actions button >> nth=0'],
    ['watch a registry', '/registries', '.panel-actions button >> nth=2'],
    ['images of a watch', '/registries', '.row-acts button >> nth=2'],
    ['end a watch', '/registries', '.row-acts button >> nth=4'],
    ['queue of a replication', '/registries', '.row-acts button >> nth=5'],
    ['add registry', '/registries', '.panel-actions button >> nth=4'],
    ['believe a key', '/trust', '.panel-actions button >> nth=0'],
    ['change the trust policy', '/trust', '.panel-actions button >> nth=1'],
    ['network proposal', '/projects/tienda/network', '.panel-actions button'],
    ['add member', '/projects/tienda/access', '.panel-actions button >> nth=0'],
    ['change member', '/projects/tienda/access', '.row-acts button >> nth=0'],
    ['order a certificate', '/settings/certificates', '.panel-actions button >> nth=2'],
    ['set the authority', '/settings/certificates', '.panel-actions button >> nth=1'],
    ['allow a container of others', '/hosts?part=prevention', '.row-acts button >> nth=0'],
    ['schedule backups', '/projects/tienda/volumes?sel=prod/worker-data', '.drawer-body .chips button >> nth=2'],
    ['restore a volume', '/projects/tienda/volumes?sel=prod/worker-data', '.copies button >> nth=0'],
    ['remove a volume', '/projects/tienda/volumes?sel=prod/old-cache', '.drawer-body button.danger'],
    ['add a storage class', '/settings/storage', '.panel-actions button >> nth=0'],
    ['add a repository', '/settings/storage', '.panel-actions button >> nth=1'],
    ['set quota', '/projects/tienda/access', '.panel-actions button >> nth=1'],
    ['create robot', '/projects/tienda/access', '.panel-actions button >> nth=2'],
    ['delete robot', '/projects/tienda/access', '.row-acts button >> nth=4'],
    ['trust a workload', '/projects/tienda/access', '.panel-actions button >> nth=3'],
    ['trust an issuer', '/settings/issuers', '.panel-actions button'],
    ['delete tag', '/projects/tienda/repositories/web', 'td button.small'],
    ['repository settings', '/projects/tienda/repositories/web?tab=settings', '.panel-actions button'],
    ['retention', '/projects/tienda/repositories/web?tab=settings', '.panel-actions button.danger'],
  ];
}
