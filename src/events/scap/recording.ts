import { inflateUnknown } from '../../formats/index.ts';
import { BLOCK, PROCESS_BLOCKS, readBlocks } from './blocks.ts';
import { ScapEvent } from './event.ts';
import { SCAP_MAX_BYTES, SCAP_MAX_RATIO } from './limits.ts';
import { readDescriptors, readInterfaces, readProcesses, readUsers } from './lists.ts';
import { Machine } from './machine.ts';

const LIMITS = { maxOutputBytes: SCAP_MAX_BYTES, maxRatio: SCAP_MAX_RATIO };

/** Blocks of events: whether events say how many parameters they have, and whether flags stand before them. */
const EVENT_BLOCKS: ReadonlyMap<number, { readonly counted: boolean; readonly hasFlags: boolean }> = new Map([
  [BLOCK.event, { counted: false, hasFlags: false }],
  [BLOCK.eventWithFlags, { counted: false, hasFlags: true }],
  [BLOCK.countedEvent, { counted: true, hasFlags: false }],
  [BLOCK.countedEventWithFlags, { counted: true, hasFlags: true }],
  [BLOCK.longEvent, { counted: true, hasFlags: false }],
  [BLOCK.longEventWithFlags, { counted: true, hasFlags: true }],
]);

/**
 * Reads a recording of Falco or sysdig (.scap, also gzip-compressed) event by event, with processes, descriptors and containers
 * as the recording knows them at that moment. Events are numbered as sysdig numbers them. What this reader does not know is
 * left out: blocks of other kinds, events of newer recorders.
 *
 * @throws FormatError when it is not such a recording, or is cut
 */
export async function* readScap(source: AsyncIterable<Uint8Array>): AsyncGenerator<ScapEvent> {
  const machine = new Machine();
  let number = 0;
  let hasBegun = false;
  for await (const { type, body } of readBlocks(inflateUnknown(source, LIMITS))) {
    const processVersion = PROCESS_BLOCKS.indexOf(type) + 1;
    const form = EVENT_BLOCKS.get(type);
    if (processVersion > 0) for (const thread of readProcesses(body, processVersion)) machine.addThread(thread);
    else if (type === BLOCK.descriptors || type === BLOCK.descriptorsWithLengths) {
      const { tid, fds } = readDescriptors(body, type === BLOCK.descriptorsWithLengths);
      machine.addDescriptors(tid, fds);
    } else if (type === BLOCK.users || type === BLOCK.usersWithLengths) {
      machine.setUsers(readUsers(body, type === BLOCK.usersWithLengths));
    } else if (type === BLOCK.interfaces || type === BLOCK.interfacesWithLengths) {
      for (const address of readInterfaces(body, type === BLOCK.interfacesWithLengths)) machine.addAddress(address);
    } else if (form) {
      const event = ScapEvent.read(body, form, ++number, machine);
      if (event === null) continue;
      // What the recorder said of containers before anything else is the state at the start, and no event.
      const isNews: boolean = hasBegun || event.type.name !== 'container';
      hasBegun ||= isNews;
      if (event.type.name === 'procinfo') continue; // of the recorder itself: Falco shows none of them
      machine.follow(event);
      if (isNews) yield event;
    }
  }
}
