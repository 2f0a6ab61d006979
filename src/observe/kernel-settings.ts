/** What all programs in the kernel are told: one entry of one table, of which each part of the sensor sets its own. */
import { readlinkSync } from 'node:fs';
import { writeMapEntry } from '../system/native.ts';

/** As common.h has them. */
const SETTINGS_BYTES = 24;

interface Wishes {
  /** Events of the host itself pass too. */
  readonly hostToo: boolean;
  /** Whether any container is guarded. */
  readonly guards: boolean;
  /** Whether programs that start are told with their environment. */
  readonly environment: boolean;
}

export class KernelSettings {
  readonly #map: number;
  #wishes: Wishes;

  /** @param map descriptor of the table; nothing is written before the first change */
  constructor(map: number, hostToo: boolean) {
    this.#map = map;
    this.#wishes = { hostToo, guards: false, environment: false };
  }

  change(wishes: Partial<Wishes>): void {
    this.#wishes = { ...this.#wishes, ...wishes };
    const { hostToo, guards, environment } = this.#wishes;
    const settings = Buffer.alloc(SETTINGS_BYTES);
    settings.writeUInt32LE(hostToo ? 1 : 0, 0);
    settings.writeUInt32LE(process.pid, 4);
    settings.writeUInt32LE(guards ? 1 : 0, 8);
    settings.writeUInt32LE(Number(/\d+/.exec(readlinkSync('/proc/self/ns/mnt'))?.[0] ?? 0), 12);
    settings.writeUInt32LE(environment ? 1 : 0, 16);
    writeMapEntry(this.#map, Buffer.alloc(4), settings);
  }
}
