import { runScanWorker } from '../scan/worker.ts';

// Started by the scan, one for each image, with no rights (see scan/confined.ts). Speaks frames on stdin and stdout.
await runScanWorker(0, process.stdout);
