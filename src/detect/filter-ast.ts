/** The tree of a condition. Plain frozen data; positions are character offsets in the condition's text. */

import { Hints, type Meant } from './hint.ts';

export type UnaryOperator = 'exists';
export type NumberOperator = '<' | '<=' | '>' | '>=';
export type TextOperator =
  | '='
  | '!='
  | 'glob'
  | 'iglob'
  | 'contains'
  | 'icontains'
  | 'bcontains'
  | 'startswith'
  | 'bstartswith'
  | 'endswith'
  | 'regex';
export type ListOperator = 'in' | 'intersects' | 'pmatch';
export type BinaryOperator = NumberOperator | TextOperator | ListOperator;
/** How many of the values on the right must satisfy the operator: at least one, all of them, exactly one. */
export type Quantifier = 'anyof' | 'allof' | 'oneof';

export type Operand =
  | { readonly kind: 'field'; readonly name: string; readonly argument: string | null; readonly at: number }
  | {
      readonly kind: 'transform';
      readonly name: TransformName;
      readonly operands: readonly Operand[];
      readonly argument: string | null;
      readonly at: number;
    }
  | { readonly kind: 'value'; readonly text: string; readonly quoted: boolean; readonly at: number }
  | { readonly kind: 'list'; readonly items: readonly Operand[]; readonly at: number };

export type TransformName = 'tolower' | 'toupper' | 'b64' | 'basename' | 'len' | 'join' | 'concat' | 'getopt' | 'val';

export type Filter =
  | { readonly kind: 'or'; readonly children: readonly Filter[]; readonly at: number }
  | { readonly kind: 'and'; readonly children: readonly Filter[]; readonly at: number }
  | { readonly kind: 'not'; readonly child: Filter; readonly at: number }
  | { readonly kind: 'macro'; readonly name: string; readonly at: number }
  | { readonly kind: 'exists'; readonly left: Operand; readonly at: number }
  | {
      readonly kind: 'check';
      readonly left: Operand;
      readonly operator: BinaryOperator;
      readonly quantifier: Quantifier | null;
      readonly right: Operand;
      readonly at: number;
    };

/** What is wrong with a condition, and where in its text. */
export class FilterError extends Error {
  readonly at: number;
  readonly #meant: string | Meant | undefined;
  constructor(message: string, at: number, meant?: string | Meant) {
    super(message);
    this.name = 'FilterError';
    this.at = at;
    this.#meant = meant;
  }

  /** What was perhaps meant. */
  get hint(): string | undefined {
    return this.hintOf(new Hints());
  }

  /** In a text that has so much before it. */
  moved(by: number): FilterError {
    return new FilterError(this.message, this.at + by, this.#meant);
  }

  /** The same, as one of many: all of them share a bound. */
  hintOf(hints: Hints): string | undefined {
    return typeof this.#meant === 'object' ? hints.for(this.#meant) : this.#meant;
  }
}

/** A condition that stands by itself has no macros to put in. @throws FilterError */
export function requireNoMacro(filter: Filter): void {
  if (filter.kind === 'macro') throw new FilterError(`the macro "${filter.name}" is not defined`, filter.at);
  if (filter.kind === 'not') requireNoMacro(filter.child);
  if (filter.kind === 'and' || filter.kind === 'or') filter.children.forEach(requireNoMacro);
}
