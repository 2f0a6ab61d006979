import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdvisoryDatabase } from '../../src/advisories/index.ts';
import { type LayerCache, openImagePath, scanImage } from '../../src/scan/index.ts';
import { systemClock } from '../../src/system/index.ts';
import { cpuSeconds, fixtureLayout, median, peerProgram } from './scan-ground.ts';

// A bill of materials of one image: Trivy and ours in turns, in one run; cold, warm, from the command line and in the
// service; and reading a layer beside the least that anybody must do. DARSENA_BENCH_IMAGE names another OCI layout,
// DARSENA_BENCH_PEER the packed npm package with the peer, DARSENA_BENCH_ROUNDS how often (3).

const ROUNDS = Number(process.env['DARSENA_BENCH_ROUNDS'] ?? 3);
const ROOT = join(import.meta.dirname, '../..');

interface Cost {
  readonly wall: number;
  readonly cpu: number;
  /** The largest sum of resident memory of all its processes, in MiB. */
  readonly peakMib: number;
}

/** Resident memory of the processes of one process group, as pages shared between them are counted: once each (Pss). */
function residentMib(group: number): number {
  let kib = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]) !== group) continue;
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It has ended meanwhile.
    }
  }
  return kib / 1024;
}

/** Runs a program in a process group of its own and waits for it. */
async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Cost> {
  const before = cpuSeconds();
  const start = performance.now();
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    env: { ...process.env, ...env },
  });
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint += String(chunk);
  });
  let peakMib = 0;
  const watch = setInterval(() => {
    peakMib = Math.max(peakMib, residentMib(child.pid ?? 0));
  }, 50);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${complaint.slice(0, 2000)}`);
  return { wall: (performance.now() - start) / 1000, cpu: cpuSeconds() - before, peakMib };
}

async function here(task: () => Promise<unknown>): Promise<Cost> {
  const before = cpuSeconds();
  const start = performance.now();
  await task();
  return { wall: (performance.now() - start) / 1000, cpu: cpuSeconds() - before, peakMib: Number.NaN };
}

const layout = process.env['DARSENA_BENCH_IMAGE'] ?? fixtureLayout();
const peer = peerProgram();
const work = mkdtempSync(join(tmpdir(), 'darsena-bench-scan-'));
const costs = new Map<string, Cost[]>();
const note = (name: string, cost: Cost): void => void costs.set(name, [...(costs.get(name) ?? []), cost]);

try {
  const blobs = join(layout, 'blobs/sha256');
  const layers = readdirSync(blobs)
    .map((name) => join(blobs, name))
    .filter((path) => statSync(path).size > 1024 * 1024);
  const trivyBill = join(work, 'trivy.json');
  const ourBill = join(work, 'ours.json');
  const trivy = (): Promise<Cost> =>
    run(peer ?? '', [
      ...['image', '--input', layout, '--format', 'cyclonedx', '--offline-scan', '--skip-db-update'],
      ...['--skip-java-db-update', '--quiet', '--cache-dir', join(work, 'trivy'), '--output', trivyBill],
    ]);
  const environment = { XDG_CACHE_HOME: join(work, 'cache') };
  const ours = (): Promise<Cost> =>
    run(join(ROOT, 'darsena'), ['scan', layout, '--format', 'cyclonedx', '--quiet', '--output', ourBill], environment);
  const forget = (): void => {
    rmSync(join(work, 'trivy'), { recursive: true, force: true });
    rmSync(join(work, 'cache/darsena/scan'), { recursive: true, force: true });
  };
  // What V8 compiles is kept from the first call on a machine; what is read of an image is not part of that.
  await run(join(ROOT, 'darsena'), ['version'], environment);
  await ours();

  const image = await openImagePath(layout);
  const stored = new Map<string, Uint8Array>();
  const answers = new Map<string, Parameters<NonNullable<LayerCache['putAnswer']>>[1]>();
  const cache: LayerCache = {
    get: async (digest) => stored.get(digest) ?? null,
    put: async (digest, _diffId, result) => void stored.set(digest, result),
    getAnswer: async (names) => answers.get(names.join()) ?? null,
    putAnswer: async (names, answer) => void answers.set(names.join(), answer),
  };
  const advisories = AdvisoryDatabase.empty();
  const inService = () => scanImage({ ...image, advisories, cache, clock: systemClock, secrets: 'off' });

  for (let round = 0; round < ROUNDS; round++) {
    forget();
    if (peer) note('trivy, cold', await trivy());
    note('ours, command line, cold', await ours());
    if (peer) note('trivy, warm', await trivy());
    note('ours, command line, warm', await ours());
    stored.clear();
    answers.clear();
    note('ours, in the service, cold', await here(inService));
    note('ours, in the service, warm', await here(inService));
    note(
      'igzip -dc | sha256sum',
      await here(async () => {
        for (const path of layers) spawnSync('sh', ['-c', 'igzip -dc "$1" | sha256sum', 'sh', path]);
      }),
    );
  }

  const middle = (name: string, key: keyof Cost): number => median((costs.get(name) ?? []).map((cost) => cost[key]));
  const megabytes = layers.reduce((sum, path) => sum + statSync(path).size, 0) / 1e6;
  console.log(`${layers.length} layers, ${megabytes.toFixed(0)} MB compressed; median of ${ROUNDS}`);
  if (peer)
    console.log(
      spawnSync(peer, ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0],
      `(Trivy; ours: ${process.version})`,
    );
  for (const name of costs.keys()) {
    const against = name.endsWith('warm') ? 'trivy, warm' : 'trivy, cold';
    const ratio = (key: keyof Cost): string => {
      const value = middle(name, key) / middle(against, key);
      return Number.isFinite(value) ? `${value.toFixed(3)}x`.padStart(8) : ''.padStart(8);
    };
    const peak = middle(name, 'peakMib');
    console.log(
      `${name.padEnd(28)} ${middle(name, 'wall').toFixed(2).padStart(6)} s ${ratio('wall')}  ` +
        `${middle(name, 'cpu').toFixed(2).padStart(6)} s CPU ${ratio('cpu')}` +
        (Number.isNaN(peak) ? '' : `  ${peak.toFixed(0).padStart(4)} MiB ${ratio('peakMib')}`),
    );
  }
  const read = middle('ours, in the service, cold', 'cpu') / middle('igzip -dc | sha256sum', 'cpu');
  console.log(`reading the layers over igzip -dc | sha256sum: ${read.toFixed(2)}x CPU`);
  if (peer) comparePackages(trivyBill, ourBill);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Types, names and versions; qualifiers and namespaces are each tool's own. */
function packagesIn(path: string): Set<string> {
  const { components } = JSON.parse(readFileSync(path, 'utf8')) as {
    components: { purl?: string; name: string; version?: string; type: string }[];
  };
  return new Set(
    components.flatMap(({ purl, name, version = '', type }) => {
      if (type === 'operating-system') return [];
      const kind = /^pkg:([a-z]+)\//.exec(purl ?? '')?.[1];
      if (kind === undefined) return [];
      // This build of Trivy writes pkg:none of packages of a distribution.
      const own = kind === 'none' ? 'deb' : kind;
      return [`${own} ${name.replace(/^.*\//, '').toLowerCase().replaceAll('_', '-')} ${version.replace(/^\d+:/, '')}`];
    }),
  );
}

function comparePackages(theirs: string, ours: string): void {
  const a = packagesIn(theirs);
  const b = packagesIn(ours);
  const show = (list: string[]): string =>
    `${list.length}${list.length === 0 ? '' : `: ${list.sort().slice(0, 30).join('; ')}`}`;
  console.log(`packages: Trivy ${a.size}, ours ${b.size}`);
  console.log(`only Trivy ${show([...a].filter((one) => !b.has(one)))}`);
  console.log(`only ours ${show([...b].filter((one) => !a.has(one)))}`);
}
