import { inflateUnknown } from '../../formats/index.ts';
import { BLOCK, PROCESS_BLOCKS, readBlocks } from './blocks.ts';
import { type EventForm, ScapEvent } from './event.ts';
import { EVENT_TYPES } from './event-types.ts';
import { SCAP_MAX_BYTES, SCAP_MAX_RATIO } from './limits.ts';
import { readDescriptors, readInterfaces, readMachine, readProcesses, readUsers } from './lists.ts';
import { Machine } from './machine.ts';

const LIMITS = { maxOutputBytes: SCAP_MAX_BYTES, maxRatio: SCAP_MAX_RATIO };

const EVENT_FORMS: ReadonlyMap<number, EventForm> = new Map([
  [BLOCK.event, { counted: false, hasFlags: false }],
  [BLOCK.eventWithFlags, { counted: false, hasFlags: true }],
  [BLOCK.countedEvent, { counted: true, hasFlags: false }],
  [BLOCK.countedEventWithFlags, { counted: true, hasFlags: true }],
  [BLOCK.longEvent, { counted: true, hasFlags: false }],
  [BLOCK.longEventWithFlags, { counted: true, hasFlags: true }],
]);
const IS_CONTAINER: readonly boolean[] = EVENT_TYPES.map(({ name }) => name === 'container');
const IS_RECORDER: readonly boolean[] = EVENT_TYPES.map(({ name }) => name === 'procinfo');
/** What newer recorders say of users and groups where older ones have a list. */
const IS_NOTICE: readonly boolean[] = EVENT_TYPES.map(({ name }) => /^(?:user|group)(?:added|deleted)$/.test(name));
/** Blocks of events, by their number. */
export const EVENT_BLOCKS: readonly (EventForm | undefined)[] = Array.from(
  { length: BLOCK.longEventWithFlags + 1 },
  (_, type) => EVENT_FORMS.get(type),
);

/**
 * Reads a recording of Falco or sysdig (.scap, also gzip-compressed) and hands out event by event, with processes, descriptors
 * and containers as the recording knows them at that moment. Events are numbered as sysdig numbers them. What this reader does
 * not know is left out: blocks of other kinds, events of newer recorders.
 *
 * @param take is given the same object each time: it moves from event to event
 * @throws FormatError when it is not such a recording, or is cut
 */
export async function readScap(source: AsyncIterable<Uint8Array>, take: (event: ScapEvent) => void): Promise<void> {
  const reader = new Reader(take);
  await readBlocks(inflateUnknown(source, LIMITS), (type, bytes, start, end) => reader.read(type, bytes, start, end));
}

class Reader {
  readonly #machine = new Machine();
  readonly #event = new ScapEvent(this.#machine);
  readonly #take: (event: ScapEvent) => void;
  #number = 0;
  #hasBegun = false;
  #isCounting = false;
  #isFirst = true;

  constructor(take: (event: ScapEvent) => void) {
    this.#take = take;
  }

  read(type: number, bytes: Buffer, start: number, end: number): void {
    const form = EVENT_BLOCKS[type];
    if (form === undefined) {
      readState(this.#machine, type, bytes.subarray(start, end));
      return;
    }
    const event = this.#event;
    // As sysdig counts: what it does not know has no number.
    if (!event.load(bytes, start, end, form, this.#number + 1)) return;
    this.#number++;
    const { number } = event.type;
    // What the recorder said of containers before anything else is the state at the start, and no event.
    const isNews = this.#hasBegun || IS_CONTAINER[number] !== true;
    this.#hasBegun ||= isNews;
    // Time counts from the first that happened; what a recorder says of users and groups it says before.
    if (!this.#isCounting) {
      this.#isCounting = isNews && IS_NOTICE[number] !== true;
      event.startHigh = event.timeHigh;
      event.startLow = event.timeLow;
    }
    if (IS_RECORDER[number] === true) return; // of the recorder itself: Falco shows none of them
    this.#machine.follow(event);
    if (!isNews) return;
    if (this.#isFirst) {
      this.#isFirst = false;
      event.lastHigh = event.timeHigh;
      event.lastLow = event.timeLow;
    }
    this.#take(event);
    event.lastHigh = event.timeHigh;
    event.lastLow = event.timeLow;
  }
}

/** What the machine was when the recording began. */
export function readState(machine: Machine, type: number, body: Buffer): void {
  const processVersion = PROCESS_BLOCKS.indexOf(type) + 1;
  if (processVersion > 0) for (const thread of readProcesses(body, processVersion)) machine.addThread(thread);
  else if (type === BLOCK.descriptors || type === BLOCK.descriptorsWithLengths) {
    const { tid, fds } = readDescriptors(body, type === BLOCK.descriptorsWithLengths);
    machine.addDescriptors(tid, fds);
  } else if (type === BLOCK.machine) machine.setMachine(readMachine(body));
  else if (type === BLOCK.users || type === BLOCK.usersWithLengths) {
    machine.setUsers(readUsers(body, type === BLOCK.usersWithLengths));
  } else if (type === BLOCK.interfaces || type === BLOCK.interfacesWithLengths) {
    for (const address of readInterfaces(body, type === BLOCK.interfacesWithLengths)) machine.addAddress(address);
  }
}
