import type { z } from 'zod';
import { FormatError, parseYaml, sayFormatError } from '../formats/index.ts';
import { describeIssue, type Fault, type Json, type Text } from '../system/index.ts';
import { POLICY_BYTES_MAX } from './limits.ts';

/** One thing that is wrong with a document, and where. */
export interface ShapeProblem {
  readonly line: number;
  readonly column: number;
  /** The path of the value, as in `match.priority`; empty: all of it. */
  readonly place: string;
  readonly reason: Text;
}

/** More of them are told after these were mended. */
const PROBLEMS_TOLD = 8;

function placeOf({ line, column, place }: ShapeProblem): string {
  return `${line}:${column}${place === '' ? '' : ` ${place}`}`;
}

/**
 * Reads a document that people write, such as a policy or a playbook. What does not fit its shape is found at once, each with
 * its line.
 * @param invalid makes the fault: `place` and `why` tell of the mistakes as a sentence, `details` has them all
 */
export function readShaped<Value>(
  source: string,
  shape: z.ZodType<Value>,
  invalid: (place: string, why: Text, details: Json) => Fault,
): Value {
  const refuse = (problems: readonly ShapeProblem[]): Fault => {
    const [first] = problems;
    const place = first === undefined ? '' : placeOf(first);
    const said = (language: keyof Text, more: string): string => {
      const others = problems.slice(1, PROBLEMS_TOLD).map((one) => `; ${placeOf(one)}: ${one.reason[language]}`);
      return `${first?.reason[language]}${others.join('')}${problems.length > PROBLEMS_TOLD ? more : ''}`;
    };
    const left = problems.length - PROBLEMS_TOLD;
    const [en, es] = [said('en', ` (and ${left} more)`), said('es', ` (y ${left} más)`)];
    const details = problems.map(({ reason, ...one }) => ({ ...one, reason: { en: reason.en, es: reason.es } }));
    return invalid(place, { en, es }, details);
  };
  const whole = { line: 1, column: 1, place: '' };
  if (Buffer.byteLength(source) > POLICY_BYTES_MAX) {
    const reason = { en: `has more than ${POLICY_BYTES_MAX} bytes`, es: `tiene más de ${POLICY_BYTES_MAX} bytes` };
    throw refuse([{ ...whole, reason }]);
  }
  let document: ReturnType<typeof parseYaml>;
  try {
    document = parseYaml(source);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw refuse([{ ...whole, ...error.position, reason: sayFormatError(error) }]);
  }
  const parsed = shape.safeParse(document.value);
  if (parsed.success) return parsed.data;
  // Of what is of another kind its length says nothing.
  const { issues } = parsed.error;
  const odd = new Set(issues.filter(({ code }) => code === 'invalid_type').map(({ path }) => path.join('/')));
  const told = issues.filter(({ code, path }) => code === 'invalid_type' || !odd.has(path.join('/')));
  throw refuse(
    told.map((issue) => {
      const { code, message, path, ...params } = issue;
      const at = path.filter((part) => typeof part !== 'symbol');
      // A member that is not known has its own line; what is missing has that of what it is missing from.
      const unknown = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
      return {
        ...document.locate([...at, ...unknown]),
        place: at.join('.'),
        reason: describeIssue({ keyword: code, message, instancePath: `/${at.join('/')}`, params }),
      };
    }),
  );
}
