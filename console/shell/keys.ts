import { useEffect, useRef } from 'react';

const TYPING = new Set(['INPUT', 'TEXTAREA', 'SELECT']);

/** Single-letter shortcuts must never fire while somebody types or a dialog is open. */
function isBusy(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  const target = event.target;
  if (target instanceof HTMLElement && (TYPING.has(target.tagName) || target.isContentEditable)) return true;
  return document.querySelector('dialog[open]') !== null;
}

export type KeyActions = Readonly<Record<string, (event: KeyboardEvent) => void>>;

/** Listens for plain keys on the whole page while the component is shown. */
export function useKeys(actions: KeyActions): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isBusy(event)) return;
      const action = latest.current[event.key];
      if (action === undefined) return;
      action(event);
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
}
