import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { queries } from '../api/queries.ts';
import type { Finding, Risk, ScanReport, ToDo } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip, type Level, LevelBadge, RISKS, RiskBadge, StateBadge } from '../shell/parts/badge.tsx';
import { Button, Copyable, FilterBox, Select } from '../shell/parts/controls.tsx';
import { Drawer, EmptyState, Facts, Loaded, Panel, Split, Until, When } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { Link, outsideAddress, useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { LayerStep } from './packages.tsx';
import { reportWords } from './report-words.ts';
import { ExceptionDialog } from './risk-tabs.tsx';
import { riskWords } from './risk-words.ts';
import { StatementDialog } from './vex.tsx';
import { words } from './words.ts';

const keyOf = (finding: Finding) => `${finding.id}|${finding.package.purl}|${finding.package.path ?? ''}`;

const RISK_WORDS = { 'act-now': 'actNow', high: 'high', medium: 'medium', low: 'low', unknown: 'unknown' } as const;

export function scoreOf(finding: Finding): number | null {
  if (finding.cvss === null) return null;
  return typeof finding.cvss === 'number' ? finding.cvss : finding.cvss.score;
}

/** By risk class first, then by likelihood and severity: the order in which to act. */
function rankFindings(findings: readonly Finding[]): readonly Finding[] {
  const rank = (finding: Finding) => RISKS.indexOf(finding.risk);
  return [...findings].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      Number(b.kev) - Number(a.kev) ||
      (b.epss ?? 0) - (a.epss ?? 0) ||
      (scoreOf(b) ?? 0) - (scoreOf(a) ?? 0) ||
      a.id.localeCompare(b.id),
  );
}

function SeverityBadge({ finding }: { finding: Finding }) {
  const shell = useWords(shellWords);
  const formats = useFormats();
  const score = scoreOf(finding);
  const level: Level = finding.severity ?? 'none';
  return (
    <span className="severity">
      <LevelBadge level={level}>{finding.severity === null ? shell('unknown') : shell(finding.severity)}</LevelBadge>
      {score === null ? null : <span className="quiet-text">{formats.tenths(score)}</span>}
    </span>
  );
}

interface Where {
  readonly project: string;
  readonly digest: string;
  readonly repository: string;
}

function FindingDrawer({
  finding,
  where,
  layers,
  onClose,
}: {
  finding: Finding;
  where: Where;
  layers: ScanReport['layers'];
  onClose: () => void;
}) {
  const t = useWords(words);
  const r = useWords(riskWords);
  const p = useWords(reportWords);
  const [isAsking, setAsking] = useState(false);
  const [isStating, setStating] = useState(false);
  const { exception, vex, kevDetail } = finding;
  const text = useText();
  const formats = useFormats();
  const outside = outsideAddress(finding.url);
  return (
    <Drawer title={finding.id} onClose={onClose}>
      <p>{finding.title}</p>
      <p>
        <Link to={addresses.finding(finding.id)}>{p('whereTitle')}</Link>
      </p>
      <p className="chips">
        <RiskBadge risk={finding.risk} />
        {finding.kev ? <StateBadge tone="bad">{t('exploited')}</StateBadge> : null}
        {kevDetail?.ransomware ? <StateBadge tone="bad">{r('ransomware')}</StateBadge> : null}
      </p>
      <section>
        <h3>
          {r('decision')}: {r(finding.decision)}
        </h3>
        <p>{text(finding.decisionReason)}</p>
        {kevDetail?.dueDate ? <p>{r('dueCisa', { date: formats.instant(kevDetail.dueDate) })}</p> : null}
        {finding.here.map((one) => (
          <p key={one.environment}>
            <Chip>{one.environment}</Chip> {r(one.decision)}
            {one.deadline === null ? null : (
              <>
                {' · '}
                {r('deadline')} <Until at={one.deadline} />
              </>
            )}
          </p>
        ))}
      </section>
      <section>
        <h3>{t('why')}</h3>
        <p>{text(finding.reason)}</p>
      </section>
      <section>
        {exception === null ? (
          <span className="chips">
            <Button onClick={() => setAsking(true)}>{r('ask')}</Button>
            <Button onClick={() => setStating(true)}>{p('state')}</Button>
          </span>
        ) : (
          <p>
            {r('exceptedUntil', {
              date: formats.instant(exception.expiresAt),
              approver: exception.approver,
              reason: exception.reason,
            })}
          </p>
        )}
        {vex === null ? null : (
          <p>{r('said', { author: vex.author, status: r(vex.status), because: vex.believedBecause })}</p>
        )}
      </section>
      {isStating ? <StatementDialog {...where} finding={finding} onClose={() => setStating(false)} /> : null}
      {isAsking ? <ExceptionDialog {...where} finding={finding} onClose={() => setAsking(false)} /> : null}
      <Facts
        items={[
          [t('severity'), <SeverityBadge key="s" finding={finding} />],
          [t('epss'), finding.epss === null ? '—' : formats.percent(finding.epss)],
          [t('package'), finding.package.name],
          [
            t('installed'),
            <span key="i" className="mono">
              {finding.package.version}
            </span>,
          ],
          [
            t('fixed'),
            finding.fixedVersion === null ? (
              t('noFix')
            ) : (
              <span key="f" className="mono">
                {finding.fixedVersion}
              </span>
            ),
          ],
          [t('packageUrl'), <Copyable key="p" value={finding.package.purl} />],
          [
            t('path'),
            <span key="a" className="mono">
              {finding.package.path ?? '—'}
            </span>,
          ],
          [
            t('layer'),
            finding.package.layer === null ? (
              '—'
            ) : (
              <Copyable key="l" value={finding.package.layer}>
                {shortDigest(finding.package.layer)}
              </Copyable>
            ),
          ],
          [r('layerStep'), <LayerStep key="ls" layers={layers} layer={finding.package.layer} />],
          [
            r('vectors'),
            <span key="v" className="chips">
              {finding.cvssVectors.map(({ source, vector, score }) => (
                <Chip key={`${source} ${vector}`} mono>
                  {vector} {score === null ? '' : formats.tenths(score)}
                </Chip>
              ))}
            </span>,
          ],
          [
            t('aliases'),
            <span key="al" className="chips">
              {finding.aliases.map((alias) => (
                <Chip key={alias} mono>
                  {alias}
                </Chip>
              ))}
            </span>,
          ],
          ...(outside === null
            ? []
            : [
                [
                  t('advisory'),
                  <a key="u" href={outside} target="_blank" rel="noreferrer noopener">
                    {outside.replace(/^https?:\/\//, '')}
                  </a>,
                ] as const,
              ]),
        ]}
      />
    </Drawer>
  );
}

function ScanFacts({ report }: { report: ScanReport }) {
  const t = useWords(words);
  const text = useText();
  const formats = useFormats();
  const { coverage } = report.advisories;
  const typesWith = (wanted: 'partial' | 'no-data') =>
    Object.keys(coverage).filter((type) => coverage[type] === wanted);
  const partial = typesWith('partial');
  const blind = typesWith('no-data');
  return (
    <p className="page-sub">
      {report.complete ? null : (
        <StateBadge tone="warn">
          {t('incomplete')}
          {report.incomplete === null ? '' : `: ${text(report.incomplete)}`}
        </StateBadge>
      )}
      <span>
        {t('scanned')} <When at={report.scannedAt} />
      </span>
      <span>
        {formats.number(report.packages)} {t('packages').toLowerCase()} (
        {Object.entries(report.packagesByType)
          .map(([type, count]) => `${type} ${formats.number(count)}`)
          .join(', ')}
        )
      </span>
      {report.distribution === null ? null : <span>{report.distribution.name}</span>}
      {report.advisories.sources.map((source) => (
        <span key={source.name}>
          {source.name} <When at={source.updatedAt} />
        </span>
      ))}
      {blind.length === 0 ? null : (
        <StateBadge tone="absent">
          {t('coverage')} {blind.join(', ')}
        </StateBadge>
      )}
      {partial.length === 0 ? null : (
        <StateBadge tone="warn">
          {t('partial')} {partial.join(', ')}
        </StateBadge>
      )}
    </p>
  );
}

/** Why a row is to be seen with the filter of its state. */
type Standing = '' | 'new' | 'excepted';

function FindingTable({ report, where }: { report: ScanReport; where: Where }) {
  const t = useWords(words);
  const r = useWords(riskWords);
  const [toDo, setToDo] = useSearchParam('do');
  const [type, setType] = useSearchParam('type');
  const [standing, setStanding] = useSearchParam('state');
  const [severity, setSeverity] = useSearchParam('severity');
  const [layer, setLayer] = useSearchParam('layer');
  const [kev, setKev] = useSearchParam('kev');
  const p = useWords(reportWords);
  const changes = useQuery(queries.changes(where.project, where.digest));
  const fresh = new Set((changes.data?.appeared ?? []).map(keyOf));
  const shell = useWords(shellWords);
  const [risk, setRisk] = useSearchParam('risk');
  const [fix, setFix] = useSearchParam('fix');
  const [filter, setFilter] = useSearchParam('q');
  const [selected, select] = useSearchParam('sel');
  const rows = rankFindings(report.findings).filter(
    (finding) =>
      (risk === '' || finding.risk === risk) &&
      (fix === '' || finding.fixedVersion !== null) &&
      (toDo === '' || finding.decision === toDo) &&
      (type === '' || finding.package.type === type) &&
      (severity === '' || (finding.severity ?? 'unknown') === severity) &&
      (layer === '' || finding.package.layer === layer) &&
      (kev === '' || finding.kev) &&
      isStanding(finding, standing as Standing, fresh) &&
      matchesFilter(filter, [
        finding.id,
        ...finding.aliases,
        finding.package.purl,
        finding.title,
        finding.package.path,
      ]),
  );
  const chosen = rows.find((finding) => keyOf(finding) === selected);
  const columns: readonly Column<Finding>[] = [
    { id: 'risk', label: t('risk'), cell: (finding) => <RiskBadge risk={finding.risk} /> },
    {
      id: 'id',
      label: t('finding'),
      cell: (finding) => (
        <span className="finding-id">
          <span className="mono">{finding.aliases.find((alias) => alias.startsWith('CVE-')) ?? finding.id}</span>
          {finding.kev ? (
            <span title={t('exploited')}>
              <StateBadge tone="bad">{t('exploited')}</StateBadge>
            </span>
          ) : null}
        </span>
      ),
    },
    {
      id: 'decision',
      label: r('decision'),
      from: 'medium',
      cell: (finding) => (
        <span className="chips">
          <span className="nowrap">{r(finding.decision)}</span>
          {finding.exception === null && finding.vex === null ? null : (
            <StateBadge tone="absent">{finding.vex === null ? r('excepted') : r(finding.vex.status)}</StateBadge>
          )}
        </span>
      ),
    },
    { id: 'package', label: t('package'), cell: (finding) => <span className="nowrap">{finding.package.name}</span> },
    {
      id: 'installed',
      label: t('installed'),
      from: 'medium',
      cell: (finding) => <span className="mono">{finding.package.version}</span>,
    },
    {
      id: 'fixed',
      label: t('fixed'),
      from: 'medium',
      cell: (finding) =>
        finding.fixedVersion === null ? (
          <span className="quiet-text">{t('noFix')}</span>
        ) : (
          <span className="mono">{finding.fixedVersion}</span>
        ),
    },
    { id: 'severity', label: t('severity'), from: 'wide', cell: (finding) => <SeverityBadge finding={finding} /> },
    {
      id: 'title',
      label: '',
      from: 'wide',
      grow: true,
      cell: (finding) => <span className="clip quiet-text">{finding.title}</span>,
    },
  ];
  const riskOptions = RISKS.map((item: Risk) => [item, shell(RISK_WORDS[item])] as const);
  return (
    <Split
      list={
        <>
          <div className="toolbar">
            <FilterBox value={filter} onChange={setFilter} label={t('filterFindings')} />
            <Select
              bare
              label={t('risk')}
              value={risk}
              onPick={setRisk}
              options={[['', t('allRisks')], ...riskOptions]}
            />
            <Select
              bare
              label={t('severity')}
              value={severity}
              onPick={setSeverity}
              options={[['', p('allSeverities')], ...SEVERITIES.map((one) => [one, shell(one)] as const)]}
            />
            <Select
              bare
              label={t('exploited')}
              value={kev}
              onPick={setKev}
              options={[
                ['', p('kevBoth')],
                ['yes', p('kevOnly')],
              ]}
            />
            <Select
              bare
              label={t('layer')}
              value={layer}
              onPick={setLayer}
              options={[
                ['', p('allLayers')],
                ...report.layers.map(
                  ({ digest }, index) => [digest, p('layerNumber', { number: String(index + 1) })] as const,
                ),
              ]}
            />
            <Select
              bare
              label={t('fixed')}
              value={fix}
              onPick={setFix}
              options={[
                ['', t('everyFix')],
                ['yes', t('onlyFixable')],
              ]}
            />
            <Select
              bare
              label={r('decision')}
              value={toDo}
              onPick={setToDo}
              options={[['', r('allDecisions')], ...DECISIONS.map((one) => [one, r(one)] as const)]}
            />
            <Select
              bare
              label={t('package')}
              value={type}
              onPick={setType}
              options={[
                ['', r('allTypes')],
                ...[...new Set(report.findings.map((finding) => finding.package.type))].map(
                  (one) => [one, one] as const,
                ),
              ]}
            />
            <Select
              bare
              label={r('excepted')}
              value={standing}
              onPick={setStanding}
              options={[
                ['', r('allStates')],
                ['new', r('onlyNew')],
                ['excepted', r('onlyExcepted')],
              ]}
            />
            <span className="toolbar-end">{shell('rows', { count: rows.length })}</span>
          </div>
          <Panel flush>
            <Table
              label={t('findings')}
              columns={columns}
              rows={rows}
              keyOf={keyOf}
              selected={selected}
              onSelect={select}
            />
          </Panel>
        </>
      }
      drawer={
        chosen === undefined ? null : (
          <FindingDrawer finding={chosen} where={where} layers={report.layers} onClose={() => select('')} />
        )
      }
    />
  );
}

const SEVERITIES = ['critical', 'high', 'medium', 'low', 'unknown'] as const;
const DECISIONS: readonly ToDo[] = ['act', 'attend', 'track*', 'track'];

function isStanding(finding: Finding, standing: Standing, fresh: ReadonlySet<string>): boolean {
  if (standing === 'new') return fresh.has(keyOf(finding));
  return standing === '' || finding.exception !== null || finding.vex !== null;
}

export function Findings({ project, digest, repository }: Where) {
  const t = useWords(words);
  const scan = useQuery(queries.scan(project, digest));
  return (
    <Loaded query={scan}>
      {(report) => {
        if (report === null) {
          return (
            <Panel>
              <EmptyState title={t('noScanTitle')} command={`darsena image list ${project}`}>
                {t('noScanText')}
              </EmptyState>
            </Panel>
          );
        }
        return (
          <>
            <ScanFacts report={report} />
            {report.findings.length === 0 ? (
              <Panel>
                {report.summary.state === 'unknown' ? (
                  <EmptyState title={t('noDataTitle')} command="darsena advisories update">
                    {t('noDataText')}
                  </EmptyState>
                ) : (
                  <EmptyState title={t('noFindings', { count: report.packages })}>{t('noFindingsText')}</EmptyState>
                )}
              </Panel>
            ) : (
              <FindingTable report={report} where={{ project, digest, repository }} />
            )}
          </>
        );
      }}
    </Loaded>
  );
}
