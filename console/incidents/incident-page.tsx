import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { queries } from '../api/queries.ts';
import type { Alert, Incident, IncidentDetail } from '../api/types.ts';
import { conditionOf, TuneDialog } from '../rules/tune-dialog.tsx';
import { addresses } from '../shell/addresses.ts';
import { harmless } from '../shell/harmless.ts';
import { useKeys } from '../shell/keys.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { Icon } from '../shell/parts/icon.tsx';
import { PriorityBadge } from '../shell/parts/states.tsx';
import { Facts, Loaded, PageHead, Panel, When } from '../shell/parts/surface.tsx';
import { ImageThread } from '../shell/parts/thread.tsx';
import { Link, useNavigate, useParams } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { CasePanels } from './casework.tsx';
import { IncidentState } from './incident-state.tsx';
import { IncidentTimeline } from './incident-timeline.tsx';
import './incidents.css';
import { EvidencePanel, Measures } from './measures.tsx';
import { PlaybookPanel } from './playbooks.tsx';
import { ProcessTree } from './process-tree.tsx';
import { placeOf } from './queries.ts';
import { Respond } from './respond.tsx';
import { AwaitingPanel, TakenPanel } from './taken.tsx';
import { words } from './words.ts';

function AlertItem({ alert, incident }: { alert: Alert; incident: IncidentDetail }) {
  const t = useWords(words);
  const { project, environment, workload } = incident;
  const mayTune = hasRole(useMe(), ['admin', 'analyst'], project ?? '*');
  const [tuning, setTuning] = useState(false);
  return (
    <details className="alert">
      <summary>
        <Icon name="chevron" size={12} />
        <PriorityBadge priority={alert.priority} />
        <span className="alert-rule">{alert.title}</span>
        <When at={alert.at} />
        {/* Many alerts of one rule are told apart by what they say. */}
        <span className="alert-brief mono">{harmless(alert.output)}</span>
      </summary>
      <div className="alert-body">
        <p className="mono alert-output">{harmless(alert.output)}</p>
        {alert.truncated ? <p className="tone-warn">{t('truncated')}</p> : null}
        <p>
          <Link to={addresses.rule(alert.rule)}>{t('openRule')}</Link>{' '}
          {mayTune ? <Button onClick={() => setTuning(true)}>{t('except')}</Button> : null}
        </p>
        {tuning ? (
          <TuneDialog
            rule={alert.rule}
            start={{
              condition: conditionOf(alert.process?.exe ?? ''),
              ...{ project: project ?? '', environment: environment ?? '', workload: workload ?? '' },
            }}
            onClose={() => setTuning(false)}
          />
        ) : null}
        {alert.process === null ? null : (
          <Facts
            items={[
              [t('process'), <code key="c">{harmless(alert.process.cmdline)}</code>],
              [t('executable'), <code key="e">{harmless(alert.process.exe)}</code>],
              [t('directory'), <code key="d">{harmless(alert.process.cwd)}</code>],
              [t('user'), String(alert.process.uid)],
              [
                t('ancestors'),
                alert.ancestors.map((ancestor) => `${harmless(ancestor.name)} (${ancestor.pid})`).join(' ← '),
              ],
            ]}
          />
        )}
        <p className="chips">
          {alert.tags.map((tag) => (
            <Chip key={tag}>{tag}</Chip>
          ))}
        </p>
        <table className="fields" aria-label={t('fields')}>
          <tbody>
            {Object.entries(alert.outputFields).map(([name, value]) => (
              <tr key={name}>
                <th scope="row" className="mono">
                  {name}
                </th>
                <td className="mono">{harmless(typeof value === 'string' ? value : JSON.stringify(value))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function IncidentBody({ incident }: { incident: IncidentDetail }) {
  const t = useWords(words);
  return (
    <>
      {incident.digest === null || incident.project === null ? null : (
        <ImageThread project={incident.project} digest={incident.digest} />
      )}
      <div className="columns">
        <div className="stack">
          <Panel title={t('timeline')}>
            <IncidentTimeline entries={incident.timeline} />
          </Panel>
        </div>
        <div className="stack">
          <AwaitingPanel incident={incident} />
          <Measures incident={incident} />
          <PlaybookPanel incident={incident} />
          <CasePanels incident={incident} />
          <Panel title={t('processes')}>
            <ProcessTree nodes={incident.processTree} />
          </Panel>
          <Panel title={t('alerts')} count={incident.alertsList.length} flush>
            {incident.alertsList.map((alert) => (
              <AlertItem key={alert.id} alert={alert} incident={incident} />
            ))}
          </Panel>
          <TakenPanel incident={incident} />
          <EvidencePanel incident={incident} />
        </div>
      </div>
    </>
  );
}

/** The open incidents beside this one in the queue, which comes newest first; `n` and `b` go there. */
function Neighbours({ number }: { number: number }) {
  const t = useWords(words);
  const navigate = useNavigate();
  const open = (useQuery(queries.incidents()).data ?? []).filter(({ state }) => state !== 'closed');
  const older = open.filter((one) => one.number < number).sort((a, b) => b.number - a.number)[0];
  const newer = open.filter((one) => one.number > number).sort((a, b) => a.number - b.number)[0];
  const go = (to: Incident | undefined) => {
    if (to !== undefined) navigate(addresses.incident(to.number));
  };
  useKeys({ n: () => go(older), b: () => go(newer) });
  if (older === undefined && newer === undefined) return null;
  return (
    <span className="neighbours">
      {newer === undefined ? null : (
        <Link to={addresses.incident(newer.number)} title={newer.title} aria-keyshortcuts="b">
          {t('previousIncident')} <kbd>b</kbd>
        </Link>
      )}
      {older === undefined ? null : (
        <Link to={addresses.incident(older.number)} title={older.title} aria-keyshortcuts="n">
          {t('nextIncident')} <kbd>n</kbd>
        </Link>
      )}
    </span>
  );
}

export default function IncidentPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const { number } = useParams<'number'>();
  const incident = useQuery(queries.incident(number));
  const data = incident.data;
  return (
    <div className="page">
      <PageHead
        title={data === undefined ? t('incident', { number }) : `${t('incident', { number })}: ${data.title}`}
        path={[
          [shell('activity'), addresses.incidents()],
          [t('incidents'), `${addresses.incidents()}?state=active`],
        ]}
        badges={
          data === undefined ? null : (
            <>
              <PriorityBadge priority={data.priority} />
              <IncidentState incident={data} />
            </>
          )
        }
        actions={data === undefined ? undefined : <Respond key={data.number} incident={data} />}
      >
        {data === undefined ? null : (
          <p className="page-sub">
            {data.project === null || data.workload === null || data.environment === null ? (
              <span className="mono">{placeOf(data)}</span>
            ) : (
              <Link to={addresses.workload(data.project, data.environment, data.workload)}>
                {data.project}/{data.workload}
              </Link>
            )}
            {data.environment === null ? null : <Chip>{data.environment}</Chip>}
            {data.pod === null ? null : (
              <span className="mono">
                {data.pod}/{data.container}
              </span>
            )}
            {data.containerGone === true ? (
              <span>{t(data.state === 'contained' ? 'containerGoneContained' : 'containerGoneText')}</span>
            ) : null}
            <span>
              {t('opened')} <When at={data.openedAt} />
            </span>
            <Neighbours number={data.number} />
            <span>
              {t('owner')}: {data.owner === null ? t('nobody') : <Actor actor={data.owner} />}
            </span>
          </p>
        )}
      </PageHead>
      {/* What is half written about one incident is not sent about the next. */}
      <Loaded query={incident}>{(loaded) => <IncidentBody key={loaded.number} incident={loaded} />}</Loaded>
    </div>
  );
}
