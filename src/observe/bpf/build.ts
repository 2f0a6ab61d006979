/**
 * Compiles the BPF programs: `npm run build:bpf`. One object for each processor, committed beside the sources, so that a
 * machine that runs the sensor needs libbpf and no compiler. Paths of the building machine stay out of the object; the same
 * compiler gives the same bytes, and `built-with.txt` names it.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = import.meta.dirname;
/** Node's name of a processor and the kernel's. */
export const TARGETS: Readonly<Record<string, string>> = { x64: 'x86', arm64: 'arm64' };
/** Each becomes an object of its own. */
export const SOURCES = ['sensor', 'recorder', 'shut'] as const;
export const VERSION_FILE = join(FOLDER, 'built-with.txt');

/** What decides the bytes: the compiler and the headers of libbpf. */
export function compilerVersion(): string {
  const clang = execFileSync('clang', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? '';
  const header = readFileSync('/usr/include/bpf/libbpf_version.h', 'utf8');
  const part = (name: string): string => new RegExp(`${name}_VERSION (\\d+)`).exec(header)?.[1] ?? '?';
  return `${clang}\nlibbpf headers ${part('MAJOR')}.${part('MINOR')}\n`;
}

/** Compiles for one processor into the file. Throws when clang or llvm-strip is missing or complains. */
export function compile(source: (typeof SOURCES)[number], processor: string, output: string): void {
  const target = TARGETS[processor];
  if (target === undefined) throw new RangeError(`no BPF target for processor "${processor}"`);
  const flags = ['-O2', '-g', '-target', 'bpf', `-D__TARGET_ARCH_${target}`, '-Wall', '-Werror', '-I.'];
  const paths = ['-fdebug-compilation-dir=.', '-c', `${source}.bpf.c`, '-o', output];
  execFileSync('clang', [...flags, ...paths], { cwd: FOLDER, stdio: ['ignore', 'inherit', 'inherit'] });
  execFileSync('llvm-strip', ['-g', output], { stdio: ['ignore', 'inherit', 'inherit'] });
}

if (import.meta.main) {
  for (const source of SOURCES) {
    for (const processor of Object.keys(TARGETS)) {
      compile(source, processor, join(FOLDER, `${source}.${processor}.bpf.o`));
    }
  }
  writeFileSync(VERSION_FILE, compilerVersion());
}
