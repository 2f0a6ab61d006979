/**
 * The sensor: the only process with BPF and FFI rights. This thread talks with the agent and keeps alerts safe; a worker thread
 * reads the kernel.
 *
 *   NODE_COMPILE_CACHE=FOLDER MALLOC_ARENA_MAX=1 node --disable-warning=ExperimentalWarning --max-semi-space-size=1 \
 *     --expose-gc src/programs/sensor.ts --config FILE
 *
 * The flags and the cache save half of the memory: without the cache each thread keeps the TypeScript stripper.
 */
import { parseArgs } from 'node:util';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { type ContainerFacts, cutText } from '../events/index.ts';
import { EXIT_CODE, Fault } from '../system/fault.ts';
import { Doorbell } from '../system/native.ts';
import { alertSocketOf } from './link/stations.ts';
import { compareFiles } from './sensor/compare-files.ts';
import { readConfig, readRules, type SensorConfig } from './sensor/config.ts';
import { Link } from './sensor/link.ts';
import type { ContainerWord, FromAgent, FromWorker, ToWorker, WorkerStart } from './sensor/messages.ts';
import { NameWatch, systemLookup } from './sensor/name-watch.ts';
import { OwnPlaces } from './sensor/own-places.ts';
import { Spool } from './sensor/spool.ts';

const FORGET_EVERY_MS = 1_000;
/** Of a name or label; there may be as many as containers. */
const LABEL_LENGTH_MAX = 255;
/** The worker holds rules, processes and waiting events; more than this is a leak, and a restart is better than a full host. */
const WORKER_HEAP_MB_MAX = 96;

// Its log may lie on a disk that is full: that is no reason to stop watching.
process.stderr.on('error', () => undefined);

function say(level: string, fields: Record<string, unknown>, message: string): void {
  process.stderr.write(`${JSON.stringify({ level, time: Date.now(), ...fields, msg: message })}\n`);
}

function toFacts(word: ContainerWord): ContainerFacts {
  const text = (value: unknown): string | null =>
    typeof value === 'string' && value !== '' ? cutText(value, LABEL_LENGTH_MAX) : null;
  return {
    id: word.id,
    name: text(word.name),
    project: text(word.project),
    environment: text(word.environment),
    workload: text(word.workload),
    pod: text(word.pod),
    container: text(word.container),
    image: text(word.image),
    digest: text(word.digest),
  };
}

function startSensor(config: SensorConfig): void {
  const doorbell = new Doorbell();
  const spool = new Spool();
  const channel = new MessageChannel();
  const onTheWay = new Int32Array(new SharedArrayBuffer(4));
  const start: WorkerStart = {
    doorbell: doorbell.fd,
    onTheWay,
    alertSocket: alertSocketOf(config.socket),
    instance: config.instance,
    source: config.source,
    scope: config.scope,
    hostToo: config.host,
    rules: readRules(config.rules),
    processRingBytes: config.processRingBytes,
    openRingBytes: config.openRingBytes,
    pins: config.pins,
  };
  const worker = new Worker(new URL('./sensor/worker.ts', import.meta.url), {
    workerData: { port: channel.port2, start },
    transferList: [channel.port2],
    // Descriptors of native calls are closed by the thread that opened them.
    trackUnmanagedFds: false,
    resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB_MAX, maxYoungGenerationSizeMb: 4 },
  });
  /** The last of each kind, so that an agent that connects later hears them. */
  const latest = new Map<'ready' | 'rules' | 'guarded', string>();

  const tell = (message: ToWorker): void => {
    channel.port1.postMessage(message);
    doorbell.ring();
  };
  /** Events that the agent had no room for, by who looks. */
  const missed = new Map<string, number>();
  /** The same of what the host keeps, by lane. */
  const unkept = new Map<string, number>();
  const places = new OwnPlaces();
  const flush = (): void => spool.flush((line) => link.write(line), Date.now());
  const link = new Link(config.socket, {
    onBad: (reason) => say('warn', {}, reason),
    onUp: () => {
      for (const line of latest.values()) link.write(line);
      spool.resetSent();
      flush();
    },
    onDown: () => {
      // Who looked through the agent that went away looks no more; the next one says who does.
      missed.clear();
      tell({ type: 'unwatch', id: null });
      tell({ type: 'record-none' });
      tell({ type: 'keep', on: false });
    },
    onDrained: () => flush(),
    onMessage: (message: FromAgent) => {
      if (message.type === 'containers')
        tell({
          type: 'containers',
          containers: message.containers.map(toFacts),
          places: places.of(message.containers),
        });
      else if (message.type === 'ack') spool.acknowledge(message.seq);
      else if (
        message.type === 'watch' ||
        message.type === 'keep' ||
        message.type === 'record' ||
        message.type === 'guards'
      )
        tell(message);
      else if (message.type === 'unwatch') {
        missed.delete(message.id);
        tell(message);
      } else {
        try {
          const shipped = message.files ?? readRules(message.paths ?? config.rules);
          tell({
            type: 'rules',
            files: [...shipped, ...(message.own ?? [])],
            tunings: message.tunings ?? [],
            revision: message.revision ?? null,
          });
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          const revision = message.revision ?? null;
          const refusal = { type: 'rules', revision, accepted: false, rules: [], findings: [], reason: error.message };
          link.write(`${JSON.stringify(refusal)}\n`);
        }
      }
    },
  });
  const names = new NameWatch(systemLookup, (found) => tell({ type: 'names', found }));
  const hear = (message: FromWorker): void => {
    switch (message.type) {
      case 'alert': {
        spool.add(message.json, message.matchedNs, message.told ? Date.now() : null);
        flush();
        return;
      }
      case 'ready':
      case 'guarded':
      case 'rules': {
        const line = `${JSON.stringify({ ...message, instance: config.instance })}\n`;
        latest.set(message.type, line);
        link.write(line);
        return;
      }
      case 'stats': {
        link.write(`${JSON.stringify({ ...message, lostAlerts: spool.lost })}\n`);
        return;
      }
      case 'strangers':
      case 'watching':
      case 'recorded':
        link.write(`${JSON.stringify(message)}\n`);
        return;
      case 'activity': {
        Atomics.sub(onTheWay, 0, 1);
        const { watch, body } = message;
        const before = missed.get(watch) ?? 0;
        const [seen, dropped] = [message.seen + before, message.dropped + before];
        const line = `{"type":"activity","watch":${JSON.stringify(watch)},"seen":${seen},"dropped":${dropped},"body":${body}}\n`;
        if (link.write(line)) missed.delete(watch);
        else missed.set(watch, seen);
        return;
      }
      case 'kept': {
        Atomics.sub(onTheWay, 0, 1);
        const missing = message.missing + (unkept.get(message.lane) ?? 0);
        if (link.write(`${JSON.stringify({ ...message, missing })}\n`)) unkept.delete(message.lane);
        else unkept.set(message.lane, missing + message.events);
        return;
      }
      case 'compare':
        void compareFiles(message.image, message.own).then((isSame) => {
          tell({ type: 'compared', id: message.id, isSame });
        });
        return;
      case 'host-names':
        names.watch(message.names);
        return;
      case 'gap':
        link.write(`${JSON.stringify(message)}\n`);
        return;
      case 'fault':
        say('error', { code: message.code }, message.text);
        process.exit(message.exitCode);
    }
  };
  channel.port1.on('message', hear);
  const timer = setInterval(() => {
    flush();
    spool.forget(Date.now());
  }, FORGET_EVERY_MS);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    tell({ type: 'stop' });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  worker.on('error', (error) => {
    say('error', { error: String(error) }, 'the reading thread failed');
    process.exit(1);
  });
  worker.on('exit', (code) => {
    clearInterval(timer);
    names.stop();
    // Its end can be known before its last words were heard.
    for (;;) {
      const left = receiveMessageOnPort(channel.port1);
      if (left === undefined) break;
      hear(left.message as FromWorker);
    }
    void link.close().then(() => process.exit(stopping ? 0 : code === 0 ? 1 : code));
  });
}

try {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new TypeError('usage: sensor.ts --config FILE');
  startSensor(readConfig(values.config));
} catch (error) {
  if (error instanceof Fault) {
    const { what, why, remedy } = error.text('en');
    say('error', { code: error.code }, [what, why, remedy].filter(Boolean).join('; '));
    process.exit(EXIT_CODE[error.kind]);
  }
  say('error', {}, error instanceof Error ? error.message : String(error));
  process.exit(2);
}
