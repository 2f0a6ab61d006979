import { CallRecorder } from '../../observe/index.ts';
import type { FromWorker, RecordWord } from './messages.ts';

/** Who records system calls now. The programs for it are in the kernel only while somebody does. */
export class CallRecordings {
  readonly #say: (message: FromWorker) => void;
  readonly #ids = new Set<string>();
  #recorder: CallRecorder | null = null;

  constructor(say: (message: FromWorker) => void) {
    this.#say = say;
  }

  take({ id, step }: RecordWord): void {
    const answer = (why: string | null): void => {
      const containers = why !== null || step === 'begin' ? [] : (this.#recorder?.read() ?? []);
      this.#say({ type: 'recorded', id, step, why, lost: this.#recorder?.lost() ?? 0, containers });
    };
    if (step !== 'begin') {
      answer(this.#ids.has(id) ? null : 'no such recording goes on');
      if (step === 'end' && this.#ids.delete(id) && this.#ids.size === 0) this.close();
      return;
    }
    if (this.#recorder === null) {
      const opened = CallRecorder.open();
      if (typeof opened === 'string') {
        answer(opened);
        return;
      }
      this.#recorder = opened;
    }
    this.#ids.add(id);
    answer(null);
  }

  close(): void {
    this.#ids.clear();
    this.#recorder?.close();
    this.#recorder = null;
  }
}
