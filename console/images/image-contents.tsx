import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { ImageDetail, Signature } from '../api/types.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { Copyable } from '../shell/parts/controls.tsx';
import { EmptyState, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { words } from './words.ts';

type Layer = ImageDetail['layersList'][number];
type Referrer = ImageDetail['referrers'][number];

export function LayerList({ image }: { image: ImageDetail }) {
  const t = useWords(words);
  const formats = useFormats();
  const largest = Math.max(1, ...image.layersList.map((layer) => layer.sizeBytes));
  const layers: readonly Column<Layer>[] = [
    {
      id: 'by',
      label: t('createdBy'),
      grow: true,
      cell: (layer) => <code title={layer.createdBy ?? ''}>{layer.createdBy ?? '—'}</code>,
    },
    {
      id: 'digest',
      label: t('layer'),
      from: 'medium',
      cell: (layer) => <Copyable value={layer.digest}>{shortDigest(layer.digest)}</Copyable>,
    },
    {
      id: 'share',
      label: '',
      from: 'wide',
      cell: (layer) => (
        <span className="size-bar" aria-hidden="true">
          <span style={{ inlineSize: `${(layer.sizeBytes / largest) * 100}%` }} />
        </span>
      ),
    },
    {
      id: 'size',
      label: t('layerSize'),
      align: 'end',
      cell: (layer) => <span className="nowrap">{formats.bytes(layer.sizeBytes)}</span>,
    },
  ];
  const referrers: readonly Column<Referrer>[] = [
    {
      id: 'type',
      label: t('artifact'),
      grow: true,
      cell: (referrer) => <span className="mono">{referrer.artifactType ?? referrer.mediaType ?? '—'}</span>,
    },
    {
      id: 'digest',
      label: t('digest'),
      from: 'medium',
      cell: (referrer) => <Copyable value={referrer.digest}>{shortDigest(referrer.digest)}</Copyable>,
    },
    {
      id: 'size',
      label: t('layerSize'),
      align: 'end',
      cell: (referrer) => <span className="nowrap">{formats.bytes(referrer.sizeBytes)}</span>,
    },
    { id: 'when', label: t('when'), align: 'end', from: 'wide', cell: (referrer) => <When at={referrer.createdAt} /> },
  ];
  return (
    <div className="stack">
      <Panel title={t('layers')} count={image.layersList.length} flush>
        <Table label={t('layers')} columns={layers} rows={image.layersList} keyOf={(layer) => layer.digest} />
      </Panel>
      <Panel title={t('attached')} count={image.referrers.length} flush>
        <Table label={t('attached')} columns={referrers} rows={image.referrers} keyOf={(referrer) => referrer.digest} />
      </Panel>
    </div>
  );
}

const USE_WORDS = {
  image: 'useImage',
  provenance: 'useProvenance',
  sbom: 'useSbom',
  scan: 'useScan',
  verdict: 'useVerdict',
  approval: 'useApproval',
} as const;

/** What a signature speaks for: the image itself or a statement about it. */
export function SignedUse({ use }: { use: string }) {
  const t = useWords(words);
  const known = Object.entries(USE_WORDS).find(([name]) => name === use)?.[1];
  return <Chip>{known === undefined ? use : t(known)}</Chip>;
}

export function SignatureList({ project, digest }: { project: string; digest: string }) {
  const t = useWords(words);
  const text = useText();
  const signatures = useQuery(queries.signatures(project, digest));
  const columns: readonly Column<Signature>[] = [
    { id: 'kind', label: t('kind'), cell: (signature) => <SignedUse use={signature.kind} /> },
    { id: 'signer', label: t('signer'), cell: (signature) => <span className="mono">{signature.signer}</span> },
    {
      id: 'result',
      label: t('result'),
      cell: (signature) => (
        <span className="chips">
          <StateBadge tone={signature.verified ? 'ok' : 'bad'}>
            {signature.verified ? t('verified') : t('notVerified')}
          </StateBadge>
          {signature.reason === null ? null : <span>{text(signature.reason)}</span>}
        </span>
      ),
    },
    {
      id: 'when',
      label: t('when'),
      align: 'end',
      from: 'medium',
      cell: (signature) => (signature.at === null ? '—' : <When at={signature.at} />),
    },
  ];
  return (
    <Panel flush>
      <Loaded query={signatures}>
        {(items) => (
          <Table
            label={t('signatures')}
            columns={columns}
            rows={items}
            keyOf={(signature) => `${signature.kind}-${signature.signer}-${signature.at}`}
            empty={
              <EmptyState title={t('unsignedTitle')} command={`darsena trust verify ${project}@${shortDigest(digest)}`}>
                {t('unsignedText')}
              </EmptyState>
            }
          />
        )}
      </Loaded>
    </Panel>
  );
}
