import { defineFaults, type Json } from '../../system/index.ts';
import type { ManifestProblem } from './documents.ts';

export const manifestFault = defineFaults({
  'manifest.invalid': {
    kind: 'invalid',
    en: {
      what: 'the manifests cannot be deployed',
      why: '{count} problems, the first in {first}',
      remedy: 'darsena explain FIELD',
    },
    es: {
      what: 'los manifiestos no se pueden desplegar',
      why: '{count} problemas, el primero en {first}',
      remedy: 'darsena explain CAMPO',
    },
  },
});

/**
 * Throws one fault that carries every problem in its details, as `{file, line, column, field, kind, text: {en, es}}`.
 * @throws Fault manifest.invalid when there is any
 */
export function refuseProblems(problems: readonly ManifestProblem[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const field = first.field === '' ? '' : `, ${first.field}`;
  throw manifestFault(
    'manifest.invalid',
    { count: problems.length, first: `${first.file}:${first.line}:${first.column}${field}: ${first.text.en}` },
    { details: problems.map((problem) => ({ ...problem, text: { ...problem.text } })) as Json },
  );
}
