import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { ImageDetail } from '../api/types.ts';
import { addresses } from '../shell/addresses.ts';
import { useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { Chip } from '../shell/parts/badge.tsx';
import { Ribbon } from '../shell/parts/ribbon.tsx';
import { State } from '../shell/parts/states.tsx';
import { EmptyState, Facts, Loaded, PageHead, Panel, Tabs, When } from '../shell/parts/surface.tsx';
import { useParams, useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { AdvisoryAge } from './advisory-age.tsx';
import { Changes } from './changes.tsx';
import { Downloads } from './downloads.tsx';
import { Findings } from './findings.tsx';
import './images.css';
import { ImageVerdicts } from './image-verdicts.tsx';
import { LayerList } from './layers.tsx';
import { Packages } from './packages.tsx';
import { Pulls } from './pulls.tsx';
import { ReferrerTree } from './referrers.tsx';
import { reportWords } from './report-words.ts';
import { ExceptionsPanel, PlanPanel, ProblemsPanel } from './risk-tabs.tsx';
import { riskWords } from './risk-words.ts';
import { OtherSignatures } from './signatures.tsx';
import { words } from './words.ts';

function Configuration({ image }: { image: ImageDetail }) {
  const t = useWords(words);
  const { config } = image;
  if (config === null) return null;
  const argv = (values: readonly string[] | null) =>
    values === null || values.length === 0 ? <span className="quiet-text">—</span> : <code>{values.join(' ')}</code>;
  return (
    <Panel title={t('configuration')}>
      <Facts
        items={[
          [t('created'), <When key="c" at={config.created} />],
          [t('architecture'), config.architecture ?? '—'],
          [t('user'), config.user === null || config.user === '' ? t('rootUser') : config.user],
          [t('entrypoint'), argv(config.entrypoint)],
          [t('command'), argv(config.cmd)],
          [
            t('variables'),
            <span key="e" className="chips">
              {config.env.map((name) => (
                <Chip key={name} mono>
                  {name}
                </Chip>
              ))}
            </span>,
          ],
        ]}
      />
    </Panel>
  );
}

function ReportPart({
  project,
  digest,
  part,
}: {
  project: string;
  digest: string;
  part: 'plan' | 'problems' | 'packages';
}) {
  const t = useWords(words);
  const scan = useQuery(queries.scan(project, digest));
  return (
    <Loaded query={scan}>
      {(report) => {
        if (report === null) return <EmptyState title={t('noScanTitle')}>{t('noScanText')}</EmptyState>;
        if (part === 'packages') return <Packages project={project} digest={digest} report={report} />;
        return part === 'plan' ? <PlanPanel report={report} /> : <ProblemsPanel report={report} />;
      }}
    </Loaded>
  );
}

export default function ImagePage() {
  const t = useWords(words);
  const r = useWords(riskWords);
  const p = useWords(reportWords);
  const shell = useWords(shellWords);
  const formats = useFormats();
  const { project, digest } = useParams<'project' | 'digest'>();
  const [tab] = useSearchParam('tab');
  const image = useQuery(queries.image(project, digest));
  const here = addresses.image(project, digest);
  const current = tab === '' ? 'findings' : tab;
  const name = image.data?.repository ?? digest;
  return (
    <div className="page">
      <PageHead
        title={name}
        path={[
          [shell('projects'), addresses.projects()],
          [project, addresses.project(project)],
          [shell('images'), addresses.images(project)],
        ]}
        badges={
          image.data === undefined ? null : (
            <>
              {image.data.tags.map((tag) => (
                <Chip key={tag} mono>
                  {tag}
                </Chip>
              ))}
              <State state={image.data.quarantine} />
              <span className="quiet-text">{formats.bytes(image.data.sizeBytes)}</span>
              <AdvisoryAge />
            </>
          )
        }
        actions={<Downloads project={project} digest={digest} />}
      />
      <Loaded query={image}>
        {(data) => (
          <>
            <Ribbon digest={data.digest} stations={data.thread} />
            <Tabs
              label={name}
              current={current}
              items={[
                { id: 'findings', label: t('findings'), to: `${here}?tab=findings` },
                { id: 'plan', label: r('plan'), to: `${here}?tab=plan` },
                { id: 'packages', label: p('packages'), to: `${here}?tab=packages` },
                { id: 'changes', label: p('changes'), to: `${here}?tab=changes` },
                { id: 'problems', label: r('problems'), to: `${here}?tab=problems` },
                { id: 'exceptions', label: r('exceptions'), to: `${here}?tab=exceptions` },
                { id: 'verdicts', label: t('verdicts'), to: `${here}?tab=verdicts` },
                { id: 'signatures', label: t('signatures'), to: `${here}?tab=signatures` },
                { id: 'layers', label: t('layers'), to: `${here}?tab=layers` },
                { id: 'pulls', label: t('pulls'), to: `${here}?tab=pulls` },
              ]}
            />
            {current === 'findings' ? (
              <Findings project={project} digest={digest} repository={data.repository} />
            ) : null}
            {current === 'changes' ? <Changes project={project} digest={digest} /> : null}
            {current === 'plan' || current === 'problems' || current === 'packages' ? (
              <ReportPart project={project} digest={digest} part={current} />
            ) : null}
            {current === 'exceptions' ? (
              <ExceptionsPanel project={project} digest={digest} repository={data.repository} />
            ) : null}
            {current === 'verdicts' ? <ImageVerdicts project={project} image={data} /> : null}
            {current === 'signatures' ? (
              <div className="stack">
                <ReferrerTree project={project} image={data} />
                <OtherSignatures project={project} image={data} />
              </div>
            ) : null}
            {current === 'pulls' ? <Pulls project={project} repository={data.repository} digest={digest} /> : null}
            {current === 'layers' ? (
              <div className="columns main-side">
                <LayerList project={project} image={data} />
                <Configuration image={data} />
              </div>
            ) : null}
          </>
        )}
      </Loaded>
    </div>
  );
}
