import { DECISIONS, type Decision, type Misconfiguration } from './report.ts';

/**
 * How much of the scale a class can fill, and how much each further one of it leaves open. One `act` makes 74, two 93;
 * a thousand `track` make 10 and never more, so that noise cannot outweigh what is urgent.
 */
const CLASSES: Readonly<Record<Decision, { readonly cap: number; readonly left: number }>> = {
  act: { cap: 1, left: 0.3 },
  attend: { cap: 0.6, left: 0.8 },
  'track*': { cap: 0.25, left: 0.95 },
  track: { cap: 0.1, left: 0.99 },
};

const OF_CHECKS: Readonly<Record<Misconfiguration['severity'], Decision>> = {
  critical: 'attend',
  high: 'track*',
  medium: 'track',
  low: 'track',
};

/** What counts: findings that no VEX statement takes away, misconfigurations, and whatever else is of that urgency. */
export interface ScoreFacts {
  readonly decisions: Iterable<Decision>;
  readonly misconfigurations: readonly Pick<Misconfiguration, 'severity'>[];
}

/**
 * The risk of an image from 0 (nothing is known to be wrong) to 100:
 * `100 · (1 − Π over classes (1 − cap · (1 − left ^ count)))`, where `count` is how many are of that class or a more
 * urgent one. So one more of anything never lowers it, nor does anything that becomes more urgent.
 */
export function scoreImage({ decisions, misconfigurations }: ScoreFacts): number {
  const counts: Record<Decision, number> = { act: 0, attend: 0, 'track*': 0, track: 0 };
  for (const decision of decisions) counts[decision] += 1;
  for (const { severity } of misconfigurations) counts[OF_CHECKS[severity]] += 1;
  let open = 1;
  let count = 0;
  for (const decision of DECISIONS) {
    const { cap, left } = CLASSES[decision];
    count += counts[decision];
    open *= 1 - cap * (1 - left ** count);
  }
  return Math.round((1 - open) * 1000) / 10;
}
