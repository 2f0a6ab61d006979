import type { Finding, RuleEngine } from '../../detect/live.ts';

/** A sentence of it goes to the log of the agent. */
const REASON_LENGTH_MAX = 300;

/**
 * Reading rules that others wrote. What it throws is a fault of the program's own, and is told as what is wrong with these rules: a
 * sensor that ended of it would get them again when it starts anew, and end again.
 */
export function* readingRules(steps: Generator<void, RuleEngine>): Generator<void, RuleEngine | Finding> {
  try {
    return yield* steps;
  } catch (error) {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const message = `a fault of the sensor while these rules were read; those before them stay at work: ${why}`;
    return { severity: 'error', code: 'LOAD_ERR_VALIDATE', message, file: 'rules', line: 1, column: 1, item: null };
  }
}

/** Why rules were refused, in a sentence; null where nothing is wrong. */
export function reasonOf(findings: readonly Finding[]): string | null {
  const first = findings.find(({ severity }) => severity === 'error');
  if (first === undefined) return null;
  const { file, line, column, message } = first;
  return `${file}:${line}:${column}: ${message}`.slice(0, REASON_LENGTH_MAX);
}
