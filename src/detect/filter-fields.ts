import type { Filter, Operand } from './filter-ast.ts';
import type { FieldSource } from './transforms.ts';

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
