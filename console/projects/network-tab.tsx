import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Json, NetworkFlow, Project } from '../api/types.ts';
import { useEnvironment } from '../shell/environment.ts';
import { useFormats } from '../shell/format.ts';
import { useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { Button, CommandLine, FilterBox, Select, TextArea } from '../shell/parts/controls.tsx';
import { Dialog, EmptyState, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, matchesFilter, Table } from '../shell/parts/table.tsx';
import { useSearchParam } from '../shell/router.tsx';
import { words as shellWords } from '../shell/words.ts';
import { PoliciesPanel, PublishedPanel, RequestsPanel } from './network-edge.tsx';
import { outcomeOf } from './network-layout.ts';
import { NetworkMap } from './network-map.tsx';
import { networkWords } from './network-words.ts';
import { toYaml } from './yaml.ts';

function peerName({ project, environment, peer }: NetworkFlow): string {
  if (peer.kind === 'address') return peer.address;
  if (peer.project === project && peer.environment === environment) return peer.name;
  return `${peer.project}/${peer.environment}/${peer.name}`;
}

const TONES = { allowed: 'ok', unanswered: 'warn', refused: 'bad' } as const;

function Peer({ flow }: { flow: NetworkFlow }) {
  const t = useWords(networkWords);
  return (
    <>
      {t(flow.direction === 'in' ? 'from' : 'to')} <span className="mono">{peerName(flow)}</span>
      <span className="quiet-text">
        {' '}
        {flow.port}/{flow.protocol}
      </span>
    </>
  );
}

function keyOf(flow: NetworkFlow): string {
  const { environment, workload, direction, peer, protocol, port } = flow;
  return JSON.stringify([environment, workload, direction, outcomeOf(flow), peer, protocol, port]);
}

function Proposal({ project, environment, onClose }: { project: string; environment: string; onClose: () => void }) {
  const t = useWords(networkWords);
  const shell = useWords(shellWords);
  const proposal = useQuery({
    queryKey: ['flows', project, environment, 'proposal'],
    queryFn: () =>
      api.get<{ items: readonly Json[] }>(
        apiPath(['projects', project, 'environments', environment, 'network-policies', 'proposal']),
      ),
  });
  const [copied, setCopied] = useState(false);
  return (
    <Dialog wide title={t('proposeFor', { environment })} onClose={onClose}>
      <div className="dialog-body">
        <Loaded query={proposal}>
          {({ items }) => {
            if (items.length === 0) return <p>{t('noProposal', { environment })}</p>;
            const text = items.map((item) => toYaml(item)).join('---\n');
            return (
              <>
                <p>{t('proposeText')}</p>
                <TextArea label={t('manifests')} readOnly rows={18} className="mono" value={text} />
                <p className="quiet-text">{t('proposeNext')}</p>
                <CommandLine command={`darsena network propose ${project} --environment ${environment}`} />
                <div className="dialog-actions">
                  <Button
                    icon={copied ? 'check' : 'copy'}
                    onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
                  >
                    {shell(copied ? 'copied' : 'copy')}
                  </Button>
                  <Button
                    look="primary"
                    icon="download"
                    onClick={() => save(`network-policies-${environment}.yaml`, text)}
                  >
                    {t('saveFile')}
                  </Button>
                </div>
              </>
            );
          }}
        </Loaded>
      </div>
    </Dialog>
  );
}

function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/yaml' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** Who talked to whom in a project: a drawing, the same as a table, and the policies that follow from it. */
export function NetworkTab({ project }: { project: Project }) {
  const t = useWords(networkWords);
  const shell = useWords(shellWords);
  const formats = useFormats();
  const flows = useQuery(queries.flows(project.name));
  const [environment] = useEnvironment();
  const [filter, setFilter] = useSearchParam('q');
  const [which, setWhich] = useSearchParam('which');
  const [proposing, setProposing] = useState('');
  const columns: readonly Column<NetworkFlow>[] = [
    { id: 'environment', label: t('environment'), from: 'medium', cell: (flow) => <Chip>{flow.environment}</Chip> },
    { id: 'workload', label: t('workload'), cell: (flow) => flow.workload },
    { id: 'peer', label: t('peer'), grow: true, cell: (flow) => <Peer flow={flow} /> },
    {
      id: 'connections',
      label: t('connections'),
      align: 'end',
      from: 'medium',
      cell: (flow) => formats.number(flow.connections),
    },
    {
      id: 'answer',
      label: t('answer'),
      cell: (flow) => <StateBadge tone={TONES[outcomeOf(flow)]}>{t(outcomeOf(flow))}</StateBadge>,
    },
    { id: 'last', label: t('last'), from: 'wide', cell: (flow) => <When at={flow.lastAt} /> },
  ];
  return (
    <>
      <PublishedPanel project={project} />
      <PoliciesPanel project={project} />
      <Loaded query={flows}>
        {(all) => {
          if (all.length === 0) {
            return (
              <Panel>
                <EmptyState title={t('noFlows')} command={`darsena network flows ${project.name}`}>
                  {t('noFlowsText')}
                </EmptyState>
              </Panel>
            );
          }
          const rows = all.filter(
            (flow) =>
              (environment === '' || flow.environment === environment) &&
              (which !== 'refused' || outcomeOf(flow) !== 'allowed') &&
              matchesFilter(filter, [
                flow.workload,
                flow.environment,
                peerName(flow),
                String(flow.port),
                flow.protocol,
              ]),
          );
          const proposals = project.environments.filter(({ name }) => environment === '' || name === environment);
          return (
            <>
              <div className="toolbar">
                <FilterBox value={filter} onChange={setFilter} label={shell('filter')} />
                <Select
                  bare
                  label={t('show')}
                  value={which}
                  onPick={setWhich}
                  options={[
                    ['', t('all')],
                    ['refused', t('onlyRefused')],
                  ]}
                />
                <span className="toolbar-end">{shell('rows', { count: rows.length })}</span>
              </div>
              <Panel
                title={t('map')}
                actions={proposals.map(({ name }) => (
                  <Button key={name} onClick={() => setProposing(name)}>
                    {t('propose')} · {name}
                  </Button>
                ))}
              >
                <NetworkMap flows={rows} />
              </Panel>
              <Panel title={t('ways')} flush>
                <Table label={t('ways')} columns={columns} rows={rows} keyOf={keyOf} />
              </Panel>
              {proposing === '' ? null : (
                <Proposal project={project.name} environment={proposing} onClose={() => setProposing('')} />
              )}
            </>
          );
        }}
      </Loaded>
      <RequestsPanel project={project} />
    </>
  );
}
