import type { IncomingMessage } from 'node:http';
import { registryFault } from '../errors.ts';
import { LET_GO_BYTES } from '../limits.ts';

/**
 * The bytes of a request as they come, for content that goes to a file. Stopping half-way leaves the connection open, so
 * that an answer can be sent.
 *
 * Each piece is gone when the next one is asked for: left to the garbage collection, pieces outside the heap make V8
 * collect all of it every few dozen megabytes (measured: a third of the CPU of a push). And it hears the request's events
 * itself: the iterators of streams, made for everything, took as long as the hash.
 */
export function passBody(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => new BodyPieces(request) };
}

interface Asker {
  readonly resolve: (result: IteratorResult<Uint8Array>) => void;
  readonly reject: (error: unknown) => void;
}

class BodyPieces implements AsyncIterator<Uint8Array> {
  readonly #request: IncomingMessage;
  readonly #waiting: Uint8Array[] = [];
  #given: Uint8Array | undefined;
  #asker: Asker | undefined;
  #isOver: boolean;
  #failure: unknown;

  constructor(request: IncomingMessage) {
    this.#request = request;
    this.#isOver = request.readableEnded;
    if (request.destroyed && !this.#isOver) this.#failure = request.errored ?? cutOff();
    else request.on('data', this.#take).on('end', this.#whole).on('close', this.#cut).on('error', this.#fail);
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    letGo(this.#given);
    this.#given = this.#waiting.shift();
    if (this.#given !== undefined) return Promise.resolve({ value: this.#given, done: false });
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isOver) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      this.#asker = { resolve, reject };
      if (this.#request.isPaused()) this.#request.resume();
    });
  }

  /** The reader stops early. */
  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#leave();
    this.#request.pause();
    return { value: undefined, done: true };
  }

  #leave(): void {
    this.#request.off('data', this.#take).off('end', this.#whole).off('close', this.#cut).off('error', this.#fail);
  }

  readonly #take = (piece: Uint8Array): void => {
    const asker = this.#asker;
    if (asker === undefined) {
      this.#waiting.push(piece);
      this.#request.pause();
      return;
    }
    this.#asker = undefined;
    this.#given = piece;
    asker.resolve({ value: piece, done: false });
  };

  readonly #whole = (): void => {
    this.#isOver = true;
    this.#leave();
    this.#asker?.resolve({ value: undefined, done: true });
  };

  readonly #fail = (error: unknown): void => {
    this.#failure = error;
    this.#leave();
    this.#asker?.reject(error);
  };

  readonly #cut = (): void => this.#fail(this.#request.errored ?? cutOff());
}

/** Only a large piece with memory of its own, as node:http makes them: smaller ones may share theirs. */
function letGo(piece: Uint8Array | undefined): void {
  if (piece === undefined || piece.byteLength < LET_GO_BYTES) return;
  const { buffer, byteLength } = piece;
  if (buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** The whole body. @throws Fault registry.manifest-too-large beyond `maxBytes`, without reading the rest */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = () => registryFault('registry.manifest-too-large', { maximum: maxBytes });
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  if (request.destroyed) throw cutOff();
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const end = (result: () => void): void => {
      request.off('data', take).off('end', whole).off('close', cut).off('error', reject);
      result();
    };
    const take = (piece: Buffer): void => {
      bytes += piece.byteLength;
      pieces.push(piece);
      if (bytes > maxBytes) end(() => reject(tooLarge()));
    };
    const whole = (): void =>
      end(() => resolve(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, bytes)));
    const cut = (): void => end(() => reject(cutOff()));
    request.on('data', take).on('end', whole).on('close', cut).on('error', reject);
  });
}

function cutOff(): Error {
  return new Error('the connection ended in the middle of the body');
}

/** The stated length of the body; undefined when it is sent in chunks. */
export function statedLength(request: IncomingMessage): number | undefined {
  const text = request.headers['content-length'];
  return text === undefined ? undefined : Number(text);
}
