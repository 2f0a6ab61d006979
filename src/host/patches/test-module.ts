/** A file that reads as a kernel module and does nothing: ELF64 with .modinfo and the names of its sections. */
export function testModule(name: string, { isLivePatch = true, body = '' } = {}): Buffer {
  const info = `name=${name}\0${isLivePatch ? 'livepatch=Y\0' : ''}vermagic=6.1 test\0${body === '' ? '' : `note=${body}\0`}`;
  const names = '\0.modinfo\0.shstrtab\0';
  const header = 64;
  const [infoAt, namesAt] = [header, header + info.length];
  const tableAt = Math.ceil((namesAt + names.length) / 8) * 8;
  const file = Buffer.alloc(tableAt + 3 * 64);
  file.write('\x7fELF', 0, 'latin1');
  file[4] = 2;
  file[5] = 1;
  file.writeBigUInt64LE(BigInt(tableAt), 40);
  file.writeUInt16LE(64, 58);
  file.writeUInt16LE(3, 60);
  file.writeUInt16LE(2, 62);
  file.write(info, infoAt, 'latin1');
  file.write(names, namesAt, 'latin1');
  const section = (index: number, nameAt: number, type: number, at: number, size: number): void => {
    const to = tableAt + index * 64;
    file.writeUInt32LE(nameAt, to);
    file.writeUInt32LE(type, to + 4);
    file.writeBigUInt64LE(BigInt(at), to + 24);
    file.writeBigUInt64LE(BigInt(size), to + 32);
  };
  section(1, 1, 1, infoAt, info.length);
  section(2, 10, 3, namesAt, names.length);
  return file;
}
