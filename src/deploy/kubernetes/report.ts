import type { Json, Text } from '../../system/index.ts';
import { checkDocument } from './check.ts';
import {
  type FieldPath,
  formatPath,
  helmHookOf,
  identify,
  type ManifestDocument,
  type ManifestFile,
  readManifests,
} from './documents.ts';
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
  const { documents, owned, untimely, problems: unreadable } = readManifests([file]);
  const notes: FieldNote[] = [];
  const counts: Record<Treatment['kind'], number> = { enforced: 0, emulated: 0, refused: 0 };
  for (const document of documents) {
    const checked = checkDocument(document);
    const { fields, problems } = checked;
    for (const { path, treatment, within } of fields) {
      counts[treatment.kind]++;
      if (treatment.kind !== 'emulated' || within) continue;
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
  for (const { document, owner } of owned) {
    const { line, column } = document.locate(['metadata', 'ownerReferences']);
    const { kind, name } = identify(document.value);
    counts.emulated++;
    notes.push({
      line,
      column,
      field: 'metadata.ownerReferences',
      treatment: 'emulated',
      text: {
        en: `${kind} ${name} is left out: ${owner}, which stands here as well, makes it anew`,
        es: `${kind} ${name} se omite: ${owner}, que también está aquí, lo hace de nuevo`,
      },
    });
  }
  for (const document of [...documents, ...untimely]) {
    const said = sayHook(document);
    if (said === null) continue;
    const { line, column } = document.locate(HOOK_PATH);
    counts.emulated++;
    notes.push({ line, column, field: formatPath(HOOK_PATH), treatment: 'emulated', text: said.text });
  }
  for (const { line, column, field, text } of unreadable) {
    notes.push({ line, column, field, treatment: 'wrong', text });
  }
  notes.sort((one, other) => one.line - other.line || one.column - other.column);
  return { file: file.path, documents: documents.length + owned.length + untimely.length, ...counts, notes };
}

const HOOK_PATH: FieldPath = ['metadata', 'annotations', 'helm.sh/hook'];

/** What becomes of an object to which Helm gives a time of its own; null where it gives none. */
function sayHook(document: ManifestDocument): { readonly isLeftOut: boolean; readonly text: Text } | null {
  const hook = helmHookOf(document.value);
  if (hook === null) return null;
  const { kind, name } = identify(document.value);
  const { written, isLeftOut } = hook;
  if (isLeftOut)
    return {
      isLeftOut,
      text: {
        en: `${kind} ${name} is left out: a hook of Helm (${written}), which neither an install nor an upgrade makes`,
        es: `${kind} ${name} se omite: un hook de Helm (${written}), que no se crea al instalar ni al actualizar`,
      },
    };
  return {
    isLeftOut,
    text: {
      en: `${kind} ${name}: a hook of Helm (${written}); here it comes with everything else, in no order: what others have to wait for is an init container of theirs`,
      es: `${kind} ${name}: un hook de Helm (${written}); aquí llega con todo lo demás, sin orden: aquello que otros deben esperar es un initContainer suyo`,
    },
  };
}

function valueAt(value: Json, path: FieldPath): Json {
  let found: Json | undefined = value;
  for (const part of path) {
    if (typeof found !== 'object' || found === null) return null;
    found = Reflect.get(found, part) as Json | undefined;
  }
  return found ?? null;
}

/**
 * What a deploy leaves aside because a cluster wrote it and not an author, in one sentence a file, what asks for nothing
 * though it is written, and what Helm would make at a time of its own; nothing where all is an author's own.
 */
export function remarkRecords(files: readonly ManifestFile[]): Text[] {
  const { documents, owned, untimely } = readManifests(files);
  const recorded = new Map<string, Set<string>>();
  const left = new Map<string, string[]>();
  const meant: Text[] = [];
  for (const document of documents) {
    const { file } = document.locate([]);
    const hook = sayHook(document)?.text;
    if (hook !== undefined) meant.push({ en: `${file}: ${hook.en}`, es: `${file}: ${hook.es}` });
    const { kind, fields } = checkDocument(document);
    for (const { path, aside, treatment } of kind === null ? [] : fields) {
      if (aside === undefined || treatment.kind !== 'emulated') continue;
      if (aside === 'nothing') {
        const at = `${file}: ${kind?.kind}.${formatPath(path)}`;
        meant.push({ en: `${at}: ${treatment.how.en}`, es: `${at}: ${treatment.how.es}` });
        continue;
      }
      const known = recorded.get(file) ?? new Set();
      recorded.set(file, known.add(`${kind?.kind}.${formatPath(path).replace(/\[\d+\]/g, '[]')}`));
    }
  }
  for (const { document, owner } of owned) {
    const { file } = document.locate([]);
    const { kind, name } = identify(document.value);
    left.set(file, [...(left.get(file) ?? []), `${kind} ${name} (${owner})`]);
  }
  const hooks = new Map<string, string[]>();
  for (const document of untimely) {
    const { file } = document.locate([]);
    const { kind, name } = identify(document.value);
    hooks.set(file, [...(hooks.get(file) ?? []), `${kind} ${name} (${helmHookOf(document.value)?.written})`]);
  }
  return [
    ...[...recorded].map(([file, names]) => ({
      en: `${file}: what another cluster wrote there is left aside: ${few([...names], 'more')}`,
      es: `${file}: lo que otro clúster escribió ahí se deja de lado: ${few([...names], 'más')}`,
    })),
    ...[...left].map(([file, names]) => ({
      en: `${file}: left out, as its owner makes it anew: ${few(names, 'more')}`,
      es: `${file}: se omite, pues su dueño lo hace de nuevo: ${few(names, 'más')}`,
    })),
    ...[...hooks].map(([file, names]) => ({
      en: `${file}: left out, as hooks of Helm that neither an install nor an upgrade makes: ${few(names, 'more')}`,
      es: `${file}: se omiten, por ser hooks de Helm que no se crean al instalar ni al actualizar: ${few(names, 'más')}`,
    })),
    ...meant.slice(0, REMARKED_MAX),
  ];
}

function few(names: readonly string[], more: string): string {
  const shown = names.slice(0, REMARKED_MAX).join(', ');
  return names.length > REMARKED_MAX ? `${shown} +${names.length - REMARKED_MAX} ${more}` : shown;
}

const REMARKED_MAX = 12;

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
