import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CriEngine } from '../../src/deploy/engines/local/index.ts';
import { packTar, type TarInput } from '../../src/formats/index.ts';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import { runCommand, systemClock } from '../../src/system/index.ts';

/** Why the tests cannot run here, or null. */
export function missingCriParts(): string | null {
  if (process.getuid?.() !== 0) return 'needs root: these tests start a containerd of their own';
  for (const file of ['/usr/bin/containerd', '/usr/sbin/runc', '/usr/lib/cni/bridge', '/bin/busybox'])
    if (!existsSync(file))
      return `needs ${file} (packages containerd, runc, containernetworking-plugins, busybox-static)`;
  return null;
}

/** A containerd of the test's own, with a registry that wants an authority and a password. */
export interface CriGround {
  readonly folder: string;
  readonly socketPath: string;
  readonly instance: string;
  readonly image: string;
  readonly engine: CriEngine;
  readonly credentials: { readonly address: string; readonly username: string; readonly password: string };
  /** What the registry was asked without the right password. */
  readonly refusedPulls: () => number;
  startService(): Promise<void>;
  stopService(): Promise<void>;
  close(): Promise<void>;
}

/** A machine of tests has other work as well. */
const START_MS = 60_000;
const NAME = 'images.test';
const [USERNAME, PASSWORD] = ['host', 'a word'];

export async function openCriGround(name: string): Promise<CriGround> {
  const folder = await mkdtemp(join(tmpdir(), `dz-${name}-`));
  const socketPath = join(folder, 'c.sock');
  const instance = `${name}${process.pid}`;
  const registry = await openRegistry();
  const bridge = `dzc${process.pid}`;
  const files: Record<string, string> = {
    'config.toml': configOf(folder, socketPath),
    'net/10-test.conflist': JSON.stringify({
      cniVersion: '0.4.0',
      name: 'test',
      plugins: [
        {
          type: 'bridge',
          bridge,
          isGateway: true,
          ipam: {
            type: 'host-local',
            dataDir: join(folder, 'ipam'),
            ranges: [[{ subnet: `10.${200 + (process.pid % 50)}.0.0/24` }]],
            routes: [{ dst: '0.0.0.0/0' }],
          },
        },
      ],
    }),
    [`certs/${NAME}/hosts.toml`]: [
      `server = "https://${registry.address}"`,
      `[host."https://${registry.address}"]`,
      '  capabilities = ["pull", "resolve"]',
      `  ca = "${join(folder, 'ca.pem')}"`,
      '',
    ].join('\n'),
    'ca.pem': registry.caPem,
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  let service: ChildProcess | null = null;
  const startService = async (): Promise<void> => {
    const log = join(folder, 'containerd.log');
    service = spawn('sh', ['-c', 'exec containerd --config "$1" >>"$2" 2>&1', 'sh', join(folder, 'config.toml'), log], {
      stdio: 'ignore',
    });
    const probe = new CriEngine({ socketPath, instance, folder: join(folder, 'shelf') });
    const began = performance.now();
    for (;;) {
      const isUp = await probe.list().then(
        () => true,
        () => false,
      );
      if (isUp) break;
      if (performance.now() - began > START_MS) {
        probe.close();
        await stopService();
        throw new Error(`containerd did not come up: ${(await readFile(log, 'utf8')).slice(-2000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    probe.close();
  };
  const stopService = async (): Promise<void> => {
    const ending = service;
    service = null;
    if (ending === null || ending.exitCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill('SIGKILL');
    await ended;
  };
  await startService();
  const engine = new CriEngine({ socketPath, instance, folder: join(folder, 'shelf') });
  return {
    folder,
    socketPath,
    instance,
    image: registry.image,
    engine,
    credentials: { address: registry.address, username: USERNAME, password: PASSWORD },
    refusedPulls: registry.refused,
    startService,
    stopService,
    async close() {
      for (const { id } of await engine.list()) await engine.removePod(id);
      engine.close();
      await stopService();
      registry.close();
      await runCommand('ip', ['link', 'delete', bridge], { timeoutMs: 30_000 });
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** containerd 1.6 as a server of the interface alone; what this kind of machine forbids is left out. */
function configOf(folder: string, socketPath: string): string {
  return `version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt", "io.containerd.internal.v1.restart", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "${socketPath}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${NAME}/pause:1"
  # Lowering a score needs CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${folder}/net"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${folder}/certs"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
`;
}

interface ImageRegistry {
  readonly address: string;
  readonly caPem: string;
  readonly image: string;
  readonly refused: () => number;
  close(): void;
}

/** Serves one image of busybox for whoever knows the password, and the image of sandboxes for everybody (OCI distribution 1.1). */
async function openRegistry(): Promise<ImageRegistry> {
  const blobs = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  const add = (type: string, bytes: Buffer): { mediaType: string; digest: string; size: number } => {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    blobs.set(digest, { type, bytes });
    return { mediaType: type, digest, size: bytes.length };
  };
  const layer = add('application/vnd.oci.image.layer.v1.tar', await busyboxLayer());
  const make = (config: object): string => {
    const described = add(
      'application/vnd.oci.image.config.v1+json',
      Buffer.from(
        JSON.stringify({
          architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
          os: 'linux',
          config: { Env: ['PATH=/bin'], ...config },
          rootfs: { type: 'layers', diff_ids: [layer.digest] },
        }),
      ),
    );
    const type = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = { schemaVersion: 2, mediaType: type, config: described, layers: [layer] };
    return add(type, Buffer.from(JSON.stringify(manifest))).digest;
  };
  const busybox = make({});
  const pause = make({ Entrypoint: ['/bin/sleep', '2147483647'] });

  let refused = 0;
  const basic = `Basic ${Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64')}`;
  const authority = createAuthority({ name: 'Test', clock: systemClock });
  const issued = issueServerCertificate(authority, { names: ['localhost'], addresses: ['127.0.0.1'] });
  const server: Server = createServer(
    { key: issued.privateKeyPem, cert: issued.certificatePem },
    (request, response) => {
      const [path = ''] = (request.url ?? '').split('?');
      if (!path.startsWith('/v2/pause/') && request.headers.authorization !== basic) {
        refused += 1;
        response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="test"' }).end();
        return;
      }
      const name = path.split('/').at(-1) ?? '';
      const digest = name === '1' ? pause : name;
      const found = blobs.get(digest);
      if (found === undefined) {
        response.writeHead(path === '/v2/' ? 200 : 404).end();
        return;
      }
      response.writeHead(200, {
        'Content-Type': found.type,
        'Content-Length': found.bytes.length,
        'Docker-Content-Digest': digest,
      });
      response.end(request.method === 'HEAD' ? undefined : found.bytes);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    caPem: authority.certificatePem,
    image: `${NAME}/busybox@${busybox}`,
    refused: () => refused,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function busyboxLayer(): Promise<Buffer> {
  const { stdout } = await runCommand('/bin/busybox', ['--list'], { timeoutMs: 30_000 });
  const applets = stdout.trim().split('\n');
  const entries: TarInput[] = [
    { path: 'bin/', kind: 'directory' },
    { path: 'tmp/', kind: 'directory', mode: 0o1777 },
    { path: 'etc/', kind: 'directory' },
    { path: 'etc/passwd', content: Buffer.from('root:x:0:0::/:\napp:x:1000:1000::/:\n') },
    { path: 'bin/busybox', content: await readFile('/bin/busybox'), mode: 0o755 },
    ...applets
      .filter((applet) => applet !== 'busybox')
      .map((applet): TarInput => ({ path: `bin/${applet}`, kind: 'symlink', linkTarget: 'busybox' })),
  ];
  const chunks: Uint8Array[] = [];
  for await (const chunk of packTar(entries)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
