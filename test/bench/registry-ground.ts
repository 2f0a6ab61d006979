/** Our registry as control runs it, for figures: real sign-in, verdicts, journal and database on disk. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createProbe } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Access, accessMigrations } from '../../src/access/index.ts';
import {
  type Admission,
  Admit,
  admitMigrations,
  NO_WORKLOAD,
  PRESETS_FOLDER,
  readPolicies,
} from '../../src/admit/index.ts';
import { Journal, journalMigrations } from '../../src/journal/index.ts';
import { createAuthority, issueServerCertificate } from '../../src/network/index.ts';
import { projectOf } from '../../src/oci/index.ts';
import { createRegistryHandler, type PullGate, Registry, registryMigrations } from '../../src/registry/index.ts';
import { openDatabase, silentLog, systemClock } from '../../src/system/index.ts';
import { generateSigningKey } from '../../src/trust/index.ts';

export interface Subject {
  readonly name: 'ours' | 'theirs';
  /** Without and with TLS. */
  readonly origin: string;
  readonly tlsOrigin: string;
  /** A registry token, ours; nothing, theirs: it runs without any authentication. */
  readonly headers: Record<string, string>;
  readonly pid: number;
  /** Of the process behind `tlsOrigin`. */
  readonly tlsPid: number;
}

export interface Ground {
  readonly folder: string;
  readonly caFile: string;
  readonly ours: Subject;
  /** Null when Debian's docker-registry is not installed. */
  readonly theirs: Subject | null;
  readonly version: string;
  /** Gives ours a fresh registry token: they last five minutes. */
  renew(): Promise<void>;
  end(): Promise<void>;
}

/**
 * A session of its own, to which the kernel gives its own share of the processors (sched(7), "The autogroup feature"),
 * as systemd gives one to each service: beside other work neither registry gets more by having more threads.
 */
const OWN_SHARE = { detached: true } as const;

export const REPOSITORIES = ['web', 'big', 'small'].map((name) => `bench/${name}`);

export async function openGround(): Promise<Ground> {
  const folder = await mkdtemp(join(process.env['DARSENA_BENCH_FOLDER'] ?? tmpdir(), 'registry-bench-'));
  const authority = createAuthority({ name: 'bench CA', clock: systemClock });
  const issued = issueServerCertificate(authority, { names: [], addresses: ['127.0.0.1'] });
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, authority.certificatePem);
  await writeFile(join(folder, 'cert.pem'), issued.certificatePem);
  await writeFile(join(folder, 'key.pem'), issued.privateKeyPem);
  const profile = process.env['DARSENA_BENCH_PROFILE'];
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const child = spawn(process.execPath, [...flags, import.meta.filename, '--serve', folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...OWN_SHARE,
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(String(data)));
    child.once('exit', (code) => reject(new Error(`our registry ended with ${code}`)));
  });
  const said = JSON.parse(line) as { port: number; tlsPort: number; secret: string };
  const ours: Subject = {
    name: 'ours',
    origin: `http://127.0.0.1:${said.port}`,
    tlsOrigin: `https://127.0.0.1:${said.tlsPort}`,
    headers: {},
    pid: child.pid ?? 0,
    tlsPid: child.pid ?? 0,
  };
  const renew = async (): Promise<void> => {
    const scopes = REPOSITORIES.map((name) => `scope=repository:${name}:pull,push`).join('&');
    const answer = await fetch(`${ours.origin}/v2/token?service=bench&${scopes}`, {
      headers: { authorization: `Basic ${Buffer.from(`bench:${said.secret}`).toString('base64')}` },
    });
    const { token } = (await answer.json()) as { token: string };
    ours.headers['authorization'] = `Bearer ${token}`;
  };
  await renew();
  const anchors = await startAnchor(folder);
  return {
    folder,
    caFile,
    ours,
    theirs: anchors?.subject ?? null,
    renew,
    version: anchors?.version ?? 'no anchor: docker-registry is not installed',
    async end() {
      child.stdin.end();
      await new Promise((resolve) => child.once('exit', resolve));
      for (const one of anchors?.children ?? []) one.kill('SIGTERM');
      await new Promise((resolve) => setTimeout(resolve, 300));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Two processes over one store, as one of them can listen only once; figures with TLS are of the second. */
async function startAnchor(folder: string) {
  let version: string;
  try {
    version = execFileSync('docker-registry', ['--version']).toString().trim();
  } catch {
    return null;
  }
  const ports = [await freePort(), await freePort()] as const;
  const children: ChildProcess[] = [];
  for (const [index, port] of ports.entries()) {
    const tls = index === 0 ? '' : `, tls: {certificate: ${folder}/cert.pem, key: ${folder}/key.pem}`;
    const config = join(folder, `theirs-${index}.yml`);
    const storage = `{filesystem: {rootdirectory: ${folder}/theirs}, cache: {blobdescriptor: inmemory}}`;
    await writeFile(
      config,
      `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: ${storage}\nhttp: {addr: "127.0.0.1:${port}"${tls}}\n`,
    );
    children.push(spawn('docker-registry', ['serve', config], { stdio: 'ignore', ...OWN_SHARE }));
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const subject: Subject = {
    name: 'theirs',
    origin: `http://127.0.0.1:${ports[0]}`,
    tlsOrigin: `https://127.0.0.1:${ports[1]}`,
    headers: {},
    pid: children[0]?.pid ?? 0,
    tlsPid: children[1]?.pid ?? 0,
  };
  return { subject, version, children };
}

async function freePort(): Promise<number> {
  const probe = createProbe();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** The rooms that stand between a request and its answer in control, wired as there; the scan alone is stated. */
async function serve(folder: string): Promise<void> {
  const clock = systemClock;
  const opened = await openDatabase<never>(`sqlite:${join(folder, 'ours.db')}`, [
    ...journalMigrations,
    ...accessMigrations,
    ...registryMigrations,
    ...admitMigrations,
  ]);
  const db = opened.db;
  const { privateKey } = generateKeyPairSync('ed25519');
  const checkpointKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const journal = new Journal({ db, clock, log: silentLog, checkpointKeyPem, keyId: 'bench' });
  const access = new Access({ db, journal, clock });
  const { key } = generateSigningKey(randomBytes(32));
  const admit = new Admit({ db, journal, clock, policies: await readPolicies(PRESETS_FOLDER), key });
  const serverKey = randomBytes(32);
  const gate: PullGate = {
    async check({ project, digest }) {
      const verdict = await admit.current({ project, digest, door: 'push' });
      return verdict !== null && verdict.decision !== 'refuse'
        ? { allow: true }
        : { allow: false, code: 'bench', reasons: [] };
    },
  };
  const registry = await Registry.open({
    db,
    root: join(folder, 'ours'),
    journal,
    gate,
    inUse: { list: async () => new Set() },
    serverKey,
    clock,
    onImagePushed: ({ repository, digest }) => {
      const admission: Admission = {
        image: { digest, repository, project: projectOf(repository), tags: [], ageDays: 1, sizeBytes: 1 },
        scan: {
          state: 'complete',
          at: clock.now().toISOString(),
          packages: 1,
          hasAdvisories: true,
          sparseAdvisories: false,
          malware: 'clean',
          advisoriesAgeDays: 1,
          findings: [],
        },
        signatures: {
          imageVerified: true,
          imageSigners: [],
          provenanceVerified: true,
          provenanceSigners: [],
          unmetDemands: [],
        },
        workload: NO_WORKLOAD,
        environment: { name: '', class: 'none', runs: false },
        statements: [],
        documents: [],
      };
      void admit.judge([{ door: 'push', admission, specHash: null, actor: 'bench', subject: repository }]);
    },
  });
  const handler = createRegistryHandler({
    registry,
    access: {
      authenticate: (credentials) =>
        credentials.kind === 'basic'
          ? access.authenticateBasic(credentials.name, credentials.secret)
          : access.authenticate(credentials.token),
      watch: () => () => undefined,
      current: (who) => access.current(who),
    },
    serverKey,
    service: 'bench',
    writes: opened.writes,
  });
  const servers: Server[] = [
    createServer(handler),
    createTlsServer(
      { cert: readFileSync(join(folder, 'cert.pem')), key: readFileSync(join(folder, 'key.pem')) },
      handler,
    ) as unknown as Server,
  ];
  for (const server of servers) {
    server.requestTimeout = 0;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  const [port, tlsPort] = servers.map((server) => (server.address() as AddressInfo).port);
  const { secret } = await access.issueServiceToken({
    name: 'bench',
    grants: [{ role: 'admin', project: 'bench' }],
    hours: 1,
  });
  process.stdout.write(`${JSON.stringify({ port, tlsPort, secret })}\n`);
  process.stdin.resume().on('end', () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    void registry
      .close()
      .then(() => journal.close())
      .then(() => opened.close())
      .then(() => process.exit(0));
  });
}

if (process.argv[2] === '--serve') await serve(process.argv[3] ?? '');
