import { keptBundle } from '../system/kept-bundle.ts';

const argv = process.argv.slice(2);
process.exitCode = await ((await scanBundle()) ?? runSources)(argv);

/** A gate in a pipeline scans often, and a scan of what is known is little else than its own start. */
async function scanBundle(): Promise<((argv: readonly string[]) => Promise<number>) | null> {
  // Other words, and help, are about all commands.
  if (argv[0] !== 'scan' || argv.some((word) => word === '-h' || word === '--help')) return null;
  const bundle = keptBundle('scan-cli');
  // The worker has sources of its own.
  if (bundle === null || keptBundle('scan-worker') === null) {
    const { renewBundles } = await import('./setup/renew-bundles.ts');
    renewBundles();
  }
  if (bundle === null) return null;
  return import(bundle.url).then(
    ({ runScanCli }) => runScanCli,
    // Half a file, of a disk that was full: the sources are whole.
    () => null,
  );
}

async function runSources(words: readonly string[]): Promise<number> {
  const [{ COMMANDS }, { createFrame, processTarget }] = await Promise.all([
    import('./cli/commands.ts'),
    import('./cli/frame.ts'),
  ]);
  return createFrame({ environment: process.env, target: processTarget(), commands: COMMANDS }).run(words);
}
