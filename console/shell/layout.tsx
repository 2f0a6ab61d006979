import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from 'react';
import { api } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { addresses } from './addresses.ts';
import { useEnvironment, useEnvironmentNames } from './environment.ts';
import { useKeys } from './keys.ts';
import { useLanguage, useWords } from './language.tsx';
import { useConnection, useLiveStream } from './live.ts';
import { Button, Select } from './parts/controls.tsx';
import { Icon, type IconName, Mark } from './parts/icon.tsx';
import { Dialog } from './parts/surface.tsx';
import { Link, useNavigate, usePath } from './router.tsx';
import { useChooseLanguage, useMe } from './session.ts';
import { oppositeTheme, setTheme } from './theme.ts';
import { words } from './words.ts';

const loadPalette = () => import('./palette.tsx');
const Palette = lazy(loadPalette);

interface PlaceEntry {
  readonly key: 'overview' | 'projects' | 'images' | 'activity' | 'hosts' | 'audit' | 'settings';
  readonly to: string;
  readonly letter: string;
  /** First path segments that belong to the place. */
  readonly roots: readonly string[];
}

export const PLACES: readonly PlaceEntry[] = [
  { key: 'overview', to: addresses.overview(), letter: 'o', roots: [''] },
  { key: 'projects', to: addresses.projects(), letter: 'p', roots: ['projects'] },
  {
    key: 'images',
    to: addresses.images(),
    letter: 'i',
    roots: ['images', 'repositories', 'quarantine', 'findings', 'decisions', 'credential-rules', 'registries', 'trust'],
  },
  {
    key: 'activity',
    to: addresses.incidents(),
    letter: 'a',
    roots: ['incidents', 'operations', 'live', 'rules', 'drills'],
  },
  { key: 'hosts', to: addresses.hosts(), letter: 'h', roots: ['hosts'] },
  { key: 'audit', to: addresses.audit(), letter: 'c', roots: ['audit'] },
  { key: 'settings', to: addresses.settings(), letter: 's', roots: ['settings'] },
];

function placeOf(path: string): string {
  const segments = path.split('/');
  if (segments[1] === 'projects' && ['images', 'repositories'].includes(segments[3] ?? '')) return 'images';
  return PLACES.find((place) => place.roots.includes(segments[1] ?? ''))?.key ?? '';
}

function Rail({ path, onPick }: { path: string; onPick: () => void }) {
  const t = useWords(words);
  const incidents = useQuery(queries.incidents()).data ?? [];
  const operations = useQuery(queries.operations()).data ?? [];
  const open = incidents.filter((incident) => incident.state === 'open').length;
  const running = operations.filter((operation) => operation.state === 'running').length;
  const here = placeOf(path);
  return (
    <nav className="rail" aria-label={t('places')}>
      {PLACES.map((place) => (
        <Link
          key={place.key}
          to={place.to}
          aria-current={here === place.key ? 'page' : undefined}
          className={place.key === 'settings' ? 'last' : ''}
          onClick={onPick}
        >
          <Icon name={place.key as IconName} />
          <span className="rail-label">{t(place.key)}</span>
          {place.key === 'activity' && open > 0 ? (
            <span className="rail-count alarm">
              {open}
              {incidents.length < 200 ? null : '+'}
            </span>
          ) : null}
          {place.key === 'activity' && open === 0 && running > 0 ? <span className="rail-count">{running}</span> : null}
        </Link>
      ))}
    </nav>
  );
}

function EnvironmentSwitch() {
  const t = useWords(words);
  const [environment, setEnvironment] = useEnvironment();
  const names = useEnvironmentNames();
  if (names.length === 0) return null;
  return (
    <Select
      bare
      label={t('environment')}
      value={environment}
      onPick={setEnvironment}
      options={[['', t('allEnvironments')], ...names.map((name) => [name, name] as const)]}
    />
  );
}

function AccountMenu() {
  const t = useWords(words);
  const client = useQueryClient();
  const navigate = useNavigate();
  const me = useMe();
  const menu = useRef<HTMLDetailsElement>(null);
  const { language } = useLanguage();
  const chooseLanguage = useChooseLanguage();
  const signOut = async () => {
    await api.delete('/session');
    client.clear();
    navigate('/login');
  };
  const close = () => menu.current?.removeAttribute('open');
  useEffect(() => {
    const away = (event: Event) => {
      if (event.target instanceof Node && menu.current?.contains(event.target) === false) close();
    };
    document.addEventListener('pointerdown', away);
    return () => document.removeEventListener('pointerdown', away);
  });
  return (
    <details
      className="account"
      ref={menu}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || menu.current?.open !== true) return;
        event.preventDefault();
        close();
        menu.current.querySelector('summary')?.focus();
      }}
    >
      <summary aria-label={`${t('account')}: ${me?.name ?? ''}`}>
        <Icon name="user" />
        <span className="account-name">{me?.name}</span>
      </summary>
      <div className="account-menu">
        <Link to={addresses.settings('me')} onClick={close}>
          {t('settings')}
        </Link>
        <button type="button" onClick={() => setTheme(oppositeTheme())}>
          {t('switchTheme')}
        </button>
        <button
          type="button"
          lang={language === 'en' ? 'es' : 'en'}
          onClick={() => void chooseLanguage(language === 'en' ? 'es' : 'en')}
        >
          {t('switchLanguage')}
        </button>
        <button type="button" onClick={() => void signOut()}>
          {t('signOut')}
        </button>
      </div>
    </details>
  );
}

function KeyboardHelp({ onClose }: { onClose: () => void }) {
  const t = useWords(words);
  const lines: readonly (readonly [readonly string[], string])[] = [
    [['j', 'k'], t('helpMove')],
    [['Enter'], t('helpOpen')],
    [['Esc'], t('helpClose')],
    [['/', 'Ctrl K'], t('helpSearch')],
    [['f'], t('helpFilter')],
    [['g'], `${t('helpGo')} (${PLACES.map((place) => `${place.letter} ${t(place.key)}`).join(', ')})`],
    [['?'], t('helpHelp')],
  ];
  return (
    <Dialog title={t('helpTitle')} onClose={onClose}>
      <dl className="key-list">
        {lines.map(([keys, meaning]) => (
          <div key={meaning}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

function ConnectionBanner() {
  const t = useWords(words);
  const connection = useConnection();
  return (
    <div className="banner" role="status" aria-live="polite" hidden={connection !== 'lost'}>
      {connection === 'lost' ? t('connectionLost') : ''}
    </div>
  );
}

const PALETTE_AFTER_MS = 1500;

/** How long `g` waits for the letter of a place. */
const GO_MS = 1200;

/** The one shell: places on the left, environment and search on top, the page below. */
export function Layout({ children }: { children: ReactNode }) {
  const t = useWords(words);
  const path = usePath();
  const navigate = useNavigate();
  const status = useQuery(queries.status()).data;
  const [open, setOpen] = useState<'none' | 'palette' | 'help' | 'rail'>('none');
  const goUntil = useRef(0);
  const main = useRef<HTMLElement>(null);
  const lastPath = useRef(path);
  useLiveStream();

  const go = Object.fromEntries(
    PLACES.map((place) => [
      place.letter,
      () => {
        if (Date.now() < goUntil.current) navigate(place.to);
        goUntil.current = 0;
      },
    ]),
  );
  useKeys({
    ...go,
    '/': (event) => {
      event.preventDefault();
      setOpen('palette');
    },
    '?': () => setOpen('help'),
    g: () => {
      goUntil.current = Date.now() + GO_MS;
    },
    f: (event) => {
      const filter = document.querySelector<HTMLInputElement>('[data-filter]');
      if (filter === null) return;
      event.preventDefault();
      filter.focus();
    },
  });

  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'k') return;
      event.preventDefault();
      setOpen((now) => (now === 'palette' ? 'none' : 'palette'));
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);

  // Fetched while nothing else is asked for, so that the first Ctrl-K is as quick as the next.
  useEffect(() => {
    const timer = setTimeout(() => void loadPalette(), PALETTE_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);

  // A new page starts at its heading, also for those who listen to it.
  useEffect(() => {
    if (lastPath.current === path) return;
    lastPath.current = path;
    setOpen('none');
    main.current?.querySelector('h1')?.focus({ preventScroll: true });
  }, [path]);

  return (
    <div className={open === 'rail' ? 'shell rail-open' : 'shell'}>
      <a className="skip" href="#page">
        {t('skip')}
      </a>
      <header className="top">
        <Button
          look="quiet"
          icon="menu"
          className="menu-button"
          aria-label={t('menu')}
          aria-expanded={open === 'rail'}
          onClick={() => setOpen(open === 'rail' ? 'none' : 'rail')}
        />
        <Link to={addresses.overview()} className="brand" aria-label={`${t('product')}, ${t('overview')}`}>
          <Mark />
          <span className="brand-name">{t('product')}</span>
          {status === undefined ? null : <span className="brand-instance">{status.instance}</span>}
        </Link>
        <div className="top-tools">
          <button
            type="button"
            className="search-button"
            onClick={() => setOpen('palette')}
            aria-keyshortcuts="Control+K /"
            aria-label={t('searchLong')}
          >
            <Icon name="search" size={14} />
            <span>{t('search')}</span>
            <kbd>Ctrl K</kbd>
          </button>
          <EnvironmentSwitch />
          <AccountMenu />
        </div>
      </header>
      <Rail path={path} onPick={() => setOpen('none')} />
      <main id="page" ref={main} tabIndex={-1}>
        <ConnectionBanner />
        {children}
      </main>
      {open === 'help' ? <KeyboardHelp onClose={() => setOpen('none')} /> : null}
      {open === 'palette' ? (
        <Suspense fallback={null}>
          <Palette onClose={() => setOpen('none')} onHelp={() => setOpen('help')} />
        </Suspense>
      ) : null}
    </div>
  );
}
