import { type Json, parseStrictJson } from '../../formats/index.ts';
import { BASELINE_ENTRIES_MAX, BASELINE_MAX_BYTES } from './limits.ts';
import type { ImageSecret } from './secret.ts';

/** Credentials that are known and lived with. */
export interface SecretBaseline {
  readonly entries: number;
  covers(secret: Pick<ImageSecret, 'rule' | 'path' | 'line' | 'fingerprint'>): boolean;
}

/** A file that is no baseline, and why. */
export class BaselineError extends Error {}

/**
 * Reads what names known findings: a report of gitleaks in JSON (its `--baseline-path`), a `.gitleaksignore`, a baseline of
 * detect-secrets, a report of ours. Values in them are not looked at and not kept: a finding is the same by its rule, file
 * and line (detect-secrets has other rules: by file and line), or by our fingerprint.
 *
 * @throws BaselineError
 */
export function readBaseline(text: string): SecretBaseline {
  if (Buffer.byteLength(text) > BASELINE_MAX_BYTES)
    throw new BaselineError(`it is larger than ${BASELINE_MAX_BYTES} bytes`);
  const known = new Set<string>();
  const add = (...keys: string[]): void => {
    for (const key of keys) known.add(key);
    if (known.size > BASELINE_ENTRIES_MAX) throw new BaselineError(`it has more than ${BASELINE_ENTRIES_MAX} entries`);
  };
  if (/^\s*[[{]/.test(text)) readJsonBaseline(text, add);
  else readIgnoreFile(text, add);
  return {
    entries: known.size,
    covers: ({ rule, path, line, fingerprint }) =>
      known.has(fingerprint) || known.has(placeOf(path, rule, line)) || known.has(placeOf(path, '*', line)),
  };
}

/** `FILE:RULE:LINE`, perhaps with a commit before it (gitleaks' README, ".gitleaksignore"), or a fingerprint of ours. */
function readIgnoreFile(text: string, add: (...keys: string[]) => void): void {
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (/^[pv]-[0-9a-f]{32}$/.test(line)) {
      add(line);
      continue;
    }
    const [, file, rule, number] = /^(?:[0-9a-f]{7,64}:)?(.+):([^:]+):(\d{1,9})$/.exec(line) ?? [];
    if (file === undefined || rule === undefined)
      throw new BaselineError(`${JSON.stringify(line.slice(0, 80))} is no FILE:RULE:LINE`);
    add(placeOf(file, rule, Number(number)));
  }
}

function readJsonBaseline(text: string, add: (...keys: string[]) => void): void {
  let root: Json;
  try {
    root = parseStrictJson(Buffer.from(text), { maxBytes: BASELINE_MAX_BYTES });
  } catch (cause) {
    throw new BaselineError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
  if (Array.isArray(root)) {
    for (const one of root) {
      const { RuleID: rule, File: file, StartLine: line } = recordOf(one);
      if (typeof rule !== 'string' || typeof file !== 'string' || typeof line !== 'number') {
        throw new BaselineError('a finding lacks RuleID, File or StartLine');
      }
      add(placeOf(file, rule, line));
    }
    return;
  }
  const { results, secrets } = recordOf(root);
  if (Array.isArray(secrets)) {
    for (const one of secrets) {
      const { fingerprint } = recordOf(one);
      if (typeof fingerprint === 'string') add(fingerprint);
    }
    return;
  }
  if (results === undefined) throw new BaselineError('it is no report of gitleaks, detect-secrets or ours');
  for (const [file, list] of Object.entries(recordOf(results))) {
    for (const one of Array.isArray(list) ? list : []) {
      const { line_number: line } = recordOf(one);
      if (typeof line === 'number') add(placeOf(file, '*', line));
    }
  }
}

function placeOf(path: string, rule: string, line: number): string {
  return `${path.replace(/^(?:\.?\/)+/, '')}\0${rule}\0${line}`;
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
