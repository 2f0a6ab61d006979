import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { AdvisoryDatabase } from '../../src/advisories/index.ts';
import { type LayerCache, openImagePath, scanImage } from '../../src/scan/index.ts';
import { systemClock } from '../../src/system/index.ts';

// What a scan costs beside the least that anybody must do: inflate every layer and hash it.
// DARSENA_BENCH_IMAGE names an OCI layout; without it one is made from files of this machine.

/** Clock ticks of proc(5); 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU seconds of this process and of the children it has waited for. */
function cpuSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

/** Empty when the process has ended meanwhile. */
function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

/** Watches the peak memory of children while a task runs, in MiB. */
async function peakOfChildren<T>(task: () => Promise<T>): Promise<{ result: T; peakMib: number }> {
  let peakKib = 0;
  const look = (): void => {
    for (const pid of readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ')) {
      if (pid === '') continue;
      const [, kib = '0'] = /VmHWM:\s+(\d+)/.exec(statusOf(pid)) ?? [];
      peakKib = Math.max(peakKib, Number(kib));
    }
  };
  const timer = setInterval(look, 10);
  const result = await task().finally(() => clearInterval(timer));
  return { result, peakMib: peakKib / 1024 };
}

async function measure<T>(task: () => Promise<T>): Promise<{ result: T; wall: number; cpu: number; peakMib: number }> {
  const start = performance.now();
  const before = cpuSeconds();
  const { result, peakMib } = await peakOfChildren(task);
  return { result, wall: (performance.now() - start) / 1000, cpu: cpuSeconds() - before, peakMib };
}

function makeLayout(folder: string): string {
  const blobs = join(folder, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (bytes: Uint8Array): { digest: string; size: number } => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const layers: object[] = [];
  const diffIds: string[] = [];
  for (const paths of [['var/lib/dpkg', 'etc/os-release', 'usr/lib/os-release'], ['usr/share'], ['usr/bin']]) {
    const packed = spawnSync('sh', ['-c', 'tar -cf - -C / "$@" 2>/dev/null | gzip -6', 'sh', ...paths], {
      maxBuffer: 2 ** 31 - 1,
    });
    diffIds.push(`sha256:${createHash('sha256').update(gunzipSync(packed.stdout)).digest('hex')}`);
    layers.push({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...put(packed.stdout) });
  }
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
        layers,
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

const made = process.env['DARSENA_BENCH_IMAGE'] ? null : mkdtempSync(join(tmpdir(), 'darsena-bench-scan-'));
try {
  const layout = process.env['DARSENA_BENCH_IMAGE'] ?? makeLayout(made ?? '');
  const blobs = readdirSync(join(layout, 'blobs/sha256')).map((name) => join(layout, 'blobs/sha256', name));
  const layers = blobs.filter((path) =>
    readFileSync(path)
      .subarray(0, 2)
      .equals(Buffer.from([0x1f, 0x8b])),
  );
  const inflateAll = async (): Promise<void> => {
    for (const path of layers) spawnSync('sh', ['-c', 'sha256sum < "$1"; gzip -dc "$1" | sha256sum', 'sh', path]);
  };
  const floor = await measure(inflateAll);

  const stored = new Map<string, Uint8Array>();
  const cache: LayerCache = {
    get: async (digest) => stored.get(digest) ?? null,
    put: async (digest, _diffId, result) => {
      stored.set(digest, result);
    },
  };
  const image = await openImagePath(layout);
  const advisories = AdvisoryDatabase.empty();
  const scan = () => scanImage({ ...image, advisories, cache, clock: systemClock });
  const cold = await measure(scan);
  const warm = await measure(scan);
  const { report } = cold.result;
  if (!report.complete) throw new Error(report.incomplete?.en);

  const megabytes = layers.reduce((sum, path) => sum + readFileSync(path).length, 0) / 1e6;
  const row = (name: string, { wall, cpu, peakMib }: { wall: number; cpu: number; peakMib: number }): string =>
    `${name.padEnd(34)} ${wall.toFixed(2).padStart(7)} s ${cpu.toFixed(2).padStart(7)} s CPU ${peakMib.toFixed(0).padStart(5)} MiB  ${(cpu / floor.cpu).toFixed(2)}x`;
  console.log(`${layers.length} layers, ${megabytes.toFixed(0)} MB compressed, ${report.packages} packages`);
  console.log(row('gzip -dc and sha256sum (floor)', floor));
  console.log(row('scan, nothing known', cold));
  console.log(row('scan, all layers known', warm));
} finally {
  if (made) rmSync(made, { recursive: true });
}
