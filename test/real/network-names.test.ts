import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Answer, decode, encode } from 'dns-packet';
import { ContentFiles, Reconciler, realProbes, type WorkloadStatus } from '../../src/deploy/engines/local/index.ts';
import type { WantedService, WantedWorkload } from '../../src/deploy/model.ts';
import { NameServer, type NetworkPolicy, ResolverUpstream } from '../../src/network/index.ts';
import { runCommand, silentLog, systemClock } from '../../src/system/index.ts';
import { container, type Ground, missingParts, openGround, wanted, workload } from './deploy-ground.ts';

/** Two places outside of the platform: addresses of RFC 5737 in a network namespace of the test's own. */
const OUTSIDE = `darsena-out-${process.pid}`;
const LINK = `do${process.pid}`.slice(0, 12);
const ALLOWED = '198.51.100.2';
const OTHER = '198.51.100.3';

const skip = missingParts() ?? false;
let ground: Ground;
let reconciler: Reconciler;
let resolver: Socket;
let names: NameServer;
const asked: string[] = [];
const away: boolean[] = [];
const status = new Map<string, WorkloadStatus>();

before(async () => {
  if (skip !== false) return;
  ground = await openGround('names');
  resolver = await fakeResolver();
  const { port } = resolver.address();
  names = new NameServer({
    upstream: new ResolverUpstream(() => [{ address: '127.0.0.1', port }]),
    log: silentLog,
    open: (pod, set, addresses, seconds) => reconciler.openAddresses(pod, set, addresses, seconds),
    onUpstream: (isAway) => void away.push(isAway),
  });
  reconciler = new Reconciler({
    instance: ground.instance,
    engine: ground.engine,
    clock: systemClock,
    log: silentLog,
    gate: { check: async () => ({ allow: true }) },
    askProbe: realProbes(ground.engine, async () => (await ground.engine.facts()).rootless),
    contents: new ContentFiles(join(ground.folder, 'contents')),
    onStatus: (one) => status.set(one.key.name, one),
    names,
  });
  reconciler.start();
  await ip('netns', 'add', OUTSIDE);
  await ip('link', 'add', `${LINK}a`, 'type', 'veth', 'peer', 'name', `${LINK}b`, 'netns', OUTSIDE);
  await ip('addr', 'add', '198.51.100.1/24', 'dev', `${LINK}a`);
  await ip('link', 'set', `${LINK}a`, 'up');
  await ip('-n', OUTSIDE, 'link', 'set', `${LINK}b`, 'up');
  for (const address of [ALLOWED, OTHER]) await ip('-n', OUTSIDE, 'addr', 'add', `${address}/24`, 'dev', `${LINK}b`);
});
after(async () => {
  if (skip !== false) return;
  await reconciler.stop();
  names.close();
  await ip('netns', 'del', OUTSIDE);
  await ground.close();
});

async function ip(...words: string[]): Promise<void> {
  const { code, stderr } = await runCommand('ip', words, { timeoutMs: 30_000 });
  if (code !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr}`);
}

/** The host's resolver: it knows three names outside, one of them an alias. */
async function fakeResolver(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (bytes, from) => {
    const { id, questions = [] } = decode(bytes);
    const name = questions[0]?.name ?? '';
    asked.push(name);
    const a = (owner: string, data: string): Answer => ({ type: 'A', name: owner, ttl: 30, data });
    const answers: Record<string, Answer[]> = {
      'api.example.org': [{ type: 'CNAME', name, ttl: 30, data: 'lb.example.net' }, a('lb.example.net', ALLOWED)],
      'other.example.org': [a(name, OTHER)],
    };
    const found = questions[0]?.type === 'A' ? (answers[name] ?? []) : [];
    socket.send(encode({ id: id ?? 0, type: 'response', questions, answers: found }), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  // Closed by a test, if it comes so far.
  socket.unref();
  return socket;
}

function sleeper(name: string, script = 'exec sleep 3600'): WantedWorkload {
  const main = container(ground.image, ['sh', '-c', script], {
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  });
  return workload({ project: 'shop', environment: 'dev', name }, [main]);
}

async function inside(name: string, script: string): Promise<{ exitCode: number; output: string }> {
  const id = status.get(name)?.replicas[0]?.containers.find((one) => one.state === 'running')?.id;
  assert.ok(id, `${name} has a running container`);
  return await ground.engine.exec(id, ['sh', '-c', script], 15_000, AbortSignal.timeout(20_000));
}

/** A port where nobody listens answers with a reset: the way is open. A closed way is silence. */
async function isOpen(name: string, address: string): Promise<boolean> {
  const { output } = await inside(name, `nc -w 2 ${address} 8080 </dev/null 2>&1; true`);
  return output.includes('refused');
}

async function until(what: string, check: () => boolean | Promise<boolean>, seconds = 40): Promise<void> {
  const begin = performance.now();
  while (!(await check())) {
    if (performance.now() - begin > seconds * 1000) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const isReady = (name: string): boolean => status.get(name)?.replicas.some(({ ready }) => ready) ?? false;

test('names of services lead to ready replicas, and a policy opens what is outside by name', { skip }, async (t) => {
  const service: WantedService = {
    project: 'shop',
    environment: 'dev',
    name: 'web',
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 8080, targetPort: 8080, protocol: 'TCP' }],
  };
  const policy: NetworkPolicy = {
    project: 'shop',
    environment: 'dev',
    name: 'closed',
    selector: { matchLabels: { app: 'closed' }, matchExpressions: [] },
    ingress: null,
    egress: [{ peers: [{ kind: 'name', pattern: 'api.example.org' }], ports: [] }],
  };
  reconciler.setWanted(
    wanted({
      workloads: [sleeper('web'), sleeper('closed'), sleeper('free')],
      services: [service],
      policies: [policy],
    }),
  );
  await until('all run', () => ['web', 'closed', 'free'].every(isReady));
  const web = (await ground.engine.list()).find(({ labels }) => labels['darsena.workload'] === 'web');
  assert.ok(web);
  const { address } = await ground.engine.locatePod(web);

  await t.test('a pod asks the host’s address in its network, and gets the ready replicas of a service', async () => {
    const { output } = await inside('free', 'nslookup web.shop-dev.svc.cluster.local');
    assert.match(output, new RegExp(`Address:? *(?:1: )?${address.replaceAll('.', '\\.')}`), output);
    assert.match((await inside('free', 'nslookup none.shop-dev.svc.cluster.local')).output, /NXDOMAIN|can't find/);
    assert.ok(!asked.some((name) => name.endsWith('cluster.local')), 'nobody outside is asked about the platform');
  });

  await t.test('a way out that is allowed by name opens when the name is asked, and no other opens', async () => {
    assert.ok(!(await isOpen('closed', ALLOWED)), 'closed before its name was asked');
    const { output } = await inside('closed', 'nslookup api.example.org');
    assert.match(output, /198\.51\.100\.2/);
    assert.ok(await isOpen('closed', ALLOWED));
    assert.ok(!(await isOpen('closed', OTHER)));
  });

  await t.test('a pod with a closed way out cannot carry anything away in questions for names', async () => {
    const { output } = await inside('closed', 'nslookup secret.other.example.org');
    assert.match(output, /REFUSED|can't find/);
    assert.ok(!asked.includes('secret.other.example.org'), 'the question never left the host');
    assert.match((await inside('free', 'nslookup other.example.org')).output, /198\.51\.100\.3/);
    await until('the free pod reaches the other place', () => isOpen('free', OTHER), 15);
  });

  await t.test(
    'with DNS down pods find each other, other names fail with an error at once, and it is told',
    async () => {
      resolver.close();
      await until('it is told', async () => {
        assert.match((await inside('free', 'nslookup api.example.org')).output, /SERVFAIL|can't find/);
        return away.at(-1) === true;
      });
      assert.match((await inside('free', 'nslookup web.shop-dev.svc.cluster.local')).output, new RegExp(address));
      assert.deepEqual(away, [true]);
    },
  );
});
