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
  status.certificatesEnded(['www.example.org', 'example.org']);
  assert.equal(edge()?.state, 'degraded');
  assert.match(edge()?.detail?.en ?? '', /^the certificate of www\.example\.org has ended \(\+1\); see darsena cert/);
  assert.match(edge()?.detail?.es ?? '', /^el certificado de www\.example\.org ha terminado \(\+1\)/);
  status.certificatesEnded([]);
  assert.equal(edge()?.state, 'ok');
  // What is worse is what is told.
  status.certificatesEnded(['www.example.org']);
  status.hostPart({ type: 'edge', state: 'down', detail: null } as Parameters<PlatformStatus['hostPart']>[0]);
  assert.equal(edge()?.state, 'down');
});
