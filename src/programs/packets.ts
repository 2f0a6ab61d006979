/**
 * Writes the packets of the network namespace that it was started in into a file (pcap, Ethernet), for so many seconds and bytes.
 *
 *   nsenter --target PID --net node src/programs/packets.ts --seconds 10 --bytes 8388608 --output FILE
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openPacketSocket, Poller } from '../system/native.ts';

/** The largest packet; what a network card puts together is not longer. */
const PACKET_BYTES_MAX = 65_535;
const MAGIC = 0xa1b2c3d4;
const LINKTYPE_ETHERNET = 1;

const { values } = parseArgs({
  options: { seconds: { type: 'string' }, bytes: { type: 'string' }, output: { type: 'string' } },
});
const [seconds, most, output] = [Number(values.seconds), Number(values.bytes), values.output];
if (!(seconds > 0) || !(most > 0) || output === undefined)
  throw new TypeError('usage: packets.ts --seconds N --bytes N --output FILE');
const socket = openPacketSocket();
if (!('fd' in socket)) throw new Error(`packets cannot be read: ${socket.reason}`);
const file = openSync(output, 'wx', 0o600);
const header = Buffer.alloc(24);
header.writeUInt32LE(MAGIC, 0);
header.writeUInt16LE(2, 4);
header.writeUInt16LE(4, 6);
header.writeUInt32LE(PACKET_BYTES_MAX, 16);
header.writeUInt32LE(LINKTYPE_ETHERNET, 20);
writeSync(file, header);
const poller = new Poller();
poller.add(socket.fd);
const packet = Buffer.alloc(PACKET_BYTES_MAX);
const record = Buffer.alloc(16);
const endMs = Date.now() + seconds * 1_000;
let [written, left] = [header.length, 0];
for (let leftMs = endMs - Date.now(); leftMs > 0; leftMs = endMs - Date.now()) {
  if (poller.wait(leftMs) === 0) continue;
  const bytes = readSync(socket.fd, packet, 0, PACKET_BYTES_MAX, null);
  if (written + record.length + bytes > most) {
    left++;
    continue;
  }
  const now = Date.now();
  record.writeUInt32LE(Math.floor(now / 1_000), 0);
  record.writeUInt32LE((now % 1_000) * 1_000, 4);
  record.writeUInt32LE(bytes, 8);
  record.writeUInt32LE(bytes, 12);
  writeSync(file, record);
  writeSync(file, packet, 0, bytes);
  written += record.length + bytes;
}
closeSync(file);
process.stdout.write(`${JSON.stringify({ left })}\n`);
