import { FormatError } from './errors.ts';
import { XML_LIMITS, type XmlLimits } from './limits.ts';

/** An element with what is in it; names are without their namespace prefix. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Its own text, without that of elements inside it. */
  readonly text: string;
}

interface Open {
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly children: XmlElement[];
  text: string;
}

/**
 * Reads XML 1.0 that arrives in pieces and gives the elements a caller wants, each as a tree; all else is passed over
 * without being kept. There are no document types, so no entities beyond the five of the specification (section 4.6),
 * and nothing outside of the text is ever read.
 */
export class XmlReader {
  readonly #wants: (name: string) => boolean;
  readonly #limits: XmlLimits;
  #rest = '';
  /** Names of all open elements. */
  readonly #names: string[] = [];
  /** Those that are kept, the wanted one first. */
  readonly #kept: Open[] = [];
  #nodes = 0;
  #hasRoot = false;

  constructor(wants: (name: string) => boolean, limits: Partial<XmlLimits> = {}) {
    this.#wants = wants;
    this.#limits = { ...XML_LIMITS, ...limits };
  }

  /** @throws FormatError with an `xml.*` code */
  write(text: string): XmlElement[] {
    const found: XmlElement[] = [];
    const all = this.#rest === '' ? text : this.#rest + text;
    let at = 0;
    for (;;) {
      const less = all.indexOf('<', at);
      if (less < 0) break;
      const end = endOfMarkup(all, less);
      if (end < 0) {
        this.#takeText(all.slice(at, less));
        at = less;
        break;
      }
      this.#takeText(all.slice(at, less));
      this.#takeMarkup(all.slice(less, end), found);
      at = end;
    }
    this.#rest = all.slice(at);
    if (this.#rest.length > this.#limits.maxTokenChars) {
      throw new FormatError('xml.size', `a tag or text of XML has more than ${this.#limits.maxTokenChars} characters`);
    }
    return found;
  }

  /** @throws FormatError `xml.syntax` when elements are still open */
  end(): void {
    if (this.#rest.trim() !== '' || this.#names.length > 0 || !this.#hasRoot) {
      throw new FormatError('xml.syntax', 'XML ends before its last element is closed');
    }
  }

  #takeText(text: string): void {
    const open = this.#kept.at(-1);
    if (open !== undefined && text !== '') open.text += unescapeText(text);
  }

  #takeMarkup(markup: string, found: XmlElement[]): void {
    if (markup.startsWith('<?') || markup.startsWith('<!--')) return;
    if (markup.startsWith('<![CDATA[')) {
      const open = this.#kept.at(-1);
      if (open !== undefined) open.text += markup.slice(9, -3);
      return;
    }
    if (markup.startsWith('<!')) throw new FormatError('xml.doctype', 'XML with a document type is not read');
    if (markup.startsWith('</')) this.#close(localName(markup.slice(2, -1).trim()), found);
    else this.#open(markup, found);
  }

  #open(markup: string, found: XmlElement[]): void {
    const isEmpty = markup.endsWith('/>');
    const inside = markup.slice(1, isEmpty ? -2 : -1);
    const space = inside.search(/\s/);
    const name = localName(space < 0 ? inside : inside.slice(0, space));
    if (name === '') throw new FormatError('xml.syntax', 'XML has a tag without a name');
    if (this.#names.length === 0 && this.#hasRoot) throw new FormatError('xml.syntax', 'XML has a second root element');
    this.#hasRoot = true;
    if (this.#names.length >= this.#limits.maxDepth) throw new FormatError('xml.depth', 'XML nests too deep');
    this.#names.push(name);
    if (this.#kept.length > 0 || this.#wants(name)) {
      this.#nodes++;
      if (this.#nodes > this.#limits.maxNodes) {
        throw new FormatError('xml.size', `an XML record has more than ${this.#limits.maxNodes} elements`);
      }
      this.#kept.push({
        name,
        attributes: readAttributes(space < 0 ? '' : inside.slice(space)),
        children: [],
        text: '',
      });
    }
    if (isEmpty) this.#close(name, found);
  }

  #close(name: string, found: XmlElement[]): void {
    if (this.#names.pop() !== name)
      throw new FormatError('xml.syntax', `XML closes "${name.slice(0, 100)}", which is not open`);
    const done = this.#kept.pop();
    if (done === undefined) return;
    const parent = this.#kept.at(-1);
    if (parent !== undefined) {
      parent.children.push(done);
      return;
    }
    this.#nodes = 0;
    found.push(done);
  }
}

/** The first element of that name directly inside. */
export function childOf(element: XmlElement | null | undefined, name: string): XmlElement | null {
  return element?.children.find((child) => child.name === name) ?? null;
}

/** All elements of that name at any depth, in order. */
export function* descendantsOf(element: XmlElement, name: string): Generator<XmlElement> {
  for (const child of element.children) {
    if (child.name === name) yield child;
    yield* descendantsOf(child, name);
  }
}

/** Behind the end of a tag, comment, CDATA section or instruction; -1 when it has not all come. */
function endOfMarkup(text: string, from: number): number {
  const closing = (mark: string, start: number): number => {
    const at = text.indexOf(mark, start);
    return at < 0 ? -1 : at + mark.length;
  };
  if (text.startsWith('<!--', from)) return closing('-->', from + 4);
  if (text.startsWith('<![CDATA[', from)) return closing(']]>', from + 9);
  if (text.startsWith('<?', from)) return closing('?>', from + 2);
  // What may still become one of these.
  if (text.length - from < 9 && '<![CDATA['.startsWith(text.slice(from))) return -1;
  for (let at = from + 1; ; ) {
    const close = text.indexOf('>', at);
    if (close < 0) return -1;
    const quote = firstQuote(text, at, close);
    if (quote < 0) return close + 1;
    const next = text.indexOf(text.charAt(quote), quote + 1);
    if (next < 0) return -1;
    at = next + 1;
  }
}

function firstQuote(text: string, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22 || code === 0x27) return at;
  }
  return -1;
}

function localName(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(colon + 1);
}

function readAttributes(text: string): Record<string, string> {
  const attributes: Record<string, string> = Object.create(null);
  for (const [, name = '', double, single] of text.matchAll(/([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
    attributes[localName(name)] = unescapeText(double ?? single ?? '');
  }
  return attributes;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeText(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{1,16}));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    const code = Number.parseInt(decimal ?? hex, decimal === undefined ? 16 : 10);
    return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? '\ufffd' : String.fromCodePoint(code);
  });
}
