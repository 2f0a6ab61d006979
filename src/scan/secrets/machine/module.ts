import { type Label, type Local, local, type Statement, unsigned, type Value, type ValueType } from './code.ts';

/** A function of a module, whose name it is exported under. It works on numbers and on the memory that it is given. */
export interface FunctionBody {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly result: ValueType | null;
  readonly locals: readonly ValueType[];
  readonly body: readonly Statement[];
}

/** What a function has to work with: its parameters, and as many locals as it asks for. */
export interface Frame {
  readonly params: readonly Local<'i32'>[];
  local<T extends ValueType>(type: T): Local<T>;
}

/** A function of whole numbers; its body gives back one where it has a result. */
export function define(
  name: string,
  params: number,
  result: 'i32' | null,
  write: (frame: Frame) => readonly Statement[],
): FunctionBody {
  const locals: ValueType[] = [];
  const body = write({
    params: Array.from({ length: params }, (_, index) => local('i32', index)),
    local: (type) => local(type, params + locals.push(type) - 1),
  });
  return { name, params: Array.from({ length: params }, () => 'i32' as const), result, locals, body };
}

const CODES: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e, v128: 0x7b };
const NO_RESULT = 0x40;
const END = 0x0b;

/** The bytes of a module (chapter 5) that imports `host.memory` and exports its functions. */
export function moduleOf(functions: readonly FunctionBody[], memoryPages: number): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ params, result }) => [
    0x60,
    ...list(params.map((type) => [CODES[type]])),
    ...list(result === null ? [] : [[CODES[result]]]),
  ]);
  const memory = [...text('host'), ...text('memory'), 0x02, 0x00, ...unsigned(memoryPages)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, list(types)),
    ...section(2, list([memory])),
    ...section(3, list(functions.map((_, index) => unsigned(index)))),
    ...section(7, list(functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]))),
    ...section(10, list(functions.map(codeOf))),
  ]);
}

function section(id: number, body: readonly number[]): number[] {
  return [id, ...unsigned(body.length), ...body];
}

function list(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...unsigned(bytes.length), ...bytes];
}

function codeOf({ result, locals, body }: FunctionBody): number[] {
  const out: number[] = [...list(locals.map((type) => [1, CODES[type]]))];
  for (const statement of body) writeStatement(statement, [], out);
  // Behind the last statement nothing is reached where each way gives back a result.
  if (result !== null) out.push(UNREACHABLE);
  out.push(END);
  return [...unsigned(out.length), ...out];
}

const UNREACHABLE = 0x00;

/** @param around labels of what stands around the statement, the nearest last; null: an `if`, to which nothing branches */
function writeStatement(statement: Statement, around: readonly (Label | null)[], out: number[]): void {
  switch (statement.kind) {
    case 'do':
      for (const operand of statement.operands) writeValue(operand, out);
      out.push(...statement.code);
      return;
    case 'block':
    case 'loop':
      out.push(statement.kind === 'block' ? 0x02 : 0x03, NO_RESULT);
      for (const inner of statement.body) writeStatement(inner, [...around, statement.label], out);
      out.push(END);
      return;
    case 'if':
      writeValue(statement.condition, out);
      out.push(0x04, NO_RESULT);
      for (const inner of statement.then) writeStatement(inner, [...around, null], out);
      if (statement.otherwise.length > 0) out.push(0x05);
      for (const inner of statement.otherwise) writeStatement(inner, [...around, null], out);
      out.push(END);
      return;
    case 'branch': {
      const place = around.lastIndexOf(statement.label);
      if (place < 0) throw new Error(`nothing around is called ${statement.label.name}`);
      if (statement.condition !== null) writeValue(statement.condition, out);
      out.push(statement.condition === null ? 0x0c : 0x0d, ...unsigned(around.length - 1 - place));
      return;
    }
  }
}

function writeValue({ operands, opcode, immediates }: Value, out: number[]): void {
  for (const operand of operands) writeValue(operand, out);
  out.push(...opcode, ...immediates);
}
