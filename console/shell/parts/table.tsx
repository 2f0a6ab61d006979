import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import { useKeys } from '../keys.ts';
import { useWords } from '../language.tsx';
import { useNavigate } from '../router.tsx';
import { words } from '../words.ts';

export interface Column<T> {
  readonly id: string;
  readonly label: string;
  readonly cell: (row: T) => ReactNode;
  readonly align?: 'end';
  /** Least room at which the column is shown. */
  readonly from?: 'medium' | 'wide';
  /** Takes the room that is left and cuts its text. */
  readonly grow?: boolean;
}

export interface TableProps<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  /** Selecting opens the drawer; without it, Enter goes straight to the row's page. */
  readonly selected?: string;
  readonly onSelect?: (key: string) => void;
  readonly pageOf?: (row: T) => string | null;
  readonly toneOf?: (row: T) => string;
  readonly empty?: ReactNode;
  /** `x` marks the row for what is done to several. */
  readonly onMark?: (key: string) => void;
  /** `e` acts on what is marked, or on the row. */
  readonly onAct?: (key: string) => void;
}

function findRow(table: HTMLTableElement | null, key: string): HTMLTableRowElement | null {
  return table?.querySelector<HTMLTableRowElement>(`tr[data-key="${CSS.escape(key)}"]`) ?? null;
}

/** A list for people who work in it all day: one tab stop, j/k or arrows move, Enter opens, Escape closes. */
export function Table<T>({
  label,
  columns,
  rows,
  keyOf,
  selected = '',
  onSelect,
  pageOf,
  toneOf,
  empty,
  onMark,
  onAct,
}: TableProps<T>) {
  const t = useWords(words);
  const navigate = useNavigate();
  const table = useRef<HTMLTableElement>(null);
  const [active, setActive] = useState('');
  const keys = rows.map(keyOf);
  const current = keys.includes(active) ? active : keys.includes(selected) ? selected : (keys[0] ?? '');

  const focusKey = (key: string | undefined) => {
    if (key === undefined) return;
    setActive(key);
    const row = findRow(table.current, key);
    row?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: 'nearest' });
    if (selected !== '' && onSelect !== undefined) onSelect(key);
  };

  const move = (step: 1 | -1) => {
    const focused = table.current?.contains(document.activeElement) === true;
    const index = keys.indexOf(current);
    focusKey(
      focused || selected !== ''
        ? keys[Math.max(0, Math.min(keys.length - 1, index + step))]
        : (keys[index] ?? keys[0]),
    );
  };

  const open = (key: string) => {
    const row = rows[keys.indexOf(key)];
    const page = row === undefined ? null : (pageOf?.(row) ?? null);
    if (onSelect !== undefined && selected !== key) onSelect(key);
    else if (page !== null) navigate(page);
  };

  // With several lists on a page the keys belong to the one that has the focus, or to the first.
  const isListening = () => {
    const focused = document.activeElement?.closest('table') ?? document.querySelector('table[data-list]');
    return focused === table.current;
  };

  const closeSelected = () => {
    if (selected === '' || onSelect === undefined) return;
    onSelect('');
    findRow(table.current, selected)?.focus();
  };

  useKeys({
    j: () => {
      if (isListening()) move(1);
    },
    k: () => {
      if (isListening()) move(-1);
    },
    ['Escape']: () => closeSelected(),
  });

  // A page opened with a row in its address starts there.
  useEffect(() => {
    if (selected !== '') findRow(table.current, selected)?.scrollIntoView({ block: 'nearest' });
  }, [selected]);

  const onKeyDown = (event: KeyboardEvent<HTMLTableElement>) => {
    const onRow = event.target instanceof HTMLTableRowElement;
    if (!onRow) return;
    switch (event.key) {
      case 'ArrowDown':
        move(1);
        break;
      case 'ArrowUp':
        move(-1);
        break;
      case 'Home':
        focusKey(keys[0]);
        break;
      case 'End':
        focusKey(keys.at(-1));
        break;
      case 'Enter':
        open(current);
        break;
      case ' ':
        onSelect?.(current);
        break;
      case 'x':
        if (onMark === undefined) return;
        onMark(current);
        break;
      case 'e':
        if (onAct === undefined) return;
        onAct(current);
        break;
      default:
        return;
    }
    event.preventDefault();
  };

  return (
    <div className="table-frame">
      <table ref={table} data-list="" aria-label={label} onKeyDown={onKeyDown}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.id} scope="col" className={cellClass(column)}>
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => {
            const key = keys[index] ?? '';
            return (
              <tr
                key={key}
                data-key={key}
                tabIndex={key === current ? 0 : -1}
                aria-current={key === selected ? 'true' : undefined}
                className={`${toneOf?.(row) ?? ''} ${onSelect !== undefined || pageOf !== undefined ? 'can-open' : ''}`}
                onFocus={() => setActive(key)}
                onClick={(event) => {
                  if (event.target instanceof Element && event.target.closest('a, button, input, select') !== null)
                    return;
                  if (window.getSelection()?.isCollapsed === false) return;
                  setActive(key);
                  open(key);
                }}
              >
                {columns.map((column) => (
                  <td key={column.id} className={cellClass(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
      {rows.length === 0 ? (empty ?? <p className="no-rows">{t('noMatch')}</p>) : null}
    </div>
  );
}

function cellClass<T>(column: Column<T>): string {
  return [
    column.align === 'end' ? 'end' : '',
    column.from === undefined ? '' : `from-${column.from}`,
    column.grow === true ? 'grow' : '',
  ]
    .filter((name) => name !== '')
    .join(' ');
}

/** True when every word of the filter occurs in one of the texts. */
export function matchesFilter(filter: string, texts: readonly (string | null)[]): boolean {
  const hay = texts.join('\n').toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => hay.includes(word));
}
