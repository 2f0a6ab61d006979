import { connect } from 'node:net';
import { networkFault } from '../errors.ts';

/** One answer holds a table of all servers at most. */
const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
const ANSWER_TIMEOUT_MS = 5_000;

/** Asks HAProxy's run-time API; commands are separated by `;`. @throws Fault network.edge-down */
export function askHaproxy(socketPath: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: socketPath });
    const chunks: Buffer[] = [];
    let bytes = 0;
    const fail = (reason: string, cause?: unknown): void => {
      socket.destroy();
      reject(networkFault('network.edge-down', { reason }, { cause }));
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => fail('its socket does not answer'));
    socket.on('error', (error) => fail(error.message, error));
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) fail('its socket answers too much');
      else chunks.push(chunk);
    });
    socket.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    // Half-closing at once would make HAProxy drop the request before it is read.
    socket.write(`${command}\n`);
  });
}
