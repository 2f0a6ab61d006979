import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, decode, encode } from 'dns-packet';
import {
  NameServer,
  type NetworkPolicy,
  type PolicyPeer,
  type PolicyPort,
  type ResolverSockets,
  ResolverUpstream,
  type TrafficRule,
} from '../../../network/index.ts';
import { silentLog, systemClock } from '../../../system/index.ts';
import { EMPTY_WANTED, hashPodSpec, type WantedService, type WantedState, type WantedWorkload } from '../../model.ts';
import { ContentFiles } from './content-files.ts';
import type { ContainerEngine, PodPlace } from './engine.ts';
import { LABEL } from './labels.ts';
import { realProbes } from './probes.ts';
import { Reconciler } from './reconcile.ts';
import type { WorkloadStatus } from './status.ts';

/** Generous, as everywhere in the suite. */
const UNTIL_MS = 120_000;

export interface NetworkGround {
  readonly engine: ContainerEngine;
  readonly instance: string;
  readonly image: string;
  readonly folder: string;
  /** Where this process cannot bind in the network of the pods. @default it can */
  readonly sockets?: ResolverSockets;
}

/** A name outside of the platform, and a place of which its resolver says that it is there. */
const OUTSIDE = 'api.example.org';

/**
 * Pods as the reconciler makes them, with its rules and its resolver. In `dev`: `web` of two replicas, of which one is ready;
 * `api`, `spy` and `shut` beside it; `far` is in `prod`.
 */
export class NetworkBench {
  readonly #ground: NetworkGround;
  readonly #reconciler: Reconciler;
  readonly #names: NameServer;
  readonly #status = new Map<string, WorkloadStatus>();
  readonly asked: string[] = [];
  readonly #close: (() => Promise<void>)[] = [];
  /** What the resolver outside says of the name. */
  outside = '';

  private constructor(ground: NetworkGround, resolver: { readonly port: number }) {
    this.#ground = ground;
    const { port } = resolver;
    this.#names = new NameServer({
      upstream: new ResolverUpstream(() => [{ address: '127.0.0.1', port }]),
      log: silentLog,
      open: (pod, set, addresses, seconds) => this.#reconciler.openAddresses(pod, set, addresses, seconds),
      ...(ground.sockets === undefined ? {} : { sockets: ground.sockets }),
    });
    this.#reconciler = new Reconciler({
      instance: ground.instance,
      engine: ground.engine,
      clock: systemClock,
      log: silentLog,
      gate: { check: async () => ({ allow: true }) },
      askProbe: realProbes(ground.engine, async () => (await ground.engine.facts()).rootless),
      contents: new ContentFiles(join(ground.folder, 'contents')),
      onStatus: (one) => this.#status.set(one.key.name, one),
      names: this.#names,
    });
  }

  static async open(ground: NetworkGround): Promise<NetworkBench> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const bench = new NetworkBench(ground, socket.address());
    socket.on('message', (bytes, from) => {
      const { id, questions = [] } = decode(bytes);
      const [question] = questions;
      bench.asked.push(question?.name ?? '');
      const answers: Answer[] =
        question?.type === 'A' && question.name === OUTSIDE
          ? [{ type: 'A', name: OUTSIDE, ttl: 30, data: bench.outside }]
          : [];
      socket.send(encode({ id: id ?? 0, type: 'response', questions, answers }), from.port, from.address);
    });
    bench.#close.push(async () => void socket.close());
    bench.#reconciler.start();
    await bench.want([]);
    return bench;
  }

  async close(): Promise<void> {
    await this.#reconciler.stop();
    this.#names.close();
    for (const close of this.#close) await close();
    const { engine, instance } = this.#ground;
    for (const { id, labels } of await engine.list())
      if (labels[LABEL.instance] === instance) await engine.removePod(id);
    for (const { name, labels } of await engine.listNetworks())
      if (labels[LABEL.instance] === instance) await engine.removeNetwork(name);
  }

  /** The pods with these policies, which are in force when this ends. */
  async want(policies: readonly NetworkPolicy[]): Promise<void> {
    const services: WantedService[] = ['web', 'all'].map((name) => ({
      ...{ project: 'shop', environment: 'dev', name, selector: { app: 'web' } },
      ports: [{ name: 'http', port: 8080, targetPort: 8080, protocol: 'TCP' }],
      ...(name === 'all' ? { publishNotReady: true } : {}),
    }));
    const workloads = ['web', 'late', 'api', 'spy', 'shut', 'far'].map((name) => this.#workload(name));
    const wanted: WantedState = { ...EMPTY_WANTED, revision: 1, workloads, services, policies };
    this.#reconciler.setWanted(wanted);
    await this.until('all pods run', () =>
      workloads.every(
        ({ key }) => key.name === 'late' || this.#status.get(key.name)?.replicas.some((one) => one.ready),
      ),
    );
    await this.until('the late pod runs', () => this.#container('late') !== undefined);
  }

  #workload(name: string): WantedWorkload {
    const environment = name === 'far' ? 'prod' : 'dev';
    // Its page says who asked for it.
    const page = '#!/bin/sh\\necho Content-type: text/plain; echo; echo $REMOTE_ADDR';
    const serve = `mkdir -p /tmp/www/cgi-bin && printf '${page}' > /tmp/www/cgi-bin/who && chmod 755 /tmp/www/cgi-bin/who && echo ${name} > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www`;
    const probe = {
      ...{ initialDelaySeconds: 0, periodSeconds: 1, timeoutSeconds: 2, successThreshold: 1, failureThreshold: 3 },
      // One of the two behind the service never is ready.
      action: { kind: 'tcp', port: name === 'late' ? 8081 : 8080 } as const,
    };
    const pod = {
      ...{ labels: { app: name === 'late' ? 'web' : name }, annotations: {}, initContainers: [], volumes: [] },
      terminationGraceSeconds: 0,
      containers: [
        {
          ...{ name: 'main', image: this.#ground.image, command: ['sh', '-c', serve], args: null, workingDir: null },
          ...{ env: [], mounts: [], startupProbe: null, readinessProbe: probe, livenessProbe: null },
          ports: [
            { name: 'http', port: 8080, protocol: 'TCP' },
            ...(name === 'late' ? [{ name: 'none', port: 8081, protocol: 'TCP' } as const] : []),
          ] as const,
          resources: { cpuLimitMillis: null, cpuRequestMillis: null, memoryLimitBytes: null, memoryRequestBytes: null },
          security: {
            ...{ runAsUser: null, runAsGroup: null, runAsNonRoot: false, readOnlyRootFilesystem: false },
            ...{ allowPrivilegeEscalation: false, capabilitiesAdd: [], capabilitiesDrop: ['ALL'] },
          },
        },
      ],
    };
    return {
      ...{ key: { project: 'shop', environment, name }, generation: 1, specHash: hashPodSpec(pod), pod, replicas: 1 },
      ...{ minReadySeconds: 0, strategy: { kind: 'rolling', maxSurge: 1, maxUnavailable: 0 } as const },
      ...{ progressDeadlineSeconds: 600, previous: null },
    };
  }

  #container(name: string): string | undefined {
    return this.#status.get(name)?.replicas[0]?.containers.find((one) => one.state === 'running')?.id;
  }

  async place(name: string): Promise<PodPlace> {
    const pod = (await this.#ground.engine.list()).find(({ labels }) => labels[LABEL.workload] === name);
    assert.ok(pod, `${name} has a pod`);
    return await this.#ground.engine.locatePod(pod);
  }

  async run(name: string, script: string): Promise<string> {
    const id = this.#container(name);
    assert.ok(id, `${name} has a running container`);
    const signal = AbortSignal.timeout(UNTIL_MS);
    return (await this.#ground.engine.exec(id, ['sh', '-c', `${script} 2>&1`], 60_000, signal)).output;
  }

  async reaches(from: string, to: string): Promise<boolean> {
    const { address } = await this.place(to);
    // Not wget: with a time limit, Debian's static busybox ends by a segmentation fault.
    const ask = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${address} 8080`;
    return (await this.run(from, ask)).trim().endsWith(to);
  }

  /** Waits for none of them: silence takes its time. */
  async closed(...ways: readonly (readonly [from: string, to: string])[]): Promise<void> {
    const found = await Promise.all(ways.map(([from, to]) => this.reaches(from, to)));
    assert.deepEqual(
      ways.filter((_, which) => found[which]),
      [],
      'ways that ought to be closed',
    );
  }

  async until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
    for (const end = performance.now() + UNTIL_MS; !(await check()); await delay(100)) {
      if (performance.now() > end)
        throw new Error(`not in time: ${what}; ${JSON.stringify([...this.#status.values()]).slice(0, 2_000)}`);
    }
  }

  async environments(): Promise<void> {
    await this.want([]);
    await this.until('within an environment ways are open', () => this.reaches('api', 'web'));
    await this.closed(['far', 'web'], ['web', 'far']);
  }

  async policies(): Promise<void> {
    const api = (await this.place('api')).address;
    const { segment } = await this.place('web');
    assert.ok(segment);
    const http: PolicyPort = { protocol: 'TCP', port: 'http', endPort: null };
    const range: PolicyPort = { protocol: 'TCP', port: 8000, endPort: 8100 };
    const pods: PolicyPeer = { kind: 'pods', pods: labelled('api'), namespaces: null };
    const block: PolicyPeer = { kind: 'block', cidr: segment.network, except: [`${api}/32`] };
    await this.want([
      policy('web', [{ peers: [pods], ports: [http] }], null),
      policy('shut', null, [{ peers: [block], ports: [range] }]),
      policy('spy', null, []),
    ]);
    await this.until('the policy is in force', async () => !(await this.reaches('spy', 'shut')));
    await this.until('who is named comes in', () => this.reaches('api', 'web'));
    await this.until('an address of the block is reached', () => this.reaches('shut', 'spy'));
    await this.closed(['shut', 'web'], ['far', 'web'], ['shut', 'api'], ['spy', 'api']);
  }

  async serviceNames(): Promise<void> {
    await this.want([]);
    const [ready, late] = [(await this.place('web')).address, (await this.place('late')).address];
    const ask = async (name: string, type = 'a'): Promise<string> =>
      await this.run('api', `nslookup -type=${type} ${name}`);
    const below = 'shop-dev.svc.cluster.local';
    const one = await ask(`web.${below}`);
    assert.ok(one.includes(`Address: ${ready}`), one);
    assert.ok(!one.includes(late), `only ready replicas: ${one}`);
    const all = await ask(`all.${below}`);
    assert.ok(all.includes(ready) && all.includes(late), `publishNotReadyAddresses: ${all}`);
    const srv = await ask(`_http._tcp.web.${below}`, 'srv');
    const [, target = ''] = /service = 0 100 8080 (\S+)/.exec(srv) ?? [];
    assert.ok(target.endsWith(`.web.${below}`), srv);
    const single = await ask(target);
    assert.ok(single.includes(`Address: ${ready}`), `the name of a single replica: ${single}`);
    assert.match(await ask(`none.${below}`), /NXDOMAIN/);
    assert.ok(!this.asked.some((name) => name.endsWith('cluster.local')), 'nobody outside is asked about the platform');
    // By its short name too, which stands in its hosts file.
    assert.match(await this.run('api', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 web 8080`), /web\s*$/);
  }

  async waysByName(): Promise<void> {
    this.outside = (await this.place('web')).address;
    await this.want([policy('shut', null, [{ peers: [{ kind: 'name', pattern: OUTSIDE }], ports: [] }])]);
    await this.until('the policy is in force', async () => !(await this.reaches('shut', 'spy')));
    await this.closed(['shut', 'web']);
    const said = await this.run('shut', `nslookup -type=a ${OUTSIDE}`);
    assert.ok(said.includes(this.outside), said);
    await this.until('open once its name was asked', () => this.reaches('shut', 'web'));
    await this.closed(['shut', 'spy'], ['shut', 'far']);
    await this.run('shut', 'nslookup -type=a secret.example.org');
    assert.ok(!this.asked.includes('secret.example.org'), 'questions for other names do not leave the host');
  }

  /** Who a pod sees when the edge or a probe calls it. */
  async hostAddress(): Promise<{ readonly seen: string; readonly own: string; readonly gateway: string | undefined }> {
    const place = await this.place('web');
    const endpoint = place.endpoint(8080);
    assert.ok(endpoint);
    // busybox ends lines of a program's head as the program does, which clients of HTTP refuse.
    const socket = connect(endpoint.port, endpoint.host);
    socket.setTimeout(UNTIL_MS, () => socket.destroy(new Error('no answer in time')));
    socket.end('GET /cgi-bin/who HTTP/1.0\r\n\r\n');
    let said = '';
    for await (const chunk of socket) said += String(chunk);
    const [seen = ''] = /\d+(?:\.\d+){3}/.exec(said) ?? [];
    return { seen, own: place.address, gateway: place.segment?.gateway };
  }
}

const labelled = (app: string) => ({ matchLabels: { app }, matchExpressions: [] });

function policy(
  app: string,
  ingress: readonly TrafficRule[] | null,
  egress: readonly TrafficRule[] | null,
): NetworkPolicy {
  return { project: 'shop', environment: 'dev', name: app, selector: labelled(app), ingress, egress };
}
