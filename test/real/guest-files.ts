import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { run } from '../lab/lab.ts';

/** The suite in one file, this very Node, and an image: what a machine or an account is brought. */
export async function makeGuestFiles(files: string): Promise<void> {
  const bundle = await rolldown({
    input: { guest: join(import.meta.dirname, 'podman-guest.ts') },
    ...{ platform: 'node', external: ['pg', 'pg-native'], logLevel: 'silent' },
  });
  await bundle.write({ dir: join(files, 'suite'), format: 'esm', entryFileNames: '[name].mjs' });
  await bundle.close();
  // Started as a program of its own, from beside the bundle.
  const helper = 'socket-helper.ts';
  copyFileSync(join(import.meta.dirname, '../../src/programs/agent', helper), join(files, 'suite', helper));
  copyFileSync(process.execPath, join(files, 'node'));
  chmodSync(join(files, 'node'), 0o755);
  const image = join(files, 'image');
  for (const name of ['bin', 'tmp']) mkdirSync(join(image, name), { recursive: true });
  chmodSync(join(image, 'tmp'), 0o1777);
  copyFileSync('/bin/busybox', join(image, 'bin', 'busybox'));
  for (const applet of run('/bin/busybox', ['--list']).trim().split('\n'))
    if (applet !== 'busybox') symlinkSync('busybox', join(image, 'bin', applet));
  run('tar', ['-C', image, '-cf', join(files, 'image.tar'), '.']);
  rmSync(image, { recursive: true });
  chmodSync(files, 0o755);
}
