/** A throw-away registry and an ordinary user for the tests of the build room; everything is removed by `close`. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type BuildContext, type BuildRegistry, type BuildUser, Workshop } from '../../src/build/index.ts';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import { silentStep } from '../../src/progress/index.ts';
import { systemClock } from '../../src/system/index.ts';

/** Why the tests cannot run here, or null. */
export function missingForBuilds(): string | null {
  if (process.geteuid?.() !== 0) return 'needs root to make a user who builds';
  const programs = ['/usr/bin/buildah', '/usr/bin/docker-registry', '/usr/bin/newuidmap', '/usr/bin/mmdebstrap'];
  const missing = programs.filter((path) => !existsSync(path));
  return missing.length === 0 ? null : `needs ${missing.join(', ')}`;
}

export interface BuildBench {
  readonly workshop: Workshop;
  readonly registry: BuildRegistry;
  readonly folder: string;
  context(more?: Partial<BuildContext>): BuildContext;
  close(): Promise<void>;
}

export async function openBuildBench(): Promise<BuildBench> {
  const folder = await mkdtemp('/var/tmp/darsena-build-');
  await chmod(folder, 0o755);
  const user = makeUser(`dbt${process.pid}`);
  const authority = createAuthority({ name: 'build test', clock: systemClock });
  const server = issueServerCertificate(authority, { names: ['localhost'], addresses: ['127.0.0.1'] });
  await writeFile(join(folder, 'server.crt'), server.certificatePem);
  await writeFile(join(folder, 'server.key'), server.privateKeyPem);
  const port = await freePort();
  const configuration = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'registry') } },
    http: {
      addr: `127.0.0.1:${port}`,
      tls: { certificate: join(folder, 'server.crt'), key: join(folder, 'server.key') },
    },
  };
  await writeFile(join(folder, 'registry.json'), JSON.stringify(configuration));
  await mkdir(join(folder, 'registry'));
  const registryProcess = spawn('docker-registry', ['serve', join(folder, 'registry.json')], { stdio: 'ignore' });
  const workshop = new Workshop(
    user,
    { work: join(folder, 'work'), home: join(folder, 'home'), run: join(folder, 'run') },
    'runc',
  );
  await workshop.open();
  const registry = {
    name: 'registry.darsena.internal',
    address: `127.0.0.1:${port}`,
    caPem: authority.certificatePem,
    credentials: null,
  };
  return {
    workshop,
    registry,
    folder,
    context: (more = {}) => ({
      workshop,
      registry,
      builderId: 'urn:darsena:builder:test',
      progress: silentStep,
      clock: systemClock,
      ...more,
    }),
    close: async () => {
      registryProcess.kill('SIGKILL');
      await workshop.run('buildah', [...workshop.storage(), 'unshare', '--', 'rm', '-rf', join(folder, 'home')], {
        timeoutMs: 60_000,
      });
      await rm(folder, { recursive: true, force: true });
      execFileSync('userdel', [user.name], { stdio: 'ignore' });
    },
  };
}

function makeUser(name: string): BuildUser {
  execFileSync('useradd', [
    '--system',
    '--add-subids-for-system',
    '--no-create-home',
    '--shell',
    '/usr/sbin/nologin',
    name,
  ]);
  const id = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { name, uid: id('-u'), gid: id('-g') };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
