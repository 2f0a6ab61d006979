import { PROGRAM_MAX } from './limits.ts';
import { type Assertion, type ByteSet, type Pattern, PatternError } from './syntax.ts';

/** Takes one byte of a set, or goes on without one. `split` prefers `out`. */
export type Instruction =
  | { readonly op: 'set'; readonly set: ByteSet; readonly out: number }
  | { readonly op: 'split'; readonly out: number; readonly other: number }
  | { readonly op: 'assert'; readonly what: Assertion; readonly out: number }
  | { readonly op: 'save'; readonly slot: number; readonly out: number }
  | { readonly op: 'match' };

export interface Program {
  readonly code: readonly Instruction[];
  readonly start: number;
  readonly direction: 'forward' | 'backward';
}

/**
 * Thompson's construction. Backward, it matches the same texts read from their end.
 *
 * @throws PatternError when it becomes larger than allowed
 */
export function compileProgram(pattern: Pattern, direction: Program['direction']): Program {
  const code: Instruction[] = [{ op: 'match' }];
  const emit = (instruction: Instruction): number => {
    if (code.length >= PROGRAM_MAX) {
      throw new PatternError(`the pattern needs more than ${PROGRAM_MAX} instructions`, 0);
    }
    return code.push(instruction) - 1;
  };

  /** Emits what matches `node` and then goes on at `next`; answers where it starts. */
  function build(node: Pattern, next: number): number {
    switch (node.kind) {
      case 'empty':
        return next;
      case 'set':
        return emit({ op: 'set', set: node.set, out: next });
      case 'assert':
        return emit({ op: 'assert', what: node.what, out: next });
      case 'concat': {
        const parts = direction === 'forward' ? node.parts.toReversed() : node.parts;
        return parts.reduce((after, part) => build(part, after), next);
      }
      case 'choice':
        return node.parts
          .slice(0, -1)
          .reduceRight(
            (other, part) => emit({ op: 'split', out: build(part, next), other }),
            build(node.parts.at(-1) as Pattern, next),
          );
      case 'group': {
        if (direction === 'backward') return build(node.of, next);
        const end = emit({ op: 'save', slot: node.index * 2 + 1, out: next });
        return emit({ op: 'save', slot: node.index * 2, out: build(node.of, end) });
      }
      case 'repeat':
        return buildRepeat(node, next);
    }
  }

  function buildRepeat({ of, min, max, greedy }: Pattern & { kind: 'repeat' }, next: number): number {
    const fork = (into: number, past: number): Instruction =>
      greedy ? { op: 'split', out: into, other: past } : { op: 'split', out: past, other: into };
    let at = next;
    let copies = min;
    if (max === Number.POSITIVE_INFINITY) {
      const loop = emit({ op: 'split', out: next, other: next });
      const entry = build(of, loop);
      code[loop] = fork(entry, next);
      // x* as (x+)?, as RE2 has it: the same, but for an x that may take nothing.
      at = min === 0 ? emit(fork(entry, next)) : entry;
      copies = Math.max(min - 1, 0);
    } else {
      for (let count = min; count < max; count++) at = emit(fork(build(of, at), next));
    }
    for (let count = 0; count < copies; count++) at = build(of, at);
    return at;
  }

  const start = build(pattern, 0);
  return { code, start, direction };
}
