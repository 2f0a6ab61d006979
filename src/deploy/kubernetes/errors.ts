import { defineFaults, type Json, type Language } from '../../system/index.ts';
import type { ManifestProblem } from './documents.ts';

/** A screen of them; all are in the details. */
const SAID_MAX = 40;

export const manifestFault = defineFaults({
  'manifest.invalid': {
    kind: 'invalid',
    en: {
      what: 'the manifests cannot be deployed ({count} to correct)',
      why: '{problems}',
      remedy: 'correct these places and deploy again',
    },
    es: {
      what: 'los manifiestos no se pueden desplegar ({count} por corregir)',
      why: '{problemas}',
      remedy: 'corregir estos lugares y desplegar de nuevo',
    },
  },
  'manifest.field-unknown': {
    kind: 'not-found',
    en: { what: 'Kubernetes has no field {field}', remedy: 'darsena explain{near}' },
    es: { what: 'Kubernetes no tiene el campo {field}', remedy: 'darsena explain{near}' },
  },
});

/**
 * Throws one fault that carries every problem in its details, as `{file, line, column, field, kind, text: {en, es}}`.
 * @throws Fault manifest.invalid when there is any
 */
export function refuseProblems(problems: readonly ManifestProblem[]): void {
  if (problems.length === 0) return;
  const say = (language: Language): string =>
    [
      ...problems.slice(0, SAID_MAX).map(({ file, line, column, field, text }) => {
        return `${file}:${line}:${column}${field === '' ? '' : ` ${field}`}: ${text[language]}`;
      }),
      ...(problems.length > SAID_MAX ? ['…'] : []),
    ].join('\n    ');
  throw manifestFault(
    'manifest.invalid',
    { count: problems.length, problems: say('en'), problemas: say('es') },
    { details: problems.map((problem) => ({ ...problem, text: { ...problem.text } })) as Json },
  );
}
