import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query';
import { Component, type ReactNode, Suspense, useEffect } from 'react';
import { ApiFailure } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { addresses } from './addresses.ts';
import { hasChosenLanguage, LanguageProvider, useLanguage, useWords } from './language.tsx';
import { Layout } from './layout.tsx';
import { EmptyState, Failure, PageHead } from './parts/surface.tsx';
import { Link, type PageRoute, prepareRoutes, Router, useNavigate } from './router.tsx';
import { words } from './words.ts';

/** Live events keep the cache true, so reading again on every look is not needed. */
const STALE_MS = 60_000;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: STALE_MS,
      retry: (count, error) => count < 2 && error instanceof ApiFailure && (error.status === 0 || error.status >= 500),
    },
  },
});

function isMissingPart(error: unknown): boolean {
  return error instanceof TypeError && /dynamically imported module|module script/i.test(error.message);
}

class PageGuard extends Component<{ children: ReactNode; path: string }, { error: unknown; path: string }> {
  override state: { error: unknown; path: string } = { error: null, path: this.props.path };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  static getDerivedStateFromProps(props: { path: string }, state: { path: string }) {
    return props.path === state.path ? null : { error: null, path: props.path };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    // A part of the console that could not be fetched is not asked for twice by a browser: only a new start does that.
    const retry = isMissingPart(this.state.error)
      ? () => window.location.reload()
      : () => this.setState({ error: null });
    return <Failure error={this.state.error} onRetry={retry} />;
  }
}

function Missing() {
  const t = useWords(words);
  return (
    <div className="page">
      <PageHead title={t('notFoundTitle')} />
      <EmptyState title={t('notFoundText')}>
        <Link to={addresses.overview()}>{t('toOverview')}</Link>
      </EmptyState>
    </div>
  );
}

/** Nothing of the shell is drawn before it is known who looks. */
function Gate({ children, path }: { children: ReactNode; path: string }) {
  const navigate = useNavigate();
  const { language, setLanguage } = useLanguage();
  const { data: me, error } = useQuery(queries.me());
  const signedOut = error instanceof ApiFailure && error.status === 401;
  const mustSetPassword = me?.hasPassword === false;

  useEffect(() => {
    if (signedOut || mustSetPassword) navigate(`/login?next=${encodeURIComponent(path)}`, { replace: true });
  }, [signedOut, mustSetPassword, path, navigate]);
  useEffect(() => {
    if (me?.language && me.language !== language && !hasChosenLanguage()) setLanguage(me.language);
  }, [me, language, setLanguage]);

  if (error !== null && !signedOut && me === undefined) {
    return (
      <div className="page alone">
        <Failure error={error} onRetry={() => void client.invalidateQueries({ queryKey: ['me'] })} />
      </div>
    );
  }
  if (me === undefined || signedOut || mustSetPassword) return null;
  return <Layout>{children}</Layout>;
}

function frame(page: ReactNode, path: string): ReactNode {
  const guarded = (
    <PageGuard path={path}>
      <Suspense fallback={null}>{page}</Suspense>
    </PageGuard>
  );
  return path === '/login' ? guarded : <Gate path={path}>{guarded}</Gate>;
}

const ROUTES: readonly PageRoute[] = [
  { pattern: '/', load: () => import('../overview/page.tsx') },
  { pattern: '/login', load: () => import('../session/page.tsx') },
  { pattern: '/projects', load: () => import('../projects/page.tsx') },
  { pattern: '/promotions', load: () => import('../projects/board-page.tsx') },
  { pattern: '/projects/:project', load: () => import('../projects/project-page.tsx') },
  { pattern: '/projects/:project/images', load: () => import('../images/page.tsx') },
  { pattern: '/projects/:project/images/:digest', load: () => import('../images/image-page.tsx') },
  {
    pattern: '/projects/:project/workloads/:environment/:workload',
    load: () => import('../projects/workload-page.tsx'),
  },
  { pattern: '/projects/:project/repositories/:name', load: () => import('../images/repository-page.tsx') },
  { pattern: '/projects/:project/:tab', load: () => import('../projects/project-page.tsx') },
  { pattern: '/projects/:project/:tab/:id', load: () => import('../projects/project-page.tsx') },
  { pattern: '/images', load: () => import('../images/page.tsx') },
  { pattern: '/repositories', load: () => import('../images/repositories-page.tsx') },
  { pattern: '/quarantine', load: () => import('../images/quarantine-page.tsx') },
  { pattern: '/findings', load: () => import('../images/where-page.tsx') },
  { pattern: '/decisions', load: () => import('../images/decisions-page.tsx') },
  { pattern: '/credential-rules', load: () => import('../images/rules-page.tsx') },
  { pattern: '/incidents', load: () => import('../incidents/page.tsx') },
  { pattern: '/incidents/:number', load: () => import('../incidents/incident-page.tsx') },
  { pattern: '/live', load: () => import('../activity/page.tsx') },
  { pattern: '/rules', load: () => import('../rules/page.tsx') },
  { pattern: '/rules/try', load: () => import('../rules/editor-page.tsx') },
  { pattern: '/rules/by-name/:rule', load: () => import('../rules/rule-page.tsx') },
  { pattern: '/drills', load: () => import('../drills/page.tsx') },
  { pattern: '/operations', load: () => import('../operations/page.tsx') },
  { pattern: '/operations/:id', load: () => import('../operations/operation-page.tsx') },
  { pattern: '/hosts', load: () => import('../hosts/page.tsx') },
  { pattern: '/audit', load: () => import('../audit/page.tsx') },
  { pattern: '/audit/facts', load: () => import('../audit/page.tsx') },
  { pattern: '/trust', load: () => import('../trust/page.tsx') },
  { pattern: '/registries', load: () => import('../registries/page.tsx') },
  { pattern: '/settings', load: () => import('../settings/page.tsx') },
  { pattern: '/settings/:section', load: () => import('../settings/page.tsx') },
];

const routes = prepareRoutes(ROUTES);

export function App() {
  return (
    <QueryClientProvider client={client}>
      <LanguageProvider>
        <Router routes={routes} missing={<Missing />} frame={frame} />
      </LanguageProvider>
    </QueryClientProvider>
  );
}
