import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { Signature } from '../api/types.ts';
import { shortDigest } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { EmptyState, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { words } from './words.ts';

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
