import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/**
 * Messages of protocol buffers, proto3, as tables of their fields: only those that are spoken of here. What a message has
 * beyond its table is skipped, as the format wants it (protobuf.dev, "Encoding").
 */
type Scalar = 'string' | 'bool' | 'int' | 'long' | 'bytes';
/** Several of them, and `map<string, string>`. */
type Kind = Scalar | 'strings' | 'longs' | 'map';
export interface Shape {
  readonly [name: string]: readonly [number: number, type: Kind | Shape | readonly [Shape]];
}

interface Values {
  string: string;
  bool: boolean;
  /** 32 bits, and enumerations. */
  int: number;
  /** 64 bits. */
  long: bigint;
  bytes: Uint8Array;
  strings: readonly string[];
  longs: readonly bigint[];
  map: Readonly<Record<string, string>>;
}

type ValueOf<T> = T extends keyof Values
  ? Values[T]
  : T extends readonly [infer S extends Shape]
    ? readonly Message<S>[]
    : T extends Shape
      ? Message<T> | null
      : never;

/** What was read: every field is there, and one that was left out has the zero of its type. */
export type Message<S extends Shape> = { readonly [N in keyof S]: ValueOf<S[N][1]> };

type DraftOf<T> = T extends keyof Values
  ? Values[T]
  : T extends readonly [infer S extends Shape]
    ? readonly Draft<S>[]
    : T extends Shape
      ? Draft<T>
      : never;

/** What is to be written: what is left out is not sent. */
export type Draft<S extends Shape> = { readonly [N in keyof S]?: DraftOf<S[N][1]> | undefined };

/** Bytes that are no message of the wanted shape. */
export class WireError extends Error {
  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'WireError';
  }
}

/** Messages in messages, far beyond any of those spoken here. */
const DEPTH_MAX = 16;

export function encodeMessage<S extends Shape>(shape: S, draft: Draft<S>): Uint8Array {
  const writer = new BinaryWriter();
  writeFields(writer, shape, draft);
  return writer.finish();
}

/** @throws WireError */
export function decodeMessage<S extends Shape>(shape: S, bytes: Uint8Array): Message<S> {
  try {
    return readFields(new BinaryReader(bytes), bytes.length, shape, 0) as Message<S>;
  } catch (cause) {
    if (cause instanceof WireError) throw cause;
    throw new WireError(cause instanceof Error ? cause.message : 'cannot be read', { cause });
  }
}

function writeFields(writer: BinaryWriter, shape: Shape, draft: Readonly<Record<string, unknown>>): void {
  for (const [name, [number, type]] of Object.entries(shape)) {
    const value = draft[name];
    if (value === undefined || value === null) continue;
    if (typeof type === 'string') writeKind(writer, number, type, value);
    else if (isList(type)) for (const one of value as readonly object[]) writeInner(writer, number, type[0], one);
    else writeInner(writer, number, type, value as object);
  }
}

function writeInner(writer: BinaryWriter, number: number, shape: Shape, value: object): void {
  writer.tag(number, WireType.LengthDelimited).fork();
  writeFields(writer, shape, value as Readonly<Record<string, unknown>>);
  writer.join();
}

function writeKind(writer: BinaryWriter, number: number, kind: Kind, value: unknown): void {
  switch (kind) {
    case 'string':
      writer.tag(number, WireType.LengthDelimited).string(value as string);
      return;
    case 'bytes':
      writer.tag(number, WireType.LengthDelimited).bytes(value as Uint8Array);
      return;
    case 'bool':
      writer.tag(number, WireType.Varint).bool(value as boolean);
      return;
    case 'int':
      writer.tag(number, WireType.Varint).int32(value as number);
      return;
    case 'long':
      writer.tag(number, WireType.Varint).int64(value as bigint);
      return;
    case 'strings':
      for (const one of value as readonly string[]) writer.tag(number, WireType.LengthDelimited).string(one);
      return;
    case 'longs':
      for (const one of value as readonly bigint[]) writer.tag(number, WireType.Varint).int64(one);
      return;
    case 'map':
      for (const [key, text] of Object.entries(value as Record<string, string>)) {
        writer.tag(number, WireType.LengthDelimited).fork();
        writer.tag(1, WireType.LengthDelimited).string(key);
        writer.tag(2, WireType.LengthDelimited).string(text);
        writer.join();
      }
  }
}

const ZEROS: { readonly [K in Kind]: () => Values[K] } = {
  string: () => '',
  bool: () => false,
  int: () => 0,
  long: () => 0n,
  bytes: () => new Uint8Array(),
  strings: () => [],
  longs: () => [],
  map: () => ({}),
};

function readFields(reader: BinaryReader, end: number, shape: Shape, depth: number): Record<string, unknown> {
  if (depth > DEPTH_MAX) throw new WireError('messages in messages without end');
  const message: Record<string, unknown> = {};
  const byNumber = new Map<number, { readonly name: string; readonly type: Shape[string][1] }>();
  for (const [name, [number, type]] of Object.entries(shape)) {
    byNumber.set(number, { name, type });
    message[name] = typeof type === 'string' ? ZEROS[type]() : isList(type) ? [] : null;
  }
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    const field = byNumber.get(number);
    if (field === undefined) {
      reader.skip(wire, number);
      continue;
    }
    const { name, type } = field;
    if (typeof type === 'string') {
      message[name] = readKind(reader, wire, type, message[name]);
      continue;
    }
    requireWire(wire, WireType.LengthDelimited);
    const innerEnd = reader.uint32() + reader.pos;
    if (innerEnd > end) throw new WireError('a message is longer than what holds it');
    const inner = readFields(reader, innerEnd, isList(type) ? type[0] : type, depth + 1);
    if (isList(type)) (message[name] as unknown[]).push(inner);
    else message[name] = inner;
  }
  if (reader.pos !== end) throw new WireError('a field is longer than its message');
  return message;
}

function readKind(reader: BinaryReader, wire: WireType, kind: Kind, former: unknown): unknown {
  switch (kind) {
    case 'string':
      requireWire(wire, WireType.LengthDelimited);
      return reader.string();
    case 'bytes':
      requireWire(wire, WireType.LengthDelimited);
      return reader.bytes();
    case 'bool':
      requireWire(wire, WireType.Varint);
      return reader.bool();
    case 'int':
      requireWire(wire, WireType.Varint);
      return reader.int32();
    case 'long':
      requireWire(wire, WireType.Varint);
      return BigInt(reader.int64());
    case 'strings':
      requireWire(wire, WireType.LengthDelimited);
      (former as string[]).push(reader.string());
      return former;
    case 'longs': {
      const list = former as bigint[];
      // Packed or one by one: a reader takes both.
      if (wire === WireType.Varint) {
        list.push(BigInt(reader.int64()));
        return list;
      }
      requireWire(wire, WireType.LengthDelimited);
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) list.push(BigInt(reader.int64()));
      return list;
    }
    case 'map': {
      requireWire(wire, WireType.LengthDelimited);
      const end = reader.uint32() + reader.pos;
      let [key, value] = ['', ''];
      while (reader.pos < end) {
        const [number, inner] = reader.tag();
        if (number === 1 && inner === WireType.LengthDelimited) key = reader.string();
        else if (number === 2 && inner === WireType.LengthDelimited) value = reader.string();
        else reader.skip(inner, number);
      }
      // As a member of its own, whatever it is called.
      Object.defineProperty(former, key, { value, enumerable: true, writable: true, configurable: true });
      return former;
    }
  }
}

function requireWire(found: WireType, wanted: WireType): void {
  if (found !== wanted) throw new WireError(`a field of wire type ${found} instead of ${wanted}`);
}

function isList(type: Shape | readonly [Shape]): type is readonly [Shape] {
  return Array.isArray(type);
}
