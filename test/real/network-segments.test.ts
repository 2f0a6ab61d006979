import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  ContentFiles,
  type PodPlace,
  Reconciler,
  realProbes,
  type WorkloadStatus,
} from '../../src/deploy/engines/local/index.ts';
import type { WantedState, WantedWorkload } from '../../src/deploy/model.ts';
import { type NetworkPolicy, POLICY_TABLE, readFlows } from '../../src/network/index.ts';
import { silentLog, systemClock } from '../../src/system/index.ts';
import { container, type Ground, missingParts, openGround, wanted, workload } from './deploy-ground.ts';

const skip = missingParts() ?? false;
let ground: Ground;
let reconciler: Reconciler;
const status = new Map<string, WorkloadStatus>();

before(async () => {
  if (skip !== false) return;
  ground = await openGround('seg');
  reconciler = new Reconciler({
    instance: ground.instance,
    engine: ground.engine,
    clock: systemClock,
    log: silentLog,
    gate: { check: async () => ({ allow: true }) },
    askProbe: realProbes(ground.engine, async () => (await ground.engine.facts()).rootless),
    contents: new ContentFiles(join(ground.folder, 'contents')),
    onStatus: (one) => status.set(one.key.name, one),
  });
  reconciler.start();
});
after(async () => {
  if (skip !== false) return;
  await reconciler.stop();
  await ground.close();
});

/** A web server that the host finds ready only if its probe gets through. */
function server(name: string, environment: string, app = name): WantedWorkload {
  const script = `mkdir -p /tmp/www && echo ${name} > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www`;
  const main = container(ground.image, ['sh', '-c', script], {
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    readinessProbe: {
      action: { kind: 'tcp', port: 8080 },
      initialDelaySeconds: 0,
      periodSeconds: 1,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 3,
    },
  });
  return workload({ project: 'shop', environment, name }, [main], { podMore: { labels: { app } } });
}

function state(workloads: readonly WantedWorkload[], policies: readonly NetworkPolicy[] = []): WantedState {
  return wanted({ workloads, policies });
}

async function placeOf(name: string): Promise<PodPlace> {
  const pods = await ground.engine.list();
  const pod = pods.find(({ labels }) => labels['darsena.workload'] === name);
  assert.ok(pod, `${name} has a pod`);
  return ground.engine.locatePod(pod);
}

async function addressOf(name: string): Promise<string> {
  return (await placeOf(name)).address;
}

/** Over IPv4 and, where this host gives pods both, over IPv6: it must be the same. */
async function reaches(from: string, to: string, tries = 5): Promise<boolean> {
  const { address, segment } = await placeOf(to);
  const [four = false, six = four] = await Promise.all(
    [address, ...(segment?.six == null ? [] : [segment.six.address])].map((one) => reachesAt(from, to, one)),
  );
  // While rules change, the two are asked at different moments.
  if (four !== six && tries > 1) return reaches(from, to, tries - 1);
  assert.equal(six, four, `${from} reaches ${to} by one family alone`);
  return four;
}

async function reachesAt(from: string, to: string, address: string): Promise<boolean> {
  const id = status.get(from)?.replicas[0]?.containers.find((one) => one.state === 'running')?.id;
  assert.ok(id, `${from} has a running container`);
  // Not wget: with a time limit, Debian's static busybox ends by a segmentation fault.
  const ask = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${address} 8080`;
  const { exitCode, output } = await ground.engine.exec(id, ['sh', '-c', ask], 8_000, AbortSignal.timeout(10_000));
  return exitCode === 0 && output.trim().endsWith(to);
}

async function until(what: string, check: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  const begin = performance.now();
  while (!(await check())) {
    if (performance.now() - begin > seconds * 1000) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const isReady = (name: string): boolean => status.get(name)?.replicas.some(({ ready }) => ready) ?? false;
const labelled = (app: string) => ({ matchLabels: { app }, matchExpressions: [] });

test('environments are kept apart, policies open and close ways without a restart, and each way is seen', {
  skip,
}, async (t) => {
  const workloads = [server('api', 'dev'), server('web', 'dev'), server('spy', 'prod')];
  reconciler.setWanted(state(workloads));
  await until('all are ready: probes of the host come through', () => ['api', 'web', 'spy'].every(isReady), 40);

  await t.test('by default an environment is closed to every other, and open within', async () => {
    assert.ok(await reaches('web', 'api'));
    assert.ok(await reaches('api', 'web'));
    assert.deepEqual(await Promise.all([reaches('spy', 'api'), reaches('api', 'spy')]), [false, false]);
  });

  const ports = [{ protocol: 'TCP', port: 'http', endPort: null }] as const;
  const onlyWeb: NetworkPolicy = {
    project: 'shop',
    environment: 'dev',
    name: 'api',
    selector: labelled('api'),
    ingress: [{ peers: [{ kind: 'pods', pods: labelled('web'), namespaces: null }], ports }],
    egress: [],
  };
  await t.test('a policy lets in whom it names, and nobody goes out whom it does not let', async () => {
    reconciler.setWanted(state([...workloads, server('cron', 'dev')], [onlyWeb]));
    await until('cron is ready', () => isReady('cron'), 40);
    await until('the policy is in force', async () => !(await reaches('cron', 'api')));
    assert.ok(await reaches('web', 'api'));
    assert.ok(!(await reaches('api', 'web')));
    assert.ok(await reaches('cron', 'web'), 'who is not selected stays open within its environment');
    assert.ok(isReady('api'), 'probes of the host still come through');
  });

  await t.test('a pod that comes later is let in by its labels', async () => {
    reconciler.setWanted(state([...workloads, server('cron', 'dev'), server('web2', 'dev', 'web')], [onlyWeb]));
    await until('web2 is ready', () => isReady('web2'), 40);
    await until('web2 reaches api', () => reaches('web2', 'api'));
  });

  await t.test('a policy may open an environment to another by name', async () => {
    const peer = { matchLabels: { 'kubernetes.io/metadata.name': 'shop-prod' }, matchExpressions: [] };
    const rule = { peers: [{ kind: 'pods', pods: labelled('spy'), namespaces: peer }], ports } as const;
    const open: NetworkPolicy = { ...onlyWeb, ingress: [...(onlyWeb.ingress ?? []), rule] };
    reconciler.setWanted(state([...workloads, server('cron', 'dev'), server('web2', 'dev', 'web')], [open]));
    await until('spy reaches api', () => reaches('spy', 'api'));
  });

  await t.test('who came and who was refused stands in the rules of the pod', async () => {
    const pod = (await ground.engine.list()).find(({ labels }) => labels['darsena.workload'] === 'api');
    assert.ok(pod);
    const flows = readFlows((await ground.engine.readTable(pod, POLICY_TABLE)) ?? '');
    const find = (direction: string, refused: boolean, address: string) =>
      flows.find((one) => one.direction === direction && one.refused === refused && one.address === address);
    const came = find('in', false, await addressOf('web'));
    assert.equal(came?.protocol, 'tcp');
    assert.equal(came?.port, 8080);
    assert.ok((came?.connections ?? 0) >= 2);
    const six = (await placeOf('web')).segment?.six?.address;
    if (six !== undefined) assert.ok(find('in', false, six), 'what came over IPv6 is seen too');
    assert.ok(find('in', true, await addressOf('cron')));
    assert.ok(find('out', true, await addressOf('web')));
    assert.equal(await ground.engine.readTable(pod, 'darsena_none'), null);
  });

  await t.test(
    'a connection counts once, however often it knocks; whom the other end refuses has no answer',
    async () => {
      const counted = async (of: string, to: string) => {
        const pod = (await ground.engine.list()).find(({ labels }) => labels['darsena.workload'] === of);
        assert.ok(pod);
        const address = await addressOf(to);
        const flows = readFlows((await ground.engine.readTable(pod, POLICY_TABLE)) ?? '');
        const sum = (direction: string, refused: boolean, unanswered: boolean): number =>
          flows
            .filter((one) => one.address === address && one.direction === direction && one.refused === refused)
            .filter((one) => (one.unanswered ?? false) === unanswered)
            .reduce((all, { connections }) => all + connections, 0);
        return [sum('out', false, false), sum('out', false, true), sum('in', false, false), sum('in', true, false)];
      };
      const knock = async (from: string, to: string): Promise<void> => {
        const id = status.get(from)?.replicas[0]?.containers.find((one) => one.state === 'running')?.id;
        // Long enough for three first packets.
        const ask = `nc -w 5 ${await addressOf(to)} 8080 </dev/null`;
        await ground.engine.exec(id ?? '', ['sh', '-c', ask], 15_000, AbortSignal.timeout(20_000));
      };
      const more = async (from: string, to: string): Promise<number[][]> => {
        const before = [await counted(from, to), await counted(to, from)];
        await knock(from, to);
        const after = [await counted(from, to), await counted(to, from)];
        return after.map((end, n) => end.map((count, which) => count - (before[n]?.[which] ?? 0)));
      };
      assert.deepEqual(await more('cron', 'api'), [
        [0, 1, 0, 0],
        [0, 0, 0, 1],
      ]);
      assert.deepEqual(await more('web', 'api'), [
        [1, 0, 0, 0],
        [0, 0, 1, 0],
      ]);
    },
  );
});

test('a pod that a policy speaks of does not start where its rules cannot be loaded', { skip }, async () => {
  const broken: NetworkPolicy = {
    project: 'shop',
    environment: 'dev',
    name: 'late',
    selector: labelled('late'),
    ingress: [{ peers: [{ kind: 'block', cidr: '10.0.0.0/99', except: [] }], ports: [] }],
    egress: null,
  };
  reconciler.setWanted(state([server('late', 'dev')], [broken]));
  await until('its trouble is told', () =>
    JSON.stringify(status.get('late') ?? '').includes('the network policy late cannot be applied'),
  );
  assert.ok(!isReady('late'));
});
