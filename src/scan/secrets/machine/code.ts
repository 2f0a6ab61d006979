/**
 * Instructions of WebAssembly (core specification 2.0) as a typed tree. Values and statements are plain data; `module.ts`
 * makes the bytes of a module of them. Only what the search for credentials uses is here.
 */

export type ValueType = 'i32' | 'i64' | 'v128';

/** What leaves one value: its operands, then its opcode with what is written behind it. */
export interface Value<T extends ValueType = ValueType> {
  readonly type: T;
  readonly operands: readonly Value[];
  readonly opcode: readonly number[];
  readonly immediates: readonly number[];
}

export interface Local<T extends ValueType = ValueType> extends Value<T> {
  readonly index: number;
}

/** Where a branch goes: out of a block, or to the start of a loop. */
export interface Label {
  readonly name: string;
}

export type Statement =
  | { readonly kind: 'do'; readonly operands: readonly Value[]; readonly code: readonly number[] }
  | { readonly kind: 'block' | 'loop'; readonly label: Label; readonly body: readonly Statement[] }
  | {
      readonly kind: 'if';
      readonly condition: Value<'i32'>;
      readonly then: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | { readonly kind: 'branch'; readonly label: Label; readonly condition: Value<'i32'> | null };

/** A whole number in LEB128 (5.2.2), signed. */
export function signed(value: number | bigint): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; ) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const isLast = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
}

export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest === 0 ? low : low | 0x80);
    if (rest === 0) return bytes;
  }
}

const VECTOR = 0xfd;

function value<T extends ValueType>(
  type: T,
  opcode: readonly number[],
  operands: readonly Value[],
  immediates: readonly number[] = [],
): Value<T> {
  return { type, operands, opcode, immediates };
}

type I32 = Value<'i32'>;
type I64 = Value<'i64'>;
type V128 = Value<'v128'>;

export const i32 = (number: number): I32 => value('i32', [0x41], [], signed(number | 0));
export const i64 = (number: bigint): I64 => value('i64', [0x42], [], signed(BigInt.asIntN(64, number)));
/** Sixteen times the same byte. */
export const bytes16 = (byte: number): V128 =>
  value(
    'v128',
    [VECTOR, 0x0c],
    [],
    Array.from({ length: 16 }, () => byte),
  );

const binary32 =
  (opcode: number) =>
  (a: I32, b: I32): I32 =>
    value('i32', [opcode], [a, b]);
const binary64 =
  (opcode: number) =>
  (a: I64, b: I64): I64 =>
    value('i64', [opcode], [a, b]);
const binary128 =
  (opcode: number) =>
  (a: V128, b: V128): V128 =>
    value('v128', [VECTOR, ...unsigned(opcode)], [a, b]);

// Comparisons of whole numbers without a sign, but for the one that is named so.
export const isZero = (a: I32): I32 => value('i32', [0x45], [a]);
export const lessSigned = binary32(0x48);
export const less = binary32(0x49);
export const more = binary32(0x4b);
export const atLeast = binary32(0x4f);
export const add = binary32(0x6a);
export const subtract = binary32(0x6b);
export const and = binary32(0x71);
export const shiftLeft = binary32(0x74);
export const zerosBehind = (a: I32): I32 => value('i32', [0x68], [a]);
export const onesIn = (a: I32): I32 => value('i32', [0x69], [a]);

export const isZero64 = (a: I64): I32 => value('i32', [0x50], [a]);
export const subtract64 = binary64(0x7d);
export const and64 = binary64(0x83);
export const or64 = binary64(0x84);
export const shiftLeft64 = binary64(0x86);
export const shiftRight64 = binary64(0x88);
export const zerosBehind64 = (a: I64): I64 => value('i64', [0x7a], [a]);
export const low32 = (a: I64): I32 => value('i32', [0xa7], [a]);
export const extend64 = (a: I32): I64 => value('i64', [0xad], [a]);

/** Any alignment is right (2.4.7); the one that is stated is a hint for the engine. */
const memory = (offset: number): number[] => [0, ...unsigned(offset)];
export const load8 = (address: I32, offset = 0): I32 => value('i32', [0x2d], [address], memory(offset));
export const load16 = (address: I32, offset = 0): I32 => value('i32', [0x2f], [address], memory(offset));
export const load32 = (address: I32, offset = 0): I32 => value('i32', [0x28], [address], memory(offset));
export const load128 = (address: I32, offset = 0): V128 => value('v128', [VECTOR, 0x00], [address], memory(offset));

export const all8 = (a: I32): V128 => value('v128', [VECTOR, 0x0f], [a]);
/** Of each byte of `at` below 16 the byte of `table` there; of others nothing. */
export const pick8 = binary128(0x0e);
export const and128 = binary128(0x4e);
export const equal8 = binary128(0x23);
export const differ8 = binary128(0x24);
export const shiftRight16 = (a: V128, bits: I32): V128 => value('v128', [VECTOR, 0x8d, 0x01], [a, bits]);
/** The upper bit of each of sixteen bytes. */
export const upperBits8 = (a: V128): I32 => value('i32', [VECTOR, 0x64], [a]);

export function local<T extends ValueType>(type: T, index: number): Local<T> {
  return { ...value(type, [0x20], [], unsigned(index)), index };
}

export const set = <T extends ValueType>({ index }: Local<T>, to: Value<T>): Statement => ({
  kind: 'do',
  operands: [to],
  code: [0x21, ...unsigned(index)],
});
/** `at += by`. */
export const increase = (at: Local<'i32'>, by: I32): Statement => set(at, add(at, by));
export const store32 = (address: I32, what: I32, offset = 0): Statement => ({
  kind: 'do',
  operands: [address, what],
  code: [0x36, ...memory(offset)],
});
export const giveBack = (what: Value): Statement => ({ kind: 'do', operands: [what], code: [0x0f] });

export function block(name: string, body: (out: Label) => readonly Statement[]): Statement {
  const label = { name };
  return { kind: 'block', label, body: body(label) };
}

/** Ends when its body does, unless that branches to its start. */
export function loop(name: string, body: (again: Label) => readonly Statement[]): Statement {
  const label = { name };
  return { kind: 'loop', label, body: body(label) };
}

export const branch = (label: Label): Statement => ({ kind: 'branch', label, condition: null });
export const branchIf = (condition: I32, label: Label): Statement => ({ kind: 'branch', label, condition });
export const when = (condition: I32, then: readonly Statement[], otherwise: readonly Statement[] = []): Statement => ({
  kind: 'if',
  condition,
  then,
  otherwise,
});
