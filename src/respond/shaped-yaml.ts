import type { z } from 'zod';
import { describeFormatError, FormatError, parseYaml } from '../formats/index.ts';
import { POLICY_BYTES_MAX } from './limits.ts';

/**
 * Reads a document that people write, such as a policy or a playbook.
 * @param invalid makes the fault for a place in the document (a path, or line:column; empty: all of it)
 */
export function readShaped<Value>(
  source: string,
  shape: z.ZodType<Value>,
  invalid: (place: string, why: string) => Error,
): Value {
  if (Buffer.byteLength(source) > POLICY_BYTES_MAX) throw invalid('', `more than ${POLICY_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    ({ value } = parseYaml(source));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { position } = error;
    throw invalid(position === null ? '' : `${position.line}:${position.column}`, describeFormatError(error).en);
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(issue?.path.join('.') ?? '', issue?.message ?? 'another shape');
}
