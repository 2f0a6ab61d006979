/** What is no mistake in a condition and yet not what was meant, as Falco warns of it. */
import type { Filter, Operand } from './filter-ast.ts';
import { fieldsOfOperand } from './filter-fields.ts';
import type { FindingCode } from './rule-file.ts';
import type { FieldSource } from './transforms.ts';

export interface FilterWarning {
  readonly code: FindingCode;
  readonly message: string;
  readonly at: number;
  readonly hint: string;
}

const FIELD = /^[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z][a-zA-Z0-9_]*)+(?:\[[^\]]*\])?$/;
const TRANSFORMED = /^(?:tolower|toupper|b64|basename|len|join|concat|getopt|val)\(.*\)$/;
/** A byte as it is written in quotes. */
const BYTE_NUMBER = /\\x[0-9a-fA-F]{2}/;
const SPECIAL = /[.*+?|()[\]{}^$\\]/;
/** What stands around the text of a pattern that is no more than one of the cheaper operators. */
const AROUND = /^\^?(?:\.[*+?])?|(?:\.[*+?])?\$?$/g;

/** Fields that Falco warns of: calls are told when they end, and when they began is not told any more. */
const DEPRECATED: Readonly<Record<string, string>> = {
  'evt.dir': 'every call is told when it ends: "evt.dir = <" always holds, "evt.dir = >" never',
  ...Object.fromEntries(
    ['evt.latency', 'evt.latency.s', 'evt.latency.ns', 'evt.latency.human', 'evt.wait_latency'].map((name) => [
      name,
      'when a call began is not told, and so not how long it took',
    ]),
  ),
};

/** What stands in a condition or an output and is on its way out of the language. */
export function deprecatedIn<Event>(operand: Operand, fields: FieldSource<Event>): FilterWarning[] {
  return fieldsOfOperand(operand, fields).flatMap(({ name, at }) => {
    const hint = Object.hasOwn(DEPRECATED, name) ? DEPRECATED[name] : undefined;
    return hint === undefined
      ? []
      : [{ code: 'LOAD_DEPRECATED_ITEM' as const, message: `the field "${name}" is deprecated`, at, hint }];
  });
}

/** Of a condition whose macros were not put in: each of these is looked at by itself. */
export function warningsOf<Event>(filter: Filter, fields: FieldSource<Event>): FilterWarning[] {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.children.flatMap((child) => warningsOf(child, fields));
    case 'not':
      return warningsOf(filter.child, fields);
    case 'check': {
      const values = filter.right.kind === 'list' ? filter.right.items : [filter.right];
      return [
        ...deprecatedIn(filter.left, fields),
        ...deprecatedIn(filter.right, fields),
        ...values.flatMap((value) => warningsOfValue(value, filter.operator === 'regex', fields)),
      ];
    }
    case 'exists':
      return [...deprecatedIn(filter.left, fields), ...alwaysThere(filter.left)];
    default:
      return [];
  }
}

/** A variable of the environment that is not there is an empty one, as for Falco: whoever asks for it like this means another thing. */
function alwaysThere(left: Operand): FilterWarning[] {
  if (
    left.kind !== 'field' ||
    left.argument === null ||
    !/^proc\.a?env$/.test(left.name) ||
    /^\d+$/.test(left.argument)
  )
    return [];
  const name = `${left.name}[${left.argument}]`;
  const message = `"${name} exists" holds for every process whose environment is known`;
  return [{ code: 'LOAD_COMPILE_CONDITION', message, at: left.at, hint: `${name} != "" asks whether it has a value` }];
}

function warningsOfValue<Event>(value: Operand, isPattern: boolean, fields: FieldSource<Event>): FilterWarning[] {
  if (value.kind !== 'value') return [];
  const { text, at } = value;
  const plain = text.trim();
  const warn = (message: string, hint: string): FilterWarning[] => [
    { code: 'LOAD_COMPILE_CONDITION', message, at, hint },
  ];
  if (isPattern && !SPECIAL.test(text.replace(AROUND, '')))
    return warn(`the pattern "${text}" is plain text`, '"=", "startswith", "endswith" or "contains" is cheaper');
  if (!value.quoted && !isPattern && BYTE_NUMBER.test(text))
    return warn(`"${text}" has the letters of a byte's number, and not the byte`, 'in quotes it is the byte');
  if (TRANSFORMED.test(plain))
    return warn(
      `"${text}" is compared as text, and may be meant as a transformer`,
      'write it without quotes and blanks',
    );
  if (!FIELD.test(plain)) return [];
  const [, name = '', argument = null] = /^([^[]+)(?:\[(.*)\])?$/.exec(plain) ?? [];
  const asked = fields.normalize(name, argument);
  return fields.type(asked.name, asked.argument) === undefined
    ? []
    : warn(`"${text}" is compared as text, and may be meant as a field`, `val(${plain}) is the field`);
}
