import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { packTar, type TarInput } from '../../src/formats/index.ts';
import { BENCH_CACHE, cpuSeconds, fixtureLayout, median, peerProgram } from './scan-ground.ts';

// Credentials in an image by Trivy and by the command line, in turns, in one run: both asked for credentials alone, and ours
// for packages too. CPU seconds of all their processes as the kernel accounts them to who waits for them, and how many
// labelled samples each finds. DARSENA_TEST_DATA has the samples; DARSENA_BENCH_IMAGE names another OCI layout,
// DARSENA_BENCH_PEER the packed npm package with the peer, DARSENA_BENCH_ROUNDS how often each runs (3).

const ROUNDS = Number(process.env['DARSENA_BENCH_ROUNDS'] ?? 3);
const ROOT = join(import.meta.dirname, '../..');

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Run {
  readonly cpu: number;
  readonly wall: number;
  /** Paths with a credential. */
  readonly found: ReadonlySet<string>;
}

/** The layers of a layout and one more on top, as a new layout beside it. */
function withLayer(from: string, to: string, layer: Buffer): string {
  const blobs = join(to, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const blobOf = (folder: string, { digest }: Descriptor): string =>
    join(folder, 'blobs/sha256', digest.slice('sha256:'.length));
  const read = (one: Descriptor) => JSON.parse(readFileSync(blobOf(from, one), 'utf8'));
  const put = (bytes: Uint8Array): { digest: string; size: number } => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const [entry] = JSON.parse(readFileSync(join(from, 'index.json'), 'utf8')).manifests as Descriptor[];
  if (entry === undefined) throw new Error(`${from} has no image`);
  const manifest = read(entry);
  const config = read(manifest.config);
  for (const one of manifest.layers as Descriptor[]) {
    try {
      linkSync(blobOf(from, one), blobOf(to, one));
    } catch {
      copyFileSync(blobOf(from, one), blobOf(to, one));
    }
  }
  config.rootfs.diff_ids.push(`sha256:${createHash('sha256').update(gunzipSync(layer)).digest('hex')}`);
  manifest.config = { ...manifest.config, ...put(Buffer.from(JSON.stringify(config))) };
  manifest.layers.push({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...put(layer) });
  const whole = { ...entry, ...put(Buffer.from(JSON.stringify(manifest))) };
  writeFileSync(join(to, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(to, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [whole] }));
  return to;
}

async function packSamples(): Promise<{ layer: Buffer; paths: ReadonlySet<string> }> {
  const data = process.env['DARSENA_TEST_DATA'];
  if (data === undefined) return { layer: gzipSync(Buffer.alloc(1024)), paths: new Set() };
  const lines = gunzipSync(readFileSync(`${data}/secrets/gitleaks-samples.ndjson.gz`))
    .toString()
    .trim()
    .split('\n');
  const entries: TarInput[] = lines.flatMap((line, index) => {
    const { rule, kind, text_b64: text } = JSON.parse(line) as { rule: string; kind: string; text_b64: string };
    const name = rule === 'nuget-config-password' ? 'nuget.config' : 'settings.conf';
    return kind === 'tp' ? [{ path: `srv/${index}/${name}`, content: Buffer.from(text, 'base64') }] : [];
  });
  const parts: Uint8Array[] = [];
  for await (const part of packTar(entries)) parts.push(part);
  return { layer: gzipSync(Buffer.concat(parts)), paths: new Set(entries.map(({ path }) => path)) };
}

/** Runs a program to its end; `read` takes the paths from what it wrote into a file. */
function run(
  [program = '', ...args]: readonly string[],
  file: string,
  env: NodeJS.ProcessEnv,
  read: (report: unknown) => string[],
): Run {
  const start = performance.now();
  const before = cpuSeconds();
  const { stderr, status } = spawnSync(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  const cost = { cpu: cpuSeconds() - before, wall: (performance.now() - start) / 1000 };
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr.slice(0, 2000)}`);
  return { ...cost, found: new Set(read(JSON.parse(readFileSync(file, 'utf8')))) };
}

const trivy = peerProgram();
if (trivy === null) process.exit(1);
const base = process.env['DARSENA_BENCH_IMAGE'] ?? fixtureLayout();
// Beside the fixture, so that its layers need not be copied.
mkdirSync(BENCH_CACHE, { recursive: true });
const work = mkdtempSync(join(BENCH_CACHE, 'secrets-'));
try {
  const samples = await packSamples();
  const layout = withLayer(base, join(work, 'image'), samples.layer);
  const environment = { XDG_CACHE_HOME: join(work, 'cache') };
  const byTrivy = (): Run => {
    const file = join(work, 'trivy.json');
    const cache = join(work, 'trivy');
    rmSync(cache, { recursive: true, force: true });
    const options = ['--format', 'json', '--offline-scan', '--skip-db-update', '--skip-java-db-update', '--quiet'];
    const place = ['--cache-dir', cache, '--output', file, '--timeout', '30m'];
    return run([trivy, 'image', '--input', layout, '--scanners', 'secret', ...options, ...place], file, {}, (report) =>
      ((report as { Results?: { Target: string; Secrets?: unknown[] }[] }).Results ?? []).flatMap(
        ({ Target: path, Secrets: found }) => (found?.length ? [path.replace(/^\//, '')] : []),
      ),
    );
  };
  const byUs = (scanners: string): Run => {
    const file = join(work, 'ours.json');
    rmSync(join(environment.XDG_CACHE_HOME, 'darsena/scan'), { recursive: true, force: true });
    const options = ['--scanners', scanners, '--format', 'json', '--quiet', '--output', file];
    return run([join(ROOT, 'darsena'), 'scan', layout, ...options], file, environment, (report) => {
      const { complete, secrets } = report as { complete: boolean; secrets: { path: string }[] };
      if (!complete) throw new Error('our scan is not complete');
      return secrets.map(({ path }) => path);
    });
  };
  const tasks: readonly (readonly [string, () => Run])[] = [
    ['trivy, credentials', byTrivy],
    ['ours, credentials', () => byUs('secret')],
    ['ours, packages and credentials', () => byUs('vuln,secret')],
    ['ours, packages', () => byUs('vuln')],
  ];
  // What V8 compiles is kept from the first call on a machine; what is read of an image is not part of that.
  byUs('secret');
  const runs = new Map<string, Run[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, task] of tasks) runs.set(name, [...(runs.get(name) ?? []), task()]);
  }
  const version = spawnSync(trivy, ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0];
  console.log(
    `Trivy: ${version}; ${samples.paths.size} samples; median of ${ROUNDS}; load ${loadavg()[0]?.toFixed(1) ?? '?'}`,
  );
  const middle = (name: string, key: 'cpu' | 'wall'): number => median((runs.get(name) ?? []).map((one) => one[key]));
  for (const [name] of tasks) {
    const all = runs.get(name) ?? [];
    const found = all[0]?.found ?? new Set<string>();
    const hits = [...samples.paths].filter((path) => found.has(path)).length;
    const others = [...found].filter((path) => !samples.paths.has(path)).length;
    const ratio = (key: 'cpu' | 'wall'): string => (middle(name, key) / middle('trivy, credentials', key)).toFixed(3);
    const costs = all.map(({ cpu }) => cpu);
    console.log(
      `${name.padEnd(30)} ${middle(name, 'cpu').toFixed(2).padStart(6)} s CPU (${Math.min(...costs).toFixed(2)} to ` +
        `${Math.max(...costs).toFixed(2)}) ${ratio('cpu')}x  ${middle(name, 'wall').toFixed(2).padStart(6)} s ` +
        `${ratio('wall')}x  ${hits} of ${samples.paths.size} samples, ${others} other files`,
    );
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
