import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { queries } from '../api/queries.ts';
import type { EnvironmentSummary, Project, WorkloadStatus } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useEnvironment } from '../shell/environment.ts';
import { useWords } from '../shell/language.tsx';
import { ToneGlyph } from '../shell/parts/badge.tsx';
import { Button } from '../shell/parts/controls.tsx';
import { Icon } from '../shell/parts/icon.tsx';
import { State } from '../shell/parts/states.tsx';
import { EmptyState, Panel } from '../shell/parts/surface.tsx';
import { Link, outsideAddress } from '../shell/router.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { PromoteDialog, RollBackDialog, TrialDialog, type TrialEnd } from './release-dialogs.tsx';
import { words } from './words.ts';
import { phaseTone, ReadyCount } from './workload-parts.tsx';

export function WorkloadRow({ workload }: { workload: WorkloadStatus }) {
  const tone = phaseTone(workload.phase);
  return (
    <li className={`tone-${tone}`}>
      <ToneGlyph tone={tone} />
      <Link to={addresses.workload(workload.project, workload.environment, workload.name)}>{workload.name}</Link>
      <span className="lane-ready">
        <ReadyCount workload={workload} />
      </span>
      <span className="lane-endpoints">
        {workload.endpoints.map((endpoint) => {
          const to = outsideAddress(endpoint.url);
          return to === null ? null : (
            <a key={endpoint.url} href={to} target="_blank" rel="noreferrer noopener" title={to}>
              <span className="clip">{to.replace(/^https?:\/\//, '')}</span>
              <Icon name="external" size={12} />
            </a>
          );
        })}
      </span>
    </li>
  );
}

function Lane({
  project,
  environment,
  next,
  workloads,
  onPromote,
  onRollBack,
  onTrial,
}: {
  project: string;
  environment: EnvironmentSummary;
  next: EnvironmentSummary | undefined;
  workloads: readonly WorkloadStatus[];
  onPromote: () => void;
  onRollBack: () => void;
  onTrial: (how: TrialEnd) => void;
}) {
  const t = useWords(words);
  const me = useMe();
  const mayChange = hasRole(me, ['admin', 'developer'], project);
  return (
    <Panel className="lane" flush>
      <div className="lane-head">
        <h2>{environment.name}</h2>
        <span className="quiet-text">{t(environment.class)}</span>
        <Link
          className="chip"
          to={`${addresses.project(project, 'policy')}?environment=${encodeURIComponent(environment.name)}`}
        >
          {t('policy', { name: environment.policy })}
        </Link>
      </div>
      <div className="lane-release">
        {environment.release === null ? (
          <span className="quiet-text">{t('noRelease')}</span>
        ) : (
          <>
            <Link to={`${addresses.project(project, 'releases')}?sel=${encodeURIComponent(environment.release.id)}`}>
              {t('release', { number: String(environment.release.number) })}
            </Link>
            <State state={environment.release.state} />
          </>
        )}
      </div>
      {workloads.length === 0 ? (
        <EmptyState
          title={t('noWorkloads')}
          command={
            environment.approvals > 0
              ? `darsena promote ${project} --to ${environment.name}`
              : `darsena deploy . --env ${environment.name}`
          }
        />
      ) : (
        <ul className="lane-workloads">
          {workloads.map((workload) => (
            <WorkloadRow key={workload.name} workload={workload} />
          ))}
        </ul>
      )}
      {environment.release === null || !mayChange ? null : environment.release.state === 'canary' ? (
        <div className="lane-actions">
          <Button onClick={() => onTrial('promote')}>{t('trialPromoteAct')}</Button>
          <Button look="quiet" onClick={() => onTrial('abort')}>
            {t('trialAbortAct')}
          </Button>
        </div>
      ) : (
        <div className="lane-actions">
          {next === undefined ? null : (
            <Button onClick={onPromote}>{t('promoteTo', { environment: next.name })}</Button>
          )}
          <Button look="quiet" onClick={onRollBack}>
            {t('rollBack')}
          </Button>
        </div>
      )}
    </Panel>
  );
}

type Open =
  | { readonly kind: 'promote' | 'roll-back'; readonly index: number }
  | { readonly kind: 'trial'; readonly index: number; readonly how: TrialEnd }
  | null;

/** The environments of a project side by side, in the order an image travels through them. */
export function EnvironmentLanes({ project }: { project: Project }) {
  const [chosen] = useEnvironment();
  const workloads = useQuery(queries.workloads(project.name)).data ?? [];
  const [open, setOpen] = useState<Open>(null);
  const { environments } = project;
  const current = open === null ? undefined : environments[open.index];
  const next = open === null ? undefined : environments[open.index + 1];
  const t = useWords(words);
  if (environments.length === 0) {
    return (
      <Panel>
        <EmptyState title={t('noRelease')} command="darsena deploy FOLDER">
          {t('onlyImagesText')}
        </EmptyState>
      </Panel>
    );
  }
  return (
    <div className="lanes">
      {environments.map((environment, index) =>
        chosen !== '' && chosen !== environment.name ? null : (
          <Lane
            key={environment.name}
            project={project.name}
            environment={environment}
            next={environments[index + 1]}
            workloads={workloads.filter((workload) => workload.environment === environment.name)}
            onPromote={() => setOpen({ kind: 'promote', index })}
            onRollBack={() => setOpen({ kind: 'roll-back', index })}
            onTrial={(how) => setOpen({ kind: 'trial', index, how })}
          />
        ),
      )}
      {open?.kind === 'promote' && current !== undefined && next !== undefined ? (
        <PromoteDialog project={project.name} from={current} to={next} onClose={() => setOpen(null)} />
      ) : null}
      {open?.kind === 'trial' && current !== undefined ? (
        <TrialDialog project={project.name} environment={current} how={open.how} onClose={() => setOpen(null)} />
      ) : null}
      {open?.kind === 'roll-back' && current !== undefined ? (
        <RollBackDialog project={project.name} environment={current.name} onClose={() => setOpen(null)} />
      ) : null}
    </div>
  );
}
