import type { Duplex } from 'node:stream';
import { defineFaults } from '../../system/index.ts';
import type { ActivityTask } from '../link/protocol.ts';
import { encodeFrame, FRAME } from '../link/session.ts';
import type { SensorServer } from './sensor-server.ts';

export const activityFault = defineFaults({
  'agent.no-sensor': {
    kind: 'unavailable',
    en: {
      what: 'nothing of this host can be seen live',
      why: 'no sensor runs on it',
      remedy: 'darsena status; a platform of an ordinary user has no sensor',
    },
    es: {
      what: 'de este host no se puede ver nada en vivo',
      why: 'no hay ningún sensor en él',
      remedy: 'darsena status; una plataforma de un usuario corriente no tiene sensor',
    },
  },
  'agent.watch-refused': {
    kind: 'invalid',
    en: { what: 'the sensor of this host does not show that', why: '{why}' },
    es: { what: 'el sensor de este host no muestra eso', why: '{why}' },
  },
});

/** What waits for control before more is dropped, and counted. */
const BEHIND_BYTES_MAX = 2 * 1024 * 1024;
/** What four bytes hold. */
const COUNT_MAX = 0xffff_ffff;

/**
 * Shows events over the stream until it closes. Frames: first what the sensor cannot see of it (JSON), then batches: two
 * counts (events that held, and of those how many are missing here; 4 bytes each, big-endian) and the events, as JSON or as
 * a batch of a recording.
 * @throws Fault agent.no-sensor, agent.watch-refused
 */
export async function showActivity(stream: Duplex, task: ActivityTask, sensor: SensorServer): Promise<void> {
  // Control may cut a look in the middle of a word; that ends the look and nothing else.
  stream.on('error', () => stream.destroy());
  if (sensor.state.state === 'absent') throw activityFault('agent.no-sensor');
  stream.resume();
  let missed = 0;
  let stop = (): void => undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const { kind: _kind, session, ...order } = task;
      stop = sensor.watchActivity(
        { id: session, ...order },
        {
          watching: ({ why, missing }) => {
            if (why !== null) reject(activityFault('agent.watch-refused', { why }));
            else stream.write(encodeFrame(FRAME.stdout, JSON.stringify({ missing })));
          },
          batch: ({ seen, dropped, body }) => {
            if (stream.writableLength > BEHIND_BYTES_MAX) {
              missed += seen;
              return;
            }
            const bytes = typeof body === 'string' ? Buffer.from(body, 'base64') : Buffer.from(JSON.stringify(body));
            const counts = Buffer.alloc(8);
            counts.writeUInt32BE(Math.min(seen + missed, COUNT_MAX), 0);
            counts.writeUInt32BE(Math.min(dropped + missed, COUNT_MAX), 4);
            missed = 0;
            stream.write(encodeFrame(FRAME.data, Buffer.concat([counts, bytes])));
          },
        },
      );
      if (stream.destroyed) resolve();
      else stream.once('close', resolve);
      // Control ends its side when nobody looks any more.
      stream.once('end', resolve);
    });
  } finally {
    stop();
  }
}
