import assert from 'node:assert/strict';
import { duplexPair, PassThrough } from 'node:stream';
import { test } from 'node:test';
import { readFromSensor } from '../agent/sensor-reader.ts';
import { openLineChannel } from './lines.ts';
import type { ToAgent, ToControl } from './protocol.ts';
import { readTerminalSize, readToAgent, readToControl, UnreadableMessage } from './reader.ts';

const id = '01a200a0-1d68-7570-a40e-0f5512c96051';
const digest = `sha256:${'a'.repeat(64)}`;
const containerId = 'c'.repeat(64);
const session = 'd'.repeat(48);
const record = { payloadType: 't', payload: 'e30=', signatures: [{ keyid: '', sig: 'AA==' }] };
const words = { en: 'x', es: 'x' };
const at = '2026-11-22T00:00:00.000Z';

const TO_AGENT: readonly ToAgent[] = [
  { type: 'welcome', host: 'host1', registryToken: 'abc.def' },
  { type: 'wanted', record, verdicts: [record], signatures: {}, trust: record, successions: [record] },
  {
    type: 'edge-settings',
    certificate: { certificatePem: 'a', privateKeyPem: 'b' },
    own: [{ id: '0123456789abcdef', certificatePem: 'a', privateKeyPem: 'b', names: ['*.banco.example'] }],
    proxies: ['192.0.2.0/24'],
    probe: '0123456789abcdef0123456789abcdef',
    denials: [{ project: 'tienda', environment: null, service: 'web', networks: ['192.0.2.7'], paths: ['/admin'] }],
  },
  { type: 'registry-token', token: 'abc' },
  { type: 'format-answer', device: 'iqn.2026-01.lab:vol0 LUN 1', granted: false, holder: 'one' },
  {
    type: 'task',
    id,
    task: {
      kind: 'build',
      repository: 'tienda/web',
      tags: ['dev-1'],
      containerfile: null,
      args: { A: 'b' },
      target: null,
      commit: { id: 'abc', time: at, repository: null, dirty: true },
      ...{ sourceDateEpoch: 0, platform: 'linux/arm64', labels: { a: 'b' }, noCache: true, secrets: { npmrc: 'YQ==' } },
      sourceId: id,
      registryToken: 'abc',
    },
  },
  {
    type: 'task',
    id,
    task: { kind: 'base', release: 'debian-12', include: ['nodejs'], name: null, registryToken: '' },
  },
  { type: 'task', id, task: { kind: 'kill', containerId, pid: 7 } },
  { type: 'task', id, task: { kind: 'builder-key' } },
  { type: 'task', id, task: { kind: 'contain', action: 'isolate', containerId } },
  {
    type: 'task',
    id,
    task: {
      ...{ kind: 'evidence', session, id, containerId, incident: 7, requestedBy: 'user:ana', reason: 'why' },
      ...{ keepPaused: false, copyFiles: true, packetSeconds: 0 },
    },
  },
  {
    type: 'task',
    id,
    task: {
      kind: 'exec',
      session,
      containerId,
      command: ['sh'],
      tty: true,
      size: { columns: 80, rows: 24 },
      env: {},
      user: null,
      workingDir: null,
    },
  },
  {
    type: 'task',
    id,
    task: { kind: 'logs', session, containerId, follow: true, tail: null, since: null, until: null },
  },
  {
    type: 'task',
    id,
    task: { kind: 'debug', session, containerId, workload: {}, verdicts: [], signatures: {}, size: null },
  },
  { type: 'task', id, task: { kind: 'stop', containerId, graceSeconds: 10 } },
  { type: 'task', id, task: { kind: 'attach', session, containerId, size: null } },
  { type: 'task', id, task: { kind: 'stats', containerIds: [containerId] } },
  { type: 'task', id, task: { kind: 'top', containerId } },
  { type: 'task', id, task: { kind: 'diff', containerId } },
  { type: 'task', id, task: { kind: 'copy-out', session, containerId, path: '/etc/passwd' } },
  { type: 'task', id, task: { kind: 'copy-in', session, containerId, path: '/srv' } },
  { type: 'task', id, task: { kind: 'forward', session, containerId, ports: [8080] } },
  { type: 'cancel', id },
  { type: 'alert-stored', id },
  { type: 'alert-refused', id },
  { type: 'ping' },
  { type: 'task', id, task: { kind: 'host-reboot', bootId: 'b' } },
  { type: 'task', id, task: { kind: 'bench' } },
  { type: 'task', id, task: { kind: 'bench-fix', change: 'undo', checks: ['3.18'] } },
  { type: 'task', id, task: { kind: 'kernel-modules', change: 'enforce', allow: ['sctp'] } },
];

const TO_CONTROL: readonly ToControl[] = [
  {
    type: 'host',
    facts: {
      name: 'host1',
      mode: 'root',
      kernel: { release: '6.1', version: '#1' },
      engine: {
        ...{ name: 'podman', version: '4.3.1', runtime: 'runc', rootless: false },
        runtimes: [{ name: 'kata', missing: words }],
        lacks: { pause: words },
      },
      cgroup: 'hybrid',
      adaptations: [{ code: 'a', text: words }],
      builderKey: 'PEM',
    },
  },
  {
    type: 'sensor',
    sensor: {
      state: 'ok',
      detail: null,
      coverage: { programs: ['on_exec'], missing: [{ what: 'connect', why: words }] },
      lost: { exec: 0 },
      events: 5,
      since: at,
      rules: { revision: '0123456789abcdef', accepted: true },
      tuned: { '0190a0b0-0000-7000-8000-000000000001': 3 },
    },
  },
  { type: 'machine', facts: { kernel: { release: '6.1' } } },
  { type: 'modules', sight: { bootId: 'b', modules: [], events: [], blind: null } },
  { type: 'engine', state: 'ok', detail: null },
  { type: 'edge', state: 'down', detail: words },
  { type: 'names', isAway: true },
  {
    type: 'status',
    revision: 3,
    whole: true,
    workloads: [
      {
        key: { project: 'tienda', environment: 'dev', name: 'web' },
        specHash: digest,
        generation: 1,
        phase: 'available',
        wanted: 1,
        ready: 1,
        updated: 1,
        conditions: [{ type: 'not-enforced', since: at, text: words }],
        replicas: [
          {
            name: 'x',
            podId: containerId,
            specHash: digest,
            phase: 'running',
            ready: true,
            restarts: 0,
            startedAt: at,
            lastExit: { code: 137, at },
            leaving: { en: 'a', es: 'b' },
            containers: [{ name: 'web', id: containerId, image: 'i', digest, state: 'running', pid: 5, attempt: 0 }],
          },
        ],
      },
    ],
  },
  { type: 'fact', kind: 'sensor.blind', subject: 'host1', project: null, digest: null, body: { from: at, to: at } },
  { type: 'fact', kind: 'container.let-go', subject: 'h', project: null, digest: null, body: { containerId: digest } },
  { type: 'task-step', id, step: { op: 'step', step: 1, parent: 0, title: words } },
  { type: 'task-step', id, step: { op: 'update', step: 1, update: { done: 1, total: 2, unit: 'layers' } } },
  { type: 'task-step', id, step: { op: 'done', step: 1, detail: null } },
  { type: 'task-done', id, value: { digest } },
  {
    type: 'task-failed',
    id,
    fault: {
      code: 'build.failed',
      kind: 'invalid',
      params: { a: 1 },
      details: null,
      en: { what: 'x' },
      es: { what: 'x' },
    },
  },
  { type: 'wanted-refused', why: words },
  { type: 'format-ask', device: 'naa.600a', name: 'san' },
  { type: 'pong' },
];

function isUnreadable(read: (value: unknown) => unknown, value: unknown): boolean {
  try {
    read(value);
    return false;
  } catch (error) {
    assert.ok(error instanceof UnreadableMessage, String(error));
    return true;
  }
}

test('every message of the protocol passes as it is', () => {
  for (const message of TO_AGENT) assert.deepEqual(readToAgent(JSON.parse(JSON.stringify(message))), message);
  for (const message of TO_CONTROL) assert.deepEqual(readToControl(JSON.parse(JSON.stringify(message))), message);
});

test('a message with one field more, or of the other direction, does not', () => {
  for (const message of TO_AGENT) {
    assert.ok(isUnreadable(readToAgent, { ...message, more: 1 }), message.type);
    assert.ok(isUnreadable(readToControl, message), message.type);
  }
  for (const message of TO_CONTROL) {
    assert.ok(isUnreadable(readToControl, { ...message, more: 1 }), message.type);
    assert.ok(isUnreadable(readToAgent, message), message.type);
  }
});

/** The message with each of its values, at any depth, replaced by another. */
function* mutants(message: object, values: readonly unknown[]): Generator<{ path: string; mutant: unknown }> {
  const walk = function* (at: Record<string, unknown>, path: string): Generator<string> {
    for (const [key, value] of Object.entries(at)) {
      yield `${path}${key}`;
      if (typeof value === 'object' && value !== null) yield* walk(value as Record<string, unknown>, `${path}${key}.`);
    }
  };
  for (const path of walk(message as Record<string, unknown>, '')) {
    for (const value of values) {
      const mutant = structuredClone(message) as Record<string, unknown>;
      const steps = path.split('.');
      const holder = steps.slice(0, -1).reduce((at, step) => at[step] as Record<string, unknown>, mutant);
      holder[steps.at(-1) ?? ''] = value;
      yield { path: `${(message as { type: string }).type}.${path}`, mutant };
    }
  }
}

test('a value of the wrong type passes at no place, and nothing but a refusal is thrown', () => {
  // What a room reads for itself, and what may be anything.
  const free =
    /^(?:wanted\.signatures|task\.task\.workload|fact\.body|machine\.facts|modules\.sight|task-done\.value|task-failed\.fault\.details)/;
  let tried = 0;
  for (const [read, messages] of [
    [readToAgent, TO_AGENT],
    [readToControl, TO_CONTROL],
  ] as const) {
    for (const message of messages) {
      for (const { path, mutant } of mutants(message, [Number.NaN, { a: [] }, [[]], 1e300])) {
        if (free.test(path) || path.endsWith('params.a') || /args$|params$|lost$/.test(path)) continue;
        assert.ok(isUnreadable(read, mutant), path);
        tried++;
      }
    }
  }
  assert.ok(tried > 400);
});

test('what would become a path, an address or a command of somebody else is refused', () => {
  const [build, kill, exec] = (['build', 'kill', 'exec'] as const).map((kind) =>
    TO_AGENT.find((one): one is Extract<ToAgent, { type: 'task' }> => one.type === 'task' && one.task.kind === kind),
  );
  assert.ok(build && kill && exec);
  for (const one of [build, kill, exec]) assert.ok(!isUnreadable(readToAgent, one), one.task.kind);
  const attacks: object[] = [
    { ...build, task: { ...build.task, sourceId: '../../agent/v1/join' } },
    { ...build, task: { ...build.task, repository: '../x' } },
    { ...build, task: { ...build.task, tags: ['-rf'] } },
    { ...kill, task: { ...kill.task, containerId: '../../pods/prune' } },
    { ...kill, task: { ...kill.task, pid: -1 } },
    { ...exec, task: { ...exec.task, session: '../link' } },
    { ...exec, task: { ...exec.task, command: [] } },
    { ...exec, task: { ...exec.task, size: { columns: '80&h=1', rows: 24 } } },
    ...['/proc/self/fd/7', '//./proc/1/root', '/dev/fd/7', '/dev//./fd', '/srv/../proc/self'].map((workingDir) => ({
      ...exec,
      task: { ...exec.task, workingDir },
    })),
    { type: 'registry-token', token: 'a\r\nHost: b' },
    { type: 'task', id: '1', task: kill.task },
    { type: 'task', id, task: { kind: 'shell', command: ['id'] } },
  ];
  for (const attack of attacks) assert.ok(isUnreadable(readToAgent, attack), JSON.stringify(attack));
  for (const workingDir of ['/', '/srv/app', '/dev/shm', '/procs', '/dev/fdx'])
    assert.ok(!isUnreadable(readToAgent, { ...exec, task: { ...exec.task, workingDir } }), workingDir);
  assert.ok(isUnreadable(readTerminalSize, { columns: 80, rows: '1&detachKeys=' }));
});

test('a host states facts of itself only, not of images or projects', () => {
  const fact = TO_CONTROL.find((message) => message.type === 'fact');
  for (const change of [{ kind: 'image.signed' }, { project: 'tienda' }, { digest }]) {
    assert.ok(isUnreadable(readToControl, { ...fact, ...change }));
  }
});

test('a value nested ten thousand deep costs no stack', () => {
  const value: unknown = JSON.parse(`${'['.repeat(10_000)}${']'.repeat(10_000)}`);
  assert.equal(readToControl({ type: 'task-done', id, value }).type, 'task-done');
  assert.ok(isUnreadable(readToControl, { type: 'pong', value }));
  assert.equal(readFromSensor({ type: 'gap', from: value, to: at }), null);
});

test('of what the sensor says, an alert needs an id that can be the name of a file', () => {
  assert.deepEqual(readFromSensor({ type: 'alert', seq: 1, stations: [1, 2], alert: { id, rule: 'r' } }), {
    type: 'alert',
    alert: { id, rule: 'r' },
    stations: [1, 2],
  });
  for (const alert of [null, 5, {}, { id: 5 }, { id: '../../wanted' }, { id: `${id}\n` }]) {
    assert.equal(readFromSensor({ type: 'alert', stations: [], alert }), null);
  }
  assert.equal(readFromSensor({ type: 'host' }), null);
});

test('a line that cannot be taken closes the channel and throws nowhere else', async () => {
  for (const line of ['{"a":', '{"a":1}']) {
    const stream = new PassThrough();
    const channel = openLineChannel<never>(stream, () => {
      throw new RangeError('not today');
    });
    stream.write(`${line}\n`);
    assert.match(String(await channel.closed), /not JSON|could not be taken/);
  }
});

test('a side that reads nothing of what it is sent is cut', async () => {
  const [near] = duplexPair();
  const channel = openLineChannel<string>(near, () => undefined, { behindBytesMax: 100_000 });
  for (let n = 0; n < 300; n++) channel.send('x'.repeat(1_000));
  assert.match(String(await channel.closed), /does not read/);
});
