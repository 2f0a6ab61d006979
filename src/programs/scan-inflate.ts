import { once } from 'node:events';
import { FormatError, inflateUnknown } from '../formats/index.ts';

// Started by the scan for a compressed archive, with no rights (see scan/confined.ts): gzip or zstd in, the same inflated out.
try {
  for await (const chunk of inflateUnknown(process.stdin)) {
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  }
} catch (error) {
  if (!(error instanceof FormatError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
