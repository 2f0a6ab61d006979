import { FormatError } from './errors.ts';
import { OUTLINE_LIMITS, type OutlineLimits } from './limits.ts';

/** One line and the lines that are indented below it. */
export interface OutlineNode {
  /** What stands before the colon, without quotes; '' for a line without a colon and for an item that is a value. */
  readonly key: string;
  /** What follows on the line, without quotes; flow collections stay as they are written; '' when nothing follows. */
  readonly value: string;
  /** The line began with '- '. */
  readonly isItem: boolean;
  readonly children: readonly OutlineNode[];
}

interface OpenNode extends OutlineNode {
  readonly children: OpenNode[];
  readonly indent: number;
}

/**
 * Reads the narrow, indented form in which package managers write lock files (yarn 1 and later, pnpm, pub, CocoaPods,
 * Bundler): keys, values, lists, nothing else of YAML. One linear pass in little memory, a hundred times faster than a
 * reader of all YAML. Anchors, aliases, tags and flow collections are not understood; block texts are skipped.
 *
 * @throws FormatError with an `outline.*` code
 */
export function readOutline(text: string, options: Partial<OutlineLimits> = {}): readonly OutlineNode[] {
  const { maxLines, maxDepth } = { ...OUTLINE_LIMITS, ...options };
  const root: OpenNode = { key: '', value: '', isItem: false, children: [], indent: -1 };
  const open: OpenNode[] = [root];
  let blockIndent = -1;
  let lines = 0;
  const add = (indent: number, isItem: boolean, content: string): void => {
    for (let top = open.at(-1); top !== undefined && top !== root; top = open.at(-1)) {
      // A list may stand at the indentation of its key.
      if (top.indent < indent || (top.indent === indent && isItem && !top.isItem)) break;
      open.pop();
    }
    if (open.length > maxDepth) throw new FormatError('outline.depth', `lines nest deeper than ${maxDepth} levels`);
    const parent = open.at(-1) ?? root;
    const innerAt = isItem ? splitAt(content) : -1;
    const [key, value] = isItem ? ['', innerAt >= 0 ? '' : unquote(content)] : split(content);
    const node: OpenNode = { key, value, isItem, children: [], indent };
    parent.children.push(node);
    open.push(node);
    if (innerAt >= 0) add(indent + 2, false, content);
    else if (/^[|>][-+0-9]{0,2}$/.test(value)) blockIndent = indent;
  };
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    let start = at;
    while (start < end && text.charCodeAt(start) === 0x20) start++;
    const indent = start - at;
    at = end + 1;
    const content = text.slice(start, end).trimEnd();
    if (content === '' || content.startsWith('#') || content === '---') continue;
    if (blockIndent >= 0) {
      if (indent > blockIndent) continue;
      blockIndent = -1;
    }
    if (++lines > maxLines) throw new FormatError('outline.size', `more than ${maxLines} lines`);
    if (content === ':') continue; // After a long key that has a line of its own ("? key").
    if (content.startsWith('? ')) add(indent, false, `${content.slice(2)}:`);
    else if (content.startsWith('- ')) add(indent, true, content.slice(2).trimStart());
    else if (content === '-') add(indent, true, '');
    else add(indent, false, content);
  }
  return root.children;
}

/** The place of the colon that ends a key; -1 when the line has none. */
function splitAt(content: string): number {
  const quote = content[0];
  if (quote === '"' || quote === "'") {
    const end = content.indexOf(quote, 1);
    if (end > 0 && content[end + 1] === ':') return end + 1;
  }
  const inside = content.indexOf(': ');
  if (inside >= 0) return inside;
  return content.endsWith(':') ? content.length - 1 : -1;
}

function split(content: string): [string, string] {
  const at = splitAt(content);
  if (at < 0) return ['', content];
  return [unquote(content.slice(0, at)), unquote(content.slice(at + 1).trim())];
}

function unquote(text: string): string {
  const quote = text[0];
  return (quote === '"' || quote === "'") && text.length > 1 && text.endsWith(quote) ? text.slice(1, -1) : text;
}

/** The first node with this key. */
export function outlineChild(nodes: readonly OutlineNode[], key: string): OutlineNode | null {
  return nodes.find((node) => node.key === key) ?? null;
}

/** The value of the first node with this key; '' when there is none. */
export function outlineValue(nodes: readonly OutlineNode[], key: string): string {
  return outlineChild(nodes, key)?.value ?? '';
}
