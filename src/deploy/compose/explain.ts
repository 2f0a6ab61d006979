import type { ExplainedField } from '../kubernetes/explain.ts';
import { typeOf } from '../kubernetes/explain.ts';
import type { Field, Shape } from '../kubernetes/schema.ts';
import { COMPOSE } from './fields.ts';

/** Every field of a Compose file with its decision, in the order of the table. */
export function listComposeFields(): ExplainedField[] {
  return walk('Compose', COMPOSE);
}

/** The field at a path and what is below it, as `compose.services.ports`; names of services are left out. */
export function explainComposeField(path: string): ExplainedField[] {
  const plain = path.replace(/\[\d*\]/g, '').toLowerCase();
  return listComposeFields().filter((field) => {
    const known = field.path.replaceAll('[]', '').toLowerCase();
    return known === plain || known.startsWith(`${plain}.`);
  });
}

function walk(path: string, shape: Shape): ExplainedField[] {
  if (shape.kind === 'list') return walk(`${path}[]`, shape.item);
  if (shape.kind === 'map') return walk(path, shape.value);
  if (shape.kind !== 'object') return [];
  return Object.entries(shape.fields).flatMap(([name, field]) => {
    const at = `${path}.${name}`;
    return [describe(at, field), ...(field.treatment.kind === 'refused' ? [] : walk(at, field.shape))];
  });
}

function describe(path: string, { treatment, required, shape }: Field): ExplainedField {
  return {
    path,
    treatment: treatment.kind,
    note: treatment.kind === 'emulated' ? treatment.how : treatment.kind === 'refused' ? treatment.why : null,
    required,
    type: treatment.kind === 'refused' ? '' : typeOf(shape),
    within: null,
  };
}
