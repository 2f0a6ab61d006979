import { FormatError } from './errors.ts';

/**
 * Lines of UTF-8 text as they flow by, without their line feed.
 *
 * @throws FormatError `lines.size` for a line above the limit
 */
export class LineReader {
  readonly #take: (line: string) => void;
  readonly #maxLineBytes: number;
  readonly #decoder = new TextDecoder('utf-8');
  #rest = '';
  #line = 0;

  constructor(take: (line: string) => void, maxLineBytes: number) {
    this.#take = take;
    this.#maxLineBytes = maxLineBytes;
  }

  write(chunk: Uint8Array): void {
    this.#read(this.#decoder.decode(chunk, { stream: true }));
  }

  /** The last line need not end with a line feed. */
  end(): void {
    this.#read(this.#decoder.decode());
    if (this.#rest !== '') this.#give(this.#rest);
    this.#rest = '';
  }

  #read(text: string): void {
    const buffer = this.#rest === '' ? text : this.#rest + text;
    let start = 0;
    for (let end = buffer.indexOf('\n'); end >= 0; end = buffer.indexOf('\n', start)) {
      this.#give(buffer.slice(start, end));
      start = end + 1;
    }
    this.#rest = buffer.slice(start);
    this.#bound(this.#rest.length);
  }

  #give(line: string): void {
    this.#line++;
    this.#bound(line.length);
    this.#take(line);
  }

  #bound(length: number): void {
    if (length > this.#maxLineBytes) {
      throw new FormatError('lines.size', `line ${this.#line + 1} has more than ${this.#maxLineBytes} bytes`);
    }
  }
}
