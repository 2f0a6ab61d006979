/**
 * A program that makes a system call, or a few, and ends: for acts that no tool of a small container has. Machine code of x86-64; its
 * only segment is itself.
 */

const BASE = 0x400000;
const ELF_BYTES = 64;
const SEGMENT_BYTES = 56;
const CODE_AT = ELF_BYTES + SEGMENT_BYTES;
/** mov rax, rdi, rsi, rdx, r10, r8: the opcodes before an immediate of 64 bits. */
const MOVES = [0xb848, 0xbf48, 0xbe48, 0xba48, 0xba49, 0xb849] as const;
const SYSCALL = Buffer.from('0f05', 'hex');
/** mov eax, 60; xor edi, edi; syscall */
const TAIL = Buffer.from('b83c00000031ff0f05', 'hex');

/** Arguments of the call; a text is passed as the address of its bytes. */
export function callProgram(number: number, args: readonly (number | string)[]): Buffer {
  return callsProgram([[number, ...args]]);
}

/** One call after the other, whatever they answer: the number of each, and its arguments. */
export function callsProgram(calls: readonly (readonly [number, ...(number | string)[]])[]): Buffer {
  const textsAt = CODE_AT + calls.length * (MOVES.length * 10 + SYSCALL.length) + TAIL.length;
  const texts: Buffer[] = [];
  let next = textsAt;
  const code = calls.flatMap((call) => {
    const moves = MOVES.map((opcode, index) => {
      const value = call[index] ?? 0;
      const move = Buffer.alloc(10);
      move.writeUInt16LE(opcode, 0);
      if (typeof value === 'number') move.writeBigInt64LE(BigInt(value), 2);
      else {
        move.writeBigInt64LE(BigInt(BASE + next), 2);
        const bytes = Buffer.from(`${value}\0`);
        texts.push(bytes);
        next += bytes.length;
      }
      return move;
    });
    return [...moves, SYSCALL];
  });
  const body = Buffer.concat([...code, TAIL, ...texts]);
  const size = CODE_AT + body.length;
  const elf = Buffer.alloc(ELF_BYTES);
  elf.write('\x7fELF\x02\x01\x01', 'latin1');
  elf.writeUInt16LE(2, 16); // an executable
  elf.writeUInt16LE(62, 18); // of x86-64
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(BigInt(BASE + CODE_AT), 24);
  elf.writeBigUInt64LE(BigInt(ELF_BYTES), 32);
  elf.writeUInt16LE(ELF_BYTES, 52);
  elf.writeUInt16LE(SEGMENT_BYTES, 54);
  elf.writeUInt16LE(1, 56);
  const segment = Buffer.alloc(SEGMENT_BYTES);
  segment.writeUInt32LE(1, 0); // loaded
  segment.writeUInt32LE(5, 4); // read and run
  segment.writeBigUInt64LE(BigInt(BASE), 16);
  segment.writeBigUInt64LE(BigInt(BASE), 24);
  segment.writeBigUInt64LE(BigInt(size), 32);
  segment.writeBigUInt64LE(BigInt(size), 40);
  segment.writeBigUInt64LE(0x1000n, 48);
  return Buffer.concat([elf, segment, body]);
}

const ELF_32_BYTES = 52;
const SEGMENT_32_BYTES = 32;
/** mov eax, ebx, ecx, edx, esi: the opcodes before an immediate of 32 bits. */
const MOVES_32 = [0xb8, 0xbb, 0xb9, 0xba, 0xbe] as const;
/** int 0x80; mov eax, 1; xor ebx, ebx; int 0x80 */
const TAIL_32 = Buffer.from('cd80b80100000031dbcd80', 'hex');

/** The same as a program of 32 bits (i386). */
export function callProgram32(number: number, args: readonly (number | string)[]): Buffer {
  const codeAt = ELF_32_BYTES + SEGMENT_32_BYTES;
  const values = [number, ...args, ...Array<number>(MOVES_32.length - 1 - args.length).fill(0)];
  let next = codeAt + values.length * 5 + TAIL_32.length;
  const texts: Buffer[] = [];
  const code = values.map((value, index) => {
    const move = Buffer.alloc(5);
    move[0] = MOVES_32[index] ?? 0;
    if (typeof value === 'number') move.writeInt32LE(value, 1);
    else {
      move.writeInt32LE(BASE + next, 1);
      texts.push(Buffer.from(`${value}\0`));
      next += Buffer.byteLength(value) + 1;
    }
    return move;
  });
  const body = Buffer.concat([...code, TAIL_32, ...texts]);
  const elf = Buffer.alloc(codeAt);
  elf.write('\x7fELF\x01\x01\x01', 'latin1');
  elf.writeUInt16LE(2, 16);
  elf.writeUInt16LE(3, 18); // of i386
  elf.writeUInt32LE(1, 20);
  elf.writeUInt32LE(BASE + codeAt, 24);
  elf.writeUInt32LE(ELF_32_BYTES, 28);
  elf.writeUInt16LE(ELF_32_BYTES, 40);
  elf.writeUInt16LE(SEGMENT_32_BYTES, 42);
  elf.writeUInt16LE(1, 44);
  const size = codeAt + body.length;
  for (const [offset, value] of [
    [0, 1],
    [4, 0],
    [8, BASE],
    [12, BASE],
    [16, size],
    [20, size],
    [24, 5],
    [28, 0x1000],
  ] as const)
    elf.writeUInt32LE(value, ELF_32_BYTES + offset);
  return Buffer.concat([elf, body]);
}
