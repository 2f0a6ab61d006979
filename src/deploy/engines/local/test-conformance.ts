import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { packTar } from '../../../formats/index.ts';
import type { ResolverSockets } from '../../../network/index.ts';
import { Fault, type Text } from '../../../system/index.ts';
import type { ResourceSpec, SecuritySpec } from '../../model.ts';
import type {
  ContainerEngine,
  ContainerOrder,
  LiveSession,
  ObservedContainer,
  ObservedPod,
  PodOrder,
  RegistryCredentials,
} from './engine.ts';
import { LABEL } from './labels.ts';
import { NetworkBench } from './test-conformance-network.ts';

/** An engine to be tried, and what the test must know of it. */
export interface EngineGround {
  readonly engine: ContainerEngine;
  readonly instance: string;
  /** Pinned by digest; holds busybox and nothing else. */
  readonly image: string;
  readonly credentials: RegistryCredentials | null;
  /** A folder that whoever runs the engine may read. */
  readonly folder: string;
  /** False where nothing really runs: what needs a process is left out. */
  readonly runs: boolean;
  /** Where this process cannot bind in the network of the pods. @default it can */
  readonly sockets?: ResolverSockets;
  /** A second one beside it, as an agent that starts anew has it. */
  reopen(): ContainerEngine;
}

/** One thing that engines promise. Gives null when it is so, or why this engine, on this host, does not have it. */
export interface Capability {
  readonly key: string;
  readonly title: Text;
  readonly needsProcess: boolean;
  readonly run: (bench: Bench) => Promise<Text | null>;
}

/** By capability: null, or why not. */
export type ConformanceResults = Readonly<Record<string, Text | null>>;

/**
 * The one suite for every engine behind the port. What an engine does not have must be said by its own facts or by a
 * refusal with its reason; anything else that is not as promised fails.
 */
export async function checkConformance(
  ground: EngineGround,
  report: (key: string, ms: number) => void,
  only: readonly string[] | null = null,
): Promise<ConformanceResults> {
  const bench = await Bench.open(ground);
  const results: Record<string, Text | null> = {};
  let isDone = false;
  try {
    for (const { key, needsProcess, run } of CAPABILITIES) {
      if ((needsProcess && !ground.runs) || only?.includes(key) === false) continue;
      const begin = performance.now();
      try {
        results[key] = await run(bench);
      } catch (cause) {
        throw new Error(`${key}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
      report(key, performance.now() - begin);
    }
    isDone = true;
  } finally {
    const closing = bench.close();
    // What failed first is what is told.
    await (isDone ? closing : closing.catch(() => undefined));
  }
  return results;
}

const NO_RESOURCES: ResourceSpec = {
  cpuLimitMillis: null,
  cpuRequestMillis: null,
  memoryLimitBytes: null,
  memoryRequestBytes: null,
};
const SECURITY: SecuritySpec = {
  runAsUser: null,
  runAsGroup: null,
  runAsNonRoot: false,
  readOnlyRootFilesystem: false,
  allowPrivilegeEscalation: false,
  capabilitiesAdd: [],
  capabilitiesDrop: ['ALL'],
};

/** Generous: a machine at load 30 is slow, and nothing here is asserted to be fast. */
const UNTIL_MS = 60_000;
const ENDLESS = ['sleep', '3600'];

class Bench {
  readonly ground: EngineGround;
  readonly network: string;
  readonly folder: string;
  /** Names are never used twice, by another bench of the same process neither. */
  static #serial = 0;
  #shared: Promise<string> | null = null;
  #idle: Promise<string> | null = null;
  #pods: Promise<NetworkBench> | null = null;

  private constructor(ground: EngineGround, folder: string) {
    this.ground = ground;
    this.network = `${ground.instance}-conformance`;
    this.folder = folder;
  }

  static async open(ground: EngineGround): Promise<Bench> {
    const folder = await mkdtemp(join(ground.folder, 'conformance-'));
    await chmod(folder, 0o755);
    const bench = new Bench(ground, folder);
    await bench.engine.ensureImage(ground.image, ground.credentials, AbortSignal.timeout(UNTIL_MS));
    await bench.engine.ensureNetwork({ name: bench.network, bridge: `dzq${process.pid}`, labels: bench.labels() });
    return bench;
  }

  get engine(): ContainerEngine {
    return this.ground.engine;
  }

  labels(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { [LABEL.managed]: 'true', [LABEL.instance]: this.ground.instance, ...more };
  }

  podOrder(more: Partial<PodOrder> = {}): PodOrder {
    const name = `${this.ground.instance}-q${Bench.#serial++}`;
    return {
      ...{ name, hostname: 'inside', network: this.network, labels: this.labels({ [LABEL.workload]: 'q' }) },
      ...{ ports: [], resolver: null, ...more },
    };
  }

  containerOrder(pod: string, more: Partial<ContainerOrder> = {}): ContainerOrder {
    return {
      ...{ name: `${pod}-c${Bench.#serial++}`, pod, labels: this.labels({ [LABEL.container]: 'main' }) },
      ...{ image: this.ground.image, command: ENDLESS, args: null, workingDir: null, env: {} },
      ...{ resources: NO_RESOURCES, security: SECURITY, mounts: [], ...more },
    };
  }

  /** A pod whose network is up: without wishes the one that all share, otherwise one of its own. */
  async pod(more?: Partial<PodOrder>): Promise<string> {
    if (more !== undefined) return await this.#make(more);
    this.#shared ??= this.#make({});
    return await this.#shared;
  }

  /** A container of the shared pod that does nothing; all share it. */
  async idle(): Promise<string> {
    this.#idle ??= this.pod().then((pod) => this.start(pod));
    return await this.#idle;
  }

  /** Pods of a reconciler, which takes all of the instance for its own: nothing else may be tried after it. */
  async pods(): Promise<NetworkBench> {
    this.#pods ??= NetworkBench.open(this.ground);
    return await this.#pods;
  }

  async #make(more: Partial<PodOrder>): Promise<string> {
    const order = this.podOrder(more);
    const { infraId } = await this.engine.createPod(order);
    await this.engine.startContainer(infraId);
    return order.name;
  }

  async start(pod: string, more: Partial<ContainerOrder> = {}): Promise<string> {
    const id = await this.engine.createContainer(this.containerOrder(pod, more));
    await this.engine.startContainer(id);
    return id;
  }

  async seen(pod: string): Promise<ObservedPod> {
    const found = (await this.engine.list()).find(({ name }) => name === pod);
    assert.ok(found, `${pod} is in the list`);
    return found;
  }

  async container(id: string): Promise<ObservedContainer> {
    const all = (await this.engine.list()).flatMap(({ containers }) => containers);
    const found = all.find((one) => one.id === id);
    assert.ok(found, `${id} is in the list`);
    return found;
  }

  async ended(id: string): Promise<ObservedContainer> {
    return await until('ended', async () => {
      const now = await this.container(id);
      return now.state === 'exited' ? now : null;
    });
  }

  async ask(id: string, ...command: string[]): Promise<string> {
    const { exitCode, output } = await this.engine.exec(id, command, UNTIL_MS, AbortSignal.timeout(UNTIL_MS));
    assert.equal(exitCode, 0, `${command.join(' ')}: ${output}`);
    return output;
  }

  async close(): Promise<void> {
    await (await this.#pods)?.close();
    for (const { id, labels } of await this.engine.list())
      if (labels[LABEL.instance] === this.ground.instance) await this.engine.removePod(id);
    for (const { name } of await this.engine.listVolumes()) await this.engine.removeVolume(name);
    await this.engine.removeNetwork(this.network);
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  for (const end = performance.now() + UNTIL_MS; ; ) {
    const found = await look();
    if (found !== null) return found;
    if (performance.now() > end) throw new Error(`not in time: ${what}`);
    await delay(30);
  }
}

async function failure(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then(
    () => null,
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof Fault, `it fails with a Fault, not ${String(error)}`);
  return error;
}

/** Why it was refused; any other failure is one. */
function refusal(error: Fault): Text {
  assert.ok(['engine.lacks', 'engine.refused'].includes(error.code), `${error.code}: ${error.message}`);
  return { en: error.text('en').why ?? error.text('en').what, es: error.text('es').why ?? error.text('es').what };
}

/** Null when it works; the reason when the engine says that it has no such thing. */
async function orRefusal(work: () => Promise<void>): Promise<Text | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof Fault && error.code === 'engine.lacks') return refusal(error);
    throw error;
  }
}

async function outputOf(session: LiveSession): Promise<{ stdout: string; stderr: string; code: number }> {
  const text = { stdout: '', stderr: '' };
  for await (const { stream, bytes } of session.output) text[stream] += bytes.toString('utf8');
  return { ...text, code: await session.exitCode() };
}

function get(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const sent = request({ host, port, path: '/', agent: false, timeout: 1_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve(text.trim()));
    });
    sent.once('timeout', () => sent.destroy());
    sent.once('error', () => resolve(null));
    sent.end();
  });
}

const life = (key: string, en: string, es: string, run: Capability['run']): Capability => ({
  ...{ key, title: { en, es }, needsProcess: false },
  run,
});
const inside = (key: string, en: string, es: string, run: Capability['run']): Capability => ({
  ...{ key, title: { en, es }, needsProcess: true },
  run,
});

/** Of a terminal without a size busybox says nothing, and that it went well; a server may give it one a moment later. */
const SIZE =
  'n=0; until s=$(stty size 2>/dev/null) && [ -n "$s" ] || [ $n -ge 600 ]; do sleep 0.1; n=$((n+1)); done; echo "$s"';
const SERVER = 'mkdir -p /tmp/www; echo here > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www';

export const CAPABILITIES: readonly Capability[] = [
  life('names', 'a name is given once', 'un nombre se da una vez', async (bench) => {
    const order = bench.podOrder();
    const { infraId } = await bench.engine.createPod(order);
    assert.equal((await failure(bench.engine.createPod(order))).code, 'engine.exists');
    await bench.engine.startContainer(infraId);
    const container = bench.containerOrder(order.name);
    await bench.engine.createContainer(container);
    assert.equal((await failure(bench.engine.createContainer(container))).code, 'engine.exists');
    assert.equal(
      (await failure(bench.engine.createPod(bench.podOrder({ network: `${bench.network}-none` })))).code,
      'engine.not-found',
    );
    const orphan = bench.containerOrder(`${order.name}-none`);
    assert.equal((await failure(bench.engine.createContainer(orphan))).code, 'engine.not-found');
    await bench.engine.removePod(order.name);
    return null;
  }),
  life('life', 'pods and containers live and end', 'pods y contenedores viven y terminan', async (bench) => {
    const pod = await bench.pod({});
    const id = await bench.engine.createContainer(bench.containerOrder(pod));
    assert.equal((await bench.container(id)).state, 'created');
    await bench.engine.startContainer(id);
    // Asked again it changes nothing.
    await bench.engine.startContainer(id);
    const running = await bench.container(id);
    assert.equal(running.state, 'running');
    assert.ok((running.pid ?? 0) > 1 && running.startedAtMs !== null && running.exitCode === null);
    assert.equal((await bench.seen(pod)).infra?.state, 'running');
    await bench.engine.stopContainer(id, 0);
    const ended = await bench.ended(id);
    assert.ok(ended.exitedAtMs !== null && ended.exitCode !== null);
    await bench.engine.removeContainer(id);
    assert.deepEqual((await bench.seen(pod)).containers, []);
    await bench.engine.removePod((await bench.seen(pod)).id);
    return null;
  }),
  life('adoption', 'a new agent finds what runs', 'un agente nuevo encuentra lo que corre', async (bench) => {
    const pod = await bench.pod({});
    const id = await bench.start(pod);
    const other = bench.ground.reopen();
    const found = (await other.list()).find(({ name }) => name === pod);
    assert.equal(found?.labels[LABEL.instance], bench.ground.instance);
    assert.equal(found?.labels[LABEL.workload], 'q');
    assert.equal(found?.containers[0]?.id, id);
    assert.equal(found?.containers[0]?.labels[LABEL.container], 'main');
    // It goes on with it: also containers can be added to a pod that another agent made.
    const second = await other.createContainer(bench.containerOrder(pod));
    await other.startContainer(second);
    assert.equal((await other.list()).find(({ name }) => name === pod)?.containers.length, 2);
    await other.removePod(found?.id ?? '');
    return null;
  }),
  life('removal', 'removing again changes nothing', 'quitar de nuevo no cambia nada', async (bench) => {
    const pod = await bench.pod({});
    const id = await bench.start(pod);
    const { id: podId } = await bench.seen(pod);
    await bench.engine.removeContainer(id);
    await bench.engine.removeContainer(id);
    await bench.engine.stopContainer(id, 0);
    await bench.engine.removePod(podId);
    await bench.engine.removePod(podId);
    assert.ok(!(await bench.engine.list()).some(({ name }) => name === pod));
    return null;
  }),
  life('networks', 'networks are known by their labels', 'las redes se conocen por sus etiquetas', async (bench) => {
    const order = { name: `${bench.network}2`, bridge: `dzr${process.pid}`, labels: bench.labels() };
    await bench.engine.ensureNetwork(order);
    await bench.engine.ensureNetwork(order);
    const known = (await bench.engine.listNetworks()).filter(({ name }) => name === order.name);
    assert.equal(known.length, 1);
    assert.equal(known[0]?.labels[LABEL.instance], bench.ground.instance);
    const pod = await bench.pod({ network: order.name });
    await failure(bench.engine.removeNetwork(order.name));
    await bench.engine.removePod((await bench.seen(pod)).id);
    await bench.engine.removeNetwork(order.name);
    await bench.engine.removeNetwork(order.name);
    assert.ok(!(await bench.engine.listNetworks()).some(({ name }) => name === order.name));
    return null;
  }),
  life('volumes', 'volumes outlive their pods', 'los volúmenes sobreviven a sus pods', async (bench) => {
    const name = `${bench.ground.instance}-v1`;
    const labels = bench.labels({ [LABEL.claim]: 'data' });
    const first = await bench.engine.ensureVolume({ name, labels });
    assert.equal((await bench.engine.ensureVolume({ name, labels })).path, first.path);
    assert.ok(first.path.endsWith(`/${name}/_data`), 'it is known by its path that the data is the engine’s own');
    const mount = { volume: 'data', path: '/data', readOnly: false, part: null } as const;
    const mounts = [{ ...mount, source: { kind: 'volume', volume: name } as const }];
    const pod = await bench.pod({});
    await bench.start(pod, { mounts, command: ['sh', '-c', 'echo kept > /data/file; exec sleep 3600'] });
    await failure(bench.engine.removeVolume(name));
    if (bench.ground.runs) {
      const id = await bench.start(pod, {
        mounts: [{ ...mount, readOnly: true, source: { kind: 'volume', volume: name } }],
      });
      await until('the file', async () => ((await bench.ask(id, 'ls', '/data')).includes('file') ? true : null));
      assert.equal((await bench.ask(id, 'cat', '/data/file')).trim(), 'kept');
      const tried = await bench.engine.exec(id, ['touch', '/data/x'], UNTIL_MS, AbortSignal.timeout(UNTIL_MS));
      assert.notEqual(tried.exitCode, 0, 'a read-only mount takes no file');
    }
    await bench.engine.removePod((await bench.seen(pod)).id);
    const listed = (await bench.engine.listVolumes()).find((volume) => volume.name === name);
    assert.equal(listed?.labels[LABEL.claim], 'data');
    await bench.engine.removeVolume(name);
    assert.ok(!(await bench.engine.listVolumes()).some((volume) => volume.name === name));
    return null;
  }),
  inside('events', 'a crash is told', 'una caída se comunica', async (bench) => {
    const pod = await bench.pod({});
    const id = await bench.start(pod);
    const stop = new AbortController();
    let told = 0;
    const watching = (async () => {
      for await (const _ of bench.engine.watch(stop.signal)) told += 1;
    })().catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    });
    await until('the first look', async () => {
      const before = told;
      await delay(100);
      return told === before ? true : null;
    });
    const before = told;
    process.kill((await bench.container(id)).pid ?? 0, 'SIGKILL');
    await until('the event', async () => (told > before ? true : null));
    assert.equal((await bench.ended(id)).exitCode, 137);
    stop.abort();
    await watching;
    await bench.engine.removePod((await bench.seen(pod)).id);
    return null;
  }),
  inside('process', 'command, variables, folder and user', 'orden, variables, carpeta y usuario', async (bench) => {
    const pod = await bench.pod();
    const id = await bench.start(pod, {
      command: ['sh', '-c'],
      args: ['echo "$WORD $(pwd) $(id -u):$(id -g) $(hostname)"; echo aside >&2; exit 3'],
      env: { WORD: 'with space' },
      workingDir: '/tmp',
      security: { ...SECURITY, runAsUser: 1000, runAsGroup: 1001 },
    });
    assert.equal((await bench.ended(id)).exitCode, 3);
    const lines: string[] = [];
    for await (const { stream, line, time } of bench.engine.logs(id, {})) {
      assert.ok(!Number.isNaN(Date.parse(time)), time);
      lines.push(`${stream} ${line}`);
    }
    assert.deepEqual(lines.sort(), ['stderr aside', 'stdout with space /tmp 1000:1001 inside']);
    return null;
  }),
  inside(
    'logs',
    'logs: last lines, and followed to the end',
    'registros: últimas líneas, y seguidos hasta el final',
    async (bench) => {
      const pod = await bench.pod();
      const id = await bench.start(pod, {
        command: ['sh', '-c', 'for n in 1 2 3; do echo $n; done; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo end'],
      });
      await until('three lines', async () => {
        let count = 0;
        for await (const _ of bench.engine.logs(id, {})) count += 1;
        return count === 3 ? true : null;
      });
      const followed: string[] = [];
      const reading = (async () => {
        for await (const { line } of bench.engine.logs(id, { follow: true, tail: 2 })) followed.push(line);
      })();
      await until('the last two', async () => (followed.length === 2 ? true : null));
      await bench.ask(id, 'touch', '/tmp/go');
      await reading;
      assert.deepEqual(followed, ['2', '3', 'end']);
      return null;
    },
  ),
  inside(
    'exec',
    'commands inside, with their exit code and within their time',
    'órdenes dentro, con su código y en su tiempo',
    async (bench) => {
      const id = await bench.idle();
      const run = (ms: number, ...command: string[]) =>
        bench.engine.exec(id, command, ms, AbortSignal.timeout(UNTIL_MS));
      assert.deepEqual(await run(UNTIL_MS, 'sh', '-c', 'echo out; exit 4'), { exitCode: 4, output: 'out\n' });
      const begin = performance.now();
      assert.equal((await failure(run(300, 'sleep', '30'))).code, 'engine.timeout');
      assert.ok(performance.now() - begin < 20_000, 'it is given up, not waited for');
      return null;
    },
  ),
  inside(
    'sessions',
    'interactive commands: input, both outputs, a terminal',
    'órdenes interactivas: entrada, ambas salidas, un terminal',
    async (bench) => {
      const id = await bench.idle();
      const piped = await bench.engine.execAttach({
        ...{ containerId: id, terminal: false, env: {} },
        command: ['sh', '-c', 'read word; echo "got $word"; echo aside >&2; exit 5'],
      });
      piped.stream.write('a word\n');
      assert.deepEqual(await outputOf(piped), { stdout: 'got a word\n', stderr: 'aside\n', code: 5 });
      const terminal = await bench.engine.execAttach({
        ...{ containerId: id, terminal: true, env: {} },
        command: ['sh', '-c', `read word; ${SIZE}`],
      });
      await terminal.resize(91, 37);
      terminal.stream.write('go\n');
      const { stdout, code } = await outputOf(terminal);
      assert.match(stdout, /37 91/);
      assert.equal(code, 0);
      const sized = await bench.engine.execAttach({
        ...{ containerId: id, terminal: true, env: {}, size: { columns: 93, rows: 39 } },
        command: ['sh', '-c', SIZE],
      });
      assert.match((await outputOf(sized)).stdout, /39 93/);
      return null;
    },
  ),
  inside(
    'exec-options',
    'commands as another user, elsewhere, with variables',
    'órdenes como otro usuario, en otra carpeta, con variables',
    async (bench) => {
      const id = await bench.idle();
      const result = await orRefusal(async () => {
        const session = await bench.engine.execAttach({
          ...{ containerId: id, terminal: false, env: { WORD: 'x' }, user: '1000', workingDir: '/tmp' },
          command: ['sh', '-c', 'echo "$WORD $(pwd) $(id -u)"'],
        });
        assert.equal((await outputOf(session)).stdout, 'x /tmp 1000\n');
      });
      return result;
    },
  ),
  inside(
    'attach',
    'joined before it begins, nothing is missed',
    'unirse antes de que empiece, sin perder nada',
    async (bench) => {
      const pod = await bench.pod();
      const id = await bench.engine.createContainer(
        bench.containerOrder(pod, {
          command: ['sh', '-c', 'echo first; read word; echo "got $word"; exit 6'],
          stdin: true,
        }),
      );
      const session = await bench.engine.attach(id, false);
      await bench.engine.startContainer(id);
      session.stream.write('this\n');
      assert.deepEqual(await outputOf(session), { stdout: 'first\ngot this\n', stderr: '', code: 6 });
      const screen = await bench.engine.createContainer(
        bench.containerOrder(pod, { command: ['sh', '-c', `${SIZE}; read word`], stdin: true, terminal: true }),
      );
      const joined = await bench.engine.attach(screen, true);
      // Whoever joins says how large the terminal is before there is a process.
      const sized = joined.resize(95, 41);
      await bench.engine.startContainer(screen);
      const said = outputOf(joined);
      await sized;
      joined.stream.write('go\n');
      assert.match((await said).stdout, /41 95/);
      return null;
    },
  ),
  inside('stop', 'stopped with grace, then killed', 'detenido con plazo, luego forzado', async (bench) => {
    const pod = await bench.pod();
    const polite = await bench.start(pod, {
      command: ['sh', '-c', "trap 'exit 7' TERM; echo on; while :; do sleep 0.05; done"],
    });
    const deaf = await bench.start(pod, {
      command: ['sh', '-c', "trap '' TERM; echo on; while :; do sleep 0.05; done"],
    });
    const own = await bench.start(pod, {
      command: ['sh', '-c', "trap 'exit 8' USR1; trap '' TERM; echo on; while :; do sleep 0.05; done"],
      stopSignal: 'SIGUSR1',
    });
    for (const id of [polite, deaf, own])
      await until('the trap', async () => {
        for await (const _ of bench.engine.logs(id, {})) return true;
        return null;
      });
    await Promise.all([
      bench.engine.stopContainer(polite, 30),
      bench.engine.stopContainer(deaf, 1),
      bench.engine.stopContainer(own, 30),
    ]);
    assert.deepEqual(
      [(await bench.ended(polite)).exitCode, (await bench.ended(deaf)).exitCode, (await bench.ended(own)).exitCode],
      [7, 137, 8],
    );
    return null;
  }),
  inside('signals', 'signals to the first process', 'señales al primer proceso', async (bench) => {
    const pod = await bench.pod();
    const id = await bench.start(pod, {
      command: ['sh', '-c', "trap 'exit 9' INT; echo on; while :; do sleep 0.05; done"],
    });
    await until('the trap', async () => {
      for await (const _ of bench.engine.logs(id, {})) return true;
      return null;
    });
    await bench.engine.signal(id, 'INT');
    assert.equal((await bench.ended(id)).exitCode, 9);
    await bench.engine.signal(id, 'INT');
    return null;
  }),
  inside(
    'reach',
    'a pod is reached from its host and from its neighbours',
    'se llega a un pod desde su host y desde sus vecinos',
    async (bench) => {
      const pod = await bench.pod({ ports: [{ port: 8080, protocol: 'TCP' }] });
      await bench.start(pod, { command: ['sh', '-c', SERVER] });
      const place = await bench.engine.locatePod(await bench.seen(pod));
      const endpoint = place.endpoint(8080);
      assert.ok(endpoint);
      await until('an answer', async () => ((await get(endpoint.host, endpoint.port)) === 'here' ? true : null));
      const neighbour = await bench.pod();
      const id = await bench.start(neighbour);
      assert.equal((await bench.ask(id, 'wget', '-qO-', `http://${place.address}:8080/`)).trim(), 'here');
      await bench.engine.removePod((await bench.seen(pod)).id);
      return null;
    },
  ),
  inside('hosts', 'names change inside without a restart', 'los nombres cambian dentro sin reinicio', async (bench) => {
    const id = await bench.idle();
    for (const address of ['10.9.8.7', '10.9.8.6']) {
      await bench.engine.writeHosts(await bench.seen(await bench.pod()), [{ address, names: ['web', 'web.dev'] }]);
      const text = await bench.ask(id, 'cat', '/etc/hosts');
      assert.match(text, new RegExp(`^${address}\\sweb web\\.dev$`, 'm'));
      assert.match(text, /inside/);
    }
    return null;
  }),
  inside('rules', 'rules inside the pod close its network', 'reglas dentro del pod cierran su red', async (bench) => {
    const { rulesMissing } = await bench.engine.facts();
    if (rulesMissing !== null) return rulesMissing;
    const pod = await bench.pod({ ports: [{ port: 8080, protocol: 'TCP' }] });
    await bench.start(pod, { command: ['sh', '-c', SERVER] });
    const observed = await bench.seen(pod);
    const endpoint = (await bench.engine.locatePod(observed)).endpoint(8080);
    assert.ok(endpoint);
    await until('an answer', async () => ((await get(endpoint.host, endpoint.port)) === 'here' ? true : null));
    const chain = 'chain in { type filter hook input priority 0; policy accept; tcp dport 8080 reject\n}';
    await bench.engine.loadRules(observed, `table inet trial {\n${chain}\n}\n`);
    await until('no answer', async () => ((await get(endpoint.host, endpoint.port)) === 'here' ? null : true));
    assert.match((await bench.engine.readTable(observed, 'trial')) ?? '', /8080/);
    assert.equal(await bench.engine.readTable(observed, 'none'), null);
    await bench.engine.removePod(observed.id);
    return null;
  }),
  inside(
    'confinement',
    'capabilities, filter, no new privileges, read-only root',
    'capacidades, filtro, sin privilegios nuevos, raíz de solo lectura',
    async (bench) => {
      const pod = await bench.pod();
      const id = await bench.start(pod, { security: { ...SECURITY, readOnlyRootFilesystem: true } });
      const status = await bench.ask(id, 'cat', '/proc/1/status');
      assert.match(status, /^CapEff:\s+0{16}$/m);
      assert.match(status, /^NoNewPrivs:\s+1$/m);
      assert.match(status, /^Seccomp:\s+2$/m);
      const tried = await bench.engine.exec(id, ['touch', '/x'], UNTIL_MS, AbortSignal.timeout(UNTIL_MS));
      assert.notEqual(tried.exitCode, 0);
      // What of the kernel is hidden in a container: a file without content, and a folder without files.
      assert.equal(
        await bench.ask(
          id,
          'sh',
          '-c',
          'head -c 1 /proc/keys 2>/dev/null; head -c 1 /proc/timer_list 2>/dev/null; ls /sys/firmware',
        ),
        '',
      );
      // Limits of processes, or the reason why there are none.
      const ulimits = { nofile: { soft: 100, hard: 200 }, core: { soft: 0, hard: 0 }, cpu: { soft: -1, hard: -1 } };
      const { lacks } = await bench.engine.facts();
      if (lacks?.ulimits !== undefined) {
        assert.deepEqual(refusal(await failure(bench.start(pod, { ulimits }))), lacks.ulimits);
      } else {
        const bounds = await bench.ask(await bench.start(pod, { ulimits }), 'cat', '/proc/1/limits');
        assert.match(bounds, /^Max open files +100 +200 /m);
        assert.match(bounds, /^Max core file size +0 +0 /m);
        assert.match(bounds, /^Max cpu time +unlimited +unlimited /m);
      }
      return null;
    },
  ),
  inside('mounts', 'files of the host at their places', 'archivos del host en su lugar', async (bench) => {
    await mkdir(join(bench.folder, 'config'), { recursive: true });
    await writeFile(join(bench.folder, 'config', 'greeting'), 'hello');
    const pod = await bench.pod();
    const source = { kind: 'folder', path: join(bench.folder, 'config') } as const;
    const id = await bench.start(pod, {
      mounts: [{ volume: 'c', path: '/config', readOnly: true, part: null, source }],
    });
    assert.equal(await bench.ask(id, 'cat', '/config/greeting'), 'hello');
    await writeFile(join(bench.folder, 'config', 'greeting'), 'later');
    assert.equal(await bench.ask(id, 'cat', '/config/greeting'), 'later');
    return null;
  }),
  inside(
    'limits',
    'limits are enforced, and changed in place',
    'los límites se aplican, y cambian sin reinicio',
    async (bench) => {
      const { limitsMissing } = await bench.engine.facts();
      const pod = await bench.pod();
      const resources = { ...NO_RESOURCES, memoryLimitBytes: 64 << 20, cpuLimitMillis: 500 };
      const id = await bench.start(pod, { resources });
      const limit = async (): Promise<number | null | undefined> =>
        (await bench.engine.stats([id]))[0]?.memoryLimitBytes;
      if (limitsMissing === null) {
        assert.equal(await limit(), 64 << 20);
        await bench.engine.resizeContainer(id, { ...resources, memoryLimitBytes: 96 << 20 });
        assert.equal(await limit(), 96 << 20);
      } else {
        assert.deepEqual(
          ['engine.refused', 'engine.lacks'].includes(
            (await failure(bench.engine.resizeContainer(id, resources))).code,
          ),
          true,
        );
      }
      return limitsMissing;
    },
  ),
  inside(
    'memory',
    'ended for want of memory, and said so',
    'terminado por falta de memoria, y dicho',
    async (bench) => {
      const { limitsMissing } = await bench.engine.facts();
      if (limitsMissing !== null) return limitsMissing;
      const pod = await bench.pod();
      const id = await bench.start(pod, {
        resources: { ...NO_RESOURCES, memoryLimitBytes: 16 << 20 },
        command: ['sh', '-c', 'x=0123456789abcdef; while :; do x=$x$x; done'],
      });
      assert.equal((await bench.ended(id)).exitCode, 137);
      const { lacks } = await bench.engine.facts();
      if (lacks?.outOfMemory !== undefined) return lacks.outOfMemory;
      await until('it is said', async () => ((await bench.engine.wasOutOfMemory(id)) ? true : null));
      return null;
    },
  ),
  inside(
    'use',
    'what a container uses, and its processes',
    'lo que usa un contenedor, y sus procesos',
    async (bench) => {
      const id = await bench.idle();
      const { titles, processes } = await bench.engine.processes(id);
      assert.ok(titles.includes('PID') && titles.includes('COMMAND'));
      assert.ok(processes.some((row) => row.join(' ').includes('sleep 3600')));
      const { limitsMissing } = await bench.engine.facts();
      const [use] = await bench.engine.stats([id, 'f'.repeat(64)].slice(0, 1));
      if (limitsMissing === null) assert.ok(use !== undefined && use.memoryBytes > 0 && use.processes >= 1);
      return use === undefined ? limitsMissing : null;
    },
  ),
  inside(
    'files-out',
    'files copied out, following links inside only',
    'archivos copiados fuera, siguiendo enlaces solo dentro',
    async (bench) => {
      const secret = join(bench.folder, 'secret');
      await writeFile(secret, 'of the host');
      const pod = await bench.pod();
      const id = await bench.start(pod, {
        command: [
          'sh',
          '-c',
          `mkdir /tmp/d; echo one > /tmp/d/a; ln -s ${secret} /tmp/out; ln -s ../../tmp/d/a /tmp/d/b; touch /tmp/on; exec sleep 3600`,
        ],
      });
      await until('the files', async () => ((await bench.ask(id, 'ls', '/tmp')).includes('on') ? true : null));
      assert.equal((await bench.engine.readFile(id, '/tmp/d/b', 100))?.toString(), 'one\n');
      assert.equal(await bench.engine.readFile(id, '/tmp/out', 100), null, 'a link to the host leads nowhere');
      assert.equal(await bench.engine.readFile(id, '/tmp/none', 100), null);
      assert.equal((await failure(bench.engine.readFile(id, '/tmp/d/a', 2))).code, 'engine.refused');
      let bytes = 0;
      for await (const chunk of await bench.engine.readArchive(id, '/tmp/d')) bytes += chunk.length;
      assert.ok(bytes >= 512);
      return null;
    },
  ),
  inside('files-in', 'files copied in', 'archivos copiados dentro', async (bench) => {
    const id = await bench.idle();
    const result = await orRefusal(async () => {
      await bench.engine.writeArchive(id, '/tmp', packTar([{ path: 'new', content: Buffer.from('in') }]));
      assert.equal(await bench.ask(id, 'cat', '/tmp/new'), 'in');
    });
    return result;
  }),
  inside(
    'files-at-rest',
    'files of a container that has not begun',
    'archivos de un contenedor que no ha empezado',
    async (bench) => {
      const pod = await bench.pod();
      const id = await bench.engine.createContainer(bench.containerOrder(pod));
      const result = await orRefusal(async () => {
        assert.ok((await bench.engine.readFile(id, '/bin/busybox', 1 << 26)) !== null);
      });
      return result;
    },
  ),
  inside('changes', 'what differs from the image', 'lo que difiere de la imagen', async (bench) => {
    const pod = await bench.pod();
    const write = 'dd if=/dev/zero of=/tmp/new bs=1M count=3; dd if=/dev/zero bs=1000 count=2 | tr "\\0" "\\n"';
    const id = await bench.start(pod, { command: ['sh', '-c', `${write}; exec sleep 3600`] });
    const result = await orRefusal(async () => {
      await until('the change', async () =>
        (await bench.engine.changes(id)).some(({ path, kind }) => path === '/tmp/new' && kind === 'added')
          ? true
          : null,
      );
    });
    // containerd looks every ten seconds.
    // Below gVisor an empty /tmp is in memory.
    const onDisk = / \/tmp tmpfs /.test(await bench.ask(id, 'cat', '/proc/mounts')) ? 0 : 3 << 20;
    const held = await until('its size', async () => {
      const use = await bench.engine.diskUse(id);
      return use.layerBytes >= onDisk && use.logBytes >= 50_000 ? use : null;
    });
    // And not more: limits are compared with it.
    assert.ok(held.layerBytes < 64 << 20 && held.logBytes < 1 << 20, JSON.stringify(held));
    assert.deepEqual(await bench.engine.diskUse('0'.repeat(64)), { layerBytes: 0, logBytes: 0 });
    return result;
  }),
  inside('shared-processes', 'containers that see each other', 'contenedores que se ven entre sí', async (bench) => {
    const pod = await bench.pod({ shareProcesses: true });
    await bench.start(pod, { command: ['sleep', '1234'] });
    const id = await bench.start(pod);
    assert.match(await bench.ask(id, 'ps'), /sleep 1234/);
    const alone = await bench.pod();
    const target = await bench.start(alone, { command: ['sleep', '4321'] });
    const guest = await bench.start(alone, { processesOf: target });
    assert.match(await bench.ask(guest, 'ps'), /sleep 4321/);
    await bench.engine.removePod((await bench.seen(pod)).id);
    return null;
  }),
  inside('user-namespace', 'root inside is nobody outside', 'root dentro no es nadie fuera', async (bench) => {
    try {
      return await orRefusal(async () => {
        const pod = await bench.pod({ userNamespace: true });
        const id = await bench.start(pod, { userNamespace: true });
        const map = (await bench.ask(id, 'cat', '/proc/self/uid_map')).trim().split(/\s+/);
        assert.notEqual(map[2], '4294967295', 'it has a map of its own');
        await bench.engine.removePod((await bench.seen(pod)).id);
      });
    } catch (error) {
      // It depends on the kernel and the rights of the machine, which no engine can tell beforehand.
      if (!(error instanceof Fault) || !/OCI runtime/.test(error.message)) throw error;
      return {
        en: 'the run-time could not make them on the machine of this record; such a pod does not start there',
        es: 'el entorno de ejecución no pudo crearlos en la máquina de este registro; allí un pod así no arranca',
      };
    }
  }),
  inside(
    'resolver',
    'resolvers and settings of the kernel, as asked',
    'resolvedores y ajustes del núcleo, como se pide',
    async (bench) => {
      const dns = { servers: ['10.1.2.3'], searches: ['example.test'], options: ['ndots:3'] };
      const pod = await bench.pod({ dns, sysctls: { 'net.ipv4.ip_unprivileged_port_start': '77' } });
      const id = await bench.start(pod);
      const text = await bench.ask(id, 'cat', '/etc/resolv.conf');
      assert.match(text, /nameserver 10\.1\.2\.3/);
      assert.match(text, /search example\.test/);
      assert.match(text, /ndots:3/);
      assert.equal((await bench.ask(id, 'cat', '/proc/sys/net/ipv4/ip_unprivileged_port_start')).trim(), '77');
      await bench.engine.removePod((await bench.seen(pod)).id);
      return null;
    },
  ),
  ...(['crun', 'runsc', 'kata'] as const).map((runtime) =>
    inside(`runtime-${runtime}`, `the run-time ${runtime}`, `el entorno de ejecución ${runtime}`, async (bench) => {
      const facts = (await bench.engine.facts()).runtimes.find(({ name }) => name === runtime);
      assert.ok(facts, 'it is spoken of');
      if (facts.missing !== null) return facts.missing;
      const pod = await bench.pod({ runtime });
      const id = await bench.start(pod, { runtime });
      const version = await bench.ask(id, 'cat', '/proc/version');
      // A kernel of its own tells another version than the host's.
      assert.equal(version === (await readFile('/proc/version', 'utf8')), runtime === 'crun');
      await bench.engine.removePod((await bench.seen(pod)).id);
      return null;
    }),
  ),
  ...(
    [
      ['pause', 'containers are paused', 'los contenedores se pausan'],
      ['evidence', 'evidence is taken', 'se toman evidencias'],
      ['drill', 'drills are held', 'se hacen simulacros'],
    ] as const
  ).map(([key, en, es]) =>
    // Asked of the engine's command line by the agent: what its facts say decides at that door.
    inside(key, en, es, async (bench) => (await bench.engine.facts()).lacks?.[key] ?? null),
  ),
  ...(
    [
      ['environments', 'environments are closed to each other', 'los entornos están cerrados entre sí'],
      [
        'policies',
        'network policies: pods, named ports and ranges, blocks with exceptions',
        'políticas de red: pods, puertos con nombre y rangos, bloques con excepciones',
      ],
      [
        'serviceNames',
        'names of services: ready replicas alone, single replicas, SRV',
        'nombres de servicios: solo réplicas listas, réplicas sueltas, SRV',
      ],
      ['waysByName', 'ways out by name', 'salidas por nombre'],
    ] as const
  ).map(([key, en, es]) =>
    inside(key, en, es, async (bench) => {
      const { rulesMissing } = await bench.engine.facts();
      if (rulesMissing !== null) return rulesMissing;
      await (await bench.pods())[key]();
      return null;
    }),
  ),
  inside(
    'hostAddress',
    'pods see the edge and probes with the address of their host',
    'los pods ven el borde y las sondas con la dirección de su host',
    async (bench) => {
      const { seen, own, gateway } = await (await bench.pods()).hostAddress();
      if (seen === own)
        return {
          en: 'they are let in, and come with the pod’s own address: what publishes ports without root connects inside the pod',
          es: 'se les deja pasar y llegan con la dirección del propio pod: lo que publica puertos sin root se conecta dentro del pod',
        };
      assert.equal(seen, gateway);
      return null;
    },
  ),
  inside('ipv6', 'pods have IPv6 beside IPv4', 'los pods tienen IPv6 además de IPv4', async (bench) => {
    const { ipv6Missing } = await bench.engine.facts();
    assert.equal((await (await bench.pods()).place('web')).segment?.six == null, ipv6Missing !== null);
    return ipv6Missing;
  }),
];
