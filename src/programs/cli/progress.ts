import type { Language, OperationView, StepView } from '../../system/index.ts';
import { formatBytes, formatDuration, printable } from './print.ts';

/** Long steps are announced when they begin, too, where only their end would be printed. */
const ANNOUNCE_AFTER_MS = 3_000;
/** An estimate from less than this is a guess. */
const ESTIMATE_AFTER_MS = 2_000;

const UNITS = {
  layers: { en: 'layers', es: 'capas' },
  items: { en: '', es: '' },
} as const;

type Snapshot = Pick<OperationView, 'steps' | 'state'>;

export interface ProgressStyle {
  readonly language: Language;
  readonly columns: number;
  readonly colour: (kind: 'good' | 'warn' | 'bad' | 'faint', text: string) => string;
  /** A text of ours with the instance that the caller named in its commands. */
  readonly command: (text: string) => string;
}

/** Draws an operation. `update` may be called as often as the operation changes, `end` once. */
export interface ProgressView {
  update(operation: Snapshot, now: Date): void;
  end(operation: Snapshot, now: Date): void;
}

/**
 * A tree that redraws itself in place. Finished steps at the top scroll away as ordinary lines, so that only what still
 * moves is drawn again and the scroll-back reads like the plain form.
 */
export function createTreeView(
  write: (text: string) => void,
  style: ProgressStyle & { rows: () => number },
): ProgressView {
  let drawn = 0;
  let settled = 0;
  const draw = (operation: Snapshot, now: Date, final: boolean): void => {
    const roots = operation.steps.filter((step) => step.parent === null);
    let text = drawn === 0 ? '' : `\u001b[${drawn}A\u001b[0J`;
    while (settled < roots.length && (final || isSettled(roots[settled]))) {
      text += treeLines(operation.steps, roots[settled], now, style)
        .map((line) => `${line}\n`)
        .join('');
      settled++;
    }
    const moving = roots
      .slice(settled)
      .flatMap((root) => treeLines(operation.steps, root, now, style))
      .slice(-Math.max(1, style.rows() - 2));
    drawn = moving.length;
    text += moving.map((line) => `${line}\n`).join('');
    if (text !== '') write(text);
  };
  return {
    update: (operation, now) => draw(operation, now, false),
    end: (operation, now) => draw(operation, now, true),
  };
}

/** One line for each step as it ends (and as it begins, when it takes long), for logs and pipes. */
export function createLineView(write: (text: string) => void, style: ProgressStyle): ProgressView {
  const said = new Map<string, string>();
  const notes = new Map<string, number>();
  const update = (operation: Snapshot, now: Date): void => {
    for (const step of inOrderOfEnding(operation.steps)) {
      for (const note of step.notes.slice(notes.get(step.id) ?? 0)) {
        write(`${path(operation.steps, step, style.language)}: ${style.command(printable(note[style.language]))}\n`);
      }
      notes.set(step.id, step.notes.length);
      const elapsed = now.getTime() - Date.parse(step.startedAt);
      const settled = isSettled(step);
      if (said.get(step.id) === step.state || (!settled && elapsed < ANNOUNCE_AFTER_MS)) continue;
      said.set(step.id, step.state);
      write(
        `${stateWord(step, style.language)}  ${path(operation.steps, step, style.language)}${facts(step, now, style)}\n`,
      );
    }
  };
  return { update, end: update };
}

/** Steps that go on as they came, then those that ended in the order of their ends, children before their parents. */
function inOrderOfEnding(steps: readonly StepView[]): StepView[] {
  const end = (step: StepView): string => step.endedAt ?? '';
  return steps
    .map((step, index) => ({ step, index }))
    .sort((one, other) => {
      if (end(one.step) !== end(other.step)) return end(one.step) < end(other.step) ? -1 : 1;
      return end(one.step) === '' ? one.index - other.index : other.index - one.index;
    })
    .map(({ step }) => step);
}

function treeLines(
  steps: readonly StepView[],
  step: StepView | undefined,
  now: Date,
  style: ProgressStyle,
  depth = 0,
): string[] {
  if (step === undefined) return [];
  const indent = '  '.repeat(depth);
  const line = `${indent}${mark(step, style)} ${printable(step.title[style.language])}${facts(step, now, style)}`;
  const lines = [fit(line, style.columns)];
  for (const note of step.notes) {
    const text = style.command(printable(note[style.language]));
    const room = style.columns - indent.length - 5;
    for (const part of breakLine(text, room)) lines.push(fit(`${indent}    ${part}`, style.columns));
  }
  for (const child of steps) {
    if (child.parent === step.id) lines.push(...treeLines(steps, child, now, style, depth + 1));
  }
  return lines;
}

function mark(step: StepView, style: ProgressStyle): string {
  switch (step.state) {
    case 'done':
      return style.colour('good', '✓');
    case 'failed':
      return style.colour('bad', '✗');
    case 'waiting':
      return style.colour('faint', '·');
    case 'running':
      return style.colour('warn', '▸');
  }
}

const STATE_WORDS = {
  en: { done: 'done   ', failed: 'FAILED ', waiting: 'waiting', running: 'started' },
  es: { done: 'hecho    ', failed: 'FALLÓ    ', waiting: 'en espera', running: 'empezado ' },
} as const;

function stateWord(step: StepView, language: Language): string {
  return STATE_WORDS[language][step.state];
}

/** Counts, detail, elapsed time and, while it runs, what is left by the pace so far. */
function facts(step: StepView, now: Date, style: ProgressStyle): string {
  const { language } = style;
  const parts: string[] = [];
  if (step.done !== null) {
    const unit = step.unit ?? 'items';
    const say = (count: number): string =>
      unit === 'bytes' ? formatBytes(count) : `${count} ${UNITS[unit][language]}`.trim();
    parts.push(
      step.total === null || step.total === step.done
        ? say(step.done)
        : `${unit === 'bytes' ? formatBytes(step.done) : step.done}/${say(step.total)}`,
    );
  }
  if (step.detail !== null) parts.push(style.command(printable(step.detail[language])));
  if (step.state !== 'waiting') {
    const elapsed = (step.endedAt === null ? now.getTime() : Date.parse(step.endedAt)) - Date.parse(step.startedAt);
    const left = remaining(step, elapsed);
    const estimate = left === null ? '' : `, ${language === 'es' ? 'quedan' : 'left'} ~${formatDuration(left)}`;
    parts.push(style.colour('faint', `${formatDuration(elapsed)}${estimate}`));
  }
  return parts.length === 0 ? '' : `  ${parts.join(' · ')}`;
}

function remaining(step: StepView, elapsedMs: number): number | null {
  if (step.state !== 'running' || elapsedMs < ESTIMATE_AFTER_MS) return null;
  if (step.done === null || step.total === null || step.done <= 0 || step.done >= step.total) return null;
  return (elapsedMs * (step.total - step.done)) / step.done;
}

function isSettled(step: StepView | undefined): boolean {
  return step?.state === 'done' || step?.state === 'failed';
}

function path(steps: readonly StepView[], step: StepView, language: Language): string {
  const parent = steps.find((other) => other.id === step.parent);
  const own = printable(step.title[language]);
  return parent === undefined ? own : `${path(steps, parent, language)} › ${own}`;
}

/** A text in lines of so many characters, parted between words. */
function breakLine(text: string, characters: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && longer.length <= characters) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** A line longer than the screen would wrap, and the redraw would count one line too few. */
function fit(line: string, columns: number): string {
  let visible = 0;
  let cut = '';
  for (let index = 0; index < line.length; ) {
    if (line[index] === '\u001b') {
      const end = line.indexOf('m', index) + 1;
      cut += line.slice(index, end);
      index = end;
      continue;
    }
    const character = String.fromCodePoint(line.codePointAt(index) ?? 32);
    if (visible === columns - 1) return `${cut}…\u001b[0m`;
    cut += character;
    visible++;
    index += character.length;
  }
  return cut;
}
