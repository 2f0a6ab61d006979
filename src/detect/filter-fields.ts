import type { Filter, Operand } from './filter-ast.ts';
import type { FieldSource } from './transforms.ts';

/** Names of the fields that a condition reads. */
export function fieldsOf<Event>(
  filter: Filter,
  fields: FieldSource<Event>,
): { name: string; argument: string | null; at: number }[] {
  const found: { name: string; argument: string | null; at: number }[] = [];
  const visitOperand = (operand: Operand): void => {
    if (operand.kind === 'field') found.push({ ...fields.normalize(operand.name, operand.argument), at: operand.at });
    if (operand.kind === 'transform') operand.operands.forEach(visitOperand);
    if (operand.kind === 'list') operand.items.forEach(visitOperand);
  };
  const visit = (one: Filter): void => {
    if (one.kind === 'or' || one.kind === 'and') one.children.forEach(visit);
    if (one.kind === 'not') visit(one.child);
    if (one.kind === 'exists' || one.kind === 'check') visitOperand(one.left);
    if (one.kind === 'check') visitOperand(one.right);
  };
  visit(filter);
  return found;
}
