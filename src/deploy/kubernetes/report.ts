import type { Text } from '../../system/index.ts';
import { checkDocument } from './check.ts';
import { formatPath, type ManifestFile, readManifests } from './documents.ts';
import type { Treatment } from './schema.ts';

export interface FieldNote {
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

/**
 * Says of each field that stands in a file what would happen to it. Each document is judged alone: whether what it
 * refers to is there is found when the whole project is deployed.
 */
export function reportManifest(file: ManifestFile): FieldReport {
  const { documents, problems: unreadable } = readManifests([file]);
  const notes: FieldNote[] = [];
  const counts: Record<Treatment['kind'], number> = { enforced: 0, emulated: 0, refused: 0 };
  for (const document of documents) {
    const { fields, problems } = checkDocument(document);
    for (const { path, treatment } of fields) {
      counts[treatment.kind]++;
      if (treatment.kind !== 'emulated') continue;
      const { line, column } = document.locate(path);
      notes.push({ line, column, field: formatPath(path), treatment: 'emulated', text: treatment.how });
    }
    for (const { line, column, field, kind, text } of problems) {
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
