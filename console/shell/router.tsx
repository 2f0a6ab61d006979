import {
  type AnchorHTMLAttributes,
  type ComponentType,
  createContext,
  lazy,
  type MouseEvent,
  type ReactNode,
  startTransition,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
} from 'react';

/**
 * Addresses of the console. They are the paths of the REST API without its base, so that anything the platform names
 * can be linked without a second table. Small on purpose: the router library of first choice alone took a fifth of
 * the budget of the first load.
 */
export interface PageRoute {
  readonly pattern: string;
  readonly load: () => Promise<{ default: ComponentType }>;
}

interface PreparedRoute {
  readonly segments: readonly string[];
  readonly Page: ComponentType;
  readonly preload: () => void;
}

export function prepareRoutes(routes: readonly PageRoute[]): readonly PreparedRoute[] {
  return routes.map(({ pattern, load }) => {
    let loading: Promise<{ default: ComponentType }> | null = null;
    const once = () => {
      loading ??= loadPatiently(load);
      return loading;
    };
    return { segments: splitPath(pattern), Page: lazy(once), preload: () => void once() };
  });
}

/** A network that changes under the browser breaks what it was fetching; what is gone for good is told by the page's guard. */
const RETRY_AFTER_MS = [200, 1000, 3000];

/** Loads a part of the console; asks again when it does not come. */
export async function loadPatiently<T>(load: () => Promise<T>): Promise<T> {
  for (const waitMs of RETRY_AFTER_MS) {
    try {
      return await load();
    } catch {
      await new Promise((resume) => setTimeout(resume, waitMs));
    }
  }
  return load();
}

type Params = Readonly<Record<string, string>>;

function splitPath(path: string): readonly string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // A stray per cent sign is a name like any other.
    return segment;
  }
}

export function matchPath(pattern: readonly string[], path: string): Params | null {
  const segments = splitPath(path);
  if (segments.length !== pattern.length) return null;
  const params: Record<string, string> = {};
  for (const [index, wanted] of pattern.entries()) {
    const segment = segments[index] ?? '';
    if (wanted.startsWith(':')) params[wanted.slice(1)] = decodeSegment(segment);
    else if (wanted !== segment) return null;
  }
  return params;
}

interface Place {
  readonly path: string;
  readonly search: string;
}

interface RouterState {
  readonly place: Place;
  readonly params: Params;
  readonly navigate: (to: string, options?: { replace?: boolean }) => void;
  readonly preload: (to: string) => void;
}

const RouterContext = createContext<RouterState | null>(null);

function useRouter(): RouterState {
  const state = useContext(RouterContext);
  if (state === null) throw new Error('a router part was used outside of the router');
  return state;
}

function readPlace(): Place {
  return { path: window.location.pathname, search: window.location.search };
}

/** Parameters that stay in the address when the reader moves on: the environment looked at. */
const KEPT = ['env'];

function keepParameters(to: string): string {
  const [path = '/', search = ''] = to.split('?');
  const wanted = new URLSearchParams(search);
  const current = new URLSearchParams(window.location.search);
  for (const name of KEPT) {
    const value = current.get(name);
    if (value !== null && !wanted.has(name)) wanted.set(name, value);
  }
  const text = wanted.toString();
  return text === '' ? path : `${path}?${text}`;
}

export interface RouterProps {
  readonly routes: readonly PreparedRoute[];
  readonly missing: ReactNode;
  readonly frame: (page: ReactNode, path: string) => ReactNode;
}

export function Router({ routes, missing, frame }: RouterProps) {
  const [place, setPlace] = useState<Place>(readPlace);

  useEffect(() => {
    const follow = () => startTransition(() => setPlace(readPlace()));
    window.addEventListener('popstate', follow);
    return () => window.removeEventListener('popstate', follow);
  }, []);

  const navigate = useCallback<RouterState['navigate']>((to, options = {}) => {
    const address = keepParameters(to);
    const before = window.location.pathname;
    if (options.replace === true) window.history.replaceState(null, '', address);
    else window.history.pushState(null, '', address);
    // A parameter of the same page is state (a filter being typed): it must not lag behind. A new page may take its time.
    if (window.location.pathname === before) {
      setPlace(readPlace());
      return;
    }
    window.scrollTo(0, 0);
    startTransition(() => setPlace(readPlace()));
  }, []);

  const preload = useCallback(
    (to: string) => {
      const path = to.split('?')[0] ?? '/';
      routes.find((route) => matchPath(route.segments, path) !== null)?.preload();
    },
    [routes],
  );

  const [params, Page] = useMemo<[Params, ComponentType | null]>(() => {
    for (const route of routes) {
      const found = matchPath(route.segments, place.path);
      if (found !== null) return [found, route.Page];
    }
    return [{}, null];
  }, [routes, place.path]);

  const state = useMemo(() => ({ place, params, navigate, preload }), [place, params, navigate, preload]);
  return <RouterContext value={state}>{frame(Page === null ? missing : <Page />, place.path)}</RouterContext>;
}

export function useNavigate(): RouterState['navigate'] {
  return useRouter().navigate;
}

export function usePath(): string {
  return useRouter().place.path;
}

export function useParams<Name extends string>(): Readonly<Record<Name, string>> {
  return useRouter().params as Readonly<Record<Name, string>>;
}

/** One parameter of the address as state; setting it replaces the entry of the history, so that "back" leaves the page. */
export function useSearchParam(name: string): [string, (value: string) => void] {
  const { place, navigate } = useRouter();
  const value = new URLSearchParams(place.search).get(name) ?? '';
  const set = useCallback(
    (next: string) => {
      const search = new URLSearchParams(window.location.search);
      // A kept parameter is emptied rather than dropped, or it would be carried over again.
      if (next === '' && !KEPT.includes(name)) search.delete(name);
      else search.set(name, next);
      navigate(`${window.location.pathname}?${search}`, { replace: true });
    },
    [name, navigate],
  );
  return [value, set];
}

/** An address inside the console, or `null`: text from outside may not carry `javascript:` or another site. */
export function insideAddress(href: string | null): string | null {
  return href?.startsWith('/') && !href.startsWith('//') && !href.startsWith('/\\') ? href : null;
}

/** An address outside that is safe to offer as a link, or `null`. */
export function outsideAddress(href: string | null): string | null {
  return href !== null && /^https?:\/\//i.test(href) ? href : null;
}

export interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> {
  readonly 'data-tab'?: string;
  readonly to: string;
}

export function Link({ to, onClick, children, ...rest }: LinkProps) {
  const { navigate, preload } = useRouter();
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a {...rest} href={to} onClick={follow} onPointerEnter={() => preload(to)} onFocus={() => preload(to)}>
      {children}
    </a>
  );
}
