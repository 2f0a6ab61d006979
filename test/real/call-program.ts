/**
 * A program that makes one system call and ends: for acts that no tool of a small container has. Machine code of x86-64; its
 * only segment is itself.
 */

const BASE = 0x400000;
const ELF_BYTES = 64;
const SEGMENT_BYTES = 56;
const CODE_AT = ELF_BYTES + SEGMENT_BYTES;
/** mov rax, rdi, rsi, rdx, r10, r8: the opcodes before an immediate of 64 bits. */
const MOVES = [0xb848, 0xbf48, 0xbe48, 0xba48, 0xba49, 0xb849] as const;
/** syscall; mov eax, 60; xor edi, edi; syscall */
const TAIL = Buffer.from('0f05b83c00000031ff0f05', 'hex');

/** Arguments of the call; a text is passed as the address of its bytes. */
export function callProgram(number: number, args: readonly (number | string)[]): Buffer {
  const values = [number, ...args, ...Array<number>(MOVES.length - 1 - args.length).fill(0)];
  const textsAt = CODE_AT + MOVES.length * 10 + TAIL.length;
  const texts: Buffer[] = [];
  let next = textsAt;
  const code = values.map((value, index) => {
    const move = Buffer.alloc(10);
    move.writeUInt16LE(MOVES[index] ?? 0, 0);
    if (typeof value === 'number') move.writeBigInt64LE(BigInt(value), 2);
    else {
      move.writeBigInt64LE(BigInt(BASE + next), 2);
      const bytes = Buffer.from(`${value}\0`);
      texts.push(bytes);
      next += bytes.length;
    }
    return move;
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
