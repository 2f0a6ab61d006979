import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { ImageDetail, Referrer, Signature, SignatureDemand } from '../api/types.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { Copyable } from '../shell/parts/controls.tsx';
import { UseChip } from '../shell/parts/signed-use.tsx';
import { EmptyState, Loaded, Panel, When } from '../shell/parts/surface.tsx';
import { contentWords } from './content-words.ts';

type ArtifactWord = keyof typeof contentWords.en;

/** What an attached artifact is, by what it states (in-toto predicate) and else by its media type. */
const PREDICATES: readonly (readonly [RegExp, ArtifactWord])[] = [
  [/cosign\/sign\//, 'artifactSignature'],
  [/slsa\.dev\/provenance/, 'artifactProvenance'],
  [/cyclonedx|spdx/i, 'artifactSbom'],
  [/scan|vuln/i, 'artifactScan'],
  [/approval/i, 'artifactApproval'],
  [/verdict|vsa|verification/i, 'artifactVerdict'],
  [/notary\.signature|notation/i, 'artifactSignature'],
  [/cosign\.simplesigning|sigstore/i, 'artifactSignature'],
  [/exceptions/i, 'artifactExceptions'],
  [/openvex/i, 'artifactVex'],
  [/in-toto|dsse/i, 'artifactAttestation'],
];

const PREDICATE_KEY = /predicatetype$/i;

/** Our registry's name in what is signed. */
const REGISTRY = 'registry.darsena.internal';

/** Of what is known about a digest, the part about one repository, and not about `tienda/tienda/web` for `tienda/web`. */
export function inRepository<T extends { readonly repository: string }>(
  all: readonly T[],
  repository: string,
): readonly T[] {
  return all.filter((one) => one.repository === repository || one.repository === `${REGISTRY}/${repository}`);
}

function predicateOf(referrer: Referrer): string | null {
  return Object.entries(referrer.annotations).find(([name]) => PREDICATE_KEY.test(name))?.[1] ?? null;
}

function artifactWord(referrer: Referrer): ArtifactWord | null {
  const texts = [predicateOf(referrer), referrer.artifactType, referrer.mediaType];
  for (const text of texts) {
    const found = text === null ? undefined : PREDICATES.find(([pattern]) => pattern.test(text))?.[1];
    if (found !== undefined) return found;
  }
  return null;
}

/** Whether an artifact is a signed statement that the platform has judged, and what it said. */
function verdictOn(referrer: Referrer, signatures: readonly Signature[]): Signature | null {
  return signatures.find(({ bundle }) => typeof bundle === 'string' && referrer.content.includes(bundle)) ?? null;
}

function TrustMark({ signature }: { signature: Signature }) {
  const t = useWords(contentWords);
  const text = useText();
  return (
    <span className="chips">
      <StateBadge tone={signature.verified ? 'ok' : 'bad'}>
        {signature.verified ? t('trusted') : t('notTrusted')}
      </StateBadge>
      {signature.signer === '' ? null : <span className="mono">{signature.signer}</span>}
      {signature.reason === null ? null : <span>{text(signature.reason)}</span>}
    </span>
  );
}

function Node({ referrer, signatures }: { referrer: Referrer; signatures: readonly Signature[] }) {
  const t = useWords(contentWords);
  const formats = useFormats();
  const word = artifactWord(referrer);
  const signature = verdictOn(referrer, signatures);
  const type = referrer.artifactType ?? referrer.mediaType;
  return (
    <li>
      <div className="referrer">
        <span className="referrer-name" title={predicateOf(referrer) ?? type}>
          <strong>{word === null ? t('artifactOther') : t(word)}</strong>
          {word === null ? <Chip mono>{type}</Chip> : null}
        </span>
        {signature === null ? null : <TrustMark signature={signature} />}
        <span className="referrer-facts">
          <Copyable value={referrer.digest}>{shortDigest(referrer.digest)}</Copyable>
          <span>{formats.bytes(referrer.sizeBytes)}</span>
          {referrer.createdAt === null ? null : <When at={referrer.createdAt} />}
        </span>
      </div>
      {referrer.referrers.length === 0 ? null : <Nodes referrers={referrer.referrers} signatures={signatures} />}
    </li>
  );
}

function Nodes({ referrers, signatures }: { referrers: readonly Referrer[]; signatures: readonly Signature[] }) {
  return (
    <ul className="referrers">
      {referrers.map((referrer) => (
        <Node key={referrer.digest} referrer={referrer} signatures={signatures} />
      ))}
    </ul>
  );
}

/** What the trust policy asks for here, and who has signed. */
function DemandList({ demands }: { demands: readonly SignatureDemand[] }) {
  const t = useWords(contentWords);
  // Provenance that nobody asked for by name and that is not there is no lack.
  const told = demands.filter(({ use, needed, met }) => use !== 'provenance' || needed || met);
  if (told.length === 0) return null;
  return (
    <Panel title={t('demands')}>
      <ul className="conditions">
        {told.map((demand) => (
          <li key={`${demand.repository} ${demand.use}`}>
            <StateBadge tone={demand.met ? 'ok' : 'bad'}>{demand.met ? t('met') : t('notMet')}</StateBadge>
            <UseChip use={demand.use} />
            <span>
              {demand.of === null
                ? t('demandAny', { count: demand.count })
                : t('demandOf', { count: demand.count, names: demand.of.join(', ') })}
            </span>
            <span className="quiet-text">
              {demand.signers.length === 0 ? t('signedByNobody') : t('signedBy', { names: demand.signers.join(', ') })}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

/** Digests are all an image has for a name here: what hangs on it, what hangs on that, and who stands behind it. */
export function ReferrerTree({ project, image }: { project: string; image: ImageDetail }) {
  const t = useWords(contentWords);
  const signatures = useQuery(queries.signatures(project, image.digest));
  return (
    <>
      <DemandList demands={inRepository(signatures.data?.demands ?? [], image.repository)} />
      <Panel title={t('attached')} count={image.referrers.length}>
        <Loaded query={signatures}>
          {({ items: known }) =>
            image.referrers.length === 0 ? (
              <EmptyState
                title={t('nothingAttached')}
                command={`darsena sign ${image.repository}@${image.digest} --key FILE`}
              >
                {t('nothingAttachedText')}
              </EmptyState>
            ) : (
              <Nodes referrers={image.referrers} signatures={inRepository(known, image.repository)} />
            )
          }
        </Loaded>
      </Panel>
    </>
  );
}
