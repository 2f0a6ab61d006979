import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { queries } from '../api/queries.ts';
import { addresses } from '../shell/addresses.ts';
import { useWords } from '../shell/language.tsx';
import { Loaded, PageHead, Tabs } from '../shell/parts/surface.tsx';
import { useParams, useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { AccessList } from './access-list.tsx';
import { compareWords } from './compare-words.ts';
import { EnvironmentLanes } from './environment-lanes.tsx';
import { NetworkTab } from './network-tab.tsx';
import { networkWords } from './network-words.ts';
import './projects.css';
import { environmentPolicyWords } from './policy-words.ts';
import { PromotionList } from './promotion-list.tsx';
import { ReleaseList } from './release-list.tsx';
import { volumeWords } from './volume-words.ts';
import { VolumesTab } from './volumes-tab.tsx';
import { words } from './words.ts';
import { WorkloadList } from './workload-list.tsx';

const AssuranceTab = lazy(() => import('./assurance-tab.tsx'));
const CompareTab = lazy(() => import('./compare-tab.tsx'));
const PolicyTab = lazy(() => import('./policy-tab.tsx'));

export default function ProjectPage() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const network = useWords(networkWords);
  const volumes = useWords(volumeWords);
  const compare = useWords(compareWords);
  const policy = useWords(environmentPolicyWords);
  const { project: name, tab: path = 'environments' } = useParams<'project' | 'tab'>();
  // A task of the overview points straight at its promotion.
  const [pointed] = useSearchParam('promotion');
  const tab = pointed === '' ? path : 'promotions';
  const project = useQuery(queries.project(name));
  const promotions = useQuery(queries.promotions(name)).data ?? [];
  const waiting = promotions.filter((promotion) => promotion.state === 'awaiting-approval').length;
  return (
    <div className="page">
      <PageHead title={name} path={[[shell('projects'), addresses.projects()]]} />
      <Tabs
        label={name}
        current={tab}
        items={[
          { id: 'environments', label: t('environments'), to: addresses.project(name) },
          { id: 'workloads', label: t('workloads'), to: addresses.project(name, 'workloads') },
          { id: 'releases', label: t('releases'), to: addresses.project(name, 'releases') },
          { id: 'promotions', label: t('promotions'), to: addresses.project(name, 'promotions'), count: waiting },
          { id: 'compare', label: compare('compare'), to: addresses.project(name, 'compare') },
          { id: 'images', label: t('images'), to: addresses.images(name) },
          { id: 'volumes', label: volumes('volumes'), to: addresses.project(name, 'volumes') },
          { id: 'network', label: network('network'), to: addresses.project(name, 'network') },
          { id: 'assurance', label: t('assurance'), to: addresses.project(name, 'assurance') },
          { id: 'policy', label: policy('tab'), to: addresses.project(name, 'policy') },
          { id: 'access', label: t('access'), to: addresses.project(name, 'access') },
        ]}
      />
      <Loaded query={project}>
        {(data) => {
          if (tab === 'workloads') return <WorkloadList project={name} />;
          if (tab === 'releases') return <ReleaseList project={data} />;
          if (tab === 'volumes') return <VolumesTab project={name} />;
          if (tab === 'network') return <NetworkTab project={data} />;
          if (tab === 'access') return <AccessList project={name} />;
          if (tab === 'assurance')
            return (
              <Suspense fallback={null}>
                <AssuranceTab project={name} />
              </Suspense>
            );
          if (tab === 'policy')
            return (
              <Suspense fallback={null}>
                <PolicyTab project={data} />
              </Suspense>
            );
          if (tab === 'compare')
            return (
              <Suspense fallback={null}>
                <CompareTab project={data} />
              </Suspense>
            );
          if (tab === 'promotions') return <PromotionList project={name} />;
          return <EnvironmentLanes project={data} />;
        }}
      </Loaded>
    </div>
  );
}
