import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { addresses } from '../shell/addresses.ts';
import { useLanguage, useText, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { ConfirmDialog } from '../shell/parts/confirm.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { PriorityBadge } from '../shell/parts/states.tsx';
import { EmptyState, Facts, Failure, Loaded, PageHead, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { Link, useParams } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { ScopeText } from './page.tsx';
import { ruleQueries } from './queries.ts';
import './rules.css';
import { Tried } from './tried.tsx';
import { TuneDialog } from './tune-dialog.tsx';
import type { AlertOfRule, RuleDetail, RuleTuning, TriedRules } from './types.ts';
import { words } from './words.ts';

/** What the page of a rule of the platform says: for the person on duty. */
function Meaning({ rule }: { rule: RuleDetail }) {
  const t = useWords(words);
  const { language } = useLanguage();
  const page = rule.page?.[language] ?? null;
  if (page === null) {
    return (
      <Panel title={t('meaning')}>
        <p>{rule.description}</p>
      </Panel>
    );
  }
  return (
    <Panel title={t('meaning')}>
      <div className="rule-page">
        <p>{page.what}</p>
        <h3>{t('innocent')}</h3>
        <p>{page.innocent}</p>
        <h3>{t('first')}</h3>
        <ol>
          {page.first.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
        <h3>{t('misses')}</h3>
        <p>{page.misses}</p>
      </div>
    </Panel>
  );
}

function Tunings({ rule }: { rule: RuleDetail }) {
  const t = useWords(words);
  const client = useQueryClient();
  const may = hasRole(useMe(), ['admin', 'analyst']);
  const [tuning, setTuning] = useState(false);
  const [ending, setEnding] = useState<RuleTuning | null>(null);
  const columns: readonly Column<RuleTuning>[] = [
    { id: 'where', label: t('where'), cell: (one) => <ScopeText {...one} /> },
    {
      id: 'when',
      label: t('condition'),
      grow: true,
      cell: ({ condition }) => (condition === null ? t('always') : <span className="mono">{condition}</span>),
    },
    { id: 'why', label: t('reason'), from: 'medium', cell: ({ reason }) => reason },
    { id: 'by', label: t('by'), from: 'wide', cell: ({ author }) => <Actor actor={author} /> },
    {
      id: 'until',
      label: t('until'),
      from: 'medium',
      cell: ({ until }) => until?.slice(0, 10) ?? '—',
    },
    { id: 'held', label: t('keptBack'), align: 'end', cell: ({ suppressed }) => suppressed },
    {
      id: 'end',
      label: '',
      cell: (one) =>
        may ? (
          <Button look="quiet" onClick={() => setEnding(one)}>
            {t('endTuning')}
          </Button>
        ) : null,
    },
  ];
  return (
    <Panel
      title={t('tunings')}
      count={rule.tunings.length}
      flush={rule.tunings.length > 0}
      actions={may ? <Button onClick={() => setTuning(true)}>{t('tune')}</Button> : undefined}
    >
      {rule.tunings.length === 0 ? (
        <p className="quiet-text">{t('noTunings')}</p>
      ) : (
        <Table label={t('tunings')} columns={columns} rows={rule.tunings} keyOf={({ id }) => id} />
      )}
      {tuning ? <TuneDialog rule={rule.name} onClose={() => setTuning(false)} /> : null}
      {ending === null ? null : (
        <ConfirmDialog
          title={t('endTuning')}
          text={t('endTuningText', { reason: ending.reason })}
          action={t('endTuning')}
          run={async () => {
            await api.delete(apiPath(['rules', 'tunings', ending.id]));
            await client.invalidateQueries({ queryKey: ['rules'] });
          }}
          onClose={() => setEnding(null)}
        />
      )}
    </Panel>
  );
}

function LastAlerts({ rule }: { rule: string }) {
  const t = useWords(words);
  const alerts = useQuery(ruleQueries.alerts(rule));
  const columns: readonly Column<AlertOfRule>[] = [
    { id: 'at', label: t('time'), cell: ({ at }) => <When at={at} /> },
    {
      id: 'incident',
      label: t('incident'),
      align: 'end',
      cell: ({ incident }) => <Link to={addresses.incident(incident)}>{incident}</Link>,
    },
    { id: 'output', label: t('what'), grow: true, cell: ({ output }) => <span className="mono">{output}</span> },
    { id: 'host', label: t('host'), from: 'wide', cell: ({ host }) => host },
  ];
  return (
    <Panel title={t('lastAlerts')} flush>
      <Loaded query={alerts}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState title={t('noAlerts')}>{t('noAlertsText')}</EmptyState>
          ) : (
            <Table
              label={t('lastAlerts')}
              columns={columns}
              rows={rows}
              keyOf={({ id }) => id}
              pageOf={({ incident }) => addresses.incident(incident)}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

/** What it would have found in what the hosts kept; asked when somebody wants to know. */
function LastWeek({ rule }: { rule: string }) {
  const t = useWords(words);
  const asked = useMutation({ mutationFn: () => api.post<TriedRules>('/rules/try', { rule }) });
  return (
    <Panel
      title={t('lastWeek')}
      actions={
        <Button busy={asked.isPending} onClick={() => asked.mutate()}>
          {t('ask')}
        </Button>
      }
    >
      {asked.error !== null ? (
        <Failure error={asked.error} />
      ) : asked.data === undefined ? (
        <p className="quiet-text">{t('lastWeekText')}</p>
      ) : (
        <Tried tried={asked.data} />
      )}
    </Panel>
  );
}

/** One rule, for whoever gets an alert of it: what it means, what is excepted, what it found. */
export default function RulePage() {
  const t = useWords(words);
  const text = useText();
  const { language } = useLanguage();
  const { rule: name } = useParams<'rule'>();
  const rule = useQuery(ruleQueries.rule(name));
  return (
    <div className="page">
      <PageHead
        title={rule.data?.page?.[language].title ?? name}
        path={[[t('title'), addresses.rules()]]}
        badges={rule.data === undefined ? null : <PriorityBadge priority={rule.data.priority} />}
      />
      <Loaded query={rule}>
        {(data) => (
          <div className="stack">
            <Panel>
              <Facts
                items={[
                  [
                    t('state'),
                    <span key="s">
                      <StateBadge tone={data.off === null ? 'ok' : 'absent'}>
                        {t(data.off === null ? 'on' : 'off')}
                      </StateBadge>{' '}
                      {data.off === null ? null : (
                        <span className="quiet-text">{text({ en: data.off, es: data.offSpanish ?? data.off })}</span>
                      )}
                    </span>,
                  ],
                  [t('rule'), data.name],
                  [t('where'), <ScopeText key="w" {...data} />],
                  [
                    t('origin'),
                    data.origin === 'own' ? (
                      <Link key="o" to={addresses.ruleFile(data.file)}>
                        {data.file}
                      </Link>
                    ) : (
                      t('shipped')
                    ),
                  ],
                  [
                    t('technique'),
                    <span key="t" className="chips">
                      {data.techniques.length === 0
                        ? '—'
                        : data.techniques.map(({ id, url }) => (
                            <a key={id} href={url} rel="noreferrer">
                              {id}
                            </a>
                          ))}
                    </span>,
                  ],
                  ...data.changedBy
                    .filter(({ file }) => file !== data.file)
                    .map(
                      (one) =>
                        [
                          t('changedBy'),
                          <span key={one.file} className="chips">
                            <Link to={addresses.ruleFile(one.file)}>{one.file}</Link>
                            <Actor actor={one.author} />
                            <When at={one.appliedAt} />
                          </span>,
                        ] as const,
                    ),
                ]}
              />
            </Panel>
            <Meaning rule={data} />
            <Tunings rule={data} />
            <LastAlerts rule={data.name} />
            <LastWeek rule={data.name} />
          </div>
        )}
      </Loaded>
    </div>
  );
}
