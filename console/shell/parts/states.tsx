import { useWords } from '../language.tsx';
import { type Level, LevelBadge, StateBadge, type Tone } from './badge.tsx';
import { stateWords } from './state-words.ts';

type StateWord = keyof typeof stateWords.en;

/** Every state of every object: its word and its tone, in one place so that a state looks the same on all pages. */
const STATES: Readonly<Record<string, readonly [StateWord, Tone]>> = {
  judging: ['judging', 'pending'],
  refused: ['refused', 'bad'],
  'awaiting-approval': ['awaitingApproval', 'warn'],
  'rolling-out': ['rollingOut', 'pending'],
  canary: ['onTrial', 'pending'],
  available: ['available', 'ok'],
  'rolled-back': ['rolledBack', 'warn'],
  failed: ['failed', 'bad'],
  superseded: ['superseded', 'absent'],
  approved: ['approved', 'ok'],
  rejected: ['rejected', 'bad'],
  done: ['done', 'ok'],
  progressing: ['progressing', 'pending'],
  degraded: ['degraded', 'bad'],
  stopped: ['stopped', 'absent'],
  running: ['running', 'pending'],
  interrupted: ['interrupted', 'warn'],
  cancelled: ['cancelled', 'absent'],
  open: ['open', 'bad'],
  acknowledged: ['acknowledged', 'warn'],
  contained: ['contained', 'ok'],
  closed: ['closed', 'absent'],
  held: ['held', 'warn'],
  released: ['released', 'ok'],
  allow: ['allow', 'ok'],
  warn: ['warn', 'warn'],
  refuse: ['refuse', 'bad'],
  pending: ['pending', 'pending'],
  waiting: ['waiting', 'absent'],
  connected: ['connected', 'ok'],
  away: ['away', 'bad'],
  ok: ['ok', 'ok'],
  absent: ['absent', 'absent'],
  down: ['down', 'bad'],
  active: ['active', 'ok'],
  intact: ['intact', 'ok'],
  broken: ['broken', 'bad'],
};

export function stateTone(state: string): Tone {
  return STATES[state]?.[1] ?? 'absent';
}

/** The badge of a state; a state this console does not know is shown by the word it came with. */
export function State({ state }: { state: string }) {
  const t = useWords(stateWords);
  const known = STATES[state];
  return <StateBadge tone={known?.[1] ?? 'absent'}>{known === undefined ? state : t(known[0])}</StateBadge>;
}

/** Falco's eight priorities on the five steps of severity. */
const PRIORITIES: Readonly<Record<string, readonly [StateWord, Level]>> = {
  emergency: ['emergency', 'critical'],
  alert: ['alert', 'critical'],
  critical: ['critical', 'critical'],
  error: ['error', 'high'],
  warning: ['warning', 'medium'],
  notice: ['notice', 'low'],
  informational: ['informational', 'none'],
  debug: ['debug', 'none'],
};

export function PriorityBadge({ priority }: { priority: string }) {
  const t = useWords(stateWords);
  const known = PRIORITIES[priority.toLowerCase()];
  return <LevelBadge level={known?.[1] ?? 'none'}>{known === undefined ? priority : t(known[0])}</LevelBadge>;
}
