/** A rule file that is not in force yet, beside those that are. */
import { RuleEngine, type RuleState, type RuleText } from './engine.ts';
import type { Tuning } from './tuning.ts';

export interface Draft {
  readonly engine: RuleEngine;
  /** Those of the file, and those that count everywhere and are others with it than without: it may say more of them. */
  readonly states: readonly RuleState[];
}

/** The draft takes the place of the file of its name, as it would when it is applied. */
export function withDraft(files: readonly RuleText[], draft: RuleText): readonly RuleText[] {
  const isKnown = files.some(({ file }) => file === draft.file);
  return isKnown ? files.map((one) => (one.file === draft.file ? draft : one)) : [...files, draft];
}

export function loadDraft(files: readonly RuleText[], draft: RuleText, tunings: readonly Tuning[] = []): Draft {
  const engine = RuleEngine.load(withDraft(files, draft), tunings);
  const without = RuleEngine.load(files.filter(({ file }) => file !== draft.file));
  const before = new Map(without.states.map((state) => [state.rule.name, essenceOf(state)]));
  // What other projects have is not told to who writes for all.
  const ofProjects = new Set(files.flatMap(({ file, scope }) => (scope?.project == null ? [] : [file])));
  const states = engine.states.filter((state) => {
    const { file } = state.rule.place;
    return file === draft.file || (!ofProjects.has(file) && before.get(state.rule.name) !== essenceOf(state));
  });
  return { engine, states };
}

function essenceOf({ rule, offReason }: RuleState): string {
  const { filter, timing, priority, output } = rule;
  return JSON.stringify([filter, timing, priority, output, offReason]);
}
