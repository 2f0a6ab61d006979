import { addressOfWords } from '../event.ts';
import { decodeText } from '../text.ts';
import { ByteReader } from './bytes.ts';
import type { Endpoint } from './state.ts';

/** Families of sockets that a recording gives addresses of (Linux, address families). */
export const FAMILY = { unix: 1, ipv4: 2, ipv6: 10 } as const;

export type SocketAddress =
  | { readonly family: 'unix'; readonly path: string }
  | { readonly family: 'ip'; readonly end: Endpoint };

export type SocketPair =
  | { readonly family: 'unix'; readonly text: string; readonly path: string }
  | { readonly family: 'ipv4' | 'ipv6'; readonly from: Endpoint; readonly to: Endpoint };

export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const words: string[] = [];
  for (let at = 0; at + 1 < bytes.length; at += 2) words.push(bytes.readUInt16BE(at).toString(16));
  return addressOfWords(words);
}

export function endText({ address, port }: Endpoint): string {
  return `${address}:${port}`;
}

export function joinEnds(from: Endpoint, to: Endpoint): string {
  return `${endText(from)}->${endText(to)}`;
}

/** One end: a byte of family, then what the family has. Null for families without addresses here. */
export function readAddress(bytes: Buffer): SocketAddress | null {
  if (bytes.length === 0) return null;
  const reader = new ByteReader(bytes);
  switch (reader.u8()) {
    case FAMILY.unix:
      return { family: 'unix', path: untilNul(reader.bytes(reader.left)) };
    case FAMILY.ipv4:
      return { family: 'ip', end: readEnd(reader, 4) };
    case FAMILY.ipv6:
      return { family: 'ip', end: readEnd(reader, 16) };
    default:
      return null;
  }
}

/** Both ends: of a unix socket the addresses of two kernel structures and the path. */
export function readPair(bytes: Buffer): SocketPair | null {
  if (bytes.length === 0) return null;
  const reader = new ByteReader(bytes);
  const family = reader.u8();
  if (family === FAMILY.unix) {
    const [source, peer] = [reader.u64(), reader.u64()];
    const path = untilNul(reader.bytes(reader.left));
    return { family: 'unix', text: `${source.toString(16)}->${peer.toString(16)} ${path}`, path };
  }
  if (family !== FAMILY.ipv4 && family !== FAMILY.ipv6) return null;
  const size = family === FAMILY.ipv4 ? 4 : 16;
  const from = readEnd(reader, size);
  return { family: family === FAMILY.ipv4 ? 'ipv4' : 'ipv6', from, to: readEnd(reader, size) };
}

function readEnd(reader: ByteReader, size: number): Endpoint {
  return { address: addressText(reader.bytes(size)), port: reader.u16() };
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return decodeText(bytes, 0, end === -1 ? bytes.length : end);
}
