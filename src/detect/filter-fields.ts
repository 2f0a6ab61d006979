import type { Filter, Operand } from './filter-ast.ts';
import type { FieldSource } from './transforms.ts';

const NAME_FIELDS: ReadonlySet<string> = new Set(['fd.sip.name', 'fd.cip.name', 'fd.lip.name', 'fd.rip.name']);
/** A name of the DNS; an address is none. */
const HOST_NAME = /^(?=.{1,253}$)(?=.*[a-z])[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*\.?$/i;

/** The names of hosts that a condition compares addresses with: where they lead has to be looked up. */
export function hostNamesOf(filter: Filter): string[] {
  const found = new Set<string>();
  const visit = (one: Filter): void => {
    if (one.kind === 'or' || one.kind === 'and') one.children.forEach(visit);
    if (one.kind === 'not') visit(one.child);
    if (one.kind !== 'check' || one.left.kind !== 'field' || !NAME_FIELDS.has(one.left.name)) return;
    for (const value of one.right.kind === 'list' ? one.right.items : [one.right]) {
      if (value.kind === 'value' && HOST_NAME.test(value.text)) found.add(value.text);
    }
  };
  visit(filter);
  return [...found];
}

/** Names of the fields that a condition reads. */
export function fieldsOf<Event>(
  filter: Filter,
  fields: FieldSource<Event>,
): { name: string; argument: string | null; at: number }[] {
  const found: { name: string; argument: string | null; at: number }[] = [];
  const visitOperand = (operand: Operand): void => void found.push(...fieldsOfOperand(operand, fields));
  const visit = (one: Filter): void => {
    if (one.kind === 'or' || one.kind === 'and') one.children.forEach(visit);
    if (one.kind === 'not') visit(one.child);
    if (one.kind === 'exists' || one.kind === 'check') visitOperand(one.left);
    if (one.kind === 'check') visitOperand(one.right);
  };
  visit(filter);
  return found;
}

/** The same of one side of a comparison. */
export function fieldsOfOperand<Event>(
  operand: Operand,
  fields: FieldSource<Event>,
): { name: string; argument: string | null; at: number }[] {
  switch (operand.kind) {
    case 'field':
      return [{ ...fields.normalize(operand.name, operand.argument), at: operand.at }];
    case 'transform':
      return operand.operands.flatMap((one) => fieldsOfOperand(one, fields));
    case 'list':
      return operand.items.flatMap((one) => fieldsOfOperand(one, fields));
    case 'value':
      return [];
  }
}
