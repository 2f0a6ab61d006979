import { FormatError } from './errors.ts';
import { PARAGRAPH_MAX_BYTES } from './limits.ts';

/** One paragraph of a Debian control file: field names in lower case, continuation lines joined by line feeds. */
export type Paragraph = ReadonlyMap<string, string>;

/**
 * Reads Debian control paragraphs (deb822(5)), as dpkg's status file has them, as they flow by. Only the wanted fields
 * are kept: `Conffiles` and `Description` are most of the file.
 *
 * @throws FormatError `paragraph.size` for a paragraph above the limit, `paragraph.syntax` for a line that is neither
 */
export class ParagraphReader {
  readonly #wanted: ReadonlySet<string>;
  readonly #take: (paragraph: Paragraph) => void;
  readonly #maxBytes: number;
  readonly #decoder = new TextDecoder('utf-8');
  #rest = '';
  #fields = new Map<string, string>();
  #field: string | null = null;
  #isEmpty = true;
  #size = 0;
  #line = 0;

  constructor(wanted: Iterable<string>, take: (paragraph: Paragraph) => void, maxBytes = PARAGRAPH_MAX_BYTES) {
    this.#wanted = new Set(wanted);
    this.#take = take;
    this.#maxBytes = maxBytes;
  }

  write(chunk: Uint8Array): void {
    this.#read(this.#decoder.decode(chunk, { stream: true }));
  }

  end(): void {
    this.#read(`${this.#decoder.decode()}\n\n`);
  }

  #read(text: string): void {
    const buffer = this.#rest + text;
    let start = 0;
    for (let end = buffer.indexOf('\n'); end >= 0; end = buffer.indexOf('\n', start)) {
      this.#readLine(buffer.slice(start, end));
      start = end + 1;
    }
    this.#rest = buffer.slice(start);
    this.#bound(this.#rest.length);
  }

  #readLine(line: string): void {
    this.#line++;
    const first = line.charCodeAt(0);
    if (line === '' || line.trim() === '') {
      this.#finish();
      return;
    }
    this.#size += line.length + 1;
    this.#bound(0);
    this.#isEmpty = false;
    if (first === 0x20 || first === 0x09) {
      if (this.#field !== null) this.#fields.set(this.#field, `${this.#fields.get(this.#field)}\n${line.slice(1)}`);
      return;
    }
    if (first === 0x23) return; // a comment
    const colon = line.indexOf(':');
    if (colon < 1) {
      throw new FormatError('paragraph.syntax', `line ${this.#line} is neither a field nor its continuation`, {
        position: { line: this.#line, column: 1 },
      });
    }
    const name = line.slice(0, colon).toLowerCase();
    this.#field = this.#wanted.has(name) ? name : null;
    if (this.#field !== null) this.#fields.set(name, line.slice(colon + 1).trim());
  }

  #bound(pending: number): void {
    if (this.#size + pending > this.#maxBytes) {
      throw new FormatError(
        'paragraph.size',
        `the paragraph that ends after line ${this.#line} has more than ${this.#maxBytes} bytes`,
      );
    }
  }

  #finish(): void {
    if (!this.#isEmpty) this.#take(this.#fields);
    this.#fields = new Map();
    this.#field = null;
    this.#isEmpty = true;
    this.#size = 0;
  }
}
