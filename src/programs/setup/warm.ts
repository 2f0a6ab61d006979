import { readFile } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { dirname, join } from 'node:path';

// Fills the compile cache (NODE_COMPILE_CACHE) with what a program imports, without running the program: a program that
// finds everything in it starts faster and never loads the compiler that takes types out of sources (about 10 MB in
// each thread). The cache belongs to one user and one set of flags, so this is run as the program's user with its flags.
const entries = process.argv.splice(2);
for (const entry of entries) {
  const source = await readFile(entry, 'utf8');
  for (const [, specifier] of source.matchAll(/^(?:import|export)\s[^'"]*?from '(\.[^']+)';$/gm)) {
    if (specifier !== undefined) await import(join(dirname(entry), specifier));
  }
}
flushCompileCache();

// The entries themselves: every program refuses to start without its arguments, and by then it is compiled. One of them
// says so by ending the process, which is as good.
process.on('exit', () => {
  flushCompileCache();
  process.exitCode = 0;
});
for (const entry of entries) {
  await import(entry).catch((refusal: unknown) => process.stderr.write(`${String(refusal)}\n`));
}
