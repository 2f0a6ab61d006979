/**
 * Opens the two sockets of a resolver where its parent cannot stand, hands them over and ends: `socket-helper.ts ADDRESS PORT`,
 * started inside another network namespace. A socket stays in the namespace that it was opened in.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const [address, port] = process.argv.slice(2);
const udp = createSocket('udp4');
const tcp = createServer();

function hand(message: string, socket?: typeof udp | typeof tcp): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, socket, {}, (error) => (error === null ? resolve() : reject(error)));
  });
}

try {
  udp.bind(Number(port), address);
  await once(udp, 'listening');
  tcp.listen(Number(port), address);
  await once(tcp, 'listening');
  await hand('udp', udp);
  await hand('tcp', tcp);
} catch (error) {
  await hand(`failed ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
}
process.disconnect?.();
process.exit(0);
