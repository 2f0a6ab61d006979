import { type NetConnectOpts, Socket } from 'node:net';

type Done = (error?: Error | null) => void;

/** The other side takes nothing more. */
const GONE: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET']);

function isGone(error: Error | null | undefined): boolean {
  return error != null && GONE.has((error as NodeJS.ErrnoException).code);
}

/**
 * A connection over which a process is spoken to. A process that ends takes no more input, and a plain socket that is
 * refused a byte throws away all that it was sent and nobody has read yet: this one gives it to its reader first, and ends.
 */
export class PatientSocket extends Socket {
  static open(place: NetConnectOpts): PatientSocket {
    return new PatientSocket().connect(place);
  }

  override _write(chunk: unknown, encoding: BufferEncoding, done: Done): void {
    super._write(chunk, encoding, unlessGone(done));
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], done: Done): void {
    super._writev?.(chunks, unlessGone(done));
  }

  override destroy(error?: Error): this {
    // Read so far, and refused then: what was read has not been taken by anybody.
    if (!isGone(error) || this.connecting || this.destroyed || this.readableEnded) return super.destroy(error);
    if (!this.readableAborted && !this.#isOver) {
      this.#isOver = true;
      this.push(null);
    }
    return this;
  }

  #isOver = false;
}

function unlessGone(done: Done): Done {
  return (error) => done(isGone(error) ? null : error);
}
