import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../system/index.ts';
import type { Instance } from '../setup/instance.ts';
import { DetectionPath } from './detection-path.ts';
import type { HostView } from './hosts.ts';
import { type Part, PlatformStatus } from './status.ts';

test('an edge that serves a certificate whose time is over is not said to be well', () => {
  const status = new PlatformStatus({
    instance: { name: 'test', sensor: false, adaptations: [], ports: {} } as unknown as Instance,
    ...{ clock: systemClock, detection: new DetectionPath(), database: 'SQLite' },
  });
  const edge = (): Part | undefined =>
    (status.describe([{ state: 'connected' } as HostView]) as { parts: Part[] }).parts.find(
      ({ name }) => name === 'edge',
    );
  status.hostPart({ type: 'edge', state: 'ok', detail: null } as Parameters<PlatformStatus['hostPart']>[0]);
  assert.equal(edge()?.state, 'ok');
  status.certificatesEnded(2);
  assert.equal(edge()?.state, 'degraded');
  // Anybody may ask, so that names of projects stay where rights are asked for.
  assert.deepEqual(edge()?.detail, {
    en: '2 certificates that it serves have ended; see darsena certificate list',
    es: 'han terminado 2 certificados que sirve; ver darsena certificate list',
  });
  status.certificatesEnded(0);
  assert.equal(edge()?.state, 'ok');
  // What is worse is what is told.
  status.certificatesEnded(1);
  assert.match(edge()?.detail?.es ?? '', /^ha terminado 1 certificado que sirve; /);
  status.hostPart({ type: 'edge', state: 'down', detail: null } as Parameters<PlatformStatus['hostPart']>[0]);
  assert.equal(edge()?.state, 'down');
});

test('resolvers that do not answer are told beside the agent, and no more when one does', () => {
  const status = new PlatformStatus({
    instance: { name: 'test', sensor: false, adaptations: [], ports: {} } as unknown as Instance,
    ...{ clock: systemClock, detection: new DetectionPath(), database: 'SQLite' },
  });
  const agent = (): Part | undefined =>
    (status.describe([{ state: 'connected' } as HostView]) as { parts: Part[] }).parts.find(
      ({ name }) => name === 'agent',
    );
  status.namesAway(true);
  assert.equal(agent()?.state, 'degraded');
  assert.match(agent()?.detail?.en ?? '', /no resolver of the host answers \(DNS\)/);
  status.namesAway(false);
  assert.equal(agent()?.state, 'ok');
});

test('a clock that went ahead is told beside control, and no more when it is believed', () => {
  const status = new PlatformStatus({
    instance: { name: 'test', sensor: false, adaptations: [], ports: {} } as unknown as Instance,
    ...{ clock: systemClock, detection: new DetectionPath(), database: 'SQLite' },
  });
  const control = (): Part | undefined =>
    (status.describe([]) as { parts: Part[] }).parts.find(({ name }) => name === 'control');
  status.ready();
  status.clockDoubted({ aheadMs: 400 * 86_400_000 });
  assert.equal(control()?.state, 'degraded');
  assert.match(control()?.detail?.en ?? '', /went 400 days ahead at once: nothing is deleted for its age by that yet/);
  status.registryDamage(2);
  assert.match(control()?.detail?.es ?? '', /^2 piezas .*; el reloj de esta máquina se adelantó 400 días/);
  status.registryDamage(0);
  status.clockDoubted(null);
  assert.deepEqual([control()?.state, control()?.detail], ['ok', null]);
});

test('a disk of the state that is nearly full is told beside the database, and no more when there is room', () => {
  const status = new PlatformStatus({
    instance: { name: 'test', sensor: false, adaptations: [], ports: {} } as unknown as Instance,
    ...{ clock: systemClock, detection: new DetectionPath(), database: 'SQLite' },
  });
  const database = (): Part | undefined =>
    (status.describe([]) as { parts: Part[] }).parts.find(({ name }) => name === 'database');
  assert.equal(database()?.state, 'ok');
  status.room(34_567_890);
  assert.equal(database()?.state, 'degraded');
  assert.match(database()?.detail?.en ?? '', /^SQLite; the disk of the platform’s state is nearly full \(30 MB left\)/);
  assert.match(database()?.detail?.es ?? '', /quedan 30 MB/);
  status.room(10e9);
  assert.deepEqual(database(), { ...database(), state: 'ok', detail: { en: 'SQLite', es: 'SQLite' } });
});
