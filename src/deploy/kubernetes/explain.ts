import type { Text } from '../../system/index.ts';
import { KINDS } from './kinds.ts';
import type { Field, Shape, Treatment } from './schema.ts';

export interface ExplainedField {
  /** As `Deployment.spec.template.spec.containers[].image`. */
  readonly path: string;
  readonly treatment: Treatment['kind'];
  /** How it is emulated or why it is refused; null for an enforced field. */
  readonly note: Text | null;
  readonly required: boolean;
  /** What may be written, in a word or two. */
  readonly type: string;
}

/** Every known field of every kind, in the order of the schema: what the manual and `explain` show. */
export function listFields(): ExplainedField[] {
  return KINDS.flatMap(({ kind, shape }) => walk(kind, shape));
}

/** The field at a path and what is below it; empty when there is none. */
export function explainField(path: string): ExplainedField[] {
  const plain = path.replace(/\[\d*\]/g, '');
  return listFields().filter((field) => {
    const known = field.path.replaceAll('[]', '');
    return known === plain || known.startsWith(`${plain}.`);
  });
}

function walk(path: string, shape: Shape): ExplainedField[] {
  if (shape.kind === 'list') return walk(`${path}[]`, shape.item);
  if (shape.kind !== 'object') return [];
  return Object.entries(shape.fields).flatMap(([name, field]) => {
    const inner = `${path}.${name}`;
    return [describe(inner, field), ...walk(inner, field.shape)];
  });
}

function describe(path: string, field: Field): ExplainedField {
  const { treatment } = field;
  const note = treatment.kind === 'emulated' ? treatment.how : treatment.kind === 'refused' ? treatment.why : null;
  return { path, treatment: treatment.kind, note, required: field.required, type: typeOf(field.shape) };
}

function typeOf(shape: Shape): string {
  switch (shape.kind) {
    case 'list':
      return `list of ${typeOf(shape.item)}`;
    case 'choice':
      return shape.values.join(' | ');
    case 'integer':
      return `integer ${shape.least}…${shape.most}`;
    case 'map':
      return `map of ${typeOf(shape.value)}`;
    default:
      return shape.kind;
  }
}
