import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { Finding, ScanChanges } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { RiskBadge, StateBadge, type Tone } from '../shell/parts/badge.tsx';
import { EmptyState, Loaded, Panel } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { Link } from '../shell/router.tsx';
import { reportWords } from './report-words.ts';

interface PackageChange {
  readonly kind: 'added' | 'removed' | 'changed';
  readonly type: string;
  readonly name: string;
  readonly from: string | null;
  readonly to: string | null;
}

const TONES: Readonly<Record<PackageChange['kind'], Tone>> = { added: 'pending', removed: 'absent', changed: 'ok' };

function changesOf({ packages }: ScanChanges): readonly PackageChange[] {
  return [
    ...packages.changed.map(({ type, name, from, version }) => ({
      ...{ kind: 'changed' as const, type, name, from, to: version },
    })),
    ...packages.added.map(({ type, name, version }) => ({
      ...{ kind: 'added' as const, type, name, from: null, to: version },
    })),
    ...packages.removed.map(({ type, name, version }) => ({
      ...{ kind: 'removed' as const, type, name, from: version, to: null },
    })),
  ];
}

function FindingList({ title, none, findings }: { title: string; none: string; findings: readonly Finding[] }) {
  const t = useWords(reportWords);
  const columns: readonly Column<Finding>[] = [
    { id: 'risk', label: t('riskHead'), cell: ({ risk }) => <RiskBadge risk={risk} /> },
    { id: 'id', label: t('issueHead'), cell: ({ id }) => <Link to={addresses.finding(id)}>{id}</Link> },
    { id: 'package', label: t('package'), cell: ({ package: one }) => `${one.name} ${one.version}` },
    {
      id: 'title',
      label: t('aboutHead'),
      from: 'wide',
      grow: true,
      cell: (finding) => <span className="clip quiet-text">{finding.title}</span>,
    },
  ];
  return (
    <Panel title={title} count={findings.length} flush>
      {findings.length === 0 ? (
        <EmptyState title={none} />
      ) : (
        <Table
          label={title}
          columns={columns}
          rows={findings}
          keyOf={({ id, package: one }) => `${id} ${one.purl} ${one.path ?? ''}`}
        />
      )}
    </Panel>
  );
}

/** What became of an image since the version before it in its repository. */
export function Changes({ project, digest }: { project: string; digest: string }) {
  const t = useWords(reportWords);
  const changes = useQuery(queries.changes(project, digest));
  const columns: readonly Column<PackageChange>[] = [
    {
      id: 'kind',
      label: t('change'),
      cell: ({ kind }) => <StateBadge tone={TONES[kind]}>{t(kind)}</StateBadge>,
    },
    { id: 'name', label: t('package'), grow: true, cell: ({ name }) => name },
    {
      id: 'type',
      label: t('typeHead'),
      from: 'medium',
      cell: ({ type }) => <span className="quiet-text">{type}</span>,
    },
    { id: 'from', label: t('from'), cell: ({ from }) => <span className="mono">{from ?? '—'}</span> },
    { id: 'to', label: t('to'), cell: ({ to }) => <span className="mono">{to ?? '—'}</span> },
  ];
  return (
    <Loaded query={changes}>
      {(found) => {
        if (found.previous === null) {
          return (
            <Panel>
              <EmptyState title={t('noPrevious')}>{t('noPreviousText')}</EmptyState>
            </Panel>
          );
        }
        const packages = changesOf(found);
        return (
          <div className="stack">
            <p className="page-sub">
              <Link to={addresses.image(project, found.previous)}>
                {t('since', { digest: shortDigest(found.previous) })}
              </Link>
            </p>
            <FindingList title={t('newFindings')} none={t('noneNew')} findings={found.appeared} />
            <FindingList title={t('goneFindings')} none={t('noneGone')} findings={found.gone} />
            <Panel title={t('packageChanges')} count={packages.length} flush>
              {packages.length === 0 ? (
                <EmptyState title={t('noPackageChanges')} />
              ) : (
                <Table
                  label={t('packageChanges')}
                  columns={columns}
                  rows={packages}
                  keyOf={({ kind, type, name, from, to }) => `${kind} ${type} ${name} ${from ?? ''} ${to ?? ''}`}
                />
              )}
            </Panel>
          </div>
        );
      }}
    </Loaded>
  );
}
