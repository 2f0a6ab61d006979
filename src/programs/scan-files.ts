import { runFilesWorker } from '../scan/malware/files-worker.ts';

// Started by the scan when malware is looked for, with no rights (see scan/confined.ts). Hears frames on stdin, answers on descriptor 3.
await runFilesWorker(process.stdin);
