import { type ReactNode, useEffect, useId, useRef } from 'react';
import { ApiFailure } from '../../api/client.ts';
import { formatRelative, useFormats, useNow } from '../format.ts';
import { useLanguage, useWords } from '../language.tsx';
import { Link } from '../router.tsx';
import { words } from '../words.ts';
import { Button, CommandLine } from './controls.tsx';
import { Icon } from './icon.tsx';

/** Head of a page: where we are, what it is called, its state and what can be done with it. */
export function PageHead({
  title,
  path = [],
  badges,
  actions,
  children,
}: {
  title: string;
  path?: readonly (readonly [label: string, to: string])[];
  badges?: ReactNode;
  actions?: ReactNode;
  children?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Dársena`;
  }, [title]);
  return (
    <header className="page-head">
      {path.length === 0 ? null : (
        <nav className="crumbs" aria-label={path.map(([label]) => label).join(', ')}>
          {path.map(([label, to]) => (
            <span key={to}>
              <Link to={to}>{label}</Link>
              <Icon name="chevron" size={10} />
            </span>
          ))}
        </nav>
      )}
      <div className="page-title">
        <h1 tabIndex={-1}>{title}</h1>
        {badges}
        {actions === undefined ? null : <div className="page-actions">{actions}</div>}
      </div>
      {children}
    </header>
  );
}

export function Panel({
  title,
  count,
  actions,
  children,
  flush = false,
  className = '',
}: {
  title?: string;
  count?: number | string | undefined;
  actions?: ReactNode;
  children: ReactNode;
  flush?: boolean;
  className?: string;
}) {
  const id = useId();
  return (
    <section
      className={`panel ${flush ? 'flush' : ''} ${className}`}
      aria-labelledby={title === undefined ? undefined : id}
    >
      {title === undefined ? null : (
        <div className="panel-head">
          <h2 id={id}>
            {title}
            {count === undefined ? null : <span className="count">{count}</span>}
          </h2>
          {actions === undefined ? null : <div className="panel-actions">{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

/** Says what will be here and the one command that fills it. */
export function EmptyState({
  title,
  children,
  command,
}: {
  title: string;
  children?: ReactNode;
  command?: string | undefined;
}) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children === undefined ? null : <p className="empty-text">{children}</p>}
      {command === undefined ? null : <CommandLine command={command} />}
    </div>
  );
}

/** A failure where it happened: what, why, the way out. */
export function Failure({ error, onRetry }: { error: unknown; onRetry?: (() => void) | undefined }) {
  const t = useWords(words);
  const unreachable = error instanceof ApiFailure && error.status === 0;
  const forbidden = error instanceof ApiFailure && error.status === 403;
  const problem = error instanceof ApiFailure ? error.problem : null;
  const title = unreachable ? t('unreachable') : (problem?.title ?? t('brokenPage'));
  const remedy = unreachable
    ? t('unreachableRemedy')
    : (problem?.remedy ?? (forbidden ? t('forbiddenText') : undefined));
  return (
    <div className="failure" role="alert">
      <p className="failure-title">{title}</p>
      {problem?.detail === undefined ? null : <p>{problem.detail}</p>}
      {remedy === undefined ? null : <p className="remedy">{remedy}</p>}
      {problem === null || unreachable ? null : <p className="code">{problem.code}</p>}
      {onRetry === undefined ? null : (
        <Button onClick={onRetry} look="plain">
          {t('retry')}
        </Button>
      )}
    </div>
  );
}

interface Readable<T> {
  readonly data: T | undefined;
  readonly error: unknown;
  readonly refetch: () => unknown;
}

/** Draws what a query gave; keeps the place calm while it loads and tells a failure where it happened. */
export function Loaded<T>({
  query,
  children,
  lines = 4,
}: {
  query: Readable<T>;
  children: (data: T) => ReactNode;
  lines?: number;
}) {
  const t = useWords(words);
  if (query.data !== undefined) return children(query.data);
  if (query.error !== null && query.error !== undefined)
    return <Failure error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <div className="skeleton" role="status" aria-label={t('loading')}>
      {Array.from({ length: lines }, (_, index) => `line-${index}`).map((key) => (
        <span key={key} />
      ))}
    </div>
  );
}

/** A relative time that ticks; the exact instant on hover. */
export function When({ at }: { at: string | null }) {
  const { language } = useLanguage();
  const formats = useFormats();
  const t = useWords(words);
  const now = useNow();
  if (at === null) return <span className="quiet-text">{t('never')}</span>;
  return (
    <time dateTime={at} title={formats.instant(at)}>
      {formatRelative(language, at, Math.max(now, Date.parse(at)))}
    </time>
  );
}

/** Like `When`, for instants that lie ahead. */
export function Until({ at }: { at: string | null }) {
  const { language } = useLanguage();
  const formats = useFormats();
  const t = useWords(words);
  const now = useNow();
  if (at === null) return <span className="quiet-text">{t('never')}</span>;
  return (
    <time dateTime={at} title={formats.instant(at)}>
      {formatRelative(language, at, now)}
    </time>
  );
}

/** Names and values in two aligned columns. */
export function Facts({ items }: { items: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className="facts">
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Dialog({
  title,
  onClose,
  children,
  wide = false,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
}) {
  const t = useWords(words);
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className={wide ? 'dialog wide' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div className="dialog-head">
        <h2 id={id}>{title}</h2>
        <Button look="quiet" icon="close" aria-label={t('close')} onClick={onClose} />
      </div>
      {children}
    </dialog>
  );
}

/** The panel on the right for the selected row: the list keeps its place. */
export function Drawer({
  title,
  to,
  onClose,
  children,
}: {
  title: ReactNode;
  to?: string | undefined;
  onClose: () => void;
  children: ReactNode;
}) {
  const t = useWords(words);
  const id = useId();
  return (
    <aside className="drawer" aria-labelledby={id} data-drawer="">
      <div className="drawer-head">
        <h2 id={id}>{title}</h2>
        {to === undefined ? null : (
          <Link to={to} className="button plain">
            {t('openPage')}
          </Link>
        )}
        <Button look="quiet" icon="close" aria-label={t('close')} onClick={onClose} />
      </div>
      <div className="drawer-body">{children}</div>
    </aside>
  );
}

/** A list with the drawer of its selected row beside it. */
export function Split({ list, drawer }: { list: ReactNode; drawer: ReactNode | null }) {
  return (
    <div className={drawer === null ? 'split' : 'split open'}>
      <div className="split-list">{list}</div>
      {drawer}
    </div>
  );
}

export function Tabs({
  label,
  items,
  current,
}: {
  label: string;
  current: string;
  items: readonly { id: string; label: string; to: string; count?: number | string | undefined }[];
}) {
  const bar = useRef<HTMLElement>(null);
  // On a narrow screen the bar scrolls, and the tab that is shown must be seen.
  useEffect(() => {
    const tab = bar.current?.querySelector<HTMLElement>(`[data-tab="${CSS.escape(current)}"]`);
    if (bar.current !== null && tab !== null && tab !== undefined)
      bar.current.scrollLeft = tab.offsetLeft - (bar.current.clientWidth - tab.offsetWidth) / 2;
  }, [current]);
  return (
    <nav className="tabs" aria-label={label} ref={bar}>
      {items.map((item) => (
        <Link key={item.id} to={item.to} data-tab={item.id} aria-current={item.id === current ? 'page' : undefined}>
          {item.label}
          {item.count === undefined || item.count === 0 ? null : <span className="count">{item.count}</span>}
        </Link>
      ))}
    </nav>
  );
}

/** Share of a whole as a bar; the words beside it carry the figure. */
export function Meter({ done, total, label }: { done: number; total: number; label: string }) {
  const share = total <= 0 ? 0 : Math.min(1, done / total);
  return (
    <span
      className="meter"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
    >
      <span style={{ inlineSize: `${share * 100}%` }} />
    </span>
  );
}

/** The count behind which new rows wait; nothing takes room while none does. */
export function NewRows({ count, onShow }: { count: number; onShow: () => void }) {
  const t = useWords(words);
  if (count === 0) return null;
  return (
    <div className="new-rows" role="status">
      <button type="button" onClick={onShow}>
        {t('newRows', { count })}
      </button>
    </div>
  );
}
