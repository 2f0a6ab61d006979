/**
 * Most events have a process, a container and often a path that came a moment ago. What conditions say of one of these alone is
 * worked out once for each of them and kept as bits, one for each condition. An event then asks only the few that are left.
 */
import { Code, code } from './code.ts';
import type { Filter } from './filter-ast.ts';
import { fieldsOf } from './filter-fields.ts';
import { bitsOf, Generator, listOf, wordsOf } from './generator.ts';
import type { FieldSource } from './transforms.ts';

/** What an event may have in common with others. */
export interface SharedSubject<Event> {
  /** Fields that follow from the subject alone, as long as it is the same object with the same stamp. */
  readonly fields: ReadonlySet<string>;
  /** Null for what each event has by itself: it is asked before what costs more. */
  readonly kept: KeptSubject<Event> | null;
}

export interface KeptSubject<Event> {
  readonly of: (event: Event) => object | null;
  /** What may change in it. */
  readonly stamp: (event: Event) => unknown;
  /** Where what is known of it is kept, until another one comes to the place. */
  readonly place: (event: Event) => number;
  readonly places: number;
}

/** A condition that one subject decides, and whose it is. */
interface Part {
  readonly filter: Filter;
  readonly condition: number;
}

/** See `compileFilters`. Subjects are asked in their order. */
export function compileShared<Event>(
  filters: readonly (Filter | boolean)[],
  fields: FieldSource<Event>,
  subjects: readonly SharedSubject<Event>[],
): (event: Event) => number[] | null {
  const words = wordsOf(filters.length);
  const parts: Part[][] = subjects.map(() => []);
  const rest = filters.map((filter, condition): Filter | boolean => {
    if (typeof filter === 'boolean') return filter;
    const left = partsOf(filter).filter((part) => {
      const owner = ownerOf(part, fields, subjects);
      if (owner !== -1) parts[owner]?.push({ filter: part, condition });
      return owner === -1;
    });
    const [only] = left;
    if (only === undefined) return true;
    return left.length === 1 ? only : { kind: 'and', children: left, at: filter.at };
  });
  const sifters = subjects.flatMap(({ kept }, index) => {
    const own = parts[index] ?? [];
    return own.length === 0 ? [] : [makeSifter(own, kept, words, fields)];
  });
  const generator = new Generator(fields, rest);
  const ask = generator.buildMarked(rest.map((one) => generator.condition(one)));
  return build(sifters, ask, filters.length, words);
}

/** What must all hold. */
function partsOf(filter: Filter): readonly Filter[] {
  return filter.kind === 'and' ? filter.children.flatMap(partsOf) : [filter];
}

function ownerOf<Event>(filter: Filter, fields: FieldSource<Event>, subjects: readonly SharedSubject<Event>[]): number {
  const found = fieldsOf(filter, fields);
  if (found.length === 0) return -1;
  return subjects.findIndex((one) => found.every(({ name, argument }) => argument === null && one.fields.has(name)));
}

interface Sifter<Event> {
  readonly kept: KeptSubject<Event> | null;
  /** Of each place: the subject, its stamp, which conditions were tried, which of them held. */
  readonly subjects: unknown[];
  readonly stamps: unknown[];
  readonly known: Int32Array;
  readonly held: Int32Array;
  readonly sift: (event: Event, at: number, ...words: number[]) => void;
}

function makeSifter<Event>(
  parts: readonly Part[],
  kept: KeptSubject<Event> | null,
  words: number,
  fields: FieldSource<Event>,
): Sifter<Event> {
  const generator = new Generator(
    fields,
    parts.map(({ filter }) => filter),
  );
  const alike = new Map<string, { filter: Filter; words: number[] }>();
  for (const { filter, condition } of parts) {
    const bits = bitsOf(condition, words);
    const before = alike.get(generator.key(filter));
    if (before === undefined) alike.set(generator.key(filter), { filter, words: bits });
    else before.words = before.words.map((word, i) => word | (bits[i] ?? 0));
  }
  const places = kept?.places ?? 1;
  const known = new Int32Array(places * words);
  const held = new Int32Array(places * words);
  const tests = [...alike.values()].map((one) => ({ test: generator.condition(one.filter), words: one.words }));
  return {
    kept,
    subjects: new Array<unknown>(kept === null ? 0 : places).fill(undefined),
    stamps: new Array<unknown>(kept === null ? 0 : places).fill(undefined),
    known,
    held,
    sift: generator.buildSifter(tests, known, held),
  };
}

function build<Event>(
  sifters: readonly Sifter<Event>[],
  ask: (event: Event, ...words: number[]) => number[] | null,
  conditions: number,
  words: number,
): (event: Event) => number[] | null {
  const marks = listOf(words, 'm');
  const asked = listOf(words, 'n');
  const none = code`if((${Code.join(marks, '|')})===0)return null;`;
  const all = marks.map((_, place) => {
    let bits = 0;
    for (let i = 0; i < conditions; i++) bits |= bitsOf(i, words)[place] ?? 0;
    return bits;
  });
  const heads = sifters.flatMap(({ kept }, i) => [
    code`const ${Code.name('sift', i)}=list[${i}].sift,${Code.name('known', i)}=list[${i}].known,${Code.name('held', i)}=list[${i}].held;`,
    ...(kept === null
      ? []
      : [
          code`const ${Code.name('of', i)}=list[${i}].kept.of,${Code.name('stamp', i)}=list[${i}].kept.stamp,${Code.name('place', i)}=list[${i}].kept.place;`,
          code`const ${Code.name('subjects', i)}=list[${i}].subjects,${Code.name('stamps', i)}=list[${i}].stamps;`,
        ]),
  ]);
  const steps = sifters.flatMap(({ kept }, i) => {
    const [known, held] = [Code.name('known', i), Code.name('held', i)];
    const forget = marks.map((_, w) => code`${known}[at+${w}]=0;${held}[at+${w}]=0;`);
    const find =
      kept === null
        ? [code`{const at=0;`, ...forget]
        : [
            code`{const p=${Code.name('place', i)}(e),at=p*${words},s=${Code.name('of', i)}(e),t=${Code.name('stamp', i)}(e);`,
            code`if(${Code.name('subjects', i)}[p]!==s||${Code.name('stamps', i)}[p]!==t){`,
            code`${Code.name('subjects', i)}[p]=s;${Code.name('stamps', i)}[p]=t;`,
            ...forget,
            code`}`,
          ];
    return [
      ...find,
      code`const ${Code.join(
        asked.map((name, w) => code`${name}=${marks[w] ?? ''}&~${known}[at+${w}]`),
        ',',
      )};`,
      code`if((${Code.join(asked, '|')})!==0)${Code.name('sift', i)}(e,at,${Code.join(asked, ',')});`,
      ...marks.map((name, w) => code`${name}&=${held}[at+${w}];`),
      code`}`,
      none,
    ];
  });
  const text = [
    ...heads,
    code`return function match(e){`,
    ...marks.map((name, w) => code`let ${name}=${all[w] ?? 0};`),
    ...steps,
    code`return ask(e,${Code.join(marks, ',')});}`,
  ].join('\n');
  return new Function('list', 'ask', `"use strict";\n${text}`)(sifters, ask) as (event: Event) => number[] | null;
}
