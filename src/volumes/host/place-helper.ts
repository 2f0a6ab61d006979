import process from 'node:process';
import { answer, type HelperRequest } from './place-files.ts';

/** The process that touches the files of one place for the agent; it ends with the agent. */
process.on('message', (request: HelperRequest) => {
  void answer(request).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit(0));
process.send?.('listening');
