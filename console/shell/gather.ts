import { type RefObject, useCallback, useEffect, useMemo, useRef, useState } from 'react';

/** Below this scroll offset the reader is at the top and new rows may simply appear. */
const TOP_PX = 48;

export interface Gathered<T> {
  readonly shown: readonly T[];
  readonly waiting: number;
  readonly reveal: () => void;
}

/**
 * Keeps a list still while somebody reads it: rows that are already shown are updated in place, new ones wait behind a
 * count until the reader asks for them or is back at the top. Another `scope` (a filter, say) is another list; a list
 * that scrolls in a frame of its own hands that over.
 */
export function useGathered<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  scope = '',
  frame?: RefObject<HTMLElement | null>,
): Gathered<T> {
  const known = useRef<Set<string> | null>(null);
  const lastScope = useRef(scope);
  const [scrolled, setScrolled] = useState(false);
  const [, redraw] = useState(0);

  useEffect(() => {
    const look = () => setScrolled(Math.max(window.scrollY, frame?.current?.scrollTop ?? 0) > TOP_PX);
    look();
    // Scrolling of a frame does not bubble, but it is captured.
    document.addEventListener('scroll', look, { passive: true, capture: true });
    return () => document.removeEventListener('scroll', look, { capture: true });
  }, [frame]);

  const first = known.current === null || known.current.size === 0;
  if (!scrolled || first || lastScope.current !== scope) known.current = new Set(items.map(keyOf));
  lastScope.current = scope;
  const keys = known.current ?? new Set<string>();
  const shown = useMemo(() => items.filter((item) => keys.has(keyOf(item))), [items, keys, keyOf]);
  const reveal = useCallback(() => {
    known.current = null;
    redraw((count) => count + 1);
    window.scrollTo({ top: 0 });
    frame?.current?.scrollTo({ top: 0 });
  }, [frame]);
  return { shown, waiting: items.length - shown.length, reveal };
}
