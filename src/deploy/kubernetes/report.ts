import type { Json, Text } from '../../system/index.ts';
import { checkDocument } from './check.ts';
import { type FieldPath, formatPath, type ManifestFile, readManifests } from './documents.ts';
import { runtimeOf } from './runtime-names.ts';
import type { Treatment } from './schema.ts';
import { judgeAlone } from './translate.ts';

export interface FieldNote {
  /** Of a report on several files. */
  readonly file?: string;
  readonly line: number;
  readonly column: number;
  readonly field: string;
  /** `wrong`: the value is not one Kubernetes takes, the name is unknown, or something is missing. */
  readonly treatment: 'emulated' | 'refused' | 'wrong';
  readonly text: Text;
}

/** What a deploy would do with the fields of one file. */
export interface FieldReport {
  readonly file: string;
  readonly documents: number;
  readonly enforced: number;
  readonly emulated: number;
  readonly refused: number;
  readonly notes: readonly FieldNote[];
}

/** A host, and why it has not each of the run-times that there are; null: it has it. */
export interface RuntimesOfHost {
  readonly name: string;
  readonly runtimes: readonly { readonly name: string; readonly missing: Text | null }[];
}

/**
 * Says of each field that stands in a file what would happen to it, and what a deploy would hold against its values. Each
 * document is judged alone: whether what it refers to is there is found when the whole project is deployed.
 * @param hosts whether a host has the run-time that is named; null: nobody was asked
 */
export function reportManifest(file: ManifestFile, hosts: readonly RuntimesOfHost[] | null = null): FieldReport {
  const { documents, problems: unreadable } = readManifests([file]);
  const notes: FieldNote[] = [];
  const counts: Record<Treatment['kind'], number> = { enforced: 0, emulated: 0, refused: 0 };
  for (const document of documents) {
    const checked = checkDocument(document);
    const { fields, problems } = checked;
    for (const { path, treatment } of fields) {
      counts[treatment.kind]++;
      if (treatment.kind !== 'emulated') continue;
      const { line, column } = document.locate(path);
      const missing = path.at(-1) === 'runtimeClassName' ? whyNowhere(valueAt(document.value, path), hosts) : null;
      if (missing !== null) {
        counts.emulated--;
        counts.refused++;
        notes.push({ line, column, field: formatPath(path), treatment: 'refused', text: missing });
        continue;
      }
      notes.push({ line, column, field: formatPath(path), treatment: 'emulated', text: treatment.how });
    }
    for (const { line, column, field, kind, text } of [...problems, ...judgeAlone(checked)]) {
      const refused = kind === 'refused';
      // A kind or a value that is refused is no field of its own, but it is not taken either.
      if (
        refused &&
        !fields.some(({ path, treatment }) => treatment.kind === 'refused' && formatPath(path) === field)
      ) {
        counts.refused++;
      }
      notes.push({ line, column, field, treatment: refused ? 'refused' : 'wrong', text });
    }
  }
  for (const { line, column, field, text } of unreadable) {
    notes.push({ line, column, field, treatment: 'wrong', text });
  }
  notes.sort((one, other) => one.line - other.line || one.column - other.column);
  return { file: file.path, documents: documents.length, ...counts, notes };
}

function valueAt(value: Json, path: FieldPath): Json {
  let found: Json | undefined = value;
  for (const part of path) {
    if (typeof found !== 'object' || found === null) return null;
    found = Reflect.get(found, part) as Json | undefined;
  }
  return found ?? null;
}

/** Why no host has the run-time, each with its reason; null when one has it or nobody was asked. */
function whyNowhere(value: Json, hosts: readonly RuntimesOfHost[] | null): Text | null {
  if (hosts === null || typeof value !== 'string') return null;
  const reasons: Text[] = [];
  for (const host of hosts) {
    const found = host.runtimes.find(({ name }) => name === runtimeOf(value));
    if (found?.missing === null) return null;
    const { en, es } = found?.missing ?? { en: 'it is not known there', es: 'allí no se conoce' };
    reasons.push({ en: `${host.name}: ${en}`, es: `${host.name}: ${es}` });
  }
  if (reasons.length === 0) return { en: 'no host tells of its run-times', es: 'ningún host dice qué entornos tiene' };
  const say = (language: 'en' | 'es'): string => reasons.map((one) => one[language]).join('; ');
  return { en: `no host has it: ${say('en')}`, es: `ningún host lo tiene: ${say('es')}` };
}
