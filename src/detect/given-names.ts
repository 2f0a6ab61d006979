/**
 * Paths that only a program can give: `/proc/self/exe` is another file for each process, so what the kernel opened is never called
 * so. A condition that asks for such a name means the one that was given, as it does for Falco.
 */
import type { Filter, Operand } from './filter-ast.ts';

const PATH_FIELD = 'fd.name';
const GIVEN_FIELD = 'darsena.fd.given';
const OF_WHOEVER_ASKS = /^\/(?:proc\/(?:self|thread-self)|dev\/(?:fd|stdin|stdout|stderr))(?:\/|$)/;
const POSITIVE: ReadonlySet<string> = new Set([
  ...['=', 'in', 'startswith', 'pmatch', 'glob', 'iglob', 'contains', 'icontains', 'endswith', 'regex'],
]);

/** The same condition, in which comparisons of `fd.name` with such a name look at the given one as well. */
export function withGivenNames(filter: Filter): Filter {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const children = filter.children.map(withGivenNames);
      return children.every((child, at) => child === filter.children[at]) ? filter : { ...filter, children };
    }
    case 'not': {
      const child = withGivenNames(filter.child);
      return child === filter.child ? filter : { ...filter, child };
    }
    case 'check': {
      const { left, right, operator, at } = filter;
      if (left.kind !== 'field' || left.name !== PATH_FIELD || !POSITIVE.has(operator)) return filter;
      const items = (right.kind === 'list' ? right.items : [right]).filter(isGivenName);
      const [only] = items;
      if (only === undefined) return filter;
      const given = { ...left, name: GIVEN_FIELD };
      const asked: Operand = right.kind === 'list' ? { ...right, items } : only;
      return { kind: 'or', children: [filter, { ...filter, left: given, right: asked }], at };
    }
    default:
      return filter;
  }
}

function isGivenName(operand: Operand): boolean {
  return operand.kind === 'value' && OF_WHOEVER_ASKS.test(operand.text);
}
