/** The worker ended without a usable answer. */
export class WorkerFailure extends Error {
  readonly code: 'worker.timeout' | 'worker.crashed' | 'worker.garbage' | 'worker.aborted' | 'content.unreadable';

  constructor(code: WorkerFailure['code'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
