import type { Text } from '../../system/index.ts';
import { KINDS } from './kinds/index.ts';
import { membersOf, OPENAPI_KINDS } from './openapi/index.ts';
import type { Field, Kind, Shape, Treatment } from './schema.ts';
import { nearestName } from './suggest.ts';

export interface ExplainedField {
  /** As `Deployment.spec.template.spec.containers[].image`. */
  readonly path: string;
  readonly treatment: Treatment['kind'];
  /** How it is emulated or why it is refused; null for an enforced field. */
  readonly note: Text | null;
  readonly required: boolean;
  /** What may be written, in a word or two. */
  readonly type: string;
  /** The field above it whose decision it shares; null where the decision is its own. */
  readonly within: string | null;
}

/** Every field that Kubernetes has in these kinds, in the order of the schema: what the manual and `explain` show. */
export function listFields(): ExplainedField[] {
  return KINDS.flatMap((kind) => listKind(kind).fields);
}

/** Paths of Kubernetes for which nobody decided anything: a test keeps this empty. */
export function listUndecided(): string[] {
  return KINDS.flatMap((kind) => listKind(kind).undecided);
}

function listKind(kind: Kind): Walk {
  const walk: Walk = { fields: [], undecided: [] };
  const definition = OPENAPI_KINDS[kind.kind]?.[1];
  walkMembers(walk, kind.kind, definition ?? '', kind.shape, null);
  return walk;
}

/** As kubectl has them, of the kinds that are taken. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  po: 'pod',
  deploy: 'deployment',
  sts: 'statefulset',
  ds: 'daemonset',
  cj: 'cronjob',
  svc: 'service',
  ing: 'ingress',
  netpol: 'networkpolicy',
  cm: 'configmap',
  pvc: 'persistentvolumeclaim',
  hpa: 'horizontalpodautoscaler',
  vpa: 'verticalpodautoscaler',
  pdb: 'poddisruptionbudget',
  sa: 'serviceaccount',
  ns: 'namespace',
};

/** The kind that a short name or a plural means: `svc`, `pods`, `ingresses`, `networkpolicies`. */
function fullName(written: string): string {
  const known = (name: string): boolean => KINDS.some(({ kind }) => kind.toLowerCase() === name);
  const short = Object.hasOwn(SHORT_NAMES, written) ? SHORT_NAMES[written] : undefined;
  if (short !== undefined || known(written)) return short ?? written;
  const singular = [written.replace(/ies$/, 'y'), written.replace(/es$/, ''), written.replace(/s$/, '')];
  return singular.find(known) ?? written;
}

/**
 * The field at a path and what is below it; empty when there is none. The kind may be written in any case and with or
 * without indices: `deployment.spec.template.spec.containers[0].livenessProbe`.
 */
export function explainField(path: string): ExplainedField[] {
  const [written = '', ...rest] = path
    .replace(/\[\d*\]/g, '')
    .toLowerCase()
    .split('.');
  const plain = [fullName(written), ...rest].join('.');
  const kind = KINDS.find((one) => one.kind.toLowerCase() === plain.split('.')[0]);
  if (kind === undefined) return [];
  return listKind(kind).fields.filter((field) => {
    const known = field.path.replaceAll('[]', '').toLowerCase();
    return known === plain || known.startsWith(`${plain}.`);
  });
}

/** The path that was probably meant by one that `explainField` does not know; null when none is near. */
export function suggestField(path: string): string | null {
  const parts = path.replace(/\[\d*\]/g, '').split('.');
  const kind = nearestName(
    parts[0] ?? '',
    KINDS.map((one) => one.kind),
  );
  if (kind === null) return null;
  const known = listKind(KINDS.find((one) => one.kind === kind) as Kind).fields.map((field) =>
    field.path.replaceAll('[]', ''),
  );
  let found = kind;
  for (const part of parts.slice(1)) {
    const members = known.flatMap((one) => {
      const rest = one.startsWith(`${found}.`) ? one.slice(found.length + 1) : '';
      return rest === '' || rest.includes('.') ? [] : [rest];
    });
    const near = nearestName(part, members);
    if (near === null) break;
    found = `${found}.${near}`;
  }
  return found;
}

interface Walk {
  readonly fields: ExplainedField[];
  readonly undecided: string[];
}

interface Above {
  readonly path: string;
  readonly field: Field;
}

function walkMembers(walk: Walk, path: string, type: string, shape: Shape | null, above: Above | null): void {
  const members = membersOf(type)?.fields ?? {};
  const inner = shape === null ? null : innerShape(shape);
  const own = inner?.kind === 'object' ? inner.fields : {};
  const names = new Set([...Object.keys(own), ...Object.keys(members)]);
  for (const name of names) {
    const memberType = Object.hasOwn(members, name) ? (members[name] ?? '') : '';
    const field = above?.field ?? (Object.hasOwn(own, name) ? own[name] : undefined);
    const at = `${path}.${name}`;
    if (field === undefined) {
      walk.undecided.push(at);
      continue;
    }
    walk.fields.push(describe(at, field, memberType, above));
    // What is refused, or taken whole, takes everything in it along.
    const whole = field.treatment.kind === 'refused' || field.shape.kind === 'anything';
    const below = above ?? (whole ? { path: at, field } : null);
    const isList = memberType === '' ? field.shape.kind === 'list' : memberType.startsWith('[]');
    walkMembers(walk, isList ? `${at}[]` : at, memberType, below === null ? field.shape : null, below);
  }
}

/** What is written inside a list or a map is decided by the shape of its entries. */
function innerShape(shape: Shape): Shape {
  if (shape.kind === 'list') return innerShape(shape.item);
  if (shape.kind === 'map') return innerShape(shape.value);
  return shape;
}

function describe(path: string, field: Field, type: string, above: Above | null): ExplainedField {
  const { treatment } = field;
  const own = treatment.kind === 'emulated' ? treatment.how : treatment.kind === 'refused' ? treatment.why : null;
  const note = withRecorded(own, field);
  return {
    path,
    treatment: treatment.kind,
    note,
    required: above === null && field.required,
    type: treatment.kind === 'refused' ? type.replace('!', '') : typeOf(field.shape),
    within: above?.path ?? null,
  };
}

/** What is taken for the record of a server, after what holds otherwise. */
function withRecorded(note: Text | null, { recorded: own, shape, treatment }: Field): Text | null {
  const entries = shape.kind === 'list' ? shape.recorded : undefined;
  const recorded = own ?? (entries === undefined ? undefined : { how: entries.how, marked: true });
  if (recorded === undefined || (treatment.kind === 'emulated' && note?.en === recorded.how.en)) return note;
  const { how, marked } = recorded;
  if (note?.en === how.en) return note;
  const [en, es] = marked ? ['read from a cluster: ', 'leído de un clúster: '] : ['', ''];
  const [before, antes] = note === null ? ['', ''] : [`${note.en}; `, `${note.es}; `];
  return { en: `${before}${en}${how.en}`, es: `${antes}${es}${how.es}` };
}

/** What may be written, in a word or two. */
export function typeOf(shape: Shape): string {
  switch (shape.kind) {
    case 'list':
      return `list of ${typeOf(shape.item)}`;
    case 'choice':
      return shape.values.filter((value) => value !== '').join(' | ');
    case 'integer':
      return `integer ${shape.least}…${shape.most}`;
    case 'map':
      return `map of ${typeOf(shape.value)}`;
    default:
      return shape.kind;
  }
}
