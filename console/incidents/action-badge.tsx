import type { ActionState } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { words } from './words.ts';

const STATES: Readonly<Record<ActionState, readonly [word: keyof typeof words.en, tone: Tone]>> = {
  awaiting: ['actionAwaits', 'warn'],
  queued: ['actionQueued', 'pending'],
  running: ['actionRuns', 'pending'],
  done: ['actionDone', 'ok'],
  failed: ['actionFailed', 'bad'],
  unknown: ['actionUnknown', 'warn'],
  'dry-run': ['actionTrial', 'absent'],
  declined: ['actionDeclined', 'absent'],
};

/** How an action ended, in words that promise nothing: what a trial would have done was not done. */
export function ActionBadge({ state }: { state: ActionState }) {
  const t = useWords(words);
  const known = STATES[state];
  return known === undefined ? (
    <StateBadge tone="absent">{state}</StateBadge>
  ) : (
    <StateBadge tone={known[1]}>{t(known[0])}</StateBadge>
  );
}
