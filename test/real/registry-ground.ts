/** What the tests against other registries share: Debian's docker-registry. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../src/system/index.ts';

/** bcrypt of PASSWORD; the registry takes no other hash. */
const HTPASSWD = 'ana:$2b$05$hqgeZhDLcPJ/d0qK7GtpQez4uPNquBgR98hGNF9ube/BkJ6W8f.Nm\n';
export const PASSWORD = 'mirror password';

export interface Distribution {
  readonly host: string;
  readonly url: string;
  stop(): Promise<void>;
}

export function has(command: string): boolean {
  try {
    execFileSync('which', [command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Debian's docker-registry (distribution 2.8.2), plain on loopback, or with TLS and passwords. */
export async function startDistribution(
  work: string,
  name: string,
  options: { readonly tls: { readonly cert: string; readonly key: string } | null },
): Promise<Distribution> {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const folder = join(work, name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'htpasswd'), HTPASSWD, { mode: 0o600 });
  const secured =
    options.tls === null
      ? ''
      : `  tls:\n    certificate: ${options.tls.cert}\n    key: ${options.tls.key}\nauth:\n  htpasswd:\n    realm: test\n    path: ${join(folder, 'htpasswd')}\n`;
  await writeFile(
    join(folder, 'config.yml'),
    `version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ${join(folder, 'data')}\n  delete:\n    enabled: true\nhttp:\n  addr: ${host}\n${secured}`,
  );
  const child: ChildProcess = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  const url = `${options.tls === null ? 'http' : 'https'}://${host}`;
  for (let tries = 0; ; tries++) {
    const up = await new Promise<boolean>((resolve) => {
      const probe = new Socket();
      probe
        .once('error', () => resolve(false))
        .connect(port, '127.0.0.1', () => {
          probe.destroy();
          resolve(true);
        });
    });
    if (up) break;
    if (tries > 1_200) throw new Error('docker-registry did not start');
    await systemClock.sleep(50);
  }
  return {
    host,
    url,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}
