import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { ImageDetail, Referrer, Signature } from '../api/types.ts';
import { useText, useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { UseChip } from '../shell/parts/signed-use.tsx';
import { Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { inRepository } from './referrers.tsx';
import { words } from './words.ts';

function isShown(signature: Signature, referrers: readonly Referrer[]): boolean {
  const { bundle } = signature;
  if (typeof bundle !== 'string') return false;
  return referrers.some((one) => one.content.includes(bundle) || isShown(signature, one.referrers));
}

/** Signatures that no attached artifact carries: those of other formats, and what could not be read. */
export function OtherSignatures({ project, image }: { project: string; image: ImageDetail }) {
  const t = useWords(words);
  const text = useText();
  const signatures = useQuery(queries.signatures(project, image.digest));
  const columns: readonly Column<Signature>[] = [
    { id: 'kind', label: t('kind'), cell: ({ kind }) => (kind === 'refused' ? '—' : <UseChip use={kind} />) },
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
    <Loaded query={signatures}>
      {({ items }) => {
        const here = inRepository(items, image.repository);
        const others = here.filter((signature) => !isShown(signature, image.referrers));
        if (others.length === 0) return null;
        return (
          <Panel title={t('otherSignatures')} count={others.length} flush>
            <Table
              label={t('otherSignatures')}
              columns={columns}
              rows={others}
              keyOf={(signature) => `${signature.kind}-${signature.signer}-${signature.at}-${signature.bundle ?? ''}`}
            />
          </Panel>
        );
      }}
    </Loaded>
  );
}
