import type { KernelEvent } from '../event.ts';
import type { ContainerFacts, ProcessFacts } from '../facts.ts';
import { HEADER } from '../layout.ts';
import { BLOCK_BYTES_MAX, EVENT_HEAD_BYTES } from './format.ts';

/** A batch of this size is handed on. */
const FULL_BYTES = BLOCK_BYTES_MAX / 8;
/** Beyond it, ancestors of further processes are left out; the batch still fits into a frame of the session. */
const SURROUNDINGS_BYTES_MAX = BLOCK_BYTES_MAX / 4;
const ANCESTORS_MAX = 64;

/** Gathers events into a batch of the recording format. What an event points to is copied: nothing of it is kept. */
export class CapturePacker {
  #records: Buffer[] = [];
  #processes: string[] = [];
  #places = new Map<ProcessFacts, { readonly place: number; readonly name: string }>();
  #containers: ContainerFacts[] = [];
  readonly #users: Record<string, string | null> = {};
  readonly #groups: Record<string, string | null> = {};
  #bytes = 0;
  #surroundingsBytes = 0;
  #clocks = { wallOffsetNs: 0, bootOffsetNs: 0 };

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  get isFull(): boolean {
    return this.#bytes + this.#surroundingsBytes >= FULL_BYTES;
  }

  add(event: KernelEvent): void {
    const { wallOffsetNs, bootOffsetNs } = event.surroundings;
    this.#clocks = { wallOffsetNs, bootOffsetNs };
    const head = Buffer.alloc(EVENT_HEAD_BYTES);
    head.writeInt32LE(this.#processPlace(event), 0);
    head.writeInt32LE(this.#containerPlace(event.container), 4);
    const record = event.copyRecord();
    this.#records.push(head, record);
    this.#bytes += head.length + record.length;
    this.#name(event, event.process.uid, event.process.gid);
    this.#name(event, event.u32(HEADER.uid), event.u32(HEADER.gid));
  }

  /** The batch so far; begins the next. */
  pack(): Buffer {
    const rest = { ...this.#clocks, containers: this.#containers, users: this.#users, groups: this.#groups };
    const json = Buffer.from(`${JSON.stringify(rest).slice(0, -1)},"processes":[${this.#processes.join(',')}]}`);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(json.length);
    const batch = Buffer.concat([length, json, ...this.#records]);
    this.#records = [];
    this.#processes = [];
    this.#places = new Map();
    this.#containers = [];
    this.#bytes = 0;
    this.#surroundingsBytes = 0;
    for (const names of [this.#users, this.#groups]) for (const id of Object.keys(names)) delete names[id];
    return batch;
  }

  #processPlace(event: KernelEvent): number {
    const { process, surroundings } = event;
    const place = this.#put(process);
    let parent = surroundings.parentOf(process);
    for (let level = 0; parent !== undefined && level < ANCESTORS_MAX; level++) {
      if (this.#places.has(parent) || this.#surroundingsBytes > SURROUNDINGS_BYTES_MAX) break;
      // Of a parent that was gone its child knows the name, and that is all there is.
      if (parent.exePath !== '' || parent.exe !== '') this.#put(parent);
      parent = surroundings.parentOf(parent);
    }
    return place;
  }

  #put(process: ProcessFacts): number {
    const known = this.#places.get(process);
    // A process may take another name between two of its events.
    if (known !== undefined && known.name === process.name) return known.place;
    const place = this.#processes.length;
    const { capabilities, ...rest } = process;
    const { inheritable, permitted, effective } = capabilities;
    const text = JSON.stringify({ ...rest, capabilities: [inheritable, permitted, effective].map(String) });
    this.#processes.push(text);
    this.#surroundingsBytes += Buffer.byteLength(text);
    this.#places.set(process, { place, name: process.name });
    return place;
  }

  #containerPlace(container: ContainerFacts | null): number {
    if (container === null) return -1;
    const place = this.#containers.indexOf(container);
    return place === -1 ? this.#containers.push(container) - 1 : place;
  }

  #name(event: KernelEvent, uid: number, gid: number): void {
    this.#users[uid] ??= event.surroundings.userName(uid);
    this.#groups[gid] ??= event.surroundings.groupName(gid);
  }
}
