/** Rules over a recording of this platform's own: the live engine, over the very records. */
import { readCapture } from '../events/capture/index.ts';
import { EVENT_NAMES } from '../events/index.ts';
import type { RuleEngine } from './engine.ts';
import type { ReplayAlert } from './replay.ts';

/**
 * @param source uncompressed
 * @param found is given what was found as well where the recording cannot be read to its end
 * @throws FormatError when it is not whole
 */
export async function replayCapture(
  source: AsyncIterable<Uint8Array>,
  engine: RuleEngine,
  found: { events: number; readonly alerts: ReplayAlert[] },
): Promise<void> {
  const { alerts } = found;
  await readCapture(source, (event) => {
    found.events++;
    for (const held of engine.match(event) ?? []) {
      if (!engine.fires(event, held)) continue;
      const { at, rule, priority, tags, output, outputFields } = engine.makeAlert(event, held);
      const eventType = EVENT_NAMES[event.type] ?? '';
      alerts.push({ at, eventNumber: event.number, eventType, rule, priority, tags, output, outputFields });
    }
  });
}
