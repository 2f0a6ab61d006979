/**
 * How soon the API answers what the console's pages ask, where much is kept: 1,000 workloads in 200 releases of 20 projects,
 * 50,000 alerts in 2,000 incidents, 10,000 events of workloads and as many facts. Control is a process of its own without a host;
 * every route of its description that reads and asks nothing more than names is called, with the names of what is there.
 *
 *   ./darsena-node test/bench/pages.bench.ts [a word of the routes that are wanted]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Agent, request } from 'undici';
import { createVault } from '../../src/access/index.ts';
import type { Verdict } from '../../src/admit/index.ts';
import { Deployments, type DeployTables } from '../../src/deploy/index.ts';
import { parseProjectFile } from '../../src/deploy/project-file.ts';
import { Journal, type JournalTables } from '../../src/journal/index.ts';
import { type Instance, instanceFiles } from '../../src/programs/setup/instance.ts';
import { requestLoginCode } from '../../src/programs/setup/local.ts';
import { sqliteDialect } from '../../src/system/database/sqlite-dialect.ts';
import { newId, silentLog, systemClock } from '../../src/system/index.ts';
import { container, workload } from '../real/deploy-ground.ts';

const SIZE = { projects: 20, releases: 10, workloads: 50, incidents: 2_000, alerts: 50_000, events: 10_000 } as const;
const ROUNDS = 5;
const SLOW_MS = 300;
const only = process.argv[2] ?? '';

const MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata: { name: NAME }
spec:
  replicas: 1
  selector: { matchLabels: { app: NAME } }
  template:
    metadata: { labels: { app: NAME } }
    spec:
      containers:
        - name: main
          image: IMAGE
          args: [server, --port, "8080"]
          ports: [{ name: http, containerPort: 8080 }]
`;

const folder = await mkdtemp(join(tmpdir(), 'darsena-pages-'));
const ports = { console: 17_443, agents: 17_444, edgeHttps: 18_443, edgeHttp: 18_080 };
const user = { name: 'nobody', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const instance: Instance = {
  ...{
    name: 'pages',
    mode: 'rootless',
    prefix: 'darsena-pages',
    version: '0',
    code: join(import.meta.dirname, '../..'),
  },
  ...{ data: join(folder, 'data'), run: join(folder, 'run'), logs: join(folder, 'logs'), domain: 'pages.localhost' },
  ...{ ports, bind: '127.0.0.1', users: { control: user, build: user, edge: user }, runtime: 'runc', cgroup: 'v2' },
  ...{ sensor: false, adaptations: [], podman: { environment: {} } as never, createdAt: new Date().toISOString() },
};
const files = instanceFiles(instance);
const dispatcher = new Agent({ connect: { rejectUnauthorized: false }, connections: 1 });
const origin = `https://127.0.0.1:${ports.console}`;
const projects = Array.from({ length: SIZE.projects }, (_, index) => `project-${index}`);
const digest = (number: number): `sha256:${string}` => `sha256:${number.toString(16).padStart(64, '0')}`;

for (const path of [instance.data, instance.run, instance.logs, files.control.folder])
  await mkdir(path, { recursive: true });
await writeFile(files.description, JSON.stringify(instance));
try {
  const first = await start();
  await stop(first);
  await seed();
  const control = await start();
  try {
    await measure();
  } finally {
    await stop(control);
  }
} finally {
  await dispatcher.close();
  await rm(folder, { recursive: true, force: true });
}

async function start(): Promise<ChildProcess> {
  const program = join(import.meta.dirname, '../../src/programs/control.ts');
  const words = ['--disable-warning=ExperimentalWarning', program, '--instance-file', files.description];
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DARSENA_LOG: 'warn' },
  });
  const began = performance.now();
  while (!existsSync(files.control.adminSocket)) {
    if (child.exitCode !== null || performance.now() - began > 60_000) throw new Error('control did not come up');
    await systemClock.sleep(20);
  }
  console.log(`control answers ${(performance.now() - began).toFixed(0)} ms after its start`);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
  await rm(files.control.adminSocket, { force: true });
}

/** Written past the rooms where these would take an hour, in their tables and in their words. */
async function seed(): Promise<void> {
  const began = performance.now();
  const { Kysely } = await import('kysely');
  const db = new Kysely<DeployTables & JournalTables>({ dialect: sqliteDialect(files.control.database) });
  const key = await readFile(join(files.control.keys, 'journal.pem'), 'utf8');
  const master = Buffer.from(await readFile(join(files.control.keys, 'master.key'), 'utf8'), 'base64');
  const journal = new Journal({
    db: db as never,
    clock: systemClock,
    log: silentLog,
    checkpointKeyPem: key,
    keyId: 'journal-1',
  });
  const deployments = new Deployments({ db: db as never, journal, clock: systemClock, vault: createVault(master) });
  for (const [number, project] of projects.entries()) {
    const text = `project: ${project}
images: { web: web }
manifests: [kubernetes]
environments:
  dev: { policy: dev, class: development }
  prod: { policy: prod, class: production, approvals: 1 }
`;
    await deployments.ensureProject(parseProjectFile(text, 'darsena.yaml'), 'user:ana');
    for (let round = 0; round < SIZE.releases; round++) {
      const environment = round === SIZE.releases - 1 ? 'prod' : 'dev';
      const image = `registry.darsena.internal/${project}/web@${digest(number * 100 + round)}`;
      // Half of what is wanted now is in each environment.
      const count = SIZE.workloads / 2;
      const workloads = Array.from({ length: count }, (_, index) => {
        const name = `service-${index}`;
        const port = { name: 'http', containerPort: 8080, protocol: 'TCP' } as never;
        const env = Array.from(
          { length: 8 },
          (_, at) => ({ name: `SETTING_${at}`, value: `${round} of ${name}` }) as never,
        );
        const {
          generation: _g,
          previous: _p,
          ...one
        } = workload({ project, environment, name }, [
          container(image, ['server', '--port', '8080'], { ports: [port], env }),
        ]);
        return one;
      });
      const services = workloads.map(({ key }) => ({
        ...{ ...key, selector: { app: key.name } },
        ports: [{ name: null, port: 80, targetPort: 8080, protocol: 'TCP' } as const],
      }));
      const manifest = workloads
        .map(({ key: { name } }) => MANIFEST.replaceAll('NAME', name).replaceAll('IMAGE', image))
        .join('---\n');
      await deployments.release({
        ...{ project, environment, commit: null, promotedFrom: null, actor: 'user:ana', authors: ['user:ana'] },
        composition: { workloads, services, routes: [], volumes: [], contents: {} } as never,
        source: { projectFile: text, manifests: [{ path: 'kubernetes/all.yaml', text: manifest }] } as never,
        digests: [{ name: 'web', repository: `${project}/web`, digest: digest(number * 100 + round) }] as never,
        verdict: verdictOf(project, environment, digest(number * 100 + round)),
      });
    }
  }
  await journal.settled();
  await db.destroy();
  const raw = new DatabaseSync(files.control.database);
  raw.exec('BEGIN');
  const incident = raw.prepare(
    `insert into respond_incidents (number, id, group_key, state, rule, priority, project, environment, workload, container,
     container_id, host, digest, alert_count, kept_count, opened_at, last_alert_at) values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
  );
  const alert = raw.prepare(
    'insert into respond_alerts (id, incident, at, rule, project, host, body) values (?,?,?,?,?,?,?)',
  );
  const fact = raw.prepare(
    'insert into journal_facts (id, seq, at, kind, project, actor, subject, digest, body) values (?,null,?,?,?,?,?,?,?)',
  );
  const event = raw.prepare(
    `insert into deploy_events (id, project, environment, workload, kind, trouble, replica, text_en, text_es, count, first_at, last_at)
     values (?,?,?,?,?,?,?,?,?,?,?,?)`,
  );
  const each = SIZE.alerts / SIZE.incidents;
  const startMs = Date.now() - SIZE.alerts * 10_000;
  const at = (number: number): string => new Date(startMs + number * 10_000).toISOString();
  for (let number = 1; number <= SIZE.incidents; number++) {
    const project = projects[number % projects.length] ?? '';
    const name = `service-${number % 25}`;
    const of = digest((number % projects.length) * 100 + 9);
    const id = number.toString(16).padStart(64, 'c');
    const state = number % 10 === 0 ? 'open' : 'closed';
    const [from, to] = [at((number - 1) * each), at(number * each - 1)];
    incident.run(
      ...[
        number,
        newId(),
        `group ${number}`,
        state,
        'Terminal shell in container',
        number % 7,
        project,
        'prod',
        name,
        'main',
      ],
      ...[id, 'host-1', of, each, each, from, to],
    );
    for (let index = 0; index < each; index++) {
      const when = at((number - 1) * each + index);
      const alertId = newId();
      alert.run(
        alertId,
        number,
        when,
        'Terminal shell in container',
        project,
        'host-1',
        JSON.stringify(alertOf(alertId, when, project, name, id, of)),
      );
    }
  }
  raw.prepare("update respond_counters set value = ? where name = 'incident'").run(SIZE.incidents);
  for (let number = 0; number < SIZE.events; number++) {
    const project = projects[number % projects.length] ?? '';
    const name = `service-${number % 25}`;
    const when = at(number * 5);
    event.run(
      newId(),
      project,
      'prod',
      name,
      'replica-restarted',
      number % 2,
      `${name}-1`,
      'a container ended',
      'un contenedor terminó',
      1,
      when,
      when,
    );
    fact.run(
      newId(),
      when,
      'workload.changed',
      project,
      'platform',
      `${project}/prod/${name}`,
      null,
      JSON.stringify({ phase: 'available', number }),
    );
  }
  raw.exec('COMMIT');
  raw.close();
  console.log(`seeded in ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

function verdictOf(project: string, environment: string, of: string): Verdict {
  return {
    ...{
      id: newId(),
      at: new Date().toISOString(),
      door: 'start',
      decision: 'allow',
      reasons: [],
      project,
      environment,
    },
    ...{ policy: { name: 'dev', version: '1' }, digest: of as never, specHash: null, restart: false },
    expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
  };
}

function alertOf(id: string, at: string, project: string, name: string, containerId: string, of: string): object {
  return {
    ...{
      id,
      at,
      kernelTimeNs: 1,
      rule: 'Terminal shell in container',
      priority: 'notice',
      tags: ['container', 'shell'],
    },
    ...{ output: 'A shell was spawned in a container', outputFields: { 'proc.name': 'sh', 'fd.num': 3 } },
    container: {
      ...{ id: containerId, name, project, environment: 'prod', workload: name, pod: `${name}-1`, container: 'main' },
      ...{ image: `${project}/web`, digest: of },
    },
    process: {
      ...{
        pid: 300,
        ppid: 200,
        name: 'sh',
        exe: '/bin/sh',
        cmdline: 'sh -c id',
        cwd: '/',
        uid: 1000,
        tty: 34816,
        startedAt: at,
      },
    },
    ancestors: [{ pid: 200, name: 'conmon', exe: '/usr/bin/conmon', cmdline: 'conmon' }],
    source: { kind: 'rule', file: 'rules.yaml', line: 1 },
  };
}

async function measure(): Promise<void> {
  const { code } = await requestLoginCode(instance);
  const login = await request(`${origin}/api/v1/session/exchange`, {
    ...{ method: 'POST', dispatcher, body: JSON.stringify({ code }) },
    headers: { 'content-type': 'application/json', 'x-darsena': '1' },
  });
  await login.body.text();
  const cookies = [login.headers['set-cookie'] ?? []].flat().map((one) => one.split(';')[0]);
  const ask = async (path: string): Promise<{ status: number; text: string; ms: number }> => {
    const began = performance.now();
    const answer = await request(`${origin}${path}`, {
      ...{ method: 'GET', dispatcher, headersTimeout: 120_000, bodyTimeout: 120_000 },
      headers: { cookie: cookies.join('; '), 'accept-encoding': 'identity' },
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, text, ms: performance.now() - began };
  };
  const { paths } = JSON.parse((await ask('/api/v1/openapi.json')).text) as Paths;
  const release = JSON.parse((await ask('/api/v1/projects/project-3/releases')).text) as { items?: { id: string }[] };
  const names: Record<string, string> = {
    ...{
      project: 'project-3',
      environment: 'prod',
      workload: 'service-3',
      name: 'service-3',
      number: '1990',
      host: 'host-1',
    },
    ...{ digest: digest(309), id: release.items?.[0]?.id ?? newId(), release: release.items?.[0]?.id ?? newId() },
  };
  const found: { path: string; first: number; middle: number; status: number; bytes: number }[] = [];
  for (const [template, { get }] of Object.entries(paths)) {
    // Streams have no end, and the description is asked above.
    if (get === undefined || /stream|\/events$|watch|follow|openapi/.test(template) || !template.includes(only))
      continue;
    const path = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(names[name] ?? name));
    const needed = (get.parameters ?? []).filter(({ in: where, required }) => where === 'query' && required);
    const query = needed.map(({ name }) => `${name}=${encodeURIComponent(names[name] ?? 'service')}`).join('&');
    const url = query === '' ? path : `${path}?${query}`;
    const times: number[] = [];
    let last = { status: 0, text: '', ms: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      last = await ask(url);
      times.push(last.ms);
      if (last.ms > 5_000) break;
    }
    const middle = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
    found.push({ path: url, first: times[0] ?? 0, middle, status: last.status, bytes: last.text.length });
  }
  found.sort((a, b) => b.middle - a.middle);
  console.log(
    `load ${loadavg()[0]?.toFixed(1)}; ${found.length} routes, of which ${found.filter(({ status }) => status === 200).length} answered with 200`,
  );
  for (const { path, first, middle, status, bytes } of found.slice(0, only === '' ? 25 : 100))
    console.log(
      `${middle.toFixed(0).padStart(6)} ms, first ${first.toFixed(0).padStart(6)} ms  ${status} ${(bytes / 1000).toFixed(0).padStart(6)} kB  ${path}`,
    );
  const slow = found.filter(({ middle }) => middle > SLOW_MS).length;
  console.log(`slower than ${SLOW_MS} ms in the middle of ${ROUNDS}: ${slow}`);
}

interface Paths {
  readonly paths: Record<string, { get?: { parameters?: { name: string; in: string; required?: boolean }[] } }>;
}
