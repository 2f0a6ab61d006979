import { useWords } from '../shell/language.tsx';
import { PageHead } from '../shell/parts/surface.tsx';
import { AdvisoryAge } from './advisory-age.tsx';
import { ByProject } from './by-project.tsx';
import { ImagesTabs } from './images-tabs.tsx';
import './images.css';
import { reportWords } from './report-words.ts';
import { ExceptionsPanel } from './risk-tabs.tsx';
import { VexPanel } from './vex.tsx';

/** What people have decided about findings of a project: exceptions, and statements that they believe. */
export default function DecisionsPage() {
  const t = useWords(reportWords);
  return (
    <div className="page">
      <PageHead title={t('decisionsTab')} badges={<AdvisoryAge />} />
      <ImagesTabs current="decisions" />
      <ByProject>
        {(project) => (
          <>
            <ExceptionsPanel project={project} />
            <VexPanel project={project} />
          </>
        )}
      </ByProject>
    </div>
  );
}
