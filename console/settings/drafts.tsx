import { useEffect, useState } from 'react';
import { ApiFailure } from '../api/client.ts';
import { defineWords } from '../shell/catalogue.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { Failure } from '../shell/parts/surface.tsx';

/** What was written and not applied, by its document; a look at another document or page loses nothing. */
const unapplied = new Map<string, string>();

/** A draft outlives the page it is written on; the browser asks before it forgets one. */
export function useDraft(key: string): readonly [typed: string | null, type: (text: string | null) => void] {
  const [typed, setTyped] = useState(() => unapplied.get(key) ?? null);
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    if (typed !== null) window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [typed]);
  const type = (text: string | null) => {
    if (text === null) unapplied.delete(key);
    else unapplied.set(key, text);
    setTyped(text);
  };
  return [typed, type];
}

/** A text that has not changed for half a second: a check for each key would be answered for nobody. */
export function useSettled(text: string): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

const SETTLE_MS = 500;

/** One mistake of a document. */
export interface Mistake {
  readonly line: number;
  readonly column: number;
  /** What is wrong there, perhaps after the part that it is in. */
  readonly reason: string;
}

/** The details of a refusal that are mistakes with their places, as `read` makes them; what it cannot read is left out. */
export function mistakesOf(
  error: unknown,
  read: (detail: Readonly<Record<string, unknown>>) => string | null,
): readonly Mistake[] {
  const details: unknown = error instanceof ApiFailure ? error.problem.details : null;
  if (!Array.isArray(details)) return [];
  return details.flatMap((one: unknown) => {
    if (typeof one !== 'object' || one === null || !('line' in one && 'column' in one)) return [];
    const reason = read(one as Readonly<Record<string, unknown>>);
    const { line, column } = one;
    return typeof line === 'number' && typeof column === 'number' && reason !== null ? [{ line, column, reason }] : [];
  });
}

/** Every mistake with its place; a refusal that names none is told as it is. */
export function Mistakes({ all, error, lang }: { all: readonly Mistake[]; error: unknown; lang?: 'en' }) {
  const t = useWords(words);
  if (all.length === 0) return <Failure error={error} />;
  return (
    <div role="status">
      <ul className="conditions" aria-label={t('wrong', { count: all.length })}>
        {all.map(({ line, column, reason }) => (
          <li key={`${line}:${column} ${reason}`}>
            <StateBadge tone="bad">{t('place', { line, column })}</StateBadge>
            <span lang={lang}>{reason}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

const words = defineWords(
  {
    wrong: { one: '{count} mistake', other: '{count} mistakes' },
    place: 'line {line}, {column}',
  },
  {
    wrong: { one: '{count} error', other: '{count} errores' },
    place: 'línea {line}, {column}',
  },
);
